import { afterEach, describe, expect, test } from 'vitest';
import { createMachine, type EngineMode, type Machine, type MachineOptions } from '../../src/index.ts';
import { CB, CONTEXT_BANKS_BASE, GR0, GR1 } from '../../src/iommu/smmu-v2/registers.ts';
import type { EndpointPort } from '../../src/pci/endpoint.ts';
import type { EndpointHost, HostAttachedEndpoint, HostDma } from '../../src/pci/host-device.ts';
import type { HostMappings } from '../../src/ports/host-mappings.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const MACHINE = 'virt,iommu=smmuv2';
const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const TABLE = RAM + 0x4_0000;
const SMMU = 0x0905_0000;
const BANK = SMMU + CONTEXT_BANKS_BASE;
const CONFIG = 0x3f00_8000;
const STREAM = 1 << 3;
const BAR = 0x1000_0000;
const IOVA = 0x8000_0000;
const ENTRY_OF_IOVA = TABLE + (IOVA >>> 20) * 4;
const SECTION = RAM | 0xc02;
const DMB = 0xf57f_f05f;
const DSB = 0xf57f_f04f;
const CP15DMB = 0xee07_0fba;
const POWER_OFF = [...a.mov32(0, 0x8400_0008), a.hvc(0)];

/** Stands for a device of the host, with what the host's IOMMU is told and what else happens, in one list. */
class RealDevice implements HostAttachedEndpoint {
  readonly name = 'vfio 0000:01:00.0';
  readonly description = {
    vendorId: 0x1234,
    deviceId: 4,
    classCode: 0xff0000,
    bars: [{ index: 0, kind: 'memory32', size: 4096 }],
    msi: { vectors: 1, is64Bit: true, maskable: false },
  } as const;
  readonly log: string[] = [];
  host: EndpointHost | undefined;
  port: EndpointPort | undefined;
  stops = 0;
  private readonly mappings: HostMappings = {
    limit: 65535,
    map: (iova, size, ramOffset, rights) => {
      this.log.push(`map ${iova.toString(16)}+${size.toString(16)} ${ramOffset.toString(16)} ${rights}`);
      return undefined;
    },
    unmap: (iova) => {
      this.log.push(`unmap ${iova.toString(16)}`);
      return undefined;
    },
    unmapAll: () => {
      this.log.push('unmap all');
      return undefined;
    },
  };

  get hostDma(): HostDma {
    return { mappings: this.mappings, stop: () => void this.stops++ };
  }

  async prepare(host: EndpointHost): Promise<void> {
    this.host = host;
  }

  attach(port: EndpointPort): void {
    this.port = port;
  }

  readBar(_bar: number, offset: number): number {
    this.host?.beforeAccess?.();
    this.log.push(`read ${offset}`);
    return 0;
  }

  writeBar(_bar: number, offset: number): void {
    this.host?.beforeAccess?.();
    this.log.push(`write ${offset}`);
  }

  detach(): void {}
  reset(): void {}
  service(): void {}
  async close(): Promise<void> {}
}

const machines: Machine[] = [];

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

async function make(code: readonly number[], device: RealDevice | undefined, more: MachineOptions = {}) {
  const kernel = buildElf([{ physicalAddress: ENTRY, bytes: new Uint8Array(Uint32Array.from(code).buffer) }]);
  const pci = device === undefined ? [] : [device];
  const machine = await createMachine({ machine: MACHINE, memory: '2M', kernel, pci, ...more });
  machines.push(machine);
  return machine;
}

const store = (address: number, value: number): number[] => [
  ...a.mov32(8, address),
  ...a.mov32(9, value >>> 0),
  a.str(9, 8),
];

/** The stream is translated by a table of sections, of which none is valid. */
const SET_UP = [
  [SMMU + GR0.SMR, 0x8000_0000 | STREAM],
  [SMMU + GR0.S2CR, 0],
  [SMMU + 0x1000 + GR1.CBAR, 0x0001_f300],
  [BANK + CB.TTBR0, TABLE],
  [BANK + CB.TCR, 0],
  [BANK + CB.SCTLR, 0x1067],
  [SMMU + GR0.sCR0, 0x1c36],
  [CONFIG + 0x10, BAR],
  [CONFIG + 4, 6],
].flatMap(([address, value]) => store(address, value));

const ALL = 'map 40000000+200000 0 3';
const ON = 'map 80000000+100000 0 3';
const OFF = 'unmap 80000000';
/** What {@link SET_UP} comes to. */
const BEFORE = [ALL, 'unmap all'];

