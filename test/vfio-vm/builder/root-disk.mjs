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
  'sh su ls cat dmesg ps kill sleep mkdir rm ln od hexdump grep sed head tail id chmod mount poweroff';

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
 * The VM's root: Node with its libraries, busybox, and the mount points. It changes only with the Node binary, so it
 * is kept.
 * @param {{ cacheDirectory: string, node: string, extraLibraries: string[], progress: (line: string) => void }} options
 * @returns {string} path of an erofs image
 */
export function buildRootDisk({ cacheDirectory, node, extraLibraries, progress }) {
  if (!existsSync(node)) throw new TestbedError(`there is no Node binary ${node}`, '--node PATH');
  const busybox = program('busybox');
  // Gives armemu a terminal in the tests; busybox has none.
  const script = program('script');
  const sources = [realpathSync(node), busybox, script, ...extraLibraries.map((path) => realpathSync(path))];
  const identity = sources
    .map((path) => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`)
    .join('\n');
  const hash = createHash('sha256')
    .update(`${identity}\n${BUSYBOX_NAMES}\nopen to all users`)
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
    for (const name of ['proc', 'sys', 'dev', 'tmp', 'armemu', 'bin', 'etc']) mkdirSync(join(tree, name));
    place(node, tree, '/bin/node');
    place(busybox, tree, '/bin/busybox');
    place(script, tree, '/bin/script');
    for (const name of BUSYBOX_NAMES.split(' ')) symlinkSync('busybox', join(tree, 'bin', name));
    const libraries = [node, script, ...extraLibraries].flatMap(librariesOf);
    for (const path of new Set([...libraries, ...extraLibraries])) place(path, tree);
    writeFileSync(
      join(tree, 'etc/passwd'),
      'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
    );
    writeFileSync(join(tree, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
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
  'test/vfio-vm',
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
