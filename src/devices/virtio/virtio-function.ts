import type { DmaPort } from '../../ports/dma.ts';
import { type AccessSize, type DeviceLog, silentLog } from '../../ports/mmio.ts';
import type { PlainValue, Saveable } from '../../ports/saveable.ts';
import { TRANSPORT_FEATURES, type VirtioDevice, VirtioFeature } from './virtio-device.ts';
import { type QueueHost, Virtqueue, type VirtqueueState } from './virtqueue.ts';

/** Device status (Virtio 1.1 2.1). */
const VirtioStatus = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  DEVICE_NEEDS_RESET: 64,
  FAILED: 128,
} as const;

const WRITABLE_STATUS =
  VirtioStatus.ACKNOWLEDGE |
  VirtioStatus.DRIVER |
  VirtioStatus.DRIVER_OK |
  VirtioStatus.FEATURES_OK |
  VirtioStatus.FAILED;

/** What a transport brings. */
export interface VirtioTransport {
  readonly dma: DmaPort;
  readonly log?: DeviceLog;
  /** Features that it offers beyond those of every transport. */
  readonly features?: bigint;
  /** A queue has used buffers that the driver wants to know of. */
  queueInterrupt(queue: number): void;
  /** The configuration space or the device's need for a reset has changed. */
  configInterrupt(): void;
}

/** State that all transports have; the device's own is in `device`. */
export type VirtioFunctionState = {
  /** The device's name: what a state of another device is refused by. */
  name: string;
  status: number;
  deviceFeaturesSelect: number;
  driverFeaturesSelect: number;
  driverFeatures: bigint;
  queueSelect: number;
  configGeneration: number;
  queues: VirtqueueState[];
  device: PlainValue;
};

/**
 * The part of a virtio transport that is the same for all: status and initialisation (Virtio 1.1 2.1, 3.1), negotiation of
 * features, queues and configuration space. The transports give it registers and interrupts.
 */
export class VirtioFunction implements Saveable<VirtioFunctionState> {
  readonly device: VirtioDevice;
  readonly queues: readonly Virtqueue[];
  /** Selects 32 of the feature bits. */
  deviceFeaturesSelect = 0;
  driverFeaturesSelect = 0;
  /** Any number that the driver wrote; `selectedQueue` is undefined for one without a queue. */
  queueSelect = 0;
  private readonly offered: bigint;
  private readonly transport: VirtioTransport;
  private readonly log: DeviceLog;
  private readonly host: QueueHost;
  private statusBits = 0;
  private accepted = 0n;
  private generation = 0;

  constructor(device: VirtioDevice, transport: VirtioTransport) {
    this.device = device;
    this.transport = transport;
    this.log = transport.log ?? silentLog;
    this.offered = device.features | TRANSPORT_FEATURES | (transport.features ?? 0n);
    const fn = this;
    this.host = {
      dma: transport.dma,
      get eventIndex() {
        return (fn.accepted & VirtioFeature.RING_EVENT_IDX) !== 0n;
      },
      get indirect() {
        return (fn.accepted & VirtioFeature.RING_INDIRECT_DESC) !== 0n;
      },
      get running() {
        return fn.isRunning;
      },
      fail: (reason) => fn.fail(reason),
      interrupt: (queue) => transport.queueInterrupt(queue),
    };
    this.queues = device.queueSizes.map((size, i) => new Virtqueue(i, size, this.host));
    device.connect({
      queues: this.queues,
      log: this.log,
      configChanged: () => this.configChanged(),
      fail: (reason) => this.fail(reason),
    });
  }

  get status(): number {
    return this.statusBits;
  }

  get configGeneration(): number {
    return this.generation;
  }

  get selectedQueue(): Virtqueue | undefined {
    return this.queues[this.queueSelect];
  }

  /** 32 bits of the offered features, chosen by `deviceFeaturesSelect`. */
  get deviceFeatures(): number {
    return word(this.offered, this.deviceFeaturesSelect);
  }

  /** 32 bits of what the driver accepted, chosen by `driverFeaturesSelect`. */
  get driverFeatures(): number {
    return word(this.accepted, this.driverFeaturesSelect);
  }

  /** The driver accepts features; not any more once FEATURES_OK is set (Virtio 1.1 3.1.1). */
  acceptFeatures(value: number): void {
    if ((this.statusBits & VirtioStatus.FEATURES_OK) !== 0) {
      this.guestError('features accepted after FEATURES_OK');
      return;
    }
    if (this.driverFeaturesSelect > 1) return;
    const shift = BigInt(32 * this.driverFeaturesSelect);
    this.accepted = (this.accepted & ~(0xffff_ffffn << shift)) | (BigInt(value >>> 0) << shift);
  }

