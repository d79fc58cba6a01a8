const PAGES = 4096;
const MIB_BITS = 20;

/**
 * Where code was fetched from, since everything that is known of code was forgotten last. Most TLB maintenance is for
 * pages of data: it need not search the jump cache.
 */
export class FetchedPages {
  /** By the low bits of the page number. */
  private readonly pages = new Uint8Array(PAGES);
  /** MiB with parts of leaves larger than 4 KiB. */
  private readonly large = new Uint8Array(PAGES);

  /** @param leafBits log2 of the size of the leaf that maps `va`. */
  note(va: number, leafBits: number): void {
    this.pages[(va >>> 12) & (PAGES - 1)] = 1;
    if (leafBits > 12) this.noteLarge(va >>> 0, leafBits);
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
    return this.pages[(va >>> 12) & (PAGES - 1)] === 1;
  }

  /** Whether code of a larger leaf than a page was fetched from the MiB of `va`. */
  hasLarge(va: number): boolean {
    return this.large[va >>> MIB_BITS] === 1;
  }

  clear(): void {
    this.pages.fill(0);
    this.large.fill(0);
  }
}
