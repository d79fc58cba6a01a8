/** A piece of RAM that the guest's tables give to a stream by one descriptor, as far as it is in RAM. */
export class Leaf {
  /** Where the piece begins that its descriptor decides: it may begin before the part that is in RAM. */
  readonly key: number;
  readonly iova: number;
  readonly size: number;
  /** Bytes from the start of RAM. */
  readonly ramOffset: number;
  /** DmaRight. */
  readonly rights: number;
  /** Those who take the leaves of its domain know of it. */
  told = false;
  /** The tables have it no more. */
  gone = false;

  constructor(key: number, iova: number, size: number, ramOffset: number, rights: number) {
    this.key = key;
    this.iova = iova;
    this.size = size;
    this.ramOffset = ramOffset;
    this.rights = rights;
  }
}

const BUCKET = 2 ** 21;
const PAGE = 4096;

/** Leaves by where they begin. */
export class LeafStore {
  private readonly buckets = new Map<number, Map<number, Leaf>>();
  size = 0;

  add(leaf: Leaf): void {
    const number = Math.floor(leaf.key / BUCKET);
    const bucket = this.buckets.get(number);
    if (bucket === undefined) this.buckets.set(number, new Map([[leaf.key, leaf]]));
    else bucket.set(leaf.key, leaf);
    this.size++;
  }

  remove(leaf: Leaf): void {
    const number = Math.floor(leaf.key / BUCKET);
    const bucket = this.buckets.get(number);
    if (bucket?.delete(leaf.key) !== true) return;
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
      for (const leaf of bucket.values()) if (leaf.key >= from && leaf.key < to) visit(leaf);
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
