import type { BarPages } from '../../ports/host-mappings.ts';

/** What the guest's tables give to a stream by one descriptor, as far as it is in RAM, or in one part of a real device's BAR. */
export class Leaf {
  readonly iova: number;
  readonly size: number;
  /** Guest physical address. */
  readonly physical: number;
  /** DmaRight. */
  readonly rights: number;
  /** Absent: it is in RAM. */
  readonly pages: BarPages | undefined;
  /** Those who take the leaves of its domain know of it. */
  told = false;
  /** The tables have it no more. */
  gone = false;

  constructor(iova: number, size: number, physical: number, rights: number, pages?: BarPages) {
    this.iova = iova;
    this.size = size;
    this.physical = physical;
    this.rights = rights;
    this.pages = pages;
  }

  /** Whether it gives the same as another one. */
  equals({ iova, size, physical, rights, pages }: Leaf): boolean {
    return (
      this.iova === iova &&
      this.size === size &&
      this.physical === physical &&
      this.rights === rights &&
      this.pages?.memory === pages?.memory &&
      this.pages?.offset === pages?.offset
    );
  }
}

const BUCKET = 2 ** 21;
const PAGE = 4096;

/** Leaves by where they begin. */
export class LeafStore {
  private readonly buckets = new Map<number, Map<number, Leaf>>();
  size = 0;

  add(leaf: Leaf): void {
    const number = Math.floor(leaf.iova / BUCKET);
    const bucket = this.buckets.get(number);
    if (bucket === undefined) this.buckets.set(number, new Map([[leaf.iova, leaf]]));
    else bucket.set(leaf.iova, leaf);
    this.size++;
  }

  remove(leaf: Leaf): void {
    const number = Math.floor(leaf.iova / BUCKET);
    const bucket = this.buckets.get(number);
    if (bucket?.delete(leaf.iova) !== true) return;
    this.size--;
    if (bucket.size === 0) this.buckets.delete(number);
  }

  /** Visits the leaves that begin in a range; they may be removed meanwhile. */
  within(from: number, to: number, visit: (leaf: Leaf) => void): void {
    const first = Math.floor(from / BUCKET);
    if (to - from <= PAGE) {
      const leaf = this.buckets.get(first)?.get(from);
      if (leaf !== undefined) visit(leaf);
      return;
    }
    const last = Math.ceil(to / BUCKET) - 1;
    const visitBucket = (bucket: Map<number, Leaf>): void => {
      for (const leaf of bucket.values()) if (leaf.iova >= from && leaf.iova < to) visit(leaf);
    };
    if (last - first < this.buckets.size) {
      for (let number = first; number <= last; number++) {
        const bucket = this.buckets.get(number);
        if (bucket !== undefined) visitBucket(bucket);
      }
    } else {
      for (const [number, bucket] of this.buckets) if (number >= first && number <= last) visitBucket(bucket);
    }
  }

  *[Symbol.iterator](): Generator<Leaf> {
    for (const bucket of this.buckets.values()) yield* bucket.values();
  }
}
