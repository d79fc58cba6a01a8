import { PassthroughError } from '../errors.ts';
import { processesHolding } from './device-usage.ts';
import {
  type BarFacts,
  type HostFacts,
  isVfioDriver,
  leavesGroupViable,
  type PciDeviceFacts,
  type ReservedRegion,
} from './host-facts.ts';
import type { IommuInfo } from './info-chains.ts';
import type { IommuTable } from './iommu-facts.ts';
import { changeKernelParameters } from './kernel-parameters.ts';
import { formatBytes, hex } from './sizes.ts';

function bindCommands(addresses: readonly string[]): string {
  const byHand = addresses.flatMap((address) => {
    const device = `/sys/bus/pci/devices/${address}`;
    return [
      `  echo vfio-pci > ${device}/driver_override`,
      `  [ ! -e ${device}/driver ] || echo ${address} > ${device}/driver/unbind`,
      `  echo ${address} > /sys/bus/pci/drivers_probe`,
    ];
  });
  return [
    `As root: armemu vfio bind ${addresses.join(' ')}  - or by hand:`,
    '  modprobe vfio-pci',
    ...byHand,
  ].join('\n');
}

function describe(device: PciDeviceFacts): string {
  return `${device.address} (driver ${device.driver})`;
}

/** @throws PassthroughError for an address where there is no device */
export function checkPresent(facts: HostFacts, address: string): PciDeviceFacts {
  const device = facts.device(address);
  if (device) return device;
  throw new PassthroughError(
    `There is no PCI device ${address} on this host (${facts.devicePath(address)} does not exist).`,
    'List the devices with: armemu vfio list  (or: lspci -D)',
  );
}

/** True for bridges of all kinds. */
export function isBridge(device: PciDeviceFacts): boolean {
  const BRIDGE = 0x06;
  return device.classCode >>> 16 === BRIDGE;
}

/** @throws PassthroughError for a bridge */
export function checkEndpoint(device: PciDeviceFacts): void {
  if (!isBridge(device)) return;
  throw new PassthroughError(
    `${device.address} is a bridge (class ${hex(device.classCode)}); only endpoints can be handed to a guest.`,
    'Choose a device behind it: lspci -tv shows the tree.',
  );
}

/** @throws PassthroughError on a host that runs no IOMMU */
export function checkIommu(facts: HostFacts, device: PciDeviceFacts): void {
  if (device.group !== undefined || facts.hasIommu()) return;
  const { tables, kernelParameters } = facts.iommu();
  const against = kernelParameters.filter((word) => /^(intel_iommu|amd_iommu|iommu)=.*\boff\b/.test(word));
  const why =
    against.length > 0
      ? ` The kernel was told so: ${against.join(' ')}.`
      : tables.length > 0
        ? ` The firmware describes one (${tables.join(', ')}).`
        : '';
  throw new PassthroughError(
    `This host runs no IOMMU: /sys/kernel/iommu_groups is empty. Without one a device could read and write all of its memory.${why}`,
    iommuRemedy(tables, against),
  );
}

function iommuRemedy(tables: readonly IommuTable[], against: readonly string[]): string {
  // Distributions leave an Intel IOMMU off unless they are told, others on.
  const onIntel = changeKernelParameters({ remove: against, add: ['intel_iommu=on'] });
  if (tables.includes('DMAR') || against.some((word) => word.startsWith('intel_iommu='))) return onIntel;
  if (against.length > 0) return changeKernelParameters({ remove: against });
  if (tables.length > 0)
    return 'Use a host kernel with the driver of this IOMMU; its log says more: dmesg | grep -i -e iommu -e smmu';
  return `Switch VT-d, AMD-Vi or the SMMU on in the firmware. On Intel, do this as well:\n${onIntel}`;
}

