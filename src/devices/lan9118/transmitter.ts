import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { TxCommand } from './registers.ts';

const WORD = 4;
/** TX_CMD_A: Buffer End Alignment to 4, 16, 32 bytes (LAN9118 datasheet 3.12.2.1); the fourth value is reserved. */
const END_ALIGNMENTS = [4, 16, 32, 4] as const;
/** The 11 bits of Packet Length. */
const MAX_PACKET = 2048;
const MINIMUM_FRAME = 60;
const FCS_BYTES = 4;

/** A frame of the driver, without its check sequence, and the word that its status begins as. */
export interface SentFrame {
  readonly frame: Uint8Array;
  readonly status: number;
}

export type TransmitterState = {
  /** What the next word of the FIFO is. */
  next: 'A' | 'B' | 'data';
  commandA: number;
  commandB: number;
  /** Words of the buffer that are still to come, and of these bytes that are before the data. */
  wordsLeft: number;
  skip: number;
  /** Bytes of data that the buffer still has. */
  bytesLeft: number;
  readonly packet: Uint8Array;
  length: number;
};

/** Puts frames together from the words of the transmit data FIFO: commands and buffers (3.12). */
export class Transmitter implements Saveable<TransmitterState> {
  readonly state: TransmitterState = { ...emptyState(), packet: new Uint8Array(MAX_PACKET) };

  clear(): void {
    Object.assign(this.state, emptyState());
  }

  saveState(): TransmitterState {
    return copyPlain(this.state);
  }

  restoreState(saved: TransmitterState): void {
    const { state } = this;
    assignPlain(state, saved, 'the transmitter');
    if (!['A', 'B', 'data'].includes(state.next) || !(state.length >= 0 && state.length <= MAX_PACKET)) {
      throw new RangeError('the state of the transmitter is none');
    }
  }

  /** Bytes of the frame that are in the FIFO. */
  get used(): number {
    return this.state.length;
  }

  /**
   * Takes a word.
   * @returns what a complete buffer makes: whether its command asked for an interrupt, and the frame that it completes
   */
  push(word: number): { readonly interrupt: boolean; readonly sent: SentFrame | undefined } | undefined {
    const { state } = this;
    switch (state.next) {
      case 'A':
        state.commandA = word >>> 0;
        state.next = 'B';
        return undefined;
      case 'B':
        this.#begin(word >>> 0);
        break;
      case 'data':
        this.#takeData(word);
        break;
    }
    return state.wordsLeft === 0 ? this.#end() : undefined;
  }

  #begin(commandB: number): void {
    const { state } = this;
    const { commandA } = state;
    if (commandA & TxCommand.FIRST) state.length = 0;
    const alignment = END_ALIGNMENTS[(commandA >>> TxCommand.END_ALIGNMENT_SHIFT) & 3];
    state.commandB = commandB;
    state.skip = (commandA >>> TxCommand.OFFSET_SHIFT) & 31;
    state.bytesLeft = commandA & TxCommand.LENGTH;
    state.wordsLeft = (Math.ceil((state.skip + state.bytesLeft) / alignment) * alignment) / WORD;
    state.next = 'data';
  }

  #takeData(word: number): void {
    const { state } = this;
    state.wordsLeft--;
    for (let i = 0; i < WORD; i++) {
      if (state.skip > 0) {
        state.skip--;
      } else if (state.bytesLeft > 0) {
        state.bytesLeft--;
        if (state.length < MAX_PACKET) state.packet[state.length++] = word >>> (8 * i);
      }
    }
  }

  #end() {
    const { state } = this;
    const interrupt = (state.commandA & TxCommand.IOC) !== 0;
    state.next = 'A';
    if (!(state.commandA & TxCommand.LAST)) return { interrupt, sent: undefined };
    const status = (state.commandB & 0xffff_0000) >>> 0;
    const sent = { frame: this.#frame(), status };
    state.length = 0;
    return { interrupt, sent };
  }

  /** The frame as it goes onto the wire, padded, without the check sequence that the driver may have made. */
  #frame(): Uint8Array {
    const { packet, length, commandB } = this.state;
    const bytes = commandB & TxCommand.NO_CRC ? Math.max(0, length - FCS_BYTES) : length;
    const padded = commandB & TxCommand.NO_PADDING ? bytes : Math.max(bytes, MINIMUM_FRAME);
    const frame = new Uint8Array(padded);
    frame.set(packet.subarray(0, bytes));
    return frame;
  }
}

/** Everything but the packet. */
function emptyState(): Omit<TransmitterState, 'packet'> {
  return { next: 'A', commandA: 0, commandB: 0, wordsLeft: 0, skip: 0, bytesLeft: 0, length: 0 };
}
