import { DmaRight } from '../../ports/host-mappings.ts';
import { LeafLook, type TableStep } from './leaf-look.ts';
import { Leaf, LeafStore } from './leaf-store.ts';
import type { ShadowMemory } from './shadow-memory.ts';
import type { StagesLook } from './stages-look.ts';
import type { TableOwner, TablePages, TablePiece } from './table-pages.ts';

const PAGE = 4096;
const LAYERS = 64;

/** Without a bound a table that leads to itself could be one of many millions. */
const MOST_PIECES = 2 ** 18;

const NOWHERE = { from: Number.POSITIVE_INFINITY, to: 0 } as const;

/** What a domain's tables may be at most. */
export interface DomainLimits {
  /** Leaves: what the host can take. */
  readonly leaves: number;
  /** Leaves and holes that one pass over the tables may come by. */
  readonly looks: number;
}

/** What the leaves of a domain are told to. */
export interface LeafTaker {
  unmap(leaf: Leaf): void;
  map(leaf: Leaf): void;
}

/** All that streams with one context see: its leaves, as the tables had them when they were last looked at, and those tables. */
export class Domain implements TableOwner {
  readonly key: string;
  readonly leaves = new LeafStore();
  readonly takers = new Set<LeafTaker>();
  /** Why the tables are not followed any more: they are too large. */
  overflow: string | undefined;
  /** Mappings that were replaced, so far. */
  gaps = 0;
  private readonly memory: ShadowMemory;
  private readonly look: StagesLook | undefined;
  private readonly tables: TablePages;
  private readonly limits: DomainLimits;
  private readonly found = new LeafLook();
  private readonly pieces = new Map<number, TablePiece>();
  /** The pieces of the last look, by step. */
  private readonly recent: (TablePiece | undefined)[] = [];
  private smallestTable = Number.POSITIVE_INFINITY;
  /** Input addresses of all that the tables have where BARs can be: from the first to before the second. */
  private atBars: { readonly from: number; readonly to: number } = NOWHERE;
  /** Descriptors that have to be looked at: first address and span, in pairs. */
  private touchedRanges: number[] = [];
  /** Leaves that the host does not have yet, and those that it had until now. */
  private toMap: Leaf[] = [];
  private replaced: Leaf[] = [];
  private pass = 0;
  private looks = 0;

  /** @param look absent: all of RAM, as it is */
  constructor(
    key: string,
    memory: ShadowMemory,
    tables: TablePages,
    limits: DomainLimits,
    look?: StagesLook,
  ) {
    this.key = key;
    this.memory = memory;
    this.tables = tables;
    this.limits = limits;
    this.look = look;
    if (look === undefined) {
      const { ramBase, ramSize } = memory;
      this.leaves.add(new Leaf(ramBase, ramSize, ramBase, DmaRight.Read | DmaRight.Write));
    } else {
      this.pass++;
      for (const [from, to] of look.inputs) this.scan(look, from, to, from, to);
      this.toMap = [];
    }
    // Who takes the domain later takes all of them.
    for (const leaf of this.leaves) leaf.told = true;
  }

  touched(from: number, span: number): void {
    const ranges = this.touchedRanges;
    const last = ranges.length - 1;
    if (last > 0 && ranges[last - 1] + ranges[last] === from) ranges[last] += span;
    else ranges.push(from, span);
  }

  /** BARs are elsewhere than before: what the tables have there has to be looked at again. */
  barsChanged(): void {
    const { from, to } = this.atBars;
    this.atBars = NOWHERE;
    if (from < to) this.touched(from, to - from);
  }

  /** Whether something was touched that has not been looked at. */
  get isTouched(): boolean {
    return this.touchedRanges.length > 0;
  }

  /** Looks at what was touched; what is not there any more is taken from the host at once. */
  refresh(): void {
    const { look } = this;
    const ranges = this.touchedRanges;
    if (ranges.length === 0 || look === undefined) return;
    this.touchedRanges = [];
    this.looks = 0;
    for (let i = 0; i < ranges.length && this.overflow === undefined; i += 2) {
      const [start, span] = [ranges[i], ranges[i + 1]];
      this.pass++;
      this.recent.length = 0;
      for (const [from, to] of look.inputs) {
        const end = Math.min(start + span, to);
        if (Math.max(start, from) < end) this.scan(look, Math.max(start, from), end, from, to);
      }
      if (span >= this.smallestTable) this.forgetTables(start, start + span);
    }
  }

  /** Gives the host what is new, after all that is gone was taken from it. */
  commit(): void {
    const { toMap, replaced } = this;
    if (toMap.length === 0 && replaced.length === 0) return;
    this.toMap = [];
    this.replaced = [];
    const wanted = toMap.filter((leaf) => !leaf.gone);
    this.gaps += countReplaced(replaced, wanted);
    for (const leaf of wanted) {
      leaf.told = true;
      for (const taker of this.takers) taker.map(leaf);
    }
  }

  /** Nobody has it any more. */
  close(): void {
    for (const piece of this.pieces.values()) this.tables.remove(piece);
    this.pieces.clear();
  }

