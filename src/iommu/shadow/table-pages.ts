import { WatchKind } from '../../memory/page-watches.ts';
import type { ShadowMemory } from './shadow-memory.ts';
import { WritableRam } from './writable-ram.ts';

const PAGE_SHIFT = 12;
const PAGE = 1 << PAGE_SHIFT;
const PAGE_WORDS = PAGE / 4;
/** Stores are noted by granules of 8 bytes. */
const GRANULE = 8;
const MARK_WORDS = PAGE / GRANULE / 32;

/** What takes descriptors that may have changed. */
export interface TableOwner {
  /** The descriptor that decides `span` bytes from `from` may have changed. */
  touched(from: number, span: number): void;
}

/** The descriptors of one table in one page, and what they decide. A page can have several, and one be a part of several trees. */
export interface TablePiece {
  readonly owner: TableOwner;
  /** Page of RAM, and byte in it of the first descriptor. */
  readonly page: number;
  readonly offset: number;
  /** Descriptors, and bytes of each. */
  readonly count: number;
  readonly bytes: number;
  /** First input address that the first decides, and bytes that each decides. */
  readonly from: number;
  readonly span: number;
  /** Tells apart pieces that decide the same. */
  readonly layer: number;
  /** The last pass over the tables that came by. */
  pass: number;
}

class TablePage {
  readonly page: number;
  readonly pieces = new Set<TablePiece>();
  /** A bit for each granule that was stored to. */
  readonly marks = new Int32Array(MARK_WORDS);
  isDirty = false;
  nextDirty: TablePage | undefined;
  /** What the page held when it was looked at last; only while a real device may write it. */
  copy: Int32Array | undefined;

  constructor(page: number) {
    this.page = page;
  }
}

/**
 * The pages of RAM that hold tables. A store to one is noted, without allocating anything; a page that a real device may write
 * without anybody being told is compared with what it held before.
 */
export class TablePages {
  private readonly memory: ShadowMemory;
  private readonly pages = new Map<number, TablePage>();
  private readonly exposed = new Set<TablePage>();
  private readonly writable: WritableRam;
  private firstDirty: TablePage | undefined;
  /** Descriptors that were handed out as touched, so far. */
  descriptors = 0;

  constructor(memory: ShadowMemory) {
    this.memory = memory;
    this.writable = new WritableRam(memory.ramSize);
    memory.watches.setWatcher(WatchKind.Table, (ramOffset, length) => this.written(ramOffset, length));
  }

  /** Pages with tables. */
  get size(): number {
    return this.pages.size;
  }

  get isDirty(): boolean {
    return this.firstDirty !== undefined;
  }

  add(piece: TablePiece): void {
    let page = this.pages.get(piece.page);
    if (page === undefined) {
      page = new TablePage(piece.page);
      this.pages.set(piece.page, page);
      this.memory.watches.arm(WatchKind.Table, piece.page);
      if (this.writable.has(piece.page)) {
        this.expose(page);
        // The device may have written between the walk and the copy.
        page.marks.fill(-1);
        this.putOnList(page);
      }
    }
    page.pieces.add(piece);
  }

  remove(piece: TablePiece): void {
    const page = this.pages.get(piece.page);
    if (page?.pieces.delete(piece) !== true || page.pieces.size > 0) return;
    this.pages.delete(piece.page);
    this.exposed.delete(page);
    this.memory.watches.disarm(WatchKind.Table, piece.page);
  }

  /** A real device is about to be able to write a piece of RAM. */
  willBeWritable(ramOffset: number, length: number): void {
    this.writable.count(ramOffset, length, 1, (number) => {
      const page = this.pages.get(number);
      if (page !== undefined && page.copy === undefined) this.expose(page);
    });
  }

  /** A mapping by which a real device could write a piece of RAM is gone. */
  notWritable(ramOffset: number, length: number): void {
    this.writable.count(ramOffset, length, -1, (number) => {
      const page = this.pages.get(number);
      if (page?.copy === undefined || this.writable.has(number)) return;
      this.compare(page, page.copy);
      page.copy = undefined;
      this.exposed.delete(page);
    });
  }

  /** Finds what real devices have written into tables. */
  compareExposed(): void {
    for (const page of this.exposed) if (page.copy !== undefined) this.compare(page, page.copy);
  }

  /** Tells the owners of all descriptors that were stored to since the last time. */
  takeDirty(): void {
    let page = this.firstDirty;
    this.firstDirty = undefined;
    const marks = new Int32Array(MARK_WORDS);
    while (page !== undefined) {
      const next = page.nextDirty;
      page.nextDirty = undefined;
      page.isDirty = false;
      marks.set(page.marks);
      page.marks.fill(0);
      this.handOut([...page.pieces], marks);
      page = next;
    }
  }

  private handOut(pieces: readonly TablePiece[], marks: Int32Array): void {
    for (let word = 0; word < MARK_WORDS; word++) {
      for (let bits = marks[word]; bits !== 0; bits &= bits - 1) {
        const at = (word * 32 + (31 - Math.clz32(bits & -bits))) * GRANULE;
        for (const { owner, offset, count, bytes, from, span } of pieces) {
          const first = Math.max(0, (at - offset) / bytes);
          const end = Math.min(count, (at + GRANULE - offset) / bytes);
          for (let i = first; i < end; i++) {
            this.descriptors++;
            owner.touched(from + i * span, span);
          }
        }
      }
    }
  }

  private written(ramOffset: number, length: number): void {
    const end = ramOffset + length;
    const last = (end - 1) >>> PAGE_SHIFT;
    for (let number = ramOffset >>> PAGE_SHIFT; number <= last; number++) {
      const page = this.pages.get(number);
      if (page === undefined) continue;
      const start = number * PAGE;
      const lastMark = (Math.min(end, start + PAGE) - 1 - start) >>> 3;
      for (let mark = (Math.max(ramOffset, start) - start) >>> 3; mark <= lastMark; mark++) {
        page.marks[mark >>> 5] |= 1 << (mark & 31);
      }
      this.putOnList(page);
    }
  }

  private putOnList(page: TablePage): void {
    if (page.isDirty) return;
    page.isDirty = true;
    page.nextDirty = this.firstDirty;
    this.firstDirty = page;
    this.memory.dirtyWord.set(true);
  }

  private expose(page: TablePage): void {
    const at = page.page * PAGE_WORDS;
    page.copy = this.memory.words.slice(at, at + PAGE_WORDS);
    this.exposed.add(page);
  }

  private compare(page: TablePage, copy: Int32Array): void {
    const { words } = this.memory;
    const at = page.page * PAGE_WORDS;
    let differs = false;
    for (let i = 0; i < PAGE_WORDS; i++) {
      const word = words[at + i];
      if (word === copy[i]) continue;
      copy[i] = word;
      page.marks[i >>> 6] |= 1 << ((i >>> 1) & 31);
      differs = true;
    }
    if (differs) this.putOnList(page);
  }
}
