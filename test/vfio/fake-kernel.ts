import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { HostWriter } from '../../src/vfio/host-writes.ts';
import type { FakeHost } from './fake-host.ts';

/** A kernel's side of sysfs: it does to a tree what Linux' driver core does when these files are written. */
export class FakeKernel implements HostWriter {
  /** Each write, with the path from the tree's root, and each module that was loaded. */
  readonly log: string[] = [];
  /** The driver that knows a device by its ID. */
  readonly native = new Map<string, string>();
  /** Drivers that are there and do not take any device. */
  readonly unwilling = new Set<string>();
  /** What a write to a path that ends so fails with. */
  readonly failing = new Map<string, 'EACCES' | 'ENODEV' | 'EBUSY'>();
  private readonly host: FakeHost;

  constructor(host: FakeHost) {
    this.host = host;
  }

  loadModule(name: string): void {
    this.log.push(`modprobe ${name}`);
    this.host.directory(`sys/bus/pci/drivers/${name}`);
  }

  write(path: string, text: string): void {
    const name = path.slice(this.host.root.length + 1);
    const code = [...this.failing].find(([end]) => name.endsWith(end))?.[1];
    if (code !== undefined) throw Object.assign(new Error(`${code}: write '${path}'`), { code });
    this.log.push(`${name} < ${JSON.stringify(text)}`);
    const address = text.trim();
    if (name.endsWith('/driver_override')) this.host.write(name, `${text.trim() || '(null)'}\n`);
    else if (name.endsWith('/driver/unbind')) this.host.remove(`sys/bus/pci/devices/${address}/driver`);
    else if (name.endsWith('/bind')) this.attach(address, basename(name.slice(0, -'/bind'.length)));
    else if (name.endsWith('/drivers_probe')) this.probe(address);
    else throw new Error(`nobody writes ${name}`);
  }

  private probe(address: string): void {
    if (this.host.facts.device(address)?.driver !== undefined) return;
    const file = this.host.path(`sys/bus/pci/devices/${address}/driver_override`);
    const override = existsSync(file) ? readFileSync(file, 'utf8').trim() : '(null)';
    const driver = override === '(null)' ? this.native.get(address) : override;
    if (driver !== undefined) this.attach(address, driver);
  }

  private attach(address: string, driver: string): void {
    if (this.unwilling.has(driver) || !existsSync(this.host.path(`sys/bus/pci/drivers/${driver}`))) return;
    this.host.link(`sys/bus/pci/devices/${address}/driver`, `sys/bus/pci/drivers/${driver}`);
  }
}
