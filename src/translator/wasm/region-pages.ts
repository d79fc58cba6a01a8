import { type PageWatches, WatchKind } from '../../memory/page-watches.ts';
import type { CompiledRegion, RamRange } from './compiled-region.ts';

const PAGE_SHIFT = 12;

/** Which regions have code in a page, by where it lies in RAM and by where the guest sees it. Watches stores to these pages. */
export class RegionPages {
  private readonly watches: PageWatches;
  /** By page of RAM. */
  private byRamPage = new Map<number, Set<CompiledRegion>>();
  /** By virtual page other than an entry's: who must be found anew when that page moves. */
  private bySecondPage = new Map<number, Set<CompiledRegion>>();
  private readonly rewrites = new Map<number, number>();

  constructor(watches: PageWatches) {
    this.watches = watches;
  }

  add(compiled: CompiledRegion): void {
    for (const page of pagesOf(compiled.ranges)) {
      if (!this.byRamPage.has(page)) this.watches.arm(WatchKind.Region, page);
      addTo(this.byRamPage, page, compiled);
    }
    for (const { va } of compiled.pages) {
      if (compiled.entries.some(({ block }) => (block.pc & -4096) !== va))
        addTo(this.bySecondPage, va, compiled);
    }
  }

  remove(compiled: CompiledRegion): void {
    for (const page of pagesOf(compiled.ranges)) removeFrom(this.byRamPage, page, compiled);
    for (const { va } of compiled.pages) removeFrom(this.bySecondPage, va, compiled);
  }

  /** Forgets all regions, but not how often their pages were rewritten. */
  clear(): void {
    for (const page of this.byRamPage.keys()) this.watches.disarm(WatchKind.Region, page);
    this.byRamPage = new Map();
    this.bySecondPage = new Map();
  }

  /** Regions that are entered in other pages than this virtual one, too, and have code in it. */
  reachingInto(va: number): Iterable<CompiledRegion> {
    return this.bySecondPage.get(va & -4096) ?? [];
  }

  /** Calls `action` for each region with code in a part of RAM. */
  forRegionsIn(offset: number, length: number, action: (compiled: CompiledRegion) => void): void {
    const end = offset + length;
    for (let page = offset >>> PAGE_SHIFT; page * 4096 < end; page++) {
      const onPage = this.byRamPage.get(page);
      if (onPage === undefined) continue;
      for (const compiled of onPage) {
        if (compiled.ranges.some((range) => range.offset < end && offset < range.offset + range.length)) {
          action(compiled);
        }
      }
    }
  }

  /** No longer watches the pages of a part of RAM in which no code is left. */
  unwatchEmpty(offset: number, length: number): void {
    for (let page = offset >>> PAGE_SHIFT; page * 4096 < offset + length; page++) {
      if (!this.byRamPage.has(page)) this.watches.disarm(WatchKind.Region, page);
    }
  }

  /** A region's code was written to. */
  noteRewrite(compiled: CompiledRegion): void {
    for (const page of pagesOf(compiled.ranges)) this.rewrites.set(page, this.rewritesOf(page) + 1);
  }

  /** How often code in a page of RAM was written to. */
  rewritesOf(page: number): number {
    return this.rewrites.get(page) ?? 0;
  }
}

/** Pages of RAM; one may come more than once. */
function* pagesOf(ranges: readonly RamRange[]): Generator<number> {
  for (const { offset, length } of ranges) {
    for (let page = offset >>> PAGE_SHIFT; page * 4096 < offset + length; page++) yield page;
  }
}

function addTo<T>(map: Map<number, Set<T>>, key: number, value: T): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}

function removeFrom<T>(map: Map<number, Set<T>>, key: number, value: T): void {
  const set = map.get(key);
  if (set?.delete(value) === true && set.size === 0) map.delete(key);
}
