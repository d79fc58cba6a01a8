import type { Clock } from '../ports/clock.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';
import { DownCounter, type DownCounterState } from './down-counter.ts';
import { TickRate } from './tick-rate.ts';

/** Registers (ARM DDI 0270B table 3-1). */
export const SP805 = {
  Load: 0x000,
  Value: 0x004,
  Control: 0x008,
  IntClr: 0x00c,
  RIS: 0x010,
  MIS: 0x014,
  Lock: 0xc00,
  /** WdogPeriphID0 to 3 and WdogPCellID0 to 3 follow each other. */
  PeriphID0: 0xfe0,
} as const;

/** WdogControl (3.3.3). */
export const WdogControl = { INTEN: 1 << 0, RESEN: 1 << 1 } as const;

/** Written to WdogLock it opens the registers for writing (3.3.7). */
export const UNLOCK = 0x1acce551;

/** 3.3.10, 3.3.11: part 0x805, designer Arm, revision 2. */
const IDENTIFICATION = [0x05, 0x18, 0x24, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;
const RESET_LOAD = 0xffff_ffff;

export interface Sp805Config {
  readonly clock: Clock;
  /** Rate of WDOGCLK in Hz. */
  readonly frequency: number;
  readonly interrupt: InterruptLine;
  /** WDOGRES. */
  readonly reset: () => void;
}

type Registers = { load: number; control: number; raw: boolean; locked: boolean };
export type Sp805State = { readonly registers: Registers; readonly counter: DownCounterState };

/**
 * Watchdog module SP805 (ARM DDI 0270): interrupts when its counter comes to zero, and asks for a reset when it comes
 * there once more with the interrupt still pending.
 */
export class Sp805 implements MmioDevice, Saveable<Sp805State> {
  readonly #registers: Registers = { load: RESET_LOAD, control: 0, raw: false, locked: false };
  readonly #config: Sp805Config;
  readonly #counter: DownCounter;
  readonly #log: DeviceLog;

  constructor(config: Sp805Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#counter = new DownCounter(config.clock, new TickRate(config.frequency), () => this.#zero());
    this.#counter.value = RESET_LOAD;
  }

  reset(): void {
    assignPlain(this.#registers, { load: RESET_LOAD, control: 0, raw: false, locked: false }, 'the SP805');
    this.#counter.run(false);
    this.#counter.value = RESET_LOAD;
    this.#drive();
  }

  saveState(): Sp805State {
    return { registers: copyPlain(this.#registers), counter: this.#counter.saveState() };
  }

  restoreState({ registers, counter }: Sp805State): void {
    assignPlain(this.#registers, registers, 'the SP805');
    this.#counter.restoreState(counter);
  }

  read(offset: number): number {
    const { load, control, raw, locked } = this.#registers;
    switch (offset) {
      case SP805.Load:
        return load;
      case SP805.Value:
        return this.#counter.value;
      case SP805.Control:
        return control;
      case SP805.RIS:
        return Number(raw);
      case SP805.MIS:
        return Number(this.#masked);
      case SP805.Lock:
        return Number(locked);
      default:
        if (offset >= SP805.PeriphID0) return IDENTIFICATION[(offset - SP805.PeriphID0) >>> 2] ?? 0;
        this.#log.guestError(`SP805: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  write(offset: number, _size: AccessSize, value: number): void {
    const registers = this.#registers;
    if (offset === SP805.Lock) {
      registers.locked = value >>> 0 !== UNLOCK;
      return;
    }
    if (registers.locked) {
      this.#log.guestError(`SP805: write to 0x${offset.toString(16)} while WdogLock is closed`);
      return;
    }
    switch (offset) {
      case SP805.Load:
        registers.load = value >>> 0;
        this.#counter.value = registers.load;
        return;
      case SP805.Control: {
        const enabled = (value & WdogControl.INTEN) !== 0;
        registers.control = value & (WdogControl.INTEN | WdogControl.RESEN);
        if (enabled && !this.#counter.running) {
          // INTEN reloads the counter when it was disabled before (3.3.3).
          this.#counter.run(true);
          this.#counter.value = registers.load;
        } else if (!enabled) {
          this.#counter.run(false);
        }
        this.#drive();
        return;
      }
      case SP805.IntClr:
        registers.raw = false;
        this.#counter.value = registers.load;
        this.#drive();
        return;
      default:
        this.#log.guestError(`SP805: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  get #masked(): boolean {
    return this.#registers.raw && (this.#registers.control & WdogControl.INTEN) !== 0;
  }

  #zero(): void {
    const registers = this.#registers;
    if (registers.raw && (registers.control & WdogControl.RESEN) !== 0) {
      this.#counter.run(false);
      this.#config.reset();
      return;
    }
    registers.raw = true;
    this.#counter.repeat(registers.load);
    this.#drive();
  }

  #drive(): void {
    this.#config.interrupt.set(this.#masked);
  }
}
