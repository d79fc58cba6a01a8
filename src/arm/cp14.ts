import type {
  CoprocessorContext,
  CoprocessorRegister,
  CoprocessorRegister64,
  UserAccess,
} from './coprocessor.ts';
import { packCop } from './helpers.ts';
import type { CpuModel } from './system-registers.ts';

/** DBGDSCR (ARM DDI 0406C C11.11.20): MDBGen, HDBGen, UDCCdis. */
export const DSCR_MOE = 0xf << 2;
export const DSCR_MOE_BKPT = 0b0011 << 2;
const DSCR_UDCCDIS = 1 << 12;
const DSCR_WRITABLE = (1 << 15) | (1 << 14) | DSCR_UDCCDIS;
/** DBGOSLAR: this value locks, every other one unlocks (C11.11.28). */
const OS_LOCK_KEY = 0xc5acce55 | 0;
/** DBGOSLSR: OSLM says that there is an OS lock without save and restore; OSLK is its state. */
const OSLSR_OSLM = 1 << 3;
const OSLSR_OSLK = 1 << 1;
/** DBGPRSR: the debug logic has power. */
const PRSR_POWERED_UP = 1;
const CLAIM_BITS = 0xff;
/** DBGBCR and DBGWCR: the fields that there are (C11.11.1, C11.11.44). */
const BREAKPOINT_CONTROL = 0x00ffe1e7;
const WATCHPOINT_CONTROL = 0x1f1fffff;
/** DBGVCR: vectors of Non-secure state alone, as of Secure state alone without Security Extensions. */
const VECTOR_CATCH = 0xde;

/** DBGDSCR.UDCCdis keeps User mode out of the few registers that it may read (C6.4). */
const userReads: UserAccess = (c, write) => !write && (c.regs.DBGDSCR & DSCR_UDCCDIS) === 0;

type Read = (c: CoprocessorContext) => number;
type Write = (c: CoprocessorContext, value: number) => void;

function row(
  name: string,
  [opc1, crn, crm, opc2]: readonly [number, number, number, number],
  read: Read | undefined,
  write?: Write,
  user: UserAccess = 'none',
): CoprocessorRegister {
  return {
    name,
    at: packCop(14, opc1, crn, crm, opc2),
    user,
    ...(read && { read }),
    ...(write && { write }),
  };
}

type Bank = 'DBGBVR' | 'DBGBCR' | 'DBGWVR' | 'DBGWCR';

/** Registers 0 to count - 1 of a bank of value or control registers. */
function bank(name: Bank, opc2: number, count: number, mask: number): CoprocessorRegister[] {
  return Array.from({ length: count }, (_, n) =>
    row(
      `${name}${n}`,
      [0, 0, n, opc2],
      (c) => c.regs[name][n],
      (c, value) => {
        c.regs[name][n] = value & mask;
      },
    ),
  );
}

/**
 * The debug registers that system software sees by cp14 (C11). They keep what is written; breakpoints and watchpoints
 * do not match, and there is no external debugger: the channel to one is empty.
 */
