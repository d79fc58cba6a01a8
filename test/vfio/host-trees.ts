import { type FakeDevice, type FakeFiles, FakeHost } from './fake-host.ts';

/** What real hosts of several makes have in sysfs and /proc, as far as it matters here. */
export interface HostTree {
  readonly devices: Readonly<Record<string, FakeDevice>>;
  readonly files: FakeFiles;
}

const PORT = 0x060400;
const ETHERNET = 0x020000;
const NVME = 0x010802;
const DISPLAY = 0x030000;
const AUDIO = 0x040300;

/** Configuration space of a PCI Express port, with Access Control Services or without. */
export function portConfig(type: 'root' | 'upstream' | 'downstream', acs?: { control: number }): Uint8Array {
  const config = new DataView(new ArrayBuffer(4096));
  config.setUint16(0x06, 1 << 4, true);
  config.setUint8(0x34, 0x40);
  // Power management first, then PCI Express.
  config.setUint16(0x40, 0x5001, true);
  config.setUint16(0x50, 0x0010, true);
  config.setUint16(0x52, { root: 4, upstream: 5, downstream: 6 }[type] << 4, true);
  // Advanced error reporting first, then ACS with all of its services but egress control.
  config.setUint32(0x100, 0x1480_0001, true);
  config.setUint32(0x148, acs === undefined ? 0x0001_0018 : 0x0001_000d, true);
  if (acs !== undefined) {
    config.setUint16(0x148 + 4, 0x1f, true);
    config.setUint16(0x148 + 6, acs.control, true);
  }
  return new Uint8Array(config.buffer);
}

/** What Linux switches on: validation, request and completion redirect, upstream forwarding. */
export const ACS_ON = { control: 0x1d };

const PCI_IDS = [
  '#',
  '1022  Advanced Micro Devices, Inc. [AMD]',
  '\t1483  Starship/Matisse GPP Bridge',
  '8086  Intel Corporation',
  '\t10d3  82574L Gigabit Network Connection',
  '\t\t8086 a01f  Gigabit CT Desktop Adapter',
  '\t10ed  82599 Ethernet Controller Virtual Function',
  'C 02  Network controller',
  '\t00  Ethernet controller',
  '\t80  Network controller',
  '',
].join('\n');

const X86_RESERVED = [
  '0x00000000fee00000 0x00000000feefffff msi',
  '0x000000fd00000000 0x000000ffffffffff reserved',
  '',
].join('\n');

const REMAPPED = [
  '           CPU0       CPU1',
  '   1:          0          9  IR-IO-APIC    1-edge      i8042',
  ' 120:          0          0  DMAR-MSI    0-edge      dmar0',
  ' 126:     145019          0  IR-PCI-MSIX-0000:03:00.0    0-edge      eth0',
  '',
].join('\n');

const NOT_REMAPPED = REMAPPED.replaceAll('IR-', '');

const ROOT_BRIDGE: FakeFiles = {
  'sys/devices/pci0000:00/firmware_node/hid': 'PNP0A08\n',
  'sys/devices/pci0000:00/firmware_node/uid': '0\n',
  'sys/devices/pci0000:00/firmware_node/modalias': 'acpi:PNP0A08:PNP0A03:\n',
};

function reserved(groups: readonly number[], text: string): FakeFiles {
  return Object.fromEntries(
    groups.map((group) => [`sys/kernel/iommu_groups/${group}/reserved_regions`, text]),
  );
}

const intelFiles: FakeFiles = {
  ...ROOT_BRIDGE,
  'usr/share/misc/pci.ids': PCI_IDS,
  'sys/firmware/acpi/tables/APIC': '',
  'sys/firmware/acpi/tables/DMAR': '',
  'sys/class/iommu/dmar0/intel-iommu/version': '1:0\n',
  'proc/cmdline': 'BOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on\n',
  'proc/interrupts': REMAPPED,
  ...reserved([14, 15], X86_RESERVED),
};

