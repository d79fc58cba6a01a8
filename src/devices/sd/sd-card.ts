import type { Clock } from '../../ports/clock.ts';
import type { DiskBackend } from '../../ports/disk.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Drainable, Saveable } from '../../ports/saveable.ts';
import { BUFFER_BYTES, checkState, resetState, type SdCardState } from './sd-card-state.ts';
import { type CommandRow, commandRow } from './sd-commands.ts';
import {
  BLOCK_BYTES,
  CardState,
  CardStatus,
  cardIdentification,
  cardSpecificData,
  OperationConditions,
  STANDARD_CAPACITY_LIMIT,
} from './sd-registers.ts';

/** Virtual time that an operation of the disk takes with the counting clock. */
const LATENCY_NS = 100_000;
/** An erasure is carried out in pieces of this many bytes, so that the disk is never busy for long with one. */
const ERASE_BYTES = 64 * 1024 * 1024;
/** A response without a command index has ones in its place (4.9.3, 4.9.4). */
const NO_INDEX = 0x3f;
/** CMD8: 2.7 to 3.6 V. */
const VOLTAGE_RANGE = 0x100;

/** What a card answers to a command. */
export interface SdResponse {
  /** The six bits in place of the command index. */
  readonly index: number;
  /** The 32 bits of a short response, or the 128 of a long one with the highest word first; unsigned. */
  readonly words: readonly number[];
}

/** What a card is made with. */
export interface SdCardConfig {
  /** A power of two bytes long. */
  readonly disk: DiskBackend;
  readonly clock: Clock;
  /** Told when the host can't do what the guest asked for, such as writing to a full disk. */
  readonly warn?: (message: string) => void;
}

/**
 * An SD memory card (SD Physical Layer Simplified Specification 2.00): standard capacity up to 2 GiB, high capacity above. What
 * was written is safe on the host's disk when the card is no longer busy, for SD hosts have no other way to ask for that.
 */
export class SdCard implements Saveable<SdCardState>, Drainable {
  readonly state: SdCardState;
  readonly size: number;
  readonly highCapacity: boolean;
  /** The mechanical switch. */
  readonly writeProtected: boolean;
  readonly #disk: DiskBackend;
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  /** What the host has not finished; also of transfers that were given up. */
  readonly #hostWork = new Set<Promise<void>>();
  /** Counts what is started; a result of something older is nobody's. */
  #generation = 0;
  #ready: () => void = () => {};
  #warned = false;

  constructor({ disk, clock, warn }: SdCardConfig) {
    this.#disk = disk;
    this.#clock = clock;
    this.#warn = warn ?? (() => {});
    this.size = disk.size;
    this.highCapacity = disk.size > STANDARD_CAPACITY_LIMIT;
    this.writeProtected = disk.readOnly;
    this.state = { ...resetState(), buffer: new Uint8Array(BUFFER_BYTES) };
  }

  /** @param ready told when data can be read or written that could not be before */
  connect(ready: () => void): void {
    this.#ready = ready;
  }

  /** Power on, and CMD0. What the disk is doing for the card is done, and the card has forgotten it. */
  reset(): void {
    this.#generation++;
    Object.assign(this.state, resetState());
  }

  /** @returns undefined when the card does not answer */
  command(index: number, argument: number): SdResponse | undefined {
    const { state } = this;
    if (state.state === CardState.ina) return undefined;
    const row = commandRow(index, state.appCommand);
    const application = state.appCommand && row?.application === true;
    state.appCommand = false;
    if (row?.addressed === true && argument >>> 16 !== state.rca) {
      row.others?.(this);
      return undefined;
    }
    if (row === undefined || ((row.states >>> state.state) & 1) === 0) {
      state.errors |= CardStatus.ILLEGAL_COMMAND;
      return undefined;
    }
    const before = state.state;
    const busy = this.working;
    row.run(this, argument >>> 0);
    return this.#respond(row, argument, { before, busy, application });
  }

  /** Whether the disk is at work for the card: its lines are busy, or data will come. */
  get working(): boolean {
    return this.state.work !== 'none';
  }

  /** Takes data off the card's lines. @returns bytes; none while the disk reads, or when the card sends nothing */
  read(into: Uint8Array): number {
    const { state } = this;
    if (state.state !== CardState.data || state.work !== 'none') return 0;
    if (state.sent === state.filled) {
      this.#readOn();
      return 0;
    }
    const bytes = Math.min(into.length, state.filled - state.sent);
    into.set(state.buffer.subarray(state.sent, state.sent + bytes));
    state.sent += bytes;
    if (state.sent === state.filled && !state.multiple) state.state = CardState.tran;
    return bytes;
  }

  /** Puts data on the card's lines. @returns bytes that were taken; none while the disk writes, or when none are wanted */
  write(from: Uint8Array): number {
    const { state } = this;
    if (state.state !== CardState.rcv || state.work !== 'none') return 0;
    if (state.multiple && state.position >= this.size) {
      state.errors |= CardStatus.OUT_OF_RANGE;
      return 0;
    }
    const limit = state.multiple ? Math.min(BUFFER_BYTES, this.size - state.position) : BLOCK_BYTES;
    const bytes = Math.min(from.length, limit - state.filled);
    state.buffer.set(from.subarray(0, bytes), state.filled);
    state.filled += bytes;
    if (state.filled === limit) {
      if (!state.multiple) state.state = CardState.prg;
      this.#start('write', LATENCY_NS);
    }
    return bytes;
  }

