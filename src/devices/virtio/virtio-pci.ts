import type { ConfigChange, EndpointPort, FunctionDescription, PciEndpoint } from '../../pci/endpoint.ts';
import { type AccessSize, type DeviceLog, type Requester, silentLog } from '../../ports/mmio.ts';
import type { PlainValue } from '../../ports/saveable.ts';
import { type VirtioDevice, VirtioDeviceId } from './virtio-device.ts';
import { VirtioFunction, type VirtioFunctionState } from './virtio-function.ts';
import { isBusMaster } from './virtio-mmio.ts';
import { NO_VECTOR, VirtioPciCommon, type VirtioPciVectors } from './virtio-pci-common.ts';

/** The four structures in BAR 4 (Virtio 1.1 4.1.4), each in a page of its own, as QEMU lays them out. */
const BAR = 4;
const COMMON = 0x0000;
const ISR = 0x1000;
const DEVICE = 0x2000;
const NOTIFY = 0x3000;
const PAGE = 0x1000;
/** Queue n is notified at NOTIFY + n * this. */
const NOTIFY_MULTIPLIER = 4;

const MSIX_BAR = 1;
const MSIX_PENDING = 0x800;

const VENDOR_CAPABILITY = 0x09;
/** `cfg_type` of the capabilities. */
const CfgType = { COMMON: 1, NOTIFY: 2, ISR: 3, DEVICE: 4, PCI: 5 } as const;
/** Where VIRTIO_PCI_CAP_PCI_CFG lies: its fields are answered here, so the place has to be known. */
const PCI_CFG = 0xe0;
const PCI_CFG_BAR = PCI_CFG + 4;
const PCI_CFG_OFFSET = PCI_CFG + 8;
const PCI_CFG_LENGTH = PCI_CFG + 12;
const PCI_CFG_DATA = PCI_CFG + 16;
const PCI_CFG_END = PCI_CFG + 20;

/** Bits of the ISR status (4.1.4.5). */
const ISR_QUEUE = 1;
const ISR_CONFIG = 2;

const CLASS_CODES: Readonly<Record<number, number>> = {
  [VirtioDeviceId.NETWORK]: 0x020000,
  [VirtioDeviceId.BLOCK]: 0x010000,
  [VirtioDeviceId.CONSOLE]: 0x078000,
  [VirtioDeviceId.ENTROPY]: 0x00ff00,
  [VirtioDeviceId.NINEP]: 0x000200,
};
const CLASS_UNCLASSIFIED = 0x00ff00;

/** A transport as it is saved; the bus keeps configuration space and MSI-X table. */
export type VirtioPciState = {
  isr: number;
  vectors: VirtioPciVectors;
  /** The window of VIRTIO_PCI_CAP_PCI_CFG: BAR, offset and length fields. */
  window: Uint8Array;
  function: VirtioFunctionState;
};

/**
 * A virtio device as a PCI function, modern interface only (Virtio 1.1 4.1): 1af4:1040 plus the device's type.
 * @param features what it offers beyond its own and those of every transport
 */
export function virtioPci(
  device: VirtioDevice,
  log: DeviceLog = silentLog,
  features: bigint = 0n,
): PciEndpoint {
  return new VirtioPci(device, log, features);
}

class VirtioPci implements PciEndpoint {
  readonly name: string;
  readonly description: FunctionDescription;
  private readonly device: VirtioDevice;
  private readonly log: DeviceLog;
  private port: EndpointPort | undefined;
  private readonly function: VirtioFunction;
  private readonly common: VirtioPciCommon;
  private readonly window = new Uint8Array(PCI_CFG_DATA - PCI_CFG_BAR);
  private isr = 0;

