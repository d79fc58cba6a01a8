import type { SymbolTable } from '../../boot/symbols.ts';
import type { Profile, ProfileSample } from './sampler.ts';

/** Frames of a stack, the outermost first, and what it weighs. */
interface Stack {
  readonly cpu: number;
  readonly frames: readonly string[];
  weight: number;
}

const PAGE_DIGITS = 3;
const SPEEDSCOPE_SCHEMA = 'https://www.speedscope.app/file-format-schema.json';

/**
 * A profile as folded stacks, which flamegraph.pl, inferno and speedscope read: a line for each stack, its weight in guest
 * instructions.
 */
export function foldedStacks(profile: Profile, symbols: SymbolTable): string {
  return stacksOf(profile, symbols)
    .map(({ cpu, frames, weight }) => `CPU ${cpu};${frames.join(';')} ${weight}\n`)
    .join('');
}

/** A profile as a file of speedscope, with a profile for each CPU. */
export function speedscope(profile: Profile, symbols: SymbolTable, name = 'guest'): string {
  const stacks = stacksOf(profile, symbols);
  const numbers = new Map<string, number>();
  for (const { frames } of stacks) {
    for (const frame of frames) if (!numbers.has(frame)) numbers.set(frame, numbers.size);
  }
  const cpus = [...new Set(stacks.map(({ cpu }) => cpu))].sort((a, b) => a - b);
  return JSON.stringify({
    $schema: SPEEDSCOPE_SCHEMA,
    name,
    exporter: 'armemu',
    activeProfileIndex: 0,
    shared: { frames: [...numbers.keys()].map((frame) => ({ name: frame })) },
    profiles: cpus.map((cpu) => {
      const own = stacks.filter((stack) => stack.cpu === cpu);
      const weights = own.map(({ weight }) => weight);
      return {
        type: 'sampled',
        name: `CPU ${cpu}, guest instructions`,
        unit: 'none',
        startValue: 0,
        endValue: weights.reduce((sum, weight) => sum + weight, 0),
        samples: own.map(({ frames }) => frames.map((frame) => numbers.get(frame))),
        weights,
      };
    }),
  });
}

/** By CPU and frames, in the order of their first samples. */
function stacksOf(profile: Profile, symbols: SymbolTable): Stack[] {
  const stacks = new Map<string, Stack>();
  for (const sample of profile.samples()) {
    const frames = framesOf(sample, symbols);
    const key = `${sample.cpu};${frames.join(';')}`;
    const known = stacks.get(key);
    if (known === undefined) stacks.set(key, { cpu: sample.cpu, frames, weight: sample.instructions });
    else known.weight += sample.instructions;
  }
  return [...stacks.values()];
}

function framesOf({ mode, pc, caller }: ProfileSample, symbols: SymbolTable): string[] {
  const own = symbols.find(pc);
  const frames = [mode, nameAt(pc, symbols)];
  // A function that has called others finds in LR where it has called the last one from.
  const cameByIt =
    caller !== undefined &&
    own !== undefined &&
    (caller.target === undefined ? symbols.find(caller.pc) !== own : symbols.find(caller.target) === own);
  if (cameByIt) frames.splice(1, 0, nameAt(caller.pc, symbols));
  return frames;
}

/** Code without a name is told apart by page. */
function nameAt(pc: number, symbols: SymbolTable): string {
  const name = symbols.find(pc)?.name.replaceAll(';', ':').replaceAll(/\s+/g, ' ');
  if (name !== undefined) return name;
  const digits = (pc >>> 0).toString(16).padStart(8, '0');
  return `0x${digits.slice(0, -PAGE_DIGITS)}${'x'.repeat(PAGE_DIGITS)}`;
}
