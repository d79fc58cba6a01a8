import { symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { CheckName, GuestNeeds } from '../../src/vfio/check-list.ts';
import { type CheckResult, checkAll, checkDevice, firstLack } from '../../src/vfio/checks.ts';
import type { FakeHost } from './fake-host.ts';
import * as trees from './host-trees.ts';

const MIB = 2 ** 20;
const GUEST: GuestNeeds = {
  ramBase: 0x4000_0000,
  ramSize: 512 * MIB,
  window: { base: 0x1000_0000, size: 0x2eff_0000 },
  others: [],
  pinned: 0,
  containers: 1,
};
const NIC = '0000:03:00.0';
let host: FakeHost;

/** What came of each check, by name. */
function check(tree: trees.HostTree, address: string, guest = GUEST) {
  host = trees.plant(tree);
  return checkPlanted(address, guest);
}

function checkPlanted(address: string, guest = GUEST) {
  const all = checkAll(host.facts, address, guest);
  const named = (name: CheckName): CheckResult => {
    const result = all.find((one) => one.name === name);
    if (result === undefined) throw new Error(`there is no check '${name}'`);
    return result;
  };
  const outcomes = Object.fromEntries(all.map(({ name, outcome }) => [name, outcome]));
  return { all, named, outcomes };
}

const ALL_PASS = {
  present: 'pass',
  endpoint: 'pass',
  iommu: 'pass',
  driver: 'pass',
  covered: 'pass',
  group: 'pass',
  isolation: 'pass',
  access: 'pass',
  free: 'pass',
  interrupts: 'pass',
  reset: 'pass',
  memlock: 'pass',
  reserved: 'pass',
  window: 'pass',
};

describe('a host that is ready', () => {
  test.each([
    ['Intel', trees.intel, NIC],
    ['a virtual function', trees.virtualFunctions, '0000:03:10.0'],
    ['an Arm server', trees.armServer, '0001:01:00.0'],
  ])('%s: each check passes, with the file that says so', (_, tree, address) => {
    const { all, outcomes } = check(tree, address);
    expect(outcomes).toEqual(ALL_PASS);
    for (const { sources } of all) {
      for (const source of sources) expect(source.startsWith(host.root)).toBe(true);
    }
    expect(firstLack(all)).toBeUndefined();
  });

  test('says what was found', () => {
    const { named } = check(trees.intel, NIC);
    expect(named('iommu').fact).toBe('dmar0; described by the firmware (DMAR)');
    expect(named('covered').fact).toBe('IOMMU group 15');
    expect(named('group').fact).toBe('it is alone');
    expect(named('isolation').fact).toBe('0000:00:1c.0: ACS on');
    expect(named('reset').fact).toBe('flr, bus');
    expect(named('reserved').fact).toBe('0x40000000-0x5fffffff is free');
    expect(named('window').fact).toBe(
      'BAR 0: 128 KiB, BAR 1: 512 KiB, BAR 3: 16 KiB; the window has 751.9 MiB',
    );
  });

  test('of another kind is told by its own names', () => {
    expect(check(trees.armServer, '0001:01:00.0').named('iommu').fact).toContain('smmu3.0x0000000009050000');
    expect(check(trees.armBoard, '0000:01:00.0').named('iommu').fact).toContain('(device tree)');
  });

  test('without a guest leaves out what only a guest needs', () => {
    host = trees.plant(trees.intel);
    expect(checkAll(host.facts, NIC).map(({ name }) => name)).toEqual(Object.keys(ALL_PASS).slice(0, 11));
  });
});

describe('the IOMMU', () => {
  test('that the firmware describes and nobody switched on: the kernel parameter of its maker', () => {
    const { named, outcomes, all } = check(trees.intelIommuOff, NIC);
    expect(named('iommu')).toMatchObject({ outcome: 'fail' });
    expect(named('iommu').fact).toContain('The firmware describes one (DMAR)');
    expect(named('iommu').remedy).toContain(
      `sed -i -e 's/^GRUB_CMDLINE_LINUX="/&intel_iommu=on /' /etc/default/grub`,
    );
    expect(outcomes).toMatchObject({
      driver: 'skipped',
      covered: 'skipped',
      group: 'skipped',
      access: 'skipped',
    });
    expect(firstLack(all)).toBe('no IOMMU');
  });

  test('that the command line switches off: that word is to go', () => {
    host = trees.plant({ ...trees.intelIommuOff, files: { 'sys/firmware/acpi/tables/IVRS': '' } });
    host.write('proc/cmdline', 'quiet amd_iommu=off\n');
    const { fact, remedy } = checkPlanted(NIC).named('iommu');
    expect(fact).toContain('The kernel was told so: amd_iommu=off');
    expect(remedy).toContain(`sed -i -e 's/\\bamd_iommu=off\\b//' /etc/default/grub`);
  });

  test('of Intel that the command line switches off: that word is to go, and the other to come', () => {
    host = trees.plant(trees.intelIommuOff);
    host.write('proc/cmdline', 'quiet intel_iommu=off\n');
    expect(checkPlanted(NIC).named('iommu').remedy).toContain(
      `-e 's/\\bintel_iommu=off\\b//' -e 's/^GRUB_CMDLINE_LINUX="/&intel_iommu=on /'`,
    );
  });

  test('that no table shows: the firmware has to switch it on', () => {
    host = trees.plant(trees.intelIommuOff);
    host.remove('sys/firmware');
    expect(checkPlanted(NIC).named('iommu').remedy).toContain('Switch VT-d, AMD-Vi or the SMMU on');
  });
});

test('a device that its own driver has is not what keeps it from its group', () => {
  const own = { ...trees.intel.devices[NIC], driver: 'e1000e' };
  const { outcomes } = check({ ...trees.intel, devices: { ...trees.intel.devices, [NIC]: own } }, NIC);
  expect(outcomes).toMatchObject({ driver: 'fail', group: 'pass' });
});

describe('interrupt remapping', () => {
  test('switched off fails, and names the word that did it', () => {
    const { named } = check(trees.intelWithoutRemapping, NIC);
    expect(named('interrupts').outcome).toBe('fail');
    expect(named('interrupts').fact).toContain('intremap=off');
    expect(named('interrupts').remedy).toContain('/etc/default/grub');
  });

  test('is only seen in names there, so that `run` leaves the last word to the kernel', () => {
    host = trees.plant(trees.intelWithoutRemapping);
    expect(checkDevice(host.facts, NIC, GUEST).group).toBe(15);
  });

  test('that the owner of the host does without is a warning', () => {
    host = trees.plant(trees.intelWithoutRemapping);
    host.write('sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts', 'Y\n');
    expect(checkPlanted(NIC).named('interrupts').outcome).toBe('warning');
  });

  test('of which names tell nothing is a warning', () => {
    expect(check(trees.armBoard, '0000:01:00.0').named('interrupts').outcome).toBe('warning');
  });
});

describe('a group', () => {
  test('that the host uses fails; the ports above show why it is one', () => {
    const { named, all } = check(trees.sharedGroup, '0000:05:00.0');
    expect(named('group').fact).toContain('0000:05:00.1 (driver igb), 0000:06:00.0 (driver nvme)');
    expect(named('group').remedy).toContain('armemu vfio bind 0000:05:00.1 0000:06:00.0');
    expect(named('isolation')).toMatchObject({ outcome: 'warning' });
    expect(named('isolation').fact).toContain('0000:00:1b.0: ACS none');
    expect(firstLack(all)).toBe('the host uses its group');
  });

  test('of one card with several functions says nothing against the ports', () => {
    expect(check(trees.amd, '0000:0a:00.0').named('isolation').outcome).toBe('pass');
  });

  test('that a patched kernel pretends is a warning', () => {
    host = trees.plant(trees.intel);
    host.write('proc/cmdline', 'pcie_acs_override=downstream,multifunction\n');
    expect(checkPlanted(NIC).named('isolation')).toMatchObject({
      outcome: 'warning',
      fact: expect.stringContaining('pcie_acs_override=downstream,multifunction'),
    });
  });
});

describe('the device itself', () => {
  test('that is gone fails once, and nothing else is asked of it', () => {
    const { outcomes } = check(trees.intel, '0000:7f:00.0');
    expect(new Set(Object.values(outcomes))).toEqual(new Set(['fail', 'skipped']));
    expect(outcomes.present).toBe('fail');
  });

  test('that the host shows its boot messages on says so', () => {
    const { named } = check(trees.amd, '0000:0a:00.0');
    expect(named('driver').fact).toContain("the host's boot console is on it");
    expect(named('window').fact).toContain('BAR 0: 8 GiB');
    expect(named('window').remedy).toContain('resource0_resize');
  });

  test('without any reset is a warning', () => {
    const { named } = check(trees.sharedGroup, '0000:06:00.0');
    expect(named('reset')).toMatchObject({ outcome: 'warning' });
  });

  test('that this user may not open: the group, and who is to own it', () => {
    host = trees.plant(trees.intel);
    host.facts.denied.add(15);
    const { fact, remedy } = checkPlanted(NIC).named('access');
    expect(fact).toBe(`No permission to read and write ${host.path('dev/vfio/15')}.`);
    expect(remedy).toContain('SUBSYSTEM=="vfio"');
  });
});

describe('the group of another process', () => {
  function hold(pid: number): void {
    host = trees.plant(trees.intel);
    host.directory(`proc/${pid}/fd`);
    symlinkSync(host.path('dev/vfio/15'), host.path(`proc/${pid}/fd/20`));
  }

  test('is in use, and the process is named; `run` hears it from the kernel', () => {
    hold(4711);
    const { named } = checkPlanted(NIC);
    expect(named('free').fact).toContain('IOMMU group 15 is in use');
    expect(named('free').fact).toContain('held by process 4711');
    expect(checkDevice(host.facts, NIC, GUEST).group).toBe(15);
  });

  test('is not our own', () => {
    hold(process.pid);
    expect(checkPlanted(NIC).named('free').outcome).toBe('pass');
  });
});

describe('the guest', () => {
  test('pins its RAM once for each container', () => {
    host = trees.plant(trees.intel);
    host.memlock(600 * MIB);
    expect(checkPlanted(NIC).named('memlock').fact).toBe('512 MiB needed, 600 MiB allowed');
    const two = checkPlanted(NIC, { ...GUEST, pinned: 512 * MIB, containers: 2 }).named('memlock');
    expect(two.fact).toContain('1 GiB (512 MiB of guest RAM, for 2 IOMMU containers)');
    expect(two.remedy).toContain('sudo prlimit --memlock=1073741824 --pid $$');
    host.memlock(600 * MIB, undefined, 'unlimited');
    const own = checkPlanted(NIC, { ...GUEST, pinned: 512 * MIB, containers: 2 }).named('memlock');
    expect(own.remedy).toContain('ulimit -l 1048576');
  });

  test('can have RAM up to what the host reserves, and no further', () => {
    const { named } = check(trees.intel, NIC, { ...GUEST, ramSize: 3055 * MIB });
    expect(named('reserved').outcome).toBe('fail');
    expect(named('reserved').fact).toContain('0xfee00000-0xfeefffff is reserved (msi)');
    expect(named('reserved').remedy).toContain('--memory 3054M');
  });

  test('may use addresses of which only the device itself has a need (direct-relaxable)', () => {
    host = trees.plant(trees.intel);
    host.write(
      'sys/kernel/iommu_groups/15/reserved_regions',
      '0x000000004f000000 0x000000004fffffff direct-relaxable\n',
    );
    expect(checkPlanted(NIC).named('reserved').outcome).toBe('pass');
    host.write(
      'sys/kernel/iommu_groups/15/reserved_regions',
      '0x000000004f000000 0x000000004fffffff direct\n',
    );
    expect(checkPlanted(NIC).named('reserved').outcome).toBe('fail');
  });

  test('can reach a BAR only where the window has room at a multiple of its size', () => {
    host = trees.plant({
      ...trees.intel,
      devices: { ...trees.intel.devices, [NIC]: { ...trees.intel.devices[NIC], bars: [2 ** 28, 2 ** 20] } },
    });
    expect(checkPlanted(NIC).named('window').outcome).toBe('pass');
    // 752 MiB from 0x10000000 hold no half GiB that begins at a multiple of it.
    host.write(
      'sys/bus/pci/devices/0000:03:00.0/resource',
      '0x0000004000000000 0x000000401fffffff 0x0000000000140204\n',
    );
    expect(checkPlanted(NIC).named('window').outcome).toBe('fail');
  });
});

test('`run` stops at the first check that fails, with its fact and remedy', () => {
  const { named } = check(trees.sharedGroup, '0000:05:00.0');
  const { fact, remedy } = named('group');
  expect(() => checkDevice(host.facts, '0000:05:00.0', GUEST)).toThrow(
    expect.objectContaining({ message: fact, remedy }),
  );
});
