/**
 * A host with one device for `--vfio`, on a machine without an IOMMU: armemu's own passthrough endpoint, with the real
 * addon for everything that takes time (mapped BAR, eventfds, interrupt thread); only VFIO's ioctls are answered here,
 * and the BAR is a part of a file.
 */
import {
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostFacts } from '../../dist/vfio/host-facts.js';
import { loadBinding } from '../../dist/vfio/native-binding.js';
import { PassthroughEndpoint } from '../../dist/vfio/passthrough-endpoint.js';
import * as abi from '../../dist/vfio/vfio-abi.js';
import { VfioHost } from '../../dist/vfio/vfio-host.js';

const ADDRESS = '0000:01:00.0';
const GROUP = 1;
const BAR_SIZE = 0x10_0000;
const CONFIG_OFFSET = BAR_SIZE;
const CONFIG_SIZE = 256;
const MSI_CAPABILITY = 0x40;

/** Why the measures that need the addon can't run here; undefined when they can. */
export function whyNoAddon() {
  try {
    loadBinding();
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/** sysfs and /dev of a host whose device is bound to vfio-pci and alone in its group. */
function hostTree(root) {
  const directory = (name) => mkdirSync(join(root, name), { recursive: true });
  const device = `sys/bus/pci/devices/${ADDRESS}`;
  const group = `sys/kernel/iommu_groups/${GROUP}`;
  for (const name of [device, 'sys/bus/pci/drivers/vfio-pci', `${group}/devices`, 'dev/vfio', 'proc'])
    directory(name);
  for (const [name, text] of [
    ['vendor', '0x1234'],
    ['device', '0x11e8'],
    ['class', '0x00ff00'],
  ])
    writeFileSync(join(root, device, name), text);
  symlinkSync('../../drivers/vfio-pci', join(root, device, 'driver'));
  symlinkSync(`../../../../kernel/iommu_groups/${GROUP}`, join(root, device, 'iommu_group'));
  symlinkSync(`../../../../bus/pci/devices/${ADDRESS}`, join(root, group, 'devices', ADDRESS));
  writeFileSync(join(root, 'dev/vfio/vfio'), '');
  writeFileSync(join(root, 'dev/vfio', String(GROUP)), '');
  return new HostFacts({ sys: join(root, 'sys'), dev: join(root, 'dev'), proc: join(root, 'proc') });
}

/** A header with one memory BAR and a 64-bit MSI capability (PCI 3.0 6.1, 6.8.1). */
function configuration() {
  const bytes = Buffer.alloc(CONFIG_SIZE);
  bytes.writeUInt16LE(0x1234, 0x00);
  bytes.writeUInt16LE(0x11e8, 0x02);
  bytes.writeUInt16LE(0x0010, 0x06);
  bytes[0x0b] = 0xff;
  bytes[0x34] = MSI_CAPABILITY;
  bytes[MSI_CAPABILITY] = 0x05;
  bytes[MSI_CAPABILITY + 2] = 0x80;
  return bytes;
}

/** `struct vfio_region_info`. */
function regionInfo(index) {
  const bytes = Buffer.alloc(32);
  const bar = index === 0;
  const present = bar || index === abi.PCI_CONFIG_REGION_INDEX;
  const access =
    abi.REGION_INFO_FLAG_READ | abi.REGION_INFO_FLAG_WRITE | (bar ? abi.REGION_INFO_FLAG_MMAP : 0);
  bytes.writeUInt32LE(32, 0);
  bytes.writeUInt32LE(present ? access : 0, 4);
  bytes.writeUInt32LE(index, 8);
  bytes.writeBigUInt64LE(BigInt(bar ? BAR_SIZE : present ? CONFIG_SIZE : 0), 16);
  bytes.writeBigUInt64LE(BigInt(bar ? 0 : CONFIG_OFFSET), 24);
  return bytes;
}

/**
 * A device to plug: BAR 0 of 1 MiB, one MSI.
 * @returns the endpoint, the addon, the eventfd of the MSI once the guest has enabled it, the descriptor of the BAR's
 * file, and `dispose`
 */
export function standInDevice() {
  const root = mkdtempSync(join(tmpdir(), 'armemu-bench-'));
  const facts = hostTree(root);
  const addon = loadBinding();
  const file = openSync(join(root, 'device'), 'w+');
  ftruncateSync(file, CONFIG_OFFSET + 4096);
  writeSync(file, configuration(), 0, CONFIG_SIZE, CONFIG_OFFSET);
  const device = { eventfd: -1 };
  const nothing = () => {};
  const answers = {
    containerApiVersion: () => abi.API_VERSION,
    containerCheckExtension: () => 1,
    containerSetIommu: nothing,
    containerIommuInfo: () => Buffer.alloc(24),
    containerMapDma: nothing,
    keepFromChildren: nothing,
    groupStatus: () => abi.GROUP_FLAGS_VIABLE,
    groupSetContainer: nothing,
    groupDevice: () => addon.open(join(root, 'device')),
    deviceInfo: () => ({ flags: abi.DEVICE_FLAGS_RESET | abi.DEVICE_FLAGS_PCI, regions: 9, irqs: 5 }),
    deviceRegionInfo: (_device, index) => regionInfo(index),
    deviceIrqInfo: (_device, index) => ({
      flags: abi.IRQ_INFO_EVENTFD,
      count: index === abi.PCI_MSI_IRQ_INDEX ? 1 : 0,
    }),
    deviceSetIrqs: (_device, index, _start, _count, _flags, data) => {
      if (index === abi.PCI_MSI_IRQ_INDEX && data !== null) device.eventfd = data[0];
      return 0;
    },
    deviceReset: nothing,
  };
  const binding = Object.assign(Object.create(addon), answers);
  const host = new VfioHost(facts, () => binding);
  return {
    endpoint: new PassthroughEndpoint(ADDRESS, host),
    addon,
    file,
    barSize: BAR_SIZE,
    get eventfd() {
      return device.eventfd;
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}
