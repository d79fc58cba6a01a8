import { StateSlot } from '../state.ts';

/** The number of a register: D:Vd of doublewords, Vd:D of single words (A7.3.1). */
export function registerNumber(double: boolean, odd: number, four: number): number {
  return double ? (odd << 4) | four : (four << 1) | odd;
}

/** The first state slot of D or S register `n`. */
export function registerSlot(double: boolean, n: number): number {
  return StateSlot.V0 + (double ? 2 * n : n);
}