describe('a real device behind an emulated SMMU', () => {
  test('reaches RAM as it is before the guest has a driver, and nothing else is different for it', async () => {
    const device = new RealDevice();
    const machine = await make([a.B_SELF], device);
    expect(device.log).toEqual([ALL]);
    expect(device.host?.behindIommu).toBe(true);
    expect(machine.shadowStatistics()).toEqual({
      maps: 1,
      unmaps: 0,
      gaps: 0,
      dirtyDescriptors: 0,
      refused: 0,
    });
  });

  test('without one maps RAM itself, and there is no shadow', async () => {
    const device = new RealDevice();
    const machine = await make([a.B_SELF], device, { machine: 'virt' });
    expect(device.log).toEqual([]);
    expect(device.host?.behindIommu).toBeUndefined();
    expect(machine.shadowStatistics()).toBeUndefined();
  });

  test.each(['interpreter', 'wasm'] as const)(
    'sees each mapping come and go at a barrier, a thousand times: %s',
    async (engine: EngineMode) => {
      const COUNT = 1000;
      const device = new RealDevice();
      const machine = await make(
        [
          ...SET_UP,
          ...a.mov32(4, COUNT),
          ...a.mov32(5, ENTRY_OF_IOVA),
          ...a.mov32(6, SECTION),
          ...a.mov32(7, 0),
          a.str(6, 5),
          DSB,
          a.str(7, 5),
          DMB,
          a.str(6, 5),
          CP15DMB,
          a.str(7, 5),
          DSB,
          // SUBS R4, R4, #1
          0xe254_4001,
          a.b(9, 0, a.NE),
          ...POWER_OFF,
        ],
        device,
        { engine, clock: 'instructions' },
      );
      await machine.start();
      await machine.exited;
      const expected = [
        ...BEFORE,
        ...Array.from({ length: 4 * COUNT }, (_unused, i) => (i % 2 === 0 ? ON : OFF)),
      ];
      expect(device.log.length).toBe(expected.length);
      expect(device.log).toEqual(expected);
    },
  );

  test('sees what was stored before an access to it, and before an access to a register of the SMMU', async () => {
    const device = new RealDevice();
    const machine = await make(
      [
        ...SET_UP,
        ...store(ENTRY_OF_IOVA, SECTION),
        ...store(BAR + 4, 0),
        ...store(ENTRY_OF_IOVA, 0),
        ...a.mov32(8, BAR + 8),
        a.ldr(0, 8),
        ...store(ENTRY_OF_IOVA, SECTION),
        ...a.mov32(8, BANK + CB.TLBSTATUS),
        a.ldr(0, 8),
        ...store(BAR + 12, 0),
        ...POWER_OFF,
      ],
      device,
      { clock: 'instructions' },
    );
    await machine.start();
    await machine.exited;
    expect(device.log).toEqual([...BEFORE, ON, 'write 4', OFF, 'read 8', ON, 'write 12']);
  });

  test('sees it at the end of a slice of guest time, too', async () => {
    const device = new RealDevice();
    const machine = await make([...SET_UP, ...store(ENTRY_OF_IOVA, SECTION), a.B_SELF], device);
    await machine.start();
    while (device.log.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(device.log).toEqual([...BEFORE, ON]);
  });

  test('sees what an emulated device, or a debugger, has written to tables', async () => {
    const device = new RealDevice();
    const machine = await make([...SET_UP, a.B_SELF], device);
    await machine.start();
    while (device.log.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    machine.memory.writeWord(ENTRY_OF_IOVA, SECTION);
    while (device.log.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(device.log).toEqual([...BEFORE, ON]);
  });

  test('is plugged into an empty slot of a restored machine, and has what its stream has there', async () => {
    const saved = await make([...SET_UP, ...store(ENTRY_OF_IOVA, SECTION), DSB, a.B_SELF], undefined);
    await saved.start();
    while (saved.memory.readWord(ENTRY_OF_IOVA) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const snapshot = await saved.save();
    const device = new RealDevice();
    const restored = await createMachine({ restore: snapshot, pci: [device] });
    machines.push(restored);
    expect(device.log).toEqual([ON]);
    await restored.start();
    restored.memory.writeWord(ENTRY_OF_IOVA, 0);
    while (device.log.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(device.log.at(-1)).toBe(OFF);
  });

  test.each([
    ['as the guest wrote it', 0x0802_0040],
    ['translated', 0x1002_0040],
  ])('sends its messages to the doorbell’s address, %s', async (_how, address) => {
    const device = new RealDevice();
    const machine = await make([a.B_SELF], device);
    const { memory } = machine;
    for (const [at, value] of [
      [SMMU + GR0.SMR, 0x8000_0000 | STREAM],
      [SMMU + 0x1000 + GR1.CBAR, 0x0001_f300],
      [BANK + CB.TTBR0, TABLE],
      [BANK + CB.SCTLR, 0x1067],
      [SMMU + GR0.sCR0, 0x1c36],
      [TABLE + 0x100 * 4, 0x0800_0c02],
      [CONFIG + 4, 4],
      [0x0800_0c14, 2],
    ]) {
      memory.writeWord(at, value);
    }
    let capability = memory.readWord(CONFIG + 0x34) & 0xff;
    while ((memory.readWord(CONFIG + capability) & 0xff) !== 5) {
      capability = (memory.readWord(CONFIG + capability) >>> 8) & 0xff;
    }
    memory.writeWord(CONFIG + capability + 4, address);
    memory.writeWord(CONFIG + capability + 12, 80);
    memory.writeWord(CONFIG + capability, 1 << 16);
    expect(device.port?.signalMsi(0)).toBe(true);
    expect(memory.readWord(0x0800_0208)).toBe(1 << 16);
  });
});
