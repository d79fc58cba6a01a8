/** Guest instructions in compiled regions that may fault, raise or call out, by number. */
export class SiteTable {
  /** Four words each: PC, ITSTATE, instructions of the block that come after it, the region's number. */
  private words = new Int32Array(4 * 1024);
  private used = 0;

  add(pc: number, it: number, notExecuted: number, region: number): number {
    if (4 * this.used === this.words.length) {
      const larger = new Int32Array(2 * this.words.length);
      larger.set(this.words);
      this.words = larger;
    }
    const { words } = this;
    const at = 4 * this.used;
    words[at] = pc;
    words[at + 1] = it;
    words[at + 2] = notExecuted;
    words[at + 3] = region;
    return this.used++;
  }

  pc(site: number): number {
    return this.words[4 * site];
  }

  it(site: number): number {
    return this.words[4 * site + 1];
  }

  notExecuted(site: number): number {
    return this.words[4 * site + 2];
  }

  region(site: number): number {
    return this.words[4 * site + 3];
  }

  clear(): void {
    this.used = 0;
  }
}
