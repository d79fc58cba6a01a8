import type { HostFacts, PciDeviceFacts } from './host-facts.ts';
import { type IovaRange, merge } from './info-chains.ts';
import { portsAbove } from './port-isolation.ts';
import {
  checkAccess,
  checkCovered,
  checkDriver,
  checkEndpoint,
  checkFree,
  checkGroup,
  checkInterrupts,
  checkIommu,
  checkMemlock,
  checkPresent,
  checkReservedRanges,
  checkWindow,
} from './preflight.ts';
import { formatBytes, hex } from './sizes.ts';

/** What a guest asks of the host for one device. */
export interface GuestNeeds {
  /** Guest physical address of its RAM, and bytes. */
  readonly ramBase: number;
  readonly ramSize: number;
  /** The board's window for memory BARs. */
  readonly window: { readonly base: number; readonly size: number };
  /** Addresses of the other devices that it gets. */
  readonly others: readonly string[];
  /** Bytes that other IOMMU containers pin. */
  readonly pinned: number;
  /** IOMMU containers that the guest has with this device's. */
  readonly containers: number;
}

/** What a check is called in JSON, and in other checks' needs. */
export type CheckName =
  | 'present'
  | 'endpoint'
  | 'iommu'
  | 'driver'
  | 'covered'
  | 'group'
  | 'isolation'
  | 'access'
  | 'free'
  | 'interrupts'
  | 'reset'
  | 'memlock'
  | 'reserved'
  | 'window';

/** A device while it is looked at. */
export class Subject {
  readonly facts: HostFacts;
  readonly address: string;

  constructor(facts: HostFacts, address: string) {
    this.facts = facts;
    this.address = address;
  }

  /** @throws PassthroughError when it is gone */
  get device(): PciDeviceFacts {
    return checkPresent(this.facts, this.address);
  }

  /** @throws PassthroughError when it has none */
  get group(): number {
    return checkCovered(this.facts, this.device);
  }
}

/** A device that a guest is to have. */
export class GuestSubject extends Subject {
  readonly guest: GuestNeeds;

  constructor(facts: HostFacts, address: string, guest: GuestNeeds) {
    super(facts, address);
    this.guest = guest;
  }
}

interface Finding {
  readonly fact: string;
  readonly warning?: { readonly remedy: string };
}

/** A precondition. */
export interface Check<S extends Subject> {
  readonly name: CheckName;
  readonly title: string;
  /** The checks without which this one would say nothing. */
  readonly needs: readonly CheckName[];
  /** Sysfs gives a sign only; when a group is opened, the kernel decides. */
  readonly kernelDecides?: true;
  readonly sources: (subject: S) => readonly string[];
  /** @throws PassthroughError with what is missing and what mends it */
  readonly find: (subject: S) => Finding;
}

const LAST_ADDRESS = 2n ** 64n - 1n;

/** What is left between reserved regions; DMA to those that are relaxable is the device's own business, and allowed. */
function usableRanges(facts: HostFacts, group: number): IovaRange[] {
  const taken = facts.reservedRegions(group).filter(({ kind }) => kind !== 'direct-relaxable');
  const free: IovaRange[] = [];
  let next = 0n;
  for (const { start, end } of merge(taken)) {
    if (start > next) free.push({ start: next, end: start - 1n });
    next = end + 1n;
  }
  if (next <= LAST_ADDRESS) free.push({ start: next, end: LAST_ADDRESS });
  return free;
}

function others(facts: HostFacts, group: number, address: string): PciDeviceFacts[] {
  return facts.groupMembers(group).filter((member) => member.address !== address);
}

function memberText({ address, driver }: PciDeviceFacts): string {
  return `${address} (driver ${driver ?? 'none'})`;
}

/** A precondition that does not depend on the guest. */
interface HostCheck extends Check<Subject> {
  /** What a list of devices says when it is missing. */
  readonly lacking: string;
}

