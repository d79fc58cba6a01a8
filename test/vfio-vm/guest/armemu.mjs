import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const CLI = '/armemu/dist/cli/main.js';
/** Node starts in one to two seconds under TCG, more with AddressSanitizer. */
const TIMEOUT_MS = 300_000;
const PROMPT = /armemu> /;

/**
 * How an armemu process is started.
 * @typedef {object} StartOptions
 * @property {boolean} [terminal] give it a terminal (default: pipes)
 * @property {string} [user] run it as this user, without capabilities
 * @property {number} [memlockKiB] limit of locked memory
 * @property {Record<string, string>} [environment]
 * @property {string[]} [program] another one that is driven in the same way, in place of armemu
 */

/** Quotes a word for the shell. */
const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/** armemu's command as a process of the host VM, with its output and its end. */
export class Armemu {
  output = '';
  /** Resolves to the exit code, or the name of the signal that ended it. */
  ended;
  #child;
  #seen = 0;
  #waiters = new Set();
  #isTerminal;

  /** @param {string[]} args of `armemu` @param {StartOptions} [options] */
  constructor(args, options = {}) {
    const { terminal = false, user, memlockKiB, environment = {} } = options;
    const { program = [process.execPath, CLI] } = options;
    this.#isTerminal = terminal;
    const words = [...program, ...args].map(quoted).join(' ');
    const asUser = user === undefined ? words : `su -p -s /bin/sh ${user} -c ${quoted(`exec ${words}`)}`;
    // Only root may raise the limit, so it is set first.
    const limit = memlockKiB === undefined ? '' : `ulimit -l ${memlockKiB} && `;
    const line = `${limit}exec ${asUser}`;
    const command = terminal ? ['/bin/script', '-qefc', line, '/dev/null'] : ['/bin/sh', '-c', line];
    this.#child = spawn(command[0], command.slice(1), {
      cwd: '/armemu',
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, SHELL: '/bin/sh', ...environment },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => this.#take(text));
    }
    // The guest's side may be gone before ours.
    this.#child.stdin.on('error', () => {});
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => resolve(code ?? signal));
    });
    this.ended.then(() => this.#wake());
  }

  #take(text) {
    this.output += text;
    this.#wake();
  }

  #wake() {
    for (const waiter of this.#waiters) waiter();
  }

  /** Process number of Node itself (with a terminal it is a child of script). */
  get pid() {
    if (!this.#isTerminal) return this.#child.pid;
    const parentOf = (pid) => Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
    return Number(
      readdirSync('/proc').find((name) => /^\d+$/.test(name) && safely(parentOf, name) === this.#child.pid),
    );
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    process.kill(this.pid, signal);
  }

  write(text) {
    this.#child.stdin.write(text);
  }

  endInput() {
    this.#child.stdin.end();
  }

  /**
   * Waits for output that matches, after what an earlier `expect` matched.
   * @param {RegExp} pattern @returns {Promise<{ before: string, match: RegExpExecArray }>}
   */
  async expect(pattern, timeoutMs = TIMEOUT_MS) {
    const deadline = Date.now() + timeoutMs;
    let over = false;
    this.ended.then(() => {
      over = true;
    });
    for (;;) {
      const rest = this.output.slice(this.#seen);
      const match = pattern.exec(rest);
      if (match) {
        this.#seen += match.index + match[0].length;
        return { before: rest.slice(0, match.index), match };
      }
      if (over) throw new Error(`armemu ended before ${pattern}:\n${this.output.slice(-2000)}`);
      if (Date.now() > deadline)
        throw new Error(`${pattern} did not come in time:\n${this.output.slice(-2000)}`);
      await new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#waiters.delete(done);
          resolve();
        };
        const timer = setTimeout(done, deadline - Date.now() + 1);
        this.#waiters.add(done);
      });
    }
  }

  /** Waits for the firmware's prompt. */
  async prompt() {
    return (await this.expect(PROMPT)).before;
  }

  /** Types a command at the prompt, and waits for its verdict. @returns {Promise<string>} what it printed */
  async command(text) {
    this.write(`${text}\r`);
    const { before, match } = await this.expect(/=> (ok|fail: [^\r\n]*)\r*\n/);
    await this.prompt();
    if (match[1] !== 'ok') throw new Error(`${text}: ${match[1]}\n${before}`);
    return before;
  }

  /** Ends it, whatever it is doing. */
  async kill() {
    try {
      this.signal('SIGKILL');
    } catch {
      // it has ended
    }
    return this.ended;
  }
}

function safely(work, argument) {
  try {
    return work(argument);
  } catch {
    // the process ended while we looked
    return undefined;
  }
}

/**
 * Runs armemu to its end, without a terminal and with empty input.
 * @param {string[]} args @param {StartOptions} [options]
 * @returns {Promise<{ code: number | string, output: string }>}
 */
export async function runArmemu(args, options) {
  const armemu = new Armemu(args, options);
  armemu.endInput();
  const timer = setTimeout(() => armemu.kill(), TIMEOUT_MS);
  const code = await armemu.ended;
  clearTimeout(timer);
  return { code, output: armemu.output };
}

/** Arguments that hand these devices to the guest. */
export const run = (...addresses) => [
  'run',
  '--machine',
  'virt',
  ...addresses.flatMap((address) => ['--vfio', address]),
];