  constructor(device: VirtioDevice, log: DeviceLog, features: bigint) {
    this.name = device.name;
    this.device = device;
    this.log = log;
    this.description = describe(device);
    this.function = new VirtioFunction(device, {
      dma: {
        read: (address, into) => this.port?.dma.read(address, into) === true,
        write: (address, from) => this.port?.dma.write(address, from) === true,
      },
      log,
      features,
      queueInterrupt: (queue) => this.interrupt(ISR_QUEUE, this.common.vectors.queues[queue]),
      configInterrupt: () => this.interrupt(ISR_CONFIG, this.common.vectors.config),
    });
    this.common = new VirtioPciCommon(this.function, device.queueSizes.length + 1);
  }

  attach(port: EndpointPort): void {
    this.port = port;
  }

  detach(): void {
    this.function.reset();
    this.port = undefined;
  }

  reset(): void {
    this.window.fill(0);
    this.resetFunction();
  }

  readBar(bar: number, offset: number, size: AccessSize, requester: Requester): number {
    if (bar !== BAR || isBusMaster(requester)) return 0;
    const at = offset % PAGE;
    switch (offset - at) {
      case COMMON:
        return this.common.read(at, size);
      case ISR:
        return at === 0 ? this.readIsr() : 0;
      case DEVICE:
        return this.function.readConfig(at, size);
      default:
        return 0;
    }
  }

  writeBar(bar: number, offset: number, size: AccessSize, value: number, requester: Requester): void {
    if (bar !== BAR || isBusMaster(requester)) return;
    const at = offset % PAGE;
    switch (offset - at) {
      case COMMON:
        if (!this.common.write(at, size, value >>> 0)) this.badAccess('write', offset, size);
        else if (this.function.status === 0) this.lowerPin();
        return;
      case DEVICE:
        this.function.writeConfig(at, size, value);
        return;
      case NOTIFY:
        // 4.1.4.4: without VIRTIO_F_NOTIFICATION_DATA the address alone tells the queue.
        this.function.notify(Math.floor(at / NOTIFY_MULTIPLIER));
        return;
      default:
        this.badAccess('write', offset, size);
    }
  }

  configChanged(change: ConfigChange): void {
    // 4.1.4.5.1: with MSI-X the ISR status tells nothing; what it told before must not stay on the pin for later.
    if (change.kind === 'msix' && change.enabled) this.lowerPin();
  }

  /** VIRTIO_PCI_CAP_PCI_CFG (4.1.4.7): BAR 4 through configuration space, for firmware that can't map it. */
  readConfig(offset: number, size: AccessSize): number | undefined {
    if (offset < PCI_CFG_BAR || offset + size > PCI_CFG_END) return undefined;
    if (offset >= PCI_CFG_DATA) {
      const { bar, at, length } = this.windowTarget();
      return offset === PCI_CFG_DATA && length !== undefined
        ? this.readBar(bar, at, length, CONFIG_ACCESS)
        : 0;
    }
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = (value << 8) | this.window[offset - PCI_CFG_BAR + i];
    return value >>> 0;
  }

  writeConfig(offset: number, size: AccessSize, value: number): boolean {
    if (offset < PCI_CFG_BAR || offset + size > PCI_CFG_END) return false;
    if (offset >= PCI_CFG_DATA) {
      const { bar, at, length } = this.windowTarget();
      if (offset === PCI_CFG_DATA && length !== undefined) this.writeThroughWindow(bar, at, length, value);
      return true;
    }
    for (let i = 0; i < size; i++) this.window[offset - PCI_CFG_BAR + i] = value >>> (8 * i);
    return true;
  }

  saveState(): VirtioPciState {
    const { queues, config } = this.common.vectors;
    return {
      isr: this.isr,
      vectors: { config, queues: queues.slice() },
      window: this.window.slice(),
      function: this.function.saveState(),
    };
  }

  restoreState(state: PlainValue): void {
    const { isr, vectors, window, function: fn } = state as VirtioPciState;
    this.isr = isr;
    this.common.vectors.config = vectors.config;
    this.common.vectors.queues.set(vectors.queues);
    this.window.set(window);
    this.function.restoreState(fn);
  }