/** @throws PassthroughError for a device that the host's own driver has, or none */
export function checkDriver(device: PciDeviceFacts): void {
  const { address, driver, bootVga } = device;
  if (isVfioDriver(driver)) return;
  throw new PassthroughError(
    driver === undefined
      ? `${address} is not bound to vfio-pci: it has no driver.`
      : `${address} is bound to the host's driver ${driver}, not to vfio-pci${bootVga ? "; the host's boot console is on it" : ''}.`,
    bindCommands([address]),
  );
}

/** @throws PassthroughError for a device that no IOMMU covers. @returns the number of its group */
export function checkCovered(facts: HostFacts, { address, group }: PciDeviceFacts): number {
  if (group === undefined)
    throw new PassthroughError(
      `${address} is in no IOMMU group: the host's IOMMU does not cover it.`,
      "Put the card into another slot, or look in the firmware's settings and the kernel's log: dmesg | grep -i -e iommu -e DMAR -e AMD-Vi",
    );
  if (!facts.isNoIommuGroup(group)) return group;
  throw new PassthroughError(
    `${address} is in VFIO's no-IOMMU mode (/dev/vfio/noiommu-${group}): its DMA would reach all of the host's memory. armemu refuses that.`,
    'Switch the IOMMU on (firmware, intel_iommu=on) and load vfio without enable_unsafe_noiommu_mode.',
  );
}

/** @throws PassthroughError for a group of which the host uses another device */
export function checkGroup(facts: HostFacts, address: string, group: number): void {
  const others = facts
    .groupMembers(group)
    .filter((member) => member.address !== address && !leavesGroupViable(member));
  if (others.length === 0) return;
  throw new PassthroughError(
    `${address} shares IOMMU group ${group} with devices that the host uses: ${others.map(describe).join(', ')}. The IOMMU can't tell them apart.`,
    `Give all of them to vfio-pci (or unbind their drivers), or put the card into another slot.\n${bindCommands(others.map((other) => other.address))}`,
  );
}

/** @throws PassthroughError where VFIO's files are missing, or this process may not open them */
export function checkAccess(facts: HostFacts, address: string, group: number): void {
  for (const name of ['vfio', group] as const) {
    const path = facts.vfioPath(name);
    const access = facts.vfioAccess(name);
    if (access === 'missing')
      throw new PassthroughError(
        `${path} does not exist, though ${address} is in IOMMU group ${group}.`,
        'Load the driver: modprobe vfio-pci. In a container, pass /dev/vfio into it.',
      );
    if (access === 'denied') throw explainNoPermission(path);
  }
}

/** Opening a file of VFIO was refused. */
export function explainNoPermission(path: string, cause?: unknown): PassthroughError {
  const user = process.env.USER ?? String(process.getuid?.());
  return new PassthroughError(
    `No permission to read and write ${path}.`,
    `As root: chown ${user} ${path}  (for good: a udev rule, SUBSYSTEM=="vfio", OWNER="${user}")`,
    { cause },
  );
}

/**
 * @param ramSize bytes of guest RAM that a container pins
 * @param pinned bytes that this process has pinned already
 * @param containers containers that the guest has with the new one
 */
export function checkMemlock(facts: HostFacts, ramSize: number, pinned: number, containers: number): void {
  const limit = facts.memlockLimit();
  const needed = pinned + ramSize;
  if (needed <= limit) return;
  throw memlockError(facts, ramSize, needed, containers);
}

function memlockError(
  facts: HostFacts,
  ramSize: number,
  needed: number,
  containers: number,
  cause?: unknown,
): PassthroughError {
  const limit = facts.memlockLimit();
  const command =
    needed <= facts.memlockCeiling()
      ? `ulimit -l ${Math.ceil(needed / 1024)}`
      : `sudo prlimit --memlock=${needed} --pid $$`;
  return new PassthroughError(
    `The limit of locked memory is too small: a device can only reach RAM that is pinned, that is ${formatBytes(needed)} (${formatBytes(ramSize)} of guest RAM, for ${containers} IOMMU container${containers === 1 ? '' : 's'}), and the limit is ${formatBytes(limit)}.`,
    `Raise it in this shell: ${command}  (for good: memlock in /etc/security/limits.conf, or LimitMEMLOCK= in the systemd unit), or give the guest less memory.`,
    { cause },
  );
}

