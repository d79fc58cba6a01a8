// A few A32 and T32 instructions as words, for tests that need programs. Encodings: ARM DDI 0406C A8.8, B9.3.

export const NOP = 0xe320f000;
export const YIELD = 0xe320f001;
export const WFE = 0xe320f002;
export const WFI = 0xe320f003;
export const SEV = 0xe320f004;
export const UDF = 0xe7f000f0;
export const ISB = 0xf57ff06f;
export const DMB = 0xf57ff05f;
export const DSB = 0xf57ff04f;
/** B to itself. */
export const B_SELF = 0xeafffffe;

/** Conditions by number. */
export const EQ = 0;
export const NE = 1;
export const AL = 14;

const always = (word: number): number => (0xe0000000 | word) >>> 0;

export const movw = (d: number, value: number): number =>
  always(0x03000000 | ((value & 0xf000) << 4) | (d << 12) | (value & 0xfff));
export const movt = (d: number, value: number): number => movw(d, value) | 0x00400000;
/** A constant of 32 bits: two instructions. */
export const mov32 = (d: number, value: number): number[] => [movw(d, value & 0xffff), movt(d, value >>> 16)];
/** With an 8-bit constant. */
export const addImm = (d: number, n: number, value: number): number =>
  always(0x02800000 | (n << 16) | (d << 12) | value);
export const subsImm = (d: number, n: number, value: number): number =>
  always(0x02500000 | (n << 16) | (d << 12) | value);
export const cmpImm = (n: number, value: number): number => always(0x03500000 | (n << 16) | value);
export const addReg = (d: number, n: number, m: number): number =>
  always(0x00800000 | (n << 16) | (d << 12) | m);
export const eorReg = (d: number, n: number, m: number): number =>
  always(0x00200000 | (n << 16) | (d << 12) | m);
export const movReg = (d: number, m: number): number => always(0x01a00000 | (d << 12) | m);

/** B from instruction number `at` of a program to number `to`. */
export const b = (at: number, to: number, condition = AL): number =>
  ((condition << 28) | 0x0a000000 | ((to - at - 2) & 0xffffff)) >>> 0;
/** BL, distances as for B. */
export const bl = (at: number, to: number): number => b(at, to) | 0x01000000;
export const bx = (m: number): number => always(0x012fff10 | m);
export const blx = (m: number): number => always(0x012fff30 | m);

const immediate = (op: number, t: number, n: number, offset: number): number =>
  always(op | (offset >= 0 ? 1 << 23 : 0) | (n << 16) | (t << 12) | Math.abs(offset));
const split = (op: number, t: number, n: number, offset: number): number => {
  const magnitude = Math.abs(offset);
  return always(
    op | (offset >= 0 ? 1 << 23 : 0) | (n << 16) | (t << 12) | ((magnitude & 0xf0) << 4) | (magnitude & 15),
  );
};

export const ldr = (t: number, n: number, offset = 0): number => immediate(0x05100000, t, n, offset);
export const str = (t: number, n: number, offset = 0): number => immediate(0x05000000, t, n, offset);
export const ldrb = (t: number, n: number, offset = 0): number => immediate(0x05500000, t, n, offset);
export const strb = (t: number, n: number, offset = 0): number => immediate(0x05400000, t, n, offset);
export const ldrh = (t: number, n: number, offset = 0): number => split(0x015000b0, t, n, offset);
export const strh = (t: number, n: number, offset = 0): number => split(0x014000b0, t, n, offset);
export const ldrd = (t: number, n: number, offset = 0): number => split(0x014000d0, t, n, offset);
export const strd = (t: number, n: number, offset = 0): number => split(0x014000f0, t, n, offset);
/** LDRT and STRT, post-indexed by 0: checked with User permissions. */
export const ldrt = (t: number, n: number): number => always(0x04b00000 | (n << 16) | (t << 12));
export const strt = (t: number, n: number): number => always(0x04a00000 | (n << 16) | (t << 12));
export const ldm = (n: number, list: number): number => always(0x08900000 | (n << 16) | list);
export const stm = (n: number, list: number): number => always(0x08800000 | (n << 16) | list);
export const ldrex = (t: number, n: number): number => always(0x01900f9f | (n << 16) | (t << 12));
export const strex = (d: number, t: number, n: number): number =>
  always(0x01800f90 | (n << 16) | (d << 12) | t);
