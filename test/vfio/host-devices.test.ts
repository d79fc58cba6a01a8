import { describe, expect, test } from 'vitest';
import { OptionError, PassthroughError } from '../../src/errors.ts';
import { HostDevices } from '../../src/vfio/host-devices.ts';
import { portIsolation } from '../../src/vfio/port-isolation.ts';
import type { FakeHost } from './fake-host.ts';
import * as trees from './host-trees.ts';

let host: FakeHost;

function devicesOf(tree: trees.HostTree): HostDevices {
  host = trees.plant(tree);
  return new HostDevices(host.facts);
}

describe('the list of devices', () => {
  test('has names of pci.ids, what each lacks, and no bridges', () => {
    const listed = devicesOf(trees.virtualFunctions).list();
    expect(listed.map(({ address, name, missing }) => [address, name, missing])).toEqual([
      ['0000:03:00.0', 'Intel Corporation 10fb (Ethernet controller)', 'not bound to vfio-pci'],
      ['0000:03:10.0', 'Intel Corporation 82599 Ethernet Controller Virtual Function', undefined],
      [
        '0000:03:10.2',
        'Intel Corporation 82599 Ethernet Controller Virtual Function',
        'not bound to vfio-pci',
      ],
    ]);
    expect(listed[1]).toMatchObject({
      virtualFunction: true,
      group: 32,
      groupMembers: [],
      resetMethods: ['flr'],
      bars: [
        { index: 0, kind: 'memory', size: 0x4000 },
        { index: 3, kind: 'memory', size: 0x4000 },
      ],
    });
  });

  test('has numbers where there is no pci.ids', () => {
    expect(devicesOf(trees.amd).list()[0].name).toBe('vendor 144d:a808 (class 0108)');
  });

  test('names the other members of a group', () => {
    const [, audio] = devicesOf(trees.amd)
      .list()
      .filter(({ group }) => group === 21);
    expect(audio.groupMembers).toEqual(['0000:0a:00.0']);
  });

  test('of a host without PCI is empty', () => {
    expect(devicesOf({ devices: {}, files: {} }).list()).toEqual([]);
  });
});

describe("a device's path", () => {
  test('is the host bridge in ACPI, then device and function on each bus', () => {
    const devices = devicesOf(trees.intel);
    expect(devices.list()[0].path).toBe('PNP0A08:0-1c.0-00.0');
  });

  test.each(['PNP0A08:0-1c.0-00.0', 'PNP0A03:0-1c.0-00.0', 'PNP0A03-1c.0-00.0', 'pnp0a03-1C.0-0.0'])(
    '%s leads to it',
    (path) => {
      expect(devicesOf(trees.intel).resolve(path)).toBe('0000:03:00.0');
    },
  );

  test('leads to it when its bus has another number', () => {
    const { '0000:03:00.0': card, ...others } = trees.intel.devices;
    const renumbered = { ...trees.intel, devices: { ...others, '0000:07:00.0': card } };
    expect(devicesOf(renumbered).resolve('PNP0A03:0-1c.0-00.0')).toBe('0000:07:00.0');
  });

  test('stands beside the address', () => {
    expect(devicesOf(trees.intel).resolve('03:00.0')).toBe('0000:03:00.0');
    expect(devicesOf(trees.armBoard).list()[0].path).toBeUndefined();
  });

  test.each([
    ['PNP0A03:0-1c.1-00.0', /No PCI device of this host is at PNP0A03:0-1c\.1-00\.0/],
    ['PNP0A03:0-1c.0-00.1', /No PCI device/],
    ['PNP0A03:3-1c.0-00.0', /No host bridge of this host is called PNP0A03:3/],
    ['ACPI0016:0-1c.0-00.0', /No host bridge/],
  ])('%s leads nowhere', (path, message) => {
    const devices = devicesOf(trees.intel);
    expect(() => devices.resolve(path)).toThrow(PassthroughError);
    expect(() => devices.resolve(path)).toThrow(message);
  });

  test.each(['PNP0A03:0', 'PNP0A03:0-', 'PNP0A03:0-1c.0-', 'PNP0A03:0-1c.8', 'PNP0A03:0-1c', '../x'])(
    '%s is none',
    (text) => {
      const devices = devicesOf(trees.intel);
      expect(() => devices.resolve(text)).toThrow(OptionError);
    },
  );

  test('that two host bridges have asks for their number', () => {
    const twin = 'sys/devices/pci0001:00/firmware_node';
    const devices = devicesOf({
      devices: {
        ...trees.intel.devices,
        ...trees.armServer.devices,
        '0001:00:1c.0': { root: 'pci0001:00' },
        '0000:00:01.0': {},
      },
      files: { ...trees.intel.files, [`${twin}/hid`]: 'PNP0A08\n', [`${twin}/uid`]: '1\n' },
    });
    expect(devices.resolve('PNP0A08:1-1c.0')).toBe('0001:00:1c.0');
    expect(() => devices.resolve('PNP0A08-1c.0')).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('PNP0A08:1-1c.0') }),
    );
  });
});

