import type { AccessSize, MmioDevice, Requester } from '../ports/mmio.ts';
import { ALL_ONES_64, allOnes, type BarTarget } from './bar-target.ts';
import type { PciEndpoint } from './endpoint.ts';

/** A range of bus addresses that a function claims. */
export interface DecodedRange {
  /** First bus address, and the one after the last. */
  readonly start: number;
  readonly end: number;
  /** Bus address of the BAR's offset 0. */
  readonly base: number;
  readonly bar: number;
  readonly target: BarTarget;
  /** The endpoint that answers; undefined where the bus does for it (MSI-X). */
  readonly endpoint: PciEndpoint | undefined;
}

const NOTHING: BarTarget = {
  readBar: (_bar, _offset, size) => allOnes(size),
  writeBar() {},
  readBar64: () => ALL_ONES_64,
  writeBar64() {},
};

/** Claims no address. */
const NO_RANGE: DecodedRange = {
  start: 0,
  end: 0,
  base: 0,
  bar: 0,
  target: NOTHING,
  endpoint: undefined,
};

/**
 * A host bridge's window onto the bus's memory or I/O space: passes each access to the BAR that claims its address.
 * Unclaimed reads give all ones, unclaimed writes vanish (a host bridge's master abort, PCI 3.0 6.1). Where two BARs
 * overlap, which PCI leaves open, the earlier range answers. An unaligned access of 8 bytes is two of 4.
 */
export class AddressDecoder implements MmioDevice {
  private readonly windowBase: number;
  private readonly windowSize: number;
  /** Disjoint, ascending, in offsets into the window. */
  private ranges: DecodedRange[] = [];
  /** Where the last access went: drivers stay in one BAR for long. */
  private last = NO_RANGE;

  /** @param windowBase bus address of the window's first byte */
  constructor(windowBase: number, windowSize: number) {
    this.windowBase = windowBase;
    this.windowSize = windowSize;
  }

  /** @param claims bus addresses; an earlier one wins over a later one */
  setRanges(claims: readonly DecodedRange[]): void {
    const { windowBase, windowSize } = this;
    const clipped = claims
      .map((c) => ({
        ...c,
        start: Math.max(c.start - windowBase, 0),
        end: Math.min(c.end - windowBase, windowSize),
        base: c.base - windowBase,
      }))
      .filter((c) => c.start < c.end);
    const edges = [...new Set(clipped.flatMap((c) => [c.start, c.end]))].sort((a, b) => a - b);
    const ranges: DecodedRange[] = [];
    for (let i = 0; i + 1 < edges.length; i++) {
      const owner = clipped.find((c) => c.start <= edges[i] && c.end >= edges[i + 1]);
      if (owner !== undefined) ranges.push({ ...owner, start: edges[i], end: edges[i + 1] });
    }
    this.ranges = joinNeighbours(ranges);
    this.last = NO_RANGE;
  }

  /** What answers in a range of bus addresses, disjoint and ascending; the first and the last may reach beyond it. */
  rangesIn(start: number, end: number): DecodedRange[] {
    const { windowBase } = this;
    return this.ranges
      .filter((range) => range.end + windowBase > start && range.start + windowBase < end)
      .map((range) => ({
        ...range,
        start: range.start + windowBase,
        end: range.end + windowBase,
        base: range.base + windowBase,
      }));
  }

  read(offset: number, size: AccessSize, requester: Requester): number {
    let range = this.last;
    if (offset < range.start || offset + size > range.end) range = this.find(offset, size);
    return range.target.readBar(range.bar, offset - range.base, size, requester);
  }

  write(offset: number, size: AccessSize, value: number, requester: Requester): void {
    let range = this.last;
    if (offset < range.start || offset + size > range.end) range = this.find(offset, size);
    range.target.writeBar(range.bar, offset - range.base, size, value, requester);
  }

  read64(offset: number, requester: Requester): bigint {
    if (offset % 8 !== 0) {
      const low = BigInt(this.read(offset, 4, requester));
      return (BigInt(this.read(offset + 4, 4, requester)) << 32n) | low;
    }
    const range = this.find(offset, 8);
    return range.target.readBar64(range.bar, offset - range.base, requester);
  }

  write64(offset: number, value: bigint, requester: Requester): void {
    if (offset % 8 !== 0) {
      this.write(offset, 4, Number(value & 0xffff_ffffn), requester);
      this.write(offset + 4, 4, Number((value >> 32n) & 0xffff_ffffn), requester);
      return;
    }
    const range = this.find(offset, 8);
    range.target.writeBar64(range.bar, offset - range.base, value, requester);
  }

  /** The range that holds the whole access; an access across an end belongs to nobody. */
  private find(offset: number, size: number): DecodedRange {
    const { ranges } = this;
    let low = 0;
    let high = ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const range = ranges[middle];
      if (offset < range.start) high = middle - 1;
      else if (offset >= range.end) low = middle + 1;
      else if (offset + size > range.end) return NO_RANGE;
      else {
        this.last = range;
        return range;
      }
    }
    return NO_RANGE;
  }
}

/** Pieces of one claim that another claim's edge cut, without a reason to stay cut. */
function joinNeighbours(ranges: readonly DecodedRange[]): DecodedRange[] {
  const joined: DecodedRange[] = [];
  for (const range of ranges) {
    const before = joined.at(-1);
    if (
      before !== undefined &&
      before.end === range.start &&
      before.target === range.target &&
      before.bar === range.bar
    ) {
      joined[joined.length - 1] = { ...before, end: range.end };
    } else {
      joined.push(range);
    }
  }
  return joined;
}
