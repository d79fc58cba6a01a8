import { beforeEach, describe, expect, test } from 'vitest';
import { Psr } from '../../src/arm/cpu-state.ts';
import { Mode } from '../../src/arm/modes.ts';
import { StateSlot } from '../../src/arm/state.ts';
import { Sctlr } from '../../src/arm/system-registers.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM, RAM_BYTES, VECTORS } from './bench.ts';

const HIGH_VECTORS = 0xffff0000;
const UNMAPPED = RAM + RAM_BYTES + 0x1000;
const FLAGS = 0xa000_0000;

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

/** Puts the CPU into a mode with flags N and C, Q and GE set and interrupts on, at CODE. */
function prepare(mode: number, thumb: boolean): number {
  const cpsr = FLAGS | Psr.Q | (5 << 16) | mode | (thumb ? Psr.T : 0);
  bench.cpu.state.cpsr = cpsr;
  bench.jump(CODE | (thumb ? 1 : 0));
  return cpsr >>> 0;
}

interface Entry {
  readonly name: string;
  readonly vector: number;
  readonly mode: number;
  /** LR minus the address of the instruction that the exception interrupts, in A32 and T32 (Table B1-7). */
  readonly arm: number;
  readonly thumb: number;
  readonly code: readonly number[];
  readonly thumbCode: readonly number[];
  readonly masks: number;
}

const SYNCHRONOUS: readonly Entry[] = [
  {
    name: 'Undefined Instruction',
    vector: 0x04,
    mode: Mode.Undefined,
    arm: 4,
    thumb: 2,
    code: [a.UDF],
    thumbCode: [a.T_UDF],
    masks: Psr.I,
  },
  {
    name: 'Supervisor Call',
    vector: 0x08,
    mode: Mode.Supervisor,
    arm: 4,
    thumb: 2,
    code: [a.svc(1)],
    thumbCode: [a.tSvc(1)],
    masks: Psr.I,
  },
  {
    name: 'Prefetch Abort by BKPT',
    vector: 0x0c,
    mode: Mode.Abort,
    arm: 4,
    thumb: 4,
    code: [a.bkpt(1)],
    thumbCode: [a.tBkpt(1)],
    masks: Psr.I | Psr.A,
  },
  {
    name: 'Data Abort',
    vector: 0x10,
    mode: Mode.Abort,
    arm: 8,
    thumb: 8,
    code: [a.ldr(0, 1)],
    thumbCode: [a.tLdr(0, 1)],
    masks: Psr.I | Psr.A,
  },
];

describe('an exception saves the CPSR and the return address of Table B1-7, and enters its mode', () => {
  describe.each(SYNCHRONOUS)('$name', ({ vector, mode, arm, thumb, code, thumbCode, masks }) => {
    test.each([
      ['from A32', false],
      ['from T32', true],
    ])('%s', (_from, isThumb) => {
      bench.load(CODE, isThumb ? a.pack(thumbCode) : code);
      bench.set(1, UNMAPPED);
      const before = prepare(Mode.System, isThumb);
      bench.run(1);
      expect(bench.vector()).toBe(vector);
      expect(bench.reg(14)).toBe(CODE + (isThumb ? thumb : arm));
      expect(bench.cpu.state.spsr >>> 0).toBe(before);
      // B1.8.3: mode, T by SCTLR.TE, E by SCTLR.EE, no IT state; flags stay; I always, A and F by the exception.
      expect(bench.cpu.state.cpsr >>> 0).toBe(((before & ~(Psr.M | Psr.T)) | mode | masks) >>> 0);
    });
  });

  test.each([
    ['IRQ', 0x18, Mode.Irq, Psr.I | Psr.A],
    ['FIQ', 0x1c, Mode.Fiq, Psr.I | Psr.A | Psr.F],
  ])('%s: the address of the next instruction plus 4', (kind, vector, mode, masks) => {
    for (const thumb of [false, true]) {
      bench.load(CODE, thumb ? a.pack([a.T_NOP, a.T_NOP]) : [a.NOP, a.NOP]);
      const before = prepare(Mode.User, thumb);
      bench.run(1);
      if (kind === 'IRQ') bench.cpu.setIrq(true);
      else bench.cpu.setFiq(true);
      bench.run(1);
      expect(bench.vector()).toBe(vector);
      expect(bench.reg(14)).toBe(CODE + (thumb ? 2 : 4) + 4);
      expect(bench.cpu.state.spsr >>> 0).toBe(before);
      expect(bench.cpu.state.cpsr & 0x1ff).toBe(mode | masks);
      bench.cpu.setIrq(false);
      bench.cpu.setFiq(false);
    }
  });

  test('a prefetch abort: the address that could not be fetched plus 4, in IFAR too', () => {
    for (const thumb of [false, true]) {
      const before = prepare(Mode.User, thumb);
      bench.jump(UNMAPPED | (thumb ? 1 : 0));
      bench.run(1);
      expect(bench.vector()).toBe(0x0c);
      expect(bench.reg(14)).toBe(UNMAPPED + 4);
      expect(bench.cpu.regs.IFAR >>> 0).toBe(UNMAPPED);
      expect(bench.cpu.regs.IFSR & 0x40f).toBe(0b01000);
      expect(bench.cpu.state.spsr >>> 0).toBe(before);
    }
  });

  test('a wide T32 instruction whose second half can not be fetched: IFAR names that half', () => {
    const last = RAM + RAM_BYTES - 2;
    bench.physical.write(last, 2, a.tMovw(0, 1)[0]!, {
      kind: 'cpu',
      cpu: 0,
      streamId: 0,
      secure: false,
      privileged: true,
    });
    prepare(Mode.User, true);
    bench.jump(last | 1);
    bench.run(1);
    expect(bench.vector()).toBe(0x0c);
    expect(bench.reg(14)).toBe(last + 4);
    expect(bench.cpu.regs.IFAR >>> 0).toBe(last + 2);
  });

  test('a wide T32 instruction that is UNDEFINED: its address plus 2', () => {
    // UDF.W
    bench.load(CODE, a.pack([0xf7f0, 0xa000]));
    prepare(Mode.User, true);
    bench.run(1);
    expect(bench.vector()).toBe(0x04);
    expect(bench.reg(14)).toBe(CODE + 2);
  });
});

