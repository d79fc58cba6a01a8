import type { VirtioDevice } from '../../../src/devices/virtio/virtio-device.ts';
import { VirtioFeature } from '../../../src/devices/virtio/virtio-device.ts';
import { VirtioMmioRegister as Mmio, VirtioMmio } from '../../../src/devices/virtio/virtio-mmio.ts';
import { virtioPci } from '../../../src/devices/virtio/virtio-pci.ts';
import { CommonRegister } from '../../../src/devices/virtio/virtio-pci-common.ts';
import type { DmaPort } from '../../../src/ports/dma.ts';
import type { DeviceLog } from '../../../src/ports/mmio.ts';
import { cpu, DOORBELL, MEMORY_WINDOW, RAM_BASE, TestBus, TestMemory } from '../../pci/support.ts';

export { RAM_BASE };

/** Keeps what a device says about its guest. */
export class TestLog implements DeviceLog {
  readonly errors: string[] = [];
  readonly missing: string[] = [];

  guestError(message: string): void {
    this.errors.push(message);
  }

  unimplemented(message: string): void {
    this.missing.push(message);
  }
}

/** Registers of a device as a driver sees them, whatever the transport. */
export interface Registers {
  readonly memory: TestMemory;
  readonly log: TestLog;
  status: number;
  offeredFeatures(): bigint;
  acceptFeatures(features: bigint): void;
  maxQueueSize(queue: number): number;
  setUpQueue(queue: number, size: number, table: number, available: number, used: number): void;
  isReady(queue: number): boolean;
  notify(queue: number): void;
  readConfig(offset: number, size: 1 | 2 | 4): number;
  writeConfig(offset: number, size: 1 | 2 | 4, value: number): void;
  readonly configGeneration: number;
  /** Interrupts since the last call, and acknowledges them. */
  takeInterrupts(): readonly ('queue' | 'config')[];
}

/** The bits of an interrupt status register by name. */
function causes(bits: number): ('queue' | 'config')[] {
  return [
    ...((bits & 1) !== 0 ? (['queue'] as const) : []),
    ...((bits & 2) !== 0 ? (['config'] as const) : []),
  ];
}

/** A virtio-mmio transport over 64 KiB of memory. */
export class MmioRegisters implements Registers {
  readonly memory = new TestMemory();
  readonly log = new TestLog();
  readonly mmio: VirtioMmio;
  line = false;
  /** Rising edges of the interrupt. */
  edges = 0;

  constructor(device?: VirtioDevice, dma?: DmaPort) {
    const requester = { ...cpu, kind: 'stream' } as const;
    const memory: DmaPort = {
      read: (address, into) => this.memory.read(address, into, requester),
      write: (address, from) => this.memory.write(address, from, requester),
    };
    this.mmio = new VirtioMmio(
      {
        ...(device && { device }),
        dma: dma ?? memory,
        interrupt: {
          set: (level) => {
            if (level && !this.line) this.edges++;
            this.line = level;
          },
        },
      },
      this.log,
    );
  }

  read(offset: number, size: 1 | 2 | 4 = 4): number {
    return this.mmio.read(offset, size, cpu);
  }

  write(offset: number, value: number, size: 1 | 2 | 4 = 4): void {
    this.mmio.write(offset, size, value, cpu);
  }

  get status(): number {
    return this.read(Mmio.Status);
  }

  set status(value: number) {
    this.write(Mmio.Status, value);
  }

  offeredFeatures(): bigint {
    this.write(Mmio.DeviceFeaturesSel, 1);
    const high = BigInt(this.read(Mmio.DeviceFeatures));
    this.write(Mmio.DeviceFeaturesSel, 0);
    return (high << 32n) | BigInt(this.read(Mmio.DeviceFeatures));
  }

  acceptFeatures(features: bigint): void {
    for (const select of [0, 1]) {
      this.write(Mmio.DriverFeaturesSel, select);
      this.write(Mmio.DriverFeatures, Number((features >> BigInt(32 * select)) & 0xffff_ffffn));
    }
  }

  maxQueueSize(queue: number): number {
    this.write(Mmio.QueueSel, queue);
    return this.read(Mmio.QueueNumMax);
  }

