import type { WalkResult } from '../vmsa/walk.ts';
import { PageSet } from './page-set.ts';

const SETS = 1024;
const WAYS = 8;

/** Leaves that walks find, as log2 of their sizes, smallest first. A tag has the place in this list. */
const LEAF_BITS = [12, 16, 20, 21, 24, 30] as const;
/**
 * What one entry translates of such a leaf, as log2. Large pages and supersections have 16 descriptors, which should be
 * the same (B3.5.1); where they are not, each counts for its own part.
 */
const PIECE_BITS = [12, 12, 20, 21, 20, 30] as const;
const LEAF_NUMBER = new Map<number, number>(LEAF_BITS.map((bits, i) => [bits, i]));

/** A tag: the leaf's virtual address, its size, its regime, its CPU, and that it is there, below the 4 KiB. */
const VALID = 1;
const CPU_SHIFT = 1;
const CPU_BITS = 0xf << CPU_SHIFT;
const REGIME_SHIFT = 5;
const REGIMES = 16;
const REGIME_BITS = (REGIMES - 1) << REGIME_SHIFT;
const LEAF_SHIFT = 9;
const SIZE_BITS = 7 << LEAF_SHIFT;

const GLOBAL = -1;
/** So many global entries may outlive the invalidation of everything. */
const MOST_GLOBAL = 256;
/** So many entries are remembered as filled; with more, all are emptied. */
const MOST_FILLED = 1024;

/** What a CPU finds for `va` in its tables of now; undefined where it finds nothing, or is in another regime. */
export type Rewalk = (va: number, regime: number) => WalkResult | undefined;

/** Fields of what an entry knows of its leaf beside the address. */
const enum Shift {
  Domain = 0,
  Attributes = 4,
  Shareability = 9,
  Level = 11,
  Rights = 13,
  HighAddress = 19,
}

/**
 * The second level of translation lookaside buffers: what walks have found, for all CPUs of a machine. The first level
 * ({@link TlbArrays}) has a small array for each context and is refilled from here: a leaf is walked once, however
 * many contexts (domain settings, privileges, address spaces for a global one) come to need it.
 *
 * An entry belongs to a CPU and a regime (what, beside the tables, a walk's result depends on). One that is not global
 * belongs to an ASID, and to the table that it was found by: more than ARM DDI 0406C B3.10 asks for, and kind to
 * guests that change TTBR0 without a change of ASID.
 */
export class MainTlb {
  private readonly tags = new Int32Array(SETS * WAYS);
  private readonly asids = new Int32Array(SETS * WAYS);
  private readonly tables = new Int32Array(SETS * WAYS);
  private readonly pages = new Int32Array(SETS * WAYS);
  private readonly fields = new Int32Array(SETS * WAYS);
  private readonly nextWay = new Uint8Array(SETS);
  /** For each leaf size, how often it was put in since all were dropped: lookups skip sizes that are not there. */
  private readonly sizesPresent = new Uint8Array(LEAF_BITS.length);
  private readonly regimes: { readonly ttbcr: number; readonly control: number }[] = [];
  /** Where entries may be, so that to drop them all is not to look at all places. */
  private readonly filled = new Uint16Array(MOST_FILLED);
  private filledCount = 0;
  private empty = true;
  /** Entries that were put in as global ones; perhaps they are gone. */
  private readonly globals = new Int32Array(MOST_GLOBAL);
  private readonly keptTags = new Int32Array(MOST_GLOBAL);
  private globalCount = 0;
  private readonly isListed = new Uint8Array(SETS * WAYS);
  /** A bit for each CPU of which a global entry is not in that list, or not here any more, although first levels may have it. */
  private unlisted = 0;
  /**
   * Every page that this, the first level, or what remembers code by its address may know something of: what is not here
   * needs no maintenance.
   */
  readonly known: PageSet;
  /** Walks that had to be made, for measurements. */
  walks = 0;
  /** Lookups that found nothing; the walk after one may fault. */
  misses = 0;

  constructor(known = new PageSet()) {
    this.known = known;
  }

  /**
   * The number of the regime with these registers; forgets everything when there are too many.
   * @param control bits of SCTLR that walks look at.
   */
  regime(ttbcr: number, control: number): number {
    for (let i = 0; i < this.regimes.length; i++) {
      if (this.regimes[i].ttbcr === ttbcr && this.regimes[i].control === control) return i;
    }
    if (this.regimes.length === REGIMES) {
      this.regimes.length = 0;
      this.invalidateAll(-1);
      this.unlisted = -1;
    }
    this.regimes.push({ ttbcr, control });
    return this.regimes.length - 1;
  }

