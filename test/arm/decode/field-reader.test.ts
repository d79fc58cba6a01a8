import { expect, it } from 'vitest';
import { fieldsOf } from '../../../src/arm/decode/decoder.ts';
import { FieldReader } from '../../../src/arm/decode/field-reader.ts';
import { A32_ROWS, T16_ROWS, T32_ROWS } from '../../../src/arm/decode/tables.ts';

it('reads what each row has, one encoding after the other, and nothing of the one before', () => {
  const reader = new FieldReader();
  for (const row of [...A32_ROWS, ...T16_ROWS, ...T32_ROWS]) {
    for (const free of [0, -1, 0x5a96c3e1]) {
      const encoding = row.value | (free & ~row.mask);
      // An undefined letter counts as none.
      expect({ ...reader.read(row, encoding) }, row.name).toEqual(fieldsOf(row, encoding));
    }
  }
});
