import type { CachedBlock } from '../cache.ts';

/** A page that a region has code in: where the guest sees it, and where it is. */
export interface RegionPage {
  readonly va: number;
  readonly pa: number;
}

/** Source bytes in RAM, from its start. */
export interface RamRange {
  readonly offset: number;
  readonly length: number;
}

/** Any function of WebAssembly; it is cast to what it takes and gives. */
export type WasmFunction = (...args: never[]) => unknown;

export type RegionFunction = (budget: number, tlb: number) => number;

/** Where a region is entered. */
export interface RegionEntry {
  /** The interpreter's block there. */
  readonly block: CachedBlock;
  /** Its number in the table of regions; 0 while the region waits to be compiled. */
  number: number;
}

/** A region of hot code: waiting to be compiled, or in the table. */
export interface CompiledRegion {
  /** The first is the one that it was made for. Others came from regions that it has taken the place of. */
  entries: readonly RegionEntry[];
  pages: readonly RegionPage[];
  ranges: readonly RamRange[];
  /** Guest instructions in its code. */
  instructions: number;
  valid: boolean;
  /** The bytes that it was made from, where somebody may change them unseen. */
  source: Uint8Array | undefined;
  /** Whether the bytes were compared in this epoch. */
  trusted: boolean;
  /** How it was compiled: without calls is better, but for regions whose accesses are too often slow. */
  kind: 'plain' | 'call-free' | 'plain for good';
  /** Accesses that left it since its heat was looked at. */
  slowExits: number;
}
