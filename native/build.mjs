// Builds the VFIO addon with the C++ compiler alone: Node's own headers come from npm (node-api-headers).
//   node native/build.mjs          native/build/armemu_vfio.node
//   node native/build.mjs --asan   native/build-asan/armemu_vfio.node, with AddressSanitizer
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const sanitize = process.argv.includes('--asan');

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function packageDirectory(name) {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return fail(`The npm package ${name} is missing. Install the packages first: npm ci`);
  }
}

function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  for (const candidate of candidates) {
    const [command, ...first] = candidate.split(' ');
    if (spawnSync(command, [...first, '--version'], { stdio: 'ignore' }).status === 0)
      return [command, ...first];
  }
  return fail(
    `No C++ compiler found (tried ${candidates.join(', ')}). Install one, on Debian: apt-get install g++\n` +
      'Only --vfio needs it; everything else of armemu works without.',
  );
}

if (process.platform !== 'linux')
  fail('The VFIO addon is for Linux hosts only; everything but --vfio works without it.');
if (!existsSync('/usr/include/linux/vfio.h'))
  fail('The kernel header linux/vfio.h is missing. Install it, on Debian: apt-get install linux-libc-dev');

const compiler = findCompiler();
const output = join(here, sanitize ? 'build-asan' : 'build', 'armemu_vfio.node');
mkdirSync(dirname(output), { recursive: true });

const sources = readdirSync(here)
  .filter((name) => name.endsWith('.cc'))
  .sort()
  .map((name) => join(here, name));
const flags = [
  '-std=c++17',
  '-O2',
  '-g1',
  '-fPIC',
  '-shared',
  '-pthread',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Wno-unused-parameter',
  '-DNAPI_VERSION=8',
  '-DNAPI_CPP_EXCEPTIONS',
  '-DNODE_ADDON_API_DISABLE_DEPRECATED',
  `-I${join(packageDirectory('node-api-headers'), 'include')}`,
  `-I${packageDirectory('node-addon-api')}`,
  ...(sanitize ? ['-fsanitize=address', '-fno-omit-frame-pointer'] : ['-Wl,-z,now']),
];
const [command, ...first] = compiler;
const result = spawnSync(command, [...first, ...flags, '-o', output, ...sources], { stdio: 'inherit' });
if (result.status !== 0) fail(`${compiler.join(' ')} could not build ${output}.`);
process.stdout.write(`${output}\n`);
