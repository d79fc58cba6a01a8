import type { StreamTarget } from '../../src/iommu/stream.ts';
import type { ConfigChange, EndpointPort, FunctionDescription, PciEndpoint } from '../../src/pci/endpoint.ts';
import { HostBridge } from '../../src/pci/host-bridge.ts';
import type { Clock, ClockTimer } from '../../src/ports/clock.ts';
import type { AccessSize, Requester } from '../../src/ports/mmio.ts';

export const cpu: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };

/** The windows of the `virt` board. */
export const MEMORY_WINDOW = { base: 0x1000_0000, size: 0x2eff_0000 };
export const IO_WINDOW = { base: 0, size: 0x1_0000 };
export const RAM_BASE = 0x4000_0000;
export const DOORBELL = 0x0802_0040;

/** Virtual time that moves by hand. */
export class HandClock implements Clock {
  private now = 0;
  private readonly timers: { deadlineNs: number; callback: () => void }[] = [];

  nowNs(): number {
    return this.now;
  }

  createTimer(callback: () => void): ClockTimer {
    const timer = { deadlineNs: Number.POSITIVE_INFINITY, callback };
    this.timers.push(timer);
    return {
      arm: (deadlineNs) => {
        timer.deadlineNs = deadlineNs;
      },
      cancel: () => {
        timer.deadlineNs = Number.POSITIVE_INFINITY;
      },
      get deadlineNs() {
        return timer.deadlineNs;
      },
    };
  }

  whenSettled(work: Promise<unknown>, _latencyNs: number, callback: () => void): void {
    work.then(callback, callback);
  }

  advance(ns: number): void {
    const end = this.now + ns;
    for (;;) {
      const next = this.timers.reduce((a, b) => (b.deadlineNs < a.deadlineNs ? b : a), {
        deadlineNs: Number.POSITIVE_INFINITY,
        callback: () => {},
      });
      if (next.deadlineNs > end) break;
      this.now = Math.max(this.now, next.deadlineNs);
      next.deadlineNs = Number.POSITIVE_INFINITY;
      next.callback();
    }
    this.now = end;
  }
}

/** 64 KiB of memory at RAM_BASE and an MSI doorbell that keeps what was written to it. */
export class TestMemory implements StreamTarget {
  readonly ram = new Uint8Array(0x1_0000);
  readonly messages: number[] = [];
  readonly streams: number[] = [];

  read(address: number, into: Uint8Array, requester: Requester): boolean {
    this.streams.push(requester.streamId);
    if (!this.holds(address, into.length)) return false;
    into.set(this.ram.subarray(address - RAM_BASE, address - RAM_BASE + into.length));
    return true;
  }

  write(address: number, from: Uint8Array, requester: Requester): boolean {
    this.streams.push(requester.streamId);
    if (address === DOORBELL && from.length === 4) {
      this.messages.push(new DataView(from.buffer, from.byteOffset).getUint32(0, true));
      return true;
    }
    if (!this.holds(address, from.length)) return false;
    this.ram.set(from, address - RAM_BASE);
    return true;
  }

  private holds(address: number, length: number): boolean {
    return address >= RAM_BASE && address + length <= RAM_BASE + this.ram.length;
  }
}

/** An endpoint that keeps its BARs as bytes and writes down everything that happens to it. */
export class TestEndpoint implements PciEndpoint {
  readonly name: string;
  readonly description: FunctionDescription;
  readonly changes: ConfigChange[] = [];
  readonly accesses: string[] = [];
  resets = 0;
  port!: EndpointPort;

  constructor(description: Partial<FunctionDescription> = {}, name = 'test') {
    this.name = name;
    this.description = { vendorId: 0xabcd, deviceId: 0x1234, classCode: 0x020000, bars: [], ...description };
  }

  attach(port: EndpointPort): void {
    this.port = port;
  }

  detach(): void {
    this.accesses.push('detach');
  }

  reset(): void {
    this.resets++;
  }

  configChanged(change: ConfigChange): void {
    this.changes.push(change);
  }

