/** Calls back once when virtual time has reached its deadline. Belongs to the clock that made it. */
export interface ClockTimer {
  /** @param deadlineNs absolute virtual time in nanoseconds; one in the past fires at the next opportunity. */
  arm(deadlineNs: number): void;
  cancel(): void;
  /** Absolute deadline in nanoseconds, or Infinity when not armed. */
  readonly deadlineNs: number;
}

/**
 * Virtual time of a machine. Devices ask it, never the host; it stands still while the machine is paused.
 */
export interface Clock {
  /** Virtual nanoseconds since the machine was made; never decreases. */
  nowNs(): number;
  createTimer(callback: () => void): ClockTimer;
}

/** Wall-clock time for real-time clocks, in seconds since 1970-01-01 UTC. */
export interface WallClock {
  unixSeconds(): number;
}
