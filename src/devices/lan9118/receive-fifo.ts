import type { PlainValue, Saveable } from '../../ports/saveable.ts';

const WORD = 4;
/** RX_CFG: RX End Alignment to 4, 16, 32 bytes (LAN9118 datasheet 5.3.7); the fourth value is reserved. */
const END_ALIGNMENTS = [4, 16, 32, 4] as const;

/** The frame that is being read: `words` of it in all, `read` of them already; 0 words: none is. */
export type ReceiveFifoState = {
  /** Frames with their check sequences. */
  readonly frames: readonly Uint8Array[];
  readonly statuses: readonly number[];
  readonly words: number;
  readonly read: number;
};

/** Sizes of both FIFOs in bytes. */
export interface ReceiveSizes {
  readonly data: number;
  readonly status: number;
}

/** Receive data and status FIFO. A frame is padded as RX_CFG says when its first word is read. */
export class ReceiveFifo implements Saveable<ReceiveFifoState> {
  readonly #frames: Uint8Array[] = [];
  readonly #statuses: number[] = [];
  #words = 0;
  #read = 0;

  clear(): void {
    this.#frames.length = 0;
    this.#statuses.length = 0;
    this.#words = 0;
    this.#read = 0;
  }

  saveState(): ReceiveFifoState {
    return {
      frames: this.#frames.map((frame) => frame.slice()),
      statuses: [...this.#statuses],
      words: this.#words,
      read: this.#read,
    };
  }

  restoreState(state: ReceiveFifoState): void {
    const isFrame = (frame: PlainValue): boolean => frame instanceof Uint8Array && frame.length <= 2048;
    const fits =
      state.frames.length <= 512 &&
      state.statuses.length <= 1024 &&
      state.frames.every(isFrame) &&
      state.statuses.every(Number.isInteger) &&
      state.read >= 0 &&
      state.read <= state.words;
    if (!fits) throw new RangeError('the state of a receive FIFO is none');
    this.clear();
    this.#frames.push(...state.frames.map((frame) => frame.slice()));
    this.#statuses.push(...state.statuses);
    this.#words = state.words;
    this.#read = state.read;
  }

  get statusCount(): number {
    return this.#statuses.length;
  }

  /** Bytes of the data FIFO that are used. */
  dataUsed(config: number): number {
    const all = this.#frames.reduce((sum, frame) => sum + wordsOf(frame, config), 0);
    return (all - this.#read) * WORD;
  }

  hasRoom(frame: Uint8Array, config: number, sizes: ReceiveSizes): boolean {
    const statusRoom = sizes.status / WORD - this.#statuses.length;
    return statusRoom > 0 && this.dataUsed(config) + wordsOf(frame, config) * WORD <= sizes.data;
  }

  push(frame: Uint8Array, status: number): void {
    this.#frames.push(frame);
    this.#statuses.push(status);
  }

  /** @returns undefined when there is none */
  popStatus(): number | undefined {
    return this.#statuses.shift();
  }

  peekStatus(): number | undefined {
    return this.#statuses[0];
  }

  /** @returns the next word of the frames; undefined when there is none */
  popWord(config: number): number | undefined {
    const frame = this.#frames[0];
    if (frame === undefined) return undefined;
    if (this.#read === 0) this.#words = wordsOf(frame, config);
    const start = this.#read * WORD - offsetOf(config);
    let value = 0;
    for (let i = 0; i < WORD; i++) value |= (frame[start + i] ?? 0) << (8 * i);
    this.#read++;
    if (this.#read >= this.#words) this.skip();
    return value >>> 0;
  }

  /** Drops the frame that is being read, or the next one. */
  skip(): void {
    this.#frames.shift();
    this.#words = 0;
    this.#read = 0;
  }
}

/** RXDOFF: bytes before a frame's first one. */
function offsetOf(config: number): number {
  return (config >>> 8) & 31;
}

function wordsOf(frame: Uint8Array, config: number): number {
  const alignment = END_ALIGNMENTS[config >>> 30];
  return (Math.ceil((offsetOf(config) + frame.length) / alignment) * alignment) / WORD;
}
