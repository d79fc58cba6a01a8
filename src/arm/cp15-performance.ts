import type { CoprocessorContext, CoprocessorRegister, UserAccess } from './coprocessor.ts';
import { packCop } from './helpers.ts';
import type { CpuModel } from './system-registers.ts';

/** PMCR (ARM DDI 0406C B4.1.117). */
const Pmcr = { E: 1 << 0, P: 1 << 1, C: 1 << 2, D: 1 << 3, X: 1 << 4, DP: 1 << 5 } as const;
const PMCR_WRITABLE = Pmcr.E | Pmcr.D | Pmcr.X | Pmcr.DP;
const PMCR_N_SHIFT = 11;
/** The cycle counter's bit in PMCNTENSET and its kin, and its number in PMSELR. */
const CYCLES = 31;
/** Events that are counted (C12.8.1); instructions are also the only cycles that there are. */
const SOFTWARE_INCREMENT = 0x00;
const INSTRUCTION_RETIRED = 0x08;
const CPU_CYCLES = 0x11;
const PMCEID0 = (1 << SOFTWARE_INCREMENT) | (1 << INSTRUCTION_RETIRED) | (1 << CPU_CYCLES);
/** PMXEVTYPER: P, U, NSK, NSU, NSH and the event's number. */
const EVENT_TYPE_WRITABLE = 0xf80000ff | 0;
/** With PMCR.D the cycle counter counts every 64th cycle. */
const CYCLE_DIVIDER = 64;

const countersOf = (c: CoprocessorContext): number => (c.regs.PMCR >>> PMCR_N_SHIFT) & 31;
/** Bits of the counters that there are. */
const allCounters = (c: CoprocessorContext): number => (1 << CYCLES) | ((1 << countersOf(c)) - 1);

/** Adds to counter `value`; sets its overflow flag when it wraps. @returns the new value. */
function add(c: CoprocessorContext, value: number, more: number, flag: number): number {
  const sum = (value >>> 0) + more;
  if (sum >= 2 ** 32) c.regs.PMOVSR |= flag;
  return sum | 0;
}

/** Brings all counters up to date: before anything of them is read or changed. */
function update(c: CoprocessorContext): void {
  const { regs } = c;
  const now = c.instructionsRetired();
  const passed = now - regs.countedUntil;
  regs.countedUntil = now;
  if ((regs.PMCR & Pmcr.E) === 0 || passed <= 0) return;
  for (let i = 0; i < countersOf(c); i++) {
    if (((regs.PMCNTENSET >>> i) & 1) === 0) continue;
    const event = regs.PMXEVTYPER[i] & 0xff;
    if (event !== INSTRUCTION_RETIRED && event !== CPU_CYCLES) continue;
    regs.PMXEVCNTR[i] = add(c, regs.PMXEVCNTR[i], passed, 1 << i);
  }
  if (regs.PMCNTENSET >>> CYCLES === 0) return;
  const divider = (regs.PMCR & Pmcr.D) === 0 ? 1 : CYCLE_DIVIDER;
  const cycles = divider === 1 ? passed : passed + regs.cycleFraction;
  regs.cycleFraction = cycles % divider;
  regs.PMCCNTR = add(c, regs.PMCCNTR, Math.floor(cycles / divider), 1 << CYCLES);
}

function writePmcr(c: CoprocessorContext, value: number): void {
  const { regs } = c;
  if ((value & Pmcr.P) !== 0) regs.PMXEVCNTR.fill(0);
  if ((value & Pmcr.C) !== 0) {
    regs.PMCCNTR = 0;
    regs.cycleFraction = 0;
  }
  regs.PMCR = (regs.PMCR & ~PMCR_WRITABLE) | (value & PMCR_WRITABLE);
}

function softwareIncrement(c: CoprocessorContext, value: number): void {
  const { regs } = c;
  if ((regs.PMCR & Pmcr.E) === 0) return;
  const counters = value & regs.PMCNTENSET;
  for (let i = 0; i < countersOf(c); i++) {
    if (((counters >>> i) & 1) === 0 || (regs.PMXEVTYPER[i] & 0xff) !== SOFTWARE_INCREMENT) continue;
    regs.PMXEVCNTR[i] = add(c, regs.PMXEVCNTR[i], 1, 1 << i);
  }
}

/** The event counter that PMSELR selects; -1 for none, which is UNPREDICTABLE: it reads as zero and ignores writes. */
const selected = (c: CoprocessorContext): number => (c.regs.PMSELR < countersOf(c) ? c.regs.PMSELR : -1);