  setUpQueue(queue: number, size: number, table: number, available: number, used: number): void {
    this.write(Mmio.QueueSel, queue);
    this.write(Mmio.QueueNum, size);
    this.write(Mmio.QueueDescLow, table % 2 ** 32);
    this.write(Mmio.QueueDescHigh, Math.floor(table / 2 ** 32));
    this.write(Mmio.QueueDriverLow, available % 2 ** 32);
    this.write(Mmio.QueueDriverHigh, Math.floor(available / 2 ** 32));
    this.write(Mmio.QueueDeviceLow, used % 2 ** 32);
    this.write(Mmio.QueueDeviceHigh, Math.floor(used / 2 ** 32));
    this.write(Mmio.QueueReady, 1);
  }

  isReady(queue: number): boolean {
    this.write(Mmio.QueueSel, queue);
    return this.read(Mmio.QueueReady) === 1;
  }

  notify(queue: number): void {
    this.write(Mmio.QueueNotify, queue);
  }

  readConfig(offset: number, size: 1 | 2 | 4): number {
    return this.read(Mmio.Config + offset, size);
  }

  writeConfig(offset: number, size: 1 | 2 | 4, value: number): void {
    this.write(Mmio.Config + offset, value, size);
  }

  get configGeneration(): number {
    return this.read(Mmio.ConfigGeneration);
  }

  takeInterrupts(): readonly ('queue' | 'config')[] {
    const status = this.read(Mmio.InterruptStatus);
    this.write(Mmio.InterruptACK, status);
    return causes(status);
  }
}

const BAR_ADDRESS = MEMORY_WINDOW.base + 0x10_0000;
const MSIX_ADDRESS = MEMORY_WINDOW.base + 0x20_0000;

/** A virtio function on a PCI bus, found by its capabilities as a driver does. */
export class PciRegisters implements Registers {
  readonly bus = new TestBus();
  readonly log = new TestLog();
  readonly memory = this.bus.memory;
  readonly function;
  readonly places = new Map<number, { address: number; length: number; multiplier: number }>();
  private readonly useMsix: boolean;

  /** @param useMsix vector 0 is the configuration's, vector n + 1 queue n's */
  constructor(device: VirtioDevice, useMsix = false) {
    this.useMsix = useMsix;
    this.function = this.bus.plug(virtioPci(device, this.log));
    const fn = this.function;
    fn.write(0x10 + 4, MSIX_ADDRESS);
    fn.write(0x10 + 16, BAR_ADDRESS);
    fn.write(0x10 + 20, 0);
    fn.command = 6;
    for (const { id, offset } of fn.capabilities()) {
      if (id === 0x09) this.places.set(fn.read(offset + 3, 1), this.placeOf(offset));
      if (id === 0x11 && useMsix) this.enableMsix(offset);
    }
  }

  /** Registers of the common configuration. */
  read(offset: number, size: 1 | 2 | 4): number {
    return this.bus.readMemory(this.place(1).address + offset, size);
  }

  write(offset: number, value: number, size: 1 | 2 | 4): void {
    this.bus.writeMemory(this.place(1).address + offset, value, size);
  }

  get status(): number {
    return this.read(CommonRegister.device_status, 1);
  }

  set status(value: number) {
    this.write(CommonRegister.device_status, value, 1);
    if (value !== 0 && this.useMsix) this.write(CommonRegister.msix_config, 0, 2);
  }

  offeredFeatures(): bigint {
    this.write(CommonRegister.device_feature_select, 1, 4);
    const high = BigInt(this.read(CommonRegister.device_feature, 4));
    this.write(CommonRegister.device_feature_select, 0, 4);
    return (high << 32n) | BigInt(this.read(CommonRegister.device_feature, 4));
  }

  acceptFeatures(features: bigint): void {
    for (const select of [0, 1]) {
      this.write(CommonRegister.driver_feature_select, select, 4);
      this.write(CommonRegister.driver_feature, Number((features >> BigInt(32 * select)) & 0xffff_ffffn), 4);
    }
  }

  maxQueueSize(queue: number): number {
    this.write(CommonRegister.queue_select, queue, 2);
    return this.read(CommonRegister.queue_size, 2);
  }

