import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { EngineKind } from '../../../src/arm/engine-kind.ts';
import { AT_ONCE } from '../../arm/at-once.ts';
import { encodeVectors, type RecordedGroup, type RecordedVector } from '../codec.ts';
import { CoreUnderTest } from '../core-under-test.ts';
import { Recorder } from '../recorder.ts';
import { FRESH_LIMIT, LIMIT, replayVector } from '../replay.ts';
import { changesMemoryTypes, isAbortedExclusiveStore } from '../unknown-registers.ts';
import { SETS, vectorFilePath } from '../vector-files.ts';
import { BLOCK_SOURCES } from './block-sources.ts';
import { CHANGE_SOURCES } from './change-sources.ts';
import { EXCEPTION_SOURCES } from './exception-sources.ts';
import {
  countSkip,
  generate,
  rowSource,
  type SkipCounts,
  type Source,
  unpredictableOutcome,
} from './generate.ts';
import { LEFT_OUT } from './left-out.ts';
import { LONG_SOURCES } from './long-sources.ts';
import { MMU_SOURCES } from './mmu-sources.ts';
import { RANDOM_BLOCK_SOURCES } from './random-blocks.ts';
import { UNDEFINED_SOURCES } from './undefined-sources.ts';

/** Committed vectors of each row. */
const COMMITTED_PER_ROW = 120;
const DEFAULT_VECTORS = 60_000;
const DEFAULT_BLOCKS = 200_000;
/** Blocks of each kind in one run of QEMU. */
const BLOCKS_AT_ONCE = 3000;
/** Share of the blocks that may turn out useless. */
const MOST_LEFT_OUT = 0.01;
const SHOWN_FAILURES = 20;
const FILES = [...SETS.map(({ name }) => name), 'system', 'blocks'] as const;

interface SourceSet {
  readonly name: string;
  readonly extensions: boolean;
  /** How many times as many vectors as a row its groups get: they have many cases of their own. */
  readonly weight: number;
  readonly sources: readonly Source[];
}

function sourceSets(filter: RegExp): readonly SourceSet[] {
  const sets = [
    ...SETS.map(({ name, extensions, rows }) => ({
      name,
      extensions,
      weight: 1,
      sources: rows.map(rowSource),
    })),
    {
      name: 'system',
      extensions: false,
      weight: 3,
      sources: [...MMU_SOURCES, ...CHANGE_SOURCES, ...EXCEPTION_SOURCES, ...UNDEFINED_SOURCES],
    },
    { name: 'random', extensions: true, weight: 8, sources: [...RANDOM_BLOCK_SOURCES, ...LONG_SOURCES] },
    { name: 'blocks', extensions: false, weight: 12, sources: BLOCK_SOURCES },
  ];
  return sets.map((set) => ({ ...set, sources: set.sources.filter((s) => filter.test(s.name)) }));
}

function printSkips(skips: SkipCounts, verbose: boolean): void {
  const totals = new Map<string, number>();
  for (const [group, reasons] of skips) {
    for (const [reason, count] of reasons) {
      totals.set(reason, (totals.get(reason) ?? 0) + count);
      if (verbose) console.log(`  left out of ${group}: ${count} x ${reason}`);
    }
  }
  console.log('draws left out, by reason:');
  for (const [reason, count] of [...totals].sort(([, a], [, b]) => b - a)) {
    const known = LEFT_OUT.get(reason);
    const why = known === undefined ? 'not in left-out.ts' : `${known.cause}, ${known.section}`;
    console.log(`  ${count} x ${reason}: ${why}`);
  }
}

/** What to record: all options of the command line together. */
interface Plan {
  readonly seed: number;
  /** Rows and other groups, by name. */
  readonly rows: RegExp;
  /** Vectors in all, or of each row. */
  readonly vectors: number;
  readonly perRow: number | undefined;
  /** Random blocks in all. */
  readonly blocks: number;
  /** Files to write. */
  readonly files: readonly string[];
  readonly verbose: boolean;
  /** What fresh vectors are replayed in. */
  readonly engines: readonly EngineKind[];
}