  /** Fills `result` for `va` by an entry. @returns false where there is none. */
  lookup(va: number, cpu: number, regime: number, asid: number, table: number, result: WalkResult): boolean {
    for (let size = 0; size < LEAF_BITS.length; size++) {
      if (this.sizesPresent[size] === 0) continue;
      const tag = tagOf(va, size, cpu, regime);
      const from = setOf(va, size);
      for (let e = from; e < from + WAYS; e++) {
        if (this.tags[e] !== tag) continue;
        const owner = this.asids[e];
        if (owner !== GLOBAL && (owner !== asid || this.tables[e] !== table)) continue;
        this.read(e, va, size, owner === GLOBAL, result);
        return true;
      }
    }
    this.misses++;
    return false;
  }

  private read(e: number, va: number, size: number, global: boolean, result: WalkResult): void {
    const fields = this.fields[e];
    result.fault = 0;
    result.global = global;
    result.leafBits = LEAF_BITS[size];
    result.domain = fields & 15;
    result.attributes = (fields >>> Shift.Attributes) & 31;
    result.shareability = (fields >>> Shift.Shareability) & 3;
    result.level = (fields >>> Shift.Level) & 3;
    result.rights = (fields >>> Shift.Rights) & 63;
    const offset = (1 << PIECE_BITS[size]) - 1;
    result.physical =
      (fields >>> Shift.HighAddress) * 2 ** 32 + (((this.pages[e] & ~offset) | (va & offset)) >>> 0);
  }

  /** Adds what a walk without a fault found for `va`. */
  insert(va: number, cpu: number, regime: number, asid: number, table: number, found: WalkResult): void {
    this.walks++;
    this.known.note(va, found.leafBits);
    const size = LEAF_NUMBER.get(found.leafBits) as number;
    const e = this.place(setOf(va, size));
    if (this.tags[e] === 0) this.noteFilled(e);
    this.tags[e] = tagOf(va, size, cpu, regime);
    this.asids[e] = found.global ? GLOBAL : asid;
    this.tables[e] = found.global ? 0 : table;
    this.pages[e] = found.physical & -4096;
    this.fields[e] = fieldsOf(found);
    this.sizesPresent[size] = 1;
    this.empty = false;
    if (found.global && this.isListed[e] === 0) this.list(e, cpu);
  }

  /** The next entry of a set that is free, or else not global, or else the next. */
  private place(set: number): number {
    const first = this.nextWay[set / WAYS];
    let way = first;
    for (let i = WAYS - 1; i >= 0; i--) {
      const other = (first + i) % WAYS;
      const e = set + other;
      if (this.tags[e] === 0) {
        way = other;
        break;
      }
      if (this.asids[e] !== GLOBAL) way = other;
    }
    const e = set + way;
    if (this.tags[e] !== 0 && this.asids[e] === GLOBAL) this.unlisted |= 1 << cpuOf(this.tags[e]);
    this.nextWay[set / WAYS] = (way + 1) % WAYS;
    return e;
  }

  private noteFilled(e: number): void {
    if (this.filledCount < MOST_FILLED) this.filled[this.filledCount] = e;
    if (this.filledCount <= MOST_FILLED) this.filledCount++;
  }

  private emptyAll(): void {
    const { tags, filled } = this;
    if (this.filledCount > MOST_FILLED) tags.fill(0);
    else for (let i = 0; i < this.filledCount; i++) tags[filled[i]] = 0;
    this.filledCount = 0;
    this.sizesPresent.fill(0);
  }

  private list(e: number, cpu: number): void {
    if (this.globalCount === MOST_GLOBAL) {
      this.unlisted |= 1 << cpu;
      return;
    }
    this.globals[this.globalCount++] = e;
    this.isListed[e] = 1;
  }

  /** @param cpu whose entries; -1 for those of all CPUs. */
  invalidateAll(cpu: number): void {
    if (this.empty) return;
    if (cpu >= 0) {
      const { tags } = this;
      for (let e = 0; e < tags.length; e++) if (belongsTo(tags[e], cpu)) tags[e] = 0;
      this.unlisted &= ~(1 << cpu);
      return;
    }
    this.emptyAll();
    this.isListed.fill(0);
    this.globalCount = 0;
    this.unlisted = 0;
    this.empty = true;
  }

  /**
   * Drops everything, but no global entry if all of them are as the tables of now have them.
   * @param cpu whose entries; -1 for those of all CPUs
   * @param rewalks by the CPU's number
   * @returns whether first levels may keep what they have of the global ones
   */
  invalidateUnlessSame(cpu: number, rewalks: readonly Rewalk[]): boolean {
    if (!this.areGlobalsSame(cpu, rewalks)) {
      this.invalidateAll(cpu);
      return false;
    }
    if (cpu < 0) this.dropAllButGlobals();
    else {
      const { tags, asids } = this;
      for (let e = 0; e < tags.length; e++) if (asids[e] !== GLOBAL && belongsTo(tags[e], cpu)) tags[e] = 0;
    }
    return true;
  }

