import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { encodeVectors, type RecordedGroup } from '../codec.ts';
import { CoreUnderTest } from '../core-under-test.ts';
import { Recorder } from '../recorder.ts';
import { replayVector } from '../replay.ts';
import { SETS, vectorFilePath } from '../vector-files.ts';
import { BLOCK_SOURCES } from './block-sources.ts';
import { CHANGE_SOURCES } from './change-sources.ts';
import { EXCEPTION_SOURCES } from './exception-sources.ts';
import { generate, rowSource, type SkipCounts, type Source } from './generate.ts';
import { LEFT_OUT } from './left-out.ts';
import { MMU_SOURCES } from './mmu-sources.ts';
import { UNDEFINED_SOURCES } from './undefined-sources.ts';

/** Committed vectors of each row. */
const COMMITTED_PER_ROW = 120;
const DEFAULT_FRESH = 200_000;
const SHOWN_FAILURES = 20;

interface SourceSet {
  readonly name: string;
  /** How many times as many vectors as a row its groups get: they have many cases of their own. */
  readonly weight: number;
  readonly sources: readonly Source[];
}

function sourceSets(filter: RegExp): readonly SourceSet[] {
  const sets = [
    ...SETS.map(({ name, rows }) => ({ name, weight: 1, sources: rows.map(rowSource) })),
    {
      name: 'system',
      weight: 3,
      sources: [...MMU_SOURCES, ...CHANGE_SOURCES, ...EXCEPTION_SOURCES, ...UNDEFINED_SOURCES],
    },
    { name: 'blocks', weight: 12, sources: BLOCK_SOURCES },
  ];
  return sets.map(({ name, weight, sources }) => ({
    name,
    weight,
    sources: sources.filter((s) => filter.test(s.name)),
  }));
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

async function record(recorder: Recorder, seed: number, verbose: boolean): Promise<number> {
  const skips: SkipCounts = new Map();
  for (const { name, weight, sources } of sourceSets(/./)) {
    const wanted = COMMITTED_PER_ROW * weight;
    const groups = await generate(recorder, sources, seed, () => wanted, skips);
    const bytes = encodeVectors({ seed, groups });
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
}

function replayGroups(cpu: CoreUnderTest, groups: readonly RecordedGroup[], tally: Tally): void {
  for (const { name, vectors } of groups) {
    for (const recorded of vectors) {
      tally.replayed++;
      const failure = replayVector(cpu, name, recorded);
      if (failure === undefined) continue;
      if (tally.failed++ < SHOWN_FAILURES) console.log(failure);
      tally.byGroup.set(name, (tally.byGroup.get(name) ?? 0) + 1);
    }
  }
}

async function fresh(
  recorder: Recorder,
  seed: number,
  count: number,
  filter: RegExp,
  verbose: boolean,
): Promise<number> {
  const sets = sourceSets(filter);
  const total = sets.reduce((sum, { weight, sources }) => sum + weight * sources.length, 0);
  const perSource = Math.ceil(count / Math.max(total, 1));
  const cpu = new CoreUnderTest();
  const skips: SkipCounts = new Map();
  const tally: Tally = { replayed: 0, failed: 0, byGroup: new Map() };
  for (const { name, weight, sources } of sets) {
    if (sources.length === 0) continue;
    const groups = await generate(recorder, sources, seed, () => weight * perSource, skips);
    replayGroups(cpu, groups, tally);
    console.log(
      `${name}: ${sources.length} groups of ${weight * perSource}; ${tally.replayed} replayed, ${tally.failed} differ so far`,
    );
  }
  printSkips(skips, verbose);
  if (tally.failed === 0) {
    console.log(`${tally.replayed} fresh vectors agree with QEMU (seed ${seed})`);
    return 0;
  }
  for (const [group, failures] of tally.byGroup) console.log(`  ${failures} differ in ${group}`);
  console.log(
    `${tally.failed} of ${tally.replayed} vectors differ: npm run conformance:fresh -- --seed ${seed}`,
  );
  return 1;
}

/** `record` rewrites the committed vectors; `fresh` records others and replays them at once. @returns exit code. */
export async function main(command: string | undefined, args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      vectors: { type: 'string' },
      groups: { type: 'string' },
      verbose: { type: 'boolean' },
    },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 0x100000000));
  const recorder = new Recorder();
  try {
    console.log(`seed ${seed}`);
    const verbose = values.verbose ?? false;
    if (command === 'record') return await record(recorder, seed, verbose);
    if (command === 'fresh') {
      const count = Number(values.vectors ?? DEFAULT_FRESH);
      return await fresh(recorder, seed, count, new RegExp(values.groups ?? '.'), verbose);
    }
    console.error(`conformance: ${command} is neither record nor fresh`);
    return 2;
  } finally {
    recorder.close();
  }
}
