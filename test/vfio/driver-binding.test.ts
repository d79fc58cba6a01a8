import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PassthroughError } from '../../src/errors.ts';
import { DriverBinding } from '../../src/vfio/driver-binding.ts';
import { hostWriter } from '../../src/vfio/host-writes.ts';
import type { FakeHost } from './fake-host.ts';
import { FakeKernel } from './fake-kernel.ts';
import * as trees from './host-trees.ts';

const NVME = '0000:01:00.0';
const VGA = '0000:0a:00.0';
const AUDIO = '0000:0a:00.1';
const MEMORY = 'run/armemu/vfio-drivers.json';
let host: FakeHost;
let kernel: FakeKernel;
let drivers: DriverBinding;

/** An AMD desktop with vfio-pci loaded, unless another tree is given. */
function given(tree: trees.HostTree = trees.amd): void {
  host = trees.plant(tree);
  kernel = new FakeKernel(host);
  for (const [address, { driver }] of Object.entries(tree.devices)) {
    if (driver !== undefined && driver !== 'vfio-pci') kernel.native.set(address, driver);
  }
  host.directory('sys/bus/pci/drivers/vfio-pci');
  drivers = new DriverBinding(host.facts, kernel);
}

function driverOf(address: string): string | undefined {
  return host.facts.device(address)?.driver;
}

/** What was refused. Nothing has been written then. */
function refusal(action: () => unknown): PassthroughError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(PassthroughError);
    expect(kernel.log).toEqual([]);
    return error as PassthroughError;
  }
  throw new Error('nothing was refused');
}

describe('binding a device to vfio-pci', () => {
  test('writes driver_override, takes the old driver away, and lets the kernel choose again', () => {
    given();
    const [change] = drivers.bind([NVME]);
    const device = `sys/bus/pci/devices/${NVME}`;
    expect(kernel.log).toEqual([
      `${device}/driver_override < "vfio-pci\\n"`,
      `${device}/driver/unbind < "${NVME}\\n"`,
      `sys/bus/pci/drivers_probe < "${NVME}\\n"`,
    ]);
    expect(change).toMatchObject({ address: NVME, from: 'nvme', to: 'vfio-pci' });
    expect(driverOf(NVME)).toBe('vfio-pci');
  });

  test('loads vfio-pci when it is not there', () => {
    given();
    host.remove('sys/bus/pci/drivers/vfio-pci');
    drivers.bind([NVME]);
    expect(kernel.log[1]).toBe('modprobe vfio-pci');
    expect(driverOf(NVME)).toBe('vfio-pci');
  });

  test('does nothing to a device that is bound already', () => {
    given(trees.intel);
    expect(drivers.bind(['0000:03:00.0'])).toEqual([
      { address: '0000:03:00.0', from: 'vfio-pci', to: 'vfio-pci', steps: [] },
    ]);
    expect(kernel.log).toEqual([]);
  });

  test('only says what it would do with dryRun', () => {
    given();
    const [change] = drivers.bind([NVME], { dryRun: true });
    expect(change.steps.map(({ command }) => command.replaceAll(host.root, ''))).toEqual([
      `echo vfio-pci > /sys/bus/pci/devices/${NVME}/driver_override`,
      `echo ${NVME} > /sys/bus/pci/devices/${NVME}/driver/unbind`,
      `echo ${NVME} > /sys/bus/pci/drivers_probe`,
    ]);
    expect(kernel.log).toEqual([]);
    expect(driverOf(NVME)).toBe('nvme');
  });

  test('that the kernel does not do puts the old driver back', () => {
    given();
    kernel.unwilling.add('vfio-pci');
    expect(() => drivers.bind([NVME])).toThrow(
      `The kernel did not bind ${NVME} to vfio-pci: its driver is none.`,
    );
    expect(driverOf(NVME)).toBe('nvme');
    expect(host.facts.device(NVME)?.driverOverride).toBeUndefined();
    expect(() => drivers.unbind([NVME])).toThrow('its driver is nvme');
  });
});