describe('checks for one guest', () => {
  const shape = { ramBase: 0x4000_0000, ramSize: 2 ** 29, window: { base: 0x1000_0000, size: 0x2eff_0000 } };

  test('count an IOMMU container for each group', () => {
    const devices = devicesOf(trees.amd);
    host.memlock(2 ** 30);
    const memlock = (addresses: readonly string[]) =>
      devices.check(addresses, shape)[0].checks.find(({ name }) => name === 'memlock')?.outcome;
    expect(memlock(['0000:0a:00.0', '0000:0a:00.1', '0000:01:00.0'])).toBe('pass');
    host.memlock(2 ** 30 - 1);
    expect(memlock(['0000:0a:00.0', '0000:0a:00.1'])).toBe('pass');
    expect(memlock(['0000:0a:00.0', '0000:0a:00.1', '0000:01:00.0'])).toBe('fail');
  });

  test('look for room for the BARs of all devices', () => {
    const large = { bars: [2 ** 28], group: 1, driver: 'vfio-pci' };
    const cards = ['0000:01:00.0', '0000:02:00.0', '0000:03:00.0'];
    const { devices: ports, ...host } = trees.intel;
    const devices = devicesOf({
      ...host,
      devices: { ...ports, ...Object.fromEntries(cards.map((address) => [address, large])) },
    });
    const window = (addresses: readonly string[]) =>
      devices.check(addresses, shape).map(({ checks }) => checks.find(({ name }) => name === 'window'));
    const [first] = window(cards.slice(0, 2));
    expect(first?.fact).toContain('751.9 MiB, also with those of 0000:02:00.0');
    expect(window(cards).map((result) => result?.outcome)).toEqual(['fail', 'fail', 'fail']);
    expect(window(cards)[1]?.fact).toContain('0000:01:00.0 (BAR 0: 256 MiB) and 0000:03:00.0');
  });

  test('are ready when nothing fails', () => {
    expect(devicesOf(trees.intel).check(['0000:03:00.0'], shape)[0].ready).toBe(true);
    host.remove('dev/vfio/vfio');
    expect(new HostDevices(host.facts).check(['0000:03:00.0'], shape)[0].ready).toBe(false);
  });
});

describe('Access Control Services of a port', () => {
  test('are on when all that is needed of what it has is on', () => {
    expect(portIsolation(trees.portConfig('root', trees.ACS_ON))).toBe('on');
    expect(portIsolation(trees.portConfig('downstream', trees.ACS_ON))).toBe('on');
    expect(portIsolation(trees.portConfig('root', { control: 0x15 }))).toBe('off');
  });

  test('that it lacks are taken as wired', () => {
    const config = trees.portConfig('root', { control: 0x15 });
    // No P2P completion redirect in the capability (PCI Express Base 3.0, 7.16.2).
    config[0x14c] &= ~(1 << 3);
    expect(portIsolation(config)).toBe('on');
  });

  test('are missing without the capability, and not needed of an upstream port', () => {
    expect(portIsolation(trees.portConfig('root'))).toBe('none');
    expect(portIsolation(trees.portConfig('upstream'))).toBe('unneeded');
    expect(portIsolation(trees.portConfig('root', trees.ACS_ON).slice(0, 256))).toBe('none');
  });

  test('can only be read by root', () => {
    expect(portIsolation(trees.portConfig('root', trees.ACS_ON).slice(0, 64))).toBe('unknown');
  });

  test('of a port with capabilities in a circle end', () => {
    const config = trees.portConfig('root');
    config.set([0x01, 0x00, 0x81, 0x14], 0x148);
    expect(portIsolation(config)).toBe('none');
    config.set([0x09, 0x40], 0x40);
    config.set([0x09, 0x40], 0x50);
    expect(portIsolation(config)).toBe('none');
  });
});
