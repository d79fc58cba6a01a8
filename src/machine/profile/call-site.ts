/** What the instruction before a return address calls. */
export interface CallSite {
  /** Address of the call. */
  readonly pc: number;
  /** Where it goes to; undefined where a register says so. */
  readonly target: number | undefined;
}

/** BL, and BLX that changes to T32 (ARM DDI 0406C A8.8.25). */
const A32_BL = 0x0b000000;
const A32_BLX = 0xfa000000;
/** BLX by register (A8.8.26). */
const A32_BLX_REGISTER = 0x012fff30;
const T16_BLX_REGISTER = 0x4780;

/**
 * The call that a return address in LR comes from.
 * @param read16 gives a halfword of code; undefined where there is none
 * @returns undefined where there is no call: LR is something else
 */
export function callBefore(lr: number, read16: (va: number) => number | undefined): CallSite | undefined {
  return (lr & 1) === 0 ? callBeforeA32(lr, read16) : callBeforeT32(lr & ~1, read16);
}

function callBeforeA32(after: number, read16: (va: number) => number | undefined): CallSite | undefined {
  const pc = (after - 4) | 0;
  const low = read16(pc);
  const high = read16((pc + 2) | 0);
  if ((after & 3) !== 0 || low === undefined || high === undefined) return undefined;
  const word = (high << 16) | low;
  const offset = (word << 8) >> 6;
  const here = (pc + 8) | 0;
  if ((word & 0xfe000000) >>> 0 === A32_BLX) {
    return { pc, target: (here + offset + ((word >>> 23) & 2)) | 0 };
  }
  if (word >>> 28 === 15) return undefined;
  if ((word & 0x0f000000) === A32_BL) return { pc, target: (here + offset) | 0 };
  return (word & 0x0ffffff0) === A32_BLX_REGISTER ? { pc, target: undefined } : undefined;
}

function callBeforeT32(after: number, read16: (va: number) => number | undefined): CallSite | undefined {
  const second = read16((after - 2) | 0);
  const first = read16((after - 4) | 0);
  if (second === undefined) return undefined;
  // BL and BLX T1, T2 (A8.8.25).
  if (first !== undefined && (first & 0xf800) === 0xf000 && (second & 0xc000) === 0xc000) {
    const pc = (after - 4) | 0;
    const toT32 = (second & 0x1000) !== 0;
    const s = (first >>> 10) & 1;
    const i1 = ((second >>> 13) & 1) ^ s ^ 1;
    const i2 = ((second >>> 11) & 1) ^ s ^ 1;
    const offset = (-s << 24) | (i1 << 23) | (i2 << 22) | ((first & 0x3ff) << 12) | ((second & 0x7ff) << 1);
    const here = toT32 ? after : after & ~3;
    return { pc, target: (here + offset) & (toT32 ? -1 : -4) };
  }
  return (second & 0xff87) === T16_BLX_REGISTER ? { pc: (after - 2) | 0, target: undefined } : undefined;
}
