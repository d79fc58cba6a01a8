import { readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ArmemuError } from '../../src/errors.ts';
import { type OpenDiskOptions, openDisk } from '../../src/host/open-disk.ts';
import type { DiskBackend } from '../../src/ports/disk.ts';
import { temporaryFolder } from '../temporary-folder.ts';

let folder = '';
const open: DiskBackend[] = [];

beforeEach(async () => {
  folder = temporaryFolder();
});

afterEach(async () => {
  for (const disk of open.splice(0)) await disk.close();
});

const path = (name: string): string => join(folder, name);

async function opened(name: string, options?: OpenDiskOptions): Promise<DiskBackend> {
  const disk = await openDisk(path(name), options);
  open.push(disk);
  return disk;
}

async function closed(disk: DiskBackend): Promise<void> {
  open.splice(open.indexOf(disk), 1);
  await disk.close();
}

async function readAt(disk: DiskBackend, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length).fill(0xee);
  await disk.read(offset, bytes);
  return bytes;
}

/** What opening it is refused with. */
async function refusal(name: string, options?: OpenDiskOptions): Promise<string> {
  const error = await openDisk(path(name), options).then(
    async (disk) => {
      await disk.close();
      return undefined;
    },
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ArmemuError);
  const { message, remedy } = error as ArmemuError;
  return `${message} | ${remedy}`;
}

const CLUSTER = 512;
const COPIED = 0x8000_0000;

interface ImageOptions {
  readonly size?: number;
  readonly version?: number;
  readonly backing?: string;
  readonly encryption?: number;
  readonly snapshots?: number;
  readonly incompatible?: number;
}

/** An empty qcow2 image with clusters of 512 bytes: header, refcount table, its one block, L1 table. */
async function makeImage(name: string, options: ImageOptions = {}): Promise<DataView> {
  const { size = 64 * 1024, version = 3, backing, encryption = 0, snapshots = 0, incompatible = 0 } = options;
  const bytes = new Uint8Array(4 * CLUSTER);
  const view = new DataView(bytes.buffer);
  bytes.set([0x51, 0x46, 0x49, 0xfb]);
  view.setUint32(4, version);
  if (backing !== undefined) {
    bytes.set(new TextEncoder().encode(backing), 256);
    view.setUint32(12, 256);
    view.setUint32(16, backing.length);
  }
  view.setUint32(20, 9);
  view.setUint32(28, size);
  view.setUint32(32, encryption);
  view.setUint32(36, Math.ceil(size / (64 * CLUSTER)));
  view.setUint32(44, 3 * CLUSTER);
  view.setUint32(52, 1 * CLUSTER);
  view.setUint32(56, 1);
  view.setUint32(60, snapshots);
  view.setUint32(76, incompatible);
  view.setUint32(96, 4);
  view.setUint32(100, 104);
  view.setUint32(CLUSTER + 4, 2 * CLUSTER);
  for (let i = 0; i < 4; i++) view.setUint16(2 * CLUSTER + 2 * i, 1);
  await writeFile(path(name), bytes);
  return view;
}

describe('a raw disk', () => {
  test('has the contents of its file, and writes into it', async () => {
    await writeFile(path('d'), new Uint8Array(4096).fill(7));
    const disk = await opened('d');
    expect(disk.size).toBe(4096);
    expect(await readAt(disk, 1024, 4)).toEqual(Uint8Array.of(7, 7, 7, 7));
    await disk.write(1024, new Uint8Array(512).fill(9));
    await disk.writeZeroes(2048, 512, true);
    await closed(disk);
    const bytes = await readFile(path('d'));
    expect([bytes[1023], bytes[1024], bytes[1535], bytes[1536], bytes[2048], bytes[2560]]).toEqual([
      7, 9, 9, 7, 0, 7,
    ]);
  });

  test('whose file ends within a sector reads as zeroes behind it', async () => {
    await writeFile(path('d'), new Uint8Array(700).fill(7));
    const disk = await opened('d', { readOnly: true });
    expect(disk.size).toBe(1024);
    const bytes = await readAt(disk, 512, 512);
    expect([bytes[187], bytes[188], bytes[511]]).toEqual([7, 0, 0]);
  });

  test('of which nobody said that it is raw can’t be made a qcow2 image by its guest', async () => {
    await writeFile(path('d'), new Uint8Array(4096));
    const disk = await opened('d');
    const header = new Uint8Array(512);
    header.set([0x51, 0x46, 0x49, 0xfb]);
    await expect(disk.write(0, header)).rejects.toThrow('header of a qcow2 image');
    await closed(disk);
    const raw = await opened('d', { format: 'raw' });
    await raw.write(0, header);
  });

  test('with snapshot keeps nothing of what was written', async () => {
    await writeFile(path('d'), new Uint8Array(200_192).fill(7));
    const disk = await opened('d', { snapshot: true });
    const data = new Uint8Array(70_144).fill(9);
    await disk.write(65_024, data);
    await disk.writeZeroes(0, 512, false);
    expect(await readAt(disk, 65_024, data.length)).toEqual(data);
    const around = await readAt(disk, 0, 1024);
    expect([around[511], around[512]]).toEqual([0, 7]);
    expect(await readAt(disk, 199_680, 512)).toEqual(new Uint8Array(512).fill(7));
    await disk.flush();
    await closed(disk);
    expect((await readFile(path('d'))).every((byte) => byte === 7)).toBe(true);
  });
});

