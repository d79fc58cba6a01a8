import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type FileAccess, HostFacts } from '../../src/vfio/host-facts.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** Tests may run as root, to whom no mode of a file denies anything. */
class FactsWithDenials extends HostFacts {
  readonly denied = new Set<string | number>();
  /** Of network interfaces, which the real ones of the test's host must not stand in for. */
  readonly ipAddresses = new Map<string, readonly string[]>();

  override interfaceAddresses(name: string): string[] {
    return [...(this.ipAddresses.get(name) ?? [])];
  }

  override vfioAccess(name: 'vfio' | number): FileAccess {
    const access = super.vfioAccess(name);
    return access === 'granted' && this.denied.has(name) ? 'denied' : access;
  }
}

/** One PCI device of a fake host. */
export interface FakeDevice {
  readonly vendor?: number;
  readonly device?: number;
  readonly classCode?: number;
  readonly driver?: string;
  readonly group?: number;
  readonly files?: Readonly<Record<string, string>>;
  readonly virtualFunction?: boolean;
  /** The bridge that it is behind; absent: on the first bus of `root`. */
  readonly behind?: string;
  /** The host bridge, as sysfs calls it: `pci0000:00` (default). */
  readonly root?: string;
  /** Sizes of memory BARs, from BAR 0. */
  readonly bars?: readonly number[];
  readonly config?: Uint8Array;
}

/** Files beside the devices, by their path from the tree's root: `sys/class/iommu/dmar0/...`, `proc/cmdline`. */
export type FakeFiles = Readonly<Record<string, string>>;

function resourceText(sizes: readonly number[]): string {
  const word = (value: number) => `0x${value.toString(16).padStart(16, '0')}`;
  const lines = Array.from({ length: 6 }, (_, i) => {
    const size = sizes[i] ?? 0;
    const start = 0x8000_0000 + i * 0x1000_0000;
    return size === 0 ? [0, 0, 0] : [start, start + size - 1, 0x40200];
  });
  return lines.map((line) => `${line.map(word).join(' ')}\n`).join('');
}

/** A tree of sysfs, /dev and /proc in a temporary directory, as a Linux host with these devices has it. */
export class FakeHost {
  readonly root = temporaryFolder();
  readonly facts: FactsWithDenials;

  private readonly places = new Map<string, string>();

  constructor(devices: Readonly<Record<string, FakeDevice>>, files: FakeFiles = {}) {
    this.facts = new FactsWithDenials({
      sys: join(this.root, 'sys'),
      dev: join(this.root, 'dev'),
      proc: join(this.root, 'proc'),
      share: join(this.root, 'usr/share'),
      run: join(this.root, 'run'),
    });
    this.directory('sys/kernel/iommu_groups');
    this.write('dev/vfio/vfio', '');
    this.memlock('unlimited');
    for (const [address, device] of Object.entries(devices)) this.addDevice(address, device);
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  write(name: string, text: string | Uint8Array): void {
    this.directory(join(name, '..'));
    writeFileSync(this.path(name), text);
  }

  directory(name: string): void {
    mkdirSync(this.path(name), { recursive: true });
  }

  /** A symbolic link at `name` to `target`, both from the tree's root; relative, as sysfs has them. */
  link(name: string, target: string): void {
    this.directory(join(name, '..'));
    symlinkSync(relative(this.path(join(name, '..')), this.path(target)), this.path(name));
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true });
  }

  /** The limit of locked memory, without the capability that lifts it; a user may raise it as far as `hard`. */
  memlock(limit: number | 'unlimited', capabilities = '0000000000000000', hard = limit): void {
    this.write(
      'proc/self/limits',
      [
        'Limit                     Soft Limit           Hard Limit           Units     ',
        `Max locked memory         ${limit}              ${hard}              bytes     `,
        'Max open files            1024                 1048576              files     ',
      ].join('\n'),
    );
    this.write('proc/self/status', `Name:\tnode\nCapEff:\t${capabilities}\n`);
  }

  private addDevice(address: string, device: FakeDevice): void {
    const above = device.behind === undefined ? undefined : this.places.get(device.behind);
    const directory = `${above ?? `sys/devices/${device.root ?? 'pci0000:00'}`}/${address}`;
    this.places.set(address, directory);
    this.directory(directory);
    this.link(`sys/bus/pci/devices/${address}`, directory);
    const hexadecimal = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, '0')}\n`;
    this.write(`${directory}/vendor`, hexadecimal(device.vendor ?? 0x1234, 4));
    this.write(`${directory}/device`, hexadecimal(device.device ?? 0x11e8, 4));
    this.write(`${directory}/class`, hexadecimal(device.classCode ?? 0x00ff00, 6));
    if (device.bars !== undefined) this.write(`${directory}/resource`, resourceText(device.bars));
    if (device.config !== undefined) this.write(`${directory}/config`, device.config);
    for (const [name, text] of Object.entries(device.files ?? {})) this.write(`${directory}/${name}`, text);
    if (device.driver !== undefined) {
      this.directory(`sys/bus/pci/drivers/${device.driver}`);
      this.link(`${directory}/driver`, `sys/bus/pci/drivers/${device.driver}`);
    }
    if (device.virtualFunction) this.link(`${directory}/physfn`, 'sys/bus/pci/devices/0000:00:00.0');
    if (device.group !== undefined) {
      const group = `sys/kernel/iommu_groups/${device.group}`;
      this.directory(`${group}/devices`);
      this.link(`${directory}/iommu_group`, group);
      this.link(`${group}/devices/${address}`, directory);
      this.write(`dev/vfio/${device.group}`, '');
    }
  }
}
