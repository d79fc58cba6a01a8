import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import type { PageWatches } from '../memory/page-watches.ts';
import { MainTlb, type Rewalk } from './main-tlb.ts';
import { PageSet } from './page-set.ts';
import { SharedCode } from './shared-code.ts';
import { TlbEntries } from './tlb-entries.ts';

const ARRAYS = MemoryLayout.tlbArrays;
const KEY_WORDS = 12;

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
 * context is a change of pointer. All are refilled from the one {@link MainTlb}, and maintenance here is maintenance of both levels.
 */
export class TlbArrays {
  readonly main: MainTlb;
  /** Where code was fetched from that may be remembered. */
  private readonly fetched = new PageSet();
  private readonly entries: TlbEntries;
  private readonly keys = new Int32Array(ARRAYS * KEY_WORDS);
  private readonly inUse = new Uint8Array(ARRAYS);
  private readonly lastUse = new Float64Array(ARRAYS);
  private useCounter = 0;
  /** The counter when everything was invalidated last: contexts that were not used since then give their arrays up when it is again. */
  private lastKeeping = 0;
  /** For each CPU whether global entries have outlived an invalidation of everything, and its tables and ASID are those of then. */
  private readonly keptSince: boolean[] = [];
  /** For each CPU the array of its present context. */
  private readonly current: number[] = [];
  private readonly owners = new Int32Array(ARRAYS);
  private lastOwner = 0;
  private readonly sharers: SharedCode[] = new Array<SharedCode>(ARRAYS).fill(new SharedCode(1));
  private lastSharer = 1;
  private readonly guesses = new Uint8Array(GUESSES);
  private code: CodeByAddress | undefined;
  private readonly rewalks: Rewalk[] = [];
  /** Data accesses whose page no array knew, for measurements. */
  misses = 0;

  constructor(memory: MachineMemory, watches: PageWatches, ramBase: number) {
    this.main = new MainTlb(PageSet.inMemory(memory));
    this.entries = new TlbEntries(memory, watches, ramBase);
  }

  /** Word index of an array, for the fast path. */
  base(array: number): number {
    return this.entries.base(array);
  }

  /** @param code is told what of it is void because mappings change. */
  connect(code: CodeByAddress): void {
    this.code = code;
  }

  /** @param rewalk what CPU `cpu` finds in its present tables */
  connectCpu(cpu: number, rewalk: Rewalk): void {
    this.rewalks[cpu] = rewalk;
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
    this.current[key[KEY_CPU]] = array;
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
    const kept = this.inUse[victim] === 1 ? this.ofGlobals(key) : -1;
    const array = kept < 0 ? victim : kept;
    if (kept < 0) this.entries.clear(array);
    this.inUse[array] = 1;
    this.owners[array] = this.nextOwner();
    this.keys.set(key, array * KEY_WORDS);
    if (kept < 0) this.inherit(array);
    this.sharers[array] = this.sharerOf(array) ?? new SharedCode(this.nextSharer());
    return array;
  }

