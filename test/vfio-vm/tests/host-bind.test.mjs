import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { Armemu, run, runArmemu } from '../guest/armemu.mjs';
import { asRoot } from '../guest/as-user.mjs';
import { check, command } from '../guest/command.mjs';
import { bindTo, driverOf, openGroupOnce } from '../guest/host.mjs';
import { assertRefused } from '../guest/refusal.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const MEMORY = '/run/armemu/vfio-drivers.json';
const SMALL = ['--memory', '32M'];

/** The driver that the kernel chooses, or none: as after a boot. */
before(() => {
  for (const name of ['virtioNet', 'sharedA', 'sharedB', 'nvme', 'edu', 'edu2']) bindTo(ADDRESS[name], '');
});

const remembered = () => (existsSync(MEMORY) ? readFileSync(MEMORY, 'utf8') : '');

async function changed(...args) {
  const { code, output, errors } = await command('vfio', ...args);
  assert.equal(code, 0, errors);
  return output;
}

/** It must change nothing, end with code 2, and say why. */
async function refused(args, ...expected) {
  const { code, output, errors } = await command('vfio', ...args);
  assert.equal(code, 2, output);
  for (const pattern of expected) assert.match(errors, pattern);
  return errors;
}

test('--dry-run prints the writes and makes none; made by hand, they do the same', async () => {
  const lines = await changed('bind', '--dry-run', ADDRESS.virtioNet);
  const device = `/sys/bus/pci/devices/${ADDRESS.virtioNet}`;
  assert.deepEqual(lines.trimEnd().split('\n'), [
    `echo vfio-pci > ${device}/driver_override`,
    `echo ${ADDRESS.virtioNet} > ${device}/driver/unbind`,
    `echo ${ADDRESS.virtioNet} > /sys/bus/pci/drivers_probe`,
  ]);
  assert.equal(driverOf(ADDRESS.virtioNet), 'virtio-pci');
  assert.doesNotMatch(remembered(), /04:00/);
  asRoot(lines);
  assert.equal(driverOf(ADDRESS.virtioNet), 'vfio-pci');
  // Nobody remembered what it had: the kernel chooses.
  assert.equal(await changed('unbind', ADDRESS.virtioNet), '0000:04:00.0: vfio-pci -> virtio-pci\n');
});

test('bind remembers the driver, and unbind gives the device back to it', async () => {
  assert.equal(await changed('bind', ADDRESS.virtioNet), '0000:04:00.0: virtio-pci -> vfio-pci\n');
  assert.match(remembered(), /"0000:04:00\.0".*virtio-pci/s);
  assert.equal(await changed('bind', ADDRESS.virtioNet), '0000:04:00.0: bound to vfio-pci already\n');
  const override = `/sys/bus/pci/devices/${ADDRESS.virtioNet}/driver_override`;
  assert.equal(await changed('unbind', ADDRESS.virtioNet), '0000:04:00.0: vfio-pci -> virtio-pci\n');
  assert.equal(driverOf(ADDRESS.virtioNet), 'virtio-pci');
  assert.equal(readFileSync(override, 'utf8').trim(), '(null)');
  assert.doesNotMatch(remembered(), /04:00/);
});

test('a device that had no driver gets none back', async () => {
  assert.equal(await changed('bind', ADDRESS.edu), '0000:01:00.0: no driver -> vfio-pci\n');
  assert.equal(await changed('unbind', ADDRESS.edu), '0000:01:00.0: vfio-pci -> no driver\n');
  assert.equal(driverOf(ADDRESS.edu), undefined);
});

test('by its path from the host bridge a device is bound, checked, given to a guest, and unbound', async () => {
  const { output } = await command('vfio', 'list', '--json');
  const { path } = JSON.parse(output).find(({ address }) => address === ADDRESS.edu);
  assert.equal(path, 'PNP0A08:0-11.0-00.0');
  // A PCI Express host bridge answers to the name of a PCI one, as Xen's users write it.
  for (const name of [path, 'PNP0A03:0-11.0-00.0']) {
    assert.match(await changed('bind', name), /^0000:01:00\.0: no driver -> vfio-pci/);
    assert.equal((await check(name, ...SMALL)).code, 0);
    assert.match(await changed('unbind', name), /^0000:01:00\.0/);
  }
  await changed('bind', path);
  const { code, output: text } = await runArmemu([...run(path), ...SMALL]);
  assert.match(text, /SELFTEST PASS/);
  assert.equal(code, 0, text);
  await changed('unbind', path);
  await refused(
    ['bind', 'PNP0A08:0-1f.7-00.0'],
    /No PCI device of this host is at PNP0A08:0-1f\.7-00\.0/,
    /list --json/,
  );
});

test('a disk that is mounted, or swapped to, is not taken away', async () => {
  const [controller] = readdirSync(`/sys/bus/pci/devices/${ADDRESS.nvme}/nvme`);
  const disk = `${controller}n1`;
  mkdirSync('/tmp/disk', { recursive: true });
  asRoot(`mke2fs /dev/${disk} && mount -t ext4 /dev/${disk} /tmp/disk`);
  const refusal = new RegExp(`The host uses 0000:02:00\\.0 \\(driver nvme\\): its disk ${disk} is`);
  await refused(['bind', ADDRESS.nvme], refusal, /mounted on \/tmp\/disk/, /umount.*--force/);
  await refused(['bind', '--dry-run', ADDRESS.nvme], refusal);
  assert.equal(driverOf(ADDRESS.nvme), 'nvme');
  asRoot(`umount /tmp/disk && mkswap /dev/${disk} && swapon /dev/${disk}`);
  await refused(['bind', ADDRESS.nvme], refusal, /swap space/);
  asRoot(`swapoff /dev/${disk}`);
  assert.match(await changed('bind', ADDRESS.nvme), /nvme -> vfio-pci/);
  assert.match(await changed('unbind', ADDRESS.nvme), /vfio-pci -> nvme/);
  assert.equal(driverOf(ADDRESS.nvme), 'nvme');
});

