import { BLOCK_BYTES, CardState } from './sd-registers.ts';

/** Largest piece that is read from the disk ahead of the host, or collected before it is written. */
export const BUFFER_BYTES = 64 * 1024;

export type SdCardState = {
  state: number;
  /** Errors that the next R1 tells. */
  errors: number;
  rca: number;
  /** CMD55 came before. */
  appCommand: boolean;
  poweredUp: boolean;
  blockLength: number;
  wideBus: boolean;
  /** Function of group 1 that CMD6 chose. */
  accessMode: number;
  /** First and last address of an erasure; -1: none was given. */
  eraseStart: number;
  eraseEnd: number;
  writtenBlocks: number;
  /** A transfer that goes on until CMD12. */
  multiple: boolean;
  /** Byte of the disk that the next piece begins at. */
  position: number;
  readonly buffer: Uint8Array;
  /** Bytes of the buffer that are valid, and of these the ones that have been sent. */
  filled: number;
  sent: number;
  /** What the disk does for the card. */
  work: 'none' | 'read' | 'write' | 'erase';
  /** Virtual time at which it counts as done, with the counting clock. */
  deadlineNs: number;
};

/** Everything but the buffer. */
export function resetState(): Omit<SdCardState, 'buffer'> {
  return {
    state: CardState.idle,
    errors: 0,
    rca: 0,
    appCommand: false,
    poweredUp: false,
    blockLength: BLOCK_BYTES,
    wideBus: false,
    accessMode: 0,
    eraseStart: -1,
    eraseEnd: -1,
    writtenBlocks: 0,
    multiple: false,
    position: 0,
    filled: 0,
    sent: 0,
    work: 'none',
    deadlineNs: 0,
  };
}

/** @throws RangeError for a restored state that no card of this size, in bytes, can have */
export function checkState(state: SdCardState, size: number): void {
  const within = (value: number, limit: number): boolean => value >= 0 && value <= limit;
  if (
    !within(state.filled, BUFFER_BYTES) ||
    !within(state.sent, state.filled) ||
    !within(state.position, size) ||
    !within(state.blockLength - 1, BLOCK_BYTES - 1) ||
    !['none', 'read', 'write', 'erase'].includes(state.work)
  ) {
    throw new RangeError('the state of the SD card is none');
  }
}
