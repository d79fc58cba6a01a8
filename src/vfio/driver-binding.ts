import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PassthroughError } from '../errors.ts';
import { Subject } from './check-list.ts';
import { processesHolding, usesOfDevice } from './device-usage.ts';
import { DriverMemory, type FormerDriver } from './driver-memory.ts';
import { type HostFacts, isVfioDriver, leavesGroupViable, type PciDeviceFacts } from './host-facts.ts';
import { type HostStep, type HostWriter, hostWriter, loadStep, makeStep, writeStep } from './host-writes.ts';
import { checkCovered, checkEndpoint, checkIommu } from './preflight.ts';

const VFIO_PCI = 'vfio-pci';

export interface BindOptions {
  /** Also when the host uses it. */
  readonly force?: boolean;
  /** Only say what would be done. */
  readonly dryRun?: boolean;
}

/** What was done to one device, or would be. */
export interface DriverChange {
  readonly address: string;
  /** Driver before, and after; null: none. */
  readonly from: string | null;
  /** Absent where the kernel is to choose, and has not. */
  readonly to?: string | null;
  /** Empty: nothing was to be done. */
  readonly steps: readonly HostStep[];
}

/** Gives devices to vfio-pci, and back. */
export class DriverBinding {
  private readonly facts: HostFacts;
  private readonly writer: HostWriter;
  private readonly memory: DriverMemory;

  constructor(facts: HostFacts, writer: HostWriter = hostWriter) {
    this.facts = facts;
    this.writer = writer;
    this.memory = new DriverMemory(facts.roots.run);
  }

  /**
   * Binds devices to vfio-pci and remembers what they had. Nothing is changed unless all of them can be bound.
   * @throws PassthroughError
   */
  bind(addresses: readonly string[], options: BindOptions = {}): DriverChange[] {
    const distinct = [...new Set(addresses)];
    const devices = distinct.map((address) => this.checkedForBind(address, distinct, options));
    const command = ['armemu vfio bind', ...distinct].join(' ');
    return devices.map((device) => this.bindOne(device, command, options));
  }

  /**
   * Takes devices from vfio-pci and gives each to the driver that it had, or else to the one that the kernel chooses.
   * @throws PassthroughError
   */
  unbind(addresses: readonly string[], options: BindOptions = {}): DriverChange[] {
    const distinct = [...new Set(addresses)];
    const devices = distinct.map((address) => this.checkedForUnbind(address, options));
    const command = ['armemu vfio unbind', ...distinct].join(' ');
    return devices.map((device) => this.unbindOne(device, command, options));
  }

  private checkedForBind(
    address: string,
    together: readonly string[],
    { force = false }: BindOptions,
  ): PciDeviceFacts {
    const { device } = new Subject(this.facts, address);
    checkEndpoint(device);
    checkIommu(this.facts, device);
    const group = checkCovered(this.facts, device);
    if (isVfioDriver(device.driver) || force) return device;
    const uses = usesOfDevice(this.facts, address);
    if (uses.length > 0)
      throw new PassthroughError(
        `The host uses ${address} (driver ${device.driver ?? 'none'}): ${uses.join('; ')}.`,
        'Stop using it first (umount, swapoff, ip link set ... down, another display), or take it away all the same with --force.',
      );
    this.checkSiblings(address, group, together);
    return device;
  }

  /** A device whose group is in use would be of no use to a guest, and none to the host. */
  private checkSiblings(address: string, group: number, together: readonly string[]): void {
    const rest = this.facts
      .groupMembers(group)
      .filter((member) => !together.includes(member.address) && !leavesGroupViable(member));
    if (rest.length === 0) return;
    const texts = rest.map((member) => {
      const uses = usesOfDevice(this.facts, member.address);
      return `${member.address} (driver ${member.driver}${uses.length > 0 ? `; ${uses.join('; ')}` : ''})`;
    });
    const all = [...together, ...rest.map((member) => member.address)];
    throw new PassthroughError(
      `${address} shares IOMMU group ${group} with devices that the host uses: ${texts.join(', ')}. No guest could have it without them.`,
      `Give all of them away: armemu vfio bind ${all.join(' ')}\nor put the card into another slot; --force binds this one alone.`,
    );
  }

  private checkedForUnbind(address: string, { force = false }: BindOptions): PciDeviceFacts {
    const { device } = new Subject(this.facts, address);
    if (!isVfioDriver(device.driver))
      throw new PassthroughError(
        `${address} is not bound to vfio-pci: its driver is ${device.driver ?? 'none'}.`,
        'See what is: armemu vfio list',
      );
    if (force || device.group === undefined) return device;
    const path = this.facts.vfioPath(device.group);
    const holders = processesHolding(this.facts, path);
    if (holders.length > 0)
      throw new PassthroughError(
        `A guest has ${address}, or another device of its group: process ${holders.join(', ')} holds ${path}.`,
        'End it first. With --force the kernel asks it to let the device go, and waits until it does.',
      );
    return device;
  }

