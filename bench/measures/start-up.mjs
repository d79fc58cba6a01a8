/** From `createMachine` to the guest's first instruction, in a fresh process and in one that is warm. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Bench } from 'tinybench';
import { createMachine } from '../../dist/index.js';
import { cpuMs, median, wallMs } from '../tools/clocks.mjs';
import { firstInstruction } from '../tools/start-up-guest.mjs';

export const name = 'start-up';
export const title = 'createMachine to the first guest instruction, in a fresh process';
export const goal = 'under 300 ms';

const PROCESSES = 11;
const MACHINES = 11;
const CHILD = fileURLToPath(new URL('../tools/start-up-child.mjs', import.meta.url));

function freshProcesses(kernel) {
  return Array.from({ length: PROCESSES }, () => {
    const start = wallMs();
    const times = JSON.parse(execFileSync(process.execPath, [CHILD, kernel], { encoding: 'utf8' }));
    return { ...times, process: wallMs() - start };
  });
}

async function warm() {
  const bench = new Bench({
    now: cpuMs,
    throws: true,
    time: 0,
    iterations: MACHINES,
    warmupTime: 0,
    warmupIterations: 2,
  });
  bench.add(
    'machine',
    async () => {
      const machine = await createMachine({ kernel: firstInstruction });
      await machine.start();
      await machine.exited;
    },
    { async: true },
  );
  await bench.run();
  return bench.tasks[0].result.latency.p50;
}

export async function measure() {
  const instruction = freshProcesses('instruction');
  const firmware = freshProcesses('firmware');
  const of = (list, value) => median(list.map(value));
  const value = of(instruction, (t) => t.ran - t.before);
  return {
    value,
    unit: 'ms (median of wall time)',
    met: value < 300,
    details: {
      'createMachine alone, ms': of(instruction, (t) => t.made - t.before),
      'importing armemu, ms': of(instruction, (t) => t.imported),
      'process start to first instruction, ms': of(instruction, (t) => t.ran),
      'the same, ms of CPU time': of(instruction, (t) => (t.cpu.user + t.cpu.system) / 1000),
      'empty Node process to its first line, ms': of(instruction, (t) => t.began),
      "process start to the firmware's first output, ms": of(firmware, (t) => t.output),
      "createMachine to the firmware's first output, ms": of(firmware, (t) => t.output - t.before),
      "process start to the firmware's prompt, ms": of(firmware, (t) => t.prompt),
      'createMachine to first instruction in a warm process, ms of CPU time': await warm(),
    },
  };
}
