import { type MachineMemory, MemoryLayout, TLB_ENTRY_WORDS } from '../memory/machine-memory.ts';
import type { PageWatches } from '../memory/page-watches.ts';
import { MainTlb } from './main-tlb.ts';
import { PageSet } from './page-set.ts';
import { SharedCode } from './shared-code.ts';

const ARRAYS = MemoryLayout.tlbArrays;
const ENTRIES = MemoryLayout.tlbEntries;
const ARRAY_WORDS = ENTRIES * TLB_ENTRY_WORDS;
const BASE = MemoryLayout.tlb >>> 2;
const EMPTY = MemoryLayout.emptyTlb >>> 2;
const KEY_WORDS = 12;
const MEMOS = MemoryLayout.tlbMemos >>> 2;
const MEMO_WORDS = MemoryLayout.tlbMemoCount * TLB_ENTRY_WORDS;

/** In a tag: the fast path must not take this entry. Generated code compares page and alignment bits, never this one. */
const SLOW = 0x800;
/** So many entries of an array are remembered, to be dropped one by one when all of it is: a short program has no more. */
const FILLED = 128;

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
}

/** What knows code by virtual address: the jump cache. */
export interface CodeByAddress {
  /** Forgets code that has a byte in the page of `va`. */
  forgetPage(va: number): void;
  forgetAll(): void;
  /** Contexts have other numbers than before: what goes by the old ones is void. */
  renumbered(): void;
}

/** Owners' numbers have two bits less than a word: the jump cache adds flags. */
const MAX_OWNER = 2 ** 29 - 1;

/** Arrays are looked for at the top bits of their keys' hash first. */
const GUESSES = 64;
const GUESS_SHIFT = 26;

/**
 * First-level TLB arrays in the machine's memory. Each belongs to one interned translation context; changing the
 * context is a change of pointer. An entry is four words: tag for reads, tag for writes, the addend that makes a
 * virtual address a byte offset in the machine's memory, and the physical page with {@link TlbFlag}.
 * All are refilled from the one {@link MainTlb}, and maintenance here is maintenance of both levels.
 */
export class TlbArrays {
  readonly main = new MainTlb();
  /** Where code was fetched from that may be remembered. */
  private readonly fetched = new PageSet();
  private readonly words: Int32Array;
  private readonly watches: PageWatches;
  private readonly ramBase: number;
  private readonly keys = new Int32Array(ARRAYS * KEY_WORDS);
  private readonly inUse = new Uint8Array(ARRAYS);
  private readonly dirty = new Uint8Array(ARRAYS);
  /** For each array, which entries were filled since it was empty, and how many: more than {@link FILLED} count as one more. */
  private readonly filled = new Uint16Array(ARRAYS * FILLED);
  private readonly fills = new Uint8Array(ARRAYS);
  private readonly lastUse = new Float64Array(ARRAYS);
  private useCounter = 0;
  private readonly owners = new Int32Array(ARRAYS);
  private lastOwner = 0;
  private readonly sharers: SharedCode[] = new Array<SharedCode>(ARRAYS).fill(new SharedCode(1));
  private lastSharer = 1;
  /** Entries of devices' storage are somewhere. */
  private holdsDirect = false;
  /** For each array a bit per MiB of virtual addresses: pieces of a leaf larger than 4 KiB are in the array. */
  private readonly large = new Int32Array(ARRAYS * 128);
  /** For each page of RAM a bit per array that holds it writable. */
  private readonly writableIn: Int32Array;
  private readonly guesses = new Uint8Array(GUESSES);
  private code: CodeByAddress | undefined;
  /** Data accesses whose page no array knew, for measurements. */
  misses = 0;

  constructor(memory: MachineMemory, watches: PageWatches, ramBase: number) {
    this.words = memory.words;
    this.watches = watches;
    this.ramBase = ramBase;
    this.writableIn = new Int32Array(memory.ramBytes >>> 12);
    for (let e = EMPTY; e < EMPTY + ARRAY_WORDS; e += TLB_ENTRY_WORDS) this.drop(e);
    for (let a = 0; a < ARRAYS; a++) this.clear(a, true);
    this.emptyMemos(EMPTY);
    for (let a = 0; a < ARRAYS; a++) this.emptyMemos(this.base(a));
    watches.onArmed((page) => this.protect(page));
  }

  /** Word index of an array, for the fast path. */
  base(array: number): number {
    return BASE + array * ARRAY_WORDS;
  }

  /** @param code is told what of it is void because mappings change. */
  connect(code: CodeByAddress): void {
    this.code = code;
  }

