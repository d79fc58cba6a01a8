import type { ArmCpu } from '../arm/cpu.ts';
import type { ArmEngine } from '../arm/engine.ts';
import { StateSlot } from '../arm/state.ts';
import type { Board } from '../boards/assemble-board.ts';
import { interruptId } from '../boards/board.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { MmioDevice } from '../ports/mmio.ts';
import { describeCpu } from './debugger.ts';
import { mappingsOf } from './mappings.ts';
import type { Mapping, MonitorTarget } from './monitor.ts';
import { sizeText } from './units.ts';

/** What the monitor looks at. */
export interface MonitoredMachine {
  readonly engine: ArmEngine;
  readonly board: Board;
  readonly physical: PhysicalMemory;
  status(): string;
  screenshot(): Promise<Uint8Array>;
  stop(): void;
  resume(): void;
}

const PAGE = 4096;
/** GICD_ISENABLERn, ISPENDRn, ISACTIVERn (IHI 0048B 4.3; the same in IHI 0069). Reading them changes nothing. */
const ISENABLER = 0x100;
const ISPENDR = 0x200;
const ISACTIVER = 0x300;
/** GICD_TYPER.ITLinesNumber: interrupts by 32, less one. */
const TYPER = 4;
/** The SGI and PPI frame of a GICv3 redistributor (IHI 0069 12.10). */
const REDISTRIBUTOR = 0x2_0000;
const SGI_FRAME = 0x1_0000;

/** A machine as its monitor sees it. */
export class MachineMonitorTarget implements MonitorTarget {
  readonly cpuCount: number;
  private readonly machine: MonitoredMachine;

  constructor(machine: MonitoredMachine) {
    this.machine = machine;
    this.cpuCount = machine.engine.cpus.length;
  }

  status(): string {
    return this.machine.status();
  }

  describeCpu(cpu: number): string {
    return describeCpu(this.cpu(cpu));
  }

