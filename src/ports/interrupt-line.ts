/** One wire into an interrupt controller. A pulse for an edge-triggered input is `set(true)` then `set(false)`. */
export interface InterruptLine {
  set(level: boolean): void;
}

/** A wire that leads nowhere. */
export const unconnectedLine: InterruptLine = { set() {} };
