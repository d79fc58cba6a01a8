import { GicV3 } from '../../src/devices/gic-v3.ts';
import type { DeviceLog, Requester } from '../../src/ports/mmio.ts';

const MEMORY_BASE = 0x4000_0000;
const MEMORY_BYTES = 0x10_0000;
const PROPERTY_TABLE = MEMORY_BASE;
export const PENDING_TABLE = MEMORY_BASE + 0x1_0000;
export const QUEUE = MEMORY_BASE + 0x8_0000;
export const DEVICE_TABLE = MEMORY_BASE + 0x9_0000;
export const COLLECTION_TABLE = MEMORY_BASE + 0xa_0000;
export const ITT = MEMORY_BASE + 0xb_0000;
export const CPU0: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };
const master = (streamId: number): Requester => ({
  kind: 'stream',
  cpu: 0,
  streamId,
  secure: false,
  privileged: false,
});

/** A GICv3 with 64 interrupts, memory for its tables, and what a driver does with it. */
export class GicV3Bench {
  readonly irq: boolean[];
  readonly fiq: boolean[];
  readonly errors: string[] = [];
  readonly memory = new Uint8Array(MEMORY_BYTES);
  readonly gic: GicV3;
  private queued = 0;

  constructor(cpus = 2) {
    this.irq = Array.from({ length: cpus }, () => false);
    this.fiq = Array.from({ length: cpus }, () => false);
    const log: DeviceLog = { guestError: (message) => this.errors.push(message), unimplemented() {} };
    const wire = (levels: boolean[], cpu: number) => ({
      set: (level: boolean) => {
        levels[cpu] = level;
      },
    });
    const reaches = (address: number, length: number): boolean =>
      address >= MEMORY_BASE && address + length <= MEMORY_BASE + MEMORY_BYTES;
    this.gic = new GicV3(
      {
        interruptCount: 64,
        cpus: this.irq.map((_unused, cpu) => ({ irq: wire(this.irq, cpu), fiq: wire(this.fiq, cpu) })),
        memory: {
          read: (address, into) => {
            if (!reaches(address, into.length)) return false;
            into.set(this.memory.subarray(address - MEMORY_BASE, address - MEMORY_BASE + into.length));
            return true;
          },
          write: (address, from) => {
            if (!reaches(address, from.length)) return false;
            this.memory.set(from, address - MEMORY_BASE);
            return true;
          },
        },
      },
      log,
    );
  }

  gicd(offset: number, value?: number, size: 1 | 2 | 4 = 4): number {
    if (value !== undefined) this.gic.distributor.write(offset, size, value, CPU0);
    return this.gic.distributor.read(offset, size, CPU0);
  }

  gicr(cpu: number, offset: number, value?: number, size: 1 | 2 | 4 = 4): number {
    const at = cpu * 0x2_0000 + offset;
    if (value !== undefined) this.gic.redistributors.write(at, size, value, CPU0);
    return this.gic.redistributors.read(at, size, CPU0);
  }

  gits(offset: number, value?: number): number {
    if (value !== undefined) this.gic.its.write(offset, 4, value, CPU0);
    return this.gic.its.read(offset, 4, CPU0);
  }

  icc(cpu: number) {
    return this.gic.cpuInterfaces[cpu]!;
  }

  /** As an operating system starts: everything in Group 1, all CPUs awake and enabled, no priority masked. */
  start(): void {
    this.gicd(0x0, 3);
    this.gicd(0x84, 0xffff_ffff);
    for (let cpu = 0; cpu < this.irq.length; cpu++) {
      this.gicr(cpu, 0x14, 0);
      this.gicr(cpu, 0x1_0080, 0xffff_ffff);
      this.icc(cpu).write('ICC_PMR', 0xff);
      this.icc(cpu).write('ICC_IGRPEN0', 1);
      this.icc(cpu).write('ICC_IGRPEN1', 1);
    }
  }

  /** LPI tables for all CPUs, an ITS with flat tables, and every LPI enabled at a priority. */
  startIts({ indirect = false, priority = 0xa0 } = {}): void {
    this.start();
    this.memory.fill(priority | 1, 0, 0xe000);
    for (let cpu = 0; cpu < this.irq.length; cpu++) {
      this.gicr(cpu, 0x70, PROPERTY_TABLE | 15);
      this.gicr(cpu, 0x78, PENDING_TABLE + cpu * 0x1_0000);
      this.gicr(cpu, 0x0, 1);
    }
    this.gits(0x80, QUEUE | 0);
    this.gits(0x84, 0x8000_0000);
    this.gits(0x100, indirect ? DEVICE_TABLE : DEVICE_TABLE | 7);
    this.gits(0x104, indirect ? 0xc000_0000 : 0x8000_0000);
    this.gits(0x108, COLLECTION_TABLE);
    this.gits(0x10c, 0x8000_0000);
    this.gits(0x0, 1);
  }

  word(address: number, value?: number): number {
    const view = new DataView(this.memory.buffer);
    if (value !== undefined) view.setUint32(address - MEMORY_BASE, value, true);
    return view.getUint32(address - MEMORY_BASE, true);
  }

  /** One command of the ITS: its eight words. */
  command(...words: readonly number[]): void {
    for (let i = 0; i < 8; i++) this.word(QUEUE + this.queued + 4 * i, words[i] ?? 0);
    this.queued = (this.queued + 32) % 4096;
    this.gits(0x88, this.queued);
  }

  mapd(device: number, eventBits: number, table = ITT): void {
    this.command(0x08, device, eventBits - 1, 0, table, 0x8000_0000);
  }

  mapc(collection: number, cpu: number, valid = true): void {
    this.command(0x09, 0, 0, 0, collection | (cpu << 16), valid ? 0x8000_0000 : 0);
  }

  mapti(device: number, event: number, intid: number, collection: number): void {
    this.command(0x0a, device, event, intid, collection);
  }

  /** The message of a device. */
  msi(device: number, event: number): void {
    this.gic.its.write(0x1_0040, 4, event, master(device));
  }
}
