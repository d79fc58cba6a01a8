import { describe, expect, test } from 'vitest';
import { createMachine, type MachineExit } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const VECTORS = RAM + 0x8000;
const BLOCK = RAM + 0x2_0000;
const SYS_EXIT = 0x18;
const SYS_EXIT_EXTENDED = 0x20;
const SYS_WRITE0 = 0x04;
const APPLICATION_EXIT = 0x2_0026;
const RUN_TIME_ERROR = 0x2_0023;
const SVC_ARM = a.svc(0x12_3456);
const POWER_OFF = [...a.mov32(0, 0x8400_0008), a.hvc(0)];

const bytesOf = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);

interface Program {
  readonly code: readonly number[];
  readonly thumb?: boolean;
  readonly semihosting?: boolean;
  readonly block?: readonly number[];
}

/** Runs a program whose vector of supervisor calls switches the machine off. */
async function exitOf({
  code,
  thumb = false,
  semihosting = true,
  block = [0],
}: Program): Promise<MachineExit> {
  const toVectors = [...a.mov32(4, VECTORS), a.mcr(4, 12, 0, 0, 0)];
  const enter = thumb ? [...a.mov32(4, ENTRY + 4 * 6 + 1), a.bx(4)] : [a.NOP, a.NOP, a.NOP];
  const machine = await createMachine({
    memory: '1M',
    semihosting,
    kernel: buildElf(
      [
        { physicalAddress: VECTORS, bytes: bytesOf([a.B_SELF, a.B_SELF, ...POWER_OFF]) },
        { physicalAddress: ENTRY, bytes: bytesOf([...toVectors, ...enter, ...code]) },
        { physicalAddress: BLOCK, bytes: bytesOf(block) },
      ],
      { entry: ENTRY },
    ),
  });
  await machine.start();
  return machine.exited;
}

const call = (operation: number, argument: number): number[] => [
  a.movw(0, operation),
  ...a.mov32(1, argument),
  SVC_ARM,
  a.B_SELF,
];

describe('semihosting (ARM DUI 0471)', () => {
  test.each([
    ['SYS_EXIT of an application that is done', SYS_EXIT, APPLICATION_EXIT, 0],
    ['SYS_EXIT for any other reason', SYS_EXIT, RUN_TIME_ERROR, 1],
  ])('%s', async (_name, operation, argument, code) => {
    expect(await exitOf({ code: call(operation, argument) })).toEqual({ reason: 'semihosting', code });
  });

  test.each([
    ['the exit code of the block', [APPLICATION_EXIT, 42], 42],
    ['its low byte only', [APPLICATION_EXIT, 0x107], 7],
    ['1 for any other reason', [RUN_TIME_ERROR, 42], 1],
  ])('SYS_EXIT_EXTENDED gives %s', async (_name, block, code) => {
    expect(await exitOf({ code: call(SYS_EXIT_EXTENDED, BLOCK), block })).toEqual({
      reason: 'semihosting',
      code,
    });
  });

  test('SYS_EXIT_EXTENDED with a block where nothing is gives 1', async () => {
    expect(await exitOf({ code: call(SYS_EXIT_EXTENDED, 0x2000_0000) })).toEqual({
      reason: 'semihosting',
      code: 1,
    });
  });

  test('T32 calls with SVC 0xab', async () => {
    const code = a.pack([
      ...a.tMovw(0, SYS_EXIT),
      ...a.tMovw(1, APPLICATION_EXIT & 0xffff),
      0xf2c0,
      0x0102,
      a.tSvc(0xab),
    ]);
    expect(await exitOf({ code, thumb: true })).toEqual({ reason: 'semihosting', code: 0 });
  });

  test('other operations, other comments, and all of them where it is off, are supervisor calls of the guest', async () => {
    for (const program of [
      { code: call(SYS_WRITE0, BLOCK) },
      { code: [a.movw(0, SYS_EXIT), a.svc(0xab), a.B_SELF] },
      { code: call(SYS_EXIT, APPLICATION_EXIT), semihosting: false },
    ]) {
      expect(await exitOf(program)).toEqual({ reason: 'poweroff', code: 0 });
    }
  });
});
