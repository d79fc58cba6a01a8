import type { Clock, ClockTimer } from '../ports/clock.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';
import { Control, DataError, Flag, Interrupt, LineControl, UART } from './pl011-registers.ts';

/**
 * Part 0x011 by Arm in revision 1, QEMU's. Drivers read the depth of the FIFOs from the revision: up to 2 (r1p4) they
 * are 16 deep, in revision 3 (r1p5) 32. One that took this for the other would overrun or wait for too much.
 */
const IDENTIFICATION = [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;
const FIFO_DEPTH = 16;
/** UARTIFLS.RXIFLSEL: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO (ARM DDI 0183 3.3.9); the other values are reserved. */
const RECEIVE_TRIGGERS = [2, 4, 8, 12, 14, 14, 14, 14] as const;
/** Bit time while no divisor is set: 115200 baud. */
const DEFAULT_BIT_NS = 8_681;
/** "No further data is received over a 32-bit period" (ARM DDI 0183 2.8.4). */
const TIMEOUT_BITS = 32;
const NS_PER_SECOND = 1_000_000_000;

export interface Pl011Config {
  readonly clock: Clock;
  /** UARTCLK in Hz: with the divisors it gives the bit time, which only the receive timeout follows. */
  readonly clockFrequency: number;
  /** UARTINTR, the combined interrupt. */
  readonly interrupt: InterruptLine;
  /** Takes each byte that the guest sends, at once. */
  transmit(byte: number): void;
  /** Called when `receive` would take a byte again after it would not. */
  onReceiveSpace?(): void;
}

export type Pl011State = {
  receiveStatus: number;
  ilpr: number;
  ibrd: number;
  fbrd: number;
  lineControl: number;
  control: number;
  ifls: number;
  mask: number;
  rawStatus: number;
  dmacr: number;
  /** Ring of UARTDR values. */
  readonly fifo: Uint16Array;
  fifoHead: number;
  fifoCount: number;
};

/** The registers, and when the receive timeout is due. */
export type Pl011SavedState = { readonly registers: Pl011State; readonly timeoutNs: number };

/**
 * PrimeCell UART PL011 (ARM DDI 0183). Sends without delay, receives as fast as the guest reads; characters pass
 * whatever UARTEN, TXE and RXE say, as in QEMU, so that a guest's first words are not lost.
 */
export class Pl011 implements MmioDevice, Saveable<Pl011SavedState> {
  readonly state: Pl011State;
  readonly #config: Pl011Config;
  readonly #log: DeviceLog;
  readonly #timeout: ClockTimer;

  constructor(config: Pl011Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#timeout = config.clock.createTimer(() => this.#raise(Interrupt.ReceiveTimeout));
    this.state = { ...resetState(), fifo: new Uint16Array(FIFO_DEPTH) };
  }

  /** Registers to their reset values, received bytes dropped. */
  reset(): void {
    Object.assign(this.state, resetState());
    this.#timeout.cancel();
    this.#drive();
    this.#config.onReceiveSpace?.();
  }

  saveState(): Pl011SavedState {
    return { registers: copyPlain(this.state), timeoutNs: this.#timeout.deadlineNs };
  }

  restoreState({ registers, timeoutNs }: Pl011SavedState): void {
    assignPlain(this.state, registers, 'the PL011');
    const { fifoHead, fifoCount } = this.state;
    if (!(fifoHead >= 0 && fifoHead < FIFO_DEPTH && fifoCount >= 0 && fifoCount <= FIFO_DEPTH)) {
      throw new RangeError(`a PL011 has a FIFO of ${FIFO_DEPTH} characters`);
    }
    this.#timeout.arm(timeoutNs);
  }

  /** Whether `receive` would take a byte now: not while the FIFO is full or the wire is looped back. */
  get canReceive(): boolean {
    return !(this.state.control & Control.LBE) && this.state.fifoCount < this.#depth;
  }

  /** A byte arrives. @returns false when it was not taken: offer it again after `onReceiveSpace`. */
  receive(byte: number): boolean {
    if (!this.canReceive) {
      return false;
    }
    this.#push(byte & 0xff);
    return true;
  }

  /** The line is held low for longer than a character. @returns false when it was not taken. */
  receiveBreak(): boolean {
    if (!this.canReceive) {
      return false;
    }
    this.#push(DataError.Break);
    return true;
  }

  read(offset: number, size: AccessSize): number {
    const value = this.#readRegister(offset & ~3) >>> ((offset & 3) * 8);
    return size === 1 ? value & 0xff : value;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset & 3) {
      this.#log.guestError(`PL011: unaligned ${size}-byte write to 0x${offset.toString(16)}`);
      return;
    }
    const { state } = this;
    switch (offset) {
      case UART.DR:
        this.#send(value & 0xff);
        return;
      case UART.RSR_ECR:
        state.receiveStatus = 0;
        return;
      case UART.ILPR:
        state.ilpr = value & 0xff;
        return;
      case UART.IBRD:
        state.ibrd = value & 0xffff;
        return;
      case UART.FBRD:
        state.fbrd = value & 0x3f;
        return;
      case UART.LCR_H:
        this.#writeLineControl(value & 0xff);
        return;
      case UART.CR:
        this.#writeControl(value & 0xff87);
        return;
      case UART.IFLS:
        state.ifls = value & 0x3f;
        return;
      case UART.IMSC:
        state.mask = value & Interrupt.All;
        this.#drive();
        return;
      case UART.ICR:
        state.rawStatus &= ~value;
        // Bytes that the guest left in the FIFO have to be told again.
        this.#restartTimeout();
        this.#drive();
        return;
      case UART.DMACR:
        state.dmacr = value & 7;
        return;
      default:
        this.#log.guestError(`PL011: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  #readRegister(offset: number): number {
    const { state } = this;
    switch (offset) {
      case UART.DR:
        return this.#pop();
      case UART.RSR_ECR:
        return state.receiveStatus;
      case UART.FR:
        return this.#flags();
      case UART.ILPR:
        return state.ilpr;
      case UART.IBRD:
        return state.ibrd;
      case UART.FBRD:
        return state.fbrd;
      case UART.LCR_H:
        return state.lineControl;
      case UART.CR:
        return state.control;
      case UART.IFLS:
        return state.ifls;
      case UART.IMSC:
        return state.mask;
      case UART.RIS:
        return state.rawStatus;
      case UART.MIS:
        return state.rawStatus & state.mask;
      case UART.DMACR:
        return state.dmacr;
      default:
        if (offset >= UART.PeriphID0) {
          return IDENTIFICATION[(offset - UART.PeriphID0) >>> 2] ?? 0;
        }
        this.#log.guestError(`PL011: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  /** Without FIFOs there is a one-byte holding register (ARM DDI 0183 3.3.7). */
  get #depth(): number {
    return this.state.lineControl & LineControl.FEN ? FIFO_DEPTH : 1;
  }

  get #trigger(): number {
    return this.state.lineControl & LineControl.FEN ? RECEIVE_TRIGGERS[(this.state.ifls >>> 3) & 7] : 1;
  }

  #flags(): number {
    const { control, fifoCount } = this.state;
    let flags: number = Flag.TXFE;
    if (fifoCount === 0) {
      flags |= Flag.RXFE;
    }
    if (fifoCount >= this.#depth) {
      flags |= Flag.RXFF;
    }
    if (control & Control.LBE) {
      flags |= loopedModemFlags(control);
    }
    return flags;
  }

  #send(byte: number): void {
    if (this.state.control & Control.LBE) {
      this.#loopBack(byte);
    } else {
      this.#config.transmit(byte);
    }
    // The byte is gone at once, so the FIFO falls through its trigger level again with each one (2.8.3).
    this.#raise(Interrupt.Transmit);
  }

  /** A looped byte can't be held back as the host's can: it overruns (ARM DDI 0183 3.3.1). */
  #loopBack(entry: number): void {
    if (this.state.fifoCount < this.#depth) {
      this.#push(entry);
    } else {
      this.state.receiveStatus |= DataError.Overrun >>> 8;
      this.#raise(Interrupt.Overrun);
    }
  }

  #push(entry: number): void {
    const { state } = this;
    state.fifo[(state.fifoHead + state.fifoCount) % FIFO_DEPTH] = entry;
    state.fifoCount++;
    this.#restartTimeout();
    let status = entry & DataError.Break ? Interrupt.Break : 0;
    if (state.fifoCount >= this.#trigger) {
      status |= Interrupt.Receive;
    }
    this.#raise(status);
  }

  #pop(): number {
    const { state } = this;
    if (state.fifoCount === 0) {
      return 0;
    }
    const couldReceive = this.canReceive;
    const entry = state.fifo[state.fifoHead];
    state.fifoHead = (state.fifoHead + 1) % FIFO_DEPTH;
    state.fifoCount--;
    state.receiveStatus = (state.receiveStatus & (DataError.Overrun >>> 8)) | (entry >>> 8);
    if (state.fifoCount < this.#trigger) {
      state.rawStatus &= ~Interrupt.Receive;
    }
    if (state.fifoCount === 0) {
      state.rawStatus &= ~Interrupt.ReceiveTimeout;
      this.#timeout.cancel();
    }
    this.#drive();
    this.#tellSpace(couldReceive);
    return entry;
  }

  #writeLineControl(value: number): void {
    const { state } = this;
    const couldReceive = this.canReceive;
    const changed = state.lineControl ^ value;
    state.lineControl = value;
    // Switched on, the byte in the holding register is the FIFO's first (3.3.7): what was typed early is not lost.
    if (changed & ~value & LineControl.FEN) {
      this.#flush();
    }
    if (changed & value & LineControl.BRK && state.control & Control.LBE) {
      this.#loopBack(DataError.Break);
    }
    this.#tellSpace(couldReceive);
  }

  /** Drivers switch the FIFO off to empty it, so its bytes do not move to the holding register. */
  #flush(): void {
    this.state.fifoHead = 0;
    this.state.fifoCount = 0;
    this.state.rawStatus &= ~(Interrupt.Receive | Interrupt.ReceiveTimeout);
    this.#timeout.cancel();
    this.#drive();
  }

  #writeControl(value: number): void {
    const couldReceive = this.canReceive;
    this.state.control = value;
    this.#tellSpace(couldReceive);
  }

  #tellSpace(couldReceive: boolean): void {
    if (!couldReceive && this.canReceive) {
      this.#config.onReceiveSpace?.();
    }
  }

  #restartTimeout(): void {
    if (this.state.fifoCount === 0) {
      this.#timeout.cancel();
    } else {
      this.#timeout.arm(this.#config.clock.nowNs() + TIMEOUT_BITS * this.#bitNs());
    }
  }

  /** Baud rate = UARTCLK / (16 * (IBRD + FBRD / 64)) (ARM DDI 0183 3.3.6). */
  #bitNs(): number {
    const divisor = this.state.ibrd * 64 + this.state.fbrd;
    if (this.state.ibrd === 0) {
      return DEFAULT_BIT_NS;
    }
    return Math.ceil((divisor * NS_PER_SECOND) / (4 * this.#config.clockFrequency));
  }

  #raise(status: number): void {
    this.state.rawStatus |= status;
    this.#drive();
  }

  #drive(): void {
    this.#config.interrupt.set((this.state.rawStatus & this.state.mask) !== 0);
  }
}

/** Modem inputs in loopback: RTS to CTS, DTR to DSR, Out1 to DCD, Out2 to RI (ARM DDI 0183 3.3.8). */
function loopedModemFlags(control: number): number {
  return (
    (control & Control.RTS ? Flag.CTS : 0) |
    (control & Control.DTR ? Flag.DSR : 0) |
    (control & Control.Out1 ? Flag.DCD : 0) |
    (control & Control.Out2 ? Flag.RI : 0)
  );
}

/** Everything but the FIFO's storage. */
function resetState(): Omit<Pl011State, 'fifo'> {
  return {
    receiveStatus: 0,
    ilpr: 0,
    ibrd: 0,
    fbrd: 0,
    lineControl: 0,
    control: Control.TXE | Control.RXE,
    ifls: 0x12,
    mask: 0,
    rawStatus: 0,
    dmacr: 0,
    fifoHead: 0,
    fifoCount: 0,
  };
}
