import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';

const PAGES = 2 ** 20;
const PAGE_BITS = 12;
const MIB_BITS = 20;

/**
 * Pages of virtual addresses of which something is remembered, and the MiB in which it is of larger leaves. Guests invalidate
 * far more pages than they ever use (Linux does whole ranges), and most maintenance ends with a look at this.
 */
export class PageSet {
  /** A bit for each page. */
  private readonly pages: Int32Array<ArrayBufferLike>;
  /** MiB with parts of leaves larger than 4 KiB. */
  private readonly large: Uint8Array<ArrayBufferLike>;

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
    this.pages[page >>> 5] |= 1 << (page & 31);
    if (leafBits > PAGE_BITS) this.noteLarge(va, leafBits);
  }

  private noteLarge(va: number, leafBits: number): void {
    const mib = va >>> MIB_BITS;
    if (this.large[mib] === 1) return;
    if (leafBits <= MIB_BITS) {
      this.large[mib] = 1;
      return;
    }
    const count = 1 << (leafBits - MIB_BITS);
    const from = mib - (mib % count);
    this.large.fill(1, from, from + count);
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
    this.pages.fill(0);
    this.large.fill(0);
  }
}
