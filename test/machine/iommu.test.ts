import { afterEach, describe, expect, test } from 'vitest';
import {
  createMachine,
  edu,
  type Machine,
  type MachineOptions,
  OptionError,
  type PciEndpoint,
} from '../../src/index.ts';
import { CB, CONTEXT_BANKS_BASE, GR0, GR1 } from '../../src/iommu/smmu-v2/registers.ts';
import { namedBoard } from '../../src/machine/machine-option.ts';
import type { HostAttachedEndpoint } from '../../src/pci/host-device.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';
import { BusMaster } from './bus-master.ts';

const MACHINE = 'virt,iommu=smmuv2';
const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const TABLES = RAM + 0x4_0000;
const SMMU = 0x0905_0000;
const BANK = SMMU + CONTEXT_BANKS_BASE;
const GICD = 0x0800_0000;
const FRAME = 0x0802_0000;
/** The function 00:01.0: configuration space, stream ID, and the BAR that the test gives it. */
const CONFIG = 0x3f00_8000;
const STREAM = 1 << 3;
const BAR = 0x1000_0000;
const IOVA = 0x8000_0000;
const POWER_OFF = [...a.mov32(0, 0x8400_0008), a.hvc(0)];
const SPIN = [a.B_SELF];

describe('the option machine', () => {
  test.each([
    ['virt,iommu=smmuv2', 'virt,iommu=smmuv2', 'smmu-v2', false],
    ['virt,iommu=smmuv2,gic-version=2', 'virt,iommu=smmuv2', 'smmu-v2', false],
    ['virt,iommu=smmuv2,gic-version=3', 'virt,gic-version=3,iommu=smmuv2', 'smmu-v2', true],
    ['virt,iommu=smmuv3', 'virt,iommu=smmuv3', 'smmu-v3', false],
    ['virt,iommu=smmuv3,gic-version=3', 'virt,gic-version=3,iommu=smmuv3', 'smmu-v3', true],
  ] as const)('%s is %s', (machine, name, smmu, gicV3) => {
    const found = namedBoard(machine, undefined);
    expect(found.name).toBe(name);
    const kinds = found.board.devices.map(({ kind }) => kind);
    expect([kinds.includes(smmu), kinds.includes('gic-v3')]).toEqual([true, gicV3]);
    expect(namedBoard(found.name, undefined)).toEqual(found);
  });

  test.each([
    ['virt,iommu=smmuv1', "virt has no IOMMU 'smmuv1'"],
    ['virt,iommu=', "virt has no IOMMU ''"],
    ['vexpress-a9,iommu=smmuv3', "vexpress-a9 has no IOMMU 'smmuv3'"],
    ['virt,iommu', "no property 'iommu'"],
    ['virt,smmu=on', "no property 'smmu=on'"],
    ['virt,iommu=smmuv2,iommu=smmuv3', 'iommu is smmuv3 and smmuv2'],
  ])('%s is refused', (machine, message) => {
    expect(() => namedBoard(machine, undefined)).toThrow(OptionError);
    expect(() => namedBoard(machine, undefined)).toThrow(message);
  });

  test('the remedy names the IOMMUs that the board can have', () => {
    const remedyOf = (machine: string): string | undefined => {
      try {
        namedBoard(machine, undefined);
      } catch (error) {
        return error instanceof OptionError ? error.remedy : undefined;
      }
      return undefined;
    };
    expect(remedyOf('vexpress-a9,iommu=smmuv3')).toBe('give it iommu=smmuv2, or leave iommu out');
    expect(remedyOf('virt,iommu=x')).toBe('give it iommu=smmuv2 or iommu=smmuv3, or leave iommu out');
  });

  test('refuses a real device behind the SMMU before it is opened', async () => {
    const opened: string[] = [];
    const real: HostAttachedEndpoint = {
      ...new BusMaster(),
      name: 'vfio 0000:01:00.0',
      prepare: async () => void opened.push('prepare'),
      service() {},
      close: async () => void opened.push('close'),
      attach() {},
      detach() {},
      reset() {},
      readBar: () => 0,
      writeBar() {},
    };
    const made = createMachine({ machine: MACHINE, memory: '1M', pci: [real] });
    await expect(made).rejects.toThrow(OptionError);
    await expect(made).rejects.toThrow("can't have the real device vfio 0000:01:00.0");
    expect(opened).toEqual([]);
  });
});

const machines: Machine[] = [];

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

