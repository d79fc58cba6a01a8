import { type MachineMemory, MemoryLayout, TLB_ENTRY_WORDS } from '../memory/machine-memory.ts';
import type { PageWatches } from '../memory/page-watches.ts';
import { FilledEntries } from './filled-entries.ts';

const ARRAYS = MemoryLayout.tlbArrays;
const ENTRIES = MemoryLayout.tlbEntries;
const ARRAY_WORDS = ENTRIES * TLB_ENTRY_WORDS;
const BASE = MemoryLayout.tlb >>> 2;
const EMPTY = MemoryLayout.emptyTlb >>> 2;
const MEMOS = MemoryLayout.tlbMemos >>> 2;
const SECONDS = MemoryLayout.tlbSeconds >>> 2;
const MEMO_WORDS = MemoryLayout.tlbMemoCount * TLB_ENTRY_WORDS;

/** In a tag: the fast path must not take this entry. Generated code compares page and alignment bits, never this one. */
const SLOW = 0x800;

/** A tag that no address has. */
const NO_TAG = 0x400;

/** Flags in the fourth word of an entry, below the physical page. */
export const enum TlbFlag {
  Valid = 1,
  Readable = 2,
  Writable = 4,
  /** Device or Strongly-ordered memory: unaligned accesses fault (A3.2.1). */
  Device = 8,
  Ram = 16,
  /** Storage of a device: read as RAM is, written through the device. */
  Direct = 32,
  /** Of all address spaces (B3.10.1). */
  Global = 64,
}

/** Place of the domain in an entry's flags, where it is global. */
export const TLB_DOMAIN_SHIFT = 7;

/**
 * The entries of the first-level TLB arrays, in the machine's memory. An entry is four words: tag for reads, tag for writes, the addend that
 * makes a virtual address a byte offset in the machine's memory, and the physical page with {@link TlbFlag}. Which context an array is for
 * is the matter of TlbArrays.
 *
 * A page has one place by the low bits of its number, and two entries there: generated code looks at the first one, and what has slow paths
 * exchanges the two where the page is in the second one. A page is in one of them at most.
 */
export class TlbEntries {
  private readonly words: Int32Array;
  private readonly watches: PageWatches;
  private readonly ramBase: number;
  private readonly dirty = new Uint8Array(ARRAYS);
  /** Of each array: where it has what is global, and where the rest. */
  private readonly globals = new FilledEntries(ARRAYS, ENTRIES);
  private readonly own = new FilledEntries(ARRAYS, ENTRIES);
  /** Entries of devices' storage are somewhere. */
  private holdsDirect = false;
  /** For each array a bit per MiB of virtual addresses: pieces of a leaf larger than 4 KiB are in the array. */
  private readonly large = new Int32Array(ARRAYS * 128);
  /** For each page of RAM a bit per array that holds it writable. */
  private readonly writableIn: Int32Array;

  constructor(memory: MachineMemory, watches: PageWatches, ramBase: number) {
    this.words = memory.words;
    this.watches = watches;
    this.ramBase = ramBase;
    this.writableIn = new Int32Array(memory.ramBytes >>> 12);
    for (let e = EMPTY; e < EMPTY + ARRAY_WORDS; e += TLB_ENTRY_WORDS) this.dropBoth(e);
    this.emptyMemos(EMPTY);
    for (let a = 0; a < ARRAYS; a++) {
      this.emptyAll(this.base(a));
      this.emptyMemos(this.base(a));
    }
    watches.onArmed((page) => this.protect(page));
  }

  /** Word index of an array, for the fast path. */
  base(array: number): number {
    return BASE + array * ARRAY_WORDS;
  }

  /** Whether an array may have entries. */
  isUsed(array: number): boolean {
    return this.dirty[array] === 1;
  }

  /** Whether an array may have entries that are not global. */
  hasOwn(array: number): boolean {
    return this.own.count(array) > 0;
  }

  /** Whether an array has so many global entries that emptying it is better than to look at them. */
  hasManyGlobals(array: number): boolean {
    return this.globals.isMany(array);
  }

  /**
   * Where the fast path would read, or write, an aligned access of 4 or 8 bytes.
   * @returns a word index of the machine's memory, or -1 where it would not.
   */
  fastWord(array: number, va: number, size: number, write: boolean): number {
    const e = this.entry(array, va);
    const tag = this.words[write ? e + 1 : e];
    return tag === (va & (-4096 | (size - 1))) ? (va + this.words[e + 2]) >>> 2 : -1;
  }

  /** Flags and physical page of the entry for va, which is the first one of its place then, or 0. */
  lookup(array: number, va: number): number {
    const e = this.entry(array, va);
    if (!this.isOf(e, va)) {
      if (!this.isOf(e + SECONDS, va)) return 0;
      this.exchange(e);
    }
    return this.words[e + 3];
  }

  private isOf(e: number, va: number): boolean {
    const page = va & -4096;
    return (this.words[e] & ~SLOW) === page || (this.words[e + 1] & ~SLOW) === page;
  }

