// A Debian 12 disk with systemd, as a person uses it: log in, look around, install a package, reboot, find it there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { CommandSession, GUESTS, guestPath, linuxGuest, scratchDirectory } from './guests.mjs';

function debianDisk() {
  const name = readdirSync(GUESTS).find((file) => /^debian-12-.*\.ext4$/.test(file)) ?? 'debian-12.ext4';
  return guestPath(name);
}

/** A disk of the test's own, which it may change. */
function copyOfDisk(t) {
  const path = join(scratchDirectory(t), 'debian.img');
  copyFileSync(debianDisk(), path, constants.COPYFILE_FICLONE);
  return path;
}

function debian(t, disk, options = []) {
  const { kernel, initrd } = linuxGuest('armmp');
  return new CommandSession(t, [
    ...['--machine', 'virt', '-m', '512M', '--kernel', kernel, '--initrd', initrd, '--drive', disk],
    ...['--append', 'console=ttyAMA0 quiet root=/dev/vda systemd.show_status=0'],
    ...options,
  ]);
}

async function logIn(session) {
  await session.expect(/guest login: /);
  session.write('root\n');
  await session.expect(/root@guest:~# /);
  await session.run("stty -echo; PS1=''; dmesg -n 1");
}

/** A repository with one package, served on the host's 127.0.0.1, which the guest knows as 10.0.2.2. */
async function serveRepository(t) {
  const directory = scratchDirectory(t);
  const tree = join(directory, 'tree');
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
  mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  writeFileSync(
    join(tree, 'DEBIAN/control'),
    'Package: armemu-hello\nVersion: 1\nArchitecture: all\nMaintainer: armemu <armemu@example.org>\nDescription: says hello\n',
  );
  writeFileSync(join(tree, 'usr/bin/armemu-hello'), '#!/bin/sh\necho hello from a package\n', {
    mode: 0o755,
  });
  const pool = join(directory, 'pool');
  mkdirSync(pool);
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', tree, join(pool, 'armemu-hello_1_all.deb')]);
  writeFileSync(join(directory, 'Packages'), packagesFile(directory));
  const server = createServer((request, response) => {
    try {
      response.end(readFileSync(join(directory, new URL(request.url, 'http://repository').pathname)));
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return server.address().port;
}

function packagesFile(directory) {
  const path = 'pool/armemu-hello_1_all.deb';
  const control = execFileSync('dpkg-deb', ['--field', join(directory, path)], {
    encoding: 'utf8',
  }).trimEnd();
  const size = readFileSync(join(directory, path)).length;
  const sha256 = execFileSync('sha256sum', [join(directory, path)], { encoding: 'utf8' }).split(' ')[0];
  return `${control}\nFilename: ${path}\nSize: ${size}\nSHA256: ${sha256}\n`;
}

test('Debian 12 on virtio-mmio: login, a package from a repository over the network, a reboot, and poweroff with 0', async (t) => {
  const port = await serveRepository(t);
  const disk = copyOfDisk(t);
  const session = debian(t, `file=${disk}`, ['--nic', 'user']);
  await logIn(session);
  assert.match(await session.run('cat /etc/os-release'), /^VERSION_ID="12"$/m);
  assert.match(await session.run('findmnt -no SOURCE,FSTYPE /'), /^\/dev\/vda ext4$/m);
  assert.equal(await session.run('systemctl --failed --no-legend'), '');
  assert.match(await session.run('cat /proc/interrupts'), /virtio/);

  await session.run('until ip -4 addr show dev eth0 | grep -q 10.0.2.15; do sleep 1; done');
  await session.run(`echo 'deb [trusted=yes] http://10.0.2.2:${port} ./' > /etc/apt/sources.list`);
  await session.run('apt-get update -q');
  await session.run('apt-get install -qy armemu-hello');
  assert.equal(await session.run('armemu-hello'), 'hello from a package\n');

  await session.run('dd if=/dev/urandom of=/root/written bs=1M count=8 status=none; sync');
  const sum = await session.run('sha256sum < /root/written');
  session.write('reboot\n');
  await logIn(session);
  assert.equal(await session.run('armemu-hello'), 'hello from a package\n');
  assert.equal(await session.run('sha256sum < /root/written'), sum);
  session.write('poweroff\n');
  assert.equal(await session.end(), 0);
  execFileSync('e2fsck', ['-fn', disk], { stdio: 'pipe' });
});

test('Debian 12 on virtio-pci with four CPUs: lspci names the disk, MSI-X interrupts are counted', async (t) => {
  const session = debian(t, `file=${debianDisk()},bus=pci`, [
    '--smp',
    '4',
    '--snapshot',
    '--nic',
    'user,bus=pci',
  ]);
  await logIn(session);
  assert.equal(await session.run('grep -c ^processor /proc/cpuinfo'), '4\n');
  const devices = await session.run('lspci -n');
  assert.match(devices, /1af4:1042/);
  assert.match(devices, /1af4:1041/);
  assert.match(await session.run('cat /proc/interrupts'), /MSI.*virtio/i);
  assert.equal(await session.run('systemctl --failed --no-legend'), '');
  await session.run(
    'dd if=/dev/urandom of=/root/written bs=1M count=8 status=none; sync; echo 3 > /proc/sys/vm/drop_caches',
  );
  await session.run('sha256sum /root/written > /root/sum; sha256sum -c /root/sum');
  session.write('poweroff\n');
  assert.equal(await session.end(), 0);
});
