import { compressBlock, compressBound, decompressBlock } from './block-codec.ts';

/** RAM is compressed in segments; of each only the pages that are not zero, which a bitmap names. */
const SEGMENT = 1 << 20;
const PAGE = 4096;
const PAGES = SEGMENT / PAGE;
const BITMAP = PAGES / 8;
/** Length of the compressed block, then the bitmap. */
const HEADER = 4 + BITMAP;

/** Makes the saved form of RAM, one segment for each call of `next`. */
export class RamWriter {
  /** The segments' saved forms so far, in order. */
  readonly parts: Uint8Array[] = [];
  private readonly ram: Uint8Array;
  private readonly words: Int32Array;
  private readonly pages = new Uint8Array(SEGMENT);
  private readonly block = new Uint8Array(compressBound(SEGMENT));
  private at = 0;

  /** @param ram a multiple of 4 KiB, at an address that is one of 4 */
  constructor(ram: Uint8Array) {
    this.ram = ram;
    this.words = new Int32Array(ram.buffer, ram.byteOffset, ram.length / 4);
  }

  /** @returns false when all is done. */
  next(): boolean {
    const { ram, at } = this;
    if (at >= ram.length) return false;
    const header = new Uint8Array(HEADER);
    const end = Math.min(at + SEGMENT, ram.length);
    let length = 0;
    for (let page = at; page < end; page += PAGE) {
      if (this.isZero(page)) continue;
      const index = (page - at) / PAGE;
      header[4 + (index >> 3)] |= 1 << (index & 7);
      this.pages.set(ram.subarray(page, page + PAGE), length);
      length += PAGE;
    }
    this.at = end;
    if (length === 0) {
      this.parts.push(header.subarray(0, 4));
      return true;
    }
    const size = compressBlock(this.pages.subarray(0, length), this.block);
    new DataView(header.buffer).setUint32(0, size, true);
    this.parts.push(header, this.block.slice(0, size));
    return true;
  }

  private isZero(page: number): boolean {
    const { words } = this;
    const end = (page + PAGE) >>> 2;
    for (let i = page >>> 2; i < end; i++) if (words[i] !== 0) return false;
    return true;
  }
}

/** Puts saved RAM back, one segment for each call of `next`. */
export class RamReader {
  private readonly saved: Uint8Array;
  private readonly view: DataView;
  private readonly ram: Uint8Array;
  private readonly pages = new Uint8Array(SEGMENT);
  private from = 0;
  private to = 0;

  /** @param ram all zero, of the size that was saved */
  constructor(saved: Uint8Array, ram: Uint8Array) {
    this.saved = saved;
    this.view = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
    this.ram = ram;
  }

  /**
   * @returns false when all is done
   * @throws RangeError when the saved form is damaged, or is one of another size of RAM
   */
  next(): boolean {
    const { saved, ram } = this;
    if (this.to >= ram.length) {
      if (this.from !== saved.length) throw damaged();
      return false;
    }
    if (saved.length - this.from < 4) throw damaged();
    const size = this.view.getUint32(this.from, true);
    const base = this.to;
    this.to = Math.min(base + SEGMENT, ram.length);
    if (size === 0) {
      this.from += 4;
      return true;
    }
    const start = this.from + HEADER;
    if (size > saved.length - start) throw damaged();
    const bitmap = saved.subarray(this.from + 4, start);
    const places: number[] = [];
    for (let index = 0; index < PAGES; index++) {
      if (((bitmap[index >> 3] >> (index & 7)) & 1) === 1) places.push(base + index * PAGE);
    }
    if (places.length === 0 || places[places.length - 1] >= this.to) throw damaged();
    this.from = start + size;
    const block = saved.subarray(start, this.from);
    // Most often the pages are in a row, and the block can be taken apart where it belongs.
    const first = places[0];
    const length = places.length * PAGE;
    if (places[places.length - 1] - first === length - PAGE) {
      decompressBlock(block, ram.subarray(first, first + length));
      return true;
    }
    const pages = this.pages.subarray(0, length);
    decompressBlock(block, pages);
    for (let i = 0; i < places.length; i++) ram.set(pages.subarray(i * PAGE, (i + 1) * PAGE), places[i]);
    return true;
  }
}

function damaged(): RangeError {
  return new RangeError('the saved RAM is damaged');
}
