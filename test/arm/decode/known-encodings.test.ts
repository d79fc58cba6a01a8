import { describe, expect, it } from 'vitest';
import { A32_DECODER, T16_DECODER, T32_DECODER } from '../../../src/arm/decode/tables.ts';
import { A32_KNOWN, T16_KNOWN, T32_KNOWN } from './known-encodings.ts';
import { A32_KNOWN_NEON, T32_KNOWN_NEON } from './known-neon.ts';
import { A32_KNOWN_VFP, T32_KNOWN_VFP } from './known-vfp.ts';

describe.each([
  ['A32', A32_DECODER, [...A32_KNOWN, ...A32_KNOWN_VFP, ...A32_KNOWN_NEON]],
  ['T32', T32_DECODER, [...T32_KNOWN, ...T32_KNOWN_VFP, ...T32_KNOWN_NEON]],
  ['T16', T16_DECODER, T16_KNOWN],
] as const)('%s', (_, decoder, known) => {
  for (const [encoding, assembly, name] of known) {
    it(`has ${assembly} as ${encoding.toString(16)}, a ${name}`, () => {
      const row = decoder.decode(encoding);
      expect(row?.name).toBe(name);
      expect(encoding & (row?.shouldMask ?? 0)).toBe(row?.shouldValue);
    });
  }
});
