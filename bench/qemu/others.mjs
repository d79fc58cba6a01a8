/** What is printed beside the ratios: start-up, interpreter, the cost of new code, growth with RAM and CPUs. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../tools/clocks.mjs';
import { commandStatistics } from '../tools/emulators.mjs';
import { bootWorkloads, runToEnd, runWorkload, scaled, workloadsGuest } from './measures.mjs';
import { inTurns } from './pairs.mjs';
import { kernelImage, newCodeImage } from './programs.mjs';
import { KERNELS, WORKLOADS } from './workloads.mjs';

const BENCH = fileURLToPath(new URL('../run.mjs', import.meta.url));

/** A measure of `npm run bench`, in a process of its own under the Node that is measured. */
async function measureOfBench(name, node) {
  const { stdout } = await promisify(execFile)(node, [BENCH, '--only', name, '--json']);
  return JSON.parse(stdout).results[0];
}

/** `createMachine` to the guest's first instruction in a fresh process. */
export async function measureStartUp({ node, say }) {
  say('start-up');
  const { value, details } = await measureOfBench('start-up', node);
  return {
    milliseconds: value,
    fromStartOfProcess: details['process start to first instruction, ms'],
    mustBeUnder: 300,
  };
}

/** @returns MIPS of the interpreter by CPU time, once it is warm, on the firmware's kernels */
export async function measureInterpreter({ node, say }) {
  say('interpreter');
  const { value, rows } = await measureOfBench('interpreter', node);
  return {
    mips: value,
    kernels: Object.fromEntries(rows.map((row) => [row.kernel, row['MIPS by CPU time']])),
  };
}

/** Many functions against few, the same number of instructions: see bench/programs/kernels/new-code.S. */
const MANY = 2000;
const FEW = 20;
/** More than a block must have run before it is compiled, where compiling is cheap. */
const CALLS = 10_000;
const INSTRUCTIONS_OF_FUNCTION = 65;

/** @returns microseconds that an instruction costs that is new: translation, and what runs slowly until then */
export async function measureNewCode({ emulators, rounds, node, say }) {
  const guests = [MANY, FEW].map((functions) => ({
    kernel: newCodeImage(functions, (CALLS * MANY) / functions),
  }));
  const costs = { ours: [], qemu: [], compiling: [] };
  for (let round = 0; round < rounds; round++) {
    say('new code');
    await inTurns(round, emulators, async (emulator, who) => {
      const [many, few] = [await runToEnd(emulator, guests[0]), await runToEnd(emulator, guests[1])];
      costs[who].push(((many.cpuMs - few.cpuMs) * 1000) / ((MANY - FEW) * INSTRUCTIONS_OF_FUNCTION));
    });
    const { buildMs, compileMs, instructions } = (await commandStatistics(node, guests[0].kernel)).regions;
    costs.compiling.push(((buildMs + compileMs) * 1000) / instructions);
  }
  return {
    /** Time for compiling regions alone. */
    compiling: median(costs.compiling),
    ours: median(costs.ours),
    qemu: median(costs.qemu),
    instructions: MANY * INSTRUCTIONS_OF_FUNCTION,
    calls: CALLS,
    mustBeUnder: 5,
  };
}

const SHAPES = [
  { memoryMiB: 128, smp: 1 },
  { memoryMiB: 512, smp: 1 },
  { memoryMiB: 2048, smp: 1 },
  { memoryMiB: 512, smp: 2 },
  { memoryMiB: 512, smp: 4 },
  { memoryMiB: 512, smp: 8 },
];

/**
 * A kernel, a boot and getppid in machines of several sizes, once each. QEMU boots Linux with one CPU only: with several on
 * one thread each broadcast TLB maintenance takes it a turn of all CPUs, and a boot takes minutes.
 */
export async function measureGrowth({ emulators, scale, say }) {
  const kernel = kernelImage(KERNELS[0].name, 'a32', scaled(KERNELS[0].rounds, scale));
  const getppid = WORKLOADS.find(({ name }) => name === 'getppid');
  const rows = [];
  for (const [i, shape] of SHAPES.entries()) {
    say(`growth: ${shape.memoryMiB} MiB, ${shape.smp} CPUs`);
    const bare = await inTurns(i, emulators, (emulator) => runToEnd(emulator, { kernel, ...shape }));
    const linux = await inTurns(i, emulators, async (emulator, who) => {
      if (who === 'qemu' && shape.smp > 1) return undefined;
      const { process, sample } = await bootWorkloads(emulator, { ...workloadsGuest(), ...shape });
      try {
        return { init: sample, getppid: await runWorkload(process, getppid, scale) };
      } finally {
        process.stop();
      }
    });
    rows.push({
      ...shape,
      [`${KERNELS[0].name}-a32`]: besideEachOther(bare.ours, bare.qemu),
      init: besideEachOther(linux.ours.init, linux.qemu?.init),
      getppid: besideEachOther(linux.ours.getppid, linux.qemu?.getppid),
    });
  }
  return rows;
}

function besideEachOther(ours, qemu) {
  const figures = ({ cpuMs, peakMiB }) => ({ seconds: cpuMs / 1000, peakMiB });
  return {
    ours: figures(ours),
    ...(qemu === undefined ? {} : { qemu: figures(qemu), ratio: qemu.cpuMs / ours.cpuMs }),
  };
}
