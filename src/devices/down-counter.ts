import type { Clock, ClockTimer } from '../ports/clock.ts';
import type { Saveable } from '../ports/saveable.ts';
import type { TickRate } from './tick-rate.ts';

/** Reloads are not more frequent than this: a guest that loads a tiny value must not keep the host busy. */
const SHORTEST_WAIT_NS = 10_000;

export type DownCounterState = {
  /** The count at `sinceNs`. */
  from: number;
  sinceNs: number;
  running: boolean;
  /** When it will be zero; Infinity when that is not waited for. */
  zeroNs: number;
};

/** A counter that counts down by virtual time and calls back when it comes to zero. What it does then is its owner's. */
export class DownCounter implements Saveable<DownCounterState> {
  readonly #clock: Clock;
  readonly #timer: ClockTimer;
  #rate: TickRate;
  #from = 0;
  #sinceNs = 0;
  #running = false;

  constructor(clock: Clock, rate: TickRate, onZero: () => void) {
    this.#clock = clock;
    this.#rate = rate;
    this.#timer = clock.createTimer(onZero);
  }

  get running(): boolean {
    return this.#running;
  }

  /** 0 from the time on when it has come to zero. */
  get value(): number {
    if (!this.#running) return this.#from;
    const passed = this.#rate.ticksAt(Math.max(0, this.#clock.nowNs() - this.#sinceNs));
    return Math.max(0, this.#from - passed);
  }

  /** Counts from `value` on, from now. */
  set value(value: number) {
    this.#from = value;
    this.#sinceNs = this.#clock.nowNs();
    this.#arm(0);
  }

  /** Stops at the value that it has, or goes on from there. */
  run(on: boolean): void {
    const { value } = this;
    this.#running = on;
    this.value = value;
  }

  set rate(rate: TickRate) {
    const { value } = this;
    this.#rate = rate;
    this.value = value;
  }

  /**
   * After it has come to zero: goes on from there as if it had begun at `period` at that instant, also where that is long
   * ago, and came to zero more than once since.
   */
  repeat(period: number): void {
    const zeroNs = this.#sinceNs + this.#rate.timeOf(this.#from);
    const lengthNs = Math.max(1, this.#rate.timeOf(Math.max(1, period)));
    const missed = Math.max(0, Math.floor((this.#clock.nowNs() - zeroNs) / lengthNs));
    this.#sinceNs = zeroNs + missed * lengthNs;
    this.#from = period;
    this.#arm(SHORTEST_WAIT_NS);
  }

  saveState(): DownCounterState {
    return {
      from: this.#from,
      sinceNs: this.#sinceNs,
      running: this.#running,
      zeroNs: this.#timer.deadlineNs,
    };
  }

  restoreState({ from, sinceNs, running, zeroNs }: DownCounterState): void {
    this.#from = from;
    this.#sinceNs = sinceNs;
    this.#running = running;
    this.#timer.arm(zeroNs);
  }

  #arm(notBeforeNs: number): void {
    const zeroNs = this.#sinceNs + this.#rate.timeOf(this.#from);
    if (!this.#running || zeroNs === Number.POSITIVE_INFINITY) this.#timer.cancel();
    else this.#timer.arm(Math.max(zeroNs, notBeforeNs === 0 ? 0 : this.#clock.nowNs() + notBeforeNs));
  }
}
