import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, TestbedError } from '../../debian/host-tools.mjs';

const SUITE = 'bookworm';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Debian packages for armhf, fetched by name and unpacked. apt runs with a state of its own and the host's
 * repository of Debian 12, so that neither root nor `dpkg --add-architecture` is needed.
 */
export class ArmhfPackages {
  /**
   * @param {string} cacheDirectory
   * @param {(line: string) => void} progress
   */
  constructor(cacheDirectory, progress) {
    this.cacheDirectory = cacheDirectory;
    this.progress = progress;
    this.updated = false;
  }

  /**
   * @param {string} name a package; a meta package of kernels stands for the kernel that it depends on today
   * @returns {string} the directory of its unpacked tree
   */
  fetch(name) {
    const directory = join(this.cacheDirectory, name);
    if (existsSync(directory)) return directory;
    const real = this.resolve(name);
    this.progress(real === name ? `fetching ${name}` : `fetching ${name}: ${real}`);
    const work = mkdtempSync(join(this.cacheDirectory, 'unpack-'));
    try {
      this.apt('apt-get', ['download', '-qq', real], work);
      const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
      if (archive === undefined) throw new TestbedError(`apt-get download left no archive of ${real}`);
      const tree = join(work, 'tree');
      runTool('dpkg-deb', ['-x', join(work, archive), tree]);
      renameSync(tree, directory);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    return directory;
  }

  /** Where the host takes Debian 12 from, as a line for sources.list. */
  source() {
    const uri = runTool('apt-get', [
      'indextargets',
      '--format',
      '$(REPO_URI)',
      'Created-By: Packages',
      `Codename: ${SUITE}`,
    ])
      .toString()
      .split('\n')[0];
    if (!uri) {
      throw new TestbedError(
        `apt has no repository of Debian 12 (${SUITE})`,
        'add one to /etc/apt/sources.list and run apt-get update; the guests are Debian 12',
      );
    }
    return `deb [signed-by=${KEYRING}] ${uri} ${SUITE} main`;
  }

  /** @private */
  resolve(name) {
    this.update();
    if (!/^linux-image-armmp/.test(name)) return name;
    const answer = this.apt('apt-cache', ['depends', name]);
    const match = /Depends: (linux-image-\d\S+)/.exec(answer);
    if (!match) throw new TestbedError(`apt knows no package ${name} for armhf`);
    return match[1];
  }

  /** @private */
  update() {
    if (this.updated) return;
    const state = join(this.cacheDirectory, 'apt');
    for (const part of ['lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(state, part), { recursive: true });
    }
    writeFileSync(join(state, 'status'), '');
    writeFileSync(join(state, 'sources.list'), `${this.source()}\n`);
    this.apt('apt-get', ['update', '-qq']);
    this.updated = true;
  }

  /** @private */
  apt(program, args, cwd) {
    const state = join(this.cacheDirectory, 'apt');
    const options = {
      'APT::Architecture': 'armhf',
      'APT::Architectures': 'armhf',
      'Dir::State': state,
      'Dir::Etc::SourceList': join(state, 'sources.list'),
      'Dir::Etc::SourceParts': '/dev/null',
      'Dir::State::lists': join(state, 'lists'),
      'Dir::State::status': join(state, 'status'),
      'Dir::Cache': join(state, 'cache'),
      'APT::Sandbox::User': '',
    };
    const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return runTool(program, [...flags, ...args], {
      cwd: cwd ?? this.cacheDirectory,
      remedy: 'the guests come from the repositories in /etc/apt, which must be reachable',
    }).toString();
  }
}