describe('taking it back', () => {
  test('restores driver and override as they were', () => {
    given();
    host.write(`sys/bus/pci/devices/${NVME}/driver_override`, 'nvme\n');
    drivers.bind([NVME]);
    const [change] = drivers.unbind([NVME]);
    expect(change).toMatchObject({ from: 'vfio-pci', to: 'nvme' });
    expect(driverOf(NVME)).toBe('nvme');
    expect(host.facts.device(NVME)?.driverOverride).toBe('nvme');
  });

  test('is done by another process just as well: the old driver is in a file', () => {
    given();
    kernel.native.set(NVME, 'another_that_knows_it');
    drivers.bind([NVME]);
    new DriverBinding(host.facts, kernel).unbind([NVME]);
    expect(driverOf(NVME)).toBe('nvme');
  });

  test('leaves a device without a driver that had none', () => {
    given();
    host.remove(`sys/bus/pci/devices/${NVME}/driver`);
    drivers.bind([NVME]);
    drivers.unbind([NVME]);
    expect(driverOf(NVME)).toBeUndefined();
  });

  test('lets the kernel choose for a device that was bound by somebody else', () => {
    given(trees.intel);
    kernel.native.set('0000:03:00.0', 'e1000e');
    host.directory('sys/bus/pci/drivers/e1000e');
    expect(drivers.unbind(['0000:03:00.0'])[0].to).toBe('e1000e');
  });

  test('forgets, so that a later one lets the kernel choose', () => {
    given();
    drivers.bind([NVME]);
    drivers.unbind([NVME]);
    expect(() => host.remove(MEMORY)).toThrow();
  });

  test('fails when vfio-pci was told to take every device with its ID', () => {
    given(trees.intel);
    kernel.native.set('0000:03:00.0', 'vfio-pci');
    expect(() => drivers.unbind(['0000:03:00.0'])).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('vfio-pci.ids') }),
    );
  });

  test('only says what it would do with dryRun', () => {
    given();
    drivers.bind([NVME]);
    kernel.log.length = 0;
    expect(drivers.unbind([NVME], { dryRun: true })[0].steps.at(-1)?.command.replace(host.root, '')).toBe(
      `echo ${NVME} > /sys/bus/pci/drivers/nvme/bind`,
    );
    expect(kernel.log).toEqual([]);
    expect(driverOf(NVME)).toBe('vfio-pci');
  });

  test('is refused for a device that is not bound to vfio-pci', () => {
    given();
    expect(refusal(() => drivers.unbind([NVME])).message).toContain('its driver is nvme');
  });

  test('is refused while a guest has the group, unless it is forced', () => {
    given(trees.intel);
    host.directory('proc/4711/fd');
    symlinkSync(host.path('dev/vfio/15'), host.path('proc/4711/fd/20'));
    expect(refusal(() => drivers.unbind(['0000:03:00.0'])).message).toContain('process 4711 holds');
    drivers.unbind(['0000:03:00.0'], { force: true });
    expect(driverOf('0000:03:00.0')).toBeUndefined();
  });

  test.each(['not JSON', '[1]', '{"0000:01:00.0": {"driver": "../../x", "driverOverride": null}}'])(
    'is refused when its memory holds %j',
    (text) => {
      given(trees.intel);
      host.write(MEMORY, text);
      expect(refusal(() => drivers.unbind(['0000:03:00.0'])).remedy).toContain('rm ');
    },
  );
});

