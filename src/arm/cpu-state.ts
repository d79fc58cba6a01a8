import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { BankedRegisters, bankOf, FIQ_BANK, Mode } from './modes.ts';
import { CPU_STATE_SLOTS, StateSlot } from './state.ts';

const STATE = MemoryLayout.state >>> 2;

/** PSR bits by their CPSR names (B1.3.3). */
export const Psr = {
  Q: 1 << 27,
  E: 1 << 9,
  A: 1 << 8,
  I: 1 << 7,
  F: 1 << 6,
  T: 1 << 5,
  M: 0x1f,
} as const;

/** Core registers, PSRs and banks of one CPU. While the CPU runs, the state window holds the current ones. */
export class CpuState {
  readonly banked = new BankedRegisters();
  /** The state slots: the window's words while this CPU is active, its own copy otherwise. */
  slots: Int32Array;
  private readonly window: Int32Array;
  private readonly parked = new Int32Array(CPU_STATE_SLOTS);

  constructor(memory: MachineMemory) {
    this.window = memory.words.subarray(STATE, STATE + CPU_STATE_SLOTS);
    this.slots = this.parked;
  }

  /** Moves the registers into the window. The caller has parked the CPU that was there. */
  activate(): void {
    this.window.set(this.parked);
    this.slots = this.window;
    // The local monitor of a CPU does not see other CPUs' stores while it is away: it starts anew (A3.4.5 allows it).
    this.slots[StateSlot.ExclusiveArmed] = 0;
  }

  park(): void {
    this.parked.set(this.window);
    this.slots = this.parked;
  }

  get mode(): number {
    return this.slots[StateSlot.AIFM] & Psr.M;
  }

  get privileged(): boolean {
    return this.mode !== Mode.User;
  }

  get cpsr(): number {
    const s = this.slots;
    const it = s[StateSlot.IT];
    return (
      s[StateSlot.NZCV] |
      (s[StateSlot.Q] << 27) |
      ((it & 3) << 25) |
      (s[StateSlot.GE] << 16) |
      ((it >> 2) << 10) |
      (s[StateSlot.E] << 9) |
      s[StateSlot.AIFM] |
      (s[StateSlot.T] << 5)
    );
  }

  /** Writes all of the CPSR; a mode that does not exist here leaves the mode as it is (UNPREDICTABLE, B1.3.1). */
  set cpsr(value: number) {
    const s = this.slots;
    const mode = bankOf(value & Psr.M) < 0 ? this.mode : value & Psr.M;
    this.switchMode(mode);
    s[StateSlot.NZCV] = value & 0xf0000000;
    s[StateSlot.Q] = (value >>> 27) & 1;
    s[StateSlot.GE] = (value >>> 16) & 15;
    s[StateSlot.IT] = ((value >>> 8) & 0xfc) | ((value >>> 25) & 3);
    s[StateSlot.E] = (value >>> 9) & 1;
    s[StateSlot.T] = (value >>> 5) & 1;
    s[StateSlot.AIFM] = (value & (Psr.A | Psr.I | Psr.F)) | mode;
  }

  get spsr(): number {
    return this.banked.spsr[Math.max(bankOf(this.mode), 0)];
  }

  set spsr(value: number) {
    this.banked.spsr[Math.max(bankOf(this.mode), 0)] = value;
  }

  /** Exchanges the banked registers and sets CPSR.M. */
  switchMode(to: number): void {
    const s = this.slots;
    const from = this.mode;
    if (from === to) return;
    const { banked } = this;
    const fromBank = bankOf(from);
    const toBank = bankOf(to);
    banked.sp[fromBank] = s[StateSlot.SP];
    banked.lr[fromBank] = s[StateSlot.LR];
    if ((fromBank === FIQ_BANK) !== (toBank === FIQ_BANK)) {
      const save = fromBank === FIQ_BANK ? banked.highFiq : banked.highUser;
      const load = fromBank === FIQ_BANK ? banked.highUser : banked.highFiq;
      for (let i = 0; i < 5; i++) {
        save[i] = s[8 + i];
        s[8 + i] = load[i];
      }
    }
    s[StateSlot.SP] = banked.sp[toBank];
    s[StateSlot.LR] = banked.lr[toBank];
    s[StateSlot.AIFM] = (s[StateSlot.AIFM] & ~Psr.M) | to;
  }

  /** R8 to R14 as seen from another mode's bank; n 8 to 12 differ only for FIQ. */
  readBanked(bank: number, n: number): number {
    const current = bankOf(this.mode);
    if (n >= 13) {
      if (bank === current) return this.slots[n];
      return n === 13 ? this.banked.sp[bank] : this.banked.lr[bank];
    }
    if ((bank === FIQ_BANK) === (current === FIQ_BANK)) return this.slots[n];
    return bank === FIQ_BANK ? this.banked.highFiq[n - 8] : this.banked.highUser[n - 8];
  }

  writeBanked(bank: number, n: number, value: number): void {
    const current = bankOf(this.mode);
    if (n >= 13) {
      if (bank === current) this.slots[n] = value;
      else if (n === 13) this.banked.sp[bank] = value;
      else this.banked.lr[bank] = value;
    } else if ((bank === FIQ_BANK) === (current === FIQ_BANK)) {
      this.slots[n] = value;
    } else {
      const high = bank === FIQ_BANK ? this.banked.highFiq : this.banked.highUser;
      high[n - 8] = value;
    }
  }
}
