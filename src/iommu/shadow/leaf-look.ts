/** One descriptor that decided an input address, and what else is in its table. */
export interface TableStep {
  /** Physical address of the descriptor. */
  at: number;
  /** Its size: 4 or 8. */
  bytes: number;
  /** Its place in its table, and how many there are. */
  index: number;
  entries: number;
  /** First input address that it decides, and how many bytes from there; the table's others decide what lies before and behind. */
  from: number;
  span: number;
  /** Tells apart tables that decide the same addresses with the same span: 0 to 63. */
  layer: number;
}

/** What a look at an input address found. Made once, filled by each look. */
export class LeafLook {
  /** The answer is the same for all addresses from here, which may lie before the one that was asked for... */
  start = 0;
  /** ...to so many bytes behind. What one descriptor maps is never put together with another's. */
  size = 0;
  /** Physical address of `start`; valid where the stream may read or write. */
  physical = 0;
  readable = false;
  writable = false;
  /** Descriptors read; the array is longer than their number, {@link stepCount}. */
  readonly steps: TableStep[] = [];
  stepCount = 0;

  nextStep(): TableStep {
    if (this.stepCount === this.steps.length) {
      this.steps.push({ at: 0, bytes: 8, index: 0, entries: 512, from: 0, span: 4096, layer: 0 });
    }
    return this.steps[this.stepCount++];
  }
}
