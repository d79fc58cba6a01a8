// What the tests of real guests share: where the guests are, and a shell in one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMachine } from '../../dist/index.js';

const HERE = dirname(fileURLToPath(import.meta.url));

/** Where `npm run test:guests -- --prepare` puts the guests. */
export const GUESTS = process.env.ARMEMU_GUESTS ?? join(HERE, '../../.cache/guests');

/** The command as a user runs it, from the built tree. */
export const COMMAND = join(HERE, '../../dist/cli/main.js');

/** Host time that one step of a guest may take: the tests run on loaded machines. */
export const PATIENCE = '900s';

/**
 * @param {...string} parts of a path in the folder of guests
 * @returns {string} the path
 * @throws when it is not there: a missing guest is a failure, not a reason to skip
 */
export function guestPath(...parts) {
  const path = join(GUESTS, ...parts);
  if (existsSync(path)) return path;
  throw new Error(`${path} is not there; remedy: npm run test:guests -- --prepare`);
}

/** @returns {string} a directory of the test's own, removed when it ends */
export function scratchDirectory(t) {
  const directory = mkdtempSync(join(tmpdir(), 'armemu-guest-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Makes a machine and starts it; it is stopped when the test ends. What the guest printed is shown when the test fails.
 * @param {import('node:test').TestContext} t
 * @param {import('../../dist/index.js').MachineOptions} options
 */
export async function startMachine(t, options) {
  const machine = await createMachine(options);
  let output = '';
  const decoder = new TextDecoder();
  machine.serial.onData((bytes) => {
    output = (output + decoder.decode(bytes, { stream: true })).slice(-6000);
  });
  t.after(async () => {
    await machine.stop();
    if (t.passed === false) console.log(`--- end of the guest's output\n${output}\n---`);
  });
  await machine.start();
  return machine;
}

/** A shell of the guest on its serial console. */
export class GuestShell {
  /** @param {import('../../dist/index.js').SerialPort} serial */
  constructor(serial) {
    this.serial = serial;
    this.count = 0;
  }

  /**
   * Runs a command line of `sh`.
   * @returns {Promise<string>} what it printed, its lines ending with \n
   * @throws when its exit code is not 0
   */
  async run(command) {
    const { output, code } = await this.attempt(command);
    if (code !== 0) throw new Error(`the guest's command ended with ${code}: ${command}\n${output}`);
    return output;
  }

  /** @returns {Promise<{ output: string, code: number }>} */
  async attempt(command) {
    const mark = `mark${++this.count}`;
    // Quotes in the middle, so that the echo of the line is not taken for the marks.
    this.serial.write(`echo "${mark}"'-begin'; ${command}; echo "${mark}"'-end' $?\n`);
    await this.serial.expect(new RegExp(`${mark}-begin\\r?\\n`), { timeout: PATIENCE });
    const match = await this.serial.expect(new RegExp(`([\\s\\S]*?)${mark}-end (\\d+)\\r?\\n`), {
      timeout: PATIENCE,
    });
    return { output: match[1].replaceAll('\r', ''), code: Number(match[2]) };
  }
}

/** The command `armemu run`, or another emulator's, as a child process, with its terminal on pipes. */
export class CommandSession {
  /**
   * @param {import('node:test').TestContext} t the process is killed when it ends
   * @param {string[]} args
   * @param {string[]} command
   */
  constructor(t, args, [program, ...first] = [process.execPath, COMMAND, 'run']) {
    this.child = spawn(program, [...first, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.output = '';
    this.errors = '';
    this.waiting = undefined;
    this.count = 0;
    this.closed = once(this.child, 'close');
    this.child.stdout.on('data', (bytes) => {
      this.output += bytes;
      this.waiting?.();
    });
    this.child.stderr.on('data', (bytes) => {
      this.errors += bytes;
    });
    // A guest that is gone reads nothing any more.
    this.child.stdin.on('error', () => {});
    t.after(() => {
      this.child.kill('SIGKILL');
      if (t.passed === false)
        console.log(`--- end of the output\n${this.output.slice(-6000)}\n${this.errors}\n---`);
    });
  }

  /** Waits for output that no earlier call has matched. */
  async expect(pattern) {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) {
        this.output = this.output.slice(match.index + match[0].length);
        return match;
      }
      const more = new Promise((resolve) => {
        this.waiting = () => resolve(true);
      });
      if (!(await Promise.race([more, this.closed.then(() => false)])) && !pattern.test(this.output)) {
        throw new Error(
          `the emulator ended before ${pattern} came:\n${this.output.slice(-2000)}\n${this.errors}`,
        );
      }
    }
  }

  write(text) {
    this.child.stdin.write(text);
  }

  /** Runs a command line of `sh` in the guest. @returns what it printed; throws when its exit code is not 0 */
  async run(command) {
    const mark = `mark${++this.count}`;
    this.write(`echo "${mark}"'-begin'; ${command}; echo "${mark}"'-end' $?\n`);
    await this.expect(new RegExp(`${mark}-begin\\r?\\n`));
    const [, output, code] = await this.expect(new RegExp(`([\\s\\S]*?)${mark}-end (\\d+)\\r?\\n`));
    if (code !== '0') throw new Error(`the guest's command ended with ${code}: ${command}\n${output}`);
    return output.replaceAll('\r', '');
  }

  /** @returns the exit code */
  async end() {
    return (await this.closed)[0];
  }
}

/**
 * A Debian kernel and its initramfs.
 * @param {'armmp' | 'armmp-lpae'} flavour
 */
export function linuxGuest(flavour) {
  const tree = guestPath(`linux-image-${flavour}`);
  const name = readdirSync(join(tree, 'boot')).find((file) => file.startsWith('vmlinuz-'));
  return {
    kernel: join(tree, 'boot', name),
    initrd: join(tree, 'initrd.gz'),
    /** With the drivers of the Versatile Express boards. */
    vexpressInitrd: join(tree, 'initrd-vexpress.gz'),
    release: name.slice('vmlinuz-'.length),
  };
}

/**
 * Debian's Linux as `createMachine` takes it, with a shell in its initramfs.
 * @param {'armmp' | 'armmp-lpae'} flavour
 */
export function linuxImages(flavour = 'armmp') {
  const { kernel, initrd } = linuxGuest(flavour);
  return {
    kernel: { name: 'kernel', bytes: readFileSync(kernel) },
    initrd: { name: 'initrd', bytes: readFileSync(initrd) },
  };
}