/** The kernel refused to pin guest RAM (ENOMEM), whatever the limit looked like. */
export function pinningFailed(
  facts: HostFacts,
  ramSize: number,
  pinned: number,
  containers: number,
  cause: unknown,
): PassthroughError {
  const limit = facts.memlockLimit();
  if (limit !== Number.POSITIVE_INFINITY)
    return memlockError(facts, ramSize, pinned + ramSize, containers, cause);
  return new PassthroughError(
    `The host can't pin ${formatBytes(ramSize)} of guest RAM: it has too little free memory.`,
    'Give the guest less memory, or free some on the host.',
    { cause },
  );
}

/** Guest RAM keeps its addresses for the device: all of it must be where the host's IOMMU takes mappings. */
export function checkReservedRanges(
  address: string,
  info: IommuInfo,
  ramBase: number,
  ramSize: number,
  reserved: readonly ReservedRegion[],
): void {
  const smallestPage = info.pageSizes === undefined ? 4096n : info.pageSizes & -info.pageSizes;
  if (smallestPage > 4096n)
    throw new PassthroughError(
      `The host's IOMMU maps pages of ${formatBytes(Number(smallestPage))} at least; a 32-bit Arm guest needs 4 KiB.`,
      'Use a host kernel with 4 KiB pages.',
    );
  if (!info.iovaRanges) return;
  const start = BigInt(ramBase);
  const end = start + BigInt(ramSize) - 1n;
  const home = info.iovaRanges.find((range) => range.start <= start && start <= range.end);
  if (home && end <= home.end) return;
  const usable = home ? Number(home.end + 1n - start) : 0;
  const free = info.iovaRanges.map((range) => `${hex(range.start)}-${hex(range.end)}`).join(', ');
  const hit = reserved.filter((region) => region.start <= end && start <= region.end);
  const why = hit
    .map((region) => `; ${hex(region.start)}-${hex(region.end)} is reserved (${region.kind})`)
    .join('');
  throw new PassthroughError(
    `Guest RAM at ${hex(start)}-${hex(end)} lies over addresses that the host's IOMMU keeps for itself; for ${address} it takes ${free}${why}.`,
    usable >= 2 ** 20
      ? `Give the guest less memory: --memory ${Math.floor(usable / 2 ** 20)}M at most on this board.`
      : 'Use a board whose RAM lies elsewhere.',
  );
}

/** Whether all can lie in the window, each at a multiple of its size: the largest first, where it fits first. */
function fitsWindow(
  bars: readonly BarFacts[],
  window: { readonly base: number; readonly size: number },
): boolean {
  const free = [{ start: window.base, end: window.base + window.size }];
  return [...bars]
    .sort((a, b) => b.size - a.size)
    .every(({ size }) => {
      for (const [i, { start, end }] of free.entries()) {
        const base = Math.ceil(start / size) * size;
        if (base + size > end) continue;
        free.splice(i, 1, { start, end: base }, { start: base + size, end });
        return true;
      }
      return false;
    });
}

/** A device with its BARs. */
type Card = Pick<PciDeviceFacts, 'address' | 'bars'>;

/**
 * All memory BARs must find room in the board's window, with those of the other devices that the guest gets.
 * @throws PassthroughError
 */
