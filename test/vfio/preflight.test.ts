import { describe, expect, it } from 'vitest';
import { PassthroughError } from '../../src/errors.ts';
import { checkDevice } from '../../src/vfio/checks.ts';
import { parseIommuInfo } from '../../src/vfio/info-chains.ts';
import { checkMemlock, checkReservedRanges, checkWindow } from '../../src/vfio/preflight.ts';
import { iommuInfoBytes } from './fake-binding.ts';
import { type FakeDevice, FakeHost } from './fake-host.ts';

const ADDRESS = '0000:01:00.0';
const BRIDGE = 0x060400;
let host: FakeHost;

function given(devices: Record<string, FakeDevice>): FakeHost {
  host = new FakeHost(devices);
  return host;
}

function refusal(action: () => unknown): { message: string; remedy: string } {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(PassthroughError);
    const { message, remedy } = error as PassthroughError;
    expect(remedy).toBeDefined();
    return { message, remedy: remedy ?? '' };
  }
  throw new Error('nothing was refused');
}

describe('before a device is opened', () => {
  it('accepts a device that is bound to vfio-pci, alone in its group', () => {
    const { facts } = given({
      [ADDRESS]: {
        driver: 'vfio-pci',
        group: 7,
        files: {
          resource:
            '0x00000000fe000000 0x00000000fe0fffff 0x0000000000040200\n0x0000000000000000 0x0000000000000000 0x0000000000000000\n0x000000000000e000 0x000000000000e01f 0x0000000000040101\n',
          reset_method: 'flr bus\n',
        },
      },
    });
    expect(checkDevice(facts, ADDRESS)).toMatchObject({
      vendorId: 0x1234,
      deviceId: 0x11e8,
      classCode: 0x00ff00,
      group: 7,
      driver: 'vfio-pci',
      virtualFunction: false,
      resetMethods: ['flr', 'bus'],
      bars: [
        { index: 0, kind: 'memory', size: 0x100000 },
        { index: 2, kind: 'io', size: 32 },
      ],
    });
  });

  it.each(['mlx5_vfio_pci', 'nvgrace-gpu-vfio-pci'])('accepts the variant driver %s', (driver) => {
    const { facts } = given({ [ADDRESS]: { driver, group: 7 } });
    expect(checkDevice(facts, ADDRESS).driver).toBe(driver);
  });

  it('knows a virtual function', () => {
    const { facts } = given({ [ADDRESS]: { driver: 'vfio-pci', group: 7, virtualFunction: true } });
    expect(checkDevice(facts, ADDRESS).virtualFunction).toBe(true);
  });

  it('refuses a device that is not there', () => {
    const { facts } = given({});
    const { message, remedy } = refusal(() => checkDevice(facts, ADDRESS));
    expect(message).toContain(`There is no PCI device ${ADDRESS}`);
    expect(remedy).toContain('lspci');
  });

  it('refuses a bridge', () => {
    const { facts } = given({ [ADDRESS]: { classCode: BRIDGE, driver: 'pcieport', group: 7 } });
    expect(refusal(() => checkDevice(facts, ADDRESS)).message).toContain('is a bridge');
  });

  it('refuses a device of a host driver, with the commands that bind it (never new_id, which takes every device of its kind)', () => {
    const { facts } = given({ [ADDRESS]: { driver: 'nvme', group: 7 } });
    const { message, remedy } = refusal(() => checkDevice(facts, ADDRESS));
    expect(message).toContain("bound to the host's driver nvme");
    expect(remedy).toContain(`echo vfio-pci > /sys/bus/pci/devices/${ADDRESS}/driver_override`);
    expect(remedy).toContain('drivers_probe');
    expect(remedy).not.toContain('new_id');
  });

  it('says when the device is the boot console', () => {
    const { facts } = given({ [ADDRESS]: { driver: 'amdgpu', group: 7, files: { boot_vga: '1\n' } } });
    expect(refusal(() => checkDevice(facts, ADDRESS)).message).toContain('boot console');
  });

  it('refuses a device without a driver', () => {
    const { facts } = given({ [ADDRESS]: { group: 7 } });
    expect(refusal(() => checkDevice(facts, ADDRESS)).message).toContain('it has no driver');
  });

  it.each([undefined, 'vfio-pci', 'nvme'])('refuses a host without an IOMMU (driver %s)', (driver) => {
    const { facts } = given({ [ADDRESS]: driver === undefined ? {} : { driver } });
    const { message, remedy } = refusal(() => checkDevice(facts, ADDRESS));
    expect(message).toContain('runs no IOMMU');
    expect(remedy).toContain('intel_iommu=on');
  });

  it('refuses a device that the IOMMU does not cover', () => {
    const { facts } = given({ [ADDRESS]: { driver: 'vfio-pci' }, '0000:02:00.0': { group: 1 } });
    expect(refusal(() => checkDevice(facts, ADDRESS)).message).toContain('does not cover it');
  });

  it('refuses no-IOMMU mode, with the reason', () => {
    const { facts } = given({ [ADDRESS]: { driver: 'vfio-pci', group: 7 } });
    host.write('sys/kernel/iommu_groups/7/name', 'vfio-noiommu\n');
    const { message } = refusal(() => checkDevice(facts, ADDRESS));
    expect(message).toContain('no-IOMMU mode');
    expect(message).toContain("all of the host's memory");
  });

  it('names the other devices of the group and their drivers when the group is not viable', () => {
    const { facts } = given({
      [ADDRESS]: { driver: 'vfio-pci', group: 7 },
      '0000:01:00.1': { driver: 'snd_hda_intel', group: 7 },
      '0000:01:00.2': { driver: 'xhci_hcd', group: 7 },
      '0000:02:00.0': { driver: 'nvme', group: 8 },
    });
    const { message, remedy } = refusal(() => checkDevice(facts, ADDRESS));
    expect(message).toContain('0000:01:00.1 (driver snd_hda_intel), 0000:01:00.2 (driver xhci_hcd)');
    expect(message).not.toContain('nvme');
    expect(remedy).toContain('/sys/bus/pci/devices/0000:01:00.2/driver_override');
  });

  it('leaves bridges, unbound devices and other devices of VFIO in the group alone', () => {
    const { facts } = given({
      [ADDRESS]: { driver: 'vfio-pci', group: 7 },
      '0000:00:01.0': { driver: 'pcieport', classCode: BRIDGE, group: 7 },
      '0000:01:00.1': { driver: 'vfio-pci', group: 7 },
      '0000:01:00.2': { group: 7 },
      '0000:01:00.3': { driver: 'pci-stub', group: 7 },
    });
    expect(checkDevice(facts, ADDRESS).group).toBe(7);
  });

  it('refuses without permission on the group, and names the file and its owner to be', () => {
    const { facts } = given({ [ADDRESS]: { driver: 'vfio-pci', group: 7 } });
    facts.denied.add(7);
    const { message, remedy } = refusal(() => checkDevice(facts, ADDRESS));
    expect(message).toBe(`No permission to read and write ${host.path('dev/vfio/7')}.`);
    expect(remedy).toContain('chown');
  });

  it('refuses when the VFIO driver is not loaded', () => {
    const { facts } = given({ [ADDRESS]: { driver: 'vfio-pci', group: 7 } });
    host.remove('dev/vfio/vfio');
    expect(refusal(() => checkDevice(facts, ADDRESS)).remedy).toContain('modprobe vfio-pci');
  });
});