async function record(recorder: Recorder, { seed, files, verbose }: Plan): Promise<number> {
  const skips: SkipCounts = new Map();
  for (const { name, extensions, weight, sources } of sourceSets(/./)) {
    if (!files.includes(name)) continue;
    const wanted = COMMITTED_PER_ROW * weight;
    const groups = await generate(recorder, sources, seed, () => wanted, skips);
    const bytes = encodeVectors({ seed, extensions, groups });
    writeFileSync(vectorFilePath(name), bytes);
    const count = groups.reduce((sum, { vectors }) => sum + vectors.length, 0);
    console.log(`${vectorFilePath(name)}: ${groups.length} groups, ${count} vectors, ${bytes.length} bytes`);
    for (const { name: group, vectors } of groups) {
      if (vectors.length < wanted) console.log(`  only ${vectors.length} vectors of ${group}`);
    }
  }
  printSkips(skips, verbose);
  return 0;
}

interface Tally {
  replayed: number;
  failed: number;
  readonly byGroup: Map<string, number>;
  /** What the first ones that differ look like. */
  readonly reports: string[];
}

const ENGINES: readonly EngineKind[] = ['interpreter', 'wasm'];

/** A CPU of each engine, to replay everything in all of them. */
class Engines {
  /** The first one. */
  readonly cpu: CoreUnderTest;
  private readonly all: readonly { readonly kind: EngineKind; readonly cpu: CoreUnderTest }[];

  constructor(kinds: readonly EngineKind[]) {
    this.all = kinds.map((kind) => ({
      kind,
      cpu: new CoreUnderTest(kind === 'wasm' ? AT_ONCE : undefined),
    }));
    this.cpu = this.all[0]!.cpu;
  }

  get strayed(): boolean {
    return this.all.some(({ cpu }) => cpu.strayed);
  }

  /** @returns what differs in the first engine in which something does */
  replay(name: string, recorded: RecordedVector): string | undefined {
    let first: string | undefined;
    for (const { kind, cpu } of this.all)
      first ??= replayVector(cpu, `${name} (${kind})`, recorded, FRESH_LIMIT);
    return first;
  }
}

function replayGroups(
  engines: Engines,
  groups: readonly RecordedGroup[],
  tally: Tally,
  skips: SkipCounts,
): void {
  for (const { name, vectors } of groups) {
    for (const recorded of vectors) {
      count(engines.cpu, { name, recorded, failure: engines.replay(name, recorded) }, tally, skips);
    }
  }
}

interface Replayed {
  readonly name: string;
  readonly recorded: RecordedVector;
  /** What differs. */
  readonly failure: string | undefined;
}

function count(
  cpu: CoreUnderTest,
  { name, recorded, failure }: Replayed,
  tally: Tally,
  skips: SkipCounts,
): void {
  tally.replayed++;
  if (failure === undefined) return;
  if (cpu.touchesRecorder(recorded.vector, FRESH_LIMIT)) {
    tally.replayed--;
    countSkip(skips, name, 'an access to the pages of the recorder');
    return;
  }
  if (cpu.runsSecondHalf(recorded.vector, LIMIT)) {
    tally.replayed--;
    countSkip(skips, name, 'a jump into an instruction');
    return;
  }
  cpu.start(recorded.vector);
  cpu.run(FRESH_LIMIT);
  const outcome = cpu.outcome();
  const reason = isAbortedExclusiveStore(recorded.vector, outcome)
    ? 'an exclusive store that aborts'
    : changesMemoryTypes(recorded.vector, outcome)
      ? 'a change of memory types'
      : undefined;
  if (reason !== undefined) {
    tally.replayed--;
    countSkip(skips, name, reason);
    return;
  }
  if (tally.failed++ < SHOWN_FAILURES) tally.reports.push(failure);
  tally.byGroup.set(name, (tally.byGroup.get(name) ?? 0) + 1);
}