describe('a device that the host uses is refused', () => {
  const DISK = `sys/devices/pci0000:00/0000:00:01.1/${NVME}/nvme/nvme0/nvme0n1`;

  function withDisk(): void {
    given();
    host.write(`${DISK}/dev`, '259:0\n');
    host.write(`${DISK}/nvme0n1p2/dev`, '259:2\n');
    host.link('sys/class/block/nvme0n1', DISK);
    host.link('sys/class/block/nvme0n1p2', `${DISK}/nvme0n1p2`);
  }

  function withNic(): void {
    given(trees.virtualFunctions);
    host.write('sys/devices/pci0000:00/0000:00:02.0/0000:03:10.2/net/eth7/operstate', 'up\n');
    host.link('sys/class/net/eth7', 'sys/devices/pci0000:00/0000:00:02.0/0000:03:10.2/net/eth7');
  }

  test('a disk without any use is not', () => {
    withDisk();
    host.write('proc/self/mountinfo', '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n');
    drivers.bind([NVME]);
    expect(driverOf(NVME)).toBe('vfio-pci');
  });

  test('a mounted partition, with its mount point', () => {
    withDisk();
    host.write('proc/self/mountinfo', '22 1 259:2 / /home rw,relatime shared:1 - ext4 /dev/root rw\n');
    const { message, remedy } = refusal(() => drivers.bind([NVME]));
    expect(message).toBe(`The host uses ${NVME} (driver nvme): its disk nvme0n1p2 is mounted on /home.`);
    expect(remedy).toContain('--force');
  });

  test('a mount whose numbers are not the disk’s own', () => {
    withDisk();
    host.write('proc/self/mountinfo', '22 1 0:34 /@ / rw shared:1 - btrfs /dev/nvme0n1p2 rw,subvol=/@\n');
    expect(refusal(() => drivers.bind([NVME])).message).toContain('nvme0n1p2 is mounted on /');
  });

  test('a disk with several paths, which the kernel shows below its subsystem', () => {
    given();
    const controller = `sys/devices/pci0000:00/0000:00:01.1/${NVME}/nvme/nvme0`;
    const subsystem = 'sys/devices/virtual/nvme-subsystem/nvme-subsys0';
    host.directory(controller);
    host.write(`${subsystem}/nvme0n1/dev`, '259:0\n');
    host.link(`${subsystem}/nvme0`, controller);
    host.link('sys/class/nvme-subsystem/nvme-subsys0', subsystem);
    host.link('sys/class/block/nvme0n1', `${subsystem}/nvme0n1`);
    host.directory('sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1');
    host.link('sys/class/nvme-subsystem/nvme-subsys1', 'sys/devices/virtual/nvme-subsystem/nvme-subsys1');
    host.write('proc/self/mountinfo', '22 1 259:0 / /home rw - ext4 /dev/nvme0n1 rw\n');
    expect(refusal(() => drivers.bind([NVME])).message).toContain('its disk nvme0n1 is mounted on /home');
  });

  test('swap space', () => {
    withDisk();
    host.write('proc/swaps', 'Filename Type Size Used Priority\n/dev/nvme0n1p2 partition 1 0 -2\n');
    expect(refusal(() => drivers.bind([NVME])).message).toContain('nvme0n1p2 is swap space');
  });

  test('a part of a volume or of an array', () => {
    withDisk();
    host.directory(`${DISK}/nvme0n1p2/holders/dm-0`);
    expect(refusal(() => drivers.bind([NVME])).message).toContain('nvme0n1p2 is a part of dm-0');
  });

  test('a network interface with an address', () => {
    withNic();
    host.facts.ipAddresses.set('eth7', ['192.0.2.7']);
    expect(refusal(() => drivers.bind(['0000:03:10.2'])).message).toContain('eth7 has the address 192.0.2.7');
  });

  test('a network interface with a route', () => {
    withNic();
    host.write('proc/net/route', 'Iface Destination Gateway\neth7\t00000000\t0102000A\n');
    expect(refusal(() => drivers.bind(['0000:03:10.2'])).message).toContain('eth7 has a route');
  });

  test('but not for the routes that IPv6 gives to every interface', () => {
    withNic();
    const zeros = '0'.repeat(28);
    host.write(
      'proc/net/ipv6_route',
      `fe80${zeros} 40 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000100 00000001 00000000 00000001     eth7\n` +
        `ff00${zeros} 08 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000100 00000004 00000000 00000001     eth7\n`,
    );
    drivers.bind(['0000:03:10.2']);
    expect(driverOf('0000:03:10.2')).toBe('vfio-pci');
  });

  test('a port of a network bridge', () => {
    withNic();
    host.link('sys/class/net/eth7/master', 'sys/class/net/br0');
    expect(refusal(() => drivers.bind(['0000:03:10.2'])).message).toContain('eth7 is a port of br0');
  });

  test('the boot display', () => {
    given();
    expect(refusal(() => drivers.bind([VGA, AUDIO])).message).toContain("the host's boot display is on it");
  });

  test('a physical function with virtual functions', () => {
    given(trees.virtualFunctions);
    expect(refusal(() => drivers.bind(['0000:03:00.0'])).message).toContain(
      '2 virtual functions of it are on',
    );
  });

  test('unless it is forced', () => {
    given();
    drivers.bind([VGA, AUDIO], { force: true });
    expect([driverOf(VGA), driverOf(AUDIO)]).toEqual(['vfio-pci', 'vfio-pci']);
  });
});

