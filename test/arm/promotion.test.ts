import { beforeEach, expect, test } from 'vitest';
import { CLOCK_UNIT, type Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';
import { Bench, CODE } from './bench.ts';

const HOT = 40;
const LOOK = 10;
/** Some units of the clock for the runs between two looks. */
const SPARSE = Math.floor((4 * CLOCK_UNIT) / LOOK);
const RARE = CODE + 0x400;

/** Where regions begin that were compiled. */
let compiled: Set<number>;
const promotion: Promotion = {
  ...AT_ONCE,
  hot: HOT,
  look: LOOK,
  sparse: SPARSE,
  dearest: HOT,
  compile: (regions, context) => {
    for (const { region } of regions) compiled.add(region.pc >>> 0);
    return AT_ONCE.compile(regions, context);
  },
};

let bench: Bench;
beforeEach(() => {
  compiled = new Set();
  bench = new Bench({ kind: 'wasm', promotion });
  // R2 turns of a loop, and then, by way of a register, what is rare; all of that R3 times.
  bench.load(CODE, [a.movReg(0, 2), a.subsImm(0, 0, 1), a.b(2, 1, a.NE), a.bx(9)]);
  bench.load(RARE, [a.addImm(4, 4, 1), a.subsImm(3, 3, 1), a.b(2, 4, a.EQ), a.bx(10), a.B_SELF]);
  bench.set(9, RARE);
  bench.set(10, CODE);
});

function rounds(count: number, turns: number): void {
  bench.set(2, turns);
  bench.set(3, count);
  bench.jump(CODE);
  bench.run(count * (2 * turns + 6));
  expect(bench.reg(3)).toBe(0);
}

test('code that runs often in little time is compiled; what comes once in a long while is not, however often', () => {
  rounds(20 * HOT, SPARSE);
  expect(bench.reg(4)).toBe(20 * HOT);
  expect(compiled).toEqual(new Set([CODE + 4]));
});

test('what becomes frequent is compiled then', () => {
  rounds(5 * HOT, SPARSE);
  expect(compiled).toEqual(new Set([CODE + 4]));
  rounds(2 * HOT + 4 * LOOK, 10);
  expect(compiled).toContain(RARE);
});

test('runs count only if they come one soon after the other', () => {
  for (let i = 0; i < 10; i++) {
    rounds(HOT - 2 * LOOK, 10);
    rounds(8 * LOOK, 4 * SPARSE);
  }
  expect(compiled).toEqual(new Set([CODE + 4]));
});
