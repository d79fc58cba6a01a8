import { W } from './layout.ts';
import type { Outcome } from './vector.ts';

/** Bits of the outcome in which ours and the recorder's CPU may differ, and why. */
export interface DeliberateDifference {
  readonly reason: string;
  readonly applies: (expected: Outcome) => boolean;
  /** Word of the state record, and its bits that then do not count. */
  readonly word: number;
  readonly bits: number;
}

const PREFETCH_ABORT = 0x0c;
const DEBUG_EVENT = 0b00010;

function isPrefetchAbort({ state }: Outcome): boolean {
  return (state[W.PC]! & 0x1f) === PREFETCH_ABORT;
}

export const DELIBERATE_DIFFERENCES: readonly DeliberateDifference[] = [
  {
    reason: 'ARM DDI 0406C B4.1.96: IFSR[7:4] is reserved; QEMU puts the domain there, as in DFSR',
    applies: isPrefetchAbort,
    word: W.IFSR,
    bits: 0xf0,
  },
  {
    reason: 'ARM DDI 0406C B3.13.6: IFAR is UNKNOWN after a debug event; QEMU writes 0',
    applies: (expected) => isPrefetchAbort(expected) && (expected.state[W.IFSR]! & 0x40f) === DEBUG_EVENT,
    word: W.IFAR,
    bits: -1,
  },
  {
    reason: 'ARM DDI 0406C B4.1.112: PAR[10:1] has the attributes of the memory; QEMU leaves them 0',
    applies: ({ state }) => (state[W.PAR]! & 1) === 0,
    word: W.PAR,
    bits: 0x7fe,
  },
];

/** For each word of the outcome the bits that count. */
export function countingBits(expected: Outcome, word: number): number {
  let bits = -1;
  for (const difference of DELIBERATE_DIFFERENCES) {
    if (difference.word === word && difference.applies(expected)) bits &= ~difference.bits;
  }
  return bits;
}
