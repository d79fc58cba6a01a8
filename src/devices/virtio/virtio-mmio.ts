import type { DmaPort } from '../../ports/dma.ts';
import type { InterruptLine } from '../../ports/interrupt-line.ts';
import {
  type AccessSize,
  type DeviceLog,
  type MmioDevice,
  type Requester,
  silentLog,
} from '../../ports/mmio.ts';
import type { Drainable, Saveable } from '../../ports/saveable.ts';
import type { VirtioDevice } from './virtio-device.ts';
import { VirtioFunction, type VirtioFunctionState } from './virtio-function.ts';

/** Registers (Virtio 1.1 4.2.2). */
export const VirtioMmioRegister = {
  MagicValue: 0x000,
  Version: 0x004,
  DeviceID: 0x008,
  VendorID: 0x00c,
  DeviceFeatures: 0x010,
  DeviceFeaturesSel: 0x014,
  DriverFeatures: 0x020,
  DriverFeaturesSel: 0x024,
  QueueSel: 0x030,
  QueueNumMax: 0x034,
  QueueNum: 0x038,
  QueueReady: 0x044,
  QueueNotify: 0x050,
  InterruptStatus: 0x060,
  InterruptACK: 0x064,
  Status: 0x070,
  QueueDescLow: 0x080,
  QueueDescHigh: 0x084,
  QueueDriverLow: 0x090,
  QueueDriverHigh: 0x094,
  QueueDeviceLow: 0x0a0,
  QueueDeviceHigh: 0x0a4,
  /** Shared memory regions: there are none, and all lengths and bases read as ones. */
  SHMLenLow: 0x0b0,
  SHMBaseHigh: 0x0bc,
  ConfigGeneration: 0x0fc,
  Config: 0x100,
} as const;

/** "virt". */
const MAGIC = 0x7472_6976;
/** The interface of Virtio 1.0 and later; 1 is the legacy one. */
const VERSION = 2;
/** QEMU's, which drivers have seen most: "QEMU". */
const VENDOR = 0x554d_4551;

/** Bits of InterruptStatus. */
const USED_BUFFER = 1;
const CONFIGURATION_CHANGE = 2;

/** What a board gives to a transport. */
export interface VirtioMmioConfig {
  /** Absent: the transport is empty, and says so by device ID 0. */
  readonly device?: VirtioDevice;
  readonly dma: DmaPort;
  readonly interrupt: InterruptLine;
}

/** A transport as it is saved; an empty one has no device. */
export type VirtioMmioState = { interruptStatus: number; function: VirtioFunctionState | undefined };

/** A virtio device on a memory bus: 0x200 bytes of registers and one interrupt (Virtio 1.1 4.2). */
export class VirtioMmio implements MmioDevice, Saveable<VirtioMmioState>, Drainable {
  /** What is behind the registers; undefined for an empty transport. */
  readonly function: VirtioFunction | undefined;
  private readonly interrupt: InterruptLine;
  private readonly log: DeviceLog;
  private interruptStatus = 0;

  constructor(config: VirtioMmioConfig, log: DeviceLog = silentLog) {
    this.interrupt = config.interrupt;
    this.log = log;
    if (config.device !== undefined) {
      this.function = new VirtioFunction(config.device, {
        dma: config.dma,
        log,
        queueInterrupt: () => this.raise(USED_BUFFER),
        configInterrupt: () => this.raise(CONFIGURATION_CHANGE),
      });
    }
  }

  reset(): void {
    this.function?.reset();
    this.acknowledge(USED_BUFFER | CONFIGURATION_CHANGE);
  }

  read(offset: number, size: AccessSize, requester: Requester): number {
    if (isBusMaster(requester)) return 0;
    if (offset >= VirtioMmioRegister.Config) {
      return this.function?.readConfig(offset - VirtioMmioRegister.Config, size) ?? 0;
    }
    if (size !== 4) {
      this.guestError(`read of ${size} bytes at 0x${offset.toString(16)}`);
      return 0;
    }
    return (
      this.readIdentification(offset) ?? (this.function && this.readRegister(this.function, offset)) ?? 0
    );
  }

  write(offset: number, size: AccessSize, value: number, requester: Requester): void {
    if (isBusMaster(requester) || this.function === undefined) return;
    if (offset >= VirtioMmioRegister.Config) {
      this.function.writeConfig(offset - VirtioMmioRegister.Config, size, value);
    } else if (size === 4) {
      this.writeRegister(this.function, offset, value >>> 0);
    } else {
      this.guestError(`write of ${size} bytes at 0x${offset.toString(16)}`);
    }
  }

  saveState(): VirtioMmioState {
    return { interruptStatus: this.interruptStatus, function: this.function?.saveState() };
  }

  restoreState(state: VirtioMmioState): void {
    if ((state.function === undefined) !== (this.function === undefined)) {
      throw new RangeError('a virtio transport has a device in one of the two machines only');
    }
    this.interruptStatus = state.interruptStatus;
    if (state.function !== undefined) this.function?.restoreState(state.function);
  }

