/** 32-bit system registers of a GICv3's CPU interface (IHI 0069 table 12-4, AArch32). */
export type IccRegister =
  | 'ICC_PMR'
  | 'ICC_IAR0'
  | 'ICC_EOIR0'
  | 'ICC_HPPIR0'
  | 'ICC_BPR0'
  | 'ICC_AP0R0'
  | 'ICC_AP1R0'
  | 'ICC_DIR'
  | 'ICC_RPR'
  | 'ICC_IAR1'
  | 'ICC_EOIR1'
  | 'ICC_HPPIR1'
  | 'ICC_BPR1'
  | 'ICC_CTLR'
  | 'ICC_SRE'
  | 'ICC_IGRPEN0'
  | 'ICC_IGRPEN1';

/** Registers that generate SGIs; 64 bits, write-only. */
export type IccSgiRegister = 'ICC_SGI1R' | 'ICC_ASGI1R' | 'ICC_SGI0R';

/** A GICv3's CPU interface as the system control coprocessor of its CPU reaches it. Words are unsigned. */
export interface GicCpuInterface {
  read(register: IccRegister): number;
  write(register: IccRegister, value: number): void;
  write64(register: IccSgiRegister, low: number, high: number): void;
}