describe('the limit of locked memory', () => {
  const MIB = 2 ** 20;

  it('says how much is needed: guest RAM for each container', () => {
    const { facts } = given({});
    host.memlock(600 * MIB);
    expect(() => checkMemlock(facts, 512 * MIB, 0, 1)).not.toThrow();
    const { message, remedy } = refusal(() => checkMemlock(facts, 512 * MIB, 512 * MIB, 2));
    expect(message).toContain(
      '1 GiB (512 MiB of guest RAM, for 2 IOMMU containers), and the limit is 600 MiB',
    );
    expect(remedy).toContain('prlimit --memlock=1073741824');
  });

  it('does not bind a process with CAP_IPC_LOCK, nor one without a limit', () => {
    const { facts } = given({});
    host.memlock(65536, '0000000000004000');
    expect(facts.memlockLimit()).toBe(Number.POSITIVE_INFINITY);
    host.memlock('unlimited');
    expect(facts.memlockLimit()).toBe(Number.POSITIVE_INFINITY);
    host.memlock(65536, '0000003fffffbfff');
    expect(facts.memlockLimit()).toBe(65536);
  });
});

describe('what the host keeps for itself', () => {
  it('is read from the group', () => {
    const { facts } = given({ [ADDRESS]: { group: 7 } });
    host.write(
      'sys/kernel/iommu_groups/7/reserved_regions',
      '0x00000000fee00000 0x00000000feefffff msi\n0x000000fd00000000 0x000000ffffffffff reserved\n',
    );
    expect(facts.reservedRegions(7)).toEqual([
      { start: 0xfee00000n, end: 0xfeefffffn, kind: 'msi' },
      { start: 0xfd_0000_0000n, end: 0xff_ffff_ffffn, kind: 'reserved' },
    ]);
  });
});

