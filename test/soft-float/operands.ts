/** Random operands that lean towards where rounding, overflow, underflow and cancellation go wrong. */
export class Operands {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0 || 1;
  }

  /** A random word (xorshift). */
  word(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return x | 0;
  }

  below(n: number): number {
    return (this.word() >>> 8) % n;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** A single-precision operand. */
  single(): number {
    return this.operand(8, 23);
  }

  /** A double-precision operand: low word, high word. */
  double(): readonly [number, number] {
    const low = this.pick([0, -1, this.word(), this.word(), 1, -0x80000000, this.word() & -0x100]);
    return [low, this.operand(11, 20)];
  }

  /** The word of a number that holds its sign, exponent and the top of its fraction. */
  private operand(exponentBits: number, fractionBits: number): number {
    const top = (1 << exponentBits) - 1;
    const bias = top >> 1;
    const all = (1 << fractionBits) - 1;
    const exponent = this.pick([
      this.below(top + 1),
      this.below(top + 1),
      bias + this.below(9) - 4,
      bias + this.below(65) - 32,
      0,
      this.below(3),
      top - this.below(3),
      bias - fractionBits - this.below(40),
    ]);
    const fraction = this.pick([
      this.word() & all,
      this.word() & all,
      0,
      1,
      all,
      all - 1,
      (1 << (fractionBits - 1)) + this.below(3) - 1,
      1 << this.below(fractionBits),
      this.word() & (all << this.below(fractionBits)) & all,
    ]);
    return (this.word() & -0x80000000) | (exponent << fractionBits) | fraction;
  }
}
