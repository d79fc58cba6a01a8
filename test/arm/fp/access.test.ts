import { beforeEach, describe, expect, it, test } from 'vitest';
import { Cpacr, FPEXC_EN, fpDenied } from '../../../src/arm/fp-permission.ts';
import { Mode } from '../../../src/arm/modes.ts';
import { FpDenied, StateSlot } from '../../../src/arm/state.ts';
import * as a from '../assembler.ts';
import { Bench, CODE, RAM, smallPage } from '../bench.ts';

const FULL = Cpacr.CP10 | Cpacr.CP11;
const PRIVILEGED_ONLY = (1 << 20) | (1 << 22);
const UNDEFINED = 0x04;
const DATA_ABORT = 0x10;

const VADD_F32 = 0xee300a81; // s0, s1, s2
const VMOV_D16 = 0xeef00b62; // VMOV.F64 d16, d18
const VMRS_FPSID = 0xeef00a10; // r0
const VMRS_FPEXC = 0xeef80a10; // r0
const VMRS_FPSCR = 0xeef10a10; // r0
const VMSR_FPEXC = 0xeee80a10; // r0
const VMSR_FPSCR = 0xeee10a10; // r0
const VLDMIA = 0xecb10b06; // r1!, {d0-d2}
const VORR = 0xf2210113; // VORR d0, d1, d3

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
  bench.cpu.regs.CPACR = FULL;
  bench.set(StateSlot.Fpexc, FPEXC_EN);
});

/** The vector that a program leads to, or undefined; it runs to its end. */
function outcome(...program: readonly number[]): number | undefined {
  bench.load(CODE, [...program, a.B_SELF]);
  bench.run(program.length + 2);
  return bench.vector();
}

describe('VFP instructions', () => {
  it('run where CPACR and FPEXC.EN permit them', () => {
    expect(outcome(VADD_F32, VMRS_FPSCR)).toBeUndefined();
  });

  it('are UNDEFINED where FPEXC.EN is clear, but for those that reach FPEXC and the identification registers', () => {
    bench.set(StateSlot.Fpexc, 0);
    expect(outcome(VMRS_FPSID, VMRS_FPEXC)).toBeUndefined();
    bench.jump(CODE);
    expect(outcome(VMRS_FPSCR)).toBe(UNDEFINED);
  });

  it('are all UNDEFINED where CPACR denies the coprocessors', () => {
    bench.cpu.regs.CPACR = 0;
    expect(outcome(VMRS_FPEXC)).toBe(UNDEFINED);
  });

  it('are UNDEFINED in User mode where CPACR permits privileged modes only', () => {
    bench.cpu.regs.CPACR = PRIVILEGED_ONLY;
    expect(outcome(VADD_F32)).toBeUndefined();
    bench.cpu.state.switchMode(Mode.User);
    bench.jump(CODE);
    expect(outcome(VADD_F32)).toBe(UNDEFINED);
  });

  it('reach FPEXC and FPSID in privileged modes only', () => {
    bench.cpu.state.switchMode(Mode.User);
    expect(outcome(VMRS_FPSID)).toBe(UNDEFINED);
  });

  it('are UNDEFINED at once after VMSR has cleared FPEXC.EN', () => {
    bench.set(0, 0);
    expect(outcome(VADD_F32, VMSR_FPEXC, VADD_F32)).toBe(UNDEFINED);
    expect(bench.reg(StateSlot.Fpexc)).toBe(0);
  });

  it('run at once after MCR and VMSR have switched them on, as an operating system does it lazily', () => {
    bench.cpu.regs.CPACR = 0;
    bench.set(StateSlot.Fpexc, 0);
    expect(
      outcome(...a.mov32(0, FULL), a.mcr(0, 1, 0, 0, 2), ...a.mov32(0, FPEXC_EN), VMSR_FPEXC, VADD_F32),
    ).toBeUndefined();
  });

  it('on D16 to D31 are UNDEFINED where CPACR.D32DIS is set, others are not', () => {
    bench.cpu.regs.CPACR = FULL | Cpacr.D32DIS;
    expect(outcome(VADD_F32)).toBeUndefined();
    bench.jump(CODE);
    expect(outcome(VMOV_D16)).toBe(UNDEFINED);
  });

  it('that process data are UNDEFINED at once after VMSR has set FPSCR.LEN, others are not', () => {
    bench.set(0, 1 << 16);
    expect(outcome(VADD_F32, VMSR_FPSCR, VMRS_FPSCR)).toBeUndefined();
    expect(bench.reg(0)).toBe(1 << 16);
    bench.set(StateSlot.Fpscr, 0);
    bench.jump(CODE);
    expect(outcome(VMSR_FPSCR, VADD_F32)).toBe(UNDEFINED);
  });
});

