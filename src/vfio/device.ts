import { parseRegionInfo, type RegionInfo } from './info-chains.ts';
import { isNativeError, type RegionMapping, type VfioBinding } from './native-binding.ts';
import * as abi from './vfio-abi.ts';

/** Interrupts of one kind that a device has. */
export interface IrqInfo {
  readonly count: number;
  /** The host can't add vectors to those that are in use (Linux before 6.5). */
  readonly noResize: boolean;
}

/** A device opened through VFIO: its regions, interrupts and reset. Who opened the descriptor closes it. */
export class VfioDevice {
  readonly address: string;
  readonly descriptor: number;
  /** Region infos of BAR 0 to 5. */
  readonly bars: readonly RegionInfo[];
  readonly config: RegionInfo;
  /** The kernel knows a way to reset it. */
  readonly resettable: boolean;
  private readonly binding: VfioBinding;

  constructor(binding: VfioBinding, descriptor: number, address: string) {
    this.binding = binding;
    this.descriptor = descriptor;
    this.address = address;
    const info = binding.deviceInfo(descriptor);
    this.resettable = (info.flags & abi.DEVICE_FLAGS_RESET) !== 0;
    this.bars = [0, 1, 2, 3, 4, 5].map((index) => this.regionInfo(index));
    this.config = this.regionInfo(abi.PCI_CONFIG_REGION_INDEX);
  }

  /** Interrupts of an index of VFIO_PCI_*_IRQ_INDEX; a kind that the device does not have counts 0. */
  irqInfo(index: number): IrqInfo {
    try {
      const { count, flags } = this.binding.deviceIrqInfo(this.descriptor, index);
      return {
        count: (flags & abi.IRQ_INFO_EVENTFD) !== 0 ? count : 0,
        noResize: (flags & abi.IRQ_INFO_NORESIZE) !== 0,
      };
    } catch (error) {
      // The error index exists for PCI Express devices only (vfio_pci_ioctl_get_irq_info).
      if (isNativeError(error) && error.code === 'EINVAL') return { count: 0, noResize: false };
      throw error;
    }
  }

  /** One access of that width to configuration space, as the kernel virtualises it. */
  readConfig(offset: number, size: 1 | 2 | 4): number {
    return this.binding.readValue(this.descriptor, this.config.offset + offset, size);
  }

  writeConfig(offset: number, size: 1 | 2 | 4, value: number): void {
    this.binding.writeValue(this.descriptor, this.config.offset + offset, size, value);
  }

  /** All of configuration space: 256 or 4096 bytes. */
  readWholeConfig(): Uint8Array {
    const bytes = new Uint8Array(this.config.size);
    // A dword at a time: a read beyond the last register that the kernel knows must not spoil the others.
    const view = new DataView(bytes.buffer);
    for (let offset = 0; offset < bytes.length; offset += 4)
      view.setUint32(offset, this.readConfig(offset, 4), true);
    return bytes;
  }

  /** One access of that width to a region, through the kernel. */
  readRegion(region: RegionInfo, offset: number, size: 1 | 2 | 4): number {
    return this.binding.readValue(this.descriptor, region.offset + offset, size);
  }

  writeRegion(region: RegionInfo, offset: number, size: 1 | 2 | 4, value: number): void {
    this.binding.writeValue(this.descriptor, region.offset + offset, size, value);
  }

  mapArea(region: RegionInfo, offset: number, size: number): RegionMapping {
    const access = region.flags & (abi.REGION_INFO_FLAG_READ | abi.REGION_INFO_FLAG_WRITE);
    return this.binding.mapRegion(this.descriptor, region.offset + offset, size, access);
  }

  /**
   * Connects interrupts `start` and up of an index to eventfds (-1: to none). The first call of an index enables it.
   * @returns 0, or how many vectors the host could give when it can't give as many
   */
  connectIrqs(index: number, start: number, eventfds: readonly number[]): number {
    return this.binding.deviceSetIrqs(
      this.descriptor,
      index,
      start,
      eventfds.length,
      abi.IRQ_SET_DATA_EVENTFD | abi.IRQ_SET_ACTION_TRIGGER,
      Int32Array.from(eventfds),
    );
  }

  /** Disables all interrupts of an index. */
  disableIrqs(index: number): void {
    this.binding.deviceSetIrqs(
      this.descriptor,
      index,
      0,
      0,
      abi.IRQ_SET_DATA_NONE | abi.IRQ_SET_ACTION_TRIGGER,
      null,
    );
  }

  /** The kernel masks INTx when it fires; after this it fires again, at once if the pin is still asserted. */
  unmaskIntx(): void {
    this.binding.deviceSetIrqs(
      this.descriptor,
      abi.PCI_INTX_IRQ_INDEX,
      0,
      1,
      abi.IRQ_SET_DATA_NONE | abi.IRQ_SET_ACTION_UNMASK,
      null,
    );
  }

  /** Function-level reset, or whatever the kernel has for this device. Only when `resettable`. */
  reset(): void {
    this.binding.deviceReset(this.descriptor);
  }

  /** Addresses and groups of all devices that a reset of the bus would reset, this one among them. */
  hotResetScope(): { readonly group: number; readonly address: string }[] {
    const digits = (value: number, count: number) => value.toString(16).padStart(count, '0');
    return this.binding.devicePciHotResetInfo(this.descriptor).map(({ group, segment, bus, devfn }) => ({
      group,
      address: `${digits(segment, 4)}:${digits(bus, 2)}:${digits(devfn >> 3, 2)}.${devfn & 7}`,
    }));
  }

  /** Resets the bus. @param groups descriptors of every group in `hotResetScope` */
  hotReset(groups: readonly number[]): void {
    this.binding.devicePciHotReset(this.descriptor, Int32Array.from(groups));
  }

  private regionInfo(index: number): RegionInfo {
    return parseRegionInfo(this.binding.deviceRegionInfo(this.descriptor, index));
  }
}