export const ldrexd = (t: number, n: number): number => always(0x01b00f9f | (n << 16) | (t << 12));
export const strexd = (d: number, t: number, n: number): number =>
  always(0x01a00f90 | (n << 16) | (d << 12) | t);

export const svc = (comment: number): number => always(0x0f000000 | comment);
export const hvc = (value: number): number => always(0x01400070 | ((value & 0xfff0) << 4) | (value & 15));
export const bkpt = (value: number): number => always(0x01200070 | ((value & 0xfff0) << 4) | (value & 15));
export const mrsCpsr = (d: number): number => always(0x010f0000 | (d << 12));
export const mrsSpsr = (d: number): number => always(0x014f0000 | (d << 12));
/** MSR CPSR with the fields of a mask: c 1, x 2, s 4, f 8. */
export const msrCpsr = (mask: number, n: number): number => always(0x0120f000 | (mask << 16) | n);
export const msrSpsr = (mask: number, n: number): number => always(0x0160f000 | (mask << 16) | n);
/** CPS to a mode. */
export const cpsMode = (mode: number): number => 0xf1020000 | mode;
/** CPSIE and CPSID with a set of A 4, I 2, F 1. */
export const cpsie = (masks: number): number => (0xf1080000 | (masks << 6)) >>> 0;
export const cpsid = (masks: number): number => (0xf10c0000 | (masks << 6)) >>> 0;
export const setend = (bigEndian: number): number => (0xf1010000 | (bigEndian << 9)) >>> 0;
/** SUBS PC, LR, #n. */
export const subsPcLr = (n: number): number => always(0x025ef000 | n);

/** MCR and MRC of cp15. */
export const mcr = (t: number, crn: number, opc1: number, crm: number, opc2: number): number =>
  always(0x0e000f10 | (opc1 << 21) | (crn << 16) | (t << 12) | (opc2 << 5) | crm);
export const mrc = (t: number, crn: number, opc1: number, crm: number, opc2: number): number =>
  (mcr(t, crn, opc1, crm, opc2) | 0x00100000) >>> 0;
/** MCRR and MRRC of cp15, low word first. */
export const mcrr = (t: number, u: number, opc1: number, crm: number): number =>
  always(0x0c400f00 | (u << 16) | (t << 12) | (opc1 << 4) | crm);
export const mrrc = (t: number, u: number, opc1: number, crm: number): number =>
  (mcrr(t, u, opc1, crm) | 0x00100000) >>> 0;

// T32, as halfwords.

export const T_NOP = 0xbf00;
export const T_B_SELF = 0xe7fe;
export const T_UDF = 0xde00;
export const T_WFI = 0xbf30;
export const tMovImm = (d: number, value: number): number => 0x2000 | (d << 8) | value;
export const tAddImm = (d: number, value: number): number => 0x3000 | (d << 8) | value;
export const tSvc = (comment: number): number => 0xdf00 | comment;
export const tBkpt = (value: number): number => 0xbe00 | value;
export const tLdr = (t: number, n: number): number => 0x6800 | (n << 3) | t;
export const tBx = (m: number): number => 0x4700 | (m << 3);
/** IT of one instruction. */
export const tIt = (condition: number): number => 0xbf08 | (condition << 4);
/** MOVW, two halfwords. */
export const tMovw = (d: number, value: number): number[] => [
  0xf240 | ((value >>> 12) & 15) | (((value >>> 11) & 1) << 10),
  (((value >>> 8) & 7) << 12) | (d << 8) | (value & 0xff),
];

/** Two halfwords for each word, the first in the low half. */
export function pack(halfwords: readonly number[]): number[] {
  const words: number[] = [];
  for (let i = 0; i < halfwords.length; i += 2) {
    words.push((halfwords[i]! | ((halfwords[i + 1] ?? T_NOP) << 16)) >>> 0);
  }
  return words;
}