  /**
   * The least recently used array of a context that differs in the address space only, and has nothing but what is global: it need not be
   * emptied. Kernels that keep themselves from user memory have one for each process. -1 where there is none.
   */
  private ofGlobals(key: Int32Array): number {
    let found = -1;
    for (let a = 0; a < ARRAYS; a++) {
      if (!this.entries.isUsed(a) || this.entries.hasOwn(a)) continue;
      if (found >= 0 && this.lastUse[a] > this.lastUse[found]) continue;
      const at = a * KEY_WORDS;
      if (this.keys[at + KEY_DACR] !== key[KEY_DACR]) continue;
      if (!GLOBAL_KEY.some((i) => this.keys[at + i] !== key[i])) found = a;
    }
    return found;
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

  /**
   * What is global in one address space is so in all: the array begins with what the one has that was used last among those whose
   * contexts differ in the address space and the domains only.
   */
  private inherit(array: number): void {
    const key = array * KEY_WORDS;
    let source = -1;
    for (let a = 0; a < ARRAYS; a++) {
      if (a === array || !this.entries.isUsed(a) || this.entries.hasManyGlobals(a)) continue;
      if (source >= 0 && this.lastUse[a] < this.lastUse[source]) continue;
      const other = a * KEY_WORDS;
      if (!GLOBAL_KEY.some((i) => this.keys[key + i] !== this.keys[other + i])) source = a;
    }
    if (source < 0) return;
    const domains = this.keys[key + KEY_DACR] ^ this.keys[source * KEY_WORDS + KEY_DACR];
    this.entries.copyGlobals(array, source, domains);
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

  /** See {@link TlbEntries.fastWord}. */
  fastWord(array: number, va: number, size: number, write: boolean): number {
    return this.entries.fastWord(array, va, size, write);
  }

  /** Flags and physical page of the entry for va, or 0. */
  lookup(array: number, va: number): number {
    return this.entries.lookup(array, va);
  }

  /** See {@link TlbEntries.fill}. */
  fill(
    array: number,
    va: number,
    physicalPage: number,
    flags: number,
    leafBits: number,
    directOffset = 0,
  ): void {
    this.entries.fill(array, va, physicalPage, flags, leafBits, directOffset);
    this.main.known.note(va, leafBits);
  }

  /**
   * Drops everything of every context of CPU `cpu` (the last word of a key); -1 for all CPUs. A TLB may walk again at once, whether
   * anybody asks for the address or not (B3.10.1): so what is global stays where all of it is as the tables of now have it.
   */
  invalidateAll(cpu: number): void {
    if (cpu < 0) this.main.known.clear();
    const kept = this.main.invalidateUnlessSame(cpu, this.rewalks);
    for (let a = 0; a < ARRAYS; a++) {
      if (this.inUse[a] === 0 || !this.belongsTo(a, cpu)) continue;
      const isCurrent = this.current[this.keys[a * KEY_WORDS + KEY_CPU]] === a;
      const isUsed = isCurrent || !this.entries.hasOwn(a) || this.lastUse[a] > this.lastKeeping;
      if (kept && isUsed && !this.entries.hasManyGlobals(a)) {
        this.entries.keepGlobal(a);
      } else {
        this.entries.clear(a);
        if (!isCurrent) this.inUse[a] = 0;
      }
    }
    this.lastKeeping = this.useCounter;
    for (let c = 0; c < this.rewalks.length; c++) if (cpu < 0 || c === cpu) this.keptSince[c] = kept;
    this.doubtCode(cpu);
  }

  /**
   * Other registers say now how CPU `cpu` walks. Who has no ASIDs may invalidate everything before the table is another one, rather than after
   * that; what was kept then must be in the new table, too.
   */
  addressSpaceChanged(cpu: number, sameAsid: boolean): void {
    if (this.keptSince[cpu] !== true) return;
    if (sameAsid) this.invalidateAll(cpu);
    this.keptSince[cpu] = false;
  }

  /** The same, whatever the tables of now have. */
  reset(cpu: number): void {
    if (cpu < 0) this.main.known.clear();
    this.main.invalidateAll(cpu);
    for (let a = 0; a < ARRAYS; a++) if (this.belongsTo(a, cpu)) this.entries.clear(a);
    this.doubtCode(cpu);
  }

  /** Drops what is not global of an ASID. */
  invalidateAsid(asid: number, cpu: number): void {
    this.main.invalidateAsid(asid, cpu);
    for (let a = 0; a < ARRAYS; a++) {
      if (this.inUse[a] === 0 || !this.belongsTo(a, cpu) || this.keys[a * KEY_WORDS + KEY_ASID] !== asid)
        continue;
      this.entries.keepGlobal(a);
      this.owners[a] = this.nextOwner();
    }
    this.code?.renumbered();
  }

  /** Drops every entry of devices' storage: from now on their reads come to the device, or no longer do. */
  dropDirect(): void {
    this.entries.dropDirect();
  }

  /** Drops the page of `va`, and every piece of a larger leaf around it, of every ASID. */
  invalidatePage(va: number, cpu: number): void {
    const { known } = this.main;
    if (!known.hasPage(va) && !known.hasLarge(va)) return;
    if (cpu < 0) known.dropPage(va);
    this.main.invalidateAddress(va, cpu);
    for (let a = 0; a < ARRAYS; a++) {
      if (this.entries.isUsed(a) && this.belongsTo(a, cpu)) this.entries.dropPage(a, va);
    }
    if (this.fetched.hasLarge(va)) this.doubtCode(-1);
    else if (this.fetched.hasPage(va)) this.code?.forgetPage(va);
  }

  /** Code was fetched at `va`, and may be remembered by its address. @param leafBits log2 of the leaf around it */
  noteFetch(va: number, leafBits: number): void {
    this.fetched.note(va, leafBits);
    this.main.known.note(va, leafBits);
  }

  private belongsTo(array: number, cpu: number): boolean {
    return cpu < 0 || this.keys[array * KEY_WORDS + KEY_CPU] === cpu;
  }

  private matches(array: number, key: Int32Array): boolean {
    const at = array * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) if (this.keys[at + i] !== key[i]) return false;
    return true;
  }
}

export const TLB_KEY_WORDS = KEY_WORDS;
/** Place of the ASID in a key. */
export const KEY_ASID = 3;
const KEY_DACR = 4;
const KEY_CPU = KEY_WORDS - 1;
/** Of a key: TTBCR, SCTLR, privilege, CPU. Not the tables, the ASID, and the memory types, which don't matter for fetches. */
const SHARED_KEY = [2, 5, 8, KEY_CPU];
/** Of a key: all but TTBR0, ASID and domains. */
const GLOBAL_KEY = [1, 2, 5, 6, 7, 8, 10, KEY_CPU];