  private exchange(e: number): void {
    const w = this.words;
    for (let i = e; i < e + TLB_ENTRY_WORDS; i++) {
      const word = w[i];
      w[i] = w[i + SECONDS];
      w[i + SECONDS] = word;
    }
  }

  /** Makes the first entry of a place free for the page of `va`; another page's goes to the second one. */
  private makeRoom(e: number, va: number): void {
    const w = this.words;
    if (w[e + 3] !== 0 && !this.isOf(e, va)) w.copyWithin(e + SECONDS, e, e + TLB_ENTRY_WORDS);
    else if (this.isOf(e + SECONDS, va)) this.drop(e + SECONDS);
  }

  /**
   * @param physicalPage physical address of the page, bits 31:12.
   * @param leafBits log2 of the leaf that the page is a piece of.
   * @param directOffset for {@link TlbFlag.Direct}: where in the machine's memory the page is.
   */
  fill(
    array: number,
    va: number,
    physicalPage: number,
    flags: number,
    leafBits: number,
    directOffset = 0,
  ): void {
    const e = this.entry(array, va);
    const page = va & -4096;
    const w = this.words;
    const ram = (flags & TlbFlag.Ram) !== 0;
    const direct = (flags & TlbFlag.Direct) !== 0;
    this.noteKind(array, va, w[e + 3], flags);
    this.makeRoom(e, va);
    const ramPage = (physicalPage - this.ramBase) >>> 12;
    const slow = page | SLOW;
    w[e] = (flags & TlbFlag.Readable) === 0 ? NO_TAG : ram || direct ? page : slow;
    if (direct) this.holdsDirect = true;
    const writable = (flags & TlbFlag.Writable) !== 0;
    let writeTag = writable ? slow : NO_TAG;
    if (writable && ram && !this.watches.isWatched(ramPage)) {
      writeTag = page;
      this.writableIn[ramPage] |= 1 << array;
    }
    w[e + 1] = writeTag;
    // An entry that is neither readable nor writable is found again only by its flags; see lookup.
    w[e + 2] = (direct ? directOffset : MemoryLayout.ram + (physicalPage - this.ramBase)) - page;
    w[e + 3] = physicalPage | flags | TlbFlag.Valid;
    this.dirty[array] = 1;
    if (leafBits > 12) this.markLarge(array, va, leafBits);
  }

  /** @param before flags of the entry that is filled; 0 where it was empty */
  private noteKind(array: number, va: number, before: number, flags: number): void {
    const isGlobal = (flags & TlbFlag.Global) !== 0;
    if (before !== 0 && isGlobal === ((before & TlbFlag.Global) !== 0)) return;
    if (isGlobal) this.globals.note(array, placeOf(va));
    else this.own.note(array, placeOf(va));
  }

  /** Copies global entries to an empty array. @param differing bits of the DACR in which the contexts differ */
  copyGlobals(to: number, from: number, differing: number): void {
    const places = this.globals.places(from);
    const count = this.globals.count(from);
    for (let i = 0; i < count; i++) {
      this.copyGlobal(to, from, places[i], 0, differing);
      this.copyGlobal(to, from, places[i], SECONDS, differing);
    }
    this.large.copyWithin(to * 128, from * 128, from * 128 + 128);
    this.dirty[to] = 1;
  }

  private copyGlobal(to: number, from: number, place: number, way: number, differing: number): void {
    const w = this.words;
    const source = this.base(from) + place * TLB_ENTRY_WORDS + way;
    const flags = w[source + 3];
    const domain = (flags >>> TLB_DOMAIN_SHIFT) & 15;
    if ((flags & TlbFlag.Global) === 0 || ((differing >>> (2 * domain)) & 3) !== 0) return;
    const e = this.base(to) + place * TLB_ENTRY_WORDS + way;
    w[e] = w[source];
    w[e + 1] = w[source + 1];
    w[e + 2] = w[source + 2];
    w[e + 3] = flags;
    this.globals.note(to, place);
    if ((flags & TlbFlag.Ram) !== 0) this.writableIn[((flags & -4096) - this.ramBase) >>> 12] |= 1 << to;
  }

  /** Drops the page of `va`; the whole array where it has a piece of a larger leaf in that MiB. */
  dropPage(array: number, va: number): void {
    if (((this.large[array * 128 + (va >>> 25)] >>> ((va >>> 20) & 31)) & 1) !== 0) {
      // Large leaves are rare enough to cost their neighbours their entries too.
      this.clear(array);
      return;
    }
    const e = this.entry(array, va);
    this.forgetMemos(array);
    if (this.isOf(e, va)) this.drop(e);
    if (this.isOf(e + SECONDS, va)) this.drop(e + SECONDS);
  }

