/** Two emulators that run the same, in turns, and what came of it. */
import { median } from '../tools/clocks.mjs';

/**
 * Calls `run` for each emulator, one after the other; who is first changes with each round.
 * @template T
 * @param {number} round
 * @param {{ ours: Emulator, qemu: Emulator }} emulators
 * @param {(emulator: Emulator) => Promise<T>} run
 * @returns {Promise<{ ours: T, qemu: T }>}
 */
export async function inTurns(round, emulators, run) {
  const results = {};
  const names = round % 2 === 0 ? ['ours', 'qemu'] : ['qemu', 'ours'];
  for (const name of names) {
    try {
      results[name] = await run(emulators[name], name);
    } catch (error) {
      throw new Error(`${emulators[name].name}: ${error.message}`);
    }
  }
  return results;
}

/**
 * @typedef {object} Sample
 * @property {number} cpuMs
 * @property {number} peakMiB
 * @property {string} [checksum]
 */

/** The samples of one workload, and what went wrong with it. */
export class Row {
  /** @param {string} name @param {{ instructions?: number }} [settings] how many instructions its guest executes */
  constructor(name, { instructions } = {}) {
    this.name = name;
    this.instructions = instructions;
    this.errors = [];
    this.samples = { ours: [], qemu: [] };
  }

  /** @param {{ ours: Sample, qemu: Sample }} pair of one round */
  add(pair) {
    if (pair.ours.checksum !== pair.qemu.checksum) {
      this.errors.push(`the checksum is ${pair.ours.checksum}, QEMU's is ${pair.qemu.checksum}`);
      return;
    }
    this.samples.ours.push(pair.ours);
    this.samples.qemu.push(pair.qemu);
  }

  /** For people and for JSON: seconds of CPU time, MiB; undefined where nothing was measured. */
  result() {
    const { name, instructions, errors, samples } = this;
    const of = (who, key) => samples[who].map((sample) => sample[key]);
    const summary = (who) => {
      const seconds = of(who, 'cpuMs').map((ms) => ms / 1000);
      return {
        seconds: median(seconds),
        samples: seconds,
        peakMiB: Math.max(...of(who, 'peakMiB')),
        ...(instructions === undefined ? {} : { mips: instructions / median(seconds) / 1e6 }),
      };
    };
    const base = { name, ...(instructions === undefined ? {} : { instructions }), errors };
    if (samples.ours.length === 0) return base;
    const ratios = samples.ours.map((sample, i) => samples.qemu[i].cpuMs / sample.cpuMs);
    return { ...base, ratio: median(ratios), ratios, ours: summary('ours'), qemu: summary('qemu') };
  }
}