describe('Advanced SIMD', () => {
  it('is UNDEFINED where CPACR.ASEDIS is set, and VFP is not', () => {
    expect(outcome(VORR)).toBeUndefined();
    bench.cpu.regs.CPACR = FULL | Cpacr.ASEDIS;
    bench.jump(CODE);
    expect(outcome(VADD_F32, VORR)).toBe(UNDEFINED);
    expect(bench.reg(StateSlot.LR)).toBe(CODE + 8);
  });
});

test('CPACR keeps its fields for coprocessors 10 and 11, D32DIS and ASEDIS, and no others', () => {
  expect(outcome(...a.mov32(0, 0xffffffff), a.mcr(0, 1, 0, 0, 2), a.mrc(1, 1, 0, 0, 2))).toBeUndefined();
  expect(bench.reg(1)).toBe(0xc0f00000);
});

test('FPSCR keeps its modes, cumulative bits and flags, and has no enables of trapped exceptions', () => {
  bench.set(0, 0xffffffff);
  expect(outcome(VMSR_FPSCR, VMRS_FPSCR)).toBeUndefined();
  expect(bench.reg(0)).toBe(0xfff7009f);
});

test('FPSID and MVFR0, MVFR1 are those of the Cortex-A15', () => {
  outcome(VMRS_FPSID, 0xeef71a10, 0xeef62a10);
  expect([0, 1, 2].map((n) => bench.reg(n).toString(16))).toEqual(['410430f0', '10110222', '11111111']);
});

test('a data abort half way through VLDM leaves the base as it was', () => {
  const tables = bench.mmuOn();
  const va = RAM + 0x20_0000;
  const second = tables.second(va);
  tables.page(second, va, smallPage(va));
  const base = va + 0x1000 - 12;
  bench.load(base, [1, 2, 3]);
  bench.set(1, base);
  bench.load(CODE, [VLDMIA]);
  bench.run(2);
  expect(bench.vector()).toBe(DATA_ABORT);
  expect(bench.reg(1)).toBe(base);
  expect(bench.cpu.regs.DFAR >>> 0).toBe(va + 0x1000);
});

test('each CPU has extension registers and an FPSCR of its own', () => {
  const pair = new Bench({ cpus: 2 });
  for (const [i, cpu] of pair.engine.cpus.entries()) {
    cpu.regs.CPACR = FULL;
    pair.set(StateSlot.Fpexc, FPEXC_EN, cpu);
    pair.set(0, 0x40000000 + i, cpu);
  }
  pair.load(CODE, [VMSR_FPSCR, 0xee000a10, a.B_SELF]); // VMOV s0, r0
  for (const cpu of pair.engine.cpus) pair.run(3, cpu);
  const [first, other] = pair.engine.cpus.map((cpu) => [
    pair.reg(StateSlot.V0, cpu),
    pair.reg(StateSlot.Fpscr, cpu),
  ]);
  expect(first).toEqual([0x40000000, 0x40000000]);
  expect(other).toEqual([0x40000001, 0x40000001]);
});

test('what stands against instructions is told apart', () => {
  expect(fpDenied(FULL, FPEXC_EN, 0, true)).toBe(0);
  expect(fpDenied(FULL, FPEXC_EN, 0, false)).toBe(FpDenied.System);
  expect(fpDenied(FULL, 0, 0, true)).toBe(FpDenied.Vfp | FpDenied.Simd);
  expect(fpDenied(FULL | Cpacr.ASEDIS, FPEXC_EN, 3 << 20, true)).toBe(FpDenied.Simd | FpDenied.Vectors);
});
