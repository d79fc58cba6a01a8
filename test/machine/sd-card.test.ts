import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MCI, MciStatus } from '../../src/devices/pl181-registers.ts';
import { openDisk } from '../../src/host/index.ts';
import { createMachine, type Machine } from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const MMCI = 0x1000_5000;
const SYS_MCI = 0x1000_0048;
const RCA = 0x4567_0000;

let directory = '';
let image = '';

beforeEach(() => {
  directory = temporaryFolder();
  image = join(directory, 'card.img');
  writeFileSync(image, new Uint8Array(256 * 1024).fill(1));
});

async function machineWith(readOnly = false, restore?: Uint8Array): Promise<Machine> {
  const sd = await openDisk(image, { format: 'raw', readOnly });
  return createMachine({
    ...(restore ? { restore } : { bios: new Uint8Array(64) }),
    machine: 'vexpress-a9',
    memory: '1M',
    sd,
  });
}

/** A driver of the card: what a guest would do by its instructions. */
function driverOf({ memory }: Machine) {
  const command = (index: number, argument = 0, kind = 0x440): number => {
    memory.writeWord(MMCI + MCI.Clear, MciStatus.STATIC);
    memory.writeWord(MMCI + MCI.Argument, argument);
    memory.writeWord(MMCI + MCI.Command, kind | index);
    return memory.readWord(MMCI + MCI.Response0);
  };
  const select = (): void => {
    command(0, 0, 0x400);
    command(55);
    command(41, 0x40ff_8000);
    command(2, 0, 0x4c0);
    command(3);
    command(7, RCA);
  };
  const start = (control: number): void => {
    memory.writeWord(MMCI + MCI.DataLength, 512);
    memory.writeWord(MMCI + MCI.DataCtrl, control);
  };
  const ready = async (): Promise<void> => {
    while (!(command(13, RCA) & 0x100)) await new Promise((resolve) => setImmediate(resolve));
  };
  const writeBlock = (block: number, word: number): void => {
    command(24, block * 512);
    start(0x91);
    for (let i = 0; i < 128; i++) memory.writeWord(MMCI + MCI.FIFO, word);
  };
  const readBlock = async (block: number): Promise<number[]> => {
    start(0x93);
    command(17, block * 512);
    const words: number[] = [];
    while (words.length < 128) {
      if (memory.readWord(MMCI + MCI.Status) & MciStatus.RxDataAvlbl)
        words.push(memory.readWord(MMCI + MCI.FIFO));
      else await new Promise((resolve) => setImmediate(resolve));
    }
    return words;
  };
  return { command, select, ready, writeBlock, readBlock };
}

describe('the SD card of a machine', () => {
  it('is what is in its file, and what is written is there when the card is ready', async () => {
    const machine = await machineWith();
    const { select, ready, writeBlock, readBlock } = driverOf(machine);
    select();
    expect(new Set(await readBlock(3))).toEqual(new Set([0x0101_0101]));
    writeBlock(3, 0x5a5a_5a5a);
    await ready();
    expect(readFileSync(image).subarray(3 * 512, 4 * 512)).toEqual(Buffer.alloc(512, 0x5a));
    expect(new Set(await readBlock(3))).toEqual(new Set([0x5a5a_5a5a]));
    await machine.stop();
  });

  it('shows by the switches of its slot whether it is there, and protected', async () => {
    const machine = await machineWith(true);
    expect(machine.memory.readWord(SYS_MCI)).toBe(3);
    await machine.stop();
    const without = await createMachine({ machine: 'vexpress-a9', memory: '1M', bios: new Uint8Array(64) });
    expect(without.memory.readWord(SYS_MCI)).toBe(0);
    await without.stop();
  });

  it('goes on in a restored machine, with a write that was under way', async () => {
    const machine = await machineWith();
    const before = driverOf(machine);
    before.select();
    before.writeBlock(5, 0x7777_7777);
    const snapshot = await machine.save();
    await machine.stop();
    expect(readFileSync(image)[5 * 512]).toBe(0x77);
    const restored = await machineWith(false, snapshot);
    const after = driverOf(restored);
    await after.ready();
    expect(new Set(await after.readBlock(5))).toEqual(new Set([0x7777_7777]));
    await restored.stop();
  });

  it('must be there, and as large, where a machine with one is restored', async () => {
    const machine = await machineWith();
    const snapshot = await machine.save();
    await machine.stop();
    await expect(createMachine({ restore: snapshot })).rejects.toThrow(/disk 0 was 256 KiB/);
    writeFileSync(image, new Uint8Array(512 * 1024));
    await expect(machineWith(false, snapshot)).rejects.toThrow(/disk 0 was 256 KiB and is 512 KiB here/);
  });
});
