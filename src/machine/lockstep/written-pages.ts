import { type PageWatches, WatchKind } from '../../memory/page-watches.ts';

const PAGE_SHIFT = 12;

/** Pages of RAM that anybody has written since `begin`. */
export class WrittenPages {
  private readonly watches: PageWatches;
  private readonly marks: Uint8Array;
  private pages: number[] = [];

  constructor(watches: PageWatches, ramBytes: number) {
    this.watches = watches;
    this.marks = new Uint8Array(ramBytes >>> PAGE_SHIFT);
    watches.setWatcher(WatchKind.Written, (ramOffset, length) => this.written(ramOffset, length));
    for (let page = 0; page < this.marks.length; page++) watches.arm(WatchKind.Written, page);
  }

  /** In the order of their first writes. */
  get list(): readonly number[] {
    return this.pages;
  }

  begin(): void {
    for (const page of this.pages) {
      this.marks[page] = 0;
      this.watches.arm(WatchKind.Written, page);
    }
    this.pages = [];
  }

  /** A page that is on the list needs no watch: its stores take the fast path until the next `begin`. */
  private written(ramOffset: number, length: number): void {
    const first = ramOffset >>> PAGE_SHIFT;
    const last = (ramOffset + length - 1) >>> PAGE_SHIFT;
    // Called for each page of a long transfer.
    if (this.marks[first] !== 0 && this.marks[last] !== 0) return;
    for (let page = first; page <= last; page++) {
      if (this.marks[page] !== 0) continue;
      this.marks[page] = 1;
      this.pages.push(page);
      this.watches.disarm(WatchKind.Written, page);
    }
  }
}
