import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { pngOf } from '../../src/machine/png.ts';

describe('a PNG file', () => {
  it('has the chunks of the specification, and the pixels line by line', async () => {
    const rgb = Uint8Array.from({ length: 3 * 2 * 3 }, (_unused, i) => 10 * i);
    const png = Buffer.from(await pngOf({ width: 3, height: 2, rgb }));
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    const chunks: [string, Buffer][] = [];
    for (let at = 8; at < png.length; ) {
      const length = png.readUInt32BE(at);
      chunks.push([png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length)]);
      at += 12 + length;
    }
    expect(chunks.map(([type]) => type)).toEqual(['IHDR', 'IDAT', 'IEND']);
    expect([...chunks[0][1]]).toEqual([0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
    expect([...inflateSync(chunks[1][1])]).toEqual([0, ...rgb.subarray(0, 9), 0, ...rgb.subarray(9)]);
    // The CRC of an empty IEND.
    expect(png.subarray(-4).toString('hex')).toBe('ae426082');
  });
});