  async drain(): Promise<void> {
    while (this.#hostWork.size > 0) await Promise.all(this.#hostWork);
  }

  saveState(): SdCardState {
    return copyPlain(this.state);
  }

  /** What the disk was doing it does again: it was not told to the guest yet. */
  restoreState(saved: SdCardState): void {
    const { state } = this;
    assignPlain(state, saved, 'the SD card');
    checkState(state, this.size);
    const { work, deadlineNs } = state;
    state.work = 'none';
    if (work !== 'none') this.#start(work, Math.max(0, deadlineNs - this.#clock.nowNs()));
  }

  /** @internal CMD17 and CMD18. */
  startRead(address: number, multiple: boolean): void {
    const { state } = this;
    const position = this.#addressed(address, state.blockLength);
    if (position === undefined) return;
    this.#begin(CardState.data, position, multiple);
    this.#start('read', LATENCY_NS);
  }

  /** @internal CMD24 and CMD25. */
  startWrite(address: number, multiple: boolean): void {
    const { state } = this;
    // WRITE_BL_PARTIAL is 0.
    if (!this.highCapacity && state.blockLength !== BLOCK_BYTES) state.errors |= CardStatus.BLOCK_LEN_ERROR;
    const position = this.#addressed(address, BLOCK_BYTES);
    if (this.writeProtected) state.errors |= CardStatus.WP_VIOLATION;
    if (position === undefined || this.writeProtected || state.errors & CardStatus.BLOCK_LEN_ERROR) return;
    state.writtenBlocks = 0;
    this.#begin(CardState.rcv, position, multiple);
  }

  /** @internal A register goes over the data lines: CMD6, ACMD13, ACMD22, ACMD51. */
  sendRegister(bytes: Uint8Array): void {
    const { state } = this;
    this.#begin(CardState.data, 0, false);
    state.buffer.set(bytes);
    state.filled = bytes.length;
  }

  /** @internal CMD12. */
  stop(): void {
    const { state } = this;
    if (state.state === CardState.data) {
      this.#generation++;
      state.work = 'none';
      state.state = CardState.tran;
      return;
    }
    // A block that is not complete is not written (4.3.4).
    state.filled -= state.work === 'none' ? state.filled % BLOCK_BYTES : 0;
    state.multiple = false;
    state.state = CardState.prg;
    if (state.work === 'none') {
      if (state.filled > 0) this.#start('write', LATENCY_NS);
      else state.state = CardState.tran;
    }
  }

  /** @internal CMD38. */
  erase(): void {
    const { state } = this;
    const unit = this.highCapacity ? BLOCK_BYTES : 1;
    const from = Math.floor((state.eraseStart * unit) / BLOCK_BYTES);
    const to = Math.floor((state.eraseEnd * unit) / BLOCK_BYTES);
    const given = state.eraseStart >= 0 && state.eraseEnd >= 0;
    if (!given) state.errors |= CardStatus.ERASE_SEQ_ERROR;
    else if (to < from) state.errors |= CardStatus.ERASE_PARAM;
    else if ((to + 1) * BLOCK_BYTES > this.size) state.errors |= CardStatus.OUT_OF_RANGE;
    else if (this.writeProtected) state.errors |= CardStatus.WP_VIOLATION;
    else {
      state.position = from * BLOCK_BYTES;
      state.eraseEnd = (to + 1) * BLOCK_BYTES;
      state.state = CardState.prg;
      this.#start('erase', LATENCY_NS);
      return;
    }
    state.eraseStart = -1;
    state.eraseEnd = -1;
  }

  /**
   * Where an address of a command is on the disk; undefined, and the error told, where it can't be: behind the
   * end, or a block over a border of two (4.3.3; READ_BLK_MISALIGN is 0).
   */
  #addressed(address: number, length: number): number | undefined {
    const position = this.highCapacity ? address * BLOCK_BYTES : address;
    if (position + length > this.size) this.state.errors |= CardStatus.OUT_OF_RANGE;
    else if ((position % BLOCK_BYTES) + length > BLOCK_BYTES) this.state.errors |= CardStatus.ADDRESS_ERROR;
    else return position;
    return undefined;
  }