  /** Names the endpoint, the BAR and the offset, so that a test sees what answered. */
  readBar(bar: number, offset: number, size: AccessSize): number {
    this.accesses.push(`read ${bar} ${offset} ${size}`);
    const value = (this.description.deviceId << 16) | (bar << 12) | (offset & 0xfff);
    return size === 4 ? value : value & (size === 2 ? 0xffff : 0xff);
  }

  writeBar(bar: number, offset: number, size: AccessSize, value: number): void {
    this.accesses.push(`write ${bar} ${offset} ${size} ${value}`);
  }

  takeChanges(): ConfigChange[] {
    return this.changes.splice(0);
  }
}

/** A host bridge as on the `virt` board, with everything around it visible. */
export class TestBus {
  readonly clock = new HandClock();
  readonly memory = new TestMemory();
  readonly lines = [false, false, false, false];
  /** Every change of a line, as it happened. */
  readonly lineChanges: string[] = [];
  readonly bridge = new HostBridge({
    clock: this.clock,
    memory: this.memory,
    memoryWindow: MEMORY_WINDOW,
    ioWindow: IO_WINDOW,
    intx: [this.line(0), this.line(1), this.line(2), this.line(3)],
  });

  /** Plugs in and returns a driver's view of the function. */
  plug(endpoint: PciEndpoint, device?: number): Driver {
    const address = this.bridge.plug(endpoint, device);
    return new Driver(this, Number.parseInt(address.slice(3, 5), 16) << 3);
  }

  readMemory(address: number, size: AccessSize = 4): number {
    return this.bridge.memoryWindow.read(address - MEMORY_WINDOW.base, size, cpu);
  }

  writeMemory(address: number, value: number, size: AccessSize = 4): void {
    this.bridge.memoryWindow.write(address - MEMORY_WINDOW.base, size, value, cpu);
  }

  readMemory64(address: number): bigint {
    return this.bridge.memoryWindow.read64?.(address - MEMORY_WINDOW.base, cpu) ?? 0n;
  }

  writeMemory64(address: number, value: bigint): void {
    this.bridge.memoryWindow.write64?.(address - MEMORY_WINDOW.base, value, cpu);
  }

  readIo(address: number, size: AccessSize = 4): number {
    return this.bridge.ioWindow.read(address - IO_WINDOW.base, size, cpu);
  }

  writeIo(address: number, value: number, size: AccessSize = 4): void {
    this.bridge.ioWindow.write(address - IO_WINDOW.base, size, value, cpu);
  }

  takeLineChanges(): string[] {
    return this.lineChanges.splice(0);
  }

  private line(index: number) {
    return {
      set: (level: boolean) => {
        this.lines[index] = level;
        this.lineChanges.push(`${index} ${level ? 'high' : 'low'}`);
      },
    };
  }
}

/** Configuration accesses to one function, through ECAM. */
export class Driver {
  readonly bdf: number;
  private readonly bus: TestBus;

  constructor(bus: TestBus, bdf: number) {
    this.bus = bus;
    this.bdf = bdf;
  }

  read(offset: number, size: AccessSize = 4): number {
    return this.bus.bridge.ecam.read(this.bdf * 4096 + offset, size, cpu);
  }

  write(offset: number, value: number, size: AccessSize = 4): void {
    this.bus.bridge.ecam.write(this.bdf * 4096 + offset, size, value, cpu);
  }

  set command(value: number) {
    this.write(0x04, value, 2);
  }

  get status(): number {
    return this.read(0x06, 2);
  }

  /** Walks the capability list as a driver does. */
  capabilities(): { id: number; offset: number }[] {
    const found: { id: number; offset: number }[] = [];
    for (let offset = this.read(0x34, 1); offset !== 0; offset = this.read(offset + 1, 1)) {
      if (found.length > 48) throw new Error('the capability list has no end');
      found.push({ id: this.read(offset, 1), offset });
    }
    return found;
  }

  /** Offset of a capability. */
  capability(id: number): number {
    const found = this.capabilities().find((c) => c.id === id);
    if (found === undefined) throw new Error(`no capability ${id}`);
    return found.offset;
  }
}

export const IO = 1;
export const MEMORY = 2;
export const MASTER = 4;
export const INTX_DISABLE = 0x400;
