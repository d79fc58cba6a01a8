/** Condition AL. */
export const AL = 14;

/** ITSTATE of the next instruction (ARM DDI 0406C A2.5.2, ITAdvance). */
export function advanceIt(it: number): number {
  return (it & 7) === 0 ? 0 : (it & 0xe0) | ((it << 1) & 0x1f);
}

/** The condition of an instruction with this ITSTATE; AL outside an IT block. */
export function itCondition(it: number): number {
  return it === 0 ? AL : it >> 4;
}