/**
 * Replays blocks in the order in which QEMU ran them. One that strays from the data pages has changed what those behind it
 * found in QEMU: it is left out, and they are recorded again without it. One that differs is recorded once more without the
 * others, so that nothing that they left behind counts.
 */
async function replayBlocks(
  recorder: Recorder,
  groups: readonly RecordedGroup[],
  tally: Tally,
  skips: SkipCounts,
  kinds: readonly EngineKind[],
): Promise<void> {
  let engines = new Engines(kinds);
  const different: { readonly name: string; readonly recorded: RecordedVector }[] = [];
  let blocks = groups.flatMap(({ name, vectors }) => vectors.map((recorded) => ({ name, recorded })));
  for (let i = 0; i < blocks.length; i++) {
    const { name, recorded } = blocks[i]!;
    const failure = engines.replay(name, recorded);
    if (!engines.strayed) {
      if (failure === undefined) tally.replayed++;
      else different.push({ name, recorded });
      continue;
    }
    countSkip(skips, name, 'an access to the pages of the recorder');
    // Ours has been changed, too.
    engines = new Engines(kinds);
    const rest = blocks.slice(i + 1);
    const outcomes = await recorder.record(
      rest.map((block) => block.recorded.vector),
      'plain',
    );
    blocks = rest.flatMap(({ name: group, recorded: { vector } }, n) => {
      const outcome = outcomes[n];
      const reason = outcome === undefined ? 'never came to an end' : unpredictableOutcome(outcome);
      if (reason !== undefined) countSkip(skips, group, reason);
      return outcome === undefined || reason !== undefined
        ? []
        : [{ name: group, recorded: { vector, outcome } }];
    });
    i = -1;
  }
  if (different.length === 0) return;
  const vectors = different.map(({ recorded }) => recorded.vector);
  const outcomes = await recorder.record(vectors, 'plain');
  for (const [i, { name }] of different.entries()) {
    const outcome = outcomes[i];
    if (outcome === undefined) {
      countSkip(skips, name, 'never came to an end');
      continue;
    }
    const recorded = { vector: vectors[i]!, outcome };
    const alone = new Engines(kinds);
    count(alone.cpu, { name, recorded, failure: alone.replay(name, recorded) }, tally, skips);
  }
}

async function freshRows(recorder: Recorder, plan: Plan, tally: Tally, skips: SkipCounts): Promise<void> {
  const sets = sourceSets(plan.rows);
  const total = sets.reduce((sum, { weight, sources }) => sum + weight * sources.length, 0);
  if (total === 0) throw new Error(`no row and no group has a name like ${plan.rows}`);
  const engines = new Engines(plan.engines);
  for (const { name, weight, sources } of sets) {
    if (sources.length === 0) continue;
    const perSource = plan.perRow ?? weight * Math.ceil(plan.vectors / total);
    const groups = await generate(recorder, sources, plan.seed, () => perSource, skips);
    replayGroups(engines, groups, tally, skips);
    console.log(
      `${name}: ${sources.length} groups of ${perSource}; ${tally.replayed} replayed, ${tally.failed} differ so far`,
    );
    for (const { name: group, vectors } of groups) {
      if (vectors.length < perSource) console.log(`  only ${vectors.length} vectors of ${group}`);
    }
  }
}

/**
 * Draws and replays blocks while QEMU records others.
 * @returns whether few enough of them were left out.
 */
