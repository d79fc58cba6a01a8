import type { ClockTimer } from '../../ports/clock.ts';
import { MAX_FRAME_BYTES } from '../../ports/network.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { frameCheckSequence } from './ethernet-crc.ts';
import type { EthernetMac } from './mac.ts';
import { ReceiveFifo, type ReceiveFifoState, type ReceiveSizes } from './receive-fifo.ts';
import type { Lan9118Registers } from './register-state.ts';
import { HwCfg, Int, MacCr, RxStatus, TxCfg } from './registers.ts';
import { type SentFrame, Transmitter, type TransmitterState } from './transmitter.ts';

/** Both FIFOs with their status FIFOs (LAN9118 datasheet 3.6.2). */
const MEMORY_BYTES = 16 * 1024;
const TX_STATUS_BYTES = 512;
const SHORTEST_FRAME = 14;
const FCS_BYTES = 4;
/** What a frame takes of the FIFO at least, be it empty. */
const SMALLEST_PLACE = 16;
/** Frames that wait for room in the FIFO; the network would hold them back, or they are lost. */
const MAX_WAITING = 512;

export type FramePathState = {
  readonly receiver: ReceiveFifoState;
  readonly transmitter: TransmitterState;
  readonly txStatus: readonly number[];
  /** Frames that were given while the transmitter was off. */
  readonly held: readonly { readonly frame: Uint8Array; readonly status: number }[];
  readonly waiting: readonly Uint8Array[];
};

export interface FramePathConfig {
  readonly registers: Lan9118Registers;
  readonly mac: EthernetMac;
  /** Frames reach the guest between its instructions, and not while the machine stands still: it calls `deliver`. */
  readonly delivery: { soon(): void; readonly timer: ClockTimer };
  /** A frame of 14 to {@link MAX_FRAME_BYTES} bytes goes out. */
  send(frame: Uint8Array): void;
}

/** The way of frames through the chip's memory: transmit data FIFO to the wire, wire to receive FIFO. */
export class FramePath implements Saveable<FramePathState> {
  readonly receiver = new ReceiveFifo();
  readonly txStatus: number[] = [];
  readonly #transmitter = new Transmitter();
  readonly #config: FramePathConfig;
  #held: SentFrame[] = [];
  #waiting: Uint8Array[] = [];

  constructor(config: FramePathConfig) {
    this.#config = config;
  }

  /** A soft reset: what waits outside of the chip goes on waiting. */
  clear(): void {
    this.receiver.clear();
    this.txStatus.length = 0;
    this.clearTransmitter();
  }

  clearTransmitter(): void {
    this.#transmitter.clear();
    this.#held = [];
  }

  dropWaiting(): void {
    this.#waiting = [];
    this.#config.delivery.timer.cancel();
  }

  saveState(): FramePathState {
    return {
      receiver: this.receiver.saveState(),
      transmitter: this.#transmitter.saveState(),
      txStatus: [...this.txStatus],
      held: this.#held.map(({ frame, status }) => ({ frame: frame.slice(), status })),
      waiting: this.#waiting.map((frame) => frame.slice()),
    };
  }

