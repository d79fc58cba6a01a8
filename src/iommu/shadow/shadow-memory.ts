import type { PageWatches } from '../../memory/page-watches.ts';
import type { TableRead } from '../../vmsa/walk.ts';
import type { BarWindow } from './bar-window.ts';

/** Guest RAM, as a shadow of the tables in it uses it, and what else real devices can reach. */
export interface ShadowMemory {
  /** Guest physical address of its start, and its size in bytes. */
  readonly ramBase: number;
  readonly ramSize: number;
  /** All of it, as words. */
  readonly words: Int32Array;
  readonly watches: PageWatches;
  /** Absent: real devices reach RAM alone. */
  readonly bars?: BarWindow | undefined;
  /** Nonzero while the host's IOMMU has to be brought up to date before a barrier is complete. */
  readonly dirtyWord: { set(dirty: boolean): void };
}

/** Reads tables; there are none outside of RAM. */
export function tableReader({ ramBase, ramSize, words }: ShadowMemory): TableRead {
  return (address) => {
    const offset = address - ramBase;
    return offset >= 0 && offset < ramSize ? words[offset >>> 2] >>> 0 : undefined;
  };
}
