import { describe, expect, test } from 'vitest';
import { cortexA9 } from '../../src/arm/cortex-a9.ts';
import { cortexA15 } from '../../src/arm/cortex-a15.ts';
import { A32_ROWS, T16_ROWS, T32_ROWS } from '../../src/arm/decode/tables.ts';
import { FPEXC_EN } from '../../src/arm/fp-permission.ts';
import { StateSlot } from '../../src/arm/state.ts';
import type { CpuModel } from '../../src/arm/system-registers.ts';
import * as a from './assembler.ts';
import { Bench, CODE, section } from './bench.ts';

/** Whether an A32 instruction, or the two halfwords of a T32 one, is UNDEFINED in Supervisor mode. */
function isUndefined(model: CpuModel, word: number, thumb = false): boolean {
  const bench = new Bench({ model });
  Object.assign(bench.cpu.regs, { CPACR: 0xf << 20 });
  bench.cpu.state.slots[StateSlot.Fpexc] = FPEXC_EN;
  bench.load(
    CODE,
    thumb ? [...a.pack([word >>> 16, word & 0xffff]), ...a.pack([a.T_B_SELF])] : [word, a.B_SELF],
  );
  bench.jump(CODE | (thumb ? 1 : 0));
  bench.run(1);
  return bench.vector() === 0x04;
}

describe('encodings that a Cortex-A15 has and a Cortex-A9 has not', () => {
  const TIMER = a.mrc(0, 14, 0, 0, 0);
  test.each([
    ['SDIV A1', 0xe711f312, false],
    ['UDIV A1', 0xe731f312, false],
    ['SDIV T1', 0xfb91f1f2, true],
    ['UDIV T1', 0xfbb1f1f2, true],
    ['VFMA.F32 s0, s1, s2 (A2)', 0xeea00a81, false],
    ['VFNMS.F64 d0, d1, d2 (T1)', 0xee910b02, true],
    ['VFMA.F32 q0, q1, q2 (A1)', 0xf2020c54, false],
    ['VFMS.F32 d0, d1, d2 (T1)', 0xef210c12, true],
    ['MRS (banked register) A1', 0xe1010200, false],
    ['MRS (banked register) T1', 0xf3e18020, true],
    ['ERET A1', 0xe160006e, false],
    ['MRC of CNTFRQ', TIMER, false],
    ['MRRC of CNTVCT', a.mrrc(0, 1, 1, 14), false],
    ['MRRC of TTBR0', a.mrrc(0, 1, 0, 2), false],
    ['MRC of AMAIR0', a.mrc(0, 10, 0, 3, 0), false],
    ['MRC of PMOVSSET', a.mrc(0, 9, 0, 14, 3), false],
    ['MRC of L2CTLR', a.mrc(0, 9, 1, 0, 2), false],
  ])('%s', (_name, word, thumb) => {
    expect(isUndefined(cortexA15, word, thumb)).toBe(false);
    expect(isUndefined(cortexA9, word, thumb)).toBe(true);
  });

  test('a condition that fails keeps a missing instruction from being UNDEFINED', () => {
    const SDIVNE = 0x1711f312;
    const bench = new Bench({ model: cortexA9 });
    bench.load(CODE, [a.cmpImm(0, 0), SDIVNE, a.B_SELF]);
    bench.run(2);
    expect(bench.pc()).toBe(CODE + 8);
  });

  test("the power control register is the Cortex-A9's own", () => {
    expect(isUndefined(cortexA9, a.mrc(0, 15, 0, 0, 0))).toBe(false);
    expect(isUndefined(cortexA15, a.mrc(0, 15, 0, 0, 0))).toBe(true);
  });
});

