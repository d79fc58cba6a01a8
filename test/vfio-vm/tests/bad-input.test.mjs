import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { Armemu, run, runArmemu } from '../guest/armemu.mjs';
import { bindTo, bindToVfio, driverOf, groupOf, openGroupOnce, unbind } from '../guest/host.mjs';
import { assertRefused } from '../guest/refusal.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const NOBODY = 'nobody';

before(() => {
  for (const name of ['edu', 'edu2']) bindToVfio(ADDRESS[name]);
});

test('an address that is none', async () => {
  for (const text of ['1:0.0.0', '0000:01:00', '0000:01:00.8', '01:20.0', 'edu', '', '0000:01:00.0 ; ls']) {
    await assertRefused(run(text), [/is not the address of a PCI device/, /0000:01:00\.0/, /lspci/]);
  }
});

test('no such device', async () => {
  await assertRefused(run('0000:7f:00.0'), [/no PCI device 0000:7f:00\.0/, /lspci/]);
});

test('a bridge', async () => {
  await assertRefused(run('0000:00:11.0'), [/0000:00:11\.0/, /bridge/]);
});

test("a device that the host's driver has: the message says which, and its commands mend it", async () => {
  bindTo(ADDRESS.virtioNet, 'virtio-pci');
  const output = await assertRefused(run(ADDRESS.virtioNet), [
    /0000:04:00\.0 is bound to the host's driver virtio-pci/,
    /driver_override/,
  ]);
  assert.equal(driverOf(ADDRESS.virtioNet), 'virtio-pci', 'the driver was taken away');
  const { execFileSync } = await import('node:child_process');
  const commands = output.split('\n').filter((line) => /^ *(echo|\[)/.test(line));
  execFileSync('/bin/sh', ['-ec', commands.join('\n')]);
  assert.equal(driverOf(ADDRESS.virtioNet), 'vfio-pci');
});

test('a device without a driver', async () => {
  unbind(ADDRESS.edu2);
  await assertRefused(run(ADDRESS.edu2), [/0000:06:00\.0 is not bound to vfio-pci/, /driver_override/]);
  bindToVfio(ADDRESS.edu2);
});

test('a group that is not viable: the message names the other device and its driver', async () => {
  bindToVfio(ADDRESS.sharedA);
  bindTo(ADDRESS.sharedB, 'virtio-pci');
  await assertRefused(run(ADDRESS.sharedA), [
    new RegExp(`IOMMU group ${groupOf(ADDRESS.sharedA)}`),
    /0000:05:00\.1 \(driver virtio-pci\)/,
    /driver_override/,
  ]);
  assert.equal(driverOf(ADDRESS.sharedB), 'virtio-pci');
});

test('once both of its devices are bound to vfio-pci, the group works, with one or both in the guest', async () => {
  bindToVfio(ADDRESS.sharedB);
  for (const addresses of [[ADDRESS.sharedA], [ADDRESS.sharedA, ADDRESS.sharedB]]) {
    const { code, output } = await runArmemu([...run(...addresses), '--memory', '32M']);
    assert.match(output, /SELFTEST PASS/);
    assert.equal(code, 0, output);
    openGroupOnce(ADDRESS.sharedA);
  }
});

test('no permission on the group', async () => {
  await assertRefused(
    run(ADDRESS.edu),
    [new RegExp(`No permission .*/dev/vfio/${groupOf(ADDRESS.edu)}`), /chown/],
    { user: NOBODY },
  );
  openGroupOnce(ADDRESS.edu);
});

test('a limit of locked memory that is too small: the message says how much is needed, and that is enough', async () => {
  const group = `/dev/vfio/${groupOf(ADDRESS.edu)}`;
  chmodSync(group, 0o666);
  const user = { user: NOBODY };
  const output = await assertRefused(
    [...run(ADDRESS.edu), '--memory', '64M'],
    [/locked memory/, /64 MiB/, /prlimit --memlock=\d+/],
    {
      ...user,
      memlockKiB: 1024,
    },
  );
  openGroupOnce(ADDRESS.edu);
  const needed = Number(/--memlock=(\d+)/.exec(output)[1]) / 1024;
  const { code, output: text } = await runArmemu([...run(ADDRESS.edu), '--memory', '64M'], {
    ...user,
    memlockKiB: needed,
  });
  assert.match(text, /SELFTEST PASS/);
  assert.equal(code, 0, text);
});

test('the limit of locked memory counts guest RAM once for each container', async () => {
  for (const name of ['edu', 'edu2']) chmodSync(`/dev/vfio/${groupOf(ADDRESS[name])}`, 0o666);
  const args = [...run(ADDRESS.edu, ADDRESS.edu2), '--memory', '64M'];
  await assertRefused(args, [/128 MiB/, /2 IOMMU containers/], { user: NOBODY, memlockKiB: 100 * 1024 });
  for (const name of ['edu', 'edu2']) {
    openGroupOnce(ADDRESS[name]);
    chmodSync(`/dev/vfio/${groupOf(ADDRESS[name])}`, 0o600);
  }
});

test('a group that another process holds', async () => {
  const owner = new Armemu([...run(ADDRESS.edu), '--memory', '32M'], { terminal: true });
  await owner.prompt();
  await assertRefused(run(ADDRESS.edu), [/in use/, new RegExp(`fuser -v /dev/vfio/${groupOf(ADDRESS.edu)}`)]);
  assert.match(await owner.command('edu dma 64'), /equal/);
  await owner.kill();
  openGroupOnce(ADDRESS.edu);
});

test('RAM over a range that the host keeps for itself', async () => {
  await assertRefused(
    [...run(ADDRESS.edu), '--memory', '3071M'],
    [/0x40000000-0xffefffff/i, /host's IOMMU/, /--memory 3054M/],
  );
  openGroupOnce(ADDRESS.edu);
});

test('a BAR larger than the window of the board', async () => {
  bindToVfio(ADDRESS.hugeBar);
  await assertRefused(run(ADDRESS.hugeBar), [/0000:08:00\.0/, /BAR 2: 2 GiB/, /window/, /resource2_resize/]);
  openGroupOnce(ADDRESS.hugeBar);
});

test('the same device twice, also when written in another way', async () => {
  await assertRefused(run(ADDRESS.edu, ADDRESS.edu), [/0000:01:00\.0/, /twice/]);
  await assertRefused(run(ADDRESS.edu, '01:00.0'), [/0000:01:00\.0/, /twice/]);
  openGroupOnce(ADDRESS.edu);
});

test('of two devices the second is refused: the first is given back', async () => {
  await assertRefused(run(ADDRESS.edu, '0000:7f:00.0'), [/no PCI device 0000:7f:00\.0/]);
  openGroupOnce(ADDRESS.edu);
  bindTo(ADDRESS.sharedB, 'virtio-pci');
  await assertRefused(run(ADDRESS.edu, ADDRESS.sharedA), [/0000:05:00\.1 \(driver virtio-pci\)/]);
  openGroupOnce(ADDRESS.edu);
});

test('the addon is not built, or is none', async () => {
  const buildIt = /npm run build:native/;
  await assertRefused(run(ADDRESS.edu), [/addon is not built/, buildIt], {
    environment: { ARMEMU_VFIO_ADDON: '/nowhere/armemu_vfio.node' },
  });
  writeFileSync('/tmp/none.node', 'not an ELF file');
  await assertRefused(run(ADDRESS.edu), [/addon does not load/, buildIt], {
    environment: { ARMEMU_VFIO_ADDON: '/tmp/none.node' },
  });
});

test('what is wrong with other options is found before a device is touched', async () => {
  for (const [args, expected] of [
    [['run', '--machine', 'virtt', '--vfio', ADDRESS.edu], /unknown machine 'virtt'|virtt/],
    [['run', '--memory', '12parsecs', '--vfio', ADDRESS.edu], /12parsecs/],
    [['run', '--kernel', '/nowhere.elf', '--vfio', ADDRESS.edu], /\/nowhere\.elf/],
  ]) {
    await assertRefused(args, [expected]);
  }
  openGroupOnce(ADDRESS.edu);
});

test('after all of these refusals the device works', async () => {
  const { code, output } = await runArmemu([...run(ADDRESS.edu, ADDRESS.edu2), '--memory', '32M']);
  assert.match(output, /SELFTEST PASS/);
  assert.equal(code, 0, output);
});
