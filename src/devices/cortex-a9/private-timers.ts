import type { Clock } from '../../ports/clock.ts';
import type { InterruptLine } from '../../ports/interrupt-line.ts';
import {
  type AccessSize,
  type DeviceLog,
  type MmioDevice,
  type Requester,
  silentLog,
} from '../../ports/mmio.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { DownCounter, type DownCounterState } from '../down-counter.ts';
import { TickRate } from '../tick-rate.ts';

/** Registers of the private timer, and those of the watchdog behind them (ARM DDI 0407G table 4-1). */
export const PTIMER = {
  Load: 0x00,
  Counter: 0x04,
  Control: 0x08,
  InterruptStatus: 0x0c,
  /** The watchdog's registers of the same names begin here. */
  WATCHDOG: 0x20,
  ResetStatus: 0x30,
  Disable: 0x34,
} as const;

/** Control registers (4.2.3, 4.2.7). */
export const PTimerControl = {
  Enable: 1 << 0,
  AutoReload: 1 << 1,
  IrqEnable: 1 << 2,
  /** Of the watchdog alone. */
  WatchdogMode: 1 << 3,
} as const;
const PRESCALER_SHIFT = 8;
const TIMER_WRITABLE = 0xff07;
const WATCHDOG_WRITABLE = 0xff0f;
/** Written one after the other to the disable register they bring the watchdog back to timer mode (4.2.10). */
const DISABLE_SEQUENCE = [0x12345678, 0x87654321] as const;

export interface PrivateTimersConfig {
  readonly clock: Clock;
  /** PERIPHCLK in Hz. */
  readonly frequency: number;
  /** For each CPU the wires of its private timer and of its watchdog. */
  readonly cpus: readonly { readonly timer: InterruptLine; readonly watchdog: InterruptLine }[];
  /** A watchdog in watchdog mode has come to zero. */
  readonly reset: () => void;
}

type Registers = {
  load: number;
  control: number;
  event: boolean;
  hasReset: boolean;
  disableStep: number;
};
type UnitState = { readonly registers: Registers; readonly counter: DownCounterState };
export type PrivateTimersState = readonly UnitState[];

const POWER_ON: Registers = { load: 0, control: 0, event: false, hasReset: false, disableStep: 0 };

/** A private timer, or a watchdog, of one CPU. */
class Unit {
  readonly registers: Registers = { ...POWER_ON };
  readonly counter: DownCounter;
  readonly #config: PrivateTimersConfig;
  readonly #line: InterruptLine;
  readonly #writable: number;

