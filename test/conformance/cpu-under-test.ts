import type { Outcome, Vector } from './vector.ts';

/** What the replay needs of a CPU and the memory around it. */
export interface CpuUnderTest {
  /** Puts memory and registers into the vector's starting state, translations and caches empty. */
  start(vector: Vector): void;
  /** Runs until an exception vector is reached. @returns false when it is not, within `limit` instructions. */
  run(limit: number): boolean;
  /** What is there now, in the recorder's terms. */
  outcome(): Outcome;
  /** The IR of the block at the vector's first instruction, for a failure's report. */
  describe(vector: Vector): string;
}