async function make(
  code: readonly number[],
  pci: PciEndpoint[],
  more: MachineOptions = {},
): Promise<Machine> {
  const bytes = new Uint8Array(Uint32Array.from(code).buffer);
  const kernel = buildElf([{ physicalAddress: ENTRY, bytes }]);
  const options = { machine: MACHINE, memory: '2M', clock: 'instructions', kernel, pci, ...more } as const;
  const machine = await createMachine(options);
  machines.push(machine);
  return machine;
}

/** What software stores to have stream 00:01.0 translated by a table of sections at {@link TABLES}. */
const SET_UP: readonly (readonly [number, number])[] = [
  [SMMU + GR0.SMR, 0x8000_0000 | STREAM],
  [SMMU + GR0.S2CR, 0],
  [SMMU + 0x1000 + GR1.CBAR, 0x0001_f300],
  [BANK + CB.TTBR0, TABLES],
  [BANK + CB.TCR, 0],
  [BANK + CB.SCTLR, 0x1067],
  [SMMU + GR0.sCR0, 0x1c36],
];
/** The table: {@link IOVA} is the first MiB of RAM, the next MiB of IOVAs the second, which may only be read. */
const SECTIONS: readonly (readonly [number, number])[] = [
  [TABLES + (IOVA >>> 20) * 4, RAM | 0xc02],
  [TABLES + (IOVA >>> 20) * 4 + 4, (RAM + 0x10_0000) | 0x8c02],
];

/** Stores of a program. */
const store = (address: number, value: number): number[] => [
  ...a.mov32(8, address),
  ...a.mov32(9, value >>> 0),
  a.str(9, 8),
];

/** A transfer of `edu`, and waiting for its end: DMA_COMMAND.START reads as 0. */
function transfer(source: number, destination: number, count: number, command: number): number[] {
  return [
    ...store(BAR + 0x80, source),
    ...store(BAR + 0x88, destination),
    ...store(BAR + 0x90, count),
    ...store(BAR + 0x98, command),
    ...a.mov32(8, BAR + 0x98),
    a.ldr(0, 8),
    // ANDS R0, R0, #1
    0xe2100001,
    a.b(2, 0, a.NE),
  ];
}

describe('edu behind the SMMU, driven by a program of the guest', () => {
  const BUFFER = 0x4_0000;
  const SOURCE = 0x3_0000;
  const TARGET = 0x3_8000;

  function program(): number[] {
    const stores = [...SECTIONS, ...SET_UP, [CONFIG + 0x10, BAR], [CONFIG + 4, 6]] as const;
    return [
      ...stores.flatMap(([address, value]) => store(address, value)),
      ...transfer(IOVA + SOURCE, BUFFER, 16, 1),
      ...transfer(BUFFER, IOVA + TARGET, 16, 3),
      // Where there is no mapping.
      ...transfer(BUFFER, RAM + TARGET, 16, 3),
    ];
  }

  test('moves data between addresses that are not those of memory; others are faults', async () => {
    const machine = await make([...program(), ...POWER_OFF], [edu({ dmaMask: 0xffff_ffff })]);
    const data = Uint8Array.from({ length: 16 }, (_unused, i) => 0x30 + i);
    machine.memory.write(RAM + SOURCE, data);
    await machine.start();
    await machine.exited;
    expect(machine.memory.read(RAM + TARGET, 16)).toEqual(data);
    const word = (register: keyof typeof CB): number => machine.memory.readWord(BANK + CB[register]);
    expect(word('FSR')).toBe(2);
    expect(word('FAR')).toBe(RAM + TARGET);
    expect(word('FSYNR0')).toBe(0x11);
    expect(machine.memory.readWord(SMMU + 0x1000 + GR1.CBFRSYNRA)).toBe(STREAM);
  });

  test('is the same in two engines in lockstep', async () => {
    const pci = [edu({ dmaMask: 0xffff_ffff })];
    const machine = await make([...program(), ...POWER_OFF], pci, { engine: 'lockstep' });
    machine.memory.write(RAM + SOURCE, Uint8Array.of(0x44));
    await machine.start();
    await machine.exited;
    expect(machine.memory.read(RAM + TARGET, 1)[0]).toBe(0x44);
    expect(machine.memory.readWord(BANK + CB.FSR)).toBe(2);
  });

  test('raises the context bank’s interrupt, SPI 113, and no other', async () => {
    const machine = await make([...program(), ...POWER_OFF], [edu({ dmaMask: 0xffff_ffff })]);
    await machine.start();
    await machine.exited;
    const pending = [3, 4, 5].map((n) => machine.memory.readWord(GICD + 0x200 + 4 * n));
    expect(pending).toEqual([0, 1 << ((113 + 32) % 32), 0]);
  });
});