describe('guest RAM and the addresses that the IOMMU takes', () => {
  const x86 = parseIommuInfo(
    iommuInfoBytes([
      [0n, 0xfedf_ffffn],
      [0xfef0_0000n, 0xffff_ffff_ffffn],
    ]),
  );

  it('may fill a range to its last byte', () => {
    expect(() => checkReservedRanges(ADDRESS, x86, 0x40000000, 0xfee00000 - 0x40000000, [])).not.toThrow();
  });

  it('is refused over a reserved range, with the largest size that fits', () => {
    const { message, remedy } = refusal(() =>
      checkReservedRanges(ADDRESS, x86, 0x40000000, 0xc0000000, [
        { start: 0xfee00000n, end: 0xfeefffffn, kind: 'msi' },
        { start: 0n, end: 0xffffn, kind: 'direct' },
      ]),
    );
    expect(message).toContain('0x40000000-0xffffffff');
    expect(message).toContain('0x0-0xfedfffff');
    expect(message).toContain('0xfee00000-0xfeefffff is reserved (msi).');
    expect(message).not.toContain('direct');
    expect(remedy).toContain('--memory 3054M');
  });

  it('is refused where it starts in a reserved range', () => {
    expect(refusal(() => checkReservedRanges(ADDRESS, x86, 0xfee00000, 0x1000, [])).remedy).toContain(
      'whose RAM lies elsewhere',
    );
  });

  it('is refused when the smallest page of the IOMMU is over 4 KiB', () => {
    const info = parseIommuInfo(iommuInfoBytes([[0n, 0xffff_ffffn]], 0x10000n));
    expect(refusal(() => checkReservedRanges(ADDRESS, info, 0, 0x10000, [])).message).toContain('64 KiB');
  });
});

describe("BARs and the board's window", () => {
  const window = { base: 0x10000000, size: 0x2eff0000 };

  it('refuses a BAR larger than the window, shows both, and names resizable BAR', () => {
    const bars = [{ index: 1, kind: 'memory', size: 2 ** 34 }] as const;
    const { message, remedy } = refusal(() => checkWindow({ address: ADDRESS, bars }, [], window));
    expect(message).toContain('BAR 1: 16 GiB');
    expect(message).toContain('751.9 MiB');
    expect(remedy).toContain('resource1_resize');
  });

  it('refuses BARs that do not fit together', () => {
    const bars = [0, 1].map((index) => ({ index, kind: 'memory', size: 2 ** 29 }) as const);
    expect(refusal(() => checkWindow({ address: ADDRESS, bars }, [], window)).message).toContain(
      'BAR 0: 512 MiB, BAR 1: 512 MiB',
    );
  });

  it('refuses BARs that do not fit beside those of the other devices, and names all', () => {
    const bars = [{ index: 0, kind: 'memory', size: 2 ** 28 }] as const;
    const other = (address: string) => ({ address, bars });
    expect(() => checkWindow(other('a'), [other('b')], window)).not.toThrow();
    const { message, remedy } = refusal(() => checkWindow(other('a'), [other('b'), other('c')], window));
    expect(message).toContain('a (BAR 0: 256 MiB) and b (BAR 0: 256 MiB) and c (BAR 0: 256 MiB) do not fit');
    expect(remedy).toContain('Give the guest fewer of them.');
  });

  it('names only the device that is too large for itself', () => {
    const card = { address: 'a', bars: [{ index: 0, kind: 'memory', size: 2 ** 30 }] } as const;
    const small = { address: 'b', bars: [{ index: 0, kind: 'memory', size: 4096 }] } as const;
    expect(refusal(() => checkWindow(card, [small], window)).message).toContain(
      'The BARs of a (BAR 0: 1 GiB) do',
    );
  });

  it('does not count I/O BARs', () => {
    const card = { address: ADDRESS, bars: [{ index: 0, kind: 'io', size: 256 }] } as const;
    expect(() => checkWindow(card, [card], { base: 0, size: 128 })).not.toThrow();
  });
});
