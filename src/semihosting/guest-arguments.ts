/** The memory of the calling program, by its CPU's translation. */
export interface GuestBytes {
  /** @returns what can be read from the start on */
  read(address: number, length: number): Uint8Array;
  /** @returns false when a byte of it can't be written */
  write(address: number, bytes: Uint8Array): boolean;
}

const PIECE = 256;
/** A text without an end is looked at so far. */
const MAX_TEXT = 1 << 20;
const MAX_NAME = 4096;

/** @returns a word, undefined where there is no memory */
export function readWord(memory: GuestBytes, address: number): number | undefined {
  const bytes = memory.read(address, 4);
  return bytes.length < 4 ? undefined : new DataView(bytes.slice().buffer).getUint32(0, true);
}

export function writeWords(memory: GuestBytes, address: number, ...words: number[]): boolean {
  return memory.write(address, new Uint8Array(Uint32Array.from(words).buffer));
}

/** The bytes of a text up to its NUL, or up to where there is no memory. */
export function readText(memory: GuestBytes, address: number): Uint8Array {
  const pieces: number[] = [];
  while (pieces.length < MAX_TEXT) {
    const piece = memory.read(address + pieces.length, PIECE);
    const end = piece.indexOf(0);
    pieces.push(...(end < 0 ? piece : piece.subarray(0, end)));
    if (end >= 0 || piece.length < PIECE) break;
  }
  return Uint8Array.from(pieces);
}

/** A name whose length the caller gives without its NUL; undefined when there is no such memory, or it is too long. */
export function readName(memory: GuestBytes, address: number, length: number): string | undefined {
  if (length > MAX_NAME) return undefined;
  const bytes = memory.read(address, length);
  return bytes.length < length ? undefined : new TextDecoder().decode(bytes);
}
