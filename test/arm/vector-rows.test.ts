import { expect, test } from 'vitest';
import { VECTOR_ROWS } from '../../src/arm/vector-rows.ts';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import { VectorTable } from '../../src/translator/vector/table.ts';
import { STICKY_SLOT } from '../../src/translator/vector/vector-function.ts';
import { randomWords } from './random-words.ts';

const STATE = MemoryLayout.state >>> 2;
const V = STATE + 32;
const words = new Int32Array(STATE + 256);
const table = new VectorTable(VECTOR_ROWS, words);
/** Places of operands d, a, b that no two of them share: eight words each. */
const PLACES = [0, 16, 32];

test('every row has a name of its own: a backend may know it by that', () => {
  const names = VECTOR_ROWS.map((row) => row.name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

test('no row reads or writes a word that it does not declare, or FPSCR without saying so', () => {
  const random = randomWords(3);
  for (const row of VECTOR_ROWS) {
    const at = (offsets: readonly number[], operand: number): number[] =>
      offsets.map((word) => PLACES[operand]! + word);
    const read = new Set(row.reads.flatMap(at));
    const written = new Set(row.writes.flatMap(at));
    for (let round = 0; round < 4; round++) {
      const start = Int32Array.from({ length: 64 }, () => random());
      const control = random() & 0x07c00000;
      const run = (from: Int32Array, fpscr: number): Int32Array => {
        words.set(from, V);
        words[STATE + STICKY_SLOT] = fpscr;
        table.run(table.numberOf(row), 1, V, V + PLACES[1]!, V + PLACES[2]!);
        return words.slice(V, V + 64);
      };
      const first = run(start, control);
      const flags = words[STATE + STICKY_SLOT];
      const others = start.map((word, i) => (read.has(i) ? word : ~word));
      const second = run(others, row.sticky ? control : 0);
      const expected = start.map((word, i) => (written.has(i) ? second[i]! : word));
      expect(`${row.name}: ${first.join(' ')}`).toBe(`${row.name}: ${expected.join(' ')}`);
      expect(flags).toBe(row.sticky ? words[STATE + STICKY_SLOT] : control);
    }
  }
});
