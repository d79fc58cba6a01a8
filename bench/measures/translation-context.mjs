/** What a change of the DACR costs a guest that goes on using its pages, beside QEMU on the same image. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMachine } from '../../dist/index.js';
import { dacrWritesOfPass, pagesOfPass, translationGuest } from '../guests/translation.mjs';
import { cpuMs, median, wallMs } from '../tools/clocks.mjs';
import { qemuVersion } from '../tools/qemu.mjs';

export const name = 'translation-context';
export const title = `A change of the DACR, ${pagesOfPass / dacrWritesOfPass} loads from as many pages after each`;
export const goal = 'no page is looked up again: under 1 µs';

const PASSES = 10_000;
const SAMPLES = 5;

async function ours(kernel) {
  const machine = await createMachine({ kernel, memory: '64M' });
  const before = cpuMs();
  await machine.start();
  await machine.exited;
  return cpuMs() - before;
}

/** @returns wall time: what a process used is not known once it is gone */
function qemus(kernel) {
  const folder = mkdtempSync(join(tmpdir(), 'armemu-bench-'));
  try {
    const file = join(folder, 'guest.elf');
    writeFileSync(file, kernel);
    const before = wallMs();
    const board = ['-M', 'virt,highmem=off,gic-version=2', '-cpu', 'cortex-a15', '-m', '64', '-nographic'];
    spawnSync('qemu-system-arm', [...board, '-kernel', file], { stdio: 'ignore', timeout: 120_000 });
    return wallMs() - before;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Nanoseconds that a pass with changes takes more than one without, for each change. */
async function costOf(run) {
  const samples = [];
  for (let i = 0; i < SAMPLES; i++) {
    const without = await run(translationGuest(PASSES, false));
    samples.push({ without, withChanges: await run(translationGuest(PASSES, true)) });
  }
  const changes = PASSES * dacrWritesOfPass;
  return {
    each: (median(samples.map((s) => s.withChanges - s.without)) * 1e6) / changes,
    without: (median(samples.map((s) => s.without)) * 1e6) / changes,
  };
}

export async function measure() {
  const cost = await costOf(ours);
  const version = qemuVersion();
  const reference = version === undefined ? undefined : await costOf(qemus);
  return {
    value: cost.each,
    unit: 'ns for each change, by CPU time',
    met: cost.each < 1000,
    details: {
      'the loads and a system register that changes nothing, ns': cost.without,
      ...(reference ? { 'QEMU, ns for each change, by wall time': reference.each } : {}),
      reference: version ?? 'qemu-system-arm is not installed: no reference in this run',
    },
  };
}
