import type { Clock, ClockTimer, WallClock } from '../ports/clock.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';

/** Registers (ARM DDI 0224 table 3-1). */
export const RTC = {
  DR: 0x000,
  MR: 0x004,
  LR: 0x008,
  CR: 0x00c,
  IMSC: 0x010,
  RIS: 0x014,
  MIS: 0x018,
  ICR: 0x01c,
  /** RTCPeriphID0 to 3 and RTCPCellID0 to 3 follow each other. */
  PeriphID0: 0xfe0,
} as const;

/** ARM DDI 0224 3.3.9, 3.3.10: part 0x031, designer Arm, revision 1. */
const IDENTIFICATION = [0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;
const NS_PER_SECOND = 1_000_000_000;
/** The one bit of RTCCR, RTCIMSC, RTCRIS, RTCMIS and RTCICR. */
const BIT0 = 1;

export interface Pl031Config {
  readonly clock: Clock;
  /** Asked once, at power on; from then on the counter follows virtual time. */
  readonly wallClock: WallClock;
  readonly interrupt: InterruptLine;
}

export type Pl031State = {
  /** RTCDR minus the seconds of virtual time, modulo 2^32. */
  offset: number;
  match: number;
  load: number;
  mask: number;
  rawStatus: number;
};

/** The registers, and when the alarm rings. */
export type Pl031SavedState = { readonly registers: Pl031State; readonly alarmNs: number };

/**
 * PrimeCell Real Time Clock PL031 (ARM DDI 0224): seconds since 1970 and an alarm. It runs from power on, so that a
 * guest finds the time of day without setting it.
 */
export class Pl031 implements MmioDevice, Saveable<Pl031SavedState> {
  readonly state: Pl031State;
  readonly #config: Pl031Config;
  readonly #alarm: ClockTimer;
  readonly #log: DeviceLog;

  constructor(config: Pl031Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#alarm = config.clock.createTimer(() => this.#match());
    const offset = (Math.floor(config.wallClock.unixSeconds()) - this.#seconds()) >>> 0;
    this.state = { offset, match: 0, load: 0, mask: 0, rawStatus: 0 };
  }

  /** A reset of the bus interface: the counter is in the always-on part and goes on (ARM DDI 0224 2.2). */
  reset(): void {
    this.state.match = 0;
    this.state.load = 0;
    this.state.mask = 0;
    this.state.rawStatus = 0;
    this.#alarm.cancel();
    this.#drive();
  }

  saveState(): Pl031SavedState {
    return { registers: copyPlain(this.state), alarmNs: this.#alarm.deadlineNs };
  }

  restoreState({ registers, alarmNs }: Pl031SavedState): void {
    assignPlain(this.state, registers, 'the PL031');
    this.#alarm.arm(alarmNs);
  }

  read(offset: number): number {
    switch (offset) {
      case RTC.DR:
        return this.#data();
      case RTC.MR:
        return this.state.match;
      case RTC.LR:
        return this.state.load;
      case RTC.CR:
        return BIT0;
      case RTC.IMSC:
        return this.state.mask;
      case RTC.RIS:
        return this.state.rawStatus;
      case RTC.MIS:
        return this.state.rawStatus & this.state.mask;
      default:
        if (offset >= RTC.PeriphID0) {
          return IDENTIFICATION[(offset - RTC.PeriphID0) >>> 2] ?? 0;
        }
        this.#log.guestError(`PL031: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  write(offset: number, _size: AccessSize, value: number): void {
    switch (offset) {
      case RTC.MR:
        this.state.match = value >>> 0;
        this.#setAlarm();
        return;
      case RTC.LR:
        this.state.load = value >>> 0;
        this.state.offset = (value - this.#seconds()) >>> 0;
        this.#setAlarm();
        return;
      case RTC.CR:
        // Once it runs, only a reset stops it (ARM DDI 0224 3.3.4).
        return;
      case RTC.IMSC:
        this.state.mask = value & BIT0;
        this.#drive();
        return;
      case RTC.ICR:
        this.state.rawStatus &= ~value;
        this.#drive();
        return;
      default:
        this.#log.guestError(`PL031: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  #seconds(): number {
    return Math.floor(this.#config.clock.nowNs() / NS_PER_SECOND);
  }

  #data(): number {
    return (this.state.offset + this.#seconds()) >>> 0;
  }

  /** The comparator looks for equality, so a match in the past is one in the next round of 2^32 s. */
  #setAlarm(): void {
    const wait = (this.state.match - this.#data()) >>> 0;
    if (wait === 0) {
      this.#match();
    } else {
      this.#alarm.arm((this.#seconds() + wait) * NS_PER_SECOND);
    }
  }

  #match(): void {
    this.#alarm.cancel();
    this.state.rawStatus = BIT0;
    this.#drive();
  }

  #drive(): void {
    this.#config.interrupt.set((this.state.rawStatus & this.state.mask) !== 0);
  }
}