  private areGlobalsSame(cpu: number, rewalks: readonly Rewalk[]): boolean {
    if ((cpu < 0 ? this.unlisted : this.unlisted & (1 << cpu)) !== 0) return false;
    this.forgetListedThatAreGone();
    for (let i = 0; i < this.globalCount; i++) {
      const e = this.globals[i];
      if ((cpu < 0 || belongsTo(this.tags[e], cpu)) && !this.isSame(e, rewalks)) return false;
    }
    return true;
  }

  private forgetListedThatAreGone(): void {
    const { globals } = this;
    const count = this.globalCount;
    this.globalCount = 0;
    for (let i = 0; i < count; i++) {
      const e = globals[i];
      if (this.tags[e] === 0 || this.asids[e] !== GLOBAL) this.isListed[e] = 0;
      else globals[this.globalCount++] = e;
    }
  }

  private isSame(e: number, rewalks: readonly Rewalk[]): boolean {
    const tag = this.tags[e];
    const found = rewalks[cpuOf(tag)](addressOf(tag), (tag & REGIME_BITS) >>> REGIME_SHIFT);
    return (
      found?.global === true &&
      found.leafBits === LEAF_BITS[sizeOf(tag)] &&
      ((found.physical ^ this.pages[e]) & (-1 << PIECE_BITS[sizeOf(tag)])) === 0 &&
      fieldsOf(found) === this.fields[e]
    );
  }

  private dropAllButGlobals(): void {
    const { tags, globals, keptTags } = this;
    for (let i = 0; i < this.globalCount; i++) keptTags[i] = tags[globals[i]];
    this.emptyAll();
    for (let i = 0; i < this.globalCount; i++) {
      const tag = keptTags[i];
      tags[globals[i]] = tag;
      this.noteFilled(globals[i]);
      this.sizesPresent[sizeOf(tag)] = 1;
      this.known.note(addressOf(tag), LEAF_BITS[sizeOf(tag)]);
    }
    this.empty = this.globalCount === 0;
  }

  /** Drops the entries of an ASID that are not global (B3.10.5). */
  invalidateAsid(asid: number, cpu: number): void {
    if (this.empty) return;
    const { tags, asids } = this;
    for (let e = 0; e < tags.length; e++) {
      if (asids[e] === asid && (cpu < 0 || belongsTo(tags[e], cpu))) tags[e] = 0;
    }
  }

  /** Drops every leaf that `va` is in, of whatever ASID. */
  invalidateAddress(va: number, cpu: number): void {
    if (this.empty) return;
    for (let size = 0; size < LEAF_BITS.length; size++) {
      if (this.sizesPresent[size] === 0) continue;
      const first = va & (-1 << LEAF_BITS[size]);
      const pieces = 1 << (LEAF_BITS[size] - PIECE_BITS[size]);
      for (let i = 0; i < pieces; i++) this.dropPiece(first + (i << PIECE_BITS[size]), size, cpu);
    }
  }

  private dropPiece(va: number, size: number, cpu: number): void {
    const from = setOf(va, size);
    const tag = tagOf(va, size, 0, 0);
    for (let e = from; e < from + WAYS; e++) {
      const known = this.tags[e];
      if ((known & ~(CPU_BITS | REGIME_BITS)) === tag && (cpu < 0 || belongsTo(known, cpu))) this.tags[e] = 0;
    }
  }
}

function tagOf(va: number, size: number, cpu: number, regime: number): number {
  return (
    (va & (-1 << PIECE_BITS[size])) |
    (size << LEAF_SHIFT) |
    (regime << REGIME_SHIFT) |
    (cpu << CPU_SHIFT) |
    VALID
  );
}

const cpuOf = (tag: number): number => (tag & CPU_BITS) >>> CPU_SHIFT;
const sizeOf = (tag: number): number => (tag & SIZE_BITS) >>> LEAF_SHIFT;
/** The first address that the entry translates. */
const addressOf = (tag: number): number => tag & (-1 << PIECE_BITS[sizeOf(tag)]);

function fieldsOf(found: WalkResult): number {
  return (
    found.domain |
    (found.attributes << Shift.Attributes) |
    (found.shareability << Shift.Shareability) |
    (found.level << Shift.Level) |
    (found.rights << Shift.Rights) |
    (Math.floor(found.physical / 2 ** 32) << Shift.HighAddress)
  );
}

/** First entry of the set of `va`. */
function setOf(va: number, size: number): number {
  return ((va >>> PIECE_BITS[size]) & (SETS - 1)) * WAYS;
}

function belongsTo(tag: number, cpu: number): boolean {
  return (tag & CPU_BITS) === cpu << CPU_SHIFT;
}