  restoreState(state: FramePathState): void {
    if (state.waiting.length > MAX_WAITING || state.held.length > MEMORY_BYTES / SMALLEST_PLACE) {
      throw new RangeError('too many frames wait in a network card');
    }
    this.receiver.restoreState(state.receiver);
    this.#transmitter.restoreState(state.transmitter);
    this.txStatus.splice(0, this.txStatus.length, ...state.txStatus.slice(0, TX_STATUS_BYTES / 4));
    this.#held = state.held.map(({ frame, status }) => ({ frame: frame.slice(), status }));
    this.#waiting = state.waiting.map((frame) => frame.slice());
    if (this.#waiting.length > 0) this.#config.delivery.soon();
  }

  /** A frame from the wire. @returns false when it is lost */
  receive(frame: Uint8Array): boolean {
    const { mac, registers, delivery } = this.#config;
    if (!(mac.control & MacCr.RXEN) || frame.length > MAX_FRAME_BYTES) return false;
    if (this.#waiting.length >= MAX_WAITING) {
      registers.rxDrop++;
      return false;
    }
    this.#waiting.push(frame.slice());
    delivery.soon();
    return true;
  }

  /** Puts frames into the FIFO as long as there is room. */
  deliver(): void {
    const { registers, mac } = this.#config;
    let taken = 0;
    for (const frame of this.#waiting) {
      const status = mac.statusOf(frame);
      if (status !== undefined) {
        const whole = new Uint8Array(frame.length + FCS_BYTES);
        if (!this.receiver.hasRoom(whole, registers.rxCfg, this.#rxSizes)) break;
        whole.set(frame);
        whole.set(frameCheckSequence(frame), frame.length);
        this.receiver.push(whole, (status | (whole.length << RxStatus.LENGTH_SHIFT)) >>> 0);
      }
      taken++;
    }
    this.#waiting.splice(0, taken);
  }

  /** A word of the receive data FIFO. @returns undefined when it is empty */
  readData(): number | undefined {
    const word = this.receiver.popWord(this.#config.registers.rxCfg);
    if (this.#waiting.length > 0) this.deliver();
    return word;
  }

  /** A word for the transmit data FIFO. */
  writeData(value: number): void {
    const { registers } = this.#config;
    if (this.txFree < 4) {
      registers.intSts |= Int.TDFO;
      return;
    }
    const done = this.#transmitter.push(value);
    if (done === undefined) return;
    if (done.interrupt) registers.intSts |= Int.TX_IOC;
    if (done.sent === undefined) return;
    this.#held.push(done.sent);
    this.sendHeld();
  }

  /** Sends what is complete, where the transmitter is on. */
  sendHeld(): void {
    const { registers, mac } = this.#config;
    if (!(registers.txCfg & TxCfg.TX_ON) || !(mac.control & MacCr.TXEN)) return;
    for (const { frame, status } of this.#held.splice(0)) {
      if (frame.length >= SHORTEST_FRAME && frame.length <= MAX_FRAME_BYTES) this.#config.send(frame);
      if (this.txStatus.length < TX_STATUS_BYTES / 4) this.txStatus.push(status);
      else if (registers.txCfg & TxCfg.TXSAO) registers.intSts |= Int.TXSO;
    }
  }

  /** Bytes of the transmit data FIFO that are free. */
  get txFree(): number {
    const held = this.#held.reduce((sum, { frame }) => sum + Math.max(frame.length, SMALLEST_PLACE), 0);
    return Math.max(0, this.#txBytes - this.#transmitter.used - held);
  }

  /** Interrupts of levels come again as long as the level is beyond what FIFO_INT says (5.3.5). */
  raiseLevels(): void {
    const own = this.#config.registers;
    const level = (shift: number): number => (own.fifoInt >>> shift) & 0xff;
    const { statusCount } = this.receiver;
    if (statusCount > level(0)) own.intSts |= Int.RSFL;
    if (statusCount * 4 >= this.#rxSizes.status) own.intSts |= Int.RSFF;
    if (this.txStatus.length > level(16)) own.intSts |= Int.TSFL;
    if (this.txStatus.length * 4 >= TX_STATUS_BYTES) own.intSts |= Int.TSFF;
    if (this.txFree > level(24) * 64) own.intSts |= Int.TDFA;
  }

  /** TX_FIF_SZ divides the chip's memory (table 5.3). */
  get #txBytes(): number {
    return ((this.#config.registers.hwCfg & HwCfg.TX_FIF_SZ) >>> 16) * 1024 - TX_STATUS_BYTES;
  }

  get #rxSizes(): ReceiveSizes {
    const rest = MEMORY_BYTES - this.#txBytes - TX_STATUS_BYTES;
    return { data: (rest / 16) * 15, status: rest / 16 };
  }
}