  constructor(config: PrivateTimersConfig, line: InterruptLine, writable: number) {
    this.#config = config;
    this.#line = line;
    this.#writable = writable;
    this.counter = new DownCounter(config.clock, new TickRate(config.frequency), () => this.#zero());
  }

  reset(): void {
    assignPlain(this.registers, POWER_ON, 'the private timers');
    this.counter.run(false);
    this.counter.rate = new TickRate(this.#config.frequency);
    this.counter.value = 0;
    this.drive();
  }

  /** A counter that has stopped at zero goes on with a value that is written to it. */
  set value(value: number) {
    this.counter.value = value;
    this.#start();
  }

  set control(value: number) {
    const { registers, counter } = this;
    const before = registers.control;
    // Watchdog mode can only be left by the disable register.
    registers.control = (value & this.#writable) | (before & PTimerControl.WatchdogMode);
    const prescaler = (value >>> PRESCALER_SHIFT) & 0xff;
    if (prescaler !== before >>> PRESCALER_SHIFT) {
      counter.rate = new TickRate(this.#config.frequency, prescaler + 1);
    }
    if ((registers.control & PTimerControl.Enable) === 0) counter.run(false);
    else this.#start();
    this.drive();
  }

  drive(): void {
    const { event, control } = this.registers;
    const interrupts =
      (control & (PTimerControl.IrqEnable | PTimerControl.WatchdogMode)) === PTimerControl.IrqEnable;
    this.#line.set(event && interrupts);
  }

  #start(): void {
    const { registers, counter } = this;
    if ((registers.control & PTimerControl.Enable) === 0 || counter.running) return;
    if (counter.value === 0 && (registers.control & PTimerControl.AutoReload) !== 0) {
      counter.value = registers.load;
    }
    if (counter.value !== 0) counter.run(true);
  }

  #zero(): void {
    const { registers, counter } = this;
    if ((registers.control & PTimerControl.WatchdogMode) !== 0) {
      counter.run(false);
      registers.hasReset = true;
      this.#config.reset();
      return;
    }
    registers.event = true;
    if ((registers.control & PTimerControl.AutoReload) !== 0 && registers.load !== 0) {
      // From zero to the reload is one more tick (4.1.1).
      counter.repeat(registers.load + 1);
    } else {
      counter.run(false);
      counter.value = 0;
    }
    this.drive();
  }
}

/**
 * Private timer and watchdog of each CPU of a Cortex-A9 MPCore (ARM DDI 0407 chapter 4): every CPU sees its own at the
 * same addresses.
 */
export class PrivateTimers implements MmioDevice, Saveable<PrivateTimersState> {
  readonly #cpus: readonly { readonly timer: Unit; readonly watchdog: Unit }[];
  readonly #log: DeviceLog;

  constructor(config: PrivateTimersConfig, log: DeviceLog = silentLog) {
    this.#log = log;
    this.#cpus = config.cpus.map(({ timer, watchdog }) => ({
      timer: new Unit(config, timer, TIMER_WRITABLE),
      watchdog: new Unit(config, watchdog, WATCHDOG_WRITABLE),
    }));
  }

  reset(): void {
    for (const unit of this.#units()) unit.reset();
  }

  saveState(): PrivateTimersState {
    return this.#units().map(({ registers, counter }) => ({
      registers: copyPlain(registers),
      counter: counter.saveState(),
    }));
  }

  restoreState(state: PrivateTimersState): void {
    for (const [i, unit] of this.#units().entries()) {
      assignPlain(unit.registers, state[i].registers, 'the private timers');
      unit.counter.restoreState(state[i].counter);
    }
  }

  read(offset: number, _size: AccessSize, { cpu }: Requester): number {
    const { watchdog } = this.#cpus[cpu];
    if (offset === PTIMER.ResetStatus) return Number(watchdog.registers.hasReset);
    const unit = this.#unit(cpu, offset);
    switch (offset & ~PTIMER.WATCHDOG) {
      case PTIMER.Load:
        return unit.registers.load;
      case PTIMER.Counter:
        return Math.min(unit.counter.value, 0xffff_ffff);
      case PTIMER.Control:
        return unit.registers.control;
      case PTIMER.InterruptStatus:
        return Number(unit.registers.event);
      default:
        this.#log.guestError(`private timers: read of reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  write(offset: number, _size: AccessSize, value: number, { cpu }: Requester): void {
    const { registers } = this.#cpus[cpu].watchdog;
    if (offset === PTIMER.ResetStatus) {
      if ((value & 1) !== 0) registers.hasReset = false;
      return;
    }
    if (offset === PTIMER.Disable) {
      this.#disable(registers, value >>> 0);
      return;
    }
    const unit = this.#unit(cpu, offset);
    switch (offset & ~PTIMER.WATCHDOG) {
      case PTIMER.Load:
        // Loads the counter, too (4.2.1).
        unit.registers.load = value >>> 0;
        unit.value = value >>> 0;
        return;
      case PTIMER.Counter:
        // In watchdog mode only the load register changes it (4.2.6).
        if ((unit.registers.control & PTimerControl.WatchdogMode) === 0) unit.value = value >>> 0;
        return;
      case PTIMER.Control:
        unit.control = value;
        return;
      case PTIMER.InterruptStatus:
        if ((value & 1) !== 0) unit.registers.event = false;
        unit.drive();
        return;
      default:
        this.#log.guestError(`private timers: write to reserved register 0x${offset.toString(16)}`);
    }
  }

  #disable(registers: Registers, value: number): void {
    registers.disableStep = value === DISABLE_SEQUENCE[registers.disableStep] ? registers.disableStep + 1 : 0;
    if (registers.disableStep < DISABLE_SEQUENCE.length) return;
    registers.disableStep = 0;
    registers.control &= ~PTimerControl.WatchdogMode;
  }

  #unit(cpu: number, offset: number): Unit {
    const { timer, watchdog } = this.#cpus[cpu];
    return offset < PTIMER.WATCHDOG ? timer : watchdog;
  }

  #units(): Unit[] {
    return this.#cpus.flatMap(({ timer, watchdog }) => [timer, watchdog]);
  }
}
