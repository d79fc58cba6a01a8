import { expect, test } from 'vitest';
import { IrBuilder } from '../../src/translator/ir/builder.ts';
import { MemFlag } from '../../src/translator/ir/ops.ts';
import type { IrValue } from '../../src/translator/ir/value.ts';
import { wordRunAt } from '../../src/translator/word-runs.ts';

const AlignedWord = MemFlag.AlignedWord;
let b: IrBuilder;

function load(base: IrValue, offset: number, flags: number = AlignedWord): IrValue {
  return b.emit('load32', [b.add(base, b.const(offset))], flags);
}

/** Offsets of the run that begins with the first access of the block. */
function run(
  write: (base: IrValue) => void,
): { readonly count: number; readonly isLast: boolean } | undefined {
  b = new IrBuilder();
  b.marker(0, 0);
  write(b.get(1));
  const { ops } = b.finish(0, 4);
  const at = ops.findIndex(({ op }) => op === 'load32' || op === 'store32');
  const found = wordRunAt(ops, at, ({ op }) => op === 'add' || op === 'get');
  return found && { count: found.accesses.length, isLast: found.last === ops.length - 1 };
}

test('words that follow each other are a run, from the base on or from elsewhere', () => {
  expect(run((base) => [0, 4, 8].map((offset) => load(base, offset)))).toEqual({ count: 3, isLast: true });
  expect(run((base) => [-8, -4].map((offset) => load(base, offset)))).toEqual({ count: 2, isLast: true });
});

test('stores are one with what is read for them in between', () => {
  const stores = run((base) => {
    for (const n of [0, 1]) b.emit('store32', [b.add(base, b.const(4 * n)), b.get(4 + n)], AlignedWord);
  });
  expect(stores).toEqual({ count: 2, isLast: true });
});

test('one word is none, nor are accesses of an instruction that wants no multiples of 4', () => {
  expect(run((base) => load(base, 0))).toBeUndefined();
  expect(run((base) => [0, 4].map((offset) => load(base, offset, MemFlag.None)))).toBeUndefined();
});

test('a run ends before a gap, another base, the next instruction, and an access of the other kind', () => {
  expect(run((base) => [0, 4, 12].map((offset) => load(base, offset)))).toEqual({ count: 2, isLast: false });
  expect(run((base) => [load(base, 0), load(base, 4), load(b.get(2), 8)])).toEqual({
    count: 2,
    isLast: false,
  });
  const two = run((base) => {
    load(base, 0);
    load(base, 4);
    b.marker(4, 0);
    load(base, 8);
  });
  expect(two).toEqual({ count: 2, isLast: false });
  const mixed = run((base) => {
    load(base, 0);
    load(base, 4);
    b.emit('store32', [b.add(base, b.const(8)), b.get(0)], AlignedWord);
  });
  expect(mixed).toEqual({ count: 2, isLast: false });
});

test('a run has sixteen words at most', () => {
  const found = run((base) => Array.from({ length: 17 }, (_unused, i) => load(base, 4 * i)));
  expect(found).toEqual({ count: 16, isLast: false });
});
