import { cortexA15 } from '../../src/arm/cortex-a15.ts';
import type { ArmCpu } from '../../src/arm/cpu.ts';
import { ArmEngine, type EngineHooks, type StopReason } from '../../src/arm/engine.ts';
import type { EngineKind } from '../../src/arm/engine-kind.ts';
import { CPU_STATE_SLOTS, StateSlot } from '../../src/arm/state.ts';
import type { CpuModel } from '../../src/arm/system-registers.ts';
import { MachineMemory, MemoryLayout } from '../../src/memory/machine-memory.ts';
import { PageWatches } from '../../src/memory/page-watches.ts';
import { PhysicalMemory } from '../../src/memory/physical-memory.ts';
import type { ArmTimer, ArmTimerRegister, ArmTimerRegister64 } from '../../src/ports/arm-timer.ts';
import type { MmioDevice, Requester } from '../../src/ports/mmio.ts';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';

export const RAM = 0x4000_0000;
export const RAM_BYTES = 0x40_0000;
/** Where programs of these tests start, and where exception vectors are. */
export const CODE = RAM + 0x8000;
export const VECTORS = RAM + 0x1000;
export const DEVICE = 0x0a00_0000;

export const DEBUGGER: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };

/** Descriptors of the short format. AP[2:0] full access unless given. */
export const section = (pa: number, options: Leaf = {}): number =>
  ((pa & 0xfff00000) |
    2 |
    leaf(options, 10, 15) |
    ((options.domain ?? 0) << 5) |
    (options.xn ? 1 << 4 : 0) |
    (options.supersection ? 1 << 18 : 0) |
    (options.notGlobal ? 1 << 17 : 0)) >>>
  0;
const pageTable = (pa: number, domain = 0): number => (pa | (domain << 5) | 1) >>> 0;
export const smallPage = (pa: number, options: Leaf = {}): number =>
  ((pa & 0xfffff000) | 2 | leaf(options, 4, 9) | (options.xn ? 1 : 0) | (options.notGlobal ? 1 << 11 : 0)) >>>
  0;
export const largePage = (pa: number, options: Leaf = {}): number =>
  ((pa & 0xffff0000) | 1 | leaf(options, 4, 9) | (options.xn ? 1 << 15 : 0)) >>> 0;

export interface Leaf {
  /** AP[2:0]. */
  readonly ap?: number;
  /** C and B; Normal memory unless `device`. */
  readonly device?: boolean;
  readonly domain?: number;
  readonly xn?: boolean;
  readonly supersection?: boolean;
  readonly notGlobal?: boolean;
}

function leaf({ ap = 3, device = false }: Leaf, low: number, high: number): number {
  return ((ap & 3) << low) | ((ap >> 2) << high) | (device ? 0b0100 : 0b1100);
}

/** A device that remembers its accesses. */
export class RecordingDevice implements MmioDevice {
  readonly log: string[] = [];
  readonly requesters: Requester[] = [];

  read(offset: number, size: number, requester: Requester): number {
    this.log.push(`read${size * 8} ${offset.toString(16)}`);
    this.requesters.push(requester);
    return [0, 0x11, 0x2211, 0, 0x44332211][size]!;
  }

  write(offset: number, size: number, value: number, requester: Requester): void {
    this.log.push(`write${size * 8} ${offset.toString(16)} ${value.toString(16)}`);
    this.requesters.push(requester);
  }
}

/** A device that has 8-byte accesses of its own. */
export class WideDevice extends RecordingDevice {
  read64(offset: number): bigint {
    this.log.push(`read64 ${offset.toString(16)}`);
    return 0x8877_6655_4433_2211n;
  }

  write64(offset: number, value: bigint): void {
    this.log.push(`write64 ${offset.toString(16)} ${value.toString(16)}`);
  }
}

/** A generic timer whose registers keep what is written, and which never fires: time stands still. */
class StoredTimer implements ArmTimer {
  highWord = 0;
  private readonly words = new Map<string, number>();

  read(register: ArmTimerRegister): number {
    return this.words.get(register) ?? 0;
  }

  write(register: ArmTimerRegister, value: number): void {
    this.words.set(register, value >>> 0);
  }

  read64(register: ArmTimerRegister64): number {
    this.highWord = this.words.get(`${register} high`) ?? 0;
    return this.words.get(register) ?? 0;
  }

  write64(register: ArmTimerRegister64, low: number, high: number): void {
    this.words.set(register, low);
    this.words.set(`${register} high`, high);
  }

  reset(): void {
    this.words.clear();
  }
}

let standard: EngineKind = 'interpreter';

/** From now on benches that do not say what runs guest code have this engine. */
export function benchesRun(kind: EngineKind): void {
  standard = kind;
}

/** What benches that do not say it run code with. */
export function benchEngine(): EngineKind {
  return standard;
}

/** CPUs, RAM and a device, without a board. Every exception vector has an endless loop. */
export class Bench {
  readonly memory = new MachineMemory(RAM_BYTES);
  readonly watches = new PageWatches(RAM_BYTES);
  readonly physical = new PhysicalMemory(this.memory, RAM, this.watches);
  readonly engine: ArmEngine;
  readonly cpu: ArmCpu;

