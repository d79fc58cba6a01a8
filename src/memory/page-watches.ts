/** Told about writes to a watched page of RAM. */
export type PageWatcher = (ramOffset: number, length: number) => void;

/** Who wants to know that a page is about to be watched: TLBs, which must then send its stores down the slow path. */
export type WatchArmedListener = (page: number) => void;

const PAGE_SHIFT = 12;

/** Reasons to watch a page; each has one watcher. */
export const enum WatchKind {
  /** The page holds guest code that has been translated. */
  Code = 1,
  /** Somebody wants to know which pages are written: engines in lockstep. */
  Written = 2,
  /** Code of the page has been compiled into a region. */
  Region = 4,
  /** The page holds translation tables of an SMMU that the host's IOMMU follows. */
  Table = 8,
}

/**
 * Which pages of RAM must report their stores. There is one mechanism for all reasons: a watched page has no
 * write permission in any TLB array, so every store to it takes the slow path and comes by here.
 */
export class PageWatches {
  /** A real device can write RAM without anybody being told. Set before anything runs. */
  bypassed = false;
  private readonly kinds: Uint8Array;
  private readonly watchers: (PageWatcher | undefined)[] = [];
  private readonly armedListeners: WatchArmedListener[] = [];

  constructor(ramBytes: number) {
    this.kinds = new Uint8Array(ramBytes >>> PAGE_SHIFT);
  }

  setWatcher(kind: WatchKind, watcher: PageWatcher): void {
    this.watchers[kind] = watcher;
  }

  onArmed(listener: WatchArmedListener): void {
    this.armedListeners.push(listener);
  }

  isWatched(page: number): boolean {
    return this.kinds[page] !== 0;
  }

  /** Whether this is the only reason to watch a page. */
  isWatchedFor(page: number, kind: WatchKind): boolean {
    return this.kinds[page] === kind;
  }

  arm(kind: WatchKind, page: number): void {
    const before = this.kinds[page];
    this.kinds[page] = before | kind;
    if (before === 0) for (const listener of this.armedListeners) listener(page);
  }

  /** Stores find out by themselves: the next slow store may fill a writable TLB entry again. */
  disarm(kind: WatchKind, page: number): void {
    this.kinds[page] &= ~kind;
  }

  /** A write of `length` bytes at `ramOffset` (bytes from the start of RAM) has happened. */
  written(ramOffset: number, length: number): void {
    // Differences of physical addresses are objects to V8, unless they are made integers.
    const offset = ramOffset >>> 0;
    const last = (offset + length - 1) >>> PAGE_SHIFT;
    for (let page = offset >>> PAGE_SHIFT; page <= last; page++) {
      const kinds = this.kinds[page];
      if (kinds === 0) continue;
      for (let kind = 1; kind <= kinds; kind <<= 1) {
        if ((kinds & kind) !== 0) this.watchers[kind]?.(offset, length);
      }
    }
  }
}
