import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { LCD } from '../../src/devices/pl111/registers.ts';
import { writeOutputFile } from '../../src/host/files.ts';
import { createMachine, type Machine } from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const CLCD = 0x1002_0000;
const RAM = 0x6000_0000;

let machine: Machine | undefined;
afterEach(async () => {
  await machine?.stop();
});

/** A machine whose screen has 16 by 2 pixels of 16 bits, from the start of RAM. */
async function withPicture(): Promise<Machine> {
  machine = await createMachine({ machine: 'vexpress-a9', memory: '16M', bios: new Uint8Array(64) });
  const { memory } = machine;
  memory.write(
    RAM,
    new Uint8Array(Uint16Array.from({ length: 32 }, (_unused, n) => (n < 16 ? 0xf800 : 0x07e0)).buffer),
  );
  for (const [register, value] of [
    [LCD.Timing1, 1],
    [LCD.UPBASE, RAM],
    // 5:6:5 with blue lowest.
    [LCD.Control, 0x90d],
  ] as const) {
    memory.write(CLCD + register, new Uint8Array(Uint32Array.of(value).buffer));
  }
  return machine;
}

/** Width, height and lines of a PNG file with one IDAT. */
function pixels(png: Buffer): { size: number[]; lines: string[] } {
  const width = png.readUInt32BE(16);
  const bytes = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  const line = 1 + 3 * width;
  const lines = Array.from({ length: bytes.length / line }, (_unused, y) =>
    bytes.toString('hex', y * line + 1, (y + 1) * line),
  );
  return { size: [width, png.readUInt32BE(20)], lines };
}

describe('a screenshot', () => {
  it('has exactly the pixels that the guest has put into its memory', async () => {
    const png = await (await withPicture()).screenshot();
    expect(pixels(Buffer.from(png))).toEqual({
      size: [16, 2],
      lines: ['ff0000'.repeat(16), '00ff00'.repeat(16)],
    });
  });

  it('is black where there is no memory: no register is read for it', async () => {
    const { memory } = await withPicture();
    memory.writeWord(0x1000_6000, 4);
    memory.writeWord(0x1000_6008, 0xee);
    memory.writeWord(CLCD + LCD.UPBASE, 0x1000_6000);
    const png = await (machine as Machine).screenshot();
    expect(pixels(Buffer.from(png)).lines[0]).toBe('000000'.repeat(16));
    // The keyboard's answer is still there.
    expect(memory.readWord(0x1000_6004) & 0x10).toBe(0x10);
  });

  it('is read from the video RAM, too', async () => {
    const { memory } = await withPicture();
    memory.write(0x4c00_0000, new Uint8Array(64).fill(0xff));
    memory.writeWord(CLCD + LCD.UPBASE, 0x4c00_0000);
    const png = await (machine as Machine).screenshot();
    expect(pixels(Buffer.from(png)).lines[0]).toBe('ffffff'.repeat(16));
  });

  it('is a file by the monitor', async () => {
    const directory = temporaryFolder();
    const file = join(directory, 'screen.png');
    const host = { quit: () => {}, writeFile: writeOutputFile };
    const shown = await withPicture();
    expect(await shown.monitor(`screendump ${file}`, host)).toBe('');
    expect(pixels(readFileSync(file)).size).toEqual([16, 2]);
    expect(await shown.monitor(`screendump ${directory}/none/x.png`, host)).toMatch(/can't write/);
  });

  it('can not be had while the screen is off, nor of a board without one', async () => {
    machine = await createMachine({ machine: 'vexpress-a9', memory: '16M', bios: new Uint8Array(64) });
    await expect(machine.screenshot()).rejects.toThrow('the guest has not switched the screen on');
    await machine.stop();
    machine = await createMachine({ memory: '16M' });
    await expect(machine.screenshot()).rejects.toThrow('virt has no screen');
    expect(machine.typeKeys([0x1c])).toBe(false);
  });
});
