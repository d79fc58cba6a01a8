import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../../ports/mmio.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';

/** Registers (ARM DDI 0407G table 2-1). */
export const SCU = {
  Control: 0x00,
  Configuration: 0x04,
  PowerStatus: 0x08,
  InvalidateAll: 0x0c,
  /** In no manual; software works around erratum 764369 by it. */
  DiagnosticControl: 0x30,
  FilteringStart: 0x40,
  FilteringEnd: 0x44,
  SAC: 0x50,
  SNSAC: 0x54,
} as const;

/** Control: enable, filtering, parity, speculative line fills, port 0 and standby enables (2.2.1). */
const CONTROL_WRITABLE = 0x7f;
/** Two bits for each CPU at byte n (2.2.3). */
const POWER_STATUS_WRITABLE = 0x03030303;
/** Addresses of the filter are whole megabytes (2.2.5). */
const FILTER_WRITABLE = 0xfff00000;
/** Private registers, timers, global timer of each CPU (2.2.7, 2.2.8): all may be reached after reset. */
const RESET_SAC = 0xf;
const SAC_WRITABLE = 0xf;
const SNSAC_WRITABLE = 0xfff;

export type ScuState = {
  control: number;
  powerStatus: number;
  filteringStart: number;
  filteringEnd: number;
  sac: number;
  snsac: number;
};

const RESET: ScuState = {
  control: 0,
  powerStatus: 0,
  filteringStart: 0,
  filteringEnd: 0,
  sac: RESET_SAC,
  snsac: 0,
};

/** Snoop Control Unit of a Cortex-A9 MPCore (ARM DDI 0407 chapter 2). Caches are not modelled: its registers keep what they are given. */
export class Scu implements MmioDevice, Saveable<ScuState> {
  readonly #state: ScuState = { ...RESET };
  readonly #cpus: number;
  readonly #log: DeviceLog;

  /** @param cpus 1 to 4 */
  constructor(cpus: number, log: DeviceLog = silentLog) {
    this.#cpus = cpus;
    this.#log = log;
  }

  reset(): void {
    assignPlain(this.#state, RESET, 'the SCU');
  }

  saveState(): ScuState {
    return copyPlain(this.#state);
  }

  restoreState(state: ScuState): void {
    assignPlain(this.#state, state, 'the SCU');
  }

  read(offset: number, size: AccessSize): number {
    const word = this.#word(offset & ~3) >>> (8 * (offset & 3));
    return size === 4 ? word >>> 0 : word & (size === 2 ? 0xffff : 0xff);
  }

  write(offset: number, size: AccessSize, value: number): void {
    const state = this.#state;
    if (offset >= SCU.PowerStatus && offset < SCU.PowerStatus + 4) {
      // Each CPU has a byte of it, which it may write alone.
      const shift = 8 * (offset & 3);
      const lanes = (size === 4 ? -1 : (1 << (8 * size)) - 1) << shift;
      const merged = (state.powerStatus & ~lanes) | ((value << shift) & lanes);
      state.powerStatus = (merged & POWER_STATUS_WRITABLE) >>> 0;
      return;
    }
    switch (offset) {
      case SCU.Control:
        state.control = value & CONTROL_WRITABLE;
        return;
      case SCU.InvalidateAll:
      case SCU.DiagnosticControl:
        return;
      case SCU.FilteringStart:
        state.filteringStart = (value & FILTER_WRITABLE) >>> 0;
        return;
      case SCU.FilteringEnd:
        state.filteringEnd = (value & FILTER_WRITABLE) >>> 0;
        return;
      case SCU.SAC:
        state.sac = value & SAC_WRITABLE;
        return;
      case SCU.SNSAC:
        state.snsac = value & SNSAC_WRITABLE;
        return;
      default:
        this.#log.guestError(`SCU: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  #word(offset: number): number {
    const state = this.#state;
    switch (offset) {
      case SCU.Control:
        return state.control;
      case SCU.Configuration:
        // CPUs in SMP mode, and the number of CPUs less one; tag RAMs of 16 KiB caches (2.2.2).
        return (((1 << this.#cpus) - 1) << 4) | (this.#cpus - 1);
      case SCU.PowerStatus:
        return state.powerStatus;
      case SCU.InvalidateAll:
      case SCU.DiagnosticControl:
        return 0;
      case SCU.FilteringStart:
        return state.filteringStart;
      case SCU.FilteringEnd:
        return state.filteringEnd;
      case SCU.SAC:
        return state.sac;
      case SCU.SNSAC:
        return state.snsac;
      default:
        this.#log.guestError(`SCU: read of reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }
}
