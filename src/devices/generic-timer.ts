import type { ArmTimer, ArmTimerRegister, ArmTimerRegister64 } from '../ports/arm-timer.ts';
import type { Clock, ClockTimer } from '../ports/clock.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';
import { TickRate } from './tick-rate.ts';

/** CNTP_CTL and CNTV_CTL (ARM DDI 0406C B4.1.27, B4.1.31). */
const enum TimerControl {
  ENABLE = 1 << 0,
  IMASK = 1 << 1,
  ISTATUS = 1 << 2,
  Writable = 0x3,
}

/** CNTKCTL: the access bits and the event stream's controls, bits 9:0 (ARM DDI 0406C B4.1.26). */
const CNTKCTL_WRITABLE = 0x3ff;
const WORD = 0x1_0000_0000;

export interface GenericTimerConfig {
  readonly clock: Clock;
  /** Rate of the counter in Hz, a whole number: what it counts by and what CNTFRQ reads after reset. */
  readonly frequency: number;
  /** The physical timer's interrupt (of this security state). */
  readonly physicalLine: InterruptLine;
  readonly virtualLine: InterruptLine;
}

/** A comparator and its control register. CompareValue is two words, because not every 64-bit value is a double. */
export type TimerState = {
  control: number;
  compareLow: number;
  compareHigh: number;
};

export type GenericTimerState = {
  cntfrq: number;
  cntkctl: number;
  readonly physical: TimerState;
  readonly virtual: TimerState;
};

/** The registers, and when the comparators' conditions are met. */
export type GenericTimerSavedState = {
  readonly registers: GenericTimerState;
  readonly physicalNs: number;
  readonly virtualNs: number;
};

/** One comparator (ARM DDI 0406C B8.1.5): the physical or the virtual timer. */
class Timer {
  readonly state: TimerState;
  readonly #clock: Clock;
  readonly #rate: TickRate;
  readonly #line: InterruptLine;
  readonly #deadline: ClockTimer;

  constructor(state: TimerState, clock: Clock, rate: TickRate, line: InterruptLine) {
    this.state = state;
    this.#clock = clock;
    this.#rate = rate;
    this.#line = line;
    this.#deadline = clock.createTimer(() => this.refresh());
  }

  get control(): number {
    return this.#met() ? this.state.control | TimerControl.ISTATUS : this.state.control;
  }

  set control(value: number) {
    this.state.control = value & TimerControl.Writable;
    this.refresh();
  }

  /** TimerValue, the signed 32-bit down-counting view, as an unsigned word. */
  get timerValue(): number {
    return (this.state.compareLow - (this.#count() >>> 0)) >>> 0;
  }

  set timerValue(value: number) {
    const compare = this.#count() + (value | 0);
    this.setCompare(compare >>> 0, Math.floor(compare / WORD) >>> 0);
  }

  setCompare(low: number, high: number): void {
    this.state.compareLow = low >>> 0;
    this.state.compareHigh = high >>> 0;
    this.refresh();
  }

  /** Interrupt line and deadline follow the registers. The output is level-sensitive (ARM DDI 0406C B8.1.5). */
  refresh(): void {
    const { control } = this.state;
    const met = this.#met();
    this.#line.set(met && !(control & TimerControl.IMASK));
    const deadline = this.#rate.timeOf(this.#compare());
    if (control & TimerControl.ENABLE && !met && deadline !== Number.POSITIVE_INFINITY) {
      this.#deadline.arm(deadline);
    } else {
      this.#deadline.cancel();
    }
  }

  /** When the line will rise; Infinity when nothing is waited for. */
  get deadlineNs(): number {
    return this.#deadline.deadlineNs;
  }

  set deadlineNs(ns: number) {
    this.#deadline.arm(ns);
  }

  /** The condition that ISTATUS shows; false while the timer is off. Counter and CompareValue are unsigned. */
  #met(): boolean {
    return (this.state.control & TimerControl.ENABLE) !== 0 && this.#count() >= this.#compare();
  }

  #count(): number {
    return this.#rate.ticksAt(this.#clock.nowNs());
  }

  /** Rounded from 2^53 on, where it is above every count all the same. */
  #compare(): number {
    return this.state.compareHigh * WORD + this.state.compareLow;
  }
}