  setUpQueue(queue: number, size: number, table: number, available: number, used: number): void {
    this.write(CommonRegister.queue_select, queue, 2);
    this.write(CommonRegister.queue_size, size, 2);
    const addresses = [table, available, used];
    addresses.forEach((address, i) => {
      this.write(CommonRegister.queue_desc + 8 * i, address % 2 ** 32, 4);
      this.write(CommonRegister.queue_desc + 8 * i + 4, Math.floor(address / 2 ** 32), 4);
    });
    if (this.useMsix) this.write(CommonRegister.queue_msix_vector, queue + 1, 2);
    this.write(CommonRegister.queue_enable, 1, 2);
  }

  isReady(queue: number): boolean {
    this.write(CommonRegister.queue_select, queue, 2);
    return this.read(CommonRegister.queue_enable, 2) === 1;
  }

  notify(queue: number): void {
    const { address, multiplier } = this.place(2);
    this.bus.writeMemory(address + queue * multiplier, queue, 2);
  }

  readConfig(offset: number, size: 1 | 2 | 4): number {
    return this.bus.readMemory(this.place(4).address + offset, size);
  }

  writeConfig(offset: number, size: 1 | 2 | 4, value: number): void {
    this.bus.writeMemory(this.place(4).address + offset, value, size);
  }

  get configGeneration(): number {
    return this.read(CommonRegister.config_generation, 1);
  }

  takeInterrupts(): readonly ('queue' | 'config')[] {
    if (!this.useMsix) return causes(this.bus.readMemory(this.place(3).address, 1));
    return this.memory.messages.splice(0).map((data) => (data === 100 ? 'config' : 'queue'));
  }

  private place(type: number) {
    const place = this.places.get(type);
    if (place === undefined) throw new Error(`no virtio capability of type ${type}`);
    return place;
  }

  private placeOf(offset: number) {
    const fn = this.function;
    return {
      address: BAR_ADDRESS + fn.read(offset + 8),
      length: fn.read(offset + 12),
      multiplier: fn.read(offset + 2, 1) >= 20 ? fn.read(offset + 16) : 0,
    };
  }

  private enableMsix(offset: number): void {
    const vectors = (this.function.read(offset + 2, 2) & 0x7ff) + 1;
    for (let vector = 0; vector < vectors; vector++) {
      const entry = MSIX_ADDRESS + 16 * vector;
      this.bus.writeMemory(entry, DOORBELL);
      this.bus.writeMemory(entry + 4, 0);
      this.bus.writeMemory(entry + 8, 100 + vector);
      this.bus.writeMemory(entry + 12, 0);
    }
    this.function.write(offset + 2, 0x8000, 2);
  }
}

/** Initialises a device as Virtio 1.1 3.1.1 says, up to its queues. @returns the features that both have */
export function negotiate(registers: Registers, wanted: bigint): bigint {
  registers.status = 0;
  registers.status = 1;
  registers.status = 3;
  const features = registers.offeredFeatures() & (wanted | VirtioFeature.VERSION_1);
  registers.acceptFeatures(features);
  registers.status = 11;
  return features;
}

const NEXT = 1;
const WRITE = 2;

/** A queue from the driver's side, with its memory. */
export class QueueDriver {
  readonly registers: Registers;
  readonly index: number;
  readonly size: number;
  readonly table: number;
  readonly available: number;
  readonly used: number;
  /** Where buffers are put, and the first byte behind the queue's memory. */
  private readonly buffers: number;
  private readonly end: number;
  private nextBuffer: number;
  private nextDescriptor = 0;
  private availableIndex = 0;
  private usedIndex = 0;
  private readonly writable = new Map<number, { address: number; length: number }[]>();
  private readonly view: DataView;

  /** Takes `room` bytes from `base` for rings and buffers. */
  constructor(registers: Registers, index: number, size: number, base = RAM_BASE, room = 0x8000) {
    this.registers = registers;
    this.index = index;
    this.size = size;
    this.table = base;
    this.available = base + 16 * size;
    this.used = base + Math.ceil((18 * size + 6) / 4) * 4;
    this.buffers = this.nextBuffer = Math.ceil((this.used + 6 + 8 * size) / 16) * 16;
    this.end = base + room;
    this.view = new DataView(registers.memory.ram.buffer);
    registers.setUpQueue(index, size, this.table, this.available, this.used);
  }

