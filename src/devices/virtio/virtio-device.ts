import type { DeviceLog } from '../../ports/mmio.ts';
import type { PlainValue, Saveable } from '../../ports/saveable.ts';
import type { Virtqueue } from './virtqueue.ts';

/** Device types (Virtio 1.1 chapter 5). */
export const VirtioDeviceId = {
  NETWORK: 1,
  BLOCK: 2,
  CONSOLE: 3,
  ENTROPY: 4,
  NINEP: 9,
} as const;

/** Feature bits that belong to no device type (Virtio 1.1 chapter 6). */
export const VirtioFeature = {
  RING_INDIRECT_DESC: 1n << 28n,
  RING_EVENT_IDX: 1n << 29n,
  VERSION_1: 1n << 32n,
  /** The addresses of queues and buffers are the platform's, translated by an IOMMU where there is one. */
  ACCESS_PLATFORM: 1n << 33n,
} as const;

/** What a transport offers for every device. */
export const TRANSPORT_FEATURES =
  VirtioFeature.RING_INDIRECT_DESC | VirtioFeature.RING_EVENT_IDX | VirtioFeature.VERSION_1;

/** What a transport gives to its device, once and for good. */
export interface VirtioPort {
  /** In the order of `queueSizes`. A queue that the driver did not set up gives no chains. */
  readonly queues: readonly Virtqueue[];
  readonly log: DeviceLog;
  /** `config` has changed: the driver is interrupted to read it again (Virtio 1.1 2.4). */
  configChanged(): void;
  /**
   * The driver broke a rule that leaves the device no way on: DEVICE_NEEDS_RESET (2.1.2). Queues give no chains and take
   * none until the driver resets the device.
   */
  fail(reason: string): void;
}

/**
 * A virtio device behind any transport. It knows its queues and configuration space, and nothing of registers, interrupts
 * or addresses. It never throws for what a guest does.
 *
 * Its state is its own part only: the transport saves queues, features and status.
 */
export interface VirtioDevice extends Saveable<PlainValue> {
  /** Short name for logs and listings: `virtio-blk`. */
  readonly name: string;
  /** One of {@link VirtioDeviceId}. */
  readonly deviceId: number;
  /** The device type's own feature bits that are offered; bits 0 to 23 as a rule. */
  readonly features: bigint;
  /** Most entries of each queue, powers of two up to 32768. */
  readonly queueSizes: readonly number[];
  /** The device-specific configuration space as the driver reads it now; what lies behind its end reads as zero. */
  readonly config: Uint8Array;
  /** The driver wrote to the configuration space. Absent: it is read-only. */
  writeConfig?(offset: number, size: 1 | 2 | 4, value: number): void;
  /**
   * Finishes what is under way on the host, before a save; virtual time stands still meanwhile. What the driver has not
   * been told of stays state. Absent: there is nothing of that kind.
   */
  drain?(): Promise<void>;
  /** Called once, before anything else. */
  connect(port: VirtioPort): void;
  /**
   * The driver is ready (DRIVER_OK), with these features; also called after a restore of a device that was. Guest RAM and the
   * clock are restored before.
   */
  start(features: bigint): void;
  /** The driver says that there are new buffers in a queue. Only after `start`. */
  notify(queue: number): void;
  /** Back to the state after power on; what is still under way on the host is dropped. */
  reset(): void;
}
