/**
 * Compression of blocks of memory: the LZ4 block format, chosen because plain TypeScript takes it apart at several
 * hundred megabytes a second, in a browser too. A block is a row of sequences: a token (length of literals in bits 7:4,
 * length of the match less 4 in bits 3:0), more length bytes where a field is 15, literals, and the distance of the
 * match in 2 bytes. The last sequence ends after its literals.
 */

const MIN_MATCH = 4;
/** The last bytes of a block are literals, and no match starts close to its end. */
const LAST_LITERALS = 5;
const LAST_MATCH_START = 12;
const MAX_DISTANCE = 0xffff;
const HASH_BITS = 13;
const LENGTH_FIELD = 15;
/** After so many (2^n) misses in a row the search takes larger steps: what does not compress shall not cost time. */
const SKIP_SHIFT = 6;
/** From this length on the engine's own copy is faster than a loop. */
const LONG_COPY = 24;

const table = new Int32Array(1 << HASH_BITS);

/** Bytes that `compressBlock` may need for `length` bytes. */
export function compressBound(length: number): number {
  return length + Math.ceil(length / 255) + 16;
}

/**
 * @param out at least `compressBound(source.length)` bytes
 * @returns bytes written to `out`
 */
export function compressBlock(source: Uint8Array, out: Uint8Array): number {
  const end = source.length;
  const lastStart = end - LAST_MATCH_START;
  const matchEnd = end - LAST_LITERALS;
  let at = 0;
  let anchor = 0;
  let to = 0;
  let misses = 1 << SKIP_SHIFT;
  table.fill(-1);
  while (at <= lastStart) {
    const word = source[at] | (source[at + 1] << 8) | (source[at + 2] << 16) | (source[at + 3] << 24);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    const from = table[slot];
    table[slot] = at;
    if (
      from < 0 ||
      at - from > MAX_DISTANCE ||
      source[from] !== source[at] ||
      source[from + 1] !== source[at + 1] ||
      source[from + 2] !== source[at + 2] ||
      source[from + 3] !== source[at + 3]
    ) {
      at += misses++ >>> SKIP_SHIFT;
      continue;
    }
    misses = 1 << SKIP_SHIFT;
    let matched = MIN_MATCH;
    while (at + matched < matchEnd && source[from + matched] === source[at + matched]) matched++;
    to = putSequence(source, anchor, at, out, to, at - from, matched);
    at += matched;
    anchor = at;
  }
  return putSequence(source, anchor, end, out, to, 0, 0);
}

/** @param distance 0 for the last sequence, which has no match */
function putSequence(
  source: Uint8Array,
  anchor: number,
  at: number,
  out: Uint8Array,
  start: number,
  distance: number,
  matched: number,
): number {
  const literals = at - anchor;
  const extra = distance === 0 ? 0 : matched - MIN_MATCH;
  let to = start;
  out[to++] = (Math.min(literals, LENGTH_FIELD) << 4) | Math.min(extra, LENGTH_FIELD);
  if (literals >= LENGTH_FIELD) to = putLength(out, to, literals - LENGTH_FIELD);
  if (literals < LONG_COPY) for (let i = 0; i < literals; i++) out[to + i] = source[anchor + i];
  else out.set(source.subarray(anchor, at), to);
  to += literals;
  if (distance === 0) return to;
  out[to++] = distance;
  out[to++] = distance >>> 8;
  return extra >= LENGTH_FIELD ? putLength(out, to, extra - LENGTH_FIELD) : to;
}

function putLength(out: Uint8Array, start: number, length: number): number {
  let to = start;
  let left = length;
  for (; left >= 255; left -= 255) out[to++] = 255;
  out[to++] = left;
  return to;
}

/**
 * Takes a block apart. Every length and distance is checked: nothing is read outside of `block` or written outside of
 * `out`.
 * @throws RangeError when the block is damaged, or does not fill `out` exactly
 */
export function decompressBlock(block: Uint8Array, out: Uint8Array): void {
  const end = block.length;
  const outEnd = out.length;
  let at = 0;
  let to = 0;
  while (at < end) {
    const token = block[at++];
    let literals = token >>> 4;
    if (literals === LENGTH_FIELD) {
      let byte = 255;
      while (byte === 255 && at < end) {
        byte = block[at++];
        literals += byte;
      }
    }
    if (literals > end - at || literals > outEnd - to) throw damaged();
    if (literals < LONG_COPY) for (let i = 0; i < literals; i++) out[to + i] = block[at + i];
    else out.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at === end) break;
    if (end - at < 2) throw damaged();
    const distance = block[at] | (block[at + 1] << 8);
    at += 2;
    let matched = token & LENGTH_FIELD;
    if (matched === LENGTH_FIELD) {
      let byte = 255;
      while (byte === 255 && at < end) {
        byte = block[at++];
        matched += byte;
      }
    }
    matched += MIN_MATCH;
    if (distance === 0 || distance > to || matched > outEnd - to) throw damaged();
    const from = to - distance;
    // A match may overlap what it makes: then only a loop repeats the pattern.
    if (matched >= LONG_COPY && distance >= matched) out.copyWithin(to, from, from + matched);
    else for (let i = 0; i < matched; i++) out[to + i] = out[from + i];
    to += matched;
  }
  if (to !== outEnd) throw damaged();
}

function damaged(): RangeError {
  return new RangeError('a compressed block is damaged');
}
