import { describe, expect, test } from 'vitest';
import { SnapshotError } from '../../src/errors.ts';
import { SnapshotReader, writeSnapshot } from '../../src/snapshot/snapshot-file.ts';

const MIB = 2 ** 20;
const silent = (): void => {};

/** RAM with single pages, runs, a full segment, an empty one, and an end that is no whole segment. */
function someRam(): Uint8Array {
  const ram = new Uint8Array(4 * MIB + 128 * 1024);
  ram[5] = 1;
  ram.fill(0x5a, 40 * 4096, 60 * 4096);
  for (let i = MIB; i < 2 * MIB; i++) ram[i] = i >> 3;
  ram[3 * MIB - 1] = 9;
  ram.fill(3, 4 * MIB + 4096);
  return ram;
}

async function someSnapshot(): Promise<Uint8Array> {
  return await writeSnapshot({ shape: { name: 'virt' }, state: { r0: 5 }, ram: someRam() }, silent);
}

describe('a snapshot', () => {
  test('gives back shape, state and RAM', async () => {
    const reader = new SnapshotReader(await someSnapshot());
    expect(reader.shape).toEqual({ name: 'virt' });
    expect(reader.readState()).toEqual({ r0: 5 });
    const ram = new Uint8Array(someRam().length);
    await reader.readRam(ram, silent);
    expect(Buffer.compare(ram, someRam())).toBe(0);
  });

  test('leaves out what is zero', async () => {
    const empty = await writeSnapshot({ shape: null, state: null, ram: new Uint8Array(64 * MIB) }, silent);
    expect(empty.length).toBeLessThan(1000);
  });

  test('can be read at any place in a larger buffer', async () => {
    const file = await someSnapshot();
    const buffer = new Uint8Array(file.length + 7);
    buffer.set(file, 3);
    const reader = new SnapshotReader(buffer.subarray(3, 3 + file.length));
    expect(reader.readState()).toEqual({ r0: 5 });
  });

  test("may be a Buffer of Node's, which copies nothing when a part of it is taken", async () => {
    const state = { levels: Float64Array.of(1, 2, 3), words: Int32Array.of(4, 5) };
    const file = await writeSnapshot({ shape: { name: 'virt' }, state, ram: someRam() }, silent);
    expect(new SnapshotReader(Buffer.from(file)).readState()).toEqual(state);
  });

  test('tells how far it is', async () => {
    const shares: number[] = [];
    const contents = { shape: null, state: null, ram: new Uint8Array(40 * MIB) };
    const file = await writeSnapshot(contents, (done) => void shares.push(done));
    expect(shares).toEqual([0, 0.4, 0.8, 1]);
    shares.length = 0;
    await new SnapshotReader(file).readRam(new Uint8Array(40 * MIB), (done) => void shares.push(done));
    expect(shares).toEqual([0, 0.4, 0.8, 1]);
  });

  test('of RAM of another size is refused', async () => {
    const reader = new SnapshotReader(await someSnapshot());
    for (const size of [3 * MIB, 4 * MIB, 8 * MIB]) {
      await expect(reader.readRam(new Uint8Array(size), silent)).rejects.toThrow(SnapshotError);
    }
  });

  test('cut short is refused, wherever', async () => {
    const file = await someSnapshot();
    for (const length of [0, 7, 31, 32, 100, file.length - 1]) {
      expect(() => new SnapshotReader(file.subarray(0, length))).toThrow(SnapshotError);
    }
    expect(() => new SnapshotReader(file.subarray(0, file.length - 1))).toThrow(
      `cut short: it has ${file.length - 1} bytes, of ${file.length}`,
    );
  });

  test('with one wrong bit is refused, wherever', async () => {
    const file = await someSnapshot();
    for (let at = 0; at < file.length; at += at < 64 ? 1 : 997) {
      for (const bit of [0, 7]) {
        file[at] ^= 1 << bit;
        expect(() => new SnapshotReader(file), `byte ${at}`).toThrow(SnapshotError);
        file[at] ^= 1 << bit;
      }
    }
    expect(() => new SnapshotReader(file)).not.toThrow();
  });

  test('of another format, and what is none, are told apart', async () => {
    const file = await someSnapshot();
    file[8] = 3;
    expect(() => new SnapshotReader(file)).toThrow('format 3, this armemu reads format 2');
    expect(() => new SnapshotReader(new TextEncoder().encode('x'.repeat(100)))).toThrow('no snapshot');
  });
});
