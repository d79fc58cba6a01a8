import type { Clock } from '../ports/clock.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';
import { DownCounter, type DownCounterState } from './down-counter.ts';
import { TickRate } from './tick-rate.ts';

/** Registers of one timer (ARM DDI 0271D table 3-1); the second one's are 0x20 higher. */
export const SP804 = {
  Load: 0x00,
  Value: 0x04,
  Control: 0x08,
  IntClr: 0x0c,
  RIS: 0x10,
  MIS: 0x14,
  BGLoad: 0x18,
  /** Distance of the second timer's registers. */
  SECOND: 0x20,
  /** TimerPeriphID0 to 3 and TimerPCellID0 to 3 follow each other. */
  PeriphID0: 0xfe0,
} as const;

/** TimerXControl (3.2.3). */
export const TimerControl = {
  OneShot: 1 << 0,
  TimerSize: 1 << 1,
  IntEnable: 1 << 5,
  TimerMode: 1 << 6,
  TimerEn: 1 << 7,
} as const;
const CONTROL_WRITABLE = 0xef;
/** TimerPre, bits 3:2: clock divided by 1, 16, 256; 3 is undefined. */
const PRESCALERS = [1, 16, 256, 256] as const;

/** 3.3: part 0x804, designer Arm, revision 1. */
const IDENTIFICATION = [0x04, 0x18, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;
const MAX_16 = 0xffff;
const MAX_32 = 0xffff_ffff;

export interface Sp804Config {
  readonly clock: Clock;
  /** Rates of the two timers' clocks (TIMCLK with its enables) in Hz. */
  readonly frequencies: readonly [number, number];
  /** TIMINTC: either timer's interrupt. */
  readonly interrupt: InterruptLine;
}

type TimerRegisters = { load: number; control: number; raw: boolean };
export type Sp804State = readonly {
  readonly registers: TimerRegisters;
  readonly counter: DownCounterState;
}[];

/** One of the two timers. */
class FreeRunningCounter {
  readonly registers: TimerRegisters = { load: 0, control: TimerControl.IntEnable, raw: false };
  readonly counter: DownCounter;
  readonly #frequency: number;
  readonly #changed: () => void;

  constructor(clock: Clock, frequency: number, changed: () => void) {
    this.#frequency = frequency;
    this.#changed = changed;
    this.counter = new DownCounter(clock, new TickRate(frequency), () => this.#zero());
    this.counter.value = MAX_32;
  }

  reset(): void {
    assignPlain(this.registers, { load: 0, control: TimerControl.IntEnable, raw: false }, 'the SP804');
    this.counter.run(false);
    this.counter.rate = new TickRate(this.#frequency);
    this.counter.value = MAX_32;
  }

  get masked(): boolean {
    return this.registers.raw && (this.registers.control & TimerControl.IntEnable) !== 0;
  }

  /** The counter as the bus sees it: 16 bits of it with TimerSize clear. */
  get value(): number {
    return (this.counter.value & this.#mask) >>> 0;
  }

  /** TimerXLoad restarts the counter at once, unlike TimerXBGLoad (3.2.1, 3.2.6). */
  load(value: number): void {
    const { registers, counter } = this;
    registers.load = value;
    counter.value = (value & this.#mask) >>> 0;
    // Also a one-shot counter that has halted.
    if ((registers.control & TimerControl.TimerEn) !== 0 && !counter.running) counter.run(true);
  }

  set control(value: number) {
    const { registers, counter } = this;
    const changed = registers.control ^ value;
    registers.control = value & CONTROL_WRITABLE;
    const enabled = (value & TimerControl.TimerEn) !== 0;
    if ((changed & 0x0c) !== 0) {
      counter.rate = new TickRate(this.#frequency, PRESCALERS[(value >>> 2) & 3]);
    }
    // Drivers load the counter while it still has 16 bits.
    if ((changed & TimerControl.TimerSize) !== 0) counter.value = (registers.load & this.#mask) >>> 0;
    if (counter.running !== enabled) counter.run(enabled);
    this.#changed();
  }

  #zero(): void {
    const { registers, counter } = this;
    registers.raw = true;
    if ((registers.control & TimerControl.OneShot) !== 0) {
      // It halts until it is loaded again (2.2.3).
      counter.run(false);
      counter.value = 0;
    } else if ((registers.control & TimerControl.TimerMode) !== 0) {
      counter.repeat((registers.load & this.#mask) >>> 0);
    } else {
      counter.repeat(this.#mask >>> 0);
    }
    this.#changed();
  }

  get #mask(): number {
    return (this.registers.control & TimerControl.TimerSize) !== 0 ? MAX_32 | 0 : MAX_16;
  }
}

/** Dual-Timer module SP804 (ARM DDI 0271): two counters that count down, once, again and again, or freely. */
export class Sp804 implements MmioDevice, Saveable<Sp804State> {
  readonly #timers: readonly [FreeRunningCounter, FreeRunningCounter];
  readonly #config: Sp804Config;
  readonly #log: DeviceLog;

  constructor(config: Sp804Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    const make = (frequency: number): FreeRunningCounter =>
      new FreeRunningCounter(config.clock, frequency, () => this.#drive());
    this.#timers = [make(config.frequencies[0]), make(config.frequencies[1])];
  }

  reset(): void {
    for (const timer of this.#timers) timer.reset();
    this.#drive();
  }

  saveState(): Sp804State {
    return this.#timers.map(({ registers, counter }) => ({
      registers: copyPlain(registers),
      counter: counter.saveState(),
    }));
  }

  restoreState(state: Sp804State): void {
    for (const [i, timer] of this.#timers.entries()) {
      assignPlain(timer.registers, state[i].registers, 'the SP804');
      timer.counter.restoreState(state[i].counter);
    }
  }

  read(offset: number): number {
    if (offset >= SP804.PeriphID0) return IDENTIFICATION[(offset - SP804.PeriphID0) >>> 2] ?? 0;
    const timer = this.#timers[(offset >>> 5) & 1];
    switch (withinTimer(offset)) {
      case SP804.Load:
      case SP804.BGLoad:
        return timer.registers.load;
      case SP804.Value:
        return timer.value;
      case SP804.Control:
        return timer.registers.control;
      case SP804.RIS:
        return Number(timer.registers.raw);
      case SP804.MIS:
        return Number(timer.masked);
      default:
        this.#log.guestError(`SP804: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  write(offset: number, _size: AccessSize, value: number): void {
    const timer = this.#timers[(offset >>> 5) & 1];
    switch (withinTimer(offset)) {
      case SP804.Load:
        timer.load(value >>> 0);
        return;
      case SP804.BGLoad:
        timer.registers.load = value >>> 0;
        return;
      case SP804.Value:
        // Read only; Linux writes it.
        return;
      case SP804.Control:
        timer.control = value;
        return;
      case SP804.IntClr:
        timer.registers.raw = false;
        this.#drive();
        return;
      default:
        this.#log.guestError(`SP804: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  #drive(): void {
    this.#config.interrupt.set(this.#timers.some((timer) => timer.masked));
  }
}

/** Offset among one timer's registers; -1 for what is no timer's. */
function withinTimer(offset: number): number {
  return offset < 2 * SP804.SECOND ? offset & ~SP804.SECOND : -1;
}
