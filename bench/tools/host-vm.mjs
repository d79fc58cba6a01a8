/** Commands in the host VM of `npm run test:vfio`. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const RUNNER = fileURLToPath(new URL('../../test/vfio-vm/run.mjs', import.meta.url));
const LOOK_MS = 500;

/** Parent and name of a process (proc(5), stat: the name is in brackets). */
function statOf(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, name, parent] = /\((.*)\) \S (\d+)/s.exec(text);
  return { name, parent: Number(parent) };
}

/** Nanoseconds that the threads of the runner's QEMU have run, and have waited for a CPU; undefined when there is none. */
function schedulingOf(runner) {
  try {
    const isQemu = (pid) => {
      const { name, parent } = statOf(pid);
      return name.startsWith('qemu-system') && parent === runner;
    };
    const pid = readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && isQemu(entry));
    if (pid === undefined) return undefined;
    const tasks = readdirSync(`/proc/${pid}/task`);
    const times = tasks.map((id) => readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' '));
    const sum = (column) => times.reduce((total, fields) => total + Number(fields[column]), 0);
    return { ran: sum(0), waited: sum(1) };
  } catch {
    // a process ended while we looked
    return undefined;
  }
}

/**
 * @param {string} command for the VM's shell @param {string[]} [options] more of the runner's
 * @returns {Promise<{ output: string, waited: number | undefined }>} what was printed; the share of time in which the VM's threads
 * waited for a CPU of this machine, which the VM takes for time of its own
 */
export async function runInVm(command, options = []) {
  const child = spawn(process.execPath, [RUNNER, ...options, '--command', command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let scheduling;
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      output += data;
    });
  const timer = setInterval(() => {
    scheduling = schedulingOf(child.pid) ?? scheduling;
  }, LOOK_MS);
  await new Promise((resolve) => child.once('close', resolve));
  clearInterval(timer);
  const waited = scheduling && scheduling.waited / (scheduling.ran + scheduling.waited);
  return { output, waited };
}
