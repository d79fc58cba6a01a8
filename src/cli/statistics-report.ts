import { OptionError } from '../errors.ts';
import type { EngineStatistics, ShadowStatistics } from '../index.ts';

/** @param shadow of a machine with a real device behind an SMMU */
type Report = (statistics: EngineStatistics, shadow: ShadowStatistics | undefined) => string;

const WIDTH = 24;

/** Writes statistics as the option --stats asks for; undefined without it. @throws OptionError for an unknown format */
export function statisticsReport(flag: boolean | string | undefined): Report | undefined {
  switch (flag) {
    case undefined:
    case false:
      return undefined;
    case true:
    case 'text':
      return (statistics, shadow) =>
        `${[...statisticsText(statistics), ...(shadow ? shadowRows(shadow) : [])].join('\n')}\n`;
    case 'json':
      return (statistics, shadow) =>
        `${JSON.stringify({ ...statistics, ...(shadow && { shadow }) }, undefined, 2)}\n`;
    default:
      throw new OptionError(`--stats: '${flag}' is no format`, 'write --stats or --stats=json');
  }
}

function statisticsText(statistics: EngineStatistics): string[] {
  const { instructions, instructionsBy, blocks, regions, tlb, slowAccesses } = statistics;
  const { regionExits, regionCrossings } = statistics;
  const here = instructionsBy.interpreter + instructionsBy.wasm;
  const share = (part: number): string => `${((100 * part) / Math.max(1, here)).toFixed(2)} %`;
  const entered = Object.values(regionExits).reduce((sum, count) => sum + count, 0);
  const perEntry = number(Math.round(instructionsBy.wasm / Math.max(1, entered)));
  const accesses = (kind: 'interpreter' | 'wasm'): string => counts({ ...slowAccesses[kind] });
  return [
    `statistics of the engine '${statistics.engine}'`,
    row('guest instructions', number(instructions)),
    row(
      '  by the interpreter',
      `${number(instructionsBy.interpreter)} (${share(instructionsBy.interpreter)})`,
    ),
    row('  by regions', `${number(instructionsBy.wasm)} (${share(instructionsBy.wasm)})`),
    row('blocks', counts({ ...blocks })),
    row('regions', `${number(regions.compiled)} in ${number(regions.modules)} modules`),
    row('  guest instructions', number(regions.instructions)),
    row('  bytes of WebAssembly', number(regions.bytes)),
    row('  build, compile', `${regions.buildMs.toFixed(1)} ms, ${regions.compileMs.toFixed(1)} ms`),
    row(
      '  thrown away',
      `${number(regions.invalidated)} invalidated, ${number(regions.evictions)} evictions`,
    ),
    row('entries of regions', `${number(entered)}, ${perEntry} instructions each`),
    row('  came back for', counts({ ...regionExits })),
    row('  went on after', counts({ ...regionCrossings })),
    row(
      'TLB misses',
      `${number(tlb.firstLevelMisses)} first level, ${number(tlb.secondLevelMisses)} second level`,
    ),
    row('slow accesses', `${accesses('interpreter')} (interpreter)`),
    row('', `${accesses('wasm')} (regions)`),
    ...helperRows(statistics),
    ...vectorRows(statistics),
  ];
}

function shadowRows({ maps, unmaps, gaps, dirtyDescriptors, refused }: ShadowStatistics): string[] {
  return [
    row('host IOMMU', `${number(maps)} mapped, ${number(unmaps)} unmapped, ${number(gaps)} gaps`),
    row('', `${number(dirtyDescriptors)} descriptors looked at, ${number(refused)} devices stopped`),
  ];
}

function helperRows({ helperCalls }: EngineStatistics): string[] {
  const rows = Object.entries(helperCalls);
  rows.sort(([, a], [, b]) => b.wasm + b.interpreter - a.wasm - a.interpreter);
  return rows.map(([name, { interpreter, wasm }], i) =>
    row(
      i === 0 ? 'helper calls' : '',
      `${name}: ${number(interpreter)} (interpreter), ${number(wasm)} (regions)`,
    ),
  );
}

function vectorRows({ vectorCalls }: EngineStatistics): string[] {
  return Object.entries(vectorCalls)
    .sort(([, a], [, b]) => b - a)
    .map(([name, calls], i) => row(i === 0 ? 'vector calls' : '', `${name}: ${number(calls)} (regions)`));
}

function row(title: string, text: string): string {
  return `  ${title.padEnd(WIDTH)}${text}`;
}

function counts(values: { readonly [name: string]: number }): string {
  return Object.entries(values)
    .map(([name, count]) => `${number(count)} ${name}`)
    .join(', ');
}

function number(n: number): string {
  return n.toLocaleString('en');
}
