import {
  createMachine,
  type EndpointPort,
  type Machine,
  type MachineOptions,
  type PciEndpoint,
} from '../../src/index.ts';
import type { TraceCategory, TraceEvent, TraceHeader, TraceRecord } from '../../src/trace/events.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

export const RAM = 0x4000_0000;
/** Configuration space of 00:01.0 on `virt`. */
export const CONFIG = 0x3f00_8000;
/** Where the test puts its BAR 0. */
export const BAR = 0x1000_0000;

/** A function that does what a test says; a register reads as what was written to it last. */
export class Function1 implements PciEndpoint {
  readonly name: string = 'function';
  readonly description = {
    vendorId: 0x1234,
    deviceId: 4,
    classCode: 0xff0000,
    bars: [{ index: 0, kind: 'memory32', size: 0x2000 }],
    interruptPin: 2,
    msi: { vectors: 4, is64Bit: true, maskable: false },
    msix: { vectors: 2, tableBar: 0, tableOffset: 0x1000, pbaBar: 0, pbaOffset: 0x1800 },
    powerManagement: true,
    pcie: true,
  } as const;
  port: EndpointPort | undefined;
  private register = 0;

  attach(port: EndpointPort): void {
    this.port = port;
  }
  detach(): void {}
  reset(): void {}
  readBar(): number {
    return this.register;
  }
  writeBar(_bar: number, _offset: number, _size: number, value: number): void {
    this.register = value;
  }
}

/** A machine that stands still: the test plays its software, and reads its trace. */
export async function tracedMachine(
  categories: readonly TraceCategory[] | undefined,
  more: MachineOptions = {},
): Promise<{
  machine: Machine;
  fn: Function1;
  records: TraceRecord[];
  header: TraceHeader;
  events(): TraceEvent[];
}> {
  const records: TraceRecord[] = [];
  const fn = new Function1();
  const bytes = new Uint8Array(Uint32Array.of(a.B_SELF).buffer);
  const machine = await createMachine({
    memory: '2M',
    clock: 'instructions',
    kernel: buildElf([{ physicalAddress: RAM + 0x1_0000, bytes }]),
    pci: [fn],
    trace: { ...(categories && { categories }), sink: (record) => void records.push(record) },
    ...more,
  });
  return {
    machine,
    fn,
    records,
    header: records[0] as TraceHeader,
    events: () => records.splice(1) as TraceEvent[],
  };
}