  #begin(kind: number, position: number, multiple: boolean): void {
    Object.assign(this.state, { state: kind, position, multiple, filled: 0, sent: 0 });
  }

  /** The next piece of a read of several blocks. */
  #readOn(): void {
    const { state } = this;
    if (!state.multiple) return;
    if (state.position + state.blockLength > this.size) {
      state.errors |= CardStatus.OUT_OF_RANGE;
      state.multiple = false;
      return;
    }
    this.#start('read', LATENCY_NS);
  }

  /** Has the disk do something. */
  #start(work: 'read' | 'write' | 'erase', latencyNs: number): void {
    const { state } = this;
    const generation = ++this.#generation;
    let failed = false;
    state.work = work;
    const bytes = work === 'read' ? new Uint8Array(this.#readLength()) : state.buffer.slice(0, state.filled);
    const settled = this.#carryOut(work, bytes).catch((error: unknown) => {
      failed = true;
      this.#failed(error);
    });
    this.#hostWork.add(settled);
    settled.then(() => this.#hostWork.delete(settled));
    state.deadlineNs = this.#clock.nowNs() + latencyNs;
    this.#clock.whenSettled(settled, latencyNs, () => {
      if (generation === this.#generation) this.#done(work, bytes, failed);
    });
  }

  async #carryOut(work: 'read' | 'write' | 'erase', bytes: Uint8Array): Promise<void> {
    const { position, eraseEnd } = this.state;
    if (work === 'read') return this.#disk.read(position - (position % BLOCK_BYTES), bytes);
    if (work === 'write') await this.#disk.write(position, bytes);
    for (let at = position; work === 'erase' && at < eraseEnd; at += ERASE_BYTES) {
      await this.#disk.writeZeroes(at, Math.min(ERASE_BYTES, eraseEnd - at), true);
    }
    return this.#disk.flush();
  }

  /** Whole blocks of the disk, whatever part of them is to be sent. */
  #readLength(): number {
    const { position, multiple } = this.state;
    const start = position - (position % BLOCK_BYTES);
    return multiple && this.state.blockLength === BLOCK_BYTES
      ? Math.min(BUFFER_BYTES, this.size - start)
      : BLOCK_BYTES;
  }

  #done(work: 'read' | 'write' | 'erase', bytes: Uint8Array, failed: boolean): void {
    const { state } = this;
    state.work = 'none';
    if (work === 'read') this.#haveRead(bytes, failed);
    else this.#haveWritten(work === 'write' ? bytes.length : 0, failed);
    this.#ready();
  }

  #haveRead(bytes: Uint8Array, failed: boolean): void {
    const { state } = this;
    state.sent = 0;
    state.filled = 0;
    if (failed) {
      state.errors |= CardStatus.CARD_ECC_FAILED;
      if (!state.multiple) state.state = CardState.tran;
      state.multiple = false;
      return;
    }
    const skipped = state.position % BLOCK_BYTES;
    const piece =
      state.blockLength === BLOCK_BYTES ? bytes : bytes.subarray(skipped, skipped + state.blockLength);
    state.buffer.set(piece);
    state.filled = piece.length;
    state.position += piece.length;
  }

  #haveWritten(bytes: number, failed: boolean): void {
    const { state } = this;
    if (failed) state.errors |= CardStatus.ERROR;
    else state.writtenBlocks += bytes / BLOCK_BYTES;
    state.position += bytes;
    state.filled = 0;
    state.eraseStart = -1;
    state.eraseEnd = -1;
    if (state.state === CardState.prg) state.state = CardState.tran;
    if (state.state === CardState.dis) state.state = CardState.stby;
  }

  #respond(
    { index, response }: CommandRow,
    argument: number,
    { before, busy, application }: { before: number; busy: boolean; application: boolean },
  ): SdResponse | undefined {
    const { state } = this;
    switch (response) {
      case 'none':
        return undefined;
      case 'CID':
        return { index: NO_INDEX, words: wordsOf(cardIdentification()) };
      case 'CSD':
        return { index: NO_INDEX, words: wordsOf(cardSpecificData(this.size)) };
      case 'OCR': {
        const { VOLTAGES, CCS, READY } = OperationConditions;
        const up = state.poweredUp ? READY | (this.highCapacity ? CCS : 0) : 0;
        return { index: NO_INDEX, words: [(VOLTAGES | up) >>> 0] };
      }
      // The voltage and the check pattern are echoed; a voltage that the card does not know it does not answer (4.9.6).
      case 'R7':
        return (argument & 0xf00) === VOLTAGE_RANGE ? { index, words: [argument & 0xfff] } : undefined;
      case 'R1':
      case 'R6': {
        const { STATE_SHIFT, READY_FOR_DATA, APP_CMD } = CardStatus;
        const flags = (busy ? 0 : READY_FOR_DATA) | (application || state.appCommand ? APP_CMD : 0);
        const status = (state.errors | (before << STATE_SHIFT) | flags) >>> 0;
        state.errors = 0;
        return { index, words: [response === 'R1' ? status : shortStatus(state.rca, status)] };
      }
    }
  }

  /** Once: a full disk fails many requests. */
  #failed(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#warn(`${this.#disk.name}: ${reason}; the guest sees an I/O error`);
  }
}

/** R6 (4.9.5): bits 23, 22, 19 and 12 to 0 of the status below the address. */
function shortStatus(rca: number, status: number): number {
  const errors = ((status >>> 8) & 0xc000) | ((status >>> 6) & 0x2000);
  return ((rca << 16) | errors | (status & 0x1fff)) >>> 0;
}

function wordsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i));
}
