// Builds the addon and runs its tests, with --asan under AddressSanitizer:
//   node test/native/run.mjs [--asan]
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const sanitize = process.argv.includes('--asan');

const build = spawnSync(
  process.execPath,
  [join(here, '../../native/build.mjs'), ...(sanitize ? ['--asan'] : [])],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
);
if (build.status !== 0) process.exit(1);
const addon = build.stdout.trim();
const tests = readdirSync(here)
  .filter((name) => name.endsWith('.test.mjs'))
  .sort()
  .map((name) => join(here, name));
const environment = { ...process.env, ARMEMU_VFIO_ADDON: addon };
if (sanitize) {
  // Node itself has no sanitizer, so the runtime must be there before it; Node's own leaks at exit are not ours.
  const compiler = process.env.CXX ?? 'g++';
  environment.LD_PRELOAD = execFileSync(compiler, ['-print-file-name=libasan.so'], {
    encoding: 'utf8',
  }).trim();
  environment.ASAN_OPTIONS = 'detect_leaks=0';
}
const { status } = spawnSync(process.execPath, ['--expose-gc', '--test', ...tests], {
  stdio: 'inherit',
  env: environment,
});
process.exit(status ?? 1);