describe('ITSTATE', () => {
  test('of a faulting instruction is saved, so that it runs under its condition again', () => {
    // ITT EQ; NOP; LDR that aborts.
    bench.load(CODE, a.pack([0xbf04, a.T_NOP, a.tLdr(0, 1)]));
    bench.set(1, UNMAPPED);
    bench.cpu.state.cpsr = 0x4000_0000 | Mode.System | Psr.T;
    bench.run(3);
    expect(bench.vector()).toBe(0x10);
    expect(bench.reg(14)).toBe(CODE + 4 + 8);
    // Condition EQ, one instruction left: ITSTATE 0000 1000.
    expect(bench.cpu.state.spsr & 0x0600fc00).toBe(0x08 << 8);
    expect(bench.cpu.state.cpsr & 0x0600fc00).toBe(0);
  });

  test('after a supervisor call is that of the next instruction', () => {
    // ITE EQ; SVCEQ; MOVNE.
    bench.load(CODE, a.pack([0xbf0c, a.tSvc(0), a.tMovImm(0, 1)]));
    bench.cpu.state.cpsr = 0x4000_0000 | Mode.System | Psr.T;
    bench.run(2);
    expect(bench.vector()).toBe(0x08);
    expect(bench.cpu.state.spsr & 0x0600fc00).toBe(0x18 << 8);
  });

  test('comes back with an exception return, in the middle of a block', () => {
    // At CODE in T32: MOV R0, #1; MOV R0, #2 under EQ, with Z clear: the first is skipped.
    bench.load(CODE, a.pack([a.tMovImm(0, 1), a.tMovImm(1, 2)]));
    bench.load(CODE + 0x100, [a.subsPcLr(0)]);
    bench.cpu.state.cpsr = Mode.Supervisor;
    bench.cpu.state.spsr = Mode.System | Psr.T | (0x08 << 8);
    bench.set(0, 0);
    bench.set(14, CODE);
    bench.jump(CODE + 0x100);
    bench.run(3);
    expect([bench.reg(0), bench.reg(1)]).toEqual([0, 2]);
    expect(bench.cpu.state.cpsr & 0x0600fc00).toBe(0);
  });

  test('in the middle of an IT block is saved by an interrupt', () => {
    bench.load(CODE, a.pack([0xbf04, a.T_NOP, a.T_NOP]));
    bench.cpu.state.cpsr = 0x4000_0000 | Mode.System | Psr.T;
    bench.run(2);
    bench.cpu.setIrq(true);
    bench.run(1);
    expect(bench.reg(14)).toBe(CODE + 4 + 4);
    expect(bench.cpu.state.spsr & 0x0600fc00).toBe(0x08 << 8);
  });
});

