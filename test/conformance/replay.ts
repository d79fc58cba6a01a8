import { arenaWord } from './arena.ts';
import type { RecordedVector } from './codec.ts';
import type { CpuUnderTest } from './cpu-under-test.ts';
import { countingBits } from './differences.ts';
import { STATE_NAMES, STATE_WORDS, W } from './layout.ts';
import { isUnknownMemory, unknownWords } from './unknown-registers.ts';
import type { Outcome, Vector } from './vector.ts';

/**
 * Instructions after which a vector that has reached no exception counts as lost. Loops of random blocks end too: one that
 * pushes a register goes through a data page first.
 */
export const LIMIT = 8192;

/**
 * The same for vectors that were drawn just now, of which all that is known is that QEMU came to their end within the recorder's
 * patience: one that loads and goes back may walk through all RAM first.
 */
export const FRESH_LIMIT = 2 ** 28;

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

/** Runs one vector. @returns undefined when all is as recorded, otherwise a text that shows the difference. */
export function replayVector(
  cpu: CpuUnderTest,
  name: string,
  recorded: RecordedVector,
  limit = LIMIT,
): string | undefined {
  const { vector, outcome: expected } = recorded;
  let got: Outcome;
  try {
    cpu.start(vector);
    const arrived = cpu.run(limit);
    got = cpu.outcome();
    if (arrived && isSame(vector, expected, got)) return undefined;
    return report(
      cpu,
      name,
      vector,
      expected,
      got,
      arrived ? [] : [`  no exception after ${limit} instructions`],
    );
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return [`${header(name, vector)}`, `  the emulator failed: ${text}`].join('\n');
  }
}

function isSame(vector: Vector, expected: Outcome, got: Outcome): boolean {
  for (let w = 0; w < STATE_WORDS; w++) {
    const changed = expected.state[w]! ^ got.state[w]!;
    if (changed === 0 || (changed & countingBits(expected, got, w)) === 0) continue;
    if (!unknownWords(vector, expected).has(w)) return false;
  }
  return differentWords(expected, got).every((word) => isUnknownMemory(vector, expected, word));
}

/** Words of the data pages that are not the same in both. */
function differentWords(expected: Outcome, got: Outcome): number[] {
  const words = new Map(got.memory.map(({ address, value }) => [address, value]));
  const different: number[] = [];
  for (const { address, value } of expected.memory) {
    if (words.get(address) !== value) different.push(address);
    words.delete(address);
  }
  return [...different, ...words.keys()];
}

function header(name: string, { recipe, state, index }: Vector): string {
  const digits = recipe.thumb ? 4 : 8;
  const code = recipe.code.map((unit) => unit.toString(16).padStart(digits, '0')).join(' ');
  return `${name} #${index}: ${code} at ${hex(state[W.PC]!)}, CPSR ${hex(state[W.CPSR]!)}, SCTLR ${hex(state[W.SCTLR]!)}`;
}

function report(
  cpu: CpuUnderTest,
  name: string,
  vector: Vector,
  expected: Outcome,
  got: Outcome,
  notes: readonly string[],
): string {
  // What differs comes last: a log may show no more than its end.
  const lines = [header(name, vector), cpu.describe(vector), ...notes];
  const registers = [...vector.state.subarray(W.R0, W.LR_usr + 1)].map(
    (v, i) => `${STATE_NAMES[i]}=${hex(v)}`,
  );
  lines.push(`  from ${registers.join(' ')}`);
  for (const { word, value } of vector.recipe.overrides) {
    if (word > W.LR_usr) lines.push(`  from ${STATE_NAMES[word]}=${hex(value)}`);
  }
  for (const { address, value } of vector.recipe.pokes)
    lines.push(`  memory [${hex(address)}]=${hex(value)}`);
  STATE_NAMES.forEach((register, w) => {
    if (expected.state[w] === got.state[w]) return;
    const start = hex(vector.state[w]!);
    lines.push(`  ${register}: ${start} -> expected ${hex(expected.state[w]!)}, got ${hex(got.state[w]!)}`);
  });
  const words = new Set([...expected.memory, ...got.memory].map(({ address }) => address));
  for (const word of [...words].sort((a, b) => a - b)) {
    const find = (outcome: Outcome): number =>
      outcome.memory.find(({ address }) => address === word)?.value ?? arenaWord(word);
    if (find(expected) === find(got)) continue;
    lines.push(`  data word ${word.toString(16)}: expected ${hex(find(expected))}, got ${hex(find(got))}`);
  }
  return lines.join('\n');
}
