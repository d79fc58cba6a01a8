import type { ArmTimer, ArmTimerRegister, ArmTimerRegister64 } from '../ports/arm-timer.ts';
import type {
  CoprocessorContext,
  CoprocessorRegister,
  CoprocessorRegister64,
  UserAccess,
} from './coprocessor.ts';
import { packCop } from './helpers.ts';

/** CNTKCTL bits that let User mode in (B4.1.26). */
const CNTKCTL_PL0PCTEN = 1 << 0;
const CNTKCTL_PL0VCTEN = 1 << 1;
const CNTKCTL_PL0VTEN = 1 << 8;
const CNTKCTL_PL0PTEN = 1 << 9;

function timerOf(c: CoprocessorContext): ArmTimer {
  return c.regs.timer as ArmTimer;
}

function allowedBy(bits: number): UserAccess {
  return (c) => (timerOf(c).read('CNTKCTL') & bits) !== 0;
}

function row(name: ArmTimerRegister, crm: number, opc2: number, user: UserAccess): CoprocessorRegister {
  return {
    name,
    at: packCop(15, 0, 14, crm, opc2),
    user,
    read: (c) => (c.stepFirst() ? 0 : timerOf(c).read(name) | 0),
    write: (c, value) => {
      if (!c.stepFirst()) timerOf(c).write(name, value >>> 0);
    },
  };
}

function row64(
  name: ArmTimerRegister64,
  opc1: number,
  user: UserAccess,
  writable: boolean,
): CoprocessorRegister64 {
  const read = (c: CoprocessorContext): number => {
    if (c.stepFirst()) return 0;
    const timer = timerOf(c);
    const low = timer.read64(name) | 0;
    c.setHighWord(timer.highWord | 0);
    return low;
  };
  const at = packCop(15, opc1, 0, 14, 0);
  if (!writable) return { name, at, user, read };
  const write = (c: CoprocessorContext, low: number, high: number): void => {
    if (!c.stepFirst()) timerOf(c).write64(name, low >>> 0, high >>> 0);
  };
  return { name, at, user, read, write };
}

/** The generic timer's registers (B8.2, Table B8-2), for implementations that have one. */
export function timerRegisters(): CoprocessorRegister[] {
  const counters = CNTKCTL_PL0PCTEN | CNTKCTL_PL0VCTEN;
  return [
    // CNTFRQ is written by boot software in Secure state only; here by any privileged software, as on QEMU. User mode
    // may read it at most (B4.1.21).
    row('CNTFRQ', 0, 0, (c, write) => !write && (timerOf(c).read('CNTKCTL') & counters) !== 0),
    row('CNTKCTL', 1, 0, 'none'),
    row('CNTP_TVAL', 2, 0, allowedBy(CNTKCTL_PL0PTEN)),
    row('CNTP_CTL', 2, 1, allowedBy(CNTKCTL_PL0PTEN)),
    row('CNTV_TVAL', 3, 0, allowedBy(CNTKCTL_PL0VTEN)),
    row('CNTV_CTL', 3, 1, allowedBy(CNTKCTL_PL0VTEN)),
  ];
}

export function timerRegisters64(): CoprocessorRegister64[] {
  return [
    row64('CNTPCT', 0, allowedBy(CNTKCTL_PL0PCTEN), false),
    row64('CNTVCT', 1, allowedBy(CNTKCTL_PL0VCTEN), false),
    row64('CNTP_CVAL', 2, allowedBy(CNTKCTL_PL0PTEN), true),
    row64('CNTV_CVAL', 3, allowedBy(CNTKCTL_PL0VTEN), true),
  ];
}
