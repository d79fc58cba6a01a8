import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type FirmwareFacts, type IommuFacts, readFirmwareFacts, readIommuFacts } from './iommu-facts.ts';
import { linkName, listing, readBytes, readText } from './sysfs.ts';

/** Where the host's facts are read from; tests give trees of their own. */
export interface HostRoots {
  /** `/sys` */
  readonly sys: string;
  /** `/dev` */
  readonly dev: string;
  /** `/proc` */
  readonly proc: string;
  /** Data that programs share: `/usr/share` */
  readonly share: string;
  /** What is to be forgotten at the next boot: `/run` for root, `$XDG_RUNTIME_DIR` for others */
  readonly run: string;
}

const hostRoots: HostRoots = {
  sys: '/sys',
  dev: '/dev',
  proc: '/proc',
  share: '/usr/share',
  run: process.getuid?.() === 0 ? '/run' : (process.env.XDG_RUNTIME_DIR ?? '/run'),
};

/** A BAR as the host set it up. */
export interface BarFacts {
  readonly index: number;
  readonly kind: 'memory' | 'io';
  /** Bytes. */
  readonly size: number;
}

/** A range of I/O virtual addresses that the host keeps for itself. */
export interface ReservedRegion {
  readonly start: bigint;
  /** Last address. */
  readonly end: bigint;
  /** `msi`, `direct`, `reserved`, ... */
  readonly kind: string;
}

/** One PCI device as sysfs shows it. */
export interface PciDeviceFacts {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  /** 24 bits: base class, sub-class, programming interface. */
  readonly classCode: number;
  /** Name of the bound driver. */
  readonly driver: string | undefined;
  /** The only driver that may be bound to it, where somebody said so. */
  readonly driverOverride: string | undefined;
  /** Number of the IOMMU group. */
  readonly group: number | undefined;
  /** True for an SR-IOV virtual function. */
  readonly virtualFunction: boolean;
  /** The host's boot console is on it. */
  readonly bootVga: boolean;
  /** Ways to reset it, best first, since Linux 5.15: `flr`, `pm`, `bus`, ... */
  readonly resetMethods: readonly string[];
  /** The kernel can reset it alone, whether it says how or not. */
  readonly resettable: boolean;
  /** SR-IOV virtual functions that are switched on. */
  readonly virtualFunctions: number;
  readonly bars: readonly BarFacts[];
}

/** What a file's mode lets this process do. */
export type FileAccess = 'missing' | 'denied' | 'granted';

function hexadecimal(text: string | undefined): number {
  return text === undefined ? 0 : Number.parseInt(text, 16);
}

/** `resource` has a line for each BAR: first address, last address, flags of `linux/ioport.h` (all zero for none). */
function parseBars(text: string | undefined): BarFacts[] {
  const IORESOURCE_IO = 0x100n;
  const lines = text?.split('\n').slice(0, 6) ?? [];
  return lines.flatMap((line, index) => {
    const [start, end, flags] = line.split(' ').map((field) => BigInt(field));
    if (end === 0n) return [];
    return [{ index, kind: flags & IORESOURCE_IO ? 'io' : 'memory', size: Number(end - start + 1n) }];
  });
}

/** Reads what a Linux host tells about its PCI devices and about VFIO. Changes nothing. */
export class HostFacts {
  readonly roots: HostRoots;
  /** It stays as it is while the host runs, and a device tree is large. */
  private firmware: FirmwareFacts | undefined;

  constructor(roots: HostRoots = hostRoots) {
    this.roots = roots;
  }

  /** @param address in sysfs's spelling; undefined when there is no such device */
  device(address: string): PciDeviceFacts | undefined {
    const directory = this.devicePath(address);
    const vendor = readText(join(directory, 'vendor'));
    if (vendor === undefined) return undefined;
    const group = linkName(join(directory, 'iommu_group'));
    const override = readText(join(directory, 'driver_override'));
    return {
      address,
      vendorId: hexadecimal(vendor),
      deviceId: hexadecimal(readText(join(directory, 'device'))),
      classCode: hexadecimal(readText(join(directory, 'class'))),
      driver: linkName(join(directory, 'driver')),
      driverOverride: override === undefined || override === '(null)' ? undefined : override || undefined,
      group: group === undefined ? undefined : Number(group),
      virtualFunction: linkName(join(directory, 'physfn')) !== undefined,
      bootVga: readText(join(directory, 'boot_vga')) === '1',
      resetMethods: readText(join(directory, 'reset_method'))?.split(/\s+/).filter(Boolean) ?? [],
      resettable: existsSync(join(directory, 'reset')) || existsSync(join(directory, 'reset_method')),
      virtualFunctions: Number(readText(join(directory, 'sriov_numvfs')) ?? 0),
      bars: parseBars(readText(join(directory, 'resource'))),
    };
  }

  /** `/sys/bus/pci/devices/ADDRESS` */
  devicePath(address: string): string {
    return join(this.roots.sys, 'bus/pci/devices', address);
  }

  /** Addresses of all PCI devices, ascending. */
  addresses(): string[] {
    return listing(join(this.roots.sys, 'bus/pci/devices'));
  }