describe('a group', () => {
  test('of which the host uses another device is refused, with the command that binds all', () => {
    given();
    const { message, remedy } = refusal(() => drivers.bind([AUDIO]));
    expect(message).toContain(`${VGA} (driver amdgpu; the host's boot display is on it)`);
    expect(remedy).toContain(`armemu vfio bind ${AUDIO} ${VGA}`);
  });

  test('is bound when all of its devices are named, bridges aside', () => {
    given(trees.sharedGroup);
    drivers.bind(['0000:05:00.0', '0000:05:00.1', '0000:06:00.0']);
    expect(driverOf('0000:06:00.0')).toBe('vfio-pci');
    expect(driverOf('0000:00:1b.0')).toBe('pcieport');
  });

  test('with one device that can’t be bound stays as it is', () => {
    given(trees.sharedGroup);
    refusal(() => drivers.bind(['0000:06:00.0', '0000:05:00.1', '0000:7f:00.0']));
    expect(driverOf('0000:06:00.0')).toBe('nvme');
  });
});

describe('bad input', () => {
  test('a bridge, a device that is not there, a host without IOMMU', () => {
    given();
    expect(refusal(() => drivers.bind(['0000:00:01.1'])).message).toContain('is a bridge');
    expect(refusal(() => drivers.bind(['0000:7f:00.0'])).message).toContain('There is no PCI device');
    given(trees.intelIommuOff);
    expect(refusal(() => drivers.bind(['0000:03:00.0'])).message).toContain('runs no IOMMU');
  });

  test('without rights nothing is changed and nothing remembered', () => {
    given();
    kernel.failing.set('driver_override', 'EACCES');
    const { message, remedy } = refusal(() => drivers.bind([NVME]));
    expect(message).toBe(
      `No permission to write ${host.path(`sys/bus/pci/devices/${NVME}/driver_override`)}.`,
    );
    expect(remedy).toBe(`As root: armemu vfio bind ${NVME}`);
    expect(() => host.remove(MEMORY)).toThrow();
  });

  test('without rights to remember, nothing is changed', () => {
    given();
    host.write('run', 'not a folder');
    const { message, remedy } = refusal(() => drivers.bind([NVME]));
    expect(message).toContain(
      `${host.path(MEMORY)}, where armemu remembers the driver of ${NVME}, can't be written`,
    );
    expect(remedy).toBe(`As root: armemu vfio bind ${NVME}`);
  });

  test('a device that goes away meanwhile', () => {
    given();
    kernel.failing.set('driver/unbind', 'ENODEV');
    expect(() => drivers.bind([NVME])).toThrow(/driver\/unbind is gone/);
    expect(host.facts.device(NVME)?.driverOverride).toBeUndefined();
  });

  test('a host whose kernel has no vfio-pci puts things back, and names the module', () => {
    given();
    host.remove('sys/bus/pci/drivers/vfio-pci');
    kernel.loadModule = () => {
      throw new Error('modprobe: FATAL: Module vfio-pci not found');
    };
    expect(() => drivers.bind([NVME])).toThrow(
      /vfio-pci can't be loaded: modprobe: FATAL: Module vfio-pci not found/,
    );
    expect(host.facts.device(NVME)?.driverOverride).toBeUndefined();
    expect(driverOf(NVME)).toBe('nvme');
  });

  test('a file of sysfs that is gone is not made', () => {
    given();
    const path = host.path('sys/bus/pci/devices/0000:7f:00.0');
    expect(() => hostWriter.write(path, 'x\n')).toThrow(/ENOENT/);
    expect(existsSync(path)).toBe(false);
    host.write('sys/there', '');
    hostWriter.write(host.path('sys/there'), 'x\n');
    expect(readFileSync(host.path('sys/there'), 'utf8')).toBe('x\n');
  });

  test('the same device twice is one', () => {
    given();
    expect(drivers.bind([NVME, NVME])).toHaveLength(1);
  });
});
