#!/usr/bin/env node
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkPrograms, program, TestbedError } from '../debian/host-tools.mjs';
import { buildInitramfs } from '../debian/initramfs.mjs';
import { prepareAsan } from './builder/asan.mjs';
import { boot, consoleLog } from './builder/boot.mjs';
import { openFrameEcho } from './builder/frame-echo.mjs';
import { prepareKernel } from './builder/kernel.mjs';
import { Results } from './builder/results.mjs';
import { buildPackageDisk, buildRootDisk } from './builder/root-disk.mjs';
import { prepareSavedDebian } from './builder/saved-debian.mjs';
import { SCENARIOS } from './builder/scenarios.mjs';
import { BLOCK_COUNT, BLOCK_SIZE, drivePattern } from './guest/pattern.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const REPOSITORY = join(HERE, '../..');
const CACHE = join(REPOSITORY, '.cache/vfio-vm');

/** What building and booting the VM runs; the compiler is asked for where it is used. */
const PROGRAMS = [
  'qemu-system-x86_64',
  'busybox',
  'mkfs.erofs',
  'modprobe',
  'depmod',
  'lz4',
  'dpkg-deb',
  'apt-get',
  'apt-cache',
  'ldd',
  'script',
  'lspci',
  'prlimit',
];

const USAGE = `usage: npm run test:vfio -- [options]
  --scenario NAME     only this kind of host (repeatable): ${Object.keys(SCENARIOS).join(', ')}
  --test FILE         only this file of test/vfio-vm/tests (repeatable)
  --ci                what CI has time for: not every kind of host, and less of what takes long (ARMEMU_CI)
  --repeat N          everything N times
  --node PATH         the Node binary to run in the VM (default: the one that runs this)
  --asan              the addon built with AddressSanitizer
  --memory MIB        memory of the VM (default 2048)
  --kernel-args TEXT  more kernel arguments
  --timeout SECONDS   for one boot (default 1800, or what the kind of host needs)
  --command TEXT      run a shell command in the VM instead of tests, and print its output
  --with PATH         a file or directory more, as /armemu/with/NAME in the VM (repeatable)
  --program PATH      a program of this machine more, with its libraries, in the VM's /bin (repeatable)
  --interactive       a shell on the VM's serial line
  --keep              keep the run's directory (console log, results)`;

const OPTIONS = {
  scenario: { type: 'string', multiple: true },
  test: { type: 'string', multiple: true },
  ci: { type: 'boolean', default: false },
  repeat: { type: 'string', default: '1' },
  node: { type: 'string', default: process.execPath },
  asan: { type: 'boolean', default: false },
  memory: { type: 'string', default: '2048' },
  'kernel-args': { type: 'string', default: '' },
  timeout: { type: 'string' },
  command: { type: 'string' },
  with: { type: 'string', multiple: true, default: [] },
  program: { type: 'string', multiple: true, default: [] },
  interactive: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

const DEFAULT_TIMEOUT_SECONDS = 1800;

const startedAt = performance.now();
const progress = (line) => {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
  console.log(`[${seconds} s] ${line}`);
};

function readOptions() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    const scenarios =
      values.scenario ??
      (values.command || values.interactive
        ? ['default']
        : Object.keys(SCENARIOS).filter((name) => !(values.ci && SCENARIOS[name].onlyInFull)));
    for (const name of scenarios) {
      if (!(name in SCENARIOS))
        throw new TestbedError(`there is no scenario ${name}`, 'npm run test:vfio -- --help');
    }
    const known = readdirSync(join(HERE, 'tests'));
    for (const file of values.test ?? []) {
      if (!known.includes(file))
        throw new TestbedError(`test/vfio-vm/tests has no ${file}`, `one of: ${known.join(' ')}`);
    }
    for (const name of ['repeat', 'memory', 'timeout']) {
      if (values[name] !== undefined && !/^[1-9]\d*$/.test(values[name]))
        throw new TestbedError(`--${name} wants a number, not ${values[name]}`);
    }
    return { ...values, scenarios };
  } catch (error) {
    if (error instanceof TypeError) throw new TestbedError(error.message, 'npm run test:vfio -- --help');
    throw error;
  }
}

