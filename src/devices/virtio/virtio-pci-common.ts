import type { AccessSize } from '../../ports/mmio.ts';
import type { VirtioFunction } from './virtio-function.ts';
import { withHighWord, withLowWord } from './virtio-mmio.ts';

/** VIRTIO_MSI_NO_VECTOR. */
export const NO_VECTOR = 0xffff;

/** The common configuration structure (Virtio 1.1 4.1.4.3): offset of each field. */
export const CommonRegister = {
  device_feature_select: 0x00,
  device_feature: 0x04,
  driver_feature_select: 0x08,
  driver_feature: 0x0c,
  msix_config: 0x10,
  num_queues: 0x12,
  device_status: 0x14,
  config_generation: 0x15,
  queue_select: 0x16,
  queue_size: 0x18,
  queue_msix_vector: 0x1a,
  queue_enable: 0x1c,
  queue_notify_off: 0x1e,
  queue_desc: 0x20,
  queue_driver: 0x28,
  queue_device: 0x30,
} as const;

/** MSI-X vectors that the driver chose. */
export type VirtioPciVectors = { config: number; readonly queues: Uint16Array };

/** Common configuration: the registers of a {@link VirtioFunction} as PCI has them. */
export class VirtioPciCommon {
  readonly vectors: VirtioPciVectors;
  private readonly function: VirtioFunction;
  private readonly vectorCount: number;

  /** @param vectorCount entries of the MSI-X table */
  constructor(fn: VirtioFunction, vectorCount: number) {
    this.function = fn;
    this.vectorCount = vectorCount;
    this.vectors = { config: NO_VECTOR, queues: new Uint16Array(fn.queues.length).fill(NO_VECTOR) };
  }

  reset(): void {
    this.vectors.config = NO_VECTOR;
    this.vectors.queues.fill(NO_VECTOR);
  }

  /** Fields are read in their own width (4.1.3.1); a narrower access gets the low part. */
  read(offset: number, size: AccessSize): number {
    const value = this.readField(offset);
    return size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff);
  }

  /** @returns false when there is no such register, or it can't be written now. */
  write(offset: number, size: AccessSize, value: number): boolean {
    const fn = this.function;
    switch (offset) {
      case CommonRegister.device_feature_select:
        fn.deviceFeaturesSelect = value;
        return true;
      case CommonRegister.driver_feature_select:
        fn.driverFeaturesSelect = value;
        return true;
      case CommonRegister.driver_feature:
        fn.acceptFeatures(value);
        return true;
      case CommonRegister.msix_config:
        this.vectors.config = this.checkedVector(value);
        return true;
      case CommonRegister.device_status:
        fn.writeStatus(value & 0xff);
        if (fn.status === 0) this.reset();
        return true;
      case CommonRegister.queue_select:
        fn.queueSelect = value & 0xffff;
        return true;
      default:
        return this.writeQueue(offset, size, value);
    }
  }

  private readField(offset: number): number {
    const fn = this.function;
    switch (offset) {
      case CommonRegister.device_feature_select:
        return fn.deviceFeaturesSelect;
      case CommonRegister.device_feature:
        return fn.deviceFeatures;
      case CommonRegister.driver_feature_select:
        return fn.driverFeaturesSelect;
      case CommonRegister.driver_feature:
        return fn.driverFeatures;
      case CommonRegister.msix_config:
        return this.vectors.config;
      case CommonRegister.num_queues:
        return fn.queues.length;
      case CommonRegister.device_status:
        return fn.status;
      case CommonRegister.config_generation:
        return fn.configGeneration;
      case CommonRegister.queue_select:
        return fn.queueSelect;
      default:
        return this.readQueue(offset);
    }
  }

  private readQueue(offset: number): number {
    const queue = this.function.selectedQueue;
    if (queue === undefined) return 0;
    const { state } = queue;
    switch (offset) {
      case CommonRegister.queue_size:
        return state.size;
      case CommonRegister.queue_msix_vector:
        return this.vectors.queues[queue.index];
      case CommonRegister.queue_enable:
        return state.ready ? 1 : 0;
      case CommonRegister.queue_notify_off:
        return queue.index;
      case CommonRegister.queue_desc:
        return state.descriptorTable % 2 ** 32;
      case CommonRegister.queue_desc + 4:
        return Math.floor(state.descriptorTable / 2 ** 32);
      case CommonRegister.queue_driver:
        return state.availableRing % 2 ** 32;
      case CommonRegister.queue_driver + 4:
        return Math.floor(state.availableRing / 2 ** 32);
      case CommonRegister.queue_device:
        return state.usedRing % 2 ** 32;
      case CommonRegister.queue_device + 4:
        return Math.floor(state.usedRing / 2 ** 32);
      default:
        return 0;
    }
  }

  private writeQueue(offset: number, size: AccessSize, value: number): boolean {
    const queue = this.function.selectedQueue;
    if (queue === undefined) return false;
    const { state } = queue;
    if (offset === CommonRegister.queue_msix_vector) {
      this.vectors.queues[queue.index] = this.checkedVector(value);
      return true;
    }
    // 4.1.4.3.2: nothing of an enabled queue is changed, and only a reset of the device disables it.
    if (state.ready) return false;
    switch (offset) {
      case CommonRegister.queue_size:
        state.size = value & 0xffff;
        return true;
      case CommonRegister.queue_enable:
        queue.setReady((value & 0xffff) === 1);
        return true;
      default:
        return size === 4 && this.writeAddress(state, offset, value);
    }
  }

  private writeAddress(
    state: { descriptorTable: number; availableRing: number; usedRing: number },
    offset: number,
    value: number,
  ): boolean {
    switch (offset) {
      case CommonRegister.queue_desc:
        state.descriptorTable = withLowWord(state.descriptorTable, value);
        return true;
      case CommonRegister.queue_desc + 4:
        state.descriptorTable = withHighWord(state.descriptorTable, value);
        return true;
      case CommonRegister.queue_driver:
        state.availableRing = withLowWord(state.availableRing, value);
        return true;
      case CommonRegister.queue_driver + 4:
        state.availableRing = withHighWord(state.availableRing, value);
        return true;
      case CommonRegister.queue_device:
        state.usedRing = withLowWord(state.usedRing, value);
        return true;
      case CommonRegister.queue_device + 4:
        state.usedRing = withHighWord(state.usedRing, value);
        return true;
      default:
        return false;
    }
  }

  /** 4.1.4.3.1: a vector that can't be had reads back as none. */
  private checkedVector(value: number): number {
    return (value & 0xffff) < this.vectorCount ? value & 0xffff : NO_VECTOR;
  }
}