/**
 * The generic timer of one CPU (ARM DDI 0406C chapter B8) with a physical and a virtual timer and no offset between
 * the two counters (CNTVOFF is zero: there is no Hyp mode). The event stream of CNTKCTL is not generated.
 */
export class GenericTimer implements ArmTimer, Saveable<GenericTimerSavedState> {
  readonly state: GenericTimerState;
  readonly #config: GenericTimerConfig;
  readonly #rate: TickRate;
  readonly #physical: Timer;
  readonly #virtual: Timer;
  #highWord = 0;

  /** @throws RangeError for a frequency that is not a whole number of Hz up to 1 GHz. */
  constructor(config: GenericTimerConfig) {
    const { clock, frequency, physicalLine, virtualLine } = config;
    this.#config = config;
    this.#rate = new TickRate(frequency);
    this.state = {
      cntfrq: frequency,
      cntkctl: 0,
      physical: { control: 0, compareLow: 0, compareHigh: 0 },
      virtual: { control: 0, compareLow: 0, compareHigh: 0 },
    };
    this.#physical = new Timer(this.state.physical, clock, this.#rate, physicalLine);
    this.#virtual = new Timer(this.state.virtual, clock, this.#rate, virtualLine);
  }

  /** Both timers off. The counter goes on: it belongs to the system, not to the CPU (ARM DDI 0406C B8.1.1). */
  reset(): void {
    this.state.cntfrq = this.#config.frequency;
    this.state.cntkctl = 0;
    for (const timer of [this.state.physical, this.state.virtual]) {
      timer.control = 0;
      timer.compareLow = 0;
      timer.compareHigh = 0;
    }
    this.#physical.refresh();
    this.#virtual.refresh();
  }

  saveState(): GenericTimerSavedState {
    return {
      registers: copyPlain(this.state),
      physicalNs: this.#physical.deadlineNs,
      virtualNs: this.#virtual.deadlineNs,
    };
  }

  restoreState({ registers, physicalNs, virtualNs }: GenericTimerSavedState): void {
    assignPlain(this.state, registers, 'the generic timer');
    this.#physical.deadlineNs = physicalNs;
    this.#virtual.deadlineNs = virtualNs;
  }

  get highWord(): number {
    return this.#highWord;
  }

  read(register: ArmTimerRegister): number {
    switch (register) {
      case 'CNTFRQ':
        return this.state.cntfrq;
      case 'CNTKCTL':
        return this.state.cntkctl;
      case 'CNTP_CTL':
        return this.#physical.control;
      case 'CNTP_TVAL':
        return this.#physical.timerValue;
      case 'CNTV_CTL':
        return this.#virtual.control;
      case 'CNTV_TVAL':
        return this.#virtual.timerValue;
    }
  }

  write(register: ArmTimerRegister, value: number): void {
    switch (register) {
      case 'CNTFRQ':
        // Tells software the rate, does not set it (ARM DDI 0406C B8.1.1).
        this.state.cntfrq = value >>> 0;
        return;
      case 'CNTKCTL':
        this.state.cntkctl = value & CNTKCTL_WRITABLE;
        return;
      case 'CNTP_CTL':
        this.#physical.control = value;
        return;
      case 'CNTP_TVAL':
        this.#physical.timerValue = value;
        return;
      case 'CNTV_CTL':
        this.#virtual.control = value;
        return;
      case 'CNTV_TVAL':
        this.#virtual.timerValue = value;
        return;
    }
  }

  read64(register: ArmTimerRegister64): number {
    switch (register) {
      case 'CNTPCT':
      case 'CNTVCT': {
        const count = this.#rate.ticksAt(this.#config.clock.nowNs());
        this.#highWord = Math.floor(count / WORD);
        return count >>> 0;
      }
      case 'CNTP_CVAL':
        this.#highWord = this.state.physical.compareHigh;
        return this.state.physical.compareLow;
      case 'CNTV_CVAL':
        this.#highWord = this.state.virtual.compareHigh;
        return this.state.virtual.compareLow;
      case 'CNTVOFF':
        this.#highWord = 0;
        return 0;
    }
  }

  write64(register: ArmTimerRegister64, low: number, high: number): void {
    if (register === 'CNTP_CVAL') {
      this.#physical.setCompare(low, high);
    } else if (register === 'CNTV_CVAL') {
      this.#virtual.setCompare(low, high);
    }
  }
}
