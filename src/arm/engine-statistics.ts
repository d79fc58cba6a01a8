import { RunResult } from '../translator/interpreter.ts';
import type { RegionStatistics } from '../translator/wasm/region-statistics.ts';
import type { EngineKind } from './engine-kind.ts';

/** Accesses that no fast path takes: TLB misses, devices, pages whose code is watched, accesses that are not aligned. */
export interface SlowAccesses {
  readonly loads: number;
  readonly stores: number;
  /** LDREX, STREX and their like, as far as they leave generated code. */
  readonly exclusives: number;
}

/**
 * Why compiled code came back to the dispatcher. `interrupted`: an event, or the end of a budget. `lookup`: it goes on at an
 * address that no code is known for. `resync`: an exception was taken or the translation context may have changed, and something
 * else was to be done besides, such as an interrupt to be taken. `wait`: WFI, WFE, YIELD. `slow`: an access that the interpreter is
 * to do.
 */
export type RegionExit = 'interrupted' | 'lookup' | 'resync' | 'wait' | 'slow';

/**
 * Why a region ended and the next one followed without the dispatcher. `resync`: the translation context may have changed. `raise`: an
 * exception that an instruction is there for (SVC, undefined). `fault`: a data abort.
 */
export type RegionCrossing = 'resync' | 'raise' | 'fault';

/** What an engine has done since its machine was made; a snapshot's past does not count, but for its instructions. */
export interface EngineStatistics {
  /** What runs guest code. */
  readonly engine: EngineKind;
  /** Guest instructions of all CPUs, those before a restored snapshot included. */
  readonly instructions: number;
  /** Those that each engine has run since the machine was made. */
  readonly instructionsBy: { readonly [K in EngineKind]: number };
  /** Blocks of the interpreter. */
  readonly blocks: {
    readonly translated: number;
    /** Thrown away because their code was written to. */
    readonly invalidated: number;
    /** How often all were thrown away. */
    readonly flushes: number;
  };
  /** Compiled code; all 0 with the interpreter alone. */
  readonly regions: {
    readonly compiled: number;
    /** WebAssembly modules. */
    readonly modules: number;
    /** Guest instructions in compiled regions; those in several count for each. */
    readonly instructions: number;
    /** Bytes of WebAssembly. */
    readonly bytes: number;
    /** Host time for finding, lifting and optimising the code of regions, in milliseconds. */
    readonly buildMs: number;
    /** Host time for writing WebAssembly, and of the host's compiler as far as it is waited for, in milliseconds. */
    readonly compileMs: number;
    readonly invalidated: number;
    /** How often all were thrown away because there were too many. */
    readonly evictions: number;
  };
  /** How often the dispatcher entered compiled code, by why it came back; transfers from region to region are none. */
  readonly regionExits: { readonly [E in RegionExit]: number };
  /** Exceptions and changes of the context after which the next region followed at once. */
  readonly regionCrossings: { readonly [C in RegionCrossing]: number };
  readonly tlb: {
    /** Data accesses that the fast path's arrays did not know the page of. */
    readonly firstLevelMisses: number;
    /** Translations, of data or code, that the second level did not know: table walks. */
    readonly secondLevelMisses: number;
  };
  readonly slowAccesses: { readonly [K in EngineKind]: SlowAccesses };
  /** Calls of functions outside of generated code by name (system registers, exception returns, ...); only what was called. */
  readonly helperCalls: { readonly [name: string]: { readonly [K in EngineKind]: number } };
  /** Calls of vector functions (VFP, Advanced SIMD) that compiled code has made, by name; only what was called. */
  readonly vectorCalls: { readonly [name: string]: number };
}

/** Counts slow accesses. */
export class AccessCounter implements SlowAccesses {
  loads = 0;
  stores = 0;
  exclusives = 0;

  /** What was counted here and not there. */
  without(others: SlowAccesses): SlowAccesses {
    return {
      loads: this.loads - others.loads,
      stores: this.stores - others.stores,
      exclusives: this.exclusives - others.exclusives,
    };
  }

  copy(): SlowAccesses {
    const { loads, stores, exclusives } = this;
    return { loads, stores, exclusives };
  }
}

