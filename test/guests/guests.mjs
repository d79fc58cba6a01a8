// What the tests of real guests share: where the guests are, and a shell in one.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
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
    const match = await this.serial.expect(new RegExp(`([sS]*?)${mark}-end (\\d+)\\r?\\n`), {
      timeout: PATIENCE,
    });
    return { output: match[1].replaceAll('\r', ''), code: Number(match[2]) };
  }
}
