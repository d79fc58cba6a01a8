/** Processor modes, CPSR.M (ARM DDI 0406C Table B1-1). */
export const Mode = {
  User: 0x10,
  Fiq: 0x11,
  Irq: 0x12,
  Supervisor: 0x13,
  Abort: 0x17,
  Undefined: 0x1b,
  System: 0x1f,
} as const;

/** Bank of R13, R14 and SPSR by mode; User and System share one, which has no SPSR. -1: no such mode here. */
export function bankOf(mode: number): number {
  switch (mode) {
    case Mode.User:
    case Mode.System:
      return 0;
    case Mode.Fiq:
      return 1;
    case Mode.Irq:
      return 2;
    case Mode.Supervisor:
      return 3;
    case Mode.Abort:
      return 4;
    case Mode.Undefined:
      return 5;
    default:
      return -1;
  }
}

const BANKS = 6;
export const FIQ_BANK = 1;

/** The registers of modes that are not current (B1.3.2). */
export class BankedRegisters {
  readonly sp = new Int32Array(BANKS);
  readonly lr = new Int32Array(BANKS);
  readonly spsr = new Int32Array(BANKS);
  /** R8 to R12 of FIQ mode while another mode is current, and the other way round. */
  readonly highUser = new Int32Array(5);
  readonly highFiq = new Int32Array(5);
}

/** Where MRS and MSR (banked) find their register (Tables B9-2, B9-3). */
export interface BankedRegisterName {
  readonly register: 'high' | 'sp' | 'lr' | 'spsr';
  readonly bank: number;
  /** 8 to 12 for `high`. */
  readonly n: number;
}

const OTHER_MODE_BANKS = [2, 3, 4, 5];

/** @param encoding R in bit 5, SYSm in bits 4:0. @returns undefined where the encoding names no register of ours. */
export function bankedRegisterOf(encoding: number): BankedRegisterName | undefined {
  const sysm = encoding & 31;
  if ((encoding & 32) !== 0) {
    if (sysm === 0b01110) return { register: 'spsr', bank: FIQ_BANK, n: 0 };
    if (sysm >= 0b10000 && sysm <= 0b10110 && (sysm & 1) === 0) {
      return { register: 'spsr', bank: OTHER_MODE_BANKS[(sysm - 16) >> 1], n: 0 };
    }
    return undefined;
  }
  if (sysm <= 0b01110 && sysm !== 0b00111) {
    const bank = sysm >> 3;
    const n = 8 + (sysm & 7);
    if (n <= 12) return { register: 'high', bank, n };
    return { register: n === 13 ? 'sp' : 'lr', bank, n };
  }
  if (sysm >= 0b10000 && sysm <= 0b10111) {
    return { register: (sysm & 1) === 0 ? 'lr' : 'sp', bank: OTHER_MODE_BANKS[(sysm - 16) >> 1], n: 0 };
  }
  return undefined;
}