  private bindOne(device: PciDeviceFacts, command: string, { dryRun = false }: BindOptions): DriverChange {
    const { address, driver } = device;
    const from = driver ?? null;
    if (isVfioDriver(driver)) return { address, from, to: from, steps: [] };
    const steps: HostStep[] = [
      this.override(address, VFIO_PCI),
      ...this.loadSteps(),
      ...(driver === undefined ? [] : [this.detach(address)]),
      this.probe(address),
    ];
    if (dryRun) return { address, from, to: VFIO_PCI, steps };
    const former = { driver: from, driverOverride: device.driverOverride ?? null };
    this.remember(address, former, command);
    try {
      for (const step of steps) makeStep(this.writer, step, command);
      this.expectDriver(address, VFIO_PCI);
    } catch (error) {
      this.restore(address, former, command);
      throw error;
    }
    return { address, from, to: VFIO_PCI, steps };
  }

  private unbindOne(device: PciDeviceFacts, command: string, { dryRun = false }: BindOptions): DriverChange {
    const { address, driver } = device;
    const former = this.memory.recall(address);
    const steps: HostStep[] = [
      this.override(address, former?.driverOverride ?? ''),
      this.detach(address),
      ...this.attachSteps(address, former),
    ];
    const from = driver ?? null;
    if (dryRun) return { address, from, ...(former === undefined ? {} : { to: former.driver }), steps };
    for (const step of steps) makeStep(this.writer, step, command);
    if (former?.driver) this.expectDriver(address, former.driver);
    this.memory.forget(address);
    const to = this.facts.device(address)?.driver ?? null;
    if (isVfioDriver(to ?? undefined))
      throw new PassthroughError(
        `The kernel gave ${address} to ${to} again, which was told to take every device with its ID.`,
        'Take the ID out of vfio-pci.ids= on the kernel command line and out of /etc/modprobe.d: grep -r vfio /etc/modprobe.d /proc/cmdline',
      );
    return { address, from, to, steps };
  }

  /** A device that had no driver gets none; a driver that is still there is named; else the kernel chooses. */
  private attachSteps(address: string, former: FormerDriver | undefined): HostStep[] {
    if (former?.driver === null) return [];
    const directory = join(this.facts.roots.sys, 'bus/pci/drivers', former?.driver ?? '');
    return former !== undefined && existsSync(directory)
      ? [writeStep(join(directory, 'bind'), address)]
      : [this.probe(address)];
  }

  private remember(address: string, former: FormerDriver, command: string): void {
    try {
      this.memory.remember(address, former);
    } catch (cause) {
      if (cause instanceof PassthroughError) throw cause;
      throw new PassthroughError(
        `${this.memory.path}, where armemu remembers the driver of ${address}, can't be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
        `As root: ${command}`,
        { cause },
      );
    }
  }

  /** Binding failed half-way: what the device had is put back as far as the kernel lets us; the failure is what counts. */
  private restore(address: string, former: FormerDriver, command: string): void {
    const { driver } = this.facts.device(address) ?? {};
    const back = driver === former.driver ? [] : this.attachSteps(address, former);
    for (const step of [this.override(address, former.driverOverride ?? ''), ...back]) {
      try {
        makeStep(this.writer, step, command);
      } catch (error) {
        if (!(error instanceof PassthroughError)) throw error;
      }
    }
    this.memory.forget(address);
  }

  private expectDriver(address: string, wanted: string): void {
    const { driver } = new Subject(this.facts, address).device;
    if (driver === wanted) return;
    throw new PassthroughError(
      `The kernel did not bind ${address} to ${wanted}: its driver is ${driver ?? 'none'}.`,
      `The kernel's log says why: dmesg | grep -i -e vfio -e ${address}`,
    );
  }

  private loadSteps(): HostStep[] {
    return existsSync(join(this.facts.roots.sys, 'bus/pci/drivers', VFIO_PCI)) ? [] : [loadStep(VFIO_PCI)];
  }

  private override(address: string, driver: string): HostStep {
    return writeStep(join(this.facts.devicePath(address), 'driver_override'), driver);
  }

  private detach(address: string): HostStep {
    return writeStep(join(this.facts.devicePath(address), 'driver/unbind'), address);
  }

  private probe(address: string): HostStep {
    return writeStep(join(this.facts.roots.sys, 'bus/pci/drivers_probe'), address);
  }
}