const PMUSERENR_EN = 1;
const whenEnabled: UserAccess = (c) => (c.regs.PMUSERENR & PMUSERENR_EN) !== 0;

/** A register of the performance monitors; counters are up to date, and the count exact, when it is used. */
function row(
  name: string,
  crm: number,
  opc2: number,
  read: ((c: CoprocessorContext) => number) | undefined,
  write?: (c: CoprocessorContext, value: number) => void,
  user: UserAccess = whenEnabled,
): CoprocessorRegister {
  const ready = (c: CoprocessorContext): boolean => {
    if (c.stepFirst()) return false;
    update(c);
    return true;
  };
  return {
    name,
    at: packCop(15, 0, 9, crm, opc2),
    user,
    ...(read && { read: (c: CoprocessorContext) => (ready(c) ? read(c) : 0) }),
    ...(write && {
      write: (c: CoprocessorContext, value: number) => {
        if (ready(c)) write(c, value);
      },
    }),
  };
}

/**
 * The performance monitors (C12): instructions are counted as cycles, per CPU; filters by privilege have no effect, and
 * there is no overflow interrupt (no board has a line for it).
 */
export function performanceMonitors(model: CpuModel): CoprocessorRegister[] {
  const overflowSet = row(
    'PMOVSSET',
    14,
    3,
    (c) => c.regs.PMOVSR,
    (c, value) => {
      c.regs.PMOVSR |= value & allCounters(c);
    },
    'none',
  );
  return [
    row('PMCR', 12, 0, (c) => c.regs.PMCR, writePmcr),
    row(
      'PMCNTENSET',
      12,
      1,
      (c) => c.regs.PMCNTENSET,
      (c, value) => {
        c.regs.PMCNTENSET |= value & allCounters(c);
      },
    ),
    row(
      'PMCNTENCLR',
      12,
      2,
      (c) => c.regs.PMCNTENSET,
      (c, value) => {
        c.regs.PMCNTENSET &= ~value;
      },
    ),
    row(
      'PMOVSR',
      12,
      3,
      (c) => c.regs.PMOVSR,
      (c, value) => {
        c.regs.PMOVSR &= ~value;
      },
    ),
    row('PMSWINC', 12, 4, undefined, softwareIncrement),
    row(
      'PMSELR',
      12,
      5,
      (c) => c.regs.PMSELR,
      (c, value) => {
        c.regs.PMSELR = value & 31;
      },
    ),
    row('PMCEID0', 12, 6, () => PMCEID0),
    row('PMCEID1', 12, 7, () => 0),
    row(
      'PMCCNTR',
      13,
      0,
      (c) => c.regs.PMCCNTR,
      (c, value) => {
        c.regs.PMCCNTR = value;
      },
    ),
    row(
      'PMXEVTYPER',
      13,
      1,
      (c) => (c.regs.PMSELR === CYCLES ? c.regs.PMCCFILTR : (c.regs.PMXEVTYPER[selected(c)] ?? 0)),
      (c, value) => {
        if (c.regs.PMSELR === CYCLES) c.regs.PMCCFILTR = value & EVENT_TYPE_WRITABLE & ~0xff;
        else if (selected(c) >= 0) c.regs.PMXEVTYPER[selected(c)] = value & EVENT_TYPE_WRITABLE;
      },
    ),
    row(
      'PMXEVCNTR',
      13,
      2,
      (c) => c.regs.PMXEVCNTR[selected(c)] ?? 0,
      (c, value) => {
        if (selected(c) >= 0) c.regs.PMXEVCNTR[selected(c)] = value;
      },
    ),
    row(
      'PMUSERENR',
      14,
      0,
      (c) => c.regs.PMUSERENR,
      (c, value) => {
        c.regs.PMUSERENR = value & PMUSERENR_EN;
      },
      'read',
    ),
    row(
      'PMINTENSET',
      14,
      1,
      (c) => c.regs.PMINTENSET,
      (c, value) => {
        c.regs.PMINTENSET |= value & allCounters(c);
      },
      'none',
    ),
    row(
      'PMINTENCLR',
      14,
      2,
      (c) => c.regs.PMINTENSET,
      (c, value) => {
        c.regs.PMINTENSET &= ~value;
      },
      'none',
    ),
    ...(model.features.virtualization ? [overflowSet] : []),
  ];
}
