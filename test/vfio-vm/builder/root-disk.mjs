import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { program, runTool, TestbedError } from '../../debian/host-tools.mjs';

const BUSYBOX_NAMES =
  'sh su ls cat dmesg ps kill sleep mkdir rm ln od hexdump grep sed head tail id chmod chown mount umount poweroff ' +
  'ip mke2fs mkswap swapon swapoff';

/** Commands of the project and of its documentation. Who uses `sudo` here is root. */
const SCRIPTS = {
  armemu: 'exec node /armemu/dist/cli/main.js "$@"',
  sudo: 'exec "$@"',
};

/** Names of PCI devices. */
const PCI_IDS = '/usr/share/misc/pci.ids';

/** `you` is the person of docs/passthrough.md. */
const USERS = { root: 0, you: 1000, nobody: 65534 };

/** Shared libraries of a program, as the dynamic linker would load them. */
function librariesOf(path) {
  const lines = runTool('ldd', [path]).toString().split('\n');
  return lines.map((line) => /(\/\S+) \(0x/.exec(line)?.[1]).filter((found) => found !== undefined);
}

function place(from, root, as = from) {
  const to = join(root, as);
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(realpathSync(from), to);
}

/**
 * The VM's root: Node, the tools of the tests, their libraries, and the mount points. It changes only with those programs, so it is
 * kept.
 * @param {{ cacheDirectory: string, node: string, extraLibraries: string[], extraPrograms: string[], progress: (line: string) => void }} options
 * @returns {string} path of an erofs image
 */
export function buildRootDisk({ cacheDirectory, node, extraLibraries, extraPrograms, progress }) {
  const missing = extraPrograms.find((path) => !existsSync(path));
  if (missing !== undefined) throw new TestbedError(`there is no program ${missing}`, '--program PATH');
  if (!existsSync(node)) throw new TestbedError(`there is no Node binary ${node}`, '--node PATH');
  const busybox = program('busybox');
  // `script` gives armemu a terminal in the tests; busybox has none.
  const tools = [...['script', 'lspci', 'prlimit'].map(program), ...extraPrograms];
  const sources = [
    realpathSync(node),
    busybox,
    ...tools,
    PCI_IDS,
    ...extraLibraries.map((path) => realpathSync(path)),
  ];
  const identity = sources
    .map((path) => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`)
    .join('\n');
  const hash = createHash('sha256')
    .update(`${identity}\n${BUSYBOX_NAMES}\n${JSON.stringify([SCRIPTS, USERS])}\nopen to all users, run`)
    .digest('hex')
    .slice(0, 16);
  const image = join(cacheDirectory, `root-${hash}.erofs`);
  if (existsSync(image)) {
    progress(`root disk: ${image} (cached)`);
    return image;
  }
  progress(`root disk: making ${image}`);
  const tree = mkdtempSync(join(cacheDirectory, 'root-'));
  try {
    for (const name of ['proc', 'sys', 'dev', 'tmp', 'run', 'armemu', 'bin', 'etc'])
      mkdirSync(join(tree, name));
    place(node, tree, '/bin/node');
    place(busybox, tree, '/bin/busybox');
    for (const tool of tools) place(tool, tree, join('/bin', basename(tool)));
    place(PCI_IDS, tree);
    for (const [name, line] of Object.entries(SCRIPTS)) {
      writeFileSync(join(tree, 'bin', name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    }
    for (const name of BUSYBOX_NAMES.split(' ')) symlinkSync('busybox', join(tree, 'bin', name));
    const libraries = [node, ...tools, ...extraLibraries].flatMap(librariesOf);
    for (const path of new Set([...libraries, ...extraLibraries])) place(path, tree);
    const users = Object.entries(USERS);
    writeFileSync(
      join(tree, 'etc/passwd'),
      users.map(([name, id]) => `${name}:x:${id}:${id}:${name}:/:/bin/sh\n`).join(''),
    );
    writeFileSync(join(tree, 'etc/group'), users.map(([name, id]) => `${name}:x:${id}:\n`).join(''));
    makeImage(tree, image);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
  return image;
}

const PACKAGE_PARTS = [
  'package.json',
  'dist',
  'firmware/prebuilt',
  'native/build',
  'native/build-asan',
  'node_modules/commander',
  'bench',
  'docs/passthrough.md',
  'test/vfio-vm',
  'test/guests/guests.mjs',
];

/**
 * The disk that holds what is under test, mounted at /armemu: the built package, the tests, and the plan of this run.
 * @param {{ repository: string, runDirectory: string, plan: object, extra: string[] }} options `extra`: files or
 * directories that appear in /armemu/with
 * @returns {string} path of an erofs image
 */
export function buildPackageDisk({ repository, runDirectory, plan, extra }) {
  const tree = join(runDirectory, 'package');
  mkdirSync(tree, { recursive: true });
  for (const part of PACKAGE_PARTS) {
    const from = join(repository, part);
    if (existsSync(from)) cpSync(from, join(tree, part), { recursive: true, dereference: true });
  }
  for (const path of extra) {
    cpSync(path, join(tree, 'with', basename(path)), { recursive: true, dereference: true });
  }
  writeFileSync(join(tree, 'plan.json'), JSON.stringify(plan));
  const image = join(runDirectory, 'package.erofs');
  makeImage(tree, image);
  rmSync(tree, { recursive: true, force: true });
  return image;
}

function makeImage(tree, image) {
  // mkdtemp made it for its owner alone; in the VM it is `/`, and some tests run as nobody.
  chmodSync(tree, 0o755);
  const unfinished = `${image}.${process.pid}`;
  runTool('mkfs.erofs', ['--all-root', unfinished, tree]);
  renameSync(unfinished, image);
}