export function checkWindow(
  card: Card,
  others: readonly Card[],
  window: { readonly base: number; readonly size: number },
): void {
  const memoryBars = ({ bars }: Card): BarFacts[] => bars.filter((bar) => bar.kind !== 'io');
  const own = memoryBars(card);
  const alone = fitsWindow(own, window);
  const all = [card, ...others];
  if (alone && fitsWindow(all.flatMap(memoryBars), window)) return;
  const describeBars = (each: Card): string =>
    `${each.address} (${memoryBars(each)
      .map((bar) => `BAR ${bar.index}: ${formatBytes(bar.size)}`)
      .join(', ')})`;
  const whose = (alone ? all.filter((each) => memoryBars(each).length > 0) : [card]).map(describeBars);
  const largest = own.reduce((a, b) => (b.size > a.size ? b : a), { index: 0, size: 0 });
  throw new PassthroughError(
    `The BARs of ${whose.join(' and ')} do not fit the board's window for PCI memory of ${formatBytes(window.size)}, each at a multiple of its size; a 32-bit guest can't reach more.`,
    `${alone ? 'Give the guest fewer of them. ' : ''}If the card has resizable BARs, make them smaller: in the host's firmware (above 4G decoding, Resizable BAR off), or by writing a smaller size to /sys/bus/pci/devices/${card.address}/resource${largest.index}_resize before vfio-pci is bound.`,
  );
}

/** Another process has the group, or opening it said EBUSY. */
export function explainGroupBusy(
  group: number,
  path: string,
  cause?: unknown,
  holders: readonly number[] = [],
): PassthroughError {
  const who = holders.length === 0 ? 'another process' : `process ${holders.join(', ')}`;
  return new PassthroughError(
    `IOMMU group ${group} is in use: ${path} is held by ${who}.`,
    `Find it with: fuser -v ${path}  - and stop it. A group has one owner at a time.`,
    { cause },
  );
}

/** @throws PassthroughError for a group that another process is seen to have */
export function checkFree(facts: HostFacts, group: number): void {
  const path = facts.vfioPath(group);
  // A group that serves several devices of ours is ours already.
  const holders = processesHolding(facts, path).filter((pid) => pid !== process.pid);
  if (holders.length > 0) throw explainGroupBusy(group, path, undefined, holders);
}

/** VFIO_SET_IOMMU said EPERM. */
export function explainUnsafeInterrupts(facts: HostFacts, address: string, cause: unknown): PassthroughError {
  const seen = facts.iommu().interruptsIsolated === true;
  return new PassthroughError(
    `The host's IOMMU does not isolate the interrupts of ${address} (VFIO_SET_IOMMU: EPERM)${seen ? '' : '; /proc/interrupts shows no interrupt remapping'}: a guest could raise any interrupt of the host.`,
    REMAPPING_REMEDY,
    { cause },
  );
}

const REMAPPING_REMEDY =
  'Switch interrupt remapping on in the firmware (x2APIC, interrupt remapping) and leave intremap=off and nointremap out of the kernel command line. armemu never sets allow_unsafe_interrupts; if you accept the risk, do it yourself.';

/** @throws PassthroughError where the interrupt controllers' names show that interrupts are not isolated */
export function checkInterrupts(facts: HostFacts, address: string): void {
  const { interruptsIsolated, unsafeInterruptsAllowed, kernelParameters, interruptsSource } = facts.iommu();
  if (interruptsIsolated !== false || unsafeInterruptsAllowed) return;
  const against = kernelParameters.filter((word) => /^(intremap=.*off|nointremap$)/.test(word));
  throw new PassthroughError(
    `${interruptsSource} shows no interrupt remapping${against.length > 0 ? ` (the kernel was told so: ${against.join(' ')})` : ''}: with ${address} a guest could raise any interrupt of the host, and VFIO will refuse it.`,
    against.length > 0 ? changeKernelParameters({ remove: against }) : REMAPPING_REMEDY,
  );
}

/** The kernel says that the group is not viable although sysfs showed nothing. */
export function explainNotViable(facts: HostFacts, group: number): PassthroughError {
  const members = facts
    .groupMembers(group)
    .map((member) => `${member.address} (driver ${member.driver ?? 'none'})`);
  return new PassthroughError(
    `IOMMU group ${group} is not viable: some of its devices belong to the host. Members: ${members.join(', ')}.`,
    'Bind all of its endpoints to vfio-pci.',
  );
}