  /** Drops every entry of devices' storage: from now on their reads come to the device, or no longer do. */
  dropDirect(): void {
    if (!this.holdsDirect) return;
    this.holdsDirect = false;
    for (let a = 0; a < ARRAYS; a++) {
      if (this.dirty[a] === 0) continue;
      const from = this.base(a);
      this.forgetMemos(a);
      for (let e = from; e < from + ARRAY_WORDS; e += TLB_ENTRY_WORDS) {
        for (const way of [e, e + SECONDS]) if ((this.words[way + 3] & TlbFlag.Direct) !== 0) this.drop(way);
      }
    }
  }

  /** Every MiB that a leaf has a part in. */
  private markLarge(array: number, va: number, leafBits: number): void {
    const mib = va >>> 20;
    if (leafBits <= 20) {
      this.large[array * 128 + (mib >>> 5)] |= 1 << (mib & 31);
    } else if (leafBits <= 24) {
      const count = 1 << (leafBits - 20);
      this.large[array * 128 + (mib >>> 5)] |= ((1 << count) - 1) << (mib & 31 & -count);
    } else {
      const from = array * 128 + (va >>> leafBits) * (1 << (leafBits - 25));
      this.large.fill(-1, from, from + (1 << (leafBits - 25)));
    }
  }

  private entry(array: number, va: number): number {
    return BASE + array * ARRAY_WORDS + placeOf(va) * TLB_ENTRY_WORDS;
  }

  private drop(e: number): void {
    this.words[e] = NO_TAG;
    this.words[e + 1] = NO_TAG;
    this.words[e + 3] = 0;
  }

  private dropBoth(e: number): void {
    this.drop(e);
    this.drop(e + SECONDS);
  }

  private emptyAll(base: number): void {
    this.words.copyWithin(base, EMPTY, EMPTY + ARRAY_WORDS);
    this.words.copyWithin(base + SECONDS, EMPTY, EMPTY + ARRAY_WORDS);
  }

  private forgetMemos(array: number): void {
    const base = this.base(array);
    if (this.words[base + MEMOS] !== 0) this.emptyMemos(base);
  }

  private emptyMemos(base: number): void {
    const first = base + MEMOS + TLB_ENTRY_WORDS;
    this.words.fill(NO_TAG, first, first + MEMO_WORDS);
    this.words[base + MEMOS] = 0;
  }

  clear(array: number): void {
    if (this.dirty[array] === 0) return;
    const base = this.base(array);
    if (this.globals.isMany(array) || this.own.isMany(array)) {
      this.emptyAll(base);
    } else {
      this.dropAll(base, this.globals.places(array), this.globals.count(array));
      this.dropAll(base, this.own.places(array), this.own.count(array));
    }
    this.globals.forget(array);
    this.own.forget(array);
    this.forgetMemos(array);
    this.large.fill(0, array * 128, array * 128 + 128);
    this.dirty[array] = 0;
  }

  private dropAll(base: number, places: Uint16Array, count: number): void {
    for (let i = 0; i < count; i++) this.dropBoth(base + places[i] * TLB_ENTRY_WORDS);
  }

  /** Drops all entries of an array but the global ones. */
  keepGlobal(array: number): void {
    const count = this.own.count(array);
    if (count === 0) return;
    const places = this.own.places(array);
    const base = this.base(array);
    for (let i = 0; i < count; i++) {
      const e = base + places[i] * TLB_ENTRY_WORDS;
      if ((this.words[e + 3] & TlbFlag.Global) === 0) this.drop(e);
      if ((this.words[e + SECONDS + 3] & TlbFlag.Global) === 0) this.drop(e + SECONDS);
    }
    this.own.forget(array);
    this.forgetMemos(array);
  }

  /** A page is watched from now on: no array may store to it without the slow path. */
  private protect(page: number): void {
    const arrays = this.writableIn[page];
    if (arrays === 0) return;
    this.writableIn[page] = 0;
    const physicalPage = (this.ramBase + page * 4096) | 0;
    for (let a = 0; a < ARRAYS; a++) {
      if (((arrays >>> a) & 1) === 0) continue;
      const from = this.base(a);
      this.forgetMemos(a);
      this.protectAll(from, this.globals.places(a), this.globals.count(a), physicalPage);
      this.protectAll(from, this.own.places(a), this.own.count(a), physicalPage);
    }
  }

  private protectAll(from: number, places: Uint16Array, count: number, physicalPage: number): void {
    for (let i = 0; i < count; i++) {
      const e = from + places[i] * TLB_ENTRY_WORDS;
      this.protectEntry(e, physicalPage);
      this.protectEntry(e + SECONDS, physicalPage);
    }
  }

  private protectEntry(e: number, physicalPage: number): void {
    const flags = this.words[e + 3];
    if ((flags & TlbFlag.Ram) !== 0 && (flags & -4096) === physicalPage && this.words[e + 1] !== NO_TAG) {
      this.words[e + 1] |= SLOW;
    }
  }
}

function placeOf(va: number): number {
  return (va >>> 12) & (ENTRIES - 1);
}
