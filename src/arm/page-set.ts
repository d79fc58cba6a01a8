import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';

const PAGES = 2 ** 20;
const PAGE_BITS = 12;
const MIB_BITS = 20;
/** So many places of each table are remembered; with more, all of the table is emptied. A fork has some hundred pages in few words. */
const MOST = 512;

/**
 * Pages of virtual addresses of which something is remembered, and the MiB in which it is of larger leaves. Guests invalidate
 * far more pages than they ever use (Linux does whole ranges), and most maintenance ends with a look at this.
 */
export class PageSet {
  /** A bit for each page. */
  private readonly pages: Int32Array<ArrayBufferLike>;
  /** MiB with parts of leaves larger than 4 KiB. */
  private readonly large: Uint8Array<ArrayBufferLike>;
  /** Where `pages` and `large` may hold something: kernels empty this with each process, and both are larger than a CPU's first cache. */
  private readonly words = new Uint16Array(MOST);
  private readonly mibs = new Uint16Array(MOST);
  private wordCount = MOST + 1;
  private mibCount = MOST + 1;

  /** @param pages 2^15 words, and `large` 2^12 bytes, where somebody else looks at them too */
  constructor(
    pages: Int32Array<ArrayBufferLike> = new Int32Array(PAGES / 32),
    large: Uint8Array<ArrayBufferLike> = new Uint8Array(PAGES >>> (MIB_BITS - PAGE_BITS)),
  ) {
    this.pages = pages;
    this.large = large;
    this.clear();
  }

  /** The one that generated code looks at before it calls for maintenance of a page: `pageNoted` of the IR. */
  static inMemory({ words, bytes }: MachineMemory): PageSet {
    const { notedPages, notedMibs } = MemoryLayout;
    return new PageSet(
      words.subarray(notedPages >>> 2, (notedPages >>> 2) + PAGES / 32),
      bytes.subarray(notedMibs, notedMibs + (PAGES >>> (MIB_BITS - PAGE_BITS))),
    );
  }

  /** @param leafBits log2 of the size of the leaf that maps `va`. */
  note(va: number, leafBits: number): void {
    const page = va >>> PAGE_BITS;
    const word = page >>> 5;
    if (this.pages[word] === 0) {
      if (this.wordCount < MOST) this.words[this.wordCount] = word;
      if (this.wordCount <= MOST) this.wordCount++;
    }
    this.pages[word] |= 1 << (page & 31);
    if (leafBits > PAGE_BITS) this.noteLarge(va, leafBits);
  }

  private noteLarge(va: number, leafBits: number): void {
    const mib = va >>> MIB_BITS;
    if (this.large[mib] === 1) return;
    const count = leafBits <= MIB_BITS ? 1 : 1 << (leafBits - MIB_BITS);
    const from = mib - (mib % count);
    for (let i = from; i < from + count; i++) {
      this.large[i] = 1;
      if (this.mibCount < MOST) this.mibs[this.mibCount] = i;
      if (this.mibCount <= MOST) this.mibCount++;
    }
  }

  hasPage(va: number): boolean {
    const page = va >>> PAGE_BITS;
    return ((this.pages[page >>> 5] >>> (page & 31)) & 1) === 1;
  }

  /** Whether something of a larger leaf than a page was noted in the MiB of `va`. */
  hasLarge(va: number): boolean {
    return this.large[va >>> MIB_BITS] === 1;
  }

  /** Forgets a page, but not what larger leaf it may be in. */
  dropPage(va: number): void {
    const page = va >>> PAGE_BITS;
    this.pages[page >>> 5] &= ~(1 << (page & 31));
  }

  clear(): void {
    empty(this.pages, this.words, this.wordCount);
    empty(this.large, this.mibs, this.mibCount);
    this.wordCount = 0;
    this.mibCount = 0;
  }
}

function empty(
  table: Int32Array<ArrayBufferLike> | Uint8Array<ArrayBufferLike>,
  places: Uint16Array,
  count: number,
): void {
  if (count > MOST) table.fill(0);
  else for (let i = 0; i < count; i++) table[places[i]] = 0;
}
