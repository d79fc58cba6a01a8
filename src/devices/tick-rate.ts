const NS_PER_SECOND = 1_000_000_000;

/** How fast a counter counts, as a fraction in lowest terms: `counts` ticks take `nanoseconds`. Keeps both conversions exact in doubles. */
export class TickRate {
  readonly #counts: number;
  readonly #nanoseconds: number;

  /**
   * @param frequency of the clock in Hz
   * @param divider clocks that make one tick
   * @throws RangeError for a frequency or a divider that can't be
   */
  constructor(frequency: number, divider = 1) {
    if (!Number.isInteger(frequency) || frequency < 1 || frequency > NS_PER_SECOND) {
      throw new RangeError(`A timer counts at 1 Hz to 1 GHz, not ${frequency}`);
    }
    if (!Number.isInteger(divider) || divider < 1) {
      throw new RangeError(`A timer's clock can't be divided by ${divider}`);
    }
    let a = frequency;
    let b = NS_PER_SECOND * divider;
    while (b !== 0) {
      [a, b] = [b, a % b];
    }
    this.#counts = frequency / a;
    this.#nanoseconds = (NS_PER_SECOND * divider) / a;
  }

  /** Ticks that were complete at a time, or in a duration. */
  ticksAt(ns: number): number {
    const scaled = ns * this.#counts;
    return (scaled - (scaled % this.#nanoseconds)) / this.#nanoseconds;
  }

  /** First nanosecond at which a tick is complete. Infinity for what virtual time can't count to (2^53 ns, 104 days). */
  timeOf(ticks: number): number {
    const scaled = ticks * this.#nanoseconds;
    return scaled < Number.MAX_SAFE_INTEGER ? Math.ceil(scaled / this.#counts) : Number.POSITIVE_INFINITY;
  }
}