describe('a disk file in use', () => {
  test('is refused to another writer, with who has it, also by another name', async () => {
    await writeFile(path('d'), new Uint8Array(512));
    await symlink(path('d'), path('link'));
    const disk = await opened('d');
    expect(await refusal('link')).toMatch(/'.*link' is in use by this armemu itself \| give it once only/);
    expect(await refusal('d', { readOnly: true })).toContain('in use');
    await closed(disk);
    await opened('d');
  });

  test('can have many readers, and no writer beside them', async () => {
    await writeFile(path('d'), new Uint8Array(512));
    await opened('d', { readOnly: true });
    await opened('d', { snapshot: true });
    expect(await refusal('d')).toContain('in use');
  });
});

describe('a qcow2 disk', () => {
  test('reads as zeroes before it is written, and keeps what was written', async () => {
    await makeImage('d');
    let disk = await opened('d');
    expect(await readAt(disk, 0, 65_536)).toEqual(new Uint8Array(65_536));
    const data = Uint8Array.from({ length: 1536 }, (_unused, i) => i);
    await disk.write(1024, data);
    expect(await readAt(disk, 1024, 1536)).toEqual(data);
    await closed(disk);
    disk = await opened('d');
    expect(await readAt(disk, 512, 2560)).toEqual(
      Uint8Array.from([...new Uint8Array(512), ...data, ...new Uint8Array(512)]),
    );
  });

  test('shows its backing file until a cluster is written, and never writes to that', async () => {
    await writeFile(path('base'), new Uint8Array(4096).fill(3));
    await makeImage('d', { backing: 'base' });
    const disk = await opened('d');
    expect(await readAt(disk, 3584, 1024)).toEqual(
      Uint8Array.from([...new Uint8Array(512).fill(3), ...new Uint8Array(512)]),
    );
    await disk.write(0, new Uint8Array(512).fill(4));
    await disk.discard(512, 512);
    await disk.writeZeroes(1024, 512, true);
    expect(await readAt(disk, 0, 512)).toEqual(new Uint8Array(512).fill(4));
    expect(await readAt(disk, 1024, 512)).toEqual(new Uint8Array(512));
    await closed(disk);
    expect((await readFile(path('base'))).every((byte) => byte === 3)).toBe(true);
  });

  test('is on disk as it was at the last flush when its process dies', async () => {
    await makeImage('d');
    const disk = await opened('d');
    await disk.write(0, new Uint8Array(512).fill(1));
    await disk.flush();
    await disk.write(0, new Uint8Array(512).fill(2));
    await disk.write(40_960, new Uint8Array(512).fill(3));
    await writeFile(path('copy'), await readFile(path('d')));
    const copy = await opened('copy');
    // In place, as on a raw disk; and the cluster that was new since the flush is nowhere yet.
    expect((await readAt(copy, 0, 1))[0]).toBe(2);
    expect(await readAt(copy, 40_960, 512)).toEqual(new Uint8Array(512));
    await copy.write(40_960, new Uint8Array(512).fill(5));
    expect((await readAt(copy, 0, 1))[0]).toBe(2);
  });

  test('grows its refcount table when that is full', async () => {
    // 64 blocks of 256 clusters of 512 bytes: 8 MiB of file.
    await makeImage('d', { size: 10 * 2 ** 20 });
    const view = new DataView((await readFile(path('d'))).buffer);
    expect(view.byteLength).toBeGreaterThan(0);
    // The L1 table of a disk of this size takes 320 entries: it lies at the image's end.
    await truncate(path('d'), 9 * CLUSTER);
    const image = await readFile(path('d'));
    for (let i = 0; i < 9; i++) image.writeUInt16BE(1, 2 * CLUSTER + 2 * i);
    await writeFile(path('d'), image);
    let disk = await opened('d');
    const piece = new Uint8Array(512 * 1024);
    for (let i = 0; i < 20; i++) await disk.write(i * piece.length, piece.fill(i + 1));
    await closed(disk);
    expect((await readFile(path('d'))).readUInt32BE(56)).toBeGreaterThan(1);
    disk = await opened('d');
    for (let i = 0; i < 20; i++) {
      const [first] = await readAt(disk, i * piece.length, 512);
      expect(first).toBe(i + 1);
    }
  });

  test.each([
    ['encryption', { encryption: 1 }, 'encryption, which is not supported'],
    ['internal snapshots', { snapshots: 1 }, 'internal snapshots, which is not supported'],
    ['a version that is unknown', { version: 4 }, 'version 4 of the format'],
    ['an external data file', { incompatible: 4 }, 'an external data file'],
    ['refcounts that may be wrong', { incompatible: 1 }, 'qemu-img check -r all'],
    ['a feature that is unknown', { incompatible: 64 }, 'features that came after this program'],
    ['a backing file that is not there', { backing: 'gone' }, "gone': there is no such file"],
    ['a backing file on a server', { backing: 'nbd://host/x' }, "'nbd://host/x', which is no file"],
    ['itself as its backing file', { backing: 'd' }, 'in a circle'],
  ] as const)('is refused with %s', async (_what, options, message) => {
    await makeImage('d', options);
    const said = await refusal('d');
    expect(said).toContain(message);
    expect(said).toContain(`${folder}/d'`);
  });

  test('is refused with backing files that go round in a circle', async () => {
    await makeImage('a', { backing: 'b' });
    await makeImage('b', { backing: 'a' });
    expect(await refusal('a')).toContain('in a circle');
  });

  test.each([
    ['clusters of 2^30 bytes', 20, 30],
    ['an L1 table that is not at a cluster', 44, 3 * CLUSTER + 8],
    ['an L1 table that is too short', 36, 0],
    ['a refcount table of no clusters', 56, 0],
    ['a refcount table without end', 56, 0xffff_ffff],
  ])('is refused as damaged with %s', async (_what, offset, value) => {
    const view = await makeImage('d');
    view.setUint32(offset, value);
    await writeFile(path('d'), new Uint8Array(view.buffer as ArrayBuffer));
    expect(await refusal('d')).toMatch(/damaged qcow2 image|not supported/);
  });

  test('gives an I/O error where its tables point anywhere', async () => {
    const view = await makeImage('d');
    view.setUint32(3 * CLUSTER, COPIED);
    view.setUint32(3 * CLUSTER + 4, 0x7fff_0000);
    await writeFile(path('d'), new Uint8Array(view.buffer as ArrayBuffer));
    const disk = await opened('d');
    await expect(disk.read(0, new Uint8Array(512))).rejects.toThrow('damaged qcow2 image');
    await expect(disk.write(0, new Uint8Array(512))).rejects.toThrow('damaged qcow2 image');
    expect(await readAt(disk, 32_768, 512)).toEqual(new Uint8Array(512));
  });

  test('cut anywhere, or of random bytes behind its header, is refused or reads and writes without end', async () => {
    const view = await makeImage('d');
    const image = new Uint8Array(view.buffer as ArrayBuffer);
    let seed = 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed >>> 16;
    };
    for (let i = 0; i < 60; i++) {
      const bytes = image.slice(0, 1 + (random() % image.length));
      for (let n = 0; n < 20; n++) bytes[8 + (random() % bytes.length)] = random();
      await writeFile(path('d'), bytes);
      const disk = await openDisk(path('d'), { format: 'qcow2' }).catch((error: unknown) => error);
      if (disk instanceof Error) {
        expect(disk).toBeInstanceOf(ArmemuError);
        continue;
      }
      const backend = disk as DiskBackend;
      await backend.read(0, new Uint8Array(512)).catch(() => {});
      await backend.write(0, new Uint8Array(512)).catch(() => {});
      await backend.close().catch(() => {});
    }
  });
});

describe('a disk is refused', () => {
  test('that is not there', async () => {
    expect(await refusal('gone')).toMatch(/can't open the disk '.*gone': there is no such file/);
  });

  test('that is a folder', async () => {
    expect(await openDisk(folder, { readOnly: true }).catch(String)).toContain('no regular file');
  });

  test('that is empty', async () => {
    await writeFile(path('d'), '');
    expect(await refusal('d')).toContain('is empty');
  });

  test('of a format that is unknown, or of another one than was said', async () => {
    await writeFile(path('d'), new Uint8Array(512));
    expect(await refusal('d', { format: 'vmdk' })).toContain('there are: raw, qcow2');
    expect(await refusal('d', { format: 'qcow2' })).toContain('is no qcow2 image');
  });
});
