import { readlinkSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { HostFacts } from './host-facts.ts';
import { linkName, listing, readText } from './sysfs.ts';

/** Where a path of sysfs really leads; undefined where nothing is. */
function placeOf(...parts: readonly string[]): string | undefined {
  try {
    return realpathSync(join(...parts));
  } catch {
    return undefined;
  }
}

/**
 * Directories below which a device's own disks and interfaces are: its own, and those of the NVMe subsystems that it
 * is a controller of. With several paths to a drive, its disks are there (Linux' CONFIG_NVME_MULTIPATH).
 */
function homes(facts: HostFacts, address: string): string[] {
  const own = facts.devicePlace(address);
  if (own === undefined) return [];
  const subsystems = join(facts.roots.sys, 'class/nvme-subsystem');
  const shared = listing(subsystems)
    .map((name) => placeOf(subsystems, name))
    .filter((place) => place !== undefined)
    .filter((place) => listing(place).some((name) => placeOf(place, name)?.startsWith(`${own}/`)));
  return [own, ...shared];
}

/** Names of a class (`block`, `net`) that belong to a device: `nvme0n1`, `nvme0n1p1`, `eth0`. */
function classMembers(facts: HostFacts, kind: string, address: string): string[] {
  const places = homes(facts, address);
  const directory = join(facts.roots.sys, 'class', kind);
  return listing(directory).filter((name) => {
    const place = placeOf(directory, name);
    return places.some((home) => place?.startsWith(`${home}/`));
  });
}

interface Mount {
  /** Major and minor number; not those of a disk for file systems over several (Btrfs). */
  readonly numbers: string;
  readonly point: string;
  /** What was mounted: `/dev/nvme0n1p2`. */
  readonly source: string;
}

/** `/proc/self/mountinfo` (proc(5)): numbers third, mount point fifth; the source is second behind a lone hyphen. */
function mounts(facts: HostFacts): Mount[] {
  const lines = readText(join(facts.roots.proc, 'self/mountinfo'))?.split('\n') ?? [];
  return lines.flatMap((line) => {
    const [own, rest] = line.split(' - ');
    const fields = own.split(' ');
    return rest === undefined
      ? []
      : [{ numbers: fields[2], point: fields[4], source: rest.split(' ')[1] ?? '' }];
  });
}

function disksInUse(facts: HostFacts, address: string): string[] {
  const mounted = mounts(facts);
  const swaps = (readText(join(facts.roots.proc, 'swaps')) ?? '')
    .split('\n')
    .map((line) => line.split(/\s/)[0]);
  return classMembers(facts, 'block', address).flatMap((name) => {
    const directory = join(facts.roots.sys, 'class/block', name);
    const numbers = readText(join(directory, 'dev'));
    const points = mounted
      .filter((mount) => mount.numbers === numbers || basename(mount.source) === name)
      .map(({ point }) => `its disk ${name} is mounted on ${point}`);
    const swap = swaps.some((swap) => basename(swap) === name) ? [`its disk ${name} is swap space`] : [];
    const holders = listing(join(directory, 'holders')).map(
      (holder) => `its disk ${name} is a part of ${holder}`,
    );
    return [...new Set([...points, ...swap, ...holders])];
  });
}

/** Interfaces with a route: IPv4's first column, IPv6's last but for what each interface has by itself. */
function routedInterfaces(facts: HostFacts): Set<string> {
  const rows = (name: string): string[][] =>
    (readText(join(facts.roots.proc, 'net', name)) ?? '').split('\n').map((line) => line.trim().split(/\s+/));
  const v6 = rows('ipv6_route').filter(([destination]) => !/^f[ef]/.test(destination));
  return new Set([...rows('route').map(([name]) => name), ...v6.map((row) => row[row.length - 1])]);
}

function networksInUse(facts: HostFacts, address: string): string[] {
  const routed = routedInterfaces(facts);
  return classMembers(facts, 'net', address).flatMap((name) => {
    const addresses = facts.interfaceAddresses(name);
    const master = linkName(join(facts.roots.sys, 'class/net', name, 'master'));
    return [
      ...addresses.map((ip) => `its network interface ${name} has the address ${ip}`),
      ...(addresses.length === 0 && routed.has(name) ? [`its network interface ${name} has a route`] : []),
      ...(master === undefined ? [] : [`its network interface ${name} is a port of ${master}`]),
    ];
  });
}

/** What the host does with a device that it would miss; empty when nothing of it was found. */
export function usesOfDevice(facts: HostFacts, address: string): string[] {
  const device = facts.device(address);
  if (device === undefined) return [];
  return [
    ...disksInUse(facts, address),
    ...networksInUse(facts, address),
    ...(device.bootVga ? ["the host's boot display is on it"] : []),
    ...(device.virtualFunctions > 0 ? [`${device.virtualFunctions} virtual functions of it are on`] : []),
  ];
}

/** Processes that hold a file open; of other users' only root sees any. */
export function processesHolding(facts: HostFacts, path: string): number[] {
  const { proc } = facts.roots;
  return listing(proc)
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) =>
      listing(join(proc, pid, 'fd')).some((fd) => {
        try {
          return readlinkSync(join(proc, pid, 'fd', fd)) === path;
        } catch {
          return false;
        }
      }),
    )
    .map(Number);
}
