import { afterEach, describe, expect, test } from 'vitest';
import { createMachine, type Machine } from '../../src/index.ts';
import { CB, CONTEXT_BANKS_BASE, GR0, GR1 } from '../../src/iommu/smmu-v2/registers.ts';
import type { ConfigChange } from '../../src/pci/endpoint.ts';
import type { EndpointHost, HostAttachedEndpoint, HostDma } from '../../src/pci/host-device.ts';
import type { BarPages, HostMappings } from '../../src/ports/host-mappings.ts';

const TABLE = 0x4004_0000;
const SMMU = 0x0905_0000;
const BANK = SMMU + CONTEXT_BANKS_BASE;
const IOVA = 0x8000_0000;
const WINDOW = 0x1000_0000;
/** Configuration spaces of 00:01.0 and 00:02.0; registers. */
const [MASTER, PEER] = [0x3f00_8000, 0x3f01_0000];
const [COMMAND, BAR_0] = [4, 0x10];
const MEMORY = 2;

/** Stands for a device of the host, with a BAR of four pages; all of them write one log. */
class RealDevice implements HostAttachedEndpoint {
  readonly name: string;
  readonly description = {
    vendorId: 0x1234,
    deviceId: 4,
    classCode: 0xff0000,
    bars: [{ index: 0, kind: 'memory32', size: 0x4000 }],
    msix: { vectors: 4, tableBar: 0, tableOffset: 0x2800, pbaBar: 0, pbaOffset: 0x2ff8 },
  } as const;
  private readonly log: string[];
  private host: EndpointHost | undefined;
  private answers = false;
  private readonly pages: readonly BarPages[];

  constructor(name: string, log: string[]) {
    this.name = name;
    this.log = log;
    this.pages = [{ memory: { name: `${name}'s BAR` }, offset: 0, size: 0x4000 }];
  }

  get hostDma(): HostDma {
    const note = (text: string): undefined => void this.log.push(`${this.name}: ${text}`);
    const mappings: HostMappings = {
      limit: 65535,
      map: (iova, size) => note(`map ${iova.toString(16)}+${size.toString(16)}`),
      mapBar: (iova, { memory, offset, size }) =>
        note(`map ${iova.toString(16)}+${size.toString(16)} ${memory.name}+${offset.toString(16)}`),
      unmap: (iova) => note(`unmap ${iova.toString(16)}`),
      unmapAll: () => note('unmap all'),
    };
    return { mappings, stop() {} };
  }

  barPages(): readonly BarPages[] {
    return this.answers ? this.pages : [];
  }

  async prepare(host: EndpointHost): Promise<void> {
    this.host = host;
  }

  configChanged(change: ConfigChange): void {
    this.log.push(`${this.name}: ${change.kind}`);
    if (change.kind !== 'command') return;
    this.answers = change.memory;
    this.host?.barsChanged?.();
  }

  reset(): void {
    this.log.push(`${this.name}: reset`);
    this.answers = false;
  }

  attach(): void {}
  detach(): void {}
  readBar = () => 0;
  writeBar(): void {}
  service(): void {}
  async close(): Promise<void> {}
}

const machines: Machine[] = [];

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

/** The first of two devices is behind a table whose section at {@link IOVA} is the start of the bus's memory window. */
async function make() {
  const log: string[] = [];
  const pci = [new RealDevice('a', log), new RealDevice('b', log)];
  const machine = await createMachine({ machine: 'virt,iommu=smmuv2', memory: '8M', pci });
  machines.push(machine);
  const { memory } = machine;
  for (const [at, value] of [
    [SMMU + GR0.SMR, 0x8000_0000 | (1 << 3)],
    [SMMU + GR0.S2CR, 0],
    [SMMU + 0x1000 + GR1.CBAR, 0x0001_f300],
    [BANK + CB.TTBR0, TABLE],
    [BANK + CB.TCR, 0],
    [BANK + CB.SCTLR, 0x1067],
    [TABLE + (IOVA >>> 20) * 4, WINDOW | 0xc02],
    [SMMU + GR0.sCR0, 0x1c36],
  ])
    memory.writeWord(at, value >>> 0);
  log.length = 0;
  /** What a write to a register comes to. */
  const write = (register: number, value: number): string[] => {
    log.length = 0;
    memory.writeWord(register, value);
    return [...log];
  };
  return { machine, write };
}

describe('a leaf at the BAR of another real device', () => {
  test('is mapped where the bus decodes it, once the device does, but for the page with the MSI-X table', async () => {
    const { write } = await make();
    expect(write(PEER + BAR_0, WINDOW + 0x4000)).toEqual([]);
    expect(write(PEER + COMMAND, MEMORY)).toEqual([
      'b: command',
      "a: map 80004000+2000 b's BAR+0",
      "a: map 80007000+1000 b's BAR+3000",
    ]);
  });

  test('is unmapped before the device hears that decoding is off', async () => {
    const { write } = await make();
    write(PEER + BAR_0, WINDOW);
    write(PEER + COMMAND, MEMORY);
    expect(write(PEER + COMMAND, 0)).toEqual(['a: unmap 80000000', 'a: unmap 80003000', 'b: command']);
  });

  test('goes where the BAR goes', async () => {
    const { write } = await make();
    write(PEER + BAR_0, WINDOW);
    write(PEER + COMMAND, MEMORY);
    expect(write(PEER + BAR_0, WINDOW + 0x1_0000)).toEqual([
      'a: unmap 80000000',
      'a: unmap 80003000',
      "a: map 80010000+2000 b's BAR+0",
      "a: map 80013000+1000 b's BAR+3000",
    ]);
    // Beyond what the section has.
    expect(write(PEER + BAR_0, WINDOW + 0x20_0000)).toEqual(['a: unmap 80010000', 'a: unmap 80013000']);
  });

  test('is of the device that answers where two have the same place', async () => {
    const { write } = await make();
    write(PEER + BAR_0, WINDOW);
    write(PEER + COMMAND, MEMORY);
    write(MASTER + BAR_0, WINDOW);
    expect(write(MASTER + COMMAND, MEMORY)).toEqual([
      'a: unmap 80000000',
      'a: unmap 80003000',
      'a: command',
      "a: map 80000000+2000 a's BAR+0",
      "a: map 80003000+1000 a's BAR+3000",
    ]);
    expect(write(MASTER + COMMAND, 0)).toEqual([
      'a: unmap 80000000',
      'a: unmap 80003000',
      "a: map 80000000+2000 b's BAR+0",
      "a: map 80003000+1000 b's BAR+3000",
      'a: command',
    ]);
  });

  test('is none in a machine without an SMMU', async () => {
    const log: string[] = [];
    const pci = [new RealDevice('a', log), new RealDevice('b', log)];
    const machine = await createMachine({ machine: 'virt', memory: '8M', pci });
    machines.push(machine);
    machine.memory.writeWord(PEER + BAR_0, WINDOW);
    machine.memory.writeWord(PEER + COMMAND, MEMORY);
    expect(log).toEqual(['b: command']);
  });
});