async function freshBlocks(
  recorder: Recorder,
  plan: Plan,
  tally: Tally,
  skips: SkipCounts,
): Promise<boolean> {
  const perRound = BLOCKS_AT_ONCE * RANDOM_BLOCK_SOURCES.length;
  const rounds = Math.ceil(plan.blocks / perRound);
  const each = Math.ceil(plan.blocks / rounds / RANDOM_BLOCK_SOURCES.length);
  const start = (round: number): ReturnType<typeof generate> =>
    generate(recorder, RANDOM_BLOCK_SOURCES, (plan.seed + round) >>> 0, () => each, skips, 1);
  const before = tally.replayed;
  let recording = start(0);
  for (let round = 0; round < rounds; round++) {
    const groups = await recording;
    if (round + 1 < rounds) recording = start(round + 1);
    const failed = tally.failed;
    await replayBlocks(recorder, groups, tally, skips, plan.engines);
    if (tally.failed > failed) {
      console.log(
        `${tally.failed - failed} blocks differ: --rows random --per-row ${each} --seed ${plan.seed + round}`,
      );
    }
  }
  const blocks = tally.replayed - before;
  const skipped = rounds * each * RANDOM_BLOCK_SOURCES.length - blocks;
  const percent = ((100 * skipped) / (blocks + skipped)).toFixed(2);
  console.log(`${blocks} blocks replayed, ${tally.failed} differ; ${skipped} left out (${percent} %)`);
  return skipped <= MOST_LEFT_OUT * (blocks + skipped);
}

async function fresh(recorder: Recorder, plan: Plan): Promise<number> {
  const { seed } = plan;
  const skips: SkipCounts = new Map();
  const tally: Tally = { replayed: 0, failed: 0, byGroup: new Map(), reports: [] };
  if (plan.vectors > 0) await freshRows(recorder, plan, tally, skips);
  const enough = plan.blocks === 0 || (await freshBlocks(recorder, plan, tally, skips));
  printSkips(skips, plan.verbose);
  if (!enough) {
    console.log(`more than ${100 * MOST_LEFT_OUT} % of the blocks were left out`);
    return 1;
  }
  if (tally.failed === 0) {
    console.log(`${tally.replayed} fresh vectors agree with QEMU (seed ${seed})`);
    return 0;
  }
  console.log(tally.reports.join('\n'));
  for (const [group, failures] of tally.byGroup) console.log(`  ${failures} differ in ${group}`);
  console.log(
    `${tally.failed} of ${tally.replayed} vectors differ: npm run conformance:fresh -- --seed ${seed}`,
  );
  return 1;
}

/** `record` rewrites committed vectors; `fresh` records others and replays them at once. @returns exit code. */
export async function main(command: string | undefined, args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      vectors: { type: 'string' },
      rows: { type: 'string' },
      'per-row': { type: 'string' },
      blocks: { type: 'string' },
      files: { type: 'string' },
      verbose: { type: 'boolean' },
      engine: { type: 'string' },
    },
  });
  const onlyRows = [values.rows, values.vectors, values['per-row']].some((value) => value !== undefined);
  const onlyBlocks = values.blocks !== undefined && !onlyRows;
  const plan: Plan = {
    seed: Number(values.seed ?? Math.floor(Math.random() * 0x100000000)),
    rows: new RegExp(values.rows ?? '.'),
    vectors: Number(values.vectors ?? (onlyBlocks ? 0 : DEFAULT_VECTORS)),
    blocks: Number(values.blocks ?? (onlyRows ? 0 : DEFAULT_BLOCKS)),
    perRow: values['per-row'] === undefined ? undefined : Number(values['per-row']),
    files: (values.files ?? FILES.join()).split(','),
    verbose: values.verbose ?? false,
    engines: ENGINES.filter((kind) => values.engine === undefined || kind === values.engine),
  };
  if (plan.engines.length === 0) throw new Error(`--engine ${values.engine} is none of ${ENGINES.join()}`);
  const recorder = new Recorder();
  try {
    console.log(`seed ${plan.seed}`);
    if (command === 'record') return await record(recorder, plan);
    if (command === 'fresh') return await fresh(recorder, plan);
    console.error(`conformance: ${command} is neither record nor fresh`);
    return 2;
  } finally {
    recorder.close();
  }
}
