const PAGE_SHIFT = 12;
const CHUNK_SHIFT = 21;
const PAGES_IN_CHUNK = 1 << (CHUNK_SHIFT - PAGE_SHIFT);

/**
 * Which pages of RAM real devices may write, by how many mappings. Large mappings count by chunks of 2 MiB, so that what a guest
 * can have done with one descriptor stays little work.
 */
export class WritableRam {
  private readonly pages: Uint32Array;
  private readonly chunks: Uint32Array;

  constructor(ramSize: number) {
    this.pages = new Uint32Array(ramSize >>> PAGE_SHIFT);
    this.chunks = new Uint32Array(Math.ceil(ramSize / 2 ** CHUNK_SHIFT));
  }

  has(page: number): boolean {
    return this.pages[page] !== 0 || this.chunks[Math.floor(page / PAGES_IN_CHUNK)] !== 0;
  }

  /**
   * Counts a mapping, or counts it no longer.
   * @param by 1 or -1
   * @param changed called for each page that may be writable now and was not, or the other way round
   */
  count(ramOffset: number, length: number, by: 1 | -1, changed: (page: number) => void): void {
    const end = (ramOffset + length) / 2 ** PAGE_SHIFT;
    for (let page = ramOffset / 2 ** PAGE_SHIFT; page < end; ) {
      const chunk = Math.floor(page / PAGES_IN_CHUNK);
      const isWhole = page % PAGES_IN_CHUNK === 0 && page + PAGES_IN_CHUNK <= end;
      if (isWhole) {
        this.chunks[chunk] += by;
        if (this.chunks[chunk] === (by === 1 ? 1 : 0)) {
          for (let i = 0; i < PAGES_IN_CHUNK; i++) changed(page + i);
        }
        page += PAGES_IN_CHUNK;
      } else {
        this.pages[page] += by;
        if (this.pages[page] === (by === 1 ? 1 : 0)) changed(page);
        page++;
      }
    }
  }
}
