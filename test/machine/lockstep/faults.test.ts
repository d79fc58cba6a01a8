import { afterEach, describe, expect, test } from 'vitest';
import { StateSlot } from '../../../src/arm/state.ts';
import type { Disturbance } from '../../../src/machine/lockstep/side.ts';
import { MemoryLayout } from '../../../src/memory/machine-memory.ts';
import * as a from '../../arm/assembler.ts';
import { disturbed, ENTRY, RAM, stopAll } from './twins.ts';

const DATA = RAM + 0x8_0000;
const UART = 0x0900_0000;
const POWER_OFF = [...a.mov32(0, 0x8400_0008), a.hvc(0)];
const ROUNDS = 10_000;
const LOOP_LENGTH = 5;

/** Counts R6 down, adds it to R7, keeps R7 in memory; 4 instructions of preparation, then 5 each round. */
const loop = (): number[] => {
  const code = [...a.mov32(8, DATA), a.movw(6, ROUNDS), a.movw(7, 0)];
  const start = code.length;
  code.push(a.addReg(7, 7, 6), a.str(7, 8), a.ldr(5, 8), a.subsImm(6, 6, 1), a.b(start + 4, start, a.NE));
  return [...code, ...POWER_OFF];
};
/** The last instruction of a round. */
const afterRound = (round: number): number => 4 + round * LOOP_LENGTH;
const hex = (value: number): string => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;

/** What R7 is after some rounds. */
const sum = (rounds: number): number => rounds * ROUNDS - (rounds * (rounds - 1)) / 2;

afterEach(stopAll);