async function bootOnce(name, prepared, options, results) {
  const scenario = SCENARIOS[name];
  const runDirectory = mkdtempSync(join(CACHE, `run-${name}-`));
  const nvmeDrive = join(runDirectory, 'nvme.raw');
  const initramfs = join(runDirectory, 'initramfs.cpio');
  writeFileSync(
    nvmeDrive,
    drivePattern(scenario.driveMiB ? (scenario.driveMiB * 2 ** 20) / BLOCK_SIZE : BLOCK_COUNT),
  );
  writeFileSync(initramfs, prepared.initramfs);
  const tests = options.test ?? scenario.tests;
  const timeoutSeconds = Number(options.timeout ?? scenario.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS);
  const plan = {
    scenario: name,
    tests,
    command: options.command,
    fileTimeoutSeconds: timeoutSeconds,
    environment: { ARMEMU_SCENARIO: name, ARMEMU_CI: options.ci ? '1' : '', ...prepared.environment },
  };
  const extra = [...options.with];
  if (scenario.savedDebian) extra.push(...(await prepareSavedDebian({ repository: REPOSITORY, progress })));
  const packageDisk = buildPackageDisk({ repository: REPOSITORY, runDirectory, plan, extra });
  progress(`${name}: booting (${scenario.about}); console: ${consoleLog(runDirectory)}`);
  results.begin(name, tests);
  const cable = scenario.savedDebian ? join(runDirectory, 'cable') : undefined;
  const closeCable = cable && (await openFrameEcho(cable));
  const end = await boot({
    ...prepared,
    ...{ initramfs, packageDisk, nvmeDrive, cable, runDirectory, scenario },
    kernelArguments: options['kernel-args'],
    memoryMiB: Number(options.memory),
    timeoutSeconds,
    interactive: options.interactive,
    onMessage: (message) => results.message(message),
  });
  closeCable?.();
  if (options.interactive) return;
  const failedHere = results.finish(end, {
    expectTests: options.command === undefined,
    timeout: timeoutSeconds,
  });
  if (failedHere) progress(`${name}: failed; see ${runDirectory}`);
  else if (!options.keep) rmSync(runDirectory, { recursive: true, force: true });
}

async function main() {
  const options = readOptions();
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  checkPrograms(PROGRAMS);
  mkdirSync(CACHE, { recursive: true });
  const kernel = prepareKernel(CACHE, progress);
  const asan = options.asan ? prepareAsan(REPOSITORY, progress) : undefined;
  const prepared = {
    vmlinux: kernel.vmlinux,
    initramfs: buildInitramfs({
      busybox: program('busybox'),
      modules: kernel.modules,
      init: join(HERE, 'guest/init.sh'),
    }),
    rootDisk: buildRootDisk({
      cacheDirectory: CACHE,
      node: options.node,
      extraLibraries: asan?.libraries ?? [],
      extraPrograms: options.program,
      progress,
    }),
    environment: asan?.environment ?? {},
  };
  const results = new Results(progress, options.command !== undefined);
  for (let round = 1; round <= Number(options.repeat); round++) {
    if (Number(options.repeat) > 1) progress(`round ${round} of ${options.repeat}`);
    for (const name of options.scenarios) {
      if ((options.test ?? SCENARIOS[name].tests).length === 0 && !options.command && !options.interactive)
        continue;
      await bootOnce(name, prepared, options, results);
    }
  }
  if (options.interactive) return 0;
  if (options.command !== undefined) return results.commandCode;
  console.log(`${results.passed} passed, ${results.failed} failed`);
  return results.failed === 0 && results.passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TestbedError)) throw error;
  console.error(`test:vfio: ${error.message}`);
  if (error.remedy) console.error(`  remedy: ${error.remedy}`);
  process.exitCode = 2;
}
