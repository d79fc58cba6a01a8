import type { WalkResult } from '../vmsa/walk.ts';

/** Leaves that are remembered; code in more of them is forgotten with the next TLB maintenance of everything. */
const MOST_LEAVES = 64;

interface Leaf {
  /** Both of its first byte. */
  readonly va: number;
  readonly physical: number;
  /** log2 of what its descriptor translates. */
  readonly pieceBits: number;
  readonly leafBits: number;
  readonly rights: number;
}

/**
 * What many translation contexts know of code together: a number that it is remembered by, and the leaves that it was fetched
 * from, which are global and of domain 0.
 *
 * TLB maintenance of everything need not forget such code. A TLB may walk the tables again at once, whether anybody asks for
 * the address or not (ARM DDI 0406C B3.10.1); where that finds each leaf as it was, the code is where it was. Linux on cores
 * with erratum 720789 invalidates everything several times for each new process, and its kernel is a few leaves.
 */
export class SharedCode {
  /** At least 1. */
  number: number;
  /** Everything was invalidated since the leaves were walked. */
  doubtful = false;
  private leaves: Leaf[] = [];
  private last = 0;
  private complete = true;

  constructor(number: number) {
    this.number = number;
  }

  /** Another number, under which nothing is remembered. */
  renew(number: number): void {
    this.number = number;
    this.doubtful = false;
    this.leaves = [];
    this.last = 0;
    this.complete = true;
  }

  /** Code was fetched at `va` by what a walk has found. */
  note(va: number, walk: WalkResult): void {
    const { leaves } = this;
    const known = leaves[this.last];
    if (known !== undefined && isIn(known, va) && isAs(known, walk)) return;
    for (let i = 0; i < leaves.length; i++) {
      if (!isIn(leaves[i], va)) continue;
      this.last = i;
      // Code by the old translation may still be remembered.
      if (!isAs(leaves[i], walk)) this.complete = false;
      return;
    }
    if (leaves.length === MOST_LEAVES) {
      this.complete = false;
      return;
    }
    const { leafBits, rights } = walk;
    const pieceBits = pieceBitsOf(leafBits);
    const physical = baseOf(walk);
    this.last = leaves.push({ va: va & (-1 << pieceBits), physical, pieceBits, leafBits, rights }) - 1;
  }

  /**
   * Walks to every leaf again.
   * @param find fills `walk` for an address; false where the walk faults
   * @param kept called for each leaf that is as it was
   * @returns whether all of them are.
   */
  confirm(
    find: (va: number) => boolean,
    walk: WalkResult,
    kept: (va: number, leafBits: number) => void,
  ): boolean {
    this.doubtful = false;
    if (!this.complete) return false;
    for (const leaf of this.leaves) {
      if (!find(leaf.va) || !isAs(leaf, walk)) return false;
      kept(leaf.va, leaf.leafBits);
    }
    return true;
  }
}

/** Large pages and supersections have 16 descriptors, which may differ (B3.5.1 forbids it): each counts for its own part. */
function pieceBitsOf(leafBits: number): number {
  return leafBits === 16 || leafBits === 24 ? leafBits - 4 : leafBits;
}

function isIn(leaf: Leaf, va: number): boolean {
  return (va & (-1 << leaf.pieceBits)) === leaf.va;
}

/** Physical addresses have up to 40 bits. */
function baseOf({ physical, leafBits }: WalkResult): number {
  return physical - (physical % 2 ** pieceBitsOf(leafBits));
}

function isAs(leaf: Leaf, walk: WalkResult): boolean {
  return (
    walk.leafBits === leaf.leafBits &&
    walk.rights === leaf.rights &&
    baseOf(walk) === leaf.physical &&
    walk.global &&
    walk.domain === 0
  );
}