  async drain(): Promise<void> {
    await this.function?.device.drain?.();
  }

  private readIdentification(offset: number): number | undefined {
    switch (offset) {
      case VirtioMmioRegister.MagicValue:
        return MAGIC;
      case VirtioMmioRegister.Version:
        return VERSION;
      case VirtioMmioRegister.DeviceID:
        return this.function?.device.deviceId ?? 0;
      case VirtioMmioRegister.VendorID:
        return VENDOR;
      default:
        return undefined;
    }
  }

  private readRegister(fn: VirtioFunction, offset: number): number {
    switch (offset) {
      case VirtioMmioRegister.DeviceFeatures:
        return fn.deviceFeatures;
      case VirtioMmioRegister.QueueNumMax:
        return fn.selectedQueue?.maxSize ?? 0;
      case VirtioMmioRegister.QueueReady:
        return fn.selectedQueue?.state.ready === true ? 1 : 0;
      case VirtioMmioRegister.InterruptStatus:
        return this.interruptStatus;
      case VirtioMmioRegister.Status:
        return fn.status;
      case VirtioMmioRegister.ConfigGeneration:
        return fn.configGeneration;
      default:
        if (offset >= VirtioMmioRegister.SHMLenLow && offset <= VirtioMmioRegister.SHMBaseHigh)
          return 0xffff_ffff;
        this.guestError(`read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  private writeRegister(fn: VirtioFunction, offset: number, value: number): void {
    switch (offset) {
      case VirtioMmioRegister.DeviceFeaturesSel:
        fn.deviceFeaturesSelect = value;
        return;
      case VirtioMmioRegister.DriverFeatures:
        fn.acceptFeatures(value);
        return;
      case VirtioMmioRegister.DriverFeaturesSel:
        fn.driverFeaturesSelect = value;
        return;
      case VirtioMmioRegister.QueueSel:
        fn.queueSelect = value;
        return;
      case VirtioMmioRegister.QueueNotify:
        fn.notify(value);
        return;
      case VirtioMmioRegister.InterruptACK:
        this.acknowledge(value);
        return;
      case VirtioMmioRegister.Status:
        fn.writeStatus(value & 0xff);
        if (value === 0) this.acknowledge(USED_BUFFER | CONFIGURATION_CHANGE);
        return;
      default:
        this.writeQueueRegister(fn, offset, value);
    }
  }

  private writeQueueRegister(fn: VirtioFunction, offset: number, value: number): void {
    const queue = fn.selectedQueue;
    if (queue === undefined) return;
    const { state } = queue;
    // 4.2.2.2: a queue in use is not changed.
    if (state.ready && offset !== VirtioMmioRegister.QueueReady) {
      this.guestError(`write to register 0x${offset.toString(16)} of a queue that is ready`);
      return;
    }
    switch (offset) {
      case VirtioMmioRegister.QueueNum:
        state.size = value;
        return;
      case VirtioMmioRegister.QueueReady:
        queue.setReady((value & 1) !== 0);
        return;
      case VirtioMmioRegister.QueueDescLow:
        state.descriptorTable = withLowWord(state.descriptorTable, value);
        return;
      case VirtioMmioRegister.QueueDescHigh:
        state.descriptorTable = withHighWord(state.descriptorTable, value);
        return;
      case VirtioMmioRegister.QueueDriverLow:
        state.availableRing = withLowWord(state.availableRing, value);
        return;
      case VirtioMmioRegister.QueueDriverHigh:
        state.availableRing = withHighWord(state.availableRing, value);
        return;
      case VirtioMmioRegister.QueueDeviceLow:
        state.usedRing = withLowWord(state.usedRing, value);
        return;
      case VirtioMmioRegister.QueueDeviceHigh:
        state.usedRing = withHighWord(state.usedRing, value);
        return;
      default:
        this.guestError(`write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  private raise(bit: number): void {
    this.interruptStatus |= bit;
    this.interrupt.set(true);
  }

  private acknowledge(bits: number): void {
    this.interruptStatus &= ~bits;
    this.interrupt.set(this.interruptStatus !== 0);
  }

  private guestError(message: string): void {
    this.log.guestError(`virtio-mmio${this.function ? ` (${this.function.device.name})` : ''}: ${message}`);
  }
}

/** A ring or buffer that a guest puts over a transport's registers must not make the device drive itself. */
export function isBusMaster(requester: Requester): boolean {
  return requester.kind === 'stream';
}

/** An address with other bits 31:0. Addresses of 2^53 and more lose bits, and reach no memory anyway. */
export function withLowWord(address: number, low: number): number {
  return address - (address % 2 ** 32) + (low >>> 0);
}

/** An address with other bits 63:32. */
export function withHighWord(address: number, high: number): number {
  return (address % 2 ** 32) + (high >>> 0) * 2 ** 32;
}
