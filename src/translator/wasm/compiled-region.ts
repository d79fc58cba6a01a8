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

/** A region of hot code: waiting to be compiled (number 0), or in the table. */
export interface CompiledRegion {
  readonly pc: number;
  /** The interpreter's block at its entry. */
  readonly block: CachedBlock;
  pages: readonly RegionPage[];
  ranges: readonly RamRange[];
  /** Guest instructions in its code. */
  instructions: number;
  /** Its number in the table of regions. */
  number: number;
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
