import { describe, expect, test } from 'vitest';
import { type Field, insertField } from '../../src/arm/decode/pattern.ts';
import type { Row } from '../../src/arm/decode/row.ts';
import { A32_ROWS, T16_ROWS, T32_ROWS } from '../../src/arm/decode/tables.ts';
import { type TranslateRequest, translateBlock } from '../../src/arm/translate-block.ts';
import { irProblems } from '../../src/translator/ir/verify.ts';
import { optimise } from '../../src/translator/optimise.ts';
import { randomWords } from './random-words.ts';

const PC = 0x8000;

function translate(halfwords: readonly number[], options: Partial<TranslateRequest>) {
  const pc = options.pc ?? PC;
  return translateBlock({
    pc,
    thumb: true,
    bigEndian: false,
    it: 0,
    features: { divide: true, swp: true, virtualization: true, fusedMultiplyAdd: true },
    maxInstructions: 64,
    fetch16: (va) => halfwords[((va - pc) | 0) >> 1] ?? -1,
    ...options,
  });
}

const isCondition = (field: Field): boolean => field.pieces[0].shift === 28;

describe('every encoding lifts to well-formed IR, before and after the optimiser', () => {
  const random = randomWords(0x1234567);
  const encodingOf = (row: Row): number => {
    let encoding = (row.value | row.shouldValue) >>> 0;
    for (const field of row.fields) {
      const value = random() % 2 ** field.width;
      encoding = insertField(field, encoding, isCondition(field) ? value % 15 : value);
    }
    return encoding;
  };
  const problemsOf = (row: Row, thumb: boolean): string[] => {
    const problems: string[] = [];
    for (let i = 0; i < 40; i++) {
      const encoding = encodingOf(row);
      const [high, low] = [encoding >>> 16, encoding & 0xffff];
      const code = row.width === 16 ? [encoding] : thumb ? [high, low] : [low, high];
      const it = thumb && random() % 4 === 0 ? random() & 0xef : 0;
      const result = translate(code, { thumb, it: (it & 15) === 0 ? 0 : it, bigEndian: random() % 2 === 0 });
      if (result === undefined) throw new Error(`${row.name} was not translated`);
      for (const block of [result.block, optimise(result.block)]) {
        for (const problem of irProblems(block))
          problems.push(`${row.name} 0x${encoding.toString(16)}: ${problem}`);
      }
    }
    return problems;
  };
  test('A32', () => expect(A32_ROWS.flatMap((row) => problemsOf(row, false))).toEqual([]));
  test('T32', () => expect(T32_ROWS.flatMap((row) => problemsOf(row, true))).toEqual([]));
  test('T16', () => expect(T16_ROWS.flatMap((row) => problemsOf(row, true))).toEqual([]));
});
