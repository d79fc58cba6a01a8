import type { Clock, ClockTimer } from '../../ports/clock.ts';
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
import { TickRate } from '../tick-rate.ts';

/** Registers (ARM DDI 0407G table 4-2). Counter, and the timer enable and prescaler in Control, are shared; the rest is banked. */
export const GTIMER = {
  CounterLow: 0x00,
  CounterHigh: 0x04,
  Control: 0x08,
  InterruptStatus: 0x0c,
  ComparatorLow: 0x10,
  ComparatorHigh: 0x14,
  AutoIncrement: 0x18,
} as const;

/** Control (4.4.2). */
export const GTimerControl = {
  Enable: 1 << 0,
  CompEnable: 1 << 1,
  IrqEnable: 1 << 2,
  AutoIncrement: 1 << 3,
} as const;
const SHARED = 0xff01;
const BANKED = 0x0e;
const WORD = 0x1_0000_0000;
/** A comparator that moves on is not looked at more often than this. */
const SHORTEST_WAIT_NS = 10_000;

export interface GlobalTimerConfig {
  readonly clock: Clock;
  /** PERIPHCLK in Hz. */
  readonly frequency: number;
  /** For each CPU the wire of its comparator. */
  readonly interrupts: readonly InterruptLine[];
}

type Bank = {
  control: number;
  event: boolean;
  compareLow: number;
  compareHigh: number;
  increment: number;
};
type Registers = {
  /** Timer enable and prescaler. */
  control: number;
  /** The counter at `sinceNs`. */
  from: number;
  sinceNs: number;
  readonly banks: readonly Bank[];
};
export type GlobalTimerState = { readonly registers: Registers; readonly deadlinesNs: readonly number[] };

/** The 64-bit counter of a Cortex-A9 MPCore that counts up, with a comparator for each CPU (ARM DDI 0407 4.4). */
export class GlobalTimer implements MmioDevice, Saveable<GlobalTimerState> {
  readonly #registers: Registers;
  readonly #config: GlobalTimerConfig;
  readonly #log: DeviceLog;
  readonly #deadlines: readonly ClockTimer[];
  #rate: TickRate;

  constructor(config: GlobalTimerConfig, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#rate = new TickRate(config.frequency);
    this.#registers = { control: 0, from: 0, sinceNs: 0, banks: config.interrupts.map(emptyBank) };
    this.#deadlines = config.interrupts.map((_, cpu) => config.clock.createTimer(() => this.#compare(cpu)));
  }

  reset(): void {
    const { interrupts, frequency } = this.#config;
    const fresh = { control: 0, from: 0, sinceNs: 0, banks: interrupts.map(emptyBank) };
    assignPlain(this.#registers, fresh, 'the global timer');
    this.#rate = new TickRate(frequency);
    for (const cpu of interrupts.keys()) this.#compare(cpu);
  }

  saveState(): GlobalTimerState {
    return {
      registers: copyPlain(this.#registers),
      deadlinesNs: this.#deadlines.map(({ deadlineNs }) => deadlineNs),
    };
  }

  restoreState({ registers, deadlinesNs }: GlobalTimerState): void {
    assignPlain(this.#registers, registers, 'the global timer');
    this.#rate = new TickRate(this.#config.frequency, ((registers.control >>> 8) & 0xff) + 1);
    for (const [cpu, deadline] of this.#deadlines.entries()) deadline.arm(deadlinesNs[cpu]);
  }

  read(offset: number, _size: AccessSize, { cpu }: Requester): number {
    const bank = this.#registers.banks[cpu];
    switch (offset) {
      case GTIMER.CounterLow:
        return this.#count() % WORD;
      case GTIMER.CounterHigh:
        return Math.floor(this.#count() / WORD) >>> 0;
      case GTIMER.Control:
        return this.#registers.control | bank.control;
      case GTIMER.InterruptStatus:
        return Number(bank.event);
      case GTIMER.ComparatorLow:
        return bank.compareLow;
      case GTIMER.ComparatorHigh:
        return bank.compareHigh;
      case GTIMER.AutoIncrement:
        return bank.increment;
      default:
        this.#log.guestError(`global timer: read of reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  write(offset: number, _size: AccessSize, value: number, { cpu }: Requester): void {
    const bank = this.#registers.banks[cpu];
    const word = value >>> 0;
    switch (offset) {
      case GTIMER.CounterLow:
        this.#setCount(Math.floor(this.#count() / WORD) * WORD + word);
        return;
      case GTIMER.CounterHigh:
        this.#setCount(word * WORD + (this.#count() % WORD));
        return;
      case GTIMER.Control:
        bank.control = value & BANKED;
        this.#setShared(value & SHARED);
        break;
      case GTIMER.InterruptStatus:
        if ((value & 1) !== 0) bank.event = false;
        break;
      case GTIMER.ComparatorLow:
        bank.compareLow = word;
        break;
      case GTIMER.ComparatorHigh:
        bank.compareHigh = word;
        break;
      case GTIMER.AutoIncrement:
        bank.increment = word;
        return;
      default:
        this.#log.guestError(`global timer: write to reserved register 0x${offset.toString(16)}`);
        return;
    }
    this.#compare(cpu);
  }

  #setShared(control: number): void {
    if (control === this.#registers.control) return;
    const count = this.#count();
    this.#registers.control = control;
    this.#rate = new TickRate(this.#config.frequency, ((control >>> 8) & 0xff) + 1);
    this.#setCount(count);
  }

  #setCount(count: number): void {
    this.#registers.from = count;
    this.#registers.sinceNs = this.#config.clock.nowNs();
    for (const cpu of this.#config.interrupts.keys()) this.#compare(cpu);
  }

  #count(): number {
    const { control, from, sinceNs } = this.#registers;
    if ((control & GTimerControl.Enable) === 0) return from;
    return from + this.#rate.ticksAt(this.#config.clock.nowNs() - sinceNs);
  }

  /** Looks whether a CPU's comparator is reached, and when it will be (4.4.4: from r2p0 on, greater or equal). */
  #compare(cpu: number): void {
    const { banks, control, from, sinceNs } = this.#registers;
    const bank = banks[cpu];
    const running = (control & GTimerControl.Enable) !== 0;
    const compares = running && (bank.control & GTimerControl.CompEnable) !== 0;
    const count = this.#count();
    let compare = bank.compareHigh * WORD + bank.compareLow;
    const reached = compares && count >= compare;
    if (reached) {
      bank.event = true;
      if ((bank.control & GTimerControl.AutoIncrement) !== 0 && bank.increment > 0) {
        compare += (Math.floor((count - compare) / bank.increment) + 1) * bank.increment;
        bank.compareLow = compare % WORD;
        bank.compareHigh = Math.floor(compare / WORD) >>> 0;
      }
    }
    this.#config.interrupts[cpu].set(bank.event && (bank.control & GTimerControl.IrqEnable) !== 0);
    const deadline = sinceNs + this.#rate.timeOf(Math.max(0, compare - from));
    if (!compares || count >= compare || deadline === Number.POSITIVE_INFINITY) {
      this.#deadlines[cpu].cancel();
    } else {
      this.#deadlines[cpu].arm(
        Math.max(deadline, this.#config.clock.nowNs() + (reached ? SHORTEST_WAIT_NS : 0)),
      );
    }
  }
}

function emptyBank(): Bank {
  return { control: 0, event: false, compareLow: 0, compareHigh: 0, increment: 0 };
}