  constructor({
    cpus = 1,
    model = cortexA15,
    device,
    hooks = {},
    kind = standard,
    promotion = AT_ONCE,
  }: {
    cpus?: number;
    model?: CpuModel;
    device?: MmioDevice;
    hooks?: Partial<EngineHooks>;
    kind?: EngineKind;
    promotion?: Promotion;
  } = {}) {
    if (device !== undefined) this.physical.map(DEVICE, 0x1000, device, 'device');
    this.engine = new ArmEngine(
      this.memory,
      this.physical,
      model,
      Array.from({ length: cpus }, () => new StoredTimer()),
      0,
      {
        hypervisorCall: () => false,
        semihostingCall: () => 'guest',
        attention: () => {},
        ...hooks,
      },
      kind,
      promotion,
    );
    this.engine.cache.verify = true;
    this.cpu = this.engine.cpus[0]!;
    this.load(VECTORS, new Array(8).fill(a.B_SELF));
    for (const cpu of this.engine.cpus) {
      cpu.regs.VBAR = VECTORS;
      this.jump(CODE, cpu);
    }
  }

  /** As new: RAM empty but for the vectors, nothing translated. */
  restart(): void {
    this.memory.bytes.fill(0, MemoryLayout.ram);
    this.engine.cache.flush();
    this.load(VECTORS, new Array(8).fill(a.B_SELF));
    for (const cpu of this.engine.cpus) {
      cpu.reset(CODE);
      (cpu.regs.timer as StoredTimer).reset();
      for (const bank of [0, 1, 2, 3, 4, 5]) {
        for (let n = 8; n <= 14; n++) cpu.state.writeBanked(bank, n, 0);
        cpu.state.banked.spsr[bank] = 0;
      }
      cpu.regs.VBAR = VECTORS;
      cpu.setIrq(false);
      cpu.setFiq(false);
    }
  }

  /** All that a guest could tell a CPU's state by: two equal texts are two equal states. RAM is compared apart. */
  snapshot(cpu = this.cpu): string {
    const { state, regs } = cpu;
    const banked = [0, 1, 2, 3, 4, 5].map((bank) => [
      ...[8, 13, 14].map((n) => state.readBanked(bank, n) | 0),
      bank === 0 ? 0 : state.banked.spsr[bank],
    ]);
    const system = Object.entries(regs).filter(([, value]) => typeof value === 'number');
    return JSON.stringify({
      registers: [...state.slots.subarray(0, 16)],
      cpsr: state.cpsr >>> 0,
      monitor: state.slots[StateSlot.ExclusiveArmed],
      banked,
      system,
      plain: [...state.slots.subarray(StateSlot.TPIDRURW, CPU_STATE_SLOTS)],
      waiting: cpu.waiting,
    });
  }

  /** Goes on at an address; bit 0 selects T32. */
  jump(address: number, cpu = this.cpu): void {
    cpu.state.slots[StateSlot.T] = address & 1;
    cpu.state.slots[StateSlot.PC] = address & ~1;
  }

  /** Words at a physical address, as a debugger or a DMA would write them. */
  load(address: number, words: readonly number[]): void {
    const bytes = new Uint8Array(words.length * 4);
    const view = new DataView(bytes.buffer);
    words.forEach((word, i) => {
      view.setUint32(4 * i, word, true);
    });
    this.physical.writeBytes(address, bytes, DEBUGGER);
  }

  word(address: number): number {
    return this.physical.read(address, 4, DEBUGGER);
  }

  /** Runs `n` instructions, however often the CPU wants to be looked after in between. */
  run(n: number, cpu = this.cpu): StopReason {
    let stop: StopReason = 'budget';
    for (let left = n; left > 0; ) {
      const before = this.engine.instructions;
      Atomics.store(this.memory.words, MemoryLayout.eventWord >>> 2, 0);
      stop = this.engine.run(cpu, left);
      left -= this.engine.instructions - before;
      if (stop === 'wfi' || stop === 'off') return stop;
    }
    return stop;
  }

  reg(n: number, cpu = this.cpu): number {
    return cpu.state.slots[n]! >>> 0;
  }

  set(n: number, value: number, cpu = this.cpu): void {
    cpu.state.slots[n] = value;
  }

  pc(cpu = this.cpu): number {
    return cpu.state.slots[StateSlot.PC]! >>> 0;
  }

  /** The vector whose loop the CPU is in, as an offset from the base: 0 to 0x1c; undefined elsewhere. */
  vector(cpu = this.cpu): number | undefined {
    const offset = this.pc(cpu) - VECTORS;
    return offset >= 0 && offset < 0x20 ? offset : undefined;
  }

  /** Tables with RAM and the device mapped flat, everything in domain 0. */
  flatTables(base: number): Tables {
    const tables = new Tables(this, base);
    for (let at = RAM; at < RAM + RAM_BYTES; at += 0x10_0000) tables.first(at, section(at));
    tables.first(DEVICE, section(DEVICE, { device: true }));
    return tables;
  }

  /** Flat tables at RAM + 0x100000 in use, domain 0 a client, the MMU on. */
  mmuOn(cpu = this.cpu): Tables {
    const tables = this.flatTables(RAM + 0x10_0000);
    cpu.regs.TTBR0 = tables.base;
    cpu.regs.DACR = 1;
    cpu.regs.SCTLR |= 1;
    return tables;
  }
}

/** A first-level table, and second-level tables after it, in the bench's RAM. */
export class Tables {
  readonly base: number;
  private readonly bench: Bench;
  private next: number;

  constructor(bench: Bench, base: number) {
    this.bench = bench;
    this.base = base;
    this.next = base + 0x4000;
    bench.load(base, new Array(4096).fill(0));
  }

  first(va: number, descriptor: number): void {
    this.bench.load(this.base + (va >>> 20) * 4, [descriptor]);
  }

  /** An empty second-level table for the MiB of `va`; its address. */
  second(va: number, domain = 0): number {
    const table = this.next;
    this.next += 0x400;
    this.bench.load(table, new Array(256).fill(0));
    this.first(va, pageTable(table, domain));
    return table;
  }

  page(table: number, va: number, descriptor: number): void {
    this.bench.load(table + ((va >>> 12) & 0xff) * 4, [descriptor]);
  }
}
