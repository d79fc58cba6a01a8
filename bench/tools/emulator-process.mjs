/** An emulator as a child process, with its CPU time, its peak of memory and its guest's serial port. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** Host time that one step may take: other work may share the machine. */
const PATIENCE_MS = 1_800_000;
const LOOK_AT_MEMORY_MS = 100;
/** USER_HZ of proc(5). */
const TICK_MS = 10;
const OUTPUT_KEPT = 100_000;

/**
 * bash's `time` gives the CPU time of a process that has ended, with all threads that it ever had. File descriptor 3
 * takes the process's number, and what `time` prints.
 */
const TIMED = `TIMEFORMAT='%U %S'
exec 4>&2
{ time bash -c 'echo $$ >&3; exec "$@" 3>&-' bash "$@" 2>&4 4>&-; } 2>&3
exit $?`;

const running = new Set();
process.on('exit', () => {
  for (const emulator of running) emulator.stop();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));

/** Began by `EmulatorProcess.start`; is killed when this process ends. */
export class EmulatorProcess {
  #child;
  #pid;
  #output = '';
  #errors = '';
  #notes = '';
  #wake = () => {};
  #peakMiB = 0;
  #lookAtMemory;
  #closed;
  #hasEnded = false;

  /**
   * @param {string} program
   * @param {string[]} args
   * @returns {Promise<EmulatorProcess>} once the process is there
   */
  static async start(program, args) {
    const emulator = new EmulatorProcess();
    await emulator.#spawn(program, args);
    return emulator;
  }

  async #spawn(program, args) {
    // Node reads all certificates of this file at each start, 0.03 s of CPU time that have nothing to do with the emulator.
    const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
    const child = spawn('bash', ['-c', TIMED, 'bash', program, ...args], {
      env,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    running.add(this);
    const keep = (add) => (data) => {
      add(String(data));
      // Its last output may be the last moment to look.
      this.peakMiB();
      this.#wake();
    };
    child.stdout.on(
      'data',
      keep((text) => (this.#output = (this.#output + text).slice(-OUTPUT_KEPT))),
    );
    child.stderr.on(
      'data',
      keep((text) => (this.#errors = (this.#errors + text).slice(-OUTPUT_KEPT))),
    );
    child.stdio[3].on(
      'data',
      keep((text) => (this.#notes += text)),
    );
    // A guest that is gone reads nothing any more.
    child.stdin.on('error', () => {});
    this.#closed = once(child, 'close').then(([code]) => {
      this.#hasEnded = true;
      running.delete(this);
      clearInterval(this.#lookAtMemory);
      this.#wake();
      return code;
    });
    await this.#until(() => this.#notes.includes('\n'), 'starting it');
    this.#pid = Number.parseInt(this.#notes, 10);
    this.#lookAtMemory = setInterval(() => this.peakMiB(), LOOK_AT_MEMORY_MS);
    this.#lookAtMemory.unref();
  }

  /** To the guest's serial port. */
  write(text) {
    this.#child.stdin.write(text);
  }

  /** Waits for output that matches, and forgets it and all before it. @returns {Promise<RegExpExecArray>} */
  async expect(pattern) {
    let match = null;
    await this.#until(() => {
      match = pattern.exec(this.#output);
      return match !== null;
    }, `${pattern}`);
    this.#output = this.#output.slice(match.index + match[0].length);
    return match;
  }

  /** CPU time so far of all its threads, those that have ended too, in milliseconds. */
  cpuMs() {
    const tasks = `/proc/${this.#pid}/task`;
    // proc(5): nanoseconds on a CPU come first. Only threads that live.
    const living = readdirSync(tasks).reduce(
      (sum, id) => sum + Number(readFileSync(`${tasks}/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6,
      0,
    );
    // utime and stime: all threads, rounded down to ticks.
    const fields = readFileSync(`/proc/${this.#pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return Math.max(living, (Number(fields[11]) + Number(fields[12])) * TICK_MS);
  }

  /** The most memory that it has had resident, in MiB; looked at ten times a second, and when it prints. */
  peakMiB() {
    try {
      const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
      this.#peakMiB = Math.max(this.#peakMiB, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // it has ended: what was seen last holds
    }
    return this.#peakMiB;
  }

  /** Waits until it ends by itself. @returns {Promise<number>} CPU time of its whole life in milliseconds */
  async ended() {
    const code = await this.#closed;
    if (code !== 0) throw new Error(`it ended with ${code}${this.#said()}`);
    const [, user, system] = /\n([\d.]+) ([\d.]+)\n$/.exec(this.#notes);
    return (Number(user) + Number(system)) * 1000;
  }

  stop() {
    running.delete(this);
    clearInterval(this.#lookAtMemory);
    if (this.#pid === undefined) this.#child.kill('SIGKILL');
    else if (!this.#hasEnded) process.kill(this.#pid, 'SIGKILL');
  }

  async #until(isThere, what) {
    const deadline = Date.now() + PATIENCE_MS;
    while (!isThere()) {
      if (this.#hasEnded) throw new Error(`it ended before ${what}${this.#said()}`);
      if (Date.now() > deadline)
        throw new Error(`no ${what} in ${PATIENCE_MS / 60_000} minutes${this.#said()}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #said() {
    return `; it said:\n${this.#output.slice(-2000)}${this.#errors.slice(-2000)}`;
  }
}
