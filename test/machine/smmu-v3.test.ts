import { afterEach, describe, expect, test } from 'vitest';
import { createMachine, edu, type Machine } from '../../src/index.ts';
import { SMMU } from '../../src/iommu/smmu-v3/registers.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';
import { BusMaster } from './bus-master.ts';

const MACHINE = 'virt,iommu=smmuv3';
const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const BASE = 0x0905_0000;
const GICD = 0x0800_0000;
const FRAME = 0x0802_0000;
/** SPI 112: the event queue's. */
const EVENTQ_INTID = 144;
/** The function 00:01.0. */
const CONFIG = 0x3f00_8000;
const STREAM = 1 << 3;
const [COMMANDS, EVENTS, STREAM_TABLE] = [RAM + 0x10_0000, RAM + 0x11_0000, RAM + 0x12_0000];
const [DESCRIPTOR, TABLES] = [RAM + 0x14_0000, RAM + 0x15_0000];
const IOVA = 0x8000_0000;

const machines: Machine[] = [];

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

/** What software stores to have the function translated: 1 GiB of IOVAs is RAM. */
const SET_UP: readonly (readonly [number, number])[] = [
  // STE: stage 1; CD: VMSAv8-64, 39 bits by TTB0, 40 bits out, faults recorded.
  [STREAM_TABLE + STREAM * 64, DESCRIPTOR | (5 << 1) | 1],
  [DESCRIPTOR, 25 | (1 << 30) | (1 << 31)],
  [DESCRIPTOR + 4, 2 | (1 << 9) | (3 << 13)],
  [DESCRIPTOR + 8, TABLES],
  [TABLES + (IOVA / 2 ** 30) * 8, RAM | 0x741],
  [BASE + SMMU.STRTAB_BASE, STREAM_TABLE],
  [BASE + SMMU.STRTAB_BASE_CFG, 4],
  [BASE + SMMU.CMDQ_BASE, COMMANDS | 4],
  [BASE + SMMU.EVENTQ_BASE, EVENTS | 4],
  [BASE + SMMU.IRQ_CTRL, 5],
  // The event queue's interrupt is edge-triggered.
  [GICD + 0xc00 + 4 * (EVENTQ_INTID >> 4), 2],
  [BASE + SMMU.CR0, 0xd],
  [CONFIG + 4, 4],
];

async function translating(machineName = MACHINE): Promise<{ machine: Machine; master: BusMaster }> {
  const bytes = new Uint8Array(Uint32Array.of(a.B_SELF).buffer);
  const kernel = buildElf([{ physicalAddress: ENTRY, bytes }]);
  const master = new BusMaster();
  const machine = await createMachine({
    machine: machineName,
    memory: '2M',
    clock: 'instructions',
    kernel,
    pci: [master],
  });
  machines.push(machine);
  for (const [address, value] of SET_UP) machine.memory.writeWord(address, value >>> 0);
  return { machine, master };
}

const isPending = (machine: Machine): boolean =>
  ((machine.memory.readWord(GICD + 0x200 + 4 * (EVENTQ_INTID >> 5)) >>> (EVENTQ_INTID & 31)) & 1) === 1;

describe.each([MACHINE, `${MACHINE},gic-version=3`])('DMA behind the SMMUv3 of %s', (name) => {
  test('is translated, and what is not mapped is an event and its interrupt', async () => {
    const { machine, master } = await translating(name);
    expect(master.port!.dma.write(IOVA + 0x100, Uint8Array.of(9))).toBe(true);
    expect(machine.memory.read(RAM + 0x100, 1)[0]).toBe(9);
    expect(isPending(machine)).toBe(false);
    expect(master.port!.dma.write(0x5678, Uint8Array.of(9))).toBe(false);
    expect(isPending(machine)).toBe(true);
    expect(machine.memory.readWord(BASE + 0x1_00a8)).toBe(1);
    expect([0, 4, 16].map((offset) => machine.memory.readWord(EVENTS + offset))).toEqual([
      0x10,
      STREAM,
      0x5678,
    ]);
  });

  test('takes messages to the doorbell as they are', async () => {
    const { machine, master } = await translating(name);
    const doorbell = name === MACHINE ? FRAME + 0x40 : 0x0809_0040;
    expect(master.port!.dma.write(doorbell, new Uint8Array(4))).toBe(true);
    expect(machine.memory.readWord(BASE + 0x1_00a8)).toBe(0);
  });
});

test('commands are consumed', async () => {
  const { machine } = await translating();
  machine.memory.writeWord(COMMANDS, 0x30);
  machine.memory.writeWord(COMMANDS + 16, 0x46);
  machine.memory.writeWord(BASE + SMMU.CMDQ_PROD, 2);
  expect(machine.memory.readWord(BASE + SMMU.CMDQ_CONS)).toBe(2);
});

test('bus masters do not reach its registers', async () => {
  const { machine, master } = await translating();
  machine.memory.writeWord(TABLES + 8, 0x741);
  expect(master.port!.dma.write(2 ** 30 + BASE + SMMU.CR0, new Uint8Array(4))).toBe(true);
  expect(machine.memory.readWord(BASE + SMMU.CR0)).toBe(0xd);
});

test('a restored machine translates as the one that was saved', async () => {
  const { machine, master } = await translating();
  expect(master.port!.dma.write(0, Uint8Array.of(1))).toBe(false);
  const again = new BusMaster();
  const restored = await createMachine({ restore: await machine.save(), pci: [again] });
  machines.push(restored);
  expect([restored.memory.readWord(BASE + 0x1_00a8), isPending(restored)]).toEqual([1, true]);
  expect(again.port!.dma.write(IOVA + 0x100, Uint8Array.of(7))).toBe(true);
  expect(restored.memory.read(RAM + 0x100, 1)[0]).toBe(7);
});

test('the embedded firmware’s self-test passes with the SMMU as it is after a reset', async () => {
  const options = { append: 'selftest', semihosting: true, clock: 'instructions' } as const;
  const machine = await createMachine({ machine: MACHINE, ...options, pci: [edu({ dmaMask: 0xffff_ffff })] });
  machines.push(machine);
  await machine.start();
  expect((await machine.exited).code).toBe(0);
});

test('tables at a device’s registers are not read there: F_WALK_EABT, and the UART keeps its character', async () => {
  const UART = 0x0900_0000;
  const { machine, master } = await translating();
  // UARTCR: UARTEN and RXE.
  machine.memory.writeWord(UART + 0x30, 0x201);
  machine.serial.write('x');
  machine.memory.writeWord(DESCRIPTOR + 8, UART);
  expect(master.port!.dma.write(0, new Uint8Array(4))).toBe(false);
  expect([0, 24].map((offset) => machine.memory.readWord(EVENTS + offset))).toEqual([0x0b, UART]);
  expect(machine.memory.readWord(UART)).toBe('x'.charCodeAt(0));
});
