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

  test('HLT 0xf000 in A32 and HLT 0x3c in T32 are calls too', async () => {
    const arm = [a.movw(0, SYS_EXIT), ...a.mov32(1, APPLICATION_EXIT), 0xe10f0070, a.B_SELF];
    expect(await exitOf({ code: arm })).toEqual({ reason: 'semihosting', code: 0 });
    const thumb = a.pack([
      ...a.tMovw(0, SYS_EXIT),
      ...a.tMovw(1, APPLICATION_EXIT & 0xffff),
      0xf2c0,
      0x0102,
      0xbabc,
    ]);
    expect(await exitOf({ code: thumb, thumb: true })).toEqual({ reason: 'semihosting', code: 0 });
  });

  test('other comments, and all operations where it is off, are supervisor calls of the guest', async () => {
    for (const program of [
      { code: [a.movw(0, SYS_EXIT), a.svc(0xab), a.B_SELF] },
      { code: call(SYS_EXIT, APPLICATION_EXIT), semihosting: false },
    ]) {
      expect(await exitOf(program)).toEqual({ reason: 'poweroff', code: 0 });
    }
  });

  test('an operation that is none gives -1, and the program goes on', async () => {
    const code = [a.movw(0, 0x99), SVC_ARM, a.addImm(0, 0, 1), ...exitWithR0()];
    expect(await exitOf({ code })).toEqual({ reason: 'semihosting', code: 0 });
  });
});

/** Stores R0 as the exit code of a block, and exits with that. */
function exitWithR0(): number[] {
  const reason = [...a.mov32(3, APPLICATION_EXIT), 0xe5823000];
  return [...a.mov32(2, BLOCK), ...reason, 0xe5820004, a.movw(0, SYS_EXIT_EXTENDED), 0xe1a01002, SVC_ARM];
}

describe('the console of a program', () => {
  const program = (...code: number[]): Uint8Array =>
    buildElf(
      [
        { physicalAddress: ENTRY, bytes: bytesOf(code) },
        { physicalAddress: BLOCK, bytes: new TextEncoder().encode('hello\0') },
      ],
      { entry: ENTRY },
    );
  const hello = [a.movw(0, SYS_WRITE0), ...a.mov32(1, BLOCK), SVC_ARM];
  const exit = call(SYS_EXIT, APPLICATION_EXIT);

  test('is the serial port, unless somebody takes it', async () => {
    const machine = await createMachine({
      memory: '1M',
      semihosting: true,
      kernel: program(...hello, ...exit),
    });
    await machine.start();
    await machine.serial.expect(/hello/);
    const taken: string[] = [];
    const other = await createMachine({
      memory: '1M',
      semihosting: { output: (bytes) => void taken.push(new TextDecoder().decode(bytes)) },
      kernel: program(...hello, ...exit),
    });
    await other.start();
    expect(await other.exited).toEqual({ reason: 'semihosting', code: 0 });
    expect(taken).toEqual(['hello']);
  });

  test('lets a program wait for input, while the event loop turns', async () => {
    let typed: number[] = [];
    const machine = await createMachine({
      memory: '1M',
      semihosting: {
        input: (max) => (typed.length === 0 ? undefined : Uint8Array.from(typed.splice(0, max))),
      },
      kernel: program(a.movw(0, 0x07), SVC_ARM, ...exitWithR0()),
    });
    await machine.start();
    await new Promise((resolve) => setTimeout(resolve, 30));
    typed = [0x41];
    expect(await machine.exited).toEqual({ reason: 'semihosting', code: 0x41 });
  });
});
