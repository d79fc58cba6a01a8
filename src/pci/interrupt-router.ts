import type { InterruptLine } from '../ports/interrupt-line.ts';

/** The four interrupt wires of a root bus. */
export type IntxLines = readonly [InterruptLine, InterruptLine, InterruptLine, InterruptLine];

/**
 * Routes the INTA to INTD pins of the devices to the four wires of the host bridge. Each wire is the wired-OR of
 * the pins on it (PCI 3.0 2.2.6: open drain, shared).
 */
export class InterruptRouter {
  private readonly lines: IntxLines;
  private readonly asserted = new Uint16Array(4);

  constructor(lines: IntxLines) {
    this.lines = lines;
  }

  /**
   * The wire of a pin: the conventional rotation by device number (PCI 3.0 2.2.6, implementation note; it is also
   * what the device tree's interrupt-map states).
   * @param device 0 to 31
   * @param pin 1 (INTA) to 4 (INTD)
   * @returns 0 to 3
   */
  static lineOf(device: number, pin: number): number {
    return (device + pin - 1) & 3;
  }

  /**
   * Counts the pins anew after saved states were put back; the wires' other ends keep their levels themselves.
   * @param asserting for each asserted pin its wire
   */
  restored(asserting: readonly number[]): void {
    this.asserted.fill(0);
    for (const line of asserting) this.asserted[line]++;
  }

  /** One pin on the wire changed; each call must be a change. */
  pinChanged(line: number, asserted: boolean): void {
    this.asserted[line] += asserted ? 1 : -1;
    const { asserted: count } = this;
    if (count[line] === (asserted ? 1 : 0)) this.lines[line].set(asserted);
  }
}