/** A machine that stands still; the test plays its software. */
async function translating(more: MachineOptions = {}): Promise<{ machine: Machine; master: BusMaster }> {
  const master = new BusMaster();
  const machine = await make(SPIN, [master], more);
  for (const [address, value] of [...SECTIONS, ...SET_UP]) machine.memory.writeWord(address, value);
  machine.memory.writeWord(CONFIG + 4, 4);
  return { machine, master };
}

describe('a function behind the SMMU', () => {
  test('reaches guest physical addresses while nobody has programmed the SMMU', async () => {
    const master = new BusMaster();
    const machine = await make(SPIN, [master]);
    machine.memory.writeWord(CONFIG + 4, 4);
    expect(master.port!.dma.write(RAM + 0x100, Uint8Array.of(1, 2))).toBe(true);
    expect([...machine.memory.read(RAM + 0x100, 2)]).toEqual([1, 2]);
  });

  test('reaches what the tables give it, in the way that they give it', async () => {
    const { machine, master } = await translating();
    expect(master.port!.dma.write(IOVA + 0x100, Uint8Array.of(5))).toBe(true);
    expect(machine.memory.read(RAM + 0x100, 1)[0]).toBe(5);
    const bytes = new Uint8Array(2);
    machine.memory.write(RAM + 0x10_0000, Uint8Array.of(7, 8));
    expect(master.port!.dma.read(IOVA + 0x10_0000, bytes)).toBe(true);
    expect([...bytes]).toEqual([7, 8]);
    expect(master.port!.dma.write(IOVA + 0x10_0000, bytes)).toBe(false);
    expect(machine.memory.readWord(BANK + CB.FSR)).toBe(8);
    // PCI 3.0 6.2.3: it ends with a master abort.
    expect(machine.memory.readWord(CONFIG + 4) & 0x2000_0000).toBe(0x2000_0000);
  });

  test('can read no tables out of a device: a walk there is an external abort', async () => {
    const { machine, master } = await translating();
    machine.memory.writeWord(BANK + CB.TTBR0, GICD);
    expect(master.port!.dma.write(0, Uint8Array.of(5))).toBe(false);
    expect(machine.memory.readWord(BANK + CB.FSR)).toBe(0x10);
  });

  test('can’t program the SMMU, though its tables lead there', async () => {
    const { machine, master } = await translating();
    machine.memory.writeWord(TABLES, (SMMU & 0xfff0_0000) | 0xc02);
    const scr0 = machine.memory.readWord(SMMU);
    master.port!.dma.write(SMMU & 0xf_ffff, Uint8Array.of(1, 0, 0, 0));
    expect(machine.memory.readWord(SMMU)).toBe(scr0);
  });

  test.each([
    ['raw: Linux for 32-bit Arm never maps the doorbell', FRAME + 0x40],
    ['translated', 0x10 * 2 ** 20 + (FRAME & 0xf_ffff) + 0x40],
  ])('sends its message to the doorbell’s address, %s', async (_name, address) => {
    const { machine, master } = await translating();
    machine.memory.writeWord(TABLES + 0x10 * 4, 0x0800_0000 | 0xc02);
    let capability = machine.memory.readWord(CONFIG + 0x34) & 0xff;
    while ((machine.memory.readWord(CONFIG + capability) & 0xff) !== 5) {
      capability = (machine.memory.readWord(CONFIG + capability) >>> 8) & 0xff;
    }
    machine.memory.writeWord(CONFIG + capability + 4, address);
    machine.memory.writeWord(CONFIG + capability + 12, 80);
    machine.memory.writeWord(CONFIG + capability, 1 << 16);
    // INTID 80 is edge-triggered, as a message needs it.
    machine.memory.writeWord(GICD + 0xc00 + 4 * 5, 2);
    expect(master.port!.signalMsi(0)).toBe(true);
    expect(machine.memory.readWord(GICD + 0x200 + 4 * 2)).toBe(1 << 16);
    expect(machine.memory.readWord(BANK + CB.FSR)).toBe(0);
  });

  test('is translated in a restored machine as in the one that was saved', async () => {
    const { machine, master } = await translating();
    expect(master.port!.dma.write(0x100, Uint8Array.of(1))).toBe(false);
    const snapshot = await machine.save();
    const again = new BusMaster();
    const restored = await createMachine({ restore: snapshot, pci: [again] });
    machines.push(restored);
    expect(restored.memory.readWord(BANK + CB.FSR)).toBe(2);
    expect(restored.memory.readWord(GICD + 0x200 + 4 * 4)).toBe(1 << 17);
    restored.memory.writeWord(BANK + CB.FSR, 2);
    expect(again.port!.dma.write(IOVA + 0x100, Uint8Array.of(9))).toBe(true);
    expect(restored.memory.read(RAM + 0x100, 1)[0]).toBe(9);
  });
});