  /** A write of the status register: 0 resets, other values add bits. */
  writeStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    let added = value & WRITABLE_STATUS & ~this.statusBits;
    if ((added & VirtioStatus.FEATURES_OK) !== 0 && !this.featuresFit()) added &= ~VirtioStatus.FEATURES_OK;
    if (
      (added & VirtioStatus.DRIVER_OK) !== 0 &&
      ((this.statusBits | added) & VirtioStatus.FEATURES_OK) === 0
    ) {
      this.guestError('DRIVER_OK without FEATURES_OK');
      added &= ~VirtioStatus.DRIVER_OK;
    }
    this.statusBits |= added;
    if ((added & VirtioStatus.DRIVER_OK) !== 0 && this.isRunning) this.device.start(this.accepted);
  }

  /** The driver notifies a queue. Numbers without a queue, and queues that are not set up, are ignored. */
  notify(queue: number): void {
    if (this.isRunning && this.queues[queue]?.state.ready === true) this.device.notify(queue);
  }

  readConfig(offset: number, size: AccessSize): number {
    const { config } = this.device;
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = (value << 8) | (config[offset + i] ?? 0);
    return value >>> 0;
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.device.writeConfig?.(offset, size, value);
  }

  /** Back to the state after power on. */
  reset(): void {
    this.statusBits = 0;
    this.accepted = 0n;
    this.deviceFeaturesSelect = this.driverFeaturesSelect = this.queueSelect = 0;
    for (const queue of this.queues) queue.reset();
    this.device.reset();
  }

  saveState(): VirtioFunctionState {
    return {
      name: this.device.name,
      status: this.statusBits,
      deviceFeaturesSelect: this.deviceFeaturesSelect,
      driverFeaturesSelect: this.driverFeaturesSelect,
      driverFeatures: this.accepted,
      queueSelect: this.queueSelect,
      configGeneration: this.generation,
      queues: this.queues.map((queue) => queue.saveState()),
      device: this.device.saveState(),
    };
  }

  restoreState(state: VirtioFunctionState): void {
    if (state.name !== this.device.name || state.queues.length !== this.queues.length) {
      throw new RangeError(
        `${state.name} with ${state.queues.length} queues is no state of ${this.device.name} with ${this.queues.length}`,
      );
    }
    this.statusBits = state.status;
    this.deviceFeaturesSelect = state.deviceFeaturesSelect;
    this.driverFeaturesSelect = state.driverFeaturesSelect;
    this.accepted = state.driverFeatures;
    this.queueSelect = state.queueSelect;
    this.generation = state.configGeneration;
    state.queues.forEach((queue, i) => {
      this.queues[i].restoreState(queue);
    });
    this.device.restoreState(state.device);
    if (this.isRunning) this.device.start(this.accepted);
  }

  private get isRunning(): boolean {
    return (
      (this.statusBits & (VirtioStatus.DRIVER_OK | VirtioStatus.DEVICE_NEEDS_RESET)) ===
      VirtioStatus.DRIVER_OK
    );
  }

  /** The device refuses features that it did not offer, and a driver that can't do without the legacy interface (6.1). */
  private featuresFit(): boolean {
    const fits = (this.accepted & ~this.offered) === 0n && (this.accepted & VirtioFeature.VERSION_1) !== 0n;
    if (!fits) this.guestError(`features 0x${this.accepted.toString(16)} can't be had`);
    return fits;
  }

  private configChanged(): void {
    this.generation = (this.generation + 1) & 0xff;
    if (this.isRunning) this.transport.configInterrupt();
  }

  /** Virtio 1.1 2.1.2: the driver is told by a configuration change, if it is there to hear of it. */
  private fail(reason: string): void {
    if ((this.statusBits & VirtioStatus.DEVICE_NEEDS_RESET) !== 0) return;
    this.guestError(`${reason}; it needs a reset now`);
    const running = this.isRunning;
    this.statusBits |= VirtioStatus.DEVICE_NEEDS_RESET;
    if (running) this.transport.configInterrupt();
  }

  private guestError(message: string): void {
    this.log.guestError(`${this.device.name}: ${message}`);
  }
}

function word(bits: bigint, select: number): number {
  return select > 1 ? 0 : Number((bits >> BigInt(32 * select)) & 0xffff_ffffn);
}
