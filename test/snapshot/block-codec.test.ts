import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compressBlock, compressBound, decompressBlock } from '../../src/snapshot/block-codec.ts';

function compressed(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(compressBound(bytes.length));
  return out.slice(0, compressBlock(bytes, out));
}

function decompressed(block: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  decompressBlock(block, out);
  return out;
}

/** Bytes with repetitions near and far, as memory has them. */
const memoryLike = fc
  .array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 300 })), { maxLength: 20 })
  .map((runs) =>
    Uint8Array.from(
      runs.flatMap(([bytes, times]) =>
        Array(times)
          .fill([...bytes])
          .flat(),
      ),
    ),
  );

describe('a compressed block', () => {
  test('gives back what was compressed', () => {
    fc.assert(
      fc.property(fc.oneof(memoryLike, fc.uint8Array({ maxLength: 2000 })), (bytes) => {
        expect(decompressed(compressed(bytes), bytes.length)).toEqual(bytes);
      }),
    );
  });

  test('never is longer than its bound, and much shorter where bytes repeat', () => {
    let seed = 1;
    const noise = Uint8Array.from({ length: 100_000 }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      return seed >>> 24;
    });
    expect(compressed(noise).length).toBeLessThanOrEqual(compressBound(noise.length));
    expect(Buffer.compare(decompressed(compressed(noise), noise.length), noise)).toBe(0);
    expect(compressed(new Uint8Array(1 << 20).fill(7)).length).toBeLessThan(5000);
  });

  test('that is damaged in any way either gives exactly as many bytes or is refused', () => {
    fc.assert(
      fc.property(memoryLike, fc.nat(), fc.nat(255), fc.nat(), (bytes, at, value, cut) => {
        const block = compressed(bytes);
        block[at % block.length] = value;
        const damaged = cut % 3 === 0 ? block.subarray(0, cut % block.length) : block;
        // The space around shows whether anything was written outside.
        const around = new Uint8Array(bytes.length + 64).fill(0xa5);
        try {
          decompressBlock(damaged, around.subarray(32, 32 + bytes.length));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
        expect(around.subarray(0, 32).every((byte) => byte === 0xa5)).toBe(true);
        expect(around.subarray(32 + bytes.length).every((byte) => byte === 0xa5)).toBe(true);
      }),
    );
  });
});