/** What host and device must be like, in the order in which it is to be mended. */
export const HOST_CHECKS: readonly HostCheck[] = [
  {
    name: 'present',
    title: 'The device is there',
    lacking: 'is gone',
    needs: [],
    sources: ({ facts, address }) => [facts.devicePath(address)],
    find: ({ facts, address }) => {
      const { vendorId, deviceId } = checkPresent(facts, address);
      return { fact: `${hex(vendorId)}:${hex(deviceId)}` };
    },
  },
  {
    name: 'endpoint',
    title: 'It is an endpoint',
    lacking: 'is a bridge',
    needs: ['present'],
    sources: ({ facts, address }) => [`${facts.devicePath(address)}/class`],
    find: ({ device }) => {
      checkEndpoint(device);
      return {
        fact: `class ${hex(device.classCode)}${device.virtualFunction ? ', a virtual function' : ''}`,
      };
    },
  },
  {
    name: 'iommu',
    title: 'The host runs an IOMMU',
    lacking: 'no IOMMU',
    needs: ['present'],
    sources: ({ facts }) => {
      const { runningSource, tablesSource } = facts.iommu();
      return [runningSource, tablesSource];
    },
    find: ({ facts, device }) => {
      checkIommu(facts, device);
      const { running, tables } = facts.iommu();
      const table = tables.length > 0 ? `described by the firmware (${tables.join(', ')})` : '';
      return {
        fact: [running.join(', ') || 'the kernel has IOMMU groups', table].filter(Boolean).join('; '),
      };
    },
  },
  {
    name: 'driver',
    title: 'It is bound to vfio-pci',
    lacking: 'not bound to vfio-pci',
    needs: ['endpoint', 'iommu'],
    sources: ({ facts, address }) => [`${facts.devicePath(address)}/driver`],
    find: ({ device }) => {
      checkDriver(device);
      return { fact: `driver ${device.driver}` };
    },
  },
  {
    name: 'covered',
    title: 'The IOMMU covers it',
    lacking: 'in no IOMMU group',
    needs: ['endpoint', 'iommu'],
    sources: ({ facts, address }) => [`${facts.devicePath(address)}/iommu_group`],
    find: ({ facts, device }) => ({ fact: `IOMMU group ${checkCovered(facts, device)}` }),
  },
  {
    name: 'group',
    title: 'The host uses nothing else of its IOMMU group',
    lacking: 'the host uses its group',
    needs: ['covered'],
    sources: ({ facts, group }) => [`${facts.groupPath(group)}/devices`],
    find: ({ facts, address, group }) => {
      checkGroup(facts, address, group);
      const rest = others(facts, group, address);
      return { fact: rest.length === 0 ? 'it is alone' : `with ${rest.map(memberText).join(', ')}` };
    },
  },
  {
    name: 'isolation',
    title: 'The bridges above keep it apart (ACS)',
    lacking: 'not kept apart from others',
    needs: ['covered'],
    sources: ({ facts, address }) =>
      portsAbove(facts, address).map((port) => `${facts.devicePath(port.address)}/config`),
    find: findIsolation,
  },
  {
    name: 'access',
    title: 'This user may open it',
    lacking: 'no permission',
    needs: ['driver', 'covered'],
    sources: ({ facts, group }) => [facts.vfioPath('vfio'), facts.vfioPath(group)],
    find: ({ facts, address, group }) => {
      checkAccess(facts, address, group);
      return { fact: 'both can be read and written' };
    },
  },
  {
    name: 'free',
    title: 'No other process has its group',
    lacking: 'in use',
    needs: ['access'],
    kernelDecides: true,
    sources: ({ facts }) => [`${facts.roots.proc}/PID/fd`],
    find: ({ facts, group }) => {
      checkFree(facts, group);
      return { fact: 'none was seen' };
    },
  },
  {
    name: 'interrupts',
    title: 'Its interrupts are isolated (interrupt remapping)',
    lacking: 'no interrupt remapping',
    needs: ['covered'],
    kernelDecides: true,
    sources: ({ facts }) => {
      const { interruptsSource, unsafeInterruptsSource } = facts.iommu();
      return [interruptsSource, unsafeInterruptsSource];
    },
    find: ({ facts, address }) => {
      checkInterrupts(facts, address);
      const { interruptsIsolated, unsafeInterruptsAllowed } = facts.iommu();
      if (interruptsIsolated) return { fact: 'the interrupt controllers look each interrupt up by device' };
      return unsafeInterruptsAllowed
        ? {
            fact: 'they are not, or it is not known; VFIO was told to do without (allow_unsafe_interrupts)',
            warning: { remedy: 'A guest could raise any interrupt of the host: use guests that you trust.' },
          }
        : {
            fact: 'the names of the interrupt controllers do not tell',
            warning: { remedy: 'The kernel decides when the guest is started.' },
          };
    },
  },
  {
    name: 'reset',
    title: 'It can be reset',
    lacking: 'no reset',
    needs: ['endpoint'],
    sources: ({ facts, address }) => [`${facts.devicePath(address)}/reset_method`],
    find: ({ device }) => {
      if (device.resetMethods.length > 0) return { fact: device.resetMethods.join(', ') };
      return device.resettable
        ? { fact: 'the kernel does not say how' }
        : {
            fact: 'the kernel has no way to reset it alone',
            warning: {
              remedy:
                'The guest finds it as its last user left it, unless it gets all devices of its bus: then the bus is reset.',
            },
          };
    },
  },
];

