import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openDisk } from '../../src/host/index.ts';
import { createMachine, SnapshotError } from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

let directory = '';
let image = '';

beforeEach(() => {
  directory = temporaryFolder();
  image = join(directory, 'disk.img');
  writeFileSync(image, new Uint8Array(256 * 1024).fill(1));
});

/** Saves a machine whose disk has this written at its start, and ends it. */
async function saved(snapshot: boolean, text: string): Promise<Uint8Array> {
  const disk = await openDisk(image, { format: 'raw', snapshot });
  const machine = await createMachine({ memory: '16M', disks: [{ disk }] });
  await disk.write(0, new TextEncoder().encode(text.padEnd(512)));
  const bytes = await machine.save();
  await machine.stop();
  return bytes;
}

async function textAfterRestore(restore: Uint8Array, snapshot: boolean): Promise<string> {
  const disk = await openDisk(image, { format: 'raw', snapshot });
  const machine = await createMachine({ restore, disks: [{ disk }] });
  const sector = new Uint8Array(512);
  await disk.read(0, sector);
  await machine.stop();
  return new TextDecoder().decode(sector).trimEnd();
}

describe('a snapshot of a machine with a disk', () => {
  it('goes on with the file as it is, as often as it has not changed since', async () => {
    const snapshot = await saved(false, 'in the file');
    expect(await textAfterRestore(snapshot, false)).toBe('in the file');
    expect(await textAfterRestore(snapshot, true)).toBe('in the file');
  });

  it('is refused with a file that has changed, by its name', async () => {
    const snapshot = await saved(false, 'then');
    const later = new Date(Date.now() + 60_000);
    utimesSync(image, later, later);
    const refused = textAfterRestore(snapshot, true);
    await expect(refused).rejects.toThrow(SnapshotError);
    await expect(refused).rejects.toThrow(/disk 0, '.*disk\.img', is not as it was/);
  });

  it('holds what the guest wrote to a throw-away disk; the file is as it was', async () => {
    const snapshot = await saved(true, 'over the file');
    for (let i = 0; i < 3; i++) expect(await textAfterRestore(snapshot, true)).toBe('over the file');
  });

  it('of a throw-away disk is refused with one that is none', async () => {
    const snapshot = await saved(true, 'over the file');
    await expect(textAfterRestore(snapshot, false)).rejects.toThrow(/throw-away disk 0/);
  });
});
