import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type After, type Before, byOracle, DATA_BYTES, IrMachine } from './ir-machine.ts';
import { programOf, type Step, steps } from './random-ir.ts';

const machine = new IrMachine();

function stateOf(seed: number): Before {
  let x = seed | 1;
  const next = (): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x;
  };
  return {
    slots: Int32Array.from({ length: 96 }, () => (next() % 3 === 0 ? next() & 0xff : next())),
    bytes: Uint8Array.from({ length: DATA_BYTES }, next),
  };
}

function difference(expected: After, got: After): string | undefined {
  if (JSON.stringify(expected.outcome) !== JSON.stringify(got.outcome)) {
    return `left by ${got.outcome.join(' ')} instead of ${expected.outcome.join(' ')}`;
  }
  const slot = expected.slots.findIndex((word, i) => word !== got.slots[i]);
  if (slot >= 0) return `slot ${slot}: ${got.slots[slot]} instead of ${expected.slots[slot]}`;
  const byte = expected.bytes.findIndex((value, i) => value !== got.bytes[i]);
  return byte < 0 ? undefined : `byte ${byte}: ${got.bytes[byte]} instead of ${expected.bytes[byte]}`;
}

function differences(program: readonly Step[], seed: number): string[] {
  const before = stateOf(seed);
  const plain = programOf(program, 'plain');
  const built = programOf(program, 'built');
  const expected = byOracle(plain, before);
  const found: string[] = [];
  for (const [style, block] of [
    ['plain', plain],
    ['built', built],
  ] as const) {
    for (const passes of ['as it stands', 'optimised'] as const) {
      const what = difference(expected, machine.run(block, before, passes));
      if (what !== undefined) found.push(`${style}, ${passes}: ${what}`);
    }
  }
  return found;
}

test('a block means the same whether or not its operations are folded, forwarded, removed and put into slots', () => {
  fc.assert(
    fc.property(steps, fc.integer(), (program, seed) => {
      expect(differences(program, seed)).toEqual([]);
    }),
    { numRuns: 1200, seed: 20261120 },
  );
});
