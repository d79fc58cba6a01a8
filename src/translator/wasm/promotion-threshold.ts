/** Milliseconds of compilation between two looks at what they were a share of. */
const LOOK_AFTER_MS = 25;
/**
 * Shares of the time that passes above which regions are too dear, and below which more of them are welcome. Where everything is new at
 * once, compiling may take as long as running did before: who waits until then has paid twice at most of what would have been best.
 */
const MOST = 0.5;
const LEAST = 0.25;

/**
 * How often a block must have run before a region is made from it. Compiling costs very different times: some milliseconds, a
 * hundred where the host is an emulated machine itself, and it is in vain where a guest starts one short program after the other. So it is
 * not to take more than a share of the time: where it does, blocks must run twice as often before.
 */
export class PromotionThreshold {
  /** Runs of a block. */
  runs: number;
  private readonly least: number;
  private readonly most: number;
  private spentMs = 0;
  private since: number;
  /** What had been spent at the last look, and when that was, or when blocks that had to wait made fewer runs enough. */
  private lookedAtMs = LOOK_AFTER_MS;
  private loweredAt: number;

  /**
   * @param least runs where compiling is cheap, and to begin with
   * @param most runs that are asked for at most
   * @param nowMs the host's time
   */
  constructor(least: number, most: number, nowMs: number) {
    this.runs = least;
    this.least = least;
    this.most = Math.max(least, most);
    this.since = nowMs;
    this.loweredAt = nowMs;
  }

  /**
   * A block has not run often enough. Where that stops all compiling, fewer runs will do before long: the sooner, the less of it there was at last.
   * @param nowMs the host's time
   */
  refused(nowMs: number): void {
    if ((nowMs - this.loweredAt) * LEAST < this.lookedAtMs) return;
    this.loweredAt = nowMs;
    this.lower();
  }

  /** Compiling has taken so many milliseconds more, of those that have passed. @param nowMs the host's time */
  spent(ms: number, nowMs: number): void {
    this.spentMs += ms;
    if (this.spentMs < LOOK_AFTER_MS) return;
    const share = this.spentMs / (nowMs - this.since);
    if (share > MOST) this.runs = Math.min(this.most, 2 * this.runs);
    else if (share < LEAST) this.lower();
    this.lookedAtMs = this.spentMs;
    this.loweredAt = nowMs;
    this.spentMs = 0;
    this.since = nowMs;
  }

  private lower(): void {
    this.runs = Math.max(this.least, Math.floor(this.runs / 2));
  }
}