/** An 82574L behind a root port with ACS, handed to vfio-pci. */
const intelDevices = {
  '0000:00:1c.0': {
    vendor: 0x8086,
    classCode: PORT,
    driver: 'pcieport',
    group: 14,
    config: portConfig('root', ACS_ON),
  },
  '0000:03:00.0': {
    vendor: 0x8086,
    device: 0x10d3,
    classCode: ETHERNET,
    driver: 'vfio-pci',
    group: 15,
    behind: '0000:00:1c.0',
    bars: [0x20000, 0x80000, 0, 0x4000],
    files: { reset_method: 'flr bus\n', reset: '' },
  },
} satisfies Record<string, FakeDevice>;

export const intel: HostTree = { devices: intelDevices, files: intelFiles };

/** The same machine, started with `intremap=off`. */
export const intelWithoutRemapping: HostTree = {
  devices: intelDevices,
  files: {
    ...intelFiles,
    'proc/interrupts': NOT_REMAPPED,
    'proc/cmdline': 'root=/dev/sda1 intel_iommu=on intremap=off\n',
  },
};

/** The same machine as most distributions start it: VT-d is there, nobody switched it on. */
export const intelIommuOff: HostTree = {
  devices: Object.fromEntries(
    Object.entries<FakeDevice>(intelDevices).map(([address, { group, ...device }]) => [
      address,
      { ...device, driver: 'e1000e' },
    ]),
  ),
  files: {
    ...ROOT_BRIDGE,
    'sys/firmware/acpi/tables/DMAR': '',
    'proc/cmdline': 'root=/dev/sda1 quiet\n',
    'proc/interrupts': NOT_REMAPPED,
  },
};

/** An AMD desktop: a graphics card of two functions that the host shows its boot messages on, and an NVMe drive. */
export const amd: HostTree = {
  devices: {
    '0000:00:01.1': {
      vendor: 0x1022,
      device: 0x1483,
      classCode: PORT,
      driver: 'pcieport',
      group: 1,
      config: portConfig('root', ACS_ON),
    },
    '0000:00:03.1': {
      vendor: 0x1022,
      device: 0x1483,
      classCode: PORT,
      driver: 'pcieport',
      group: 2,
      config: portConfig('root', ACS_ON),
    },
    '0000:01:00.0': {
      vendor: 0x144d,
      device: 0xa808,
      classCode: NVME,
      driver: 'nvme',
      group: 20,
      behind: '0000:00:01.1',
      bars: [0x4000],
      files: { reset_method: 'flr\n' },
    },
    '0000:0a:00.0': {
      vendor: 0x1002,
      device: 0x67df,
      classCode: DISPLAY,
      driver: 'amdgpu',
      group: 21,
      behind: '0000:00:03.1',
      bars: [2 ** 33, 0, 0x200000],
      files: { boot_vga: '1\n', reset_method: 'bus\n' },
    },
    '0000:0a:00.1': {
      vendor: 0x1002,
      device: 0xaaf0,
      classCode: AUDIO,
      driver: 'snd_hda_intel',
      group: 21,
      behind: '0000:00:03.1',
    },
  },
  files: {
    ...ROOT_BRIDGE,
    'sys/firmware/acpi/tables/IVRS': '',
    'sys/class/iommu/ivhd0/amd-iommu/cap': '300b\n',
    'proc/cmdline': 'root=/dev/nvme0n1p2\n',
    'proc/interrupts': REMAPPED.replaceAll('DMAR-MSI', 'PCI-MSI'),
    ...reserved([20, 21], X86_RESERVED),
  },
};

/** Slots behind a port without ACS: the two functions of one card, and another card, are one group. */
export const sharedGroup: HostTree = {
  devices: {
    '0000:00:1b.0': { classCode: PORT, driver: 'pcieport', group: 9, config: portConfig('root') },
    '0000:00:1b.4': { classCode: PORT, driver: 'pcieport', group: 9, config: portConfig('root') },
    '0000:05:00.0': {
      classCode: ETHERNET,
      driver: 'vfio-pci',
      group: 9,
      behind: '0000:00:1b.0',
      files: { reset_method: 'bus\n' },
    },
    '0000:05:00.1': { classCode: ETHERNET, driver: 'igb', group: 9, behind: '0000:00:1b.0' },
    '0000:06:00.0': { classCode: NVME, driver: 'nvme', group: 9, behind: '0000:00:1b.4' },
  },
  files: { ...intelFiles, ...reserved([9], X86_RESERVED) },
};