test('virtio functions tell their drivers to use the SMMU’s addresses: VIRTIO_F_ACCESS_PLATFORM (Virtio 1.1 6.1)', async () => {
  const features = async (machine: string): Promise<number> => {
    const made = await make(SPIN, [], { machine, rng: { bus: 'pci' } });
    made.memory.writeWord(CONFIG + 4, 2);
    // The common configuration is at the start of BAR 4: feature bits 63:32, chosen by 1.
    made.memory.writeWord(CONFIG + 0x20, BAR);
    made.memory.writeWord(BAR, 1);
    return made.memory.readWord(BAR + 4);
  };
  expect(await features('virt')).toBe(1);
  expect(await features(MACHINE)).toBe(3);
});

/** The place of a structure of a virtio function in its BAR 4 (Virtio 1.1 4.1.4). */
function virtioPlace(machine: Machine, type: number): number {
  const byte = (offset: number): number => machine.memory.read(CONFIG + offset, 1)[0];
  for (let at = byte(0x34); at !== 0; at = byte(at + 1)) {
    if (byte(at) === 9 && byte(at + 3) === type) return BAR + machine.memory.readWord(CONFIG + at + 8);
  }
  throw new Error(`no structure ${type}`);
}

test('a virtio function’s queue and buffers are at the SMMU’s addresses', async () => {
  const machine = await make(SPIN, [], { rng: { bus: 'pci' } });
  const { memory } = machine;
  for (const [address, value] of [...SECTIONS, ...SET_UP]) memory.writeWord(address, value);
  memory.writeWord(CONFIG + 0x20, BAR);
  memory.writeWord(CONFIG + 4, 6);
  const [COMMON, NOTIFY] = [1, 2].map((type) => virtioPlace(machine, type)) as [number, number];
  const [TABLE, AVAILABLE, USED, BUFFER] = [0x5_0000, 0x5_1000, 0x5_2000, 0x5_3000];
  const status = (value: number): void => memory.write(COMMON + 20, Uint8Array.of(value));
  status(3);
  memory.writeWord(COMMON + 8, 1);
  memory.writeWord(COMMON + 12, 3);
  status(11);
  expect(memory.read(COMMON + 20, 1)[0]).toBe(11);
  for (const [i, place] of [TABLE, AVAILABLE, USED].entries())
    memory.writeWord(COMMON + 32 + 8 * i, IOVA + place);
  memory.write(COMMON + 28, Uint8Array.of(1, 0));
  status(15);
  // One descriptor, which the device may write to, and it is available.
  memory.writeWord(RAM + TABLE, IOVA + BUFFER);
  memory.writeWord(RAM + TABLE + 8, 32);
  memory.writeWord(RAM + TABLE + 12, 2);
  memory.writeWord(RAM + AVAILABLE, 1 << 16);
  memory.write(NOTIFY, Uint8Array.of(0, 0));
  expect(memory.readWord(RAM + USED)).toBe(1 << 16);
  expect(memory.readWord(RAM + USED + 8)).toBe(32);
  expect(memory.read(RAM + BUFFER, 32)).not.toEqual(new Uint8Array(32));
  expect(memory.readWord(BANK + CB.FSR)).toBe(0);
});

test('with a GICv3 the doorbell is the ITS’s', async () => {
  const { machine, master } = await translating({ machine: `${MACHINE},gic-version=3` });
  const GITS_TRANSLATER = 0x0809_0040;
  expect(master.port!.dma.write(GITS_TRANSLATER, new Uint8Array(4))).toBe(true);
  expect(machine.memory.readWord(BANK + CB.FSR)).toBe(0);
  expect(master.port!.dma.write(FRAME + 0x40, new Uint8Array(4))).toBe(false);
  expect(machine.memory.readWord(BANK + CB.FSR)).toBe(2);
});

test('the embedded firmware’s self-test passes with the SMMU as it is after a reset', async () => {
  const options = { append: 'selftest', semihosting: true, clock: 'instructions' } as const;
  const machine = await createMachine({ machine: MACHINE, ...options, pci: [edu({ dmaMask: 0xffff_ffff })] });
  machines.push(machine);
  await machine.start();
  expect((await machine.exited).code).toBe(0);
});
