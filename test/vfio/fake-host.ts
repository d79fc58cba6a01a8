import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FileAccess, HostFacts } from '../../src/vfio/host-facts.ts';

/** Tests may run as root, to whom no mode of a file denies anything. */
class FactsWithDenials extends HostFacts {
  readonly denied = new Set<string | number>();

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
}

/** A tree of sysfs, /dev and /proc in a temporary directory, as a Linux host with these devices has it. */
export class FakeHost {
  readonly root = mkdtempSync(join(tmpdir(), 'armemu-host-'));
  readonly facts: FactsWithDenials;

  constructor(devices: Readonly<Record<string, FakeDevice>>) {
    this.facts = new FactsWithDenials({
      sys: join(this.root, 'sys'),
      dev: join(this.root, 'dev'),
      proc: join(this.root, 'proc'),
    });
    this.directory('sys/kernel/iommu_groups');
    this.write('dev/vfio/vfio', '');
    this.memlock('unlimited');
    for (const [address, device] of Object.entries(devices)) this.addDevice(address, device);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  write(name: string, text: string): void {
    this.directory(join(name, '..'));
    writeFileSync(this.path(name), text);
  }

  directory(name: string): void {
    mkdirSync(this.path(name), { recursive: true });
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true });
  }

  /** The limit of locked memory, without the capability that lifts it. */
  memlock(limit: number | 'unlimited', capabilities = '0000000000000000'): void {
    this.write(
      'proc/self/limits',
      [
        'Limit                     Soft Limit           Hard Limit           Units     ',
        `Max locked memory         ${limit}              ${limit}              bytes     `,
        'Max open files            1024                 1048576              files     ',
      ].join('\n'),
    );
    this.write('proc/self/status', `Name:\tnode\nCapEff:\t${capabilities}\n`);
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  private addDevice(address: string, device: FakeDevice): void {
    const directory = `sys/bus/pci/devices/${address}`;
    const hexadecimal = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, '0')}\n`;
    this.write(`${directory}/vendor`, hexadecimal(device.vendor ?? 0x1234, 4));
    this.write(`${directory}/device`, hexadecimal(device.device ?? 0x11e8, 4));
    this.write(`${directory}/class`, hexadecimal(device.classCode ?? 0x00ff00, 6));
    for (const [name, text] of Object.entries(device.files ?? {})) this.write(`${directory}/${name}`, text);
    if (device.driver !== undefined) {
      this.directory(`sys/bus/pci/drivers/${device.driver}`);
      symlinkSync(`../../../../bus/pci/drivers/${device.driver}`, this.path(`${directory}/driver`));
    }
    if (device.virtualFunction) symlinkSync('../0000:00:00.0', this.path(`${directory}/physfn`));
    if (device.group !== undefined) {
      const group = `sys/kernel/iommu_groups/${device.group}`;
      this.directory(`${group}/devices`);
      symlinkSync(`../../../kernel/iommu_groups/${device.group}`, this.path(`${directory}/iommu_group`));
      symlinkSync(`../../../../bus/pci/devices/${address}`, this.path(`${group}/devices/${address}`));
      this.write(`dev/vfio/${device.group}`, '');
    }
  }
}
