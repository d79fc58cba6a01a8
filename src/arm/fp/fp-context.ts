/** Bits of FPSCR (ARM DDI 0406C B4.1.58). LEN and STRIDE are there on every implementation; see fp-access. */
export const Fpscr = {
  /** Cumulative exceptions. */
  IOC: 1 << 0,
  DZC: 1 << 1,
  OFC: 1 << 2,
  UFC: 1 << 3,
  IXC: 1 << 4,
  IDC: 1 << 7,
  LEN: 7 << 16,
  STRIDE: 3 << 20,
  /** Rounding mode: see {@link Rounding}. */
  RMODE: 3 << 22,
  RMODE_SHIFT: 22,
  /** Flush-to-zero. */
  FZ: 1 << 24,
  /** Default NaN. */
  DN: 1 << 25,
  /** Alternative half-precision. */
  AHP: 1 << 26,
  /** Cumulative saturation, of Advanced SIMD. */
  QC: 1 << 27,
  /** N, Z, C, V of the last comparison. */
  NZCV: 15 << 28,
  /** Everything that VMSR changes: trapped exceptions do not exist in VFPv3 and VFPv4, their enables are RAZ/WI. */
  WRITABLE: 0xfff7009f | 0,
} as const;

/** FPSCR.RMode. */
export const Rounding = {
  Nearest: 0,
  PlusInfinity: 1,
  MinusInfinity: 2,
  Zero: 3,
} as const;

/** The rounding mode that FPSCR selects: one of {@link Rounding}. */
export function roundingOf(control: number): number {
  return (control >>> Fpscr.RMODE_SHIFT) & 3;
}

/**
 * What floating-point functions need besides their operands, and what they leave besides their result. The functions
 * only ever set bits of `flags`; whoever owns FPSCR ors them in.
 */
export class FpContext {
  /** FPSCR; only AHP, DN, FZ, RMode and, as a hint of what is already set, IXC are looked at. */
  control = 0;
  /** Cumulative exception bits raised, in their places of FPSCR. */
  flags = 0;
  /** High word of a 64-bit result. */
  high = 0;
}

/**
 * "Standard FPSCR value" (A2.7.6): Advanced SIMD arithmetic flushes to zero, gives default NaNs and rounds to nearest,
 * whatever FPSCR says; of that only AHP counts.
 */
export function standardFpscr(fpscr: number): number {
  return (fpscr & (Fpscr.AHP | Fpscr.IXC)) | Fpscr.FZ | Fpscr.DN;
}
