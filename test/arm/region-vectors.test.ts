import { expect, test, vi } from 'vitest';
import { DataAccess } from '../../src/arm/data-access.ts';
import type { EngineKind } from '../../src/arm/engine-kind.ts';
import { Cpacr, FPEXC_EN } from '../../src/arm/fp-permission.ts';
import { StateSlot } from '../../src/arm/state.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM } from './bench.ts';

const DATA = RAM + 0x20_0000;
const RESULTS = DATA + 0x1_0000;
const ROUNDS = 4000;

/** Registers written in pieces of one size and read in another, and the arithmetic on them. */
const LOOP = [
  0xf421028f, // vld1.32 {d0-d3}, [r1]
  0xf2204842, // vadd.i32 q2, q0, q1
  0xeeb16b40, // vneg.f64 d6, d0
  0xeeb07bc7, // vabs.f64 d7, d7
  0xee368b07, // vadd.f64 d8, d6, d7
  0xf280a651, // vmov.i32 q5, #0x1000000
  0xeeac2b10, // vdup.32 q6, r2
  0xf22ae94c, // vmla.i32 q7, q5, q6
  0xec432b30, // vmov d16, r2, r3
  0xee601b88, // vmul.f64 d17, d16, d8
  0xeef41b48, // vcmp.f64 d17, d8
  0xeef1fa10, // vmrs apsr_nzcv, fpscr
  0xeef72b08, // vmov.f64 d18, #1.5
  0xee423ba1, // vmla.f64 d19, d18, d17
  0xf2444dc2, // vadd.f32 q10, q10, q1
  0xeeb0fa41, // vmov.f32 s30, s2
  0xeefdfacf, // vcvt.s32.f32 s31, s30
  0xee1f5a90, // vmov r5, s31
  0xf3b6e1e4, // vzip.16 q7, q10
  0xf404e28f, // vst1.32 {d14-d17}, [r4]
  0xecd18b08, // vldmia r1, {d24-d27}
  0xf2d868ab, // vmlal.s16 q11, d24, d27
  0xf3f26068, // vswp q11, q12
  0xf2c56155, // vorr.i32 q11, #0x55
  0xe2822003, // add r2, r2, #3
  0xe0233a02, // eor r3, r3, r2, lsl #20
  0xe2500001, // subs r0, r0, #1
];

/** Doublewords at addresses of all kinds, across pages too. */
const UNALIGNED = [
  0xf4210a0f, // vld1.8 {d0-d1}, [r1]
  0xf4040a0f, // vst1.8 {d0-d1}, [r4]
  0xe1c560d0, // ldrd r6, r7, [r5]
  0xe2866001, // add r6, r6, #1
  0xe1c560f0, // strd r6, r7, [r5]
  0xed955b00, // vldr d5, [r5]
  0xed855b02, // vstr d5, [r5, #8]
  0xe2811001, // add r1, r1, #1
  0xe2844003, // add r4, r4, #3
  0xe2500001, // subs r0, r0, #1
];

const SOURCE = [
  0x40490fdb, 0x3ff00001, 0x12345678, 0xbf800000, 0x00010203, 0x7fff8000, 0x3f000000, 0xc2c80000,
];
const RESULT_WORDS = 3 * ROUNDS;

/** Everything that there is to see after a loop. */
function after(kind: EngineKind, loop: readonly number[]): string {
  const bench = new Bench({ kind });
  bench.mmuOn();
  bench.cpu.regs.CPACR = Cpacr.CP10 | Cpacr.CP11;
  bench.set(StateSlot.Fpexc, FPEXC_EN);
  [ROUNDS, DATA, 0x3ff12345, 0x40080000, RESULTS, DATA + 0x8004].forEach((value, r) => {
    bench.set(r, value);
  });
  for (let i = 0; i < ROUNDS; i += SOURCE.length) bench.load(DATA + 4 * i, SOURCE);
  bench.load(CODE, [...loop, a.b(loop.length, 0, a.NE), a.B_SELF]);
  bench.run(ROUNDS * (loop.length + 1) + 5);
  const results = Array.from({ length: RESULT_WORDS }, (_unused, i) => bench.word(RESULTS + 4 * i));
  const vectors = [...bench.cpu.state.slots.subarray(StateSlot.Fpscr, StateSlot.V0 + 64)];
  return [bench.snapshot(), bench.word(DATA + 0x800c), ...vectors, ...results].join(' ');
}

test('a hot loop of vector instructions leaves in both engines the same registers and memory', () => {
  const expected = after('interpreter', LOOP);
  const compile = vi.spyOn(WebAssembly, 'Module');
  const modules = compile.mock.calls.length;
  expect(after('wasm', LOOP)).toBe(expected);
  expect(compile.mock.calls.length).toBeGreaterThan(modules);
  compile.mockRestore();
});

test('doublewords that are not aligned are moved within regions, with the same outcome', () => {
  const slow = vi.spyOn(DataAccess.prototype, 'slowStore');
  const expected = after('interpreter', UNALIGNED);
  const interpreted = slow.mock.calls.length;
  expect(after('wasm', UNALIGNED)).toBe(expected);
  expect(slow.mock.calls.length - interpreted).toBeLessThan(interpreted / 2);
  slow.mockRestore();
});
