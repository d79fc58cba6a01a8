import { expect, test } from 'vitest';
import { VECTOR_ROWS } from '../../../src/arm/vector-rows.ts';
import { FunctionBody } from '../../../src/translator/wasm/function-body.ts';
import { emitVector, hasEmitter } from '../../../src/translator/wasm/vector-emitters.ts';

/** Operations without code of their own: rare ones, and those that the host has nothing for. */
const INTERPRETED = [
  'vcvtb.f32.f16 vcvtb.f16.f32 vcvt.f16.f32 vcvt.f32.f16',
  'vqshl vrshl vqrshl vmul.p8 vmull.p8 vrecpe.u32.f32 vrsqrte.u32.f32',
]
  .join(' ')
  .split(' ');

test('every other row has code', () => {
  const operation = (name: string): string => name.replace(/\.[su]\d+( q)?$/, '');
  const without = VECTOR_ROWS.filter((row) => !hasEmitter(row)).map(({ name }) => operation(name));
  expect([...new Set(without)].toSorted()).toEqual(INTERPRETED.toSorted());
});

test('a row without code leaves the body as it is', () => {
  for (const row of VECTOR_ROWS.filter((r) => !hasEmitter(r))) {
    const code = new FunctionBody([]);
    expect(emitVector(code, row, 128, 128, 128, 0, () => code.i32(0))).toBe(false);
    expect(code.length).toBe(0);
  }
});
