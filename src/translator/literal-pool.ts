import { IntList } from './int-list.ts';

/** The literals of a block's interpreter code: words behind it that its operands point to. */
export class LiteralPool {
  private readonly words = new IntList();
  /** For each word 1 where it is a literal by itself, not a half of one. */
  private readonly isWhole = new IntList();
  /** Code positions whose word is the index of a literal, each with that. */
  private readonly uses = new IntList(256);

  get length(): number {
    return this.words.length;
  }

  clear(): void {
    this.words.length = 0;
    this.isWhole.length = 0;
    this.uses.length = 0;
  }

  /** The code word at `position` is an operand: one word, shared among its users, or the two words of an i64 on an even index. */
  use(position: number, low: number, high?: number): void {
    const { words, isWhole } = this;
    let index = 0;
    if (high === undefined) {
      while (index < words.length && !(isWhole.get(index) === 1 && words.get(index) === low)) index++;
    } else {
      if (words.length % 2 === 1) this.add(0, 0);
      index = words.length;
    }
    if (index === words.length) {
      this.add(low, high === undefined ? 1 : 0);
      if (high !== undefined) this.add(high, 0);
    }
    this.uses.push2(position, index);
  }

  /** Makes all operands point to where the pool is: word index `base`, an even one. */
  pointTo(code: IntList, base: number): void {
    const { uses } = this;
    for (let i = 0; i < uses.length; i += 2) code.set(uses.get(i), base + uses.get(i + 1));
  }

  copyTo(memory: Int32Array, base: number): void {
    this.words.copyTo(memory, base);
  }

  private add(word: number, isWhole: 0 | 1): void {
    this.words.push(word);
    this.isWhole.push(isWhole);
  }
}
