import type { GuestNeeds } from './check-list.ts';
import { type CheckResult, checkAll, firstLack } from './checks.ts';
import { type BindOptions, DriverBinding, type DriverChange } from './driver-binding.ts';
import { type BarFacts, HostFacts, type PciDeviceFacts } from './host-facts.ts';
import { type HostWriter, hostWriter } from './host-writes.ts';
import { PciNames } from './pci-ids.ts';
import { isBridge } from './preflight.ts';
import { resolveDevice, stablePath } from './stable-path.ts';

/** One device of the host in a list. */
export interface ListedDevice {
  readonly address: string;
  /** The same device by its place, whatever numbers the buses get; undefined on hosts without ACPI. */
  readonly path: string | undefined;
  readonly name: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly classCode: number;
  readonly driver: string | undefined;
  readonly group: number | undefined;
  /** The other members of its IOMMU group. */
  readonly groupMembers: readonly string[];
  readonly virtualFunction: boolean;
  readonly resetMethods: readonly string[];
  readonly bars: readonly BarFacts[];
  /** What it lacks first before a guest can have it; undefined: nothing. */
  readonly missing: string | undefined;
}

/** A guest's RAM and its board's window: what of a machine concerns the host. */
export type GuestShape = Pick<GuestNeeds, 'ramBase' | 'ramSize' | 'window'>;

/** All checks of one device. */
export interface CheckedDevice {
  readonly address: string;
  readonly ready: boolean;
  readonly checks: readonly CheckResult[];
}

/** The host's PCI devices for people who want to hand one to a guest. Only `bind` and `unbind` change anything. */
export class HostDevices {
  readonly facts: HostFacts;
  private readonly drivers: DriverBinding;

  constructor(facts: HostFacts = new HostFacts(), writer: HostWriter = hostWriter) {
    this.facts = facts;
    this.drivers = new DriverBinding(facts, writer);
  }

  /** The address of a device that is given by its address or by its stable path. */
  resolve(text: string): string {
    return resolveDevice(this.facts, text);
  }

  /** All PCI devices but bridges. */
  list(): ListedDevice[] {
    const names = new PciNames(this.facts.roots.share);
    return this.facts
      .addresses()
      .map((address) => this.facts.device(address))
      .filter((device) => device !== undefined)
      .filter((device) => !isBridge(device))
      .map((device) => this.describe(device, names));
  }

  /**
   * Makes all checks about devices that one guest is to have.
   * @param shape absent: only the checks about host and device
   */
  check(addresses: readonly string[], shape?: GuestShape): CheckedDevice[] {
    const groups = new Set(addresses.map((address) => this.facts.device(address)?.group ?? address));
    return addresses.map((address) => {
      const guest = shape && {
        ...shape,
        others: addresses.filter((other) => other !== address),
        pinned: shape.ramSize * (groups.size - 1),
        containers: groups.size,
      };
      const checks = checkAll(this.facts, address, guest);
      return { address, ready: !checks.some(({ outcome }) => outcome === 'fail'), checks };
    });
  }

  /** Binds devices to vfio-pci, all or none. @throws PassthroughError */
  bind(addresses: readonly string[], options?: BindOptions): DriverChange[] {
    return this.drivers.bind(addresses, options);
  }

  /** Gives devices back to the drivers that they had. @throws PassthroughError */
  unbind(addresses: readonly string[], options?: BindOptions): DriverChange[] {
    return this.drivers.unbind(addresses, options);
  }

  private describe(device: PciDeviceFacts, names: PciNames): ListedDevice {
    const { address, vendorId, deviceId, classCode, group } = device;
    const members = group === undefined ? [] : this.facts.groupMembers(group);
    return {
      address,
      path: stablePath(this.facts, address),
      name: names.describe(vendorId, deviceId, classCode),
      vendorId,
      deviceId,
      classCode,
      driver: device.driver,
      group,
      groupMembers: members.map((member) => member.address).filter((member) => member !== address),
      virtualFunction: device.virtualFunction,
      resetMethods: device.resetMethods,
      bars: device.bars,
      missing: firstLack(checkAll(this.facts, address)),
    };
  }
}
