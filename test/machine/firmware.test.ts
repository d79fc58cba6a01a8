import { afterEach, expect, test } from 'vitest';
import { createMachine, type FlashFile, type Machine } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';

const FLASH_SIZE = 64 * 2 ** 20;
const SYSTEM_OFF = 0x8400_0008;
const RAM = 0x4000_0000;

let machine: Machine | undefined;

afterEach(async () => {
  await machine?.stop();
  machine = undefined;
});

const bytes = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
const POWER_OFF = [...a.mov32(0, SYSTEM_OFF), a.hvc(0), a.B_SELF];

class TestFlash implements FlashFile {
  readonly name = 'flash';
  readonly bytes = new Uint8Array(FLASH_SIZE);
  readonly readOnly = false;
  closed = false;

  constructor(words: readonly number[]) {
    this.bytes.set(bytes(words));
  }

  write(offset: number, written: Uint8Array): boolean {
    this.bytes.set(written, offset);
    return true;
  }

  close(): void {
    this.closed = true;
  }
}

async function run(options: { bios: Uint8Array } | { pflash: readonly FlashFile[] }): Promise<Machine> {
  machine = await createMachine({ memory: '2M', clock: 'instructions', ...options });
  await machine.start();
  expect(await machine.exited).toMatchObject({ reason: 'poweroff' });
  return machine;
}

test('firmware runs from flash at address 0, and reads it as memory', async () => {
  const code = [...a.mov32(1, 0x40), a.ldr(2, 1), ...a.mov32(3, RAM + 0x10_0000), a.str(2, 3), ...POWER_OFF];
  const image = new Uint8Array(0x44);
  image.set(bytes(code));
  image.set([0x78, 0x56, 0x34, 0x12], 0x40);
  const { memory } = await run({ bios: image });
  expect(memory.readWord(RAM + 0x10_0000)).toBe(0x1234_5678);
});

test('a word that was read as memory is the status register after a command, and memory again after 0xFF', async () => {
  const result = RAM + 0x10_0000;
  const bank1 = 0x0400_0000;
  const step = (command: number, at: number): number[] => [
    ...a.mov32(2, command * 0x1_0001),
    a.str(2, 1),
    a.ldr(4, 1),
    ...a.mov32(3, at),
    a.str(4, 3),
  ];
  const code = [
    ...a.mov32(1, bank1),
    a.ldr(4, 1),
    ...step(0x70, result),
    ...step(0xff, result + 4),
    // Program the first word, and see it.
    ...step(0x40, result + 8),
    ...a.mov32(2, 0x0f0f_0f0f),
    a.str(2, 1),
    ...step(0xff, result + 12),
    ...POWER_OFF,
  ];
  const second = new TestFlash([0xffff_fff0]);
  const { memory } = await run({ pflash: [new TestFlash(code), second] });
  expect(memory.readWord(result)).toBe(0x0080_0080);
  expect(memory.readWord(result + 4)).toBe(0xffff_fff0);
  expect(memory.readWord(result + 8)).toBe(0x0080_0080);
  expect(memory.readWord(result + 12)).toBe(0x0f0f_0f00);
  expect([...second.bytes.subarray(0, 4)]).toEqual([0, 0x0f, 0x0f, 0x0f]);
  await machine?.stop();
  expect(second.closed).toBe(true);
});

test('code in flash that is programmed anew is run anew', async () => {
  const bank1 = 0x0400_0000;
  // A subroutine in bank 1: r5 = 3, then 1 once its bit 1 was programmed to zero.
  const subroutine = [a.movw(5, 3), a.bx(14)];
  const call = [...a.mov32(0, bank1), a.movReg(14, 15), a.bx(0)];
  const code = [
    ...call,
    ...a.mov32(6, RAM + 0x10_0000),
    a.str(5, 6),
    ...a.mov32(1, bank1),
    ...a.mov32(2, 0x0040_0040),
    a.str(2, 1),
    ...a.mov32(2, a.movw(5, 1)),
    a.str(2, 1),
    ...a.mov32(2, 0x00ff_00ff),
    a.str(2, 1),
    ...call,
    ...a.mov32(6, RAM + 0x10_0004),
    a.str(5, 6),
    ...POWER_OFF,
  ];
  const { memory } = await run({ pflash: [new TestFlash(code), new TestFlash(subroutine)] });
  expect(memory.readWord(RAM + 0x10_0000)).toBe(3);
  expect(memory.readWord(RAM + 0x10_0004)).toBe(1);
});

test('the power button reaches a guest that looks at line 3 of its GPIO', async () => {
  const loop = [a.ldr(2, 1), a.cmpImm(2, 8), a.b(2, 0, a.NE)];
  const code = [...a.mov32(1, 0x0903_0020), ...loop, ...POWER_OFF];
  machine = await createMachine({ memory: '2M', clock: 'instructions', bios: bytes(code) });
  await machine.start();
  expect(machine.powerButton()).toBe(true);
  expect(await machine.exited).toMatchObject({ reason: 'poweroff' });
});