describe('where the vectors are, and how they are entered', () => {
  test('SCTLR.V puts them at 0xffff0000, whatever VBAR says', () => {
    bench.cpu.regs.SCTLR |= Sctlr.V;
    bench.load(CODE, [a.svc(0)]);
    bench.run(1);
    expect(bench.pc()).toBe(HIGH_VECTORS + 8);
  });

  test('SCTLR.TE enters exceptions in T32, SCTLR.EE big-endian', () => {
    bench.cpu.regs.SCTLR |= Sctlr.TE | Sctlr.EE;
    bench.load(CODE, [a.svc(0)]);
    bench.run(1);
    expect(bench.pc()).toBe(VECTORS + 8);
    expect(bench.cpu.state.cpsr & (Psr.T | Psr.E)).toBe(Psr.T | Psr.E);
  });

  test('without them exceptions are entered in A32, little-endian', () => {
    bench.load(CODE, a.pack([a.tSvc(0)]));
    bench.cpu.state.cpsr = Mode.User | Psr.T | Psr.E;
    bench.jump(CODE | 1);
    bench.run(1);
    expect(bench.cpu.state.cpsr & (Psr.T | Psr.E)).toBe(0);
    expect(bench.cpu.state.spsr & (Psr.T | Psr.E)).toBe(Psr.T | Psr.E);
  });
});

describe('banked registers', () => {
  const MODES = [Mode.Fiq, Mode.Irq, Mode.Supervisor, Mode.Abort, Mode.Undefined, Mode.System];

  test('each mode has its SP, LR and SPSR; FIQ has R8 to R12 too', () => {
    const { state } = bench.cpu;
    for (const mode of MODES) {
      state.cpsr = mode;
      for (let n = 8; n <= 14; n++) bench.set(n, (mode << 8) | n);
      if (mode !== Mode.System) state.spsr = mode << 16;
    }
    for (const mode of MODES) {
      state.cpsr = mode;
      const high = mode === Mode.Fiq ? Mode.Fiq : Mode.System;
      for (let n = 8; n <= 12; n++) expect(bench.reg(n)).toBe((high << 8) | n);
      expect([bench.reg(13), bench.reg(14)]).toEqual([(mode << 8) | 13, (mode << 8) | 14]);
      if (mode !== Mode.System) expect(state.spsr).toBe(mode << 16);
    }
  });

  test('User mode shares those of System mode', () => {
    const { state } = bench.cpu;
    state.cpsr = Mode.System;
    bench.set(13, 1);
    bench.set(14, 2);
    state.cpsr = Mode.User;
    expect([bench.reg(13), bench.reg(14)]).toEqual([1, 2]);
  });

  test('are exchanged by code: CPS to another mode and back', () => {
    bench.load(CODE, [
      a.movw(13, 1),
      a.cpsMode(Mode.Irq),
      a.movw(13, 2),
      a.cpsMode(Mode.Fiq),
      a.movw(13, 3),
      a.movw(8, 3),
      a.cpsMode(Mode.Supervisor),
      a.movReg(0, 13),
      a.movReg(1, 8),
    ]);
    bench.set(8, 9);
    bench.run(9);
    expect([bench.reg(0), bench.reg(1)]).toEqual([1, 9]);
    expect([bench.cpu.state.readBanked(2, 13), bench.cpu.state.readBanked(1, 13)]).toEqual([2, 3]);
  });
});

