import type { RecordedGroup, RecordedVector } from '../codec.ts';
import { CPSR, MODES, registerWord, W } from '../layout.ts';
import type { Recorder, RecorderMachine } from '../recorder.ts';
import type { Outcome, Vector } from '../vector.ts';
import { drawCandidate, groupName, type RowOfSet } from './candidate.ts';
import { REDRAW } from './shape.ts';

/** Counts of vectors that were left out, by group and reason. */
export type SkipCounts = Map<string, Map<string, number>>;

/** Where vectors come from: a row, or a generator of MMU or exception cases. */
export interface Source {
  readonly name: string;
  /** Draws number `index`; a string says why it is of no use. */
  readonly draw: (seed: number, index: number) => Vector | string;
  readonly machine: RecorderMachine;
}

export function rowSource(target: RowOfSet): Source {
  return {
    name: groupName(target),
    // MRS and MSR (banked register) belong to the Virtualization Extensions, without which QEMU does not have them.
    machine: /banked/.test(target.row.name) ? 'virtualization' : 'plain',
    draw: (seed, index) => {
      const candidate = drawCandidate(seed, target, index);
      return 'vector' in candidate ? candidate.vector : candidate.skipped;
    },
  };
}

/** J, and bits that are reserved. */
const PSR_NOT_OURS = 0x01f00000;

/** What only shows in the outcome: values from memory that no instruction may take. */
export function unpredictableOutcome({ state }: Outcome): string | undefined {
  const mode = state[W.CPSR]! & 0x1f;
  // No exception leads to the first vector, or to a mode that does not exist: one that comes from the midst of a vector's stub.
  if ((state[W.PC]! & 0x1f) === 0 || !MODES.includes(mode)) return 'a jump into the recorder';
  const spsr = state[registerWord(mode, 14) + 1]!;
  if (!MODES.includes(spsr & 0x1f)) return 'a PSR with a reserved mode';
  if ((spsr & PSR_NOT_OURS) !== 0) return 'a PSR with J or reserved bits';
  const isPrefetchAbort = (state[W.PC]! & 0x1f) === 0x0c;
  if (isPrefetchAbort && (spsr & CPSR.T) === 0 && (state[W.LR_abt]! & 3) !== 0) return 'BXWritePC to xx10';
  return undefined;
}

/** Counts a draw of a group that was left out. */
export function countSkip(skips: SkipCounts, group: string, reason: string): void {
  const reasons = skips.get(group) ?? new Map<string, number>();
  skips.set(group, reasons);
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}

interface Draft {
  readonly source: Source;
  readonly vectors: RecordedVector[];
  next: number;
}

/** Attempts per vector that is wanted, before a row counts as one that cannot be drawn. */
const PATIENCE = 400;

function drawSome(draft: Draft, seed: number, wanted: number, skips: SkipCounts): Vector[] {
  const drawn: Vector[] = [];
  for (let left = wanted * PATIENCE; left > 0 && drawn.length < wanted; left--) {
    const result = draft.source.draw(seed, draft.next++);
    if (typeof result !== 'string') drawn.push(result);
    else if (result !== REDRAW) countSkip(skips, draft.source.name, result);
  }
  return drawn;
}

async function recordAll(
  recorder: Recorder,
  drafts: readonly Draft[],
  drawn: readonly (readonly Vector[])[],
): Promise<ReadonlyMap<Vector, Outcome | undefined>> {
  const all = new Map<Vector, Outcome | undefined>();
  for (const machine of ['plain', 'virtualization'] as const) {
    const vectors = drawn.filter((_, d) => drafts[d]!.source.machine === machine).flat();
    const outcomes = await recorder.record(vectors, machine);
    vectors.forEach((vector, i) => {
      all.set(vector, outcomes[i]);
    });
  }
  return all;
}

/**
 * Draws and records `wanted` vectors of each source.
 * @param rounds how often those that turned out useless are replaced.
 */
export async function generate(
  recorder: Recorder,
  sources: readonly Source[],
  seed: number,
  wanted: (source: Source) => number,
  skips: SkipCounts,
  rounds = 4,
): Promise<readonly RecordedGroup[]> {
  const drafts: Draft[] = sources.map((source) => ({ source, vectors: [], next: 0 }));
  for (let round = 0; round < rounds; round++) {
    const drawn = drafts.map((draft) =>
      drawSome(draft, seed, wanted(draft.source) - draft.vectors.length, skips),
    );
    const outcomes = await recordAll(recorder, drafts, drawn);
    drafts.forEach((draft, d) => {
      for (const vector of drawn[d]!) {
        const outcome = outcomes.get(vector);
        const reason = outcome === undefined ? 'never came to an end' : unpredictableOutcome(outcome);
        if (reason !== undefined) countSkip(skips, draft.source.name, reason);
        else draft.vectors.push({ vector, outcome: outcome! });
      }
    });
  }
  return drafts.map(({ source, vectors }) => ({ name: source.name, vectors }));
}