  /** A buffer in guest memory; the oldest are overwritten in the end. */
  allocate(contents: Uint8Array | number): number {
    const length = typeof contents === 'number' ? contents : contents.length;
    if (this.nextBuffer + length > this.end) this.nextBuffer = this.buffers;
    const address = this.nextBuffer;
    this.nextBuffer += Math.ceil(length / 16) * 16;
    if (typeof contents !== 'number') this.registers.memory.ram.set(contents, address - RAM_BASE);
    return address;
  }

  writeDescriptor(table: number, i: number, address: number, length: number, flags: number, next = 0): void {
    const at = table - RAM_BASE + 16 * i;
    this.view.setBigUint64(at, BigInt(address), true);
    this.view.setUint32(at + 8, length, true);
    this.view.setUint16(at + 12, flags, true);
    this.view.setUint16(at + 14, next, true);
  }

  /** Makes a request available. @returns its head */
  add(readable: readonly Uint8Array[], writable: readonly number[]): number {
    const pieces = [
      ...readable.map((bytes) => ({ address: this.allocate(bytes), length: bytes.length, flags: 0 })),
      ...writable.map((length) => ({ address: this.allocate(length), length, flags: WRITE })),
    ];
    const heads = pieces.map(() => this.nextDescriptor++ % this.size);
    pieces.forEach(({ address, length, flags }, i) => {
      const last = i === pieces.length - 1;
      this.writeDescriptor(
        this.table,
        heads[i],
        address,
        length,
        flags | (last ? 0 : NEXT),
        heads[i + 1] ?? 0,
      );
    });
    this.writable.set(
      heads[0],
      pieces.filter((piece) => piece.flags === WRITE),
    );
    this.offer(heads[0]);
    return heads[0];
  }

  /** Puts a head into the available ring. */
  offer(head: number): void {
    const at = this.available - RAM_BASE;
    this.view.setUint16(at + 4 + 2 * (this.availableIndex % this.size), head, true);
    this.availableIndex = (this.availableIndex + 1) & 0xffff;
    this.view.setUint16(at + 2, this.availableIndex, true);
  }

  notify(): void {
    this.registers.notify(this.index);
  }

  set availableFlags(flags: number) {
    this.view.setUint16(this.available - RAM_BASE, flags, true);
  }

  /** The used index after which the driver wants an interrupt (VIRTIO_F_RING_EVENT_IDX). */
  set usedEvent(index: number) {
    this.view.setUint16(this.available - RAM_BASE + 4 + 2 * this.size, index, true);
  }

  /** The available index after which the device wants a notification. */
  get availableEvent(): number {
    return this.view.getUint16(this.used - RAM_BASE + 4 + 8 * this.size, true);
  }

  /** What the device gave back since the last call. */
  takeUsed(): { head: number; written: number; bytes: Uint8Array }[] {
    const at = this.used - RAM_BASE;
    const taken: { head: number; written: number; bytes: Uint8Array }[] = [];
    for (
      ;
      this.usedIndex !== this.view.getUint16(at + 2, true);
      this.usedIndex = (this.usedIndex + 1) & 0xffff
    ) {
      const entry = at + 4 + 8 * (this.usedIndex % this.size);
      const head = this.view.getUint32(entry, true);
      const written = this.view.getUint32(entry + 4, true);
      taken.push({ head, written, bytes: this.writtenBytes(head).slice(0, written) });
    }
    return taken;
  }

  /** What stands in the writable part of a request now. */
  lastWritable(head: number): Uint8Array {
    return this.writtenBytes(head);
  }

  private writtenBytes(head: number): Uint8Array {
    const pieces = this.writable.get(head) ?? [];
    return Uint8Array.from(
      pieces.flatMap(({ address, length }) => [
        ...this.registers.memory.ram.subarray(address - RAM_BASE, address - RAM_BASE + length),
      ]),
    );
  }
}

/** A device that is ready, with its first queue. */
export function startedQueue(registers: Registers, wanted = 0n, size = 8): QueueDriver {
  negotiate(registers, wanted);
  const queue = new QueueDriver(registers, 0, Math.min(size, registers.maxQueueSize(0)));
  registers.status = 15;
  return queue;
}
