import { describe, expect, test } from 'vitest';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import {
  DEINTERLEAVING,
  INTERLEAVING,
  PERMUTATIONS,
} from '../../src/translator/vector/permutation-families.ts';
import { INTEGER_ROWS, VectorTable } from '../../src/translator/vector/table.ts';
import { SATURATED, STICKY_SLOT, type VectorFunction } from '../../src/translator/vector/vector-function.ts';
import { ELEMENTWISE, WHOLE } from './vector-oracle.ts';

const STATE = MemoryLayout.state >>> 2;
const STICKY = STATE + STICKY_SLOT;
const V = STATE + 32;
const words = new Int32Array(STATE + 256);
const table = new VectorTable(INTEGER_ROWS, words);

let seed = 12345;
function random(below: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

const EDGES = [0, -1, 1, 0x7fffffff, -0x80000000, 0x7fff8000, 0x7f808000, 0x80, 0x01ff00fe, 0x7fff0001];
function randomWord(): number {
  return random(3) === 0 ? EDGES[random(EDGES.length)]! : (random(65536) << 16) | random(65536);
}

function elements(from: Int32Array, at: number, n: number, bits: number, signed: boolean): bigint[] {
  return Array.from({ length: n }, (_, i) => {
    let value = 0n;
    for (let bit = 0; bit < bits; bit += 8) {
      const byte = i * (bits / 8) + bit / 8;
      value |= BigInt((from[at + (byte >> 2)]! >>> (8 * (byte & 3))) & 0xff) << BigInt(bit);
    }
    return signed ? BigInt.asIntN(bits, value) : value;
  });
}

function wordsOf(values: readonly bigint[], bits: number): number[] {
  let all = 0n;
  values.forEach((value, i) => {
    all |= BigInt.asUintN(bits, value) << BigInt(i * bits);
  });
  const n = (values.length * bits) / 32;
  return Array.from({ length: n }, (_, i) => Number(BigInt.asIntN(32, all >> BigInt(32 * i))));
}

/** What a row's name says: family, sign, bits of the narrower elements. */
function partsOf(row: VectorFunction): { name: string; signed: boolean; bits: number } {
  const match = /^(.*)\.([su])(\d+)( q)?$/.exec(row.name);
  if (match === null) return { name: row.name.replace(/ (\d|q)$/, ''), signed: false, bits: 8 };
  return { name: match[1]!, signed: match[2] === 's', bits: Number(match[3]) };
}

const LONG =
  /^(v(add|sub|aba|abd|ml[as]|mul|qdml[as]|qdmul)l|vshll|vmull\.p8|vpaddl|vpadal|v(add|sub)w)( scalar)?$/;
const WIDE_OPERANDS = /^(vr?(add|sub)hn|vq?r?shru?n)$/;

function immediateOf(name: string, bits: number): number {
  if (/scalar$/.test(name)) return random(64 / bits);
  if (name === 'vrev') return bits === 8 ? [1, 3, 7][random(3)]! : 1;
  if (name === 'vext') return random(8);
  // The moves between widths are shifts by nothing.
  if (/^v(shrn|qshru?n)$/.test(name)) return random(bits + 1);
  if (/^v(r?shr|r?sra|sri|q?r?shru?n|r?shrn)$/.test(name)) return 1 + random(bits);
  if (/^v(q?shl #|sli|qshlu|shll)$/.test(name)) return random(bits);
  return 0;
}

/** One run of a row on slots d, a, b, against the definitions. */
function check(row: VectorFunction, d: number, a: number, b: number): void {
  const { name, signed, bits } = partsOf(row);
  const imm = /^vtb[lx]$/.test(name) ? 4 * row.reads[1].length : immediateOf(name, bits);
  const dBits = LONG.test(name) ? 2 * bits : bits;
  const aBits = WIDE_OPERANDS.test(name) || /w$/.test(name) ? 2 * bits : bits;
  const bBits = WIDE_OPERANDS.test(name) ? 2 * bits : bits;
  const dSigned = signed && !/^vq(shlu|r?shrun)$/.test(name);
  for (let i = 0; i < 64; i++) words[V + i] = randomWord();
  // Indices into a table, about half of them inside.
  if (/^vtb[lx]$/.test(name)) for (let i = 0; i < 4; i++) words[V + b + i] = words[V + b + i]! & 0x1f2f1f3f;
  words[STICKY] = 0;
  const before = words.slice(V, V + 64);
  const lanes = (row.writes[0].length * 32) / dBits;
  const x = elements(before, a, (row.reads[1].length * 32) / aBits, aBits, signed);
  let y = elements(before, b, (row.reads[2].length * 32) / bBits, bBits, signed);
  const old = elements(before, d, lanes, dBits, dSigned);
  if (/scalar$/.test(name)) y = new Array<bigint>(lanes).fill(y[imm]!);
  let saturated = false;
  const low = dSigned ? -(1n << BigInt(dBits - 1)) : 0n;
  const high = (1n << BigInt(dSigned ? dBits - 1 : dBits)) - 1n;
  const sat = (value: bigint): bigint => {
    if (value >= low && value <= high) return value;
    saturated = true;
    return value < low ? low : high;
  };
  const e = { imm, bits: BigInt(bits), resultBits: BigInt(dBits), sat };
  const each = ELEMENTWISE[name];
  const whole = WHOLE[name];
  if (each === undefined && whole === undefined) throw new Error(`the oracle has no ${name}`);
  const result =
    each === undefined ? whole!(x, y, old, imm) : old.map((o, i) => each(x[i]!, y[i] ?? 0n, o, e));
  const expected = before.slice();
  const resultWords = wordsOf(result, dBits);
  row.writes[0].forEach((word, i) => {
    expected[d + word] = resultWords[i]!;
  });
  row.writes[1].forEach((word, i) => {
    expected[a + word] = resultWords[row.writes[0].length + i]!;
  });
  table.run(table.numberOf(row), imm, V + d, V + a, V + b);
  const got = words.slice(V, V + 64);
  expect(`${name} #${imm}: ${got.join(' ')}`).toBe(`${name} #${imm}: ${expected.join(' ')}`);
  expect(words[STICKY]).toBe(saturated ? SATURATED : 0);
}

const isStructure = (row: VectorFunction): boolean =>
  DEINTERLEAVING.includes(row) || INTERLEAVING.includes(row);
const isDuplicate = (row: VectorFunction): boolean => PERMUTATIONS.vdup.rows.includes(row);
const COMPUTING = INTEGER_ROWS.filter((row) => !isStructure(row) && !isDuplicate(row));

describe('a vector function gives what the oracle gives, saturation included, and writes nothing else', () => {
  test.each(COMPUTING.map((row) => [row.name, row] as const))('%s', (_name, row) => {
    for (let round = 0; round < 12; round++) check(row, 0, 16, 32);
    // The result may be an operand, wholly (A8.8: operands are read before the result is written).
    const exchanges = row.writes[1].length > 0;
    if (!exchanges)
      for (const [a, b] of [
        [0, 16],
        [16, 0],
        [0, 0],
      ] as const)
        check(row, 0, a, b);
    // A doubleword operand may be the upper half of a quadword result.
    if (!exchanges) check(row, 0, 2, 2);
  });
});

test.each(PERMUTATIONS.vdup.rows.filter((row) => row !== undefined).map((row) => [row.name, row] as const))(
  '%s repeats the element that the immediate names',
  (name, row) => {
    const bits = Number(/\d+/.exec(name)![0]);
    for (let index = 0; index < 64 / bits; index++) {
      for (let i = 0; i < 64; i++) words[V + i] = randomWord();
      const [element] = elements(words, V + 8, 64 / bits, bits, false).slice(index);
      table.run(table.numberOf(row), index, V, V + 8, V + 8);
      const lanes = (row.writes[0].length * 32) / bits;
      expect(elements(words, V, lanes, bits, false)).toEqual(new Array(lanes).fill(element));
    }
  },
);

describe('structures', () => {
  test.each(DEINTERLEAVING.map((row, i) => [row.name, row, INTERLEAVING[i]!] as const))(
    '%s puts element e of register r where e * count + r was in memory, and the store puts it back',
    (name, load, store) => {
      const [count, bits, step] = [...name.matchAll(/\d+/g)].map(([digits]) => Number(digits));
      for (let i = 0; i < 64; i++) words[V + i] = randomWord();
      const memory = elements(words, V + 40, (count! * 64) / bits!, bits!, false);
      const bytes = words.slice(V + 40, V + 40 + 2 * count!);
      table.run(table.numberOf(load), 0, V, V + 40, V);
      for (let r = 0; r < count!; r++) {
        const register = elements(words, V + 2 * step! * r, 64 / bits!, bits!, false);
        expect(register).toEqual(register.map((_, e) => memory[e * count! + r]));
      }
      words.fill(0, V + 40, V + 48);
      table.run(table.numberOf(store), 0, V + 40, V, V);
      expect(words.slice(V + 40, V + 40 + 2 * count!)).toEqual(bytes);
    },
  );
});