/** What the runner of regions counts. */
export class RegionCounters {
  readonly accesses = new AccessCounter();
  /** By RunResult. */
  readonly exits = new Float64Array(RunResult.Slow + 1);
  readonly crossings = new Float64Array(RunResult.Slow + 1);
  /** By number of a helper, and of a vector function. */
  readonly helpers: Float64Array;
  readonly vectors: Float64Array;

  constructor(helpers: number, vectors: number) {
    this.helpers = new Float64Array(helpers);
    this.vectors = new Float64Array(vectors);
  }

  exitsByName(): EngineStatistics['regionExits'] {
    const { exits } = this;
    return {
      interrupted: exits[RunResult.Interrupted],
      lookup: exits[RunResult.Lookup],
      resync: exits[RunResult.Resync],
      wait: exits[RunResult.Wait],
      slow: exits[RunResult.Slow],
    };
  }
}

function crossingsByName({ crossings }: RegionCounters): EngineStatistics['regionCrossings'] {
  return {
    resync: crossings[RunResult.Resync],
    raise: crossings[RunResult.Raise],
    fault: crossings[RunResult.Fault],
  };
}

function regionsOf(statistics: RegionStatistics): EngineStatistics['regions'] {
  const { regions, modules, instructions, bytes, buildMs, compileMs, invalidations, evictions } = statistics;
  return {
    compiled: regions,
    modules,
    instructions,
    bytes,
    buildMs,
    compileMs,
    invalidated: invalidations,
    evictions,
  };
}

/** Counts by name, without those of nothing. */
function countsByName(names: readonly string[], counts: Float64Array): Record<string, number> {
  const result: Record<string, number> = {};
  for (const [i, name] of names.entries()) if (counts[i] > 0) result[name] = (result[name] ?? 0) + counts[i];
  return result;
}

type Helper = (a: number, b: number, c: number) => number;

/** A helper that counts its calls. */
export function counted(helper: Helper, counts: Float64Array, index: number): Helper {
  return (a, b, c) => {
    counts[index]++;
    return helper(a, b, c);
  };
}

/** What an engine's parts have counted. */
export interface CountingParts {
  readonly engine: EngineKind;
  /** Since the machine was made, those before it was restored included; then those that were run here. */
  readonly instructions: number;
  readonly interpreted: number;
  readonly compiled: number;
  readonly cache: { readonly translated: number; readonly invalidated: number; readonly flushes: number };
  readonly regions: RegionStatistics;
  readonly tlb: { readonly misses: number; readonly main: { readonly misses: number } };
  readonly counters: RegionCounters;
  /** Of the interpreter and of regions. */
  readonly accesses: AccessCounter;
  readonly helpers: readonly string[];
  readonly helperCalls: Float64Array;
  readonly vectors: readonly { readonly name: string }[];
}

/** All of it as one value. */
export function engineStatistics(parts: CountingParts): EngineStatistics {
  const { cache, tlb, counters, helpers } = parts;
  const inRegions = countsByName(helpers, counters.helpers);
  return {
    engine: parts.engine,
    instructions: parts.instructions,
    instructionsBy: { interpreter: parts.interpreted, wasm: parts.compiled },
    blocks: { translated: cache.translated, invalidated: cache.invalidated, flushes: cache.flushes },
    regions: regionsOf(parts.regions),
    regionExits: counters.exitsByName(),
    regionCrossings: crossingsByName(counters),
    tlb: { firstLevelMisses: tlb.misses, secondLevelMisses: tlb.main.misses },
    slowAccesses: {
      interpreter: parts.accesses.without(counters.accesses),
      wasm: counters.accesses.copy(),
    },
    helperCalls: Object.fromEntries(
      Object.entries(countsByName(helpers, parts.helperCalls)).map(([name, calls]) => {
        const wasm = inRegions[name] ?? 0;
        return [name, { interpreter: calls - wasm, wasm }];
      }),
    ),
    vectorCalls: countsByName(
      parts.vectors.map(({ name }) => name),
      counters.vectors,
    ),
  };
}