  /** @param from first and last of the whole range of input addresses: a leaf may have a part in it only */
  private scan(look: StagesLook, start: number, end: number, from: number, to: number): void {
    const { found } = this;
    const { leaves, looks } = this.limits;
    for (let at = start; at < end && this.overflow === undefined; at = found.start + found.size) {
      look.look(at, found);
      if (++this.looks > looks || this.pieces.size > MOST_PIECES) {
        this.overflow = `the guest's tables have more than ${looks} descriptors`;
      }
      for (let i = 0; i < found.stepCount; i++) this.noteTable(found.steps[i], i, from, to);
      this.replace(Math.max(found.start, from), Math.min(found.start + found.size, to));
      if (this.leaves.size > leaves) {
        this.overflow = `the guest maps more than ${leaves} pieces, and the host's IOMMU takes no more; let the guest use larger pages or fewer buffers, or raise dma_entry_limit of vfio_iommu_type1 on the host`;
      }
    }
  }

  /** Puts what was found in place of what was there. */
  private replace(from: number, to: number): void {
    const { found, leaves } = this;
    const rights = (found.readable ? DmaRight.Read : 0) | (found.writable ? DmaRight.Write : 0);
    const wanted =
      rights === 0 ? [] : this.leavesOf(from, to, found.physical + (from - found.start) - from, rights);
    leaves.within(from, to, (leaf) => {
      const same = wanted.findIndex((other) => other.equals(leaf));
      if (same < 0) this.remove(leaf);
      else wanted.splice(same, 1);
    });
    for (const leaf of wanted) {
      leaves.add(leaf);
      this.toMap.push(leaf);
    }
  }

  /** The parts of a range that real devices can reach. @param shift from an input address to the guest physical one */
  private leavesOf(from: number, to: number, shift: number, rights: number): Leaf[] {
    const { ramBase, ramSize, bars } = this.memory;
    const [first, end] = [from + shift, to + shift];
    const [ramFirst, ramEnd] = [Math.max(first, ramBase), Math.min(end, ramBase + ramSize)];
    const parts = ramFirst < ramEnd ? [new Leaf(ramFirst - shift, ramEnd - ramFirst, ramFirst, rights)] : [];
    if (bars === undefined || end <= bars.base || first >= bars.base + bars.size) return parts;
    const { atBars } = this;
    this.atBars = { from: Math.min(atBars.from, from), to: Math.max(atBars.to, to) };
    for (const pages of bars.pagesIn(first, end)) {
      parts.push(new Leaf(pages.physical - shift, pages.size, pages.physical, rights, pages));
    }
    return parts;
  }

  private remove(leaf: Leaf): void {
    this.leaves.remove(leaf);
    leaf.gone = true;
    if (!leaf.told) return;
    this.replaced.push(leaf);
    for (const taker of this.takers) taker.unmap(leaf);
  }

  /** Follows the table that a step went through, as far as it decides what is in the range of input addresses. */
  private noteTable(step: TableStep, depth: number, rangeFrom: number, rangeTo: number): void {
    const { ramBase, ramSize } = this.memory;
    const offset = step.at - ramBase;
    if (!(offset >= 0 && offset < ramSize)) return;
    const page = Math.floor(offset / PAGE);
    const recent = this.recent[depth];
    if (
      recent !== undefined &&
      recent.page === page &&
      recent.span === step.span &&
      recent.layer === step.layer &&
      step.from >= recent.from &&
      step.from < recent.from + recent.count * recent.span
    ) {
      return;
    }
    const before = Math.min(
      step.index,
      Math.floor((offset % PAGE) / step.bytes),
      Math.max(0, Math.ceil((step.from - rangeFrom) / step.span)),
    );
    const count =
      before +
      Math.min(
        step.entries - step.index,
        (PAGE - (offset % PAGE)) / step.bytes,
        Math.ceil((rangeTo - step.from) / step.span),
      );
    const from = step.from - before * step.span;
    // Addresses are multiples of 4 KiB; there are less than 64 spans, and as many layers.
    const key = from + Math.log2(step.span) * LAYERS + step.layer;
    const at = (offset % PAGE) - before * step.bytes;
    const known = this.pieces.get(key);
    if (known !== undefined && known.page === page && known.offset === at && known.count === count) {
      known.pass = this.pass;
      this.recent[depth] = known;
      return;
    }
    if (known !== undefined) this.tables.remove(known);
    const { bytes, span, layer } = step;
    const piece = { owner: this, page, offset: at, count, bytes, from, span, layer, pass: this.pass };
    this.pieces.set(key, piece);
    this.recent[depth] = piece;
    this.smallestTable = Math.min(this.smallestTable, count * span);
    this.tables.add(piece);
  }

  /** Tables of a range that the last pass did not come by are none any more. */
  private forgetTables(from: number, to: number): void {
    for (const [key, piece] of this.pieces) {
      if (piece.pass === this.pass || piece.from < from || piece.from + piece.count * piece.span > to)
        continue;
      this.pieces.delete(key);
      this.tables.remove(piece);
    }
  }
}

/** Of those that are gone, how many have a successor that gives the same memory at the same addresses. */
function countReplaced(gone: readonly Leaf[], wanted: readonly Leaf[]): number {
  if (gone.length === 0 || wanted.length === 0) return 0;
  const sorted = [...wanted].sort((a, b) => a.iova - b.iova);
  return gone.filter((old) => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle].iova + sorted[middle].size <= old.iova) low = middle + 1;
      else high = middle;
    }
    const next = sorted[low];
    if (next === undefined || next.iova >= old.iova + old.size) return false;
    return next.iova - next.physical === old.iova - old.physical;
  }).length;
}