  /** The number of the context that an array belongs to now; another context never gets it again. */
  owner(array: number): number {
    return this.owners[array];
  }

  /** All that a context has in common with those of other address spaces: fetches of it are translated alike in all of them. */
  shared(array: number): SharedCode {
    return this.sharers[array];
  }

  /**
   * The array of the context with this key (KEY_WORDS numbers); the least recently used one is taken over.
   * @param hash a number that few other keys share.
   */
  select(key: Int32Array, hash: number): number {
    const place = hash >>> GUESS_SHIFT;
    const guess = this.guesses[place];
    const array = this.inUse[guess] === 1 && this.matches(guess, key) ? guess : this.search(key);
    this.guesses[place] = array;
    this.lastUse[array] = ++this.useCounter;
    return array;
  }

  private search(key: Int32Array): number {
    let victim = 0;
    for (let a = 0; a < ARRAYS; a++) {
      if (this.inUse[a] === 1 && this.matches(a, key)) return a;
      if (
        this.inUse[a] < this.inUse[victim] ||
        (this.inUse[a] === this.inUse[victim] && this.lastUse[a] < this.lastUse[victim])
      ) {
        victim = a;
      }
    }
    this.clear(victim, false);
    this.inUse[victim] = 1;
    this.owners[victim] = this.nextOwner();
    this.keys.set(key, victim * KEY_WORDS);
    this.sharers[victim] = this.sharerOf(victim) ?? new SharedCode(this.nextSharer());
    return victim;
  }

  /** What another array has whose context differs in the address space and in what other domains may do only. */
  private sharerOf(array: number): SharedCode | undefined {
    const key = array * KEY_WORDS;
    for (let a = 0; a < ARRAYS; a++) {
      if (a === array || this.inUse[a] === 0) continue;
      const other = a * KEY_WORDS;
      const differs = SHARED_KEY.some((i) => this.keys[key + i] !== this.keys[other + i]);
      if (!differs && ((this.keys[key + KEY_DACR] ^ this.keys[other + KEY_DACR]) & 3) === 0)
        return this.sharers[a];
    }
    return undefined;
  }

  private nextOwner(): number {
    if (this.lastOwner === MAX_OWNER) this.renumber();
    return ++this.lastOwner;
  }

  private nextSharer(): number {
    if (this.lastSharer === MAX_OWNER) this.renumber();
    return ++this.lastSharer;
  }

  /** Numbers start anew; what is known by the old ones must go. */
  private renumber(): void {
    this.fetched.clear();
    this.code?.forgetAll();
    for (let a = 0; a < ARRAYS; a++) this.owners[a] = a;
    this.lastOwner = ARRAYS - 1;
    this.lastSharer = 0;
    for (const shared of new Set(this.sharers)) shared.renew(++this.lastSharer);
  }

  /** What is known of code in the contexts of CPU `cpu`, or of all, is void, but perhaps not what they share. */
  private doubtCode(cpu: number): void {
    for (let a = 0; a < ARRAYS; a++) {
      if (this.inUse[a] === 0 || !this.belongsTo(a, cpu)) continue;
      this.owners[a] = this.nextOwner();
      this.sharers[a].doubtful = true;
    }
    if (cpu < 0) this.fetched.clear();
    this.code?.renumbered();
  }

