/** The interpreter on the firmware's kernels, MMU on, beside QEMU's translator on the same image. */
import { Bench } from 'tinybench';
import { createMachine } from '../../dist/index.js';
import { cpuMs, geometricMean, median, wallMs } from '../tools/clocks.mjs';
import { QemuGuest, qemuVersion } from '../tools/qemu.mjs';

export const name = 'interpreter';
export const title = "Interpreter on the firmware's kernels, MMU on";
export const goal = '40 MIPS or more';

const KERNELS = ['crc', 'matrix', 'sort', 'state', 'sieve'];
const SETS = ['a32', 't32'];
const PROMPT = /armemu> /;
/** Instructions of one run of one kernel in one instruction set: long beside the 5 ms of a turn of the event loop. */
const INSTRUCTIONS = 12e6;
const SAMPLES = 5;
/** QEMU runs so many times as long: its first run of a kernel translates it. */
const QEMU_FACTOR = 40;

const lineOf = (kernel, set) => new RegExp(`bench ${kernel} +${set} [^\\n]*?ticks (\\d+)[^\\n]*\\n`);

/**
 * Instructions of one kernel, by instruction set: those of the first iteration with all preparation, and of each
 * further one. Exact: the counting clock makes the guest's own timer count instructions.
 */
async function countInstructions() {
  const machine = await createMachine({ clock: 'instructions', engine: 'interpreter' });
  await machine.start();
  await machine.serial.expect(PROMPT, { timeout: '120s' });
  const perTick = 1e9 / 62.5e6 / 10;
  const counts = {};
  for (const kernel of KERNELS) {
    const runs = [];
    for (const iterations of [1, 5]) {
      machine.serial.write(`bench ${kernel} ${iterations}\r`);
      const ticks = [];
      for (const set of SETS)
        ticks.push(Number((await machine.serial.expect(lineOf(kernel, set), { timeout: '120s' }))[1]));
      runs.push(ticks);
      await machine.serial.expect(PROMPT);
    }
    for (const [i, set] of SETS.entries()) {
      const [one, five] = runs.map((ticks) => ticks[i] * perTick);
      counts[`${kernel} ${set}`] = { once: one - (five - one) / 4, each: (five - one) / 4 };
    }
  }
  await machine.stop();
  return counts;
}

/** Runs `bench KERNEL ITERATIONS` at a prompt. @returns CPU and wall time of each instruction set, in milliseconds */
async function runKernel(guest, kernel, iterations) {
  const times = {};
  let cpu = guest.cpuMs();
  let wall = wallMs();
  guest.write(`bench ${kernel} ${iterations}\r`);
  for (const set of SETS) {
    await guest.expect(lineOf(kernel, set));
    const now = { cpu: guest.cpuMs(), wall: wallMs() };
    times[set] = { cpu: now.cpu - cpu, wall: now.wall - wall };
    ({ cpu, wall } = now);
  }
  await guest.expect(PROMPT);
  return times;
}

async function startArmemu() {
  const machine = await createMachine({ engine: 'interpreter' });
  await machine.start();
  const guest = {
    cpuMs,
    write: (text) => machine.serial.write(text),
    expect: (pattern) => machine.serial.expect(pattern, { timeout: '120s' }),
    stop: () => machine.stop(),
  };
  await guest.expect(PROMPT);
  return guest;
}

/** @returns {Promise<Record<string, { mips: number, wallMips: number }>>} by kernel and instruction set */
async function measureGuest(guest, counts, factor, samples) {
  const bench = new Bench({
    now: () => guest.cpuMs(),
    throws: true,
    time: 0,
    iterations: samples,
    warmupTime: 0,
    warmupIterations: 1,
  });
  const collected = Object.fromEntries(Object.keys(counts).map((row) => [row, { cpu: [], wall: [] }]));
  for (const kernel of KERNELS) {
    const each = Math.max(...SETS.map((set) => counts[`${kernel} ${set}`].each));
    const iterations = Math.ceil((factor * INSTRUCTIONS) / each);
    const instructions = (set) => {
      const { once, each } = counts[`${kernel} ${set}`];
      return once + iterations * each;
    };
    const forget = () => {
      for (const set of SETS) Object.assign(collected[`${kernel} ${set}`], { cpu: [], wall: [] });
    };
    const task = async () => {
      const times = await runKernel(guest, kernel, iterations);
      for (const set of SETS) {
        collected[`${kernel} ${set}`].cpu.push(instructions(set) / times[set].cpu / 1000);
        collected[`${kernel} ${set}`].wall.push(instructions(set) / times[set].wall / 1000);
      }
    };
    // Called before the warm-up and again before the run.
    bench.add(kernel, task, { async: true, beforeAll: forget });
  }
  await bench.run();
  return Object.fromEntries(
    Object.entries(collected).map(([row, { cpu, wall }]) => [
      row,
      { mips: median(cpu), wallMips: median(wall) },
    ]),
  );
}

export async function measure() {
  const counts = await countInstructions();
  const armemu = await startArmemu();
  const ours = await measureGuest(armemu, counts, 1, SAMPLES);
  await armemu.stop();

  const version = qemuVersion();
  let reference;
  if (version !== undefined) {
    const qemu = await QemuGuest.start();
    reference = await measureGuest(qemu, counts, QEMU_FACTOR, 3);
    qemu.stop();
  }
  const value = geometricMean(Object.values(ours).map(({ mips }) => mips));
  const rows = Object.keys(counts).map((row) => ({
    kernel: row,
    'MIPS by CPU time': ours[row].mips,
    'by wall time': ours[row].wallMips,
    ...(reference
      ? { 'QEMU, by CPU time': reference[row].mips, 'armemu / QEMU': ours[row].mips / reference[row].mips }
      : {}),
  }));
  return {
    value,
    unit: 'MIPS by CPU time (geometric mean)',
    met: value >= 40,
    details: {
      'MIPS by wall time (geometric mean)': geometricMean(
        Object.values(ours).map(({ wallMips }) => wallMips),
      ),
      reference: version ?? 'qemu-system-arm is not installed: no reference in this run',
      ...(reference
        ? { 'armemu / QEMU (geometric mean)': geometricMean(rows.map((row) => row['armemu / QEMU'])) }
        : {}),
    },
    rows,
  };
}