/** An 82599 with two virtual functions, the first of them handed to vfio-pci. */
export const virtualFunctions: HostTree = {
  devices: {
    '0000:00:02.0': { classCode: PORT, driver: 'pcieport', group: 30, config: portConfig('root', ACS_ON) },
    '0000:03:00.0': {
      vendor: 0x8086,
      device: 0x10fb,
      classCode: ETHERNET,
      driver: 'ixgbe',
      group: 31,
      behind: '0000:00:02.0',
      files: { sriov_numvfs: '2\n' },
    },
    '0000:03:10.0': {
      vendor: 0x8086,
      device: 0x10ed,
      classCode: ETHERNET,
      driver: 'vfio-pci',
      group: 32,
      behind: '0000:00:02.0',
      virtualFunction: true,
      bars: [0x4000, 0, 0, 0x4000],
      files: { reset_method: 'flr\n' },
    },
    '0000:03:10.2': {
      vendor: 0x8086,
      device: 0x10ed,
      classCode: ETHERNET,
      driver: 'ixgbevf',
      group: 33,
      behind: '0000:00:02.0',
      virtualFunction: true,
    },
  },
  files: { ...intelFiles, ...reserved([31, 32, 33], X86_RESERVED) },
};

const armInterrupts = (msi: string): string =>
  ` 12:  1  GICv3  30 Level     arch_timer\n 48:  7  ${msi} 524288 Edge      nvme0q0\n`;

/** An Arm server with ACPI: SMMUv3, and a GICv3 with an ITS. */
export const armServer: HostTree = {
  devices: {
    '0001:00:01.0': {
      classCode: PORT,
      driver: 'pcieport',
      group: 3,
      root: 'pci0001:00',
      config: portConfig('root', ACS_ON),
    },
    '0001:01:00.0': {
      classCode: NVME,
      driver: 'vfio-pci',
      group: 4,
      root: 'pci0001:00',
      behind: '0001:00:01.0',
      bars: [0x4000],
      files: { reset_method: 'flr\n' },
    },
  },
  files: {
    'sys/devices/pci0001:00/firmware_node/hid': 'PNP0A08\n',
    'sys/devices/pci0001:00/firmware_node/uid': '1\n',
    'sys/devices/pci0001:00/firmware_node/modalias': 'acpi:PNP0A08:PNP0A03:\n',
    'sys/firmware/acpi/tables/IORT': '',
    'sys/class/iommu/smmu3.0x0000000009050000/uevent': '',
    'proc/cmdline': 'root=/dev/nvme0n1p2\n',
    'proc/interrupts': armInterrupts('ITS-MSI'),
    ...reserved([4], '0x0000000008000000 0x00000000080fffff msi\n'),
  },
};

/** A small Arm board with a device tree: an SMMUv2, and MSIs by GICv2m. */
export const armBoard: HostTree = {
  devices: {
    '0000:01:00.0': {
      classCode: ETHERNET,
      driver: 'vfio-pci',
      group: 0,
      bars: [0x4000],
      files: { reset: '' },
    },
  },
  files: {
    'sys/firmware/devicetree/base/soc/iommu@9050000/#iommu-cells': '\0\0\0\x01',
    'sys/class/iommu/9050000.iommu/uevent': '',
    'proc/interrupts': armInterrupts('MSI'),
    ...reserved([0], '0x0000000008000000 0x00000000080fffff msi\n'),
  },
};

/** Writes a tree down. */
export function plant({ devices, files }: HostTree): FakeHost {
  return new FakeHost(devices, files);
}
