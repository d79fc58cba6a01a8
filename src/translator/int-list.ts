/**
 * A list of 32-bit words that is emptied and filled again, block after block. An array of JavaScript gives its room back when its
 * length becomes 0, by a call of the runtime, and grows anew with each block.
 */
export class IntList {
  length = 0;
  private items: Int32Array;

  constructor(room = 64) {
    this.items = new Int32Array(room);
  }

  get(at: number): number {
    return this.items[at];
  }

  set(at: number, word: number): void {
    this.items[at] = word;
  }

  push(word: number): void {
    if (this.length === this.items.length) this.grow();
    this.items[this.length++] = word;
  }

  push2(a: number, b: number): void {
    this.push(a);
    this.push(b);
  }

  push3(a: number, b: number, c: number): void {
    this.push(a);
    this.push(b);
    this.push(c);
  }

  /** Copies all words to an array, from `at` on. */
  copyTo(words: Int32Array, at: number): void {
    const { items, length } = this;
    for (let i = 0; i < length; i++) words[at + i] = items[i];
  }

  private grow(): void {
    const larger = new Int32Array(2 * this.items.length);
    larger.set(this.items);
    this.items = larger;
  }
}