  registers(cpu: number): readonly (readonly [string, number])[] {
    const { state, regs } = this.cpu(cpu);
    const core = Array.from(state.slots.subarray(0, 16), (value, n) => [coreName(n), value >>> 0] as const);
    const system = Object.entries(regs).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number',
    );
    return [
      ...core,
      ['CPSR', state.cpsr >>> 0],
      ['SPSR', state.spsr >>> 0],
      ['FPSCR', state.slots[StateSlot.Fpscr] >>> 0],
      ...system.map(([name, value]) => [name, value >>> 0] as const),
    ];
  }

  readVirtual(cpu: number, address: number, length: number): Uint8Array {
    const { mmu, state } = this.cpu(cpu);
    mmu.selectContext(state.privileged);
    return this.readPages(address, length, (va) => (va < 2 ** 32 ? mmu.translateForDebug(va) : -1));
  }

  readPhysical(address: number, length: number): Uint8Array {
    return this.readPages(address, length, (at) => at);
  }

  mappings(cpu: number): readonly Mapping[] | undefined {
    return mappingsOf(this.cpu(cpu), this.machine.physical);
  }

  memoryMap(): readonly string[] {
    const { physical } = this.machine;
    const regions = [
      ...physical.listRegions(),
      { name: 'RAM', base: physical.ramBase, size: physical.ramSize },
    ].sort((a, b) => a.base - b.base);
    return regions.map(({ base, size, name }) => `${hex(base)}-${hex(base + size - 1)} ${name}`);
  }

  pciDevices(): readonly string[] {
    return this.machine.board.hostBridge.describeBus().flatMap((fn) => [
      `${fn.address} ${id(fn.vendorId)}:${id(fn.deviceId)} ${fn.name}${fn.busMaster ? ', bus master' : ''}`,
      ...fn.bars.map((bar) => {
        const where = bar.enabled ? `at 0x${hex(bar.address)}` : 'off';
        return `        BAR ${bar.index}: ${bar.kind}, ${sizeText(bar.size)}, ${where}`;
      }),
    ]);
  }

  interrupts(): readonly string[] {
    const { gic } = this.machine.board;
    const names = this.interruptNames();
    const lines: string[] = [];
    for (let cpu = 0; cpu < this.cpuCount; cpu++) {
      const banked = 'redistributors' in gic ? gic.redistributors : gic.distributor;
      const base = 'redistributors' in gic ? cpu * REDISTRIBUTOR + SGI_FRAME : 0;
      lines.push(...this.interruptLines(banked, base, 0, cpu, names));
    }
    const words = (this.read(gic.distributor, TYPER, 0) & 31) + 1;
    for (let word = 1; word < words; word++) {
      lines.push(...this.interruptLines(gic.distributor, 0, word, 0, names));
    }
    return lines.length === 0 ? ['no interrupt is enabled, pending or active'] : lines;
  }

  screenshot(): Promise<Uint8Array> {
    return this.machine.screenshot();
  }

  stop(): void {
    this.machine.stop();
  }

  resume(): void {
    this.machine.resume();
  }

  pressPowerButton(): boolean {
    const { powerButton } = this.machine.board;
    powerButton?.press();
    return powerButton !== undefined;
  }

  /** SGIs are always enabled: they are shown only while something is up with them. */
  private interruptLines(
    gic: MmioDevice,
    base: number,
    word: number,
    cpu: number,
    names: ReadonlyMap<number, string>,
  ): string[] {
    const at = (register: number): number => this.read(gic, base + register + 4 * word, cpu);
    const states = [
      ['enabled', at(ISENABLER) & (word === 0 ? ~0xffff : -1)],
      ['pending', at(ISPENDR)],
      ['active', at(ISACTIVER)],
    ] as const;
    const lines: string[] = [];
    for (let bit = 0; bit < 32; bit++) {
      const now = states.filter(([, bits]) => ((bits >>> bit) & 1) === 1).map(([name]) => name);
      if (now.length === 0) continue;
      const intid = 32 * word + bit;
      const owner = word === 0 ? ` CPU ${cpu}` : '';
      lines.push(
        `${String(intid).padStart(4)}${owner} ${names.get(intid) ?? ''}: ${now.join(', ')}`.replace(
          ' :',
          ':',
        ),
      );
    }
    return lines;
  }

  private read(device: MmioDevice, offset: number, cpu: number): number {
    return device.read(offset, 4, this.cpu(cpu).mmu.privilegedRequester);
  }

  /** Which device of the board's table drives an interrupt. */
  private interruptNames(): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    for (const row of this.machine.board.description.devices) {
      if ('interrupt' in row) names.set(interruptId(row.interrupt), row.name);
      if (!('interrupts' in row)) continue;
      for (const [what, input] of Object.entries(row.interrupts)) {
        names.set(
          interruptId(input),
          `${row.name} ${row.kind === 'pcie-host' ? `INT${'ABCD'[Number(what)]}` : what}`,
        );
      }
    }
    return names;
  }

  private readPages(address: number, length: number, translate: (address: number) => number): Uint8Array {
    const bytes = new Uint8Array(length);
    const requester = this.cpu(0).mmu.privilegedRequester;
    let done = 0;
    while (done < length) {
      const at = address + done;
      const piece = Math.min(length - done, PAGE - (at % PAGE));
      const physical = translate(at);
      const into = bytes.subarray(done, done + piece);
      if (physical < 0 || !this.machine.physical.readBytes(physical, into, requester)) break;
      done += piece;
    }
    return bytes.subarray(0, done);
  }

  private cpu(index: number): ArmCpu {
    return this.machine.engine.cpus[index];
  }
}

function coreName(n: number): string {
  return ['SP', 'LR', 'PC'][n - 13] ?? `R${n}`;
}

function hex(address: number): string {
  return address.toString(16).padStart(8, '0');
}

function id(value: number): string {
  return value.toString(16).padStart(4, '0');
}
