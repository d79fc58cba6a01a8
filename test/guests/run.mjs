#!/usr/bin/env node
// Boots real guests: npm run test:guests -- [--prepare] [--ci] [--only PART-OF-A-FILE-NAME]... [--test PATTERN]...
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkPrograms, TestbedError } from '../debian/host-tools.mjs';
import { ArmhfPackages } from './builder/armhf-packages.mjs';
import { prepareDebianDisk } from './builder/debian-disk.mjs';
import { prepareLinux } from './builder/linux.mjs';
import { GUESTS } from './guests.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const FIRMWARE = ['u-boot-qemu', 'qemu-efi-arm', 'debian-installer-12-netboot-armhf'];

/** What CI runs; `npm run test:all` runs every file. */
const CI_SUBSET = [
  'device-trees.test.mjs',
  'linux-busybox.test.mjs',
  'u-boot.test.mjs',
  'edk2.test.mjs',
  'gdb.test.mjs',
  'qcow2.test.mjs',
  'vexpress-a9.test.mjs',
];

const USAGE = `usage: npm run test:guests -- [options]
  --prepare     fetch and build the guests, and end
  --ci          only the subset that CI runs: ${CI_SUBSET.join(', ')}
  --only TEXT   only files whose name contains this (repeatable)
  --test REGEX  only tests whose title matches this (repeatable): --only vexpress --test 'a9 from the SD card with 2'`;

function readOptions() {
  try {
    return parseArgs({
      options: {
        prepare: { type: 'boolean', default: false },
        ci: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        test: { type: 'string', multiple: true, default: [] },
      },
    }).values;
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

/** Fetches by package name what the tests boot; what is in the cache stays. */
function prepare(withDisk) {
  checkPrograms(['apt-get', 'apt-cache', 'dpkg-deb', 'depmod', 'modprobe', 'mke2fs']);
  mkdirSync(GUESTS, { recursive: true });
  const progress = (line) => console.log(`guests: ${line}`);
  const packages = new ArmhfPackages(GUESTS, progress);
  for (const name of FIRMWARE) packages.fetch(name);
  const linux = prepareLinux(packages, 'armmp');
  prepareLinux(packages, 'armmp-lpae');
  if (withDisk) prepareDebianDisk(packages, linux, GUESTS, progress);
}

function main() {
  const options = readOptions();
  const all = readdirSync(HERE).filter((name) => name.endsWith('.test.mjs'));
  const files = (options.ci ? CI_SUBSET : all).filter(
    (name) => options.only.length === 0 || options.only.some((text) => name.includes(text)),
  );
  if (files.length === 0) throw new TestbedError(`no file matches; there are: ${all.join(', ')}`);
  prepare(!options.ci);
  if (options.prepare) return 0;
  const { status } = spawnSync(
    process.execPath,
    [
      '--test',
      '--test-concurrency=1',
      ...options.test.map((pattern) => `--test-name-pattern=${pattern}`),
      ...files.map((name) => join(HERE, name)),
    ],
    { stdio: 'inherit' },
  );
  return status ?? 1;
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof TestbedError)) throw error;
  console.error(`test:guests: ${error.message}${error.remedy ? `\n  remedy: ${error.remedy}` : ''}`);
  process.exitCode = 1;
}
