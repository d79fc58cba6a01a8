/** The smallest leaf of any table format. */
const PAGE = 4096;
/** Pages that are remembered; a guest that uses more of them sees some reported again. */
const CAPACITY = 1 << 20;
const READ = 1;
const WRITE = 2;

/** A page that was translated otherwise than ever before. */
export interface SeenPage {
  readonly iova: number;
  readonly physical: number;
  /** Bytes: neighbours that lie side by side in physical memory, too, are one. */
  readonly size: number;
}

/** Remembers how an SMMU has translated the accesses of each stream, page by page. */
export class SeenTranslations {
  /** By stream and page: the physical page, and what was done there. */
  private readonly pages = new Map<number, { physical: number; rights: number }>();

  /** @returns the pages that this access was the first to use in this way */
  add(stream: number, iova: number, physical: number, size: number, right: 'r' | 'w'): SeenPage[] {
    const bit = right === 'r' ? READ : WRITE;
    const offset = physical - iova;
    const fresh: { iova: number; physical: number; size: number }[] = [];
    for (let page = iova - (iova % PAGE); page < iova + size; page += PAGE) {
      if (!this.isNew(stream, page, page + offset, bit)) continue;
      const last = fresh.at(-1);
      if (last !== undefined && last.iova + last.size === page) last.size += PAGE;
      else fresh.push({ iova: page, physical: page + offset, size: PAGE });
    }
    return fresh;
  }

  private isNew(stream: number, page: number, physical: number, bit: number): boolean {
    // Bus addresses of an SMMU have 48 bits at most, and pages 12: what is left holds the stream.
    const key = (page / PAGE) * 2 ** 16 + stream;
    const known = this.pages.get(key);
    if (known === undefined) {
      if (this.pages.size === CAPACITY) this.pages.clear();
      this.pages.set(key, { physical, rights: bit });
      return true;
    }
    if (known.physical !== physical) {
      known.physical = physical;
      known.rights = bit;
      return true;
    }
    if ((known.rights & bit) !== 0) return false;
    known.rights |= bit;
    return true;
  }
}
