/** qemu-system-arm with the same image as the reference. */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const QEMU = 'qemu-system-arm';
const IMAGE = fileURLToPath(new URL('../../firmware/prebuilt/armemu.elf', import.meta.url));
const FIRMWARE = { args: ['-kernel', IMAGE], prompt: /armemu> / };
const TIMEOUT_MS = 600_000;

/** First line of its version, or undefined where it is not installed. */
export function qemuVersion() {
  const result = spawnSync(QEMU, ['--version'], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.split('\n')[0] : undefined;
}

/** A guest at its prompt, with 512 MiB of RAM. */
export class QemuGuest {
  #output = '';
  #wake = () => {};
  #child;

  /** @param what the guest as QEMU's options, and what it prints when it is ready; absent: the firmware */
  static async start({ args, prompt } = FIRMWARE) {
    const guest = new QemuGuest();
    const board = ['-M', 'virt,highmem=off,gic-version=2', '-cpu', 'cortex-a15', '-m', '512'];
    guest.#child = spawn(QEMU, [...board, '-nographic', ...args], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    guest.#child.stdout.on('data', (data) => {
      guest.#output += data;
      guest.#wake();
    });
    await guest.expect(prompt);
    return guest;
  }

  write(text) {
    this.#child.stdin.write(text);
  }

  /** Waits for output that matches, and forgets it and all before it. */
  async expect(pattern) {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match) {
        this.#output = this.#output.slice(match.index + match[0].length);
        return match;
      }
      if (Date.now() > deadline)
        throw new Error(`QEMU did not print ${pattern}: ${this.#output.slice(-400)}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** CPU time of all its threads in milliseconds (`/proc/PID/task/TID/schedstat`: nanoseconds on a CPU come first). */
  cpuMs() {
    const tasks = `/proc/${this.#child.pid}/task`;
    const times = readdirSync(tasks).map((id) =>
      Number(readFileSync(`${tasks}/${id}/schedstat`, 'utf8').split(' ')[0]),
    );
    return times.reduce((sum, time) => sum + time, 0) / 1e6;
  }

  stop() {
    this.#child.kill();
  }
}