  async drain(): Promise<void> {
    await this.device.drain?.();
  }

  private interrupt(bit: number, vector: number): void {
    const { port } = this;
    if (port === undefined) return;
    if (port.msiEnabled) {
      if (vector !== NO_VECTOR) port.signalMsi(vector);
      return;
    }
    this.isr |= bit;
    port.setIntx(true);
  }

  /** 4.1.4.5.1: reading it clears it, and takes the interrupt back. */
  private readIsr(): number {
    const { isr } = this;
    this.lowerPin();
    return isr;
  }

  private lowerPin(): void {
    this.isr = 0;
    this.port?.setIntx(false);
  }

  private resetFunction(): void {
    this.common.reset();
    this.function.reset();
    this.lowerPin();
  }

  /**
   * A bus master can write to configuration space, and nothing tells that it was one: queues are not notified from there, or
   * devices could be made to drive each other without end.
   */
  private writeThroughWindow(bar: number, at: number, length: AccessSize, value: number): void {
    if (at >= NOTIFY) this.log.unimplemented(`${this.name}: notification through configuration space`);
    else this.writeBar(bar, at, length, value, CONFIG_ACCESS);
  }

  private windowTarget(): { bar: number; at: number; length: AccessSize | undefined } {
    const view = new DataView(this.window.buffer);
    const bar = this.window[0];
    const at = view.getUint32(PCI_CFG_OFFSET - PCI_CFG_BAR, true);
    const length = view.getUint32(PCI_CFG_LENGTH - PCI_CFG_BAR, true);
    const fits = (length === 1 || length === 2 || length === 4) && at % length === 0;
    return { bar, at, length: fits ? length : undefined };
  }

  private badAccess(what: string, offset: number, size: number): void {
    this.log.guestError(
      `${this.name}: ${what} of ${size} bytes at 0x${offset.toString(16)} of its registers`,
    );
  }
}

/** Configuration accesses come from a CPU. */
const CONFIG_ACCESS: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };

function describe(device: VirtioDevice): FunctionDescription {
  const capability = (type: number, offset: number, length: number, more: readonly number[] = []) => {
    const bytes = new Uint8Array(14 + 4 * more.length);
    const view = new DataView(bytes.buffer);
    // Without the two bytes of ID and next pointer.
    view.setUint8(0, bytes.length + 2);
    view.setUint8(1, type);
    view.setUint8(2, type === CfgType.PCI ? 0 : BAR);
    view.setUint32(6, offset, true);
    view.setUint32(10, length, true);
    more.forEach((value, i) => {
      view.setUint32(14 + 4 * i, value, true);
    });
    return { id: VENDOR_CAPABILITY, bytes };
  };
  const vectors = device.queueSizes.length + 1;
  return {
    vendorId: 0x1af4,
    deviceId: 0x1040 + device.deviceId,
    revision: 1,
    classCode: CLASS_CODES[device.deviceId] ?? CLASS_UNCLASSIFIED,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    interruptPin: 1,
    bars: [
      { index: MSIX_BAR, kind: 'memory32', size: PAGE },
      { index: BAR, kind: 'memory64', prefetchable: true, size: 4 * PAGE },
    ],
    msix: { vectors, tableBar: MSIX_BAR, tableOffset: 0, pbaBar: MSIX_BAR, pbaOffset: MSIX_PENDING },
    extraCapabilities: [
      capability(CfgType.COMMON, COMMON, PAGE),
      capability(CfgType.ISR, ISR, PAGE),
      capability(CfgType.DEVICE, DEVICE, PAGE),
      capability(CfgType.NOTIFY, NOTIFY, PAGE, [NOTIFY_MULTIPLIER]),
      { ...capability(CfgType.PCI, 0, 0, [0]), offset: PCI_CFG },
    ],
  };
}
