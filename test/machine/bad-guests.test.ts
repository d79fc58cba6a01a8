import { afterEach, describe, expect, test } from 'vitest';
import { createMachine, edu, type Machine } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';
import { randomWords } from '../arm/random-words.ts';
import { buildElf } from '../boot/elf-builder.ts';

const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const VECTORS = RAM + 0x8000;
const SYSTEM_OFF = 0x8400_0008;
const ACCESSES = 1500;

/** What a guest can reach: every device of the board, and the edges of its windows. */
const DEVICES: readonly (readonly [base: number, bytes: number])[] = [
  [0, 0x1_0000],
  [0x0400_0000, 0x1_0000],
  [0x0902_0000, 0x1000],
  [0x0903_0000, 0x1000],
  [0x0800_0000, 0x1_0000],
  [0x0801_0000, 0x1_0000],
  [0x0802_0000, 0x1000],
  [0x0900_0000, 0x1000],
  [0x0901_0000, 0x1000],
  [0x1000_0000, 0x40_0000],
  [0x3eff_0000, 0x1_0000],
  [0x3f00_0000, 0x1_1000],
  [0x3fff_f000, 0x1000],
];

let machine: Machine | undefined;

afterEach(async () => {
  await machine?.stop();
  machine = undefined;
});

/** Loads and stores of every width all over the devices, mostly in the first registers of each. */
function accesses(seed: number): number[] {
  const random = randomWords(seed);
  const code: number[] = [];
  for (let i = 0; i < ACCESSES; i++) {
    const [base, bytes] = DEVICES[random() % DEVICES.length]!;
    const within = random() % 4 === 0 ? random() % bytes : random() % 0x120;
    const aligned = random() % 8 === 0 ? within : within & ~7;
    const small = random() % 3;
    const value = small === 0 ? random() : small === 1 ? random() & 0xff : 1 << (random() % 32);
    code.push(...a.mov32(1, base + aligned), ...a.mov32(2, value), a.movw(3, random() & 0xffff));
    const kinds = [a.ldr, a.str, a.ldrb, a.strb, a.ldrh, a.strh, a.ldrd, a.strd, a.str, a.str];
    const kind = kinds[random() % kinds.length]!;
    code.push(kind(kind === a.ldr || kind === a.ldrd ? 4 : 2, 1));
  }
  return [...code, ...a.mov32(0, SYSTEM_OFF), a.hvc(0), a.B_SELF];
}

describe('a guest that pokes at everything', () => {
  test.each([1, 2, 3, 4, 5, 6])('never ends the library: seed %i', async (seed) => {
    const setup = [...a.mov32(0, VECTORS), a.mcr(0, 12, 0, 0, 0)];
    const handlers = new Array<number>(8).fill(a.subsPcLr(4));
    const bytes = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
    machine = await createMachine({
      memory: '2M',
      kernel: buildElf(
        [
          { physicalAddress: VECTORS, bytes: bytes(handlers) },
          { physicalAddress: ENTRY, bytes: bytes([...setup, ...accesses(seed * 7919)]) },
        ],
        { entry: ENTRY },
      ),
      pci: [edu()],
      clock: 'instructions',
    });
    await machine.start();
    // A guest may overwrite itself by DMA and never end: it is stopped then.
    const running = machine;
    const limit = setTimeout(() => void running.stop(), 20_000);
    const { reason } = await machine.exited;
    clearTimeout(limit);
    expect(['poweroff', 'stopped']).toContain(reason);
    expect(machine.instructions).toBeGreaterThan(6 * ACCESSES);
  });

  test.each([
    ['endless UNDEFINED', [0xe7f0_00f0]],
    ['an SVC without vectors', [a.svc(0x123456)]],
    ['a jump to where nothing is', [...a.mov32(0, 0x0f00_0000), a.bx(0)]],
    [
      'tables where nothing is',
      [...a.mov32(0, 0x2000_0000), a.mcr(0, 2, 0, 0, 0), a.movw(1, 1), a.mcr(1, 1, 0, 0, 0), a.B_SELF],
    ],
    [
      'tables in a device',
      [...a.mov32(0, 0x0900_0000), a.mcr(0, 2, 0, 0, 0), a.movw(1, 1), a.mcr(1, 1, 0, 0, 0), a.B_SELF],
    ],
    ['code in a device', [...a.mov32(0, 0x0900_0000), a.bx(0)]],
    ['a stack at the end of the address space', [...a.mov32(13, 0xffff_fffe), 0xe92d_ffff]],
  ])('%s keeps the machine stoppable', async (_name, code) => {
    machine = await createMachine({
      memory: '1M',
      kernel: buildElf([{ physicalAddress: ENTRY, bytes: new Uint8Array(Uint32Array.from(code).buffer) }]),
    });
    await machine.start();
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await machine.stop()).toEqual({ reason: 'stopped', code: 0 });
  });
});