describe('without the Large Physical Address Extension', () => {
  test('TTBCR has no EAE', () => {
    const bench = new Bench({ model: cortexA9 });
    bench.load(CODE, [a.mcr(0, 2, 0, 0, 2), a.mrc(1, 2, 0, 0, 2), a.B_SELF]);
    bench.set(0, 0xffff_ffff);
    bench.run(2);
    expect(bench.reg(1)).toBe(0x37);
  });

  test('bit 0 of a section descriptor is no PXN: such an entry is a translation fault', () => {
    for (const [model, vector] of [
      [cortexA15, undefined],
      [cortexA9, 0x10],
    ] as const) {
      const bench = new Bench({ model });
      const tables = bench.mmuOn();
      tables.first(0x0030_0000, section(0x4020_0000) | 1);
      bench.load(CODE, [a.ldr(0, 1), a.B_SELF]);
      bench.set(1, 0x0030_0000);
      bench.run(1);
      expect(bench.vector()).toBe(vector);
    }
  });
});

describe('identification', () => {
  const read = (model: CpuModel, word: number): number => {
    const bench = new Bench({ model });
    bench.load(CODE, [word, a.B_SELF]);
    bench.run(1);
    expect(bench.vector()).toBeUndefined();
    return bench.reg(0);
  };

  test('ID registers promise what the features say', () => {
    for (const model of [cortexA15, cortexA9]) {
      const { divide, lpae, genericTimer, virtualization } = model.features;
      // ID_ISAR0.Divide, ID_MMFR0.VMSA, ID_PFR1.GenericTimer (B4.1.83, B4.1.89, B4.1.94).
      expect(read(model, a.mrc(0, 0, 0, 2, 0)) >>> 24).toBe(divide ? 2 : 0);
      expect(read(model, a.mrc(0, 0, 0, 1, 4)) & 15).toBe(lpae ? 5 : 3);
      expect((read(model, a.mrc(0, 0, 0, 1, 1)) >>> 16) & 15).toBe(genericTimer ? 1 : 0);
      expect((read(model, a.mrc(0, 0, 0, 1, 1)) >>> 12) & 15).toBe(0);
      expect(virtualization).toBe(lpae);
      // The rest of the CPUID space is there and zero.
      for (const crm of [3, 7]) expect(read(model, a.mrc(0, 0, 0, crm, 5))).toBe(0);
    }
  });

  test('caches by CSSELR: what CLIDR says that there is', () => {
    for (const [model, sizes] of [
      [cortexA15, [0x701fe00a, 0x201fe00a, 0x711fe07a, 0]],
      [cortexA9, [0xe00fe019, 0x200fe019, 0, 0]],
    ] as const) {
      const bench = new Bench({ model });
      bench.load(CODE, [a.mcr(1, 0, 2, 0, 0), a.mrc(0, 0, 1, 0, 0), a.B_SELF]);
      sizes.forEach((size, selector) => {
        bench.set(1, selector);
        bench.jump(CODE);
        bench.run(2);
        expect(bench.reg(0)).toBe(size);
      });
    }
  });
});

test('rows with a need are those that the manual gives to an extension', () => {
  const needs = new Map<string, string[]>();
  for (const { name, needs: need } of [...A32_ROWS, ...T32_ROWS, ...T16_ROWS]) {
    if (need !== undefined) needs.set(need, [...(needs.get(need) ?? []), name]);
  }
  expect(needs.get('divide')).toEqual(['SDIV A1', 'UDIV A1', 'SDIV T1', 'UDIV T1']);
  expect(needs.get('swp')).toEqual(['SWP A1', 'SWPB A1']);
  expect(new Set(needs.get('fusedMultiplyAdd')?.map((name) => name.replace(/ [AT][12]$/, '')))).toEqual(
    new Set(['VFMA', 'VFMS', 'VFNMA', 'VFNMS']),
  );
  // VFMA and VFMS of both extensions, VFNMA and VFNMS of VFP, in both instruction sets.
  expect(needs.get('fusedMultiplyAdd')).toHaveLength(12);
  expect(new Set(needs.get('virtualization')?.map((name) => name.replace(/ [AT]1$/, '')))).toEqual(
    new Set(['MRS (banked register)', 'MSR (banked register)', 'HVC', 'ERET']),
  );
});
