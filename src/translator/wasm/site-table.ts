/** Guest instructions in compiled regions that may fault, raise or call out, by number. */
export class SiteTable {
  /** Three words each: PC, ITSTATE, instructions of the block that come after it. */
  private words = new Int32Array(3 * 1024);
  private used = 0;

  add(pc: number, it: number, notExecuted: number): number {
    if (3 * this.used === this.words.length) {
      const larger = new Int32Array(2 * this.words.length);
      larger.set(this.words);
      this.words = larger;
    }
    this.words.set([pc, it, notExecuted], 3 * this.used);
    return this.used++;
  }

  pc(site: number): number {
    return this.words[3 * site];
  }

  it(site: number): number {
    return this.words[3 * site + 1];
  }

  notExecuted(site: number): number {
    return this.words[3 * site + 2];
  }

  clear(): void {
    this.used = 0;
  }
}