export function debugRegisters({ dbgdidr }: CpuModel): CoprocessorRegister[] {
  const breakpoints = ((dbgdidr >>> 24) & 15) + 1;
  const watchpoints = (dbgdidr >>> 28) + 1;
  return [
    row('DBGDIDR', [0, 0, 0, 0], () => dbgdidr | 0, undefined, userReads),
    row('DBGDSCRint', [0, 0, 1, 0], (c) => c.regs.DBGDSCR, undefined, userReads),
    row(
      'DBGDTRint',
      [0, 0, 5, 0],
      () => 0,
      () => {},
      (c) => (c.regs.DBGDSCR & DSCR_UDCCDIS) === 0,
    ),
    row(
      'DBGWFAR',
      [0, 0, 6, 0],
      (c) => c.regs.DBGWFAR,
      (c, value) => {
        c.regs.DBGWFAR = value;
      },
    ),
    row(
      'DBGVCR',
      [0, 0, 7, 0],
      (c) => c.regs.DBGVCR,
      (c, value) => {
        c.regs.DBGVCR = value & VECTOR_CATCH;
      },
    ),
    row(
      'DBGDSCRext',
      [0, 0, 2, 2],
      (c) => c.regs.DBGDSCR,
      (c, value) => {
        c.regs.DBGDSCR = (c.regs.DBGDSCR & ~DSCR_WRITABLE) | (value & DSCR_WRITABLE);
      },
    ),
    ...bank('DBGBVR', 4, breakpoints, -1),
    ...bank('DBGBCR', 5, breakpoints, BREAKPOINT_CONTROL),
    ...bank('DBGWVR', 6, watchpoints, ~3),
    ...bank('DBGWCR', 7, watchpoints, WATCHPOINT_CONTROL),
    // No ROM table and no memory-mapped debug registers: the addresses are not valid.
    row('DBGDRAR', [0, 1, 0, 0], () => 0, undefined, userReads),
    row('DBGDSAR', [0, 2, 0, 0], () => 0, undefined, userReads),
    row('DBGOSLAR', [0, 1, 0, 4], undefined, (c, value) => {
      c.regs.DBGOSLK = value === OS_LOCK_KEY ? OSLSR_OSLK : 0;
    }),
    row('DBGOSLSR', [0, 1, 1, 4], (c) => OSLSR_OSLM | c.regs.DBGOSLK),
    row(
      'DBGOSDLR',
      [0, 1, 3, 4],
      (c) => c.regs.DBGOSDLR,
      (c, value) => {
        c.regs.DBGOSDLR = value & 1;
      },
    ),
    row(
      'DBGPRCR',
      [0, 1, 4, 4],
      (c) => c.regs.DBGPRCR,
      (c, value) => {
        c.regs.DBGPRCR = value & 1;
      },
    ),
    row('DBGPRSR', [0, 1, 5, 4], () => PRSR_POWERED_UP),
    row(
      'DBGCLAIMSET',
      [0, 7, 8, 6],
      () => CLAIM_BITS,
      (c, value) => {
        c.regs.DBGCLAIM |= value & CLAIM_BITS;
      },
    ),
    row(
      'DBGCLAIMCLR',
      [0, 7, 9, 6],
      (c) => c.regs.DBGCLAIM,
      (c, value) => {
        c.regs.DBGCLAIM &= ~value;
      },
    ),
    row('DBGAUTHSTATUS', [0, 7, 14, 6], () => 0),
  ];
}

/** DBGDRAR and DBGDSAR by MRRC, which come with the Large Physical Address Extension. */
export function debugRegisters64(): CoprocessorRegister64[] {
  return ['DBGDRAR', 'DBGDSAR'].map((name, i) => ({
    name,
    at: packCop(14, 0, 0, i + 1, 0),
    user: userReads,
    read: (c) => {
      c.setHighWord(0);
      return 0;
    },
  }));
}

const TEECR_XED = 1;

/** ThumbEE's registers (A2.10): the handlers' base is there, ThumbEE state is not; and a trivial Jazelle (A2.9.7). */
export const executionEnvironmentRegisters: readonly CoprocessorRegister[] = [
  row(
    'TEECR',
    [6, 0, 0, 0],
    (c) => c.regs.TEECR,
    (c, value) => {
      c.regs.TEECR = value & TEECR_XED;
    },
  ),
  row(
    'TEEHBR',
    [6, 1, 0, 0],
    (c) => c.regs.TEEHBR,
    (c, value) => {
      c.regs.TEEHBR = value & ~3;
    },
    (c) => (c.regs.TEECR & TEECR_XED) === 0,
  ),
  row('JIDR', [7, 0, 0, 0], () => 0),
  row(
    'JOSCR',
    [7, 1, 0, 0],
    () => 0,
    () => {},
  ),
  row(
    'JMCR',
    [7, 2, 0, 0],
    () => 0,
    () => {},
  ),
];