describe('changes of the CPSR', () => {
  test('MSR in User mode changes flags, GE and E only (B1.3.3)', () => {
    bench.cpu.state.cpsr = Mode.User;
    bench.set(0, -1);
    bench.load(CODE, [a.msrCpsr(15, 0), a.mrsCpsr(1)]);
    bench.run(2);
    expect(bench.cpu.state.cpsr >>> 0).toBe((0xf80f0000 | Psr.E | Mode.User) >>> 0);
  });

  test('MSR in a privileged mode changes the mode and the masks, but neither T nor ITSTATE', () => {
    bench.set(0, (0xff00ffff & ~Psr.M) | Mode.Irq);
    bench.load(CODE, [a.msrCpsr(15, 0)]);
    bench.run(1);
    expect(bench.cpu.state.cpsr >>> 0).toBe((0xf8000000 | Psr.E | Psr.A | Psr.I | Psr.F | Mode.Irq) >>> 0);
  });

  test('MSR with one field leaves the others', () => {
    bench.cpu.state.cpsr = FLAGS | Mode.Supervisor;
    bench.set(0, 0x4000_0000 | Mode.Irq);
    bench.load(CODE, [a.msrCpsr(1, 0)]);
    bench.run(1);
    expect(bench.cpu.state.cpsr >>> 0).toBe((FLAGS | Mode.Irq) >>> 0);
  });

  test('a mode that does not exist leaves the mode as it is', () => {
    for (const mode of [0, 0x14, 0x16, 0x1a]) {
      bench.set(0, mode);
      bench.load(CODE, [a.msrCpsr(1, 0)]);
      bench.jump(CODE);
      bench.run(1);
      expect(bench.cpu.state.mode).toBe(Mode.Supervisor);
    }
  });

  test('CPS does nothing in User mode (B9.3.2)', () => {
    bench.cpu.state.cpsr = Mode.User;
    bench.load(CODE, [a.cpsid(7), a.cpsMode(Mode.Supervisor)]);
    bench.run(2);
    expect(bench.cpu.state.cpsr >>> 0).toBe(Mode.User);
  });

  test('CPS in a privileged mode sets and clears the masks that it names', () => {
    bench.cpu.state.cpsr = Mode.Supervisor | Psr.A;
    bench.load(CODE, [a.cpsid(2), a.cpsid(1), a.cpsie(4)]);
    bench.run(3);
    expect(bench.cpu.state.cpsr & (Psr.A | Psr.I | Psr.F)).toBe(Psr.I | Psr.F);
  });

  test('SETEND makes data big-endian from the next instruction on', () => {
    bench.load(CODE, [a.str(2, 1), a.setend(1), a.str(2, 1, 4), a.ldr(3, 1)]);
    bench.set(1, RAM + 0x2000);
    bench.set(2, 0x11223344);
    bench.run(4);
    expect(bench.word(RAM + 0x2000)).toBe(0x11223344);
    expect(bench.word(RAM + 0x2004)).toBe(0x44332211);
    expect(bench.reg(3)).toBe(0x44332211);
  });

  test('an exception return gives CPSR and PC back, and aligns the PC for the instruction set', () => {
    bench.load(CODE, [a.subsPcLr(4)]);
    bench.cpu.state.spsr = FLAGS | Mode.User | Psr.T;
    bench.set(14, CODE + 0x107);
    bench.run(1);
    expect(bench.pc()).toBe(CODE + 0x102);
    expect(bench.cpu.state.cpsr >>> 0).toBe((FLAGS | Mode.User | Psr.T) >>> 0);
  });
});

describe('interrupts', () => {
  test('wait while the CPSR masks them, FIQ and IRQ each by its bit', () => {
    bench.load(CODE, [a.NOP, a.cpsie(2), a.NOP, a.B_SELF]);
    bench.cpu.state.cpsr = Mode.Supervisor | Psr.I | Psr.F;
    bench.cpu.setIrq(true);
    bench.cpu.setFiq(true);
    bench.run(1);
    expect(bench.pc()).toBe(CODE + 4);
    // CPSIE i lets IRQ in, before the next instruction.
    bench.run(2);
    expect(bench.vector()).toBe(0x18);
    expect(bench.reg(14)).toBe(CODE + 8 + 4);
  });

  test('FIQ goes first where both may come', () => {
    bench.load(CODE, [a.NOP]);
    bench.cpu.state.cpsr = Mode.Supervisor;
    bench.cpu.setIrq(true);
    bench.cpu.setFiq(true);
    bench.run(1);
    expect(bench.vector()).toBe(0x1c);
  });

  test('WFI waits until one is pending, masked or not, and then goes on after it (B1.8.13)', () => {
    bench.load(CODE, [a.WFI, a.movw(0, 7), a.B_SELF]);
    bench.cpu.state.cpsr = Mode.Supervisor | Psr.I | Psr.F;
    expect(bench.run(10)).toBe('wfi');
    expect(bench.run(10)).toBe('wfi');
    expect(bench.pc()).toBe(CODE + 4);
    bench.cpu.setIrq(true);
    expect(bench.run(1)).toBe('budget');
    expect(bench.reg(0)).toBe(7);
    expect(bench.vector()).toBeUndefined();
  });

  test('WFI does not wait where one is pending already', () => {
    bench.load(CODE, [a.WFI, a.movw(0, 7), a.B_SELF]);
    bench.cpu.state.cpsr = Mode.Supervisor | Psr.I | Psr.F;
    bench.cpu.setFiq(true);
    bench.run(2);
    expect(bench.reg(0)).toBe(7);
  });

  test('WFE takes the event that SEV left; without one it ends the slice', () => {
    bench.load(CODE, [a.SEV, a.WFE, a.WFE, a.movw(0, 1)]);
    expect(bench.engine.run(bench.cpu, 100)).toBe('wfe');
    expect(bench.pc()).toBe(CODE + 12);
    expect(bench.cpu.state.slots[StateSlot.Event]).toBe(0);
  });
});

test('exceptions that follow one another use up instructions, so that a guest without vectors can not hang the host', () => {
  bench.cpu.regs.VBAR = UNMAPPED & ~31;
  bench.jump(UNMAPPED);
  expect(bench.engine.run(bench.cpu, 1000)).toBe('budget');
  expect(bench.engine.instructions).toBe(1000);
});