/** What a certain guest needs beside that. */
export const GUEST_CHECKS: readonly Check<GuestSubject>[] = [
  {
    name: 'memlock',
    title: 'Guest RAM may be pinned',
    needs: ['present'],
    sources: ({ facts }) => [`${facts.roots.proc}/self/limits`],
    find: ({ facts, guest }) => {
      checkMemlock(facts, guest.ramSize, guest.pinned, guest.containers);
      const limit = facts.memlockLimit();
      const needed = formatBytes(guest.pinned + guest.ramSize);
      const why = guest.containers > 1 ? ` for ${guest.containers} IOMMU containers` : '';
      return {
        fact: `${needed} needed${why}, ${limit === Number.POSITIVE_INFINITY ? 'no limit' : `${formatBytes(limit)} allowed`}`,
      };
    },
  },
  {
    name: 'reserved',
    title: 'The IOMMU takes the addresses of guest RAM',
    needs: ['covered'],
    sources: ({ facts, group }) => [`${facts.groupPath(group)}/reserved_regions`],
    find: ({ facts, address, group, guest }) => {
      const { ramBase, ramSize } = guest;
      const info = {
        pageSizes: undefined,
        iovaRanges: usableRanges(facts, group),
        mappingsAvailable: undefined,
      };
      checkReservedRanges(address, info, ramBase, ramSize, facts.reservedRegions(group));
      return { fact: `${hex(ramBase)}-${hex(ramBase + ramSize - 1)} is free` };
    },
  },
  {
    name: 'window',
    title: "Its BARs fit the board's window",
    needs: ['endpoint'],
    sources: ({ facts, address }) => [`${facts.devicePath(address)}/resource`],
    find: ({ facts, device, guest }) => {
      const others = guest.others
        .map((address) => facts.device(address))
        .filter((other) => other !== undefined);
      checkWindow(device, others, guest.window);
      const bars = device.bars.map((bar) => `BAR ${bar.index}: ${formatBytes(bar.size)}`);
      const beside = others.length === 0 ? '' : `, also with those of ${guest.others.join(', ')}`;
      return {
        fact: `${bars.join(', ') || 'it has none'}; the window has ${formatBytes(guest.window.size)}${beside}`,
      };
    },
  },
];

/** The kernel makes groups of what is not kept apart: the bridges above say why a group is as it is. */
function findIsolation({ facts, address, group }: Subject): Finding {
  const ports = portsAbove(facts, address);
  const meaning = {
    on: 'on',
    off: 'off',
    none: 'none',
    unneeded: 'not needed',
    unknown: 'only root can read it',
  };
  const fact =
    ports.map((port) => `${port.address}: ACS ${meaning[port.isolation]}`).join(', ') || 'no bridge above';
  const words = facts.iommu().kernelParameters.filter((word) => word.startsWith('pcie_acs_override='));
  if (words.length > 0)
    return {
      fact: `${fact}; the kernel was told to pretend (${words.join(' ')})`,
      warning: { remedy: 'Groups may hide devices that reach each other: use guests that you trust.' },
    };
  const mixed = others(facts, group, address).some(({ address: other }) => !sameCard(other, address));
  const open = ports.filter(({ isolation }) => isolation === 'off' || isolation === 'none');
  if (!mixed || open.length === 0) return { fact };
  return {
    fact: `${fact}: for that the kernel put the devices below into one group`,
    warning: {
      remedy:
        "Switch ACS on in the firmware's settings where it has one for it, or put the card into another slot.",
    },
  };
}

/** Functions of one device: their group says nothing about the bridges. */
function sameCard(a: string, b: string): boolean {
  return a.slice(0, -2) === b.slice(0, -2);
}
