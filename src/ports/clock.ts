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
  /**
   * Calls back once when `work` that the host does for a device (reading a disk, say) counts as done: when it has settled,
   * whether it was fulfilled or rejected. A clock that follows the host calls back as soon as it has. A counting clock
   * does at exactly `latencyNs` of virtual time from now, so that a run does not depend on the host's disk; where the
   * host needs longer, the guest stands still for it.
   */
  whenSettled(work: Promise<unknown>, latencyNs: number, callback: () => void): void;
}

/** Wall-clock time for real-time clocks, in seconds since 1970-01-01 UTC. */
export interface WallClock {
  unixSeconds(): number;
}
