import { TTBCR_EAE, W } from './layout.ts';
import type { Outcome } from './vector.ts';

/** Bits of the outcome in which ours and the recorder's CPU may differ, and why. */
export interface DeliberateDifference {
  readonly reason: string;
  readonly applies: (expected: Outcome, got: Outcome) => boolean;
  /** Word of the state record, and its bits that then do not count. */
  readonly word: number;
  readonly bits: number;
}

const PREFETCH_ABORT = 0x0c;
const DEBUG_EVENT = 0b00010;
/** Inner and Outer, as MAIR and PAR.ATTR have it. */
const NON_CACHEABLE = 0x44;
const TRANSLATION_FAULT_PAGE = 0b00111;
const DOMAIN_FAULT_PAGE = 0b01011;

function isPrefetchAbort({ state }: Outcome): boolean {
  return (state[W.PC]! & 0x1f) === PREFETCH_ABORT;
}

function isShortFormat({ state }: Outcome): boolean {
  return (state[W.TTBCR]! & TTBCR_EAE) === 0;
}

const DELIBERATE_DIFFERENCES: readonly DeliberateDifference[] = [
  {
    reason: 'ARM DDI 0406C B4.1.96: IFSR[7:4] is reserved; QEMU puts the domain there, as in DFSR',
    applies: (expected) => isPrefetchAbort(expected) && isShortFormat(expected),
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
    applies: (expected) => (expected.state[W.PAR]! & 1) === 0 && isShortFormat(expected),
    word: W.PAR,
    bits: 0x7fe,
  },
  {
    reason: 'ARM DDI 0406C B4.1.112: PAR.NS is UNKNOWN where translation is Non-secure; QEMU has 1',
    applies: (expected) => (expected.state[W.PAR]! & 1) === 0 && !isShortFormat(expected),
    word: W.PAR,
    bits: 0x200,
  },
  {
    reason:
      'ARM DDI 0406C B3.8.2: Non-cacheable memory is Outer Shareable; QEMU gives the field of the descriptor',
    applies: ({ state }) => (state[W.PAR]! & 0x801) === 0x800 && state[W.PAR_high]! >>> 24 === NON_CACHEABLE,
    word: W.PAR,
    bits: 0x180,
  },
  {
    reason:
      'ARM DDI 0406C B3.13.3: a translation fault comes before a domain fault; QEMU looks at the domain first',
    applies: (expected, got) =>
      isShortFormat(expected) &&
      (expected.state[W.DFSR]! & 0x40f) === DOMAIN_FAULT_PAGE &&
      (got.state[W.DFSR]! & 0x40f) === TRANSLATION_FAULT_PAGE,
    word: W.DFSR,
    bits: 0x0f,
  },
  {
    reason: 'the same, of an instruction fetch',
    applies: (expected, got) =>
      isShortFormat(expected) &&
      (expected.state[W.IFSR]! & 0x40f) === DOMAIN_FAULT_PAGE &&
      (got.state[W.IFSR]! & 0x40f) === TRANSLATION_FAULT_PAGE,
    word: W.IFSR,
    bits: 0x0f,
  },
];

/** For each word of the outcome the bits that count. */
export function countingBits(expected: Outcome, got: Outcome, word: number): number {
  let bits = -1;
  for (const difference of DELIBERATE_DIFFERENCES) {
    if (difference.word === word && difference.applies(expected, got)) bits &= ~difference.bits;
  }
  return bits;
}
