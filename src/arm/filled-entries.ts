/** So many entries of an array are remembered; of one with more, all count. A program with its kernel has some hundred pages. */
const MOST = 512;

/** Which entries of each first-level TLB array were filled since it had none, so that maintenance need not look at all of them. */
export class FilledEntries {
  private readonly lists: readonly Uint16Array[];
  private readonly counts: Uint16Array;
  private readonly every: Uint16Array;

  /** @param entries of each array, at most 65,536 */
  constructor(arrays: number, entries: number) {
    this.lists = Array.from({ length: arrays }, () => new Uint16Array(MOST));
    this.counts = new Uint16Array(arrays);
    this.every = Uint16Array.from({ length: entries }, (_, i) => i);
  }

  /** An entry that was empty holds something now. */
  note(array: number, entry: number): void {
    const n = this.counts[array];
    if (n < MOST) this.lists[array][n] = entry;
    if (n <= MOST) this.counts[array] = n + 1;
  }

  /** The array has none. */
  forget(array: number): void {
    this.counts[array] = 0;
  }

  /** Whether {@link places} are all entries there are. */
  isMany(array: number): boolean {
    return this.counts[array] > MOST;
  }

  /** Entries of which the first {@link count} are those that hold something, or have done so. */
  places(array: number): Uint16Array {
    return this.isMany(array) ? this.every : this.lists[array];
  }

  count(array: number): number {
    return this.isMany(array) ? this.every.length : this.counts[array];
  }
}