  /** Where a device really is: `/sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0`; undefined when there is none. */
  devicePlace(address: string): string | undefined {
    try {
      return realpathSync(this.devicePath(address));
    } catch {
      return undefined;
    }
  }

  /** The host bridge (`pci0000:00`), the bridges below it, and last the device itself; empty when there is no device. */
  trail(address: string): string[] {
    const parts = this.devicePlace(address)?.split('/') ?? [];
    const root = parts.findIndex((part) => /^pci[0-9a-f]{4,8}:[0-9a-f]{2}$/.test(part));
    return root < 0 ? parts.slice(-1) : parts.slice(root);
  }

  /** Configuration space: 4 KiB or 256 bytes of it for root, 64 bytes for others. */
  config(address: string): Uint8Array {
    return readBytes(join(this.devicePath(address), 'config'));
  }

  /** Members of an IOMMU group, PCI bridges among them. */
  groupMembers(group: number): PciDeviceFacts[] {
    return listing(join(this.groupPath(group), 'devices'))
      .map((address) => this.device(address))
      .filter((device) => device !== undefined);
  }

  /** True when the kernel runs an IOMMU (it has groups). */
  hasIommu(): boolean {
    return listing(join(this.roots.sys, 'kernel/iommu_groups')).length > 0;
  }

  /** True for a group of VFIO's no-IOMMU mode: DMA without any protection. */
  isNoIommuGroup(group: number): boolean {
    return (
      readText(join(this.groupPath(group), 'name')) === 'vfio-noiommu' ||
      existsSync(join(this.roots.dev, 'vfio', `noiommu-${group}`))
    );
  }

  /** `/sys/kernel/iommu_groups/GROUP` */
  groupPath(group: number): string {
    return join(this.roots.sys, 'kernel/iommu_groups', String(group));
  }

  /** What the group's devices can't have mapped. */
  reservedRegions(group: number): ReservedRegion[] {
    const text = readText(join(this.groupPath(group), 'reserved_regions'));
    return (text ?? '')
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [start, end, kind] = line.split(/\s+/);
        return { start: BigInt(start), end: BigInt(end), kind };
      });
  }

  /** `/dev/vfio/vfio` or `/dev/vfio/GROUP` */
  vfioPath(name: 'vfio' | number): string {
    return join(this.roots.dev, 'vfio', String(name));
  }

  vfioAccess(name: 'vfio' | number): FileAccess {
    const path = this.vfioPath(name);
    if (!existsSync(path)) return 'missing';
    try {
      accessSync(path, constants.R_OK | constants.W_OK);
      return 'granted';
    } catch {
      return 'denied';
    }
  }

  /** IP addresses of a network interface that is up, but those that IPv6 gives to each by itself. */
  interfaceAddresses(name: string): string[] {
    return (networkInterfaces()[name] ?? [])
      .map(({ address }) => address)
      .filter((address) => !address.startsWith('fe80:'));
  }

  /** Limit of memory that this process may pin, in bytes; Infinity for none, or with the capability CAP_IPC_LOCK. */
  memlockLimit(): number {
    const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(readText(join(this.roots.proc, 'self/status')) ?? '');
    const CAP_IPC_LOCK = 14n;
    if (capabilities && (BigInt(`0x${capabilities[1]}`) >> CAP_IPC_LOCK) & 1n)
      return Number.POSITIVE_INFINITY;
    return this.memlock().soft;
  }

  /** How far this process's user may raise that limit without root, in bytes; Infinity for as far as there is memory. */
  memlockCeiling(): number {
    return this.memlock().hard;
  }

  /** `/proc/self/limits` (proc(5)). */
  private memlock(): { readonly soft: number; readonly hard: number } {
    const text = readText(join(this.roots.proc, 'self/limits')) ?? '';
    const [, soft, hard] = /^Max locked memory\s+(\S+)\s+(\S+)/m.exec(text) ?? [];
    const bytes = (field: string | undefined): number =>
      field === undefined || field === 'unlimited' ? Number.POSITIVE_INFINITY : Number(field);
    return { soft: bytes(soft), hard: bytes(hard) };
  }

  /** IOMMUs and isolation of interrupts. */
  iommu(): IommuFacts {
    this.firmware ??= readFirmwareFacts(this.roots);
    return { ...this.firmware, ...readIommuFacts(this.roots) };
  }
}

/** True for the kernel's driver vfio-pci and its device-specific variants (mlx5_vfio_pci, nvgrace-gpu-vfio-pci, ...). */
export function isVfioDriver(name: string | undefined): boolean {
  return name !== undefined && /(^|[-_])vfio[-_]pci$/.test(name);
}

/** Drivers that VFIO tolerates in a group besides its own (`vfio_dev_viable`: bridges' pcieport, and pci-stub). */
export function leavesGroupViable(device: PciDeviceFacts): boolean {
  const PCI_BRIDGE = 0x0604;
  return (
    device.driver === undefined ||
    isVfioDriver(device.driver) ||
    device.driver === 'pci-stub' ||
    (device.driver === 'pcieport' && device.classCode >>> 8 === PCI_BRIDGE)
  );
}
