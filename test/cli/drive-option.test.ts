import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Drives } from '../../src/cli/drive-option.ts';
import { temporaryFolder } from '../temporary-folder.ts';

let directory = '';
let image = '';

beforeEach(() => {
  directory = temporaryFolder();
  image = join(directory, 'a,b.img');
  writeFileSync(image, new Uint8Array(4096));
});

const quoted = (): string => image.replaceAll(',', ',,');

describe('--drive', () => {
  it('opens the file, whose name may have commas, with the settings that are given', async () => {
    const drives = await Drives.open(
      [`file=${quoted()},format=raw,bus=pci,readonly=on,serial=S1,queues=2`],
      false,
    );
    const [drive] = drives.forMachine();
    expect(drive).toMatchObject({ bus: 'pci', serial: 'S1', queues: 2 });
    expect([drive.disk.size, drive.disk.readOnly]).toEqual([4096, true]);
    await drives.close();
  });

  it('leaves a number of queues that can’t be to the library, which refuses it', async () => {
    const drives = await Drives.open([`file=${quoted()},format=raw,queues=0`], false);
    expect(drives.forMachine()[0].queues).toBe(0);
    await drives.close();
  });

  it('stays open from one machine of a session to the next; what was written is there, and in the file', async () => {
    const drives = await Drives.open([`file=${quoted()},format=raw`], false);
    const [first] = drives.forMachine();
    await first.disk.write(512, new Uint8Array(512).fill(7));
    await first.disk.close();
    const [second] = drives.forMachine();
    const back = new Uint8Array(512);
    await second.disk.read(512, back);
    expect(back[0]).toBe(7);
    await drives.close();
    expect(readFileSync(image)[512]).toBe(7);
  });

  it('with --snapshot, what was written survives a reboot and not the session', async () => {
    const drives = await Drives.open([`file=${quoted()},format=raw`], true);
    const [first] = drives.forMachine();
    await first.disk.write(0, new Uint8Array(512).fill(7));
    await first.disk.close();
    const back = new Uint8Array(512);
    await drives.forMachine()[0].disk.read(0, back);
    expect(back[0]).toBe(7);
    await drives.close();
    expect(readFileSync(image)[0]).toBe(0);
  });

  it('with if=sd, or --sd, is the SD card and no virtio disk', async () => {
    for (const drives of [
      await Drives.open([`file=${quoted()},if=sd,format=raw,readonly=on`], false),
      await Drives.open([], true, image),
    ]) {
      expect(drives.forMachine()).toEqual([]);
      expect(drives.sdForMachine()?.size).toBe(4096);
      await drives.close();
    }
    const none = await Drives.open([], false);
    expect(none.sdForMachine()).toBeUndefined();
    await none.close();
  });

  it('knows of one slot, and of no setting that a card has not', async () => {
    await expect(Drives.open([`file=${quoted()},if=sd`], false, image)).rejects.toThrow(/two SD cards/);
    await expect(Drives.open([`file=${quoted()},if=sd,bus=pci`], false)).rejects.toThrow(/has no bus/);
  });

  it.each([
    '',
    'file=',
    'a.img',
    'file=x,foo=1',
    'file=x,readonly=maybe',
    'file=x,if=ide',
    'file=x,queues=y',
  ])('%j is refused with the form to write', async (text) => {
    await expect(Drives.open([text], false)).rejects.toThrow(/--drive/);
  });

  it('leaves nothing open when one of several can not be used', async () => {
    await expect(Drives.open([`file=${quoted()}`, `file=${directory}/none`], false)).rejects.toThrow(/none/);
    const again = await Drives.open([`file=${quoted()},format=raw`], false);
    await again.close();
  });
});
