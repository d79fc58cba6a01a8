import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Armemu, run, runArmemu } from '../guest/armemu.mjs';
import { asRoot, asUser } from '../guest/as-user.mjs';
import { check, checksOf, command } from '../guest/command.mjs';
import { barSizes, bindTo, bindToVfio, devicesOf, driverOf, groupOf } from '../guest/host.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const NOBODY = 'nobody';
/** What every user may lock. */
const SMALL = ['--memory', '8M'];

/** The driver that the kernel chooses, or none: as after a boot. */
before(() => {
  for (const name of ['virtioNet', 'sharedA', 'sharedB', 'edu', 'edu2']) bindTo(ADDRESS[name], '');
});

/** Lines of a remedy that are shell commands by themselves; the module is loaded here. */
const byHand = (remedy) => remedy.split('\n').filter((line) => /^ +(echo|\[)/.test(line));

/** `armemu vfio check` as a user, in a shell that root prepared. */
async function checkAs(user, args, preparation) {
  const { code, output } = await asUser(user, `armemu vfio check --json ${args.join(' ')}`, preparation);
  return { code, checks: checksOf(output)[0] };
}

test('list shows each device but bridges: driver, group and its members, BARs, what is missing, its name', async () => {
  const { code, output } = await runArmemu(['vfio', 'list']);
  assert.equal(code, 0, output);
  assert.match(output, /^ADDRESS +DRIVER +GROUP +RESET +BARS +READY +NAME$/m);
  assert.match(
    output,
    /^0000:02:00\.0 +nvme +\d+ +.*16 KiB +not bound to vfio-pci +.*NVM Express Controller$/m,
  );
  assert.match(output, /^0000:05:00\.0 +- +\d+ with 0000:05:00\.1 .* 1 MiB +not bound to vfio-pci/m);
  assert.doesNotMatch(output, /^0000:00:11\.0/m);
});

test('list --json says of each device what sysfs says', async () => {
  const { code, output } = await command('vfio', 'list', '--json');
  assert.equal(code, 0);
  const listed = new Map(JSON.parse(output).map((device) => [device.address, device]));
  for (const address of Object.values(ADDRESS)) {
    if (address === ADDRESS.virtualFunction) continue;
    const { driver, group, groupMembers, bars } = listed.get(address);
    assert.equal(driver ?? undefined, driverOf(address));
    assert.equal(String(group), groupOf(address));
    assert.deepEqual([address, ...groupMembers].sort(), devicesOf(groupOf(address)));
    const sizes = barSizes(address);
    for (const { index, size } of bars) assert.equal(size, sizes[index]);
  }
});

test("a device that the host's driver has, or none: what `check` says to do is enough", async () => {
  for (const [name, mend] of [
    ['virtioNet', (remedy) => /^As root: (armemu vfio bind \S+)/.exec(remedy)[1]],
    ['edu', (remedy) => byHand(remedy).join('\n')],
  ]) {
    const before = await check(ADDRESS[name], ...SMALL);
    assert.equal(before.code, 1);
    const { driver, access } = before.devices[0];
    assert.equal(driver.outcome, 'fail');
    assert.deepEqual(driver.sources, [`/sys/bus/pci/devices/${ADDRESS[name]}/driver`]);
    assert.equal(access.outcome, 'skipped');
    asRoot(mend(driver.remedy));
    const { code, devices } = await check(ADDRESS[name], ...SMALL);
    for (const { outcome, fact } of Object.values(devices[0])) assert.notEqual(outcome, 'fail', fact);
    assert.equal(code, 0);
  }
  asRoot(`armemu vfio unbind ${ADDRESS.virtioNet}`);
});

test('what is in order says so, with facts of this host', async () => {
  const { devices } = await check(ADDRESS.edu, ...SMALL);
  const { iommu, covered, group, isolation, interrupts, window, memlock } = devices[0];
  assert.match(iommu.fact, /dmar0.*DMAR/);
  assert.equal(covered.fact, `IOMMU group ${groupOf(ADDRESS.edu)}`);
  assert.equal(group.fact, 'it is alone');
  assert.match(isolation.fact, /^0000:00:11\.0: ACS/);
  assert.equal(interrupts.outcome, 'pass');
  assert.match(window.fact, /BAR 0: 1 MiB; the window has 751\.9 MiB/);
  assert.match(memlock.fact, /8 MiB needed, no limit/);
});

test('another board has other addresses', async () => {
  const { code, devices } = await check(ADDRESS.edu, '--machine', 'vexpress-a9', ...SMALL);
  assert.equal(code, 0);
  assert.match(devices[0].window.fact, /the window has 1007\.9 MiB/);
  assert.equal(devices[0].reserved.fact, '0x60000000-0x607fffff is free');
});

test('a group of which the host uses another device: bound together as the remedy says, both are ready', async () => {
  asRoot(`armemu vfio bind --force ${ADDRESS.sharedA}`);
  const { code, devices } = await check(ADDRESS.sharedA, ...SMALL);
  assert.equal(code, 1);
  const { group } = devices[0];
  assert.match(group.fact, /0000:05:00\.1 \(driver virtio-pci\)/);
  asRoot(byHand(group.remedy).join('\n'));
  assert.equal((await check(ADDRESS.sharedA, ADDRESS.sharedB, ...SMALL)).code, 0);
  asRoot(`armemu vfio unbind ${ADDRESS.sharedA}`);
  bindTo(ADDRESS.sharedB, '');
});

test('a user without permission: the command for root gives it', async () => {
  const before = await checkAs(NOBODY, [ADDRESS.edu, ...SMALL]);
  assert.equal(before.code, 1);
  const { access } = before.checks;
  const node = `/dev/vfio/${groupOf(ADDRESS.edu)}`;
  assert.equal(access.fact, `No permission to read and write ${node}.`);
  assert.match(access.remedy, /udev rule, SUBSYSTEM=="vfio", OWNER="nobody"/);
  asRoot(new RegExp(`^As root: (chown nobody ${node})`).exec(access.remedy)[1]);
  assert.equal((await checkAs(NOBODY, [ADDRESS.edu, ...SMALL])).code, 0);
});

test('a limit of locked memory that is too small: prlimit by root, or ulimit where the user may', async () => {
  const args = [ADDRESS.edu, '--memory', '64M'];
  const before = await checkAs(NOBODY, args);
  assert.equal(before.code, 1);
  assert.match(before.checks.memlock.fact, /64 MiB.*the limit is 8 MiB/);
  const [, raise] = /: (sudo prlimit --memlock=67108864 --pid \$\$) /.exec(before.checks.memlock.remedy);
  const mended = await checkAs(NOBODY, args, raise);
  assert.equal(mended.checks.memlock.fact, '64 MiB needed, 64 MiB allowed');
  assert.equal(mended.code, 0);

  const soft = 'prlimit --memlock=1048576:unlimited --pid $$';
  const own = await checkAs(NOBODY, args, soft);
  const [, command] = /: (ulimit -l 65536) /.exec(own.checks.memlock.remedy);
  const { code } = await asUser(NOBODY, `${command} && armemu vfio check ${args.join(' ')}`, soft);
  assert.equal(code, 0);
});

test('two devices of two groups need guest RAM twice', async () => {
  bindToVfio(ADDRESS.edu2);
  asRoot(`chown ${NOBODY} /dev/vfio/${groupOf(ADDRESS.edu2)}`);
  const args = [ADDRESS.edu, ADDRESS.edu2, '--memory', '64M'];
  const limit = (bytes) => `prlimit --memlock=${bytes} --pid $$`;
  const { code, checks } = await checkAs(NOBODY, args, limit(100 << 20));
  assert.equal(code, 1);
  assert.match(checks.memlock.fact, /128 MiB \(64 MiB of guest RAM, for 2 IOMMU containers\)/);
  assert.equal((await checkAs(NOBODY, args, limit(128 << 20))).code, 0);
});

test('RAM over a range that the host keeps for itself: with as much as the remedy says it is not', async () => {
  const { code, devices } = await check(ADDRESS.edu, '--memory', '3071M');
  assert.equal(code, 1);
  assert.match(devices[0].reserved.fact, /0xfee00000-0xfeefffff is reserved \(msi\)/);
  const [, memory] = /--memory (\d+M)/.exec(devices[0].reserved.remedy);
  assert.equal((await check(ADDRESS.edu, '--memory', memory)).devices[0].reserved.outcome, 'pass');
});

test("a BAR that is larger than the board's window, alone and beside another device", async () => {
  bindToVfio(ADDRESS.hugeBar);
  const { code, devices } = await check(ADDRESS.hugeBar, ADDRESS.edu, ...SMALL);
  assert.equal(code, 1);
  for (const { window } of devices) assert.equal(window.outcome, 'fail');
  assert.match(devices[0].window.fact, /The BARs of 0000:08:00\.0 \(.*BAR 2: 2 GiB\) do not fit/);
  assert.match(devices[0].window.remedy, /0000:08:00\.0\/resource2_resize/);
  assert.match(devices[1].window.fact, /0000:01:00\.0 \(BAR 0: 1 MiB\) and 0000:08:00\.0/);
});

test('a group that a guest has: the process is named, and when it has ended the device is free', async () => {
  const owner = new Armemu([...run(ADDRESS.edu), '--memory', '32M'], { terminal: true });
  await owner.prompt();
  const { code, devices } = await check(ADDRESS.edu, ...SMALL);
  assert.equal(code, 1);
  assert.match(devices[0].free.fact, new RegExp(`process ${owner.pid}\\.`));
  assert.match(devices[0].free.remedy, new RegExp(`fuser -v /dev/vfio/${groupOf(ADDRESS.edu)}`));
  await owner.kill();
  assert.equal((await check(ADDRESS.edu, ...SMALL)).code, 0);
});

test('a bridge, and an address where nothing is', async () => {
  for (const [address, name] of [
    ['0000:00:11.0', 'endpoint'],
    ['0000:7f:00.0', 'present'],
  ]) {
    const { code, devices } = await check(address);
    assert.equal(code, 1);
    assert.equal(devices[0][name].outcome, 'fail');
    assert.equal(devices[0].driver.outcome, 'skipped');
  }
});

test("the guest may be described in QEMU's words; what is no guest is a wrong command line", async () => {
  assert.equal((await check(ADDRESS.edu, '-M', 'virt', '-m', '64', '-smp', '2', '-nographic')).code, 0);
  const { code, errors } = await command('vfio', 'check', ADDRESS.edu, '-M', 'virtt');
  assert.equal(code, 2);
  assert.match(errors, /did you mean 'virt'/);
});
