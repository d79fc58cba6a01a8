import { afterEach, describe, expect, test } from 'vitest';
import { readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import { OptionError } from '../../src/errors.ts';
import { createMachine, type Machine, type PciEndpoint } from '../../src/index.ts';
import { namedBoard } from '../../src/machine/machine-option.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';
import { BusMaster } from './bus-master.ts';

const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const VECTORS = RAM + 0x2_0000;
const DATA = RAM + 0x3_0000;
const GICD = 0x0800_0000;
const GICR = 0x080a_0000;
const GITS = 0x0808_0000;
const POWER_OFF = [...a.mov32(0, 0x8400_0008), a.hvc(0)];

const ICC_PMR = [4, 0, 6, 0] as const;
const ICC_IAR1 = [12, 0, 12, 0] as const;
const ICC_EOIR1 = [12, 0, 12, 1] as const;
const ICC_IGRPEN1 = [12, 0, 12, 7] as const;
const VBAR = [12, 0, 0, 0] as const;
const ID_PFR1 = [0, 0, 1, 1] as const;

describe('the option machine', () => {
  test.each([
    ['virt', undefined, 'virt'],
    ['virt', 2, 'virt'],
    ['virt,gic-version=2', undefined, 'virt'],
    ['virt,gic-version=3', undefined, 'virt,gic-version=3'],
    ['virt', 3, 'virt,gic-version=3'],
    ['virt,gic-version=3', 3, 'virt,gic-version=3'],
  ])('%s with gicVersion %s is %s', (machine, version, name) => {
    const found = namedBoard(machine, version);
    expect(found.name).toBe(name);
    const kind = name === 'virt' ? 'gic-v2' : 'gic-v3';
    expect(found.board.devices.some((row) => row.kind === kind && row.name === 'gic')).toBe(true);
  });

  test.each([
    ['virt,gic-version=4', undefined, 'no GIC of version 4'],
    ['virt,gic-version=x', undefined, 'no GIC of version x'],
    ['virt,gic-version', undefined, "no property 'gic-version'"],
    ['virt,secure=on', undefined, "no property 'secure=on'"],
    ['virt,gic-version=2', 3, 'gic-version is 2 and 3'],
    ['vrit,gic-version=3', undefined, "did you mean 'virt'"],
  ])('%s with gicVersion %s is refused', (machine, version, message) => {
    expect(() => namedBoard(machine, version)).toThrow(OptionError);
    expect(() => namedBoard(machine, version)).toThrow(message);
  });
});

const machines: Machine[] = [];

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

async function make(
  code: readonly number[],
  irq: readonly number[],
  pci: PciEndpoint[] = [],
): Promise<Machine> {
  const bytes = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
  const kernel = buildElf([
    { physicalAddress: ENTRY, bytes: bytes(code) },
    { physicalAddress: VECTORS + 0x18, bytes: bytes(irq) },
  ]);
  const machine = await createMachine({ gicVersion: 3, memory: '2M', kernel, pci, clock: 'instructions' });
  machines.push(machine);
  return machine;
}

const store = (address: number, value: number): number[] => [
  ...a.mov32(8, address),
  ...a.mov32(9, value),
  a.str(9, 8),
];

/** Group 1 interrupts reach CPU 0; R0 of the handler is the INTID. */
const SET_UP = [
  ...a.mov32(0, VECTORS),
  a.mcr(0, ...VBAR),
  ...store(GICD, 3),
  ...store(GICR + 0x14, 0),
  ...store(GICR + 0x1_0080, 0xffff_ffff),
  a.movw(0, 0xff),
  a.mcr(0, ...ICC_PMR),
  a.movw(0, 1),
  a.mcr(0, ...ICC_IGRPEN1),
];
const REPORT = [
  a.mrc(0, ...ICC_IAR1),
  ...a.mov32(8, DATA),
  a.str(0, 8),
  a.mcr(0, ...ICC_EOIR1),
  ...POWER_OFF,
];

describe('a machine with a GICv3', () => {
  test('has it in its device tree, and ID_PFR1.GIC says so', async () => {
    const machine = await make(
      [a.mrc(0, ...ID_PFR1), ...a.mov32(8, DATA), a.str(0, 8), ...POWER_OFF],
      [a.B_SELF],
    );
    const tree = readFdt(machine.deviceTree()).root;
    const intc = tree.children.find(({ name }) => name === 'intc@8000000')!;
    expect(stringsOf(intc.properties.get('compatible')!)).toEqual(['arm,gic-v3']);
    expect(intc.children.map(({ name }) => name)).toEqual(['its@8080000']);
    await machine.start();
    await machine.exited;
    expect(machine.memory.readWord(DATA) >>> 28).toBe(1);
  });

  test('takes the timer’s interrupt by system registers', async () => {
    const code = [
      ...SET_UP,
      ...store(GICR + 0x1_0100, 1 << 27),
      a.cpsie(2),
      a.movw(1, 100),
      a.mcr(1, 14, 0, 3, 0),
    ];
    code.push(a.movw(1, 1), a.mcr(1, 14, 0, 3, 1), a.B_SELF);
    const machine = await make(code, REPORT);
    await machine.start();
    await machine.exited;
    expect(machine.memory.readWord(DATA)).toBe(27);
  });

  test('takes a PCI device’s message as an LPI: the device ID is its requester ID', async () => {
    const [properties, pending, queue, devices, collections, itt] = [
      0x8_0000, 0x10_0000, 0x12_0000, 0x13_0000, 0x14_0000, 0x15_0000,
    ].map((offset) => RAM + offset) as [number, number, number, number, number, number];
    const messenger = new BusMaster();
    const code = [...SET_UP];
    code.push(...store(GICR + 0x70, properties | 15), ...store(GICR + 0x78, pending), ...store(GICR, 1));
    code.push(...store(GITS + 0x80, queue), ...store(GITS + 0x84, 0x8000_0000));
    code.push(...store(GITS + 0x100, devices | 7), ...store(GITS + 0x104, 0x8000_0000));
    code.push(...store(GITS + 0x108, collections), ...store(GITS + 0x10c, 0x8000_0000));
    code.push(...store(GITS, 1), ...store(GITS + 0x88, 96), a.cpsie(2), a.WFI, a.b(1, 0));
    const machine = await make(code, REPORT, [messenger]);
    const requester = 1 << 3;
    const commands = [
      [0x08, requester, 3, 0, itt, 0x8000_0000, 0, 0],
      [0x09, 0, 0, 0, 0, 0x8000_0000, 0, 0],
      [0x0a, requester, 5, 8192 + 40, 0, 0, 0, 0],
    ];
    commands.flat().forEach((word, i) => {
      machine.memory.writeWord(queue + 4 * i, word);
    });
    machine.memory.write(properties + 40, Uint8Array.of(0xa1));
    await machine.start();
    while (machine.cpus[0]!.pc !== ENTRY + 4 * (code.length - 1))
      await new Promise((resolve) => setTimeout(resolve, 1));
    // ECAM: the command register's bus master bit, then the MSI capability's address, data and enable.
    const config = 0x3f00_0000 + (1 << 15);
    machine.memory.writeWord(config + 4, 4);
    let capability = machine.memory.readWord(config + 0x34) & 0xff;
    while ((machine.memory.readWord(config + capability) & 0xff) !== 5) {
      capability = (machine.memory.readWord(config + capability) >>> 8) & 0xff;
    }
    machine.memory.writeWord(config + capability + 4, GITS + 0x1_0040);
    machine.memory.writeWord(config + capability + 12, 5);
    machine.memory.writeWord(config + capability, 1 << 16);
    messenger.port!.signalMsi(0);
    await machine.exited;
    expect(machine.memory.readWord(DATA)).toBe(8192 + 40);
  });
});
