import { beforeEach, describe, expect, test } from 'vitest';
import { HostDevices } from '../../src/vfio/host-devices.ts';
import type { FakeHost } from '../vfio/fake-host.ts';
import { FakeKernel } from '../vfio/fake-kernel.ts';
import * as trees from '../vfio/host-trees.ts';
import { FakeWorld } from './fake-io.ts';

let world: FakeWorld;
let host: FakeHost;
let kernel: FakeKernel;

function on(tree: trees.HostTree): void {
  host = trees.plant(tree);
  world = new FakeWorld();
  kernel = new FakeKernel(host);
  world.hostDevices = new HostDevices(host.facts, kernel);
}

beforeEach(() => on(trees.intel));
describe('armemu vfio list', () => {
  test('is a table', async () => {
    expect(await world.run('vfio', 'list')).toBe(0);
    expect(world.stdout.text).toBe(
      [
        'ADDRESS       DRIVER    GROUP  RESET    BARS                      READY  NAME',
        '0000:03:00.0  vfio-pci  15     flr,bus  128 KiB, 512 KiB, 16 KiB  ready  Intel Corporation 82574L Gigabit Network Connection',
        '',
      ].join('\n'),
    );
  });

  test('shows members of a group, and what is missing', async () => {
    on(trees.amd);
    await world.run('vfio', 'list');
    expect(world.stdout.text).toMatch(
      /^0000:0a:00\.1 +snd_hda_intel +21 with 0000:0a:00\.0 +- +- +not bound to vfio-pci +vendor 1002:aaf0 /m,
    );
  });

  test('--json is the same for programs', async () => {
    await world.run('vfio', 'list', '--json');
    expect(JSON.parse(world.stdout.text)).toMatchObject([
      { address: '0000:03:00.0', path: 'PNP0A08:0-1c.0-00.0', vendorId: 0x8086, group: 15, missing: null },
    ]);
  });
});

describe('armemu vfio check', () => {
  test('says of each precondition what was found and where; its exit code is 0 when all is well', async () => {
    expect(await world.run('vfio', 'check', '03:00.0')).toBe(0);
    const { text } = world.stdout;
    expect(text).toMatch(/^0000:03:00\.0: ready\n/);
    expect(text).toContain('  pass     The IOMMU covers it: IOMMU group 15\n');
    expect(text).toContain(`(${host.path('sys/bus/pci/devices/0000:03:00.0/iommu_group')})`);
  });

  test('is 1 when something fails, with the command that mends it', async () => {
    on(trees.intelIommuOff);
    expect(await world.run('vfio', 'check', 'PNP0A03:0-1c.0-00.0')).toBe(1);
    expect(world.stdout.text).toContain('0000:03:00.0: not ready');
    expect(world.stdout.text).toMatch(
      / {2}FAIL {5}The host runs an IOMMU: .*\n(.*\n)*? {11}.*intel_iommu=on/,
    );
  });

  test('counts with the options of `armemu run`', async () => {
    expect(await world.run('vfio', 'check', '03:00.0', '--memory', '3055M', '--kernel', 'zImage')).toBe(1);
    expect(world.stdout.text).toContain('--memory 3054M');
  });

  test('checks the devices of --vfio as well, each once', async () => {
    on(trees.amd);
    await world.run('vfio', 'check', '0a:00.0', '--vfio', '0a:00.1', '--vfio', '0000:0a:00.0', '--json');
    expect(JSON.parse(world.stdout.text).map(({ address }: { address: string }) => address)).toEqual([
      '0000:0a:00.0',
      '0000:0a:00.1',
    ]);
  });

  test('--json has the same facts, and the same exit code', async () => {
    host.facts.denied.add(15);
    expect(await world.run('vfio', 'check', '03:00.0', '--json')).toBe(1);
    const [{ ready, checks }] = JSON.parse(world.stdout.text);
    expect(ready).toBe(false);
    expect(checks.find(({ name }: { name: string }) => name === 'access')).toMatchObject({
      outcome: 'fail',
      remedy: expect.stringContaining('chown'),
      sources: [host.path('dev/vfio/vfio'), host.path('dev/vfio/15')],
    });
  });

  test.each([
    [['vfio', 'check', 'eth0'], '"eth0" is not the address of a PCI device'],
    [['vfio', 'check', 'PNP0A03:0-1f.0'], 'No PCI device of this host is at PNP0A03:0-1f.0'],
    [['vfio', 'check', '03:00.0', '--machine', 'virtt'], 'virtt'],
    [['vfio', 'check', '03:00.0', '--memory', '1 parsec'], 'parsec'],
    [['vfio', 'check', '03:00.0', '--smp', 'two'], '--smp'],
    [['vfio', 'check'], "missing required argument 'device'\n  see 'armemu vfio check --help'"],
    [['vfio', 'lst'], "unknown command 'lst'"],
  ])('%j is a wrong command line', async (argv, message) => {
    expect(await world.run(...argv)).toBe(2);
    expect(world.stderr.text).toContain(message);
    expect(world.stdout.text).toBe('');
  });
});

describe('armemu vfio bind and unbind', () => {
  const NVME = '0000:01:00.0';

  beforeEach(() => {
    on(trees.amd);
    host.directory('sys/bus/pci/drivers/vfio-pci');
  });

  test('take a path as well as an address, and say what they did', async () => {
    expect(await world.run('vfio', 'bind', 'PNP0A03:0-1.1-0.0')).toBe(0);
    expect(await world.run('vfio', 'bind', NVME)).toBe(0);
    expect(await world.run('vfio', 'unbind', '01:00.0')).toBe(0);
    expect(world.stdout.text).toBe(
      `${NVME}: nvme -> vfio-pci\n${NVME}: bound to vfio-pci already\n${NVME}: vfio-pci -> nvme\n`,
    );
  });

  test('--dry-run prints the commands that would do the same, and writes nothing', async () => {
    expect(await world.run('vfio', 'bind', '--dry-run', NVME)).toBe(0);
    expect(world.stdout.text.replaceAll(host.root, '')).toBe(
      [
        `echo vfio-pci > /sys/bus/pci/devices/${NVME}/driver_override`,
        `echo ${NVME} > /sys/bus/pci/devices/${NVME}/driver/unbind`,
        `echo ${NVME} > /sys/bus/pci/drivers_probe`,
        '',
      ].join('\n'),
    );
    expect(kernel.log).toEqual([]);
  });

  test('--json is the same for programs', async () => {
    await world.run('vfio', 'bind', '--json', NVME);
    expect(JSON.parse(world.stdout.text)).toMatchObject([
      { address: NVME, from: 'nvme', to: 'vfio-pci', steps: [{ kind: 'write', text: 'vfio-pci' }, {}, {}] },
    ]);
  });

  test('a device in use is code 2, and --force takes it', async () => {
    expect(await world.run('vfio', 'bind', '0a:00.0', '0a:00.1')).toBe(2);
    expect(world.stderr.text).toContain(
      "armemu: The host uses 0000:0a:00.0 (driver amdgpu): the host's boot display",
    );
    expect(world.stderr.text).toContain('--force');
    expect(await world.run('vfio', 'bind', '--force', '0a:00.0', '0a:00.1')).toBe(0);
  });

  test('--help says where the old driver is remembered', async () => {
    for (const command of ['bind', 'unbind']) {
      expect(await world.run('vfio', command, '--help')).toBe(0);
    }
    expect(world.stdout.text.match(/\/run\/armemu\/vfio-drivers\.json/g)).toHaveLength(2);
  });
});
