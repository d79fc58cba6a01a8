import type { Clock, ClockTimer } from '../ports/clock.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';
import { MCI, MciClock, MciCommand, MciDataCtrl, MciStatus } from './pl181-registers.ts';
import { checkState, FIFO_BYTES, type Pl181State, resetState } from './pl181-state.ts';
import type { SdCard } from './sd/sd-card.ts';

/** Part 0x181 by Arm in revision 0, QEMU's (ARM DDI 0205 3.3.15). */
const IDENTIFICATION = [0x81, 0x11, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;
const HALF_BYTES = 32;
const WORD = 4;
const NS_PER_SECOND = 1e9;

export interface Pl181Config {
  /** The card in its slot; absent: the slot is empty. */
  readonly card?: SdCard;
  readonly clock: Clock;
  /** MCLK in Hz: with MCIClock it gives the unit of the data timer. */
  readonly clockFrequency: number;
  /** MCIINTR0 and MCIINTR1, by MCIMask0 and MCIMask1. */
  readonly interrupts: readonly [InterruptLine, InterruptLine];
}

/** The registers, and when the data timer runs out. */
export type Pl181SavedState = { readonly registers: Pl181State; readonly timeoutNs: number };

/**
 * PrimeCell Multimedia Card Interface PL181 (ARM DDI 0205, whose registers are those of the PL180, DDI 0172). Commands and data
 * take no time on their wires, so that nothing is overrun; what takes time is the card.
 */
export class Pl181 implements MmioDevice, Saveable<Pl181SavedState> {
  readonly state: Pl181State;
  readonly #config: Pl181Config;
  readonly #log: DeviceLog;
  readonly #timeout: ClockTimer;

  constructor(config: Pl181Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#timeout = config.clock.createTimer(() => this.#timedOut());
    this.state = {
      ...resetState(),
      response: new Uint32Array(4),
      mask: new Uint32Array(2),
      fifo: new Uint8Array(FIFO_BYTES),
    };
    config.card?.connect(() => this.#advance());
  }

  /** The switch of the slot that a card presses. */
  get cardPresent(): boolean {
    return this.#config.card !== undefined;
  }

  /** The switch of the slot that the card's notch leaves open. */
  get writeProtected(): boolean {
    return this.#config.card?.writeProtected ?? false;
  }

  reset(): void {
    Object.assign(this.state, resetState());
    this.state.response.fill(0);
    this.state.mask.fill(0);
    this.#timeout.cancel();
    this.#config.card?.reset();
    this.#drive();
  }

  saveState(): Pl181SavedState {
    return { registers: copyPlain(this.state), timeoutNs: this.#timeout.deadlineNs };
  }

  restoreState({ registers, timeoutNs }: Pl181SavedState): void {
    const { state } = this;
    assignPlain(state, registers, 'the PL181');
    checkState(state);
    this.#timeout.arm(timeoutNs);
  }

  read(offset: number, size: AccessSize): number {
    const value = this.#readRegister(offset & ~3) >>> ((offset & 3) * 8);
    return size === 4 ? value >>> 0 : value & (size === 1 ? 0xff : 0xffff);
  }

  write(offset: number, size: AccessSize, value: number): void {
    const { state } = this;
    if (size !== 4 || offset & 3) {
      this.#log.guestError(`PL181: ${size}-byte write to 0x${offset.toString(16)}, which takes words`);
      return;
    }
    if (offset >= MCI.FIFO && offset < MCI.FIFOEnd) {
      this.#writeFifo(value);
      return;
    }
    switch (offset) {
      case MCI.Power:
        state.power = value & 0xff;
        break;
      case MCI.Clock:
        state.clock = value & 0xfff;
        break;
      case MCI.Argument:
        state.argument = value >>> 0;
        break;
      case MCI.Command:
        state.command = value & 0x7ff;
        if (value & MciCommand.Enable) this.#sendCommand();
        break;
      case MCI.DataTimer:
        state.dataTimer = value >>> 0;
        break;
      case MCI.DataLength:
        state.dataLength = value & 0xffff;
        break;
      case MCI.DataCtrl:
        this.#writeDataControl(value & 0xff);
        break;
      case MCI.Clear:
        state.status &= ~(value & MciStatus.STATIC);
        break;
      case MCI.Mask0:
      case MCI.Mask1:
        state.mask[(offset - MCI.Mask0) / WORD] = value & MciStatus.ALL;
        break;
      case MCI.Select:
        state.select = value & 0xf;
        break;
      default:
        this.#log.guestError(`PL181: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
    this.#drive();
  }

  #readRegister(offset: number): number {
    const { state } = this;
    if (offset >= MCI.FIFO && offset < MCI.FIFOEnd) return this.#readFifo();
    switch (offset) {
      case MCI.Power:
        return state.power;
      case MCI.Clock:
        return state.clock;
      case MCI.Argument:
        return state.argument;
      case MCI.Command:
        return state.command;
      case MCI.RespCmd:
        return state.responseCommand;
      case MCI.Response0:
      case MCI.Response0 + 4:
      case MCI.Response0 + 8:
      case MCI.Response0 + 12:
        return state.response[(offset - MCI.Response0) / WORD];
      case MCI.DataTimer:
        return state.dataTimer;
      case MCI.DataLength:
        return state.dataLength;
      case MCI.DataCtrl:
        return state.dataControl;
      case MCI.DataCnt:
        this.#fillFifo();
        return state.dataCount;
      case MCI.Status:
        this.#fillFifo();
        return this.#status();
      case MCI.Mask0:
      case MCI.Mask1:
        return state.mask[(offset - MCI.Mask0) / WORD];
      case MCI.Select:
        return state.select;
      // Words that have yet to pass between the FIFO and the card; a last incomplete one counts (3.3.14).
      case MCI.FifoCnt:
        this.#fillFifo();
        return Math.ceil(state.dataCount / WORD);
      default:
        if (offset >= MCI.PeriphID0) return IDENTIFICATION[(offset - MCI.PeriphID0) / WORD] ?? 0;
        this.#log.guestError(`PL181: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  /** The command path (2.2.3). */
  #sendCommand(): void {
    const { state } = this;
    const { card } = this.#config;
    if (state.command & MciCommand.Pending) {
      this.#log.unimplemented('PL181: a command that waits for the end of data is sent at once');
    }
    const response = card?.command(state.command & MciCommand.CmdIndex, state.argument);
    if (!(state.command & MciCommand.Response)) {
      state.status |= MciStatus.CmdSent;
    } else if (response === undefined) {
      state.status |= MciStatus.CmdTimeOut;
    } else {
      state.responseCommand = response.index;
      state.response.fill(0);
      const words = state.command & MciCommand.LongRsp ? response.words : response.words.slice(0, 1);
      state.response.set(words);
      // The last bit of a long response is not kept (3.3.6).
      state.response[3] &= ~1;
      state.status |= MciStatus.CmdRespEnd;
    }
    this.#advance();
  }

  /** Starts the data path, or stops it (3.3.9). */
  #writeDataControl(value: number): void {
    const { state } = this;
    state.dataControl = value;
    state.path = 'idle';
    this.#emptyFifo();
    this.#timeout.cancel();
    if (!(value & MciDataCtrl.Enable)) return;
    state.dataCount = state.dataLength;
    state.path = value & MciDataCtrl.Direction ? 'receive' : 'send';
    this.#advance();
  }

  /** The data path (2.2.4): passes on what the FIFO and the card can take. */
  #advance(): void {
    const { state } = this;
    if (state.path !== 'idle') {
      const moved = state.path === 'receive' ? this.#receive() : this.#send();
      this.#endOfData();
      // The data timer runs while the card sends nothing, or is busy (2.2.4). What the host's disk takes is not counted.
      const waits = state.path === 'receive' ? this.#words < FIFO_BYTES / WORD : state.fifoCount > 0;
      if (!waits || state.dataCount === 0 || this.#config.card?.working) this.#timeout.cancel();
      else if (moved || this.#timeout.deadlineNs === Number.POSITIVE_INFINITY) this.#startTimeout();
    }
    this.#drive();
  }

  /** @returns whether anything was */
  #receive(): boolean {
    const { state } = this;
    const { card } = this.#config;
    const before = state.dataCount;
    this.#compact();
    while (state.dataCount > 0 && state.fifoCount < FIFO_BYTES) {
      const room = Math.min(FIFO_BYTES - state.fifoCount, state.dataCount);
      const bytes = card?.read(state.fifo.subarray(state.fifoCount, state.fifoCount + room)) ?? 0;
      if (bytes === 0) break;
      state.fifoCount += bytes;
      this.#passed(bytes);
    }
    return state.dataCount !== before;
  }

  #send(): boolean {
    const { state } = this;
    const { card } = this.#config;
    const before = state.dataCount;
    while (state.dataCount > 0 && state.fifoCount > 0) {
      const bytes = card?.write(this.#waiting()) ?? 0;
      if (bytes === 0) break;
      this.#take(bytes);
      this.#passed(bytes);
    }
    return state.dataCount !== before;
  }

  #passed(bytes: number): void {
    const { state } = this;
    const block = 2 ** (state.dataControl >>> MciDataCtrl.BLOCK_SIZE_SHIFT);
    const done = state.dataLength - state.dataCount;
    state.dataCount -= bytes;
    const inBlocks = (state.dataControl & MciDataCtrl.Mode) === 0;
    if (inBlocks && Math.floor((done + bytes) / block) > Math.floor(done / block)) {
      state.status |= MciStatus.DataBlockEnd;
    }
    if (state.dataCount === 0) state.status |= MciStatus.DataEnd;
  }

  /** The data path is idle when all is passed on, and has been read (2.2.4, WAIT_R and WAIT_S). */
  #endOfData(): void {
    const { state } = this;
    if (state.dataCount > 0) return;
    if (state.dataLength === 0) state.status |= MciStatus.DataEnd;
    if (state.path === 'receive' && state.fifoCount > 0) return;
    state.path = 'idle';
    this.#emptyFifo();
  }

  #startTimeout(): void {
    const { dataTimer, clock } = this.state;
    // On real wires it runs out at once; drivers that never set it would find no card.
    if (dataTimer === 0) return;
    const divisor = clock & MciClock.Bypass ? 1 : 2 * ((clock & MciClock.ClkDiv) + 1);
    const periodNs = (divisor * NS_PER_SECOND) / this.#config.clockFrequency;
    this.#timeout.arm(this.#config.clock.nowNs() + dataTimer * periodNs);
  }

  #timedOut(): void {
    this.state.status |= MciStatus.DataTimeOut;
    this.state.path = 'idle';
    this.#emptyFifo();
    this.#drive();
  }

  /** Complete words; the last one of all data may have less bytes. */
  get #words(): number {
    const { fifoCount, dataCount } = this.state;
    return dataCount === 0 ? Math.ceil(fifoCount / WORD) : Math.floor(fifoCount / WORD);
  }

  #readFifo(): number {
    const { state } = this;
    if (state.path !== 'receive' || this.#words === 0) {
      this.#log.guestError('PL181: read of a receive FIFO that is empty');
      return 0;
    }
    const bytes = Math.min(WORD, state.fifoCount);
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= state.fifo[state.fifoHead + i] << (8 * i);
    this.#take(bytes);
    // No flag changes that anybody waits for: drivers read most words so.
    if (state.fifoCount < HALF_BYTES || (state.mask[0] | state.mask[1]) & MciStatus.RxFifoFull)
      this.#advance();
    return value >>> 0;
  }

  /** Whoever asks how full the FIFO is finds all in it that the card has sent. */
  #fillFifo(): void {
    if (this.state.path === 'receive' && this.state.fifoCount < FIFO_BYTES) this.#advance();
  }

  #writeFifo(value: number): void {
    const { state } = this;
    if (state.path !== 'send' || state.fifoCount > FIFO_BYTES - WORD) {
      this.#log.guestError('PL181: write to a transmit FIFO that takes nothing');
      return;
    }
    this.#compact();
    for (let i = 0; i < WORD; i++) state.fifo[state.fifoCount++] = value >>> (8 * i);
    this.#advance();
  }

  #take(bytes: number): void {
    this.state.fifoHead += bytes;
    this.state.fifoCount -= bytes;
  }

  /** The bytes that the card is to take. */
  #waiting(): Uint8Array {
    const { fifo, fifoHead, fifoCount, dataCount } = this.state;
    return fifo.subarray(fifoHead, fifoHead + Math.min(fifoCount, dataCount));
  }

  #compact(): void {
    const { state } = this;
    state.fifo.copyWithin(0, state.fifoHead, state.fifoHead + state.fifoCount);
    state.fifoHead = 0;
  }

  #emptyFifo(): void {
    this.state.fifoHead = 0;
    this.state.fifoCount = 0;
  }

  /** The FIFO's flags belong to the direction that is enabled (2.2.5). */
  #status(): number {
    const { path, fifoCount, status } = this.state;
    if (path === 'send') {
      return (
        status |
        MciStatus.TxActive |
        (fifoCount <= HALF_BYTES ? MciStatus.TxFifoHalfEmpty : 0) |
        (fifoCount > FIFO_BYTES - WORD ? MciStatus.TxFifoFull : 0) |
        (fifoCount === 0 ? MciStatus.TxFifoEmpty : MciStatus.TxDataAvlbl)
      );
    }
    if (path === 'receive') {
      const words = this.#words;
      return (
        status |
        MciStatus.RxActive |
        (words >= HALF_BYTES / WORD ? MciStatus.RxFifoHalfFull : 0) |
        (words === FIFO_BYTES / WORD ? MciStatus.RxFifoFull : 0) |
        (words === 0 ? MciStatus.RxFifoEmpty : MciStatus.RxDataAvlbl)
      );
    }
    return status;
  }

  #drive(): void {
    const status = this.#status();
    this.#config.interrupts[0].set((status & this.state.mask[0]) !== 0);
    this.#config.interrupts[1].set((status & this.state.mask[1]) !== 0);
  }
}