test('a network interface with an address or a route is not taken away, unless one insists', async () => {
  const device = `/sys/bus/pci/devices/${ADDRESS.virtioNet}`;
  const [virtio] = readdirSync(device).filter((name) => name.startsWith('virtio'));
  const [name] = readdirSync(`${device}/${virtio}/net`);
  asRoot(`ip link set ${name} up && ip route add 10.9.0.0/16 dev ${name}`);
  await refused(['bind', ADDRESS.virtioNet], new RegExp(`network interface ${name} has a route`));
  asRoot(`ip addr add 10.8.0.1/24 dev ${name}`);
  await refused(
    ['bind', ADDRESS.virtioNet],
    new RegExp(`${name} has the address 10\\.8\\.0\\.1`),
    /ip link set \.\.\. down/,
  );
  assert.match(await changed('bind', '--force', ADDRESS.virtioNet), /virtio-pci -> vfio-pci/);
  assert.match(await changed('unbind', ADDRESS.virtioNet), /vfio-pci -> virtio-pci/);
});

test('a member of a group that the host uses: all are bound by the command that the message names', async () => {
  const message = await refused(
    ['bind', ADDRESS.sharedA],
    /0000:05:00\.1 \(driver virtio-pci\)/,
    /No guest could have it without them/,
  );
  assert.equal(driverOf(ADDRESS.sharedA), undefined);
  asRoot(/armemu vfio bind .*$/m.exec(message)[0]);
  assert.equal((await check(ADDRESS.sharedA, ...SMALL)).code, 0);
  const restored = await changed('unbind', ADDRESS.sharedA, ADDRESS.sharedB);
  assert.match(restored, /05:00\.0: vfio-pci -> no driver\n0000:05:00\.1: vfio-pci -> virtio-pci/);
});

test('of several devices one that can not be bound keeps all from it', async () => {
  await refused(['bind', ADDRESS.edu, '0000:00:11.0'], /0000:00:11\.0 is a bridge/);
  await refused(['bind', ADDRESS.edu, '0000:7f:00.0'], /no PCI device 0000:7f:00\.0/);
  assert.equal(driverOf(ADDRESS.edu), undefined);
});

test('a user without rights is told the command for root, and that is enough', async () => {
  const output = await assertRefused(
    ['vfio', 'bind', ADDRESS.edu2],
    [/As root: armemu vfio bind 0000:06:00\.0/],
    { user: 'nobody' },
  );
  assert.equal(driverOf(ADDRESS.edu2), undefined);
  asRoot(/armemu vfio bind \S+/.exec(output)[0]);
  assert.equal(driverOf(ADDRESS.edu2), 'vfio-pci');
});

test('a device that a guest has stays with it; by force the guest lets it go, and goes on', async () => {
  const owner = new Armemu([...run(ADDRESS.edu2), ...SMALL], { terminal: true });
  await owner.prompt();
  await refused(
    ['unbind', ADDRESS.edu2],
    /A guest has 0000:06:00\.0/,
    new RegExp(`process ${owner.pid} `),
    /--force/,
  );
  // The kernel's part waits until the guest has let go, so it must not wait in this process.
  const { code, output } = await runArmemu(['vfio', 'unbind', '--force', ADDRESS.edu2]);
  assert.equal(code, 0, output);
  await owner.expect(/The host asks for 0000:06:00\.0 back/);
  assert.equal(driverOf(ADDRESS.edu2), undefined);
  owner.write('poweroff\r');
  assert.equal(await owner.ended, 0);
});

test('a device that vanishes between check and run: both say so, and when it is back it is ready again', async () => {
  await changed('bind', ADDRESS.edu2);
  assert.equal((await check(ADDRESS.edu2, ...SMALL)).code, 0);
  asRoot(`echo 1 > /sys/bus/pci/devices/${ADDRESS.edu2}/remove`);
  await assertRefused(run(ADDRESS.edu2), [/no PCI device 0000:06:00\.0/, /armemu vfio list/]);
  await assertRefused(run('PNP0A08:0-16.0-00.0'), [/No PCI device of this host is at/]);
  const gone = await check(ADDRESS.edu2);
  assert.equal(gone.code, 1);
  assert.equal(gone.devices[0].present.outcome, 'fail');
  await refused(['bind', ADDRESS.edu2], /no PCI device 0000:06:00\.0/);
  assert.doesNotMatch((await command('vfio', 'list')).output, /0000:06:00\.0/);
  asRoot('echo 1 > /sys/bus/pci/rescan');
  assert.match(await changed('bind', ADDRESS.edu2), /^0000:06:00\.0: no driver -> vfio-pci/);
  assert.equal((await check(ADDRESS.edu2, ...SMALL)).code, 0);
  openGroupOnce(ADDRESS.edu2);
  await changed('unbind', ADDRESS.edu2);
});

test('a device that was never bound is not unbound', async () => {
  await refused(
    ['unbind', ADDRESS.virtioNet],
    /0000:04:00\.0 is not bound to vfio-pci: its driver is virtio-pci/,
  );
});