describe('a second engine that is wrong', () => {
  test('in no place runs to the end', async () => {
    expect(await disturbed(loop(), undefined)).toBe('poweroff');
  });

  test('in no place but looks around more often runs to the end, too', async () => {
    const apply: Disturbance['apply'] = ({ engine }) => engine.lookAround();
    expect(await disturbed(loop(), { after: afterRound(1000), apply })).toBe('poweroff');
  });

  test('in a register is stopped at the very instruction, with both values and the code', async () => {
    const after = afterRound(5000) + 1;
    const report = await disturbed(loop(), {
      after,
      apply: ({ engine }) => {
        engine.cpus[0].state.slots[7] ^= 0x10000;
      },
    });
    expect(report).toContain(`the engines differ after ${after.toLocaleString('en')} guest instructions`);
    const r7 = sum(5001);
    expect(report).toMatch(new RegExp(`CPU 0 {2}R7 +${hex(r7)} +${hex(r7 ^ 0x10000)}`));
    // ADD r7, r7, r6 was executed last; STR follows.
    expect(report).toMatch(/^> 0x40010010 {2}e0877006 {2}ADD \(register\) A1 .*n=7 d=7/m);
    expect(report).toMatch(
      /^then it is at 0x40010014, where there is\n {2}0x40010014 {2}e5887000 {2}STR \(immediate\) A1/m,
    );
    expect(report).toContain(`PC=${hex(ENTRY + 16)}`);
    expect(report).toContain('(A32, Supervisor mode)');
  });

  test.each([
    ['the flags', 'CPSR.NZCV', StateSlot.NZCV, 0x4000_0000],
    ['a vector register', 'D2[63:32] (S5)', StateSlot.V0 + 5, 1],
    ['FPSCR', 'FPSCR', StateSlot.Fpscr, 1 << 22],
    ['DACR', 'DACR', StateSlot.DACR, 1],
  ])('in %s is stopped', async (_what, name, slot, bit) => {
    // At the end of a slice of the run loop, so that SUBS has not overwritten the flags.
    const code = [...a.mov32(8, DATA), ...Array.from({ length: 500 }, () => a.NOP), ...POWER_OFF];
    const report = await disturbed(code, {
      after: 300,
      apply: ({ engine }) => {
        engine.cpus[0].state.slots[slot] ^= bit;
      },
    });
    expect(report).toContain('after 300 guest instructions');
    expect(report).toContain(`CPU 0  ${name} `);
  });

  test('in a banked register, or one of cp15, is stopped', async () => {
    const report = await disturbed(loop(), {
      after: afterRound(100),
      apply: ({ engine }) => {
        const { regs, state } = engine.cpus[0];
        regs.VBAR = 0x1000;
        state.banked.sp[2] = 0x2000;
      },
    });
    expect(report).toMatch(/CPU 0 {2}VBAR +0x00000000 +0x00001000/);
    expect(report).toMatch(/CPU 0 {2}SP of mode IRQ +0x00000000 +0x00002000/);
  });

  test('in RAM is stopped at the instruction that wrote it', async () => {
    const after = afterRound(2500);
    const report = await disturbed(loop(), {
      after,
      apply: ({ engine, physical }) => {
        physical.write(DATA + 0x100, 4, 0xabcd, engine.cpus[0].mmu.privilegedRequester);
      },
    });
    expect(report).toContain(`after ${after.toLocaleString('en')} guest instructions`);
    expect(report).toMatch(/RAM at physical 0x40080100 +0x00000000 +0x0000abcd/);
  });

  test('in RAM behind the back of every check of pages is stopped in the end', async () => {
    const report = await disturbed(loop(), {
      after: 100,
      apply: ({ memory }) => {
        memory.words[(MemoryLayout.ram + 0xf_0000) >>> 2] = 1;
      },
    });
    expect(report).toMatch(/RAM at physical 0x400f0000 +0x00000000 +0x00000001/);
  });

  test('that asks a device for something more is stopped with what it asked', async () => {
    const code = [...a.mov32(8, UART), a.NOP, a.NOP, a.NOP, a.ldr(1, 8, 0x18), ...POWER_OFF];
    const requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true } as const;
    const report = await disturbed(code, {
      after: 3,
      apply: ({ physical }) => {
        physical.read(UART + 0x30, 4, requester);
      },
    });
    expect(report).toContain('after 3 guest instructions');
    expect(report).toMatch(/access to what is not RAM +none +CPU 0 reads uart0 at 0x09000030 \(4 bytes\)/);
  });

  test('only where it runs something in one go is stopped with that piece of code', async () => {
    const after = afterRound(3000);
    const report = await disturbed(loop(), {
      after,
      apply: ({ engine }, piece) => {
        if (piece >= 7) engine.cpus[0].state.slots[7] ^= 1;
      },
    });
    expect(report).toContain(`after ${after.toLocaleString('en')} guest instructions`);
    expect(report).toContain('wrong where it runs the last 7 of them in one go');
    expect(report.match(/^> /gm)).toHaveLength(7);
    // Registers are those before SUBS of the round before.
    expect(report).toContain(`PC=${hex(ENTRY + 4 * 7)}`);
    expect(report).toMatch(/^ {2}0x40010018 {2}e5985000 .*\n> 0x4001001c {2}e2566001/m);
  });

  test('that throws is stopped with what it threw', async () => {
    const report = await disturbed(loop(), {
      after: 1000,
      apply: () => {
        throw new RangeError('memory access out of bounds');
      },
    });
    expect(report).toContain('after 1,000 guest instructions');
    expect(report).toContain('RangeError: memory access out of bounds');
  });

  test('that gets on no more is stopped', async () => {
    const report = await disturbed(loop(), {
      after: 1000,
      apply: ({ engine }) => {
        engine.run = (_cpu, _budget, isLate) => {
          while (isLate?.() === false);
          return 'late';
        };
      },
    });
    expect(report).toMatch(/instructions +\d+ \(\w+\) +\d+ \(then it gets on no more\)/);
  });

  test('that waits alone is stopped', async () => {
    const report = await disturbed(loop(), {
      after: 1000,
      apply: ({ engine }) => {
        engine.cpus[0].waiting = true;
      },
    });
    expect(report).toMatch(/CPU 0 {2}waits for an interrupt +0x00000000 +0x00000001/);
  });

  test('in T32 code is stopped with T32 code', async () => {
    const thumb = a.pack([a.tMovImm(0, 1), a.tAddImm(0, 2), a.tAddImm(0, 3), a.T_B_SELF]);
    const code = [...a.mov32(1, ENTRY + 13), a.bx(1), ...thumb];
    const report = await disturbed(code, {
      after: 5,
      apply: ({ engine }) => {
        engine.cpus[0].state.slots[0] = 9;
      },
    });
    expect(report).toMatch(/^> 0x4001000e {2}3002 {6}ADD \(immediate\) T2 {2}d=0 i=2/m);
    expect(report).toMatch(/CPU 0 {2}R0 +0x00000003 +0x00000009/);
  });
});
