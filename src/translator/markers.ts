/**
 * Where in a block's interpreter code each guest instruction begins: two words of the machine's memory for each, in the order of the
 * code. Hundreds of thousands of blocks have them, so they are no objects of JavaScript.
 */
export const MARKER_WORDS = 2;
/** Bits of ITSTATE in the first word; above them is the distance from the block's first code word. The second word is the PC. */
const IT_BITS = 8;

/** What of a block its markers need: `code` and `markers` are word indices. */
export interface MarkedBlock {
  readonly code: number;
  readonly markers: number;
  readonly instructions: number;
}

/** The first word of a marker. */
export function markerWord(distance: number, it: number): number {
  return (distance << IT_BITS) | it;
}

/** Which of the block's instructions, from 0, the code at word index `ip` belongs to. */
export function instructionAt(words: Int32Array, block: MarkedBlock, ip: number): number {
  const distance = ip - block.code;
  let instruction = 0;
  while (instruction + 1 < block.instructions) {
    if (words[block.markers + MARKER_WORDS * (instruction + 1)] >> IT_BITS > distance) break;
    instruction++;
  }
  return instruction;
}

/** PC of an instruction of the block. */
export function markedPc(words: Int32Array, block: MarkedBlock, instruction: number): number {
  return words[block.markers + MARKER_WORDS * instruction + 1];
}

/** ITSTATE of an instruction of the block. */
export function markedIt(words: Int32Array, block: MarkedBlock, instruction: number): number {
  return words[block.markers + MARKER_WORDS * instruction] & ((1 << IT_BITS) - 1);
}
