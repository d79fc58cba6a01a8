import type { Clock, ClockTimer } from '../ports/clock.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import { assignPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';

/** How long a press lasts, longer than any driver's debouncing. */
const PRESS_NS = 100_000_000;

export type GpioKeyState = { pressed: boolean; releaseNs: number };

/** A push button between a GPIO line and its supply. */
export class GpioKey implements Saveable<GpioKeyState> {
  readonly #line: InterruptLine;
  readonly #clock: Clock;
  readonly #release: ClockTimer;
  #pressed = false;

  constructor(line: InterruptLine, clock: Clock) {
    this.#line = line;
    this.#clock = clock;
    this.#release = clock.createTimer(() => this.#set(false));
  }

  /** Presses it for a tenth of a second of virtual time. */
  press(): void {
    this.#set(true);
    this.#release.arm(this.#clock.nowNs() + PRESS_NS);
  }

  reset(): void {
    this.#release.cancel();
    this.#set(false);
  }

  saveState(): GpioKeyState {
    return { pressed: this.#pressed, releaseNs: this.#release.deadlineNs };
  }

  restoreState(state: GpioKeyState): void {
    const restored: GpioKeyState = { pressed: false, releaseNs: 0 };
    assignPlain(restored, state, 'GPIO key');
    this.#pressed = restored.pressed;
    if (restored.releaseNs === Number.POSITIVE_INFINITY) this.#release.cancel();
    else this.#release.arm(restored.releaseNs);
  }

  #set(pressed: boolean): void {
    this.#pressed = pressed;
    this.#line.set(pressed);
  }
}