  /** What contexts share is void as well. */
  voidShared(shared: SharedCode): void {
    shared.renew(this.nextSharer());
    this.code?.renumbered();
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

  /** Flags and physical page of the entry for va, or 0. */
  lookup(array: number, va: number): number {
    const e = this.entry(array, va);
    if ((this.words[e] & ~SLOW) === (va & -4096) || (this.words[e + 1] & ~SLOW) === (va & -4096))
      return this.words[e + 3];
    return 0;
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
    if (w[e + 3] === 0) this.noteFilled(array, e);
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
    this.main.known.note(va, leafBits);
    if (leafBits > 12) this.markLarge(array, va, leafBits);
  }

  /** Drops everything of every context of CPU `cpu` (the last word of a key); -1 for all CPUs. */
  invalidateAll(cpu: number): void {
    this.main.invalidateAll(cpu);
    for (let a = 0; a < ARRAYS; a++) if (this.belongsTo(a, cpu)) this.clear(a, false);
    this.doubtCode(cpu);
    if (cpu < 0) this.main.known.clear();
  }

  /** Drops what is not global of an ASID; first-level arrays lose the rest, too, and get it back from the second level. */
  invalidateAsid(asid: number, cpu: number): void {
    this.main.invalidateAsid(asid, cpu);
    for (let a = 0; a < ARRAYS; a++) {
      if (this.inUse[a] === 0 || !this.belongsTo(a, cpu) || this.keys[a * KEY_WORDS + KEY_ASID] !== asid)
        continue;
      this.clear(a, false);
      this.owners[a] = this.nextOwner();
    }
    this.code?.renumbered();
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
        if ((this.words[e + 3] & TlbFlag.Direct) !== 0) this.drop(e);
      }
    }
  }

  /** Drops the page of `va`, and every piece of a larger leaf around it, of every ASID. */
  invalidatePage(va: number, cpu: number): void {
    const { known } = this.main;
    if (!known.hasPage(va) && !known.hasLarge(va)) return;
    if (cpu < 0) known.dropPage(va);
    this.main.invalidateAddress(va, cpu);
    for (let a = 0; a < ARRAYS; a++) {
      if (this.dirty[a] === 0 || !this.belongsTo(a, cpu)) continue;
      if (((this.large[a * 128 + (va >>> 25)] >>> ((va >>> 20) & 31)) & 1) !== 0) {
        // Large leaves are rare enough to cost their neighbours their entries too.
        this.clear(a, false);
        continue;
      }
      const e = this.entry(a, va);
      const page = va & -4096;
      this.forgetMemos(a);
      if ((this.words[e] & ~SLOW) === page || (this.words[e + 1] & ~SLOW) === page) this.drop(e);
    }
    if (this.fetched.hasLarge(va)) this.doubtCode(-1);
    else if (this.fetched.hasPage(va)) this.code?.forgetPage(va);
  }

  /** Code was fetched at `va`, and may be remembered by its address. @param leafBits log2 of the leaf around it */
  noteFetch(va: number, leafBits: number): void {
    this.fetched.note(va, leafBits);
    this.main.known.note(va, leafBits);
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

  private belongsTo(array: number, cpu: number): boolean {
    return cpu < 0 || this.keys[array * KEY_WORDS + KEY_WORDS - 1] === cpu;
  }

  private matches(array: number, key: Int32Array): boolean {
    const at = array * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) if (this.keys[at + i] !== key[i]) return false;
    return true;
  }

  private entry(array: number, va: number): number {
    return BASE + array * ARRAY_WORDS + ((va >>> 12) & (ENTRIES - 1)) * TLB_ENTRY_WORDS;
  }

  private noteFilled(array: number, e: number): void {
    const n = this.fills[array];
    if (n < FILLED) this.filled[array * FILLED + n] = (e - this.base(array)) / TLB_ENTRY_WORDS;
    if (n <= FILLED) this.fills[array] = n + 1;
  }

  private drop(e: number): void {
    this.words[e] = NO_TAG;
    this.words[e + 1] = NO_TAG;
    this.words[e + 3] = 0;
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

  private clear(array: number, always: boolean): void {
    if (!always && this.dirty[array] === 0) return;
    const base = this.base(array);
    const n = this.fills[array];
    if (always || n > FILLED) this.words.copyWithin(base, EMPTY, EMPTY + ARRAY_WORDS);
    else for (let i = 0; i < n; i++) this.drop(base + this.filled[array * FILLED + i] * TLB_ENTRY_WORDS);
    this.fills[array] = 0;
    this.forgetMemos(array);
    this.large.fill(0, array * 128, array * 128 + 128);
    this.dirty[array] = 0;
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
      const n = this.fills[a];
      if (n <= FILLED) {
        const first = a * FILLED;
        for (let i = first; i < first + n; i++) {
          this.protectEntry(from + this.filled[i] * TLB_ENTRY_WORDS, physicalPage);
        }
        continue;
      }
      for (let e = from; e < from + ARRAY_WORDS; e += TLB_ENTRY_WORDS) this.protectEntry(e, physicalPage);
    }
  }

  private protectEntry(e: number, physicalPage: number): void {
    const flags = this.words[e + 3];
    if ((flags & TlbFlag.Ram) !== 0 && (flags & -4096) === physicalPage && this.words[e + 1] !== NO_TAG) {
      this.words[e + 1] |= SLOW;
    }
  }
}

export const TLB_KEY_WORDS = KEY_WORDS;
/** Place of the ASID in a key. */
export const KEY_ASID = 3;
const KEY_DACR = 4;
/** Of a key: TTBCR, SCTLR, privilege, CPU. Not the tables, the ASID, and the memory types, which don't matter for fetches. */
const SHARED_KEY = [2, 5, 8, KEY_WORDS - 1];
