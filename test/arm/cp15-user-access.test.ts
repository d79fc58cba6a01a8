import { expect, test } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { buildElf } from '../boot/elf-builder.ts';
import * as a from './assembler.ts';

const VECTORS = 0x4001_0000;
const PROGRAM = VECTORS + 0x1000;
const SYSTEM_OFF = 0x8400_0008;
const USER = 0x10;
const bytes = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);

test('CNTFRQ can be read in User mode when CNTKCTL allows the counter, and never be written there', async () => {
  const undefinedInstruction = [a.mrc(3, 14, 0, 0, 0), ...a.mov32(0, SYSTEM_OFF), a.hvc(0)];
  const vectors = [a.B_SELF, a.b(1, 8), ...new Array<number>(6).fill(a.B_SELF), ...undefinedInstruction];
  const program = [
    ...a.mov32(0, VECTORS),
    a.mcr(0, 12, 0, 0, 0),
    a.movw(0, 1), // CNTKCTL.PL0PCTEN
    a.mcr(0, 14, 0, 1, 0),
    a.cpsMode(USER),
    a.mrc(1, 14, 0, 0, 0),
    a.movw(2, 1234),
    a.mcr(2, 14, 0, 0, 0),
    a.B_SELF,
  ];
  const machine = await createMachine({
    memory: '1M',
    kernel: buildElf(
      [
        { physicalAddress: VECTORS, bytes: bytes(vectors) },
        { physicalAddress: PROGRAM, bytes: bytes(program) },
      ],
      { entry: PROGRAM },
    ),
  });
  await machine.start();
  const limit = setTimeout(() => void machine.stop(), 5000);
  expect(await machine.exited).toMatchObject({ reason: 'poweroff' });
  clearTimeout(limit);
  const [, readByUser, , readAfterwards] = machine.cpus[0].registers;
  expect(readByUser).toBe(62_500_000);
  expect(readAfterwards).toBe(62_500_000);
});
