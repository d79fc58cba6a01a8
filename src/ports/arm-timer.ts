/** 32-bit registers of a CPU's generic timer (ARM DDI 0406C B4.1.21 to B4.1.33, table B8-2). */
export type ArmTimerRegister = 'CNTFRQ' | 'CNTKCTL' | 'CNTP_CTL' | 'CNTP_TVAL' | 'CNTV_CTL' | 'CNTV_TVAL';

/** 64-bit registers of a CPU's generic timer (the same sections); the counters can only be read. */
export type ArmTimerRegister64 = 'CNTPCT' | 'CNTVCT' | 'CNTP_CVAL' | 'CNTV_CVAL' | 'CNTVOFF';

/**
 * The generic timer of one CPU as its system control coprocessor reaches it. The coprocessor checks who may
 * access what (CNTKCTL, the privilege level); the timer does what the register does. Words are unsigned.
 */
export interface ArmTimer {
  read(register: ArmTimerRegister): number;
  write(register: ArmTimerRegister, value: number): void;
  /** @returns bits 31:0; bits 63:32 of the same sample are in `highWord` until the next call. */
  read64(register: ArmTimerRegister64): number;
  /** Bits 63:32 of what `read64` read last. */
  readonly highWord: number;
  /** Ignored for CNTPCT and CNTVCT. */
  write64(register: ArmTimerRegister64, low: number, high: number): void;
}
