// Debian's unmodified kernel, booted and saved outside, finds real devices here, and its own driver puts them behind the SMMU.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMachine } from 'armemu';
import { vfio } from 'armemu/vfio';
import { GuestShell } from '../../guests/guests.mjs';
import { bindTo, bindToVfio, kernelLog } from '../guest/host.mjs';
import { ADDRESS, ECHO } from '../guest/topology.mjs';

const MIB = 2 ** 20;
const READ_MIB = 64;
const SENT_MIB = 16;
/** Where the guest's PCI bus has the devices: its slots were empty when it was saved. */
const [NVME, E1000E] = ['0000:00:01.0', '0000:00:02.0'];

let machine;
let shell;
let output = '';
let hostLog;
/** What the host's IOMMU was told to map for each device at an address that is not the physical one. */
const mapped = new Map();
let sums;

const md5 = (bytes) => createHash('md5').update(bytes).digest('hex');

/** The first bytes of the drive, as the host's own driver reads them. */
async function hostReads(length) {
  bindTo(ADDRESS.nvme, 'nvme');
  const drive = '/dev/nvme0n1';
  for (let tries = 0; tries < 400 && !existsSync(drive); tries++) await sleep(50);
  const file = openSync(drive, 'r');
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += MIB) readSync(file, bytes, at, MIB, at);
  closeSync(file);
  return bytes;
}

before(async () => {
  const content = await hostReads(READ_MIB * MIB);
  sums = { read: md5(content), sent: md5(content.subarray(0, SENT_MIB * MIB)) };
  for (const address of [ADDRESS.nvme, ADDRESS.e1000e]) bindToVfio(address);
  hostLog = kernelLog();
  machine = await createMachine({
    restore: { name: 'debian', bytes: readFileSync('/armemu/with/debian.snapshot') },
    pci: [vfio(ADDRESS.nvme), vfio(ADDRESS.e1000e)],
    trace: {
      categories: ['iommu'],
      sink: ({ op, device, iova, physical }) => {
        if (op === 'map' && iova !== physical) mapped.set(device, (mapped.get(device) ?? 0) + 1);
      },
    },
  });
  const decoder = new TextDecoder();
  machine.serial.onData((bytes) => {
    output = (output + decoder.decode(bytes, { stream: true })).slice(-4000);
  });
  await machine.start();
  shell = new GuestShell(machine.serial);
});

after(async () => {
  await machine?.stop();
});

/** Runs a command in the guest; with what the console showed, should it fail. */
async function run(command) {
  try {
    return await shell.run(command);
  } catch (error) {
    throw new Error(`${error.message}\n${output}`);
  }
}

test('a rescan finds the devices, and the arm-smmu driver puts each into an IOMMU group', async () => {
  await run('echo 1 > /sys/bus/pci/rescan');
  await run(
    'for i in $(seq 300); do [ -b /dev/nvme0n1 ] && [ -d /sys/class/net/eth0 ] && break; sleep 0.2; done',
  );
  const groups = await run('ls -d /sys/kernel/iommu_groups/*/devices/*');
  for (const device of [NVME, E1000E]) assert.match(groups, new RegExp(`/devices/${device}\n`));
  const log = await run('dmesg');
  assert.match(log, /arm-smmu 9050000\.iommu: SMMUv2 with:/);
  assert.match(log, new RegExp(`nvme ${NVME}: Adding to iommu group \\d`));
  assert.doesNotMatch(log, /arm-smmu.*(fault|timed out|error)/i);
});

test(`${READ_MIB} MiB of the drive are read with the right checksum`, async () => {
  const printed = await run(`dd if=/dev/nvme0n1 bs=1M count=${READ_MIB} 2>/dev/null | md5sum`);
  assert.equal(printed.split(' ')[0], sums.read);
});

test(`${READ_MIB} MiB are written to the drive and read back`, async () => {
  const copy = `dd if=/dev/nvme0n1 of=/dev/nvme0n1 bs=1M count=${READ_MIB} seek=${READ_MIB} 2>/dev/null && sync`;
  await run(copy);
  await run('echo 3 > /proc/sys/vm/drop_caches');
  const back = await run(`dd if=/dev/nvme0n1 bs=1M skip=${READ_MIB} 2>/dev/null | md5sum`);
  assert.equal(back.split(' ')[0], sums.read);
});

test(`${SENT_MIB} MiB go out over e1000e and come back with the right checksum`, async () => {
  await run(`ip addr add ${ECHO.guest} dev eth0 && ip link set eth0 up`);
  await run('for i in $(seq 100); do [ "$(cat /sys/class/net/eth0/carrier)" = 1 ] && break; sleep 0.2; done');
  const source = `dd if=/dev/nvme0n1 bs=1M count=${SENT_MIB} 2>/dev/null`;
  const printed = await run(`${source} | nc ${ECHO.address} ${ECHO.port} | md5sum`);
  assert.equal(printed.split(' ')[0], sums.sent);
  const [received, sent] = ['rx', 'tx'].map((way) => `/sys/class/net/eth0/statistics/${way}_bytes`);
  for (const counter of (await run(`cat ${received} ${sent}`)).trim().split('\n')) {
    assert.ok(Number(counter) >= SENT_MIB * MIB, counter);
  }
});

test("the host's IOMMU has followed the guest's tables, whose addresses are not the physical ones", () => {
  for (const device of [NVME, E1000E]) {
    const count = mapped.get(device.slice(5)) ?? 0;
    assert.ok(count > 100, `${device}: ${count} mappings`);
  }
});

test('no DMA of the devices was stopped, in the host or in the guest', async () => {
  assert.doesNotMatch(kernelLog().slice(hostLog.length), /DMAR: .*fault addr/);
  assert.doesNotMatch(await run('dmesg'), /arm-smmu.*fault|nvme.*(timeout|I\/O error)|NETDEV WATCHDOG/);
});

test('the guest switches itself off; the host finds the copy on the drive, byte for byte', async () => {
  machine.serial.write('poweroff -f\n');
  assert.equal((await machine.exited).reason, 'poweroff');
  await machine.stop();
  const drive = await hostReads(2 * READ_MIB * MIB);
  assert.ok(drive.subarray(0, READ_MIB * MIB).equals(drive.subarray(READ_MIB * MIB)));
});
