/** Gaps in what a device uses are shown this large, as a part of all that it uses. */
const GAP = 0.05;
/** Ranges that are nearer to each other than this part of the whole are shown as one. */
const JOIN = 0.02;
const PAGE = 4096;

interface Cluster {
  readonly start: number;
  readonly end: number;
  /** Where its start is shown. */
  readonly at: number;
}

/**
 * Where addresses are shown: those in use by their size, what nobody uses between them cut out. Drivers use a few pages at one
 * end of gigabytes and a few at the other; true to scale, all would be lines.
 */
export class AddressScale {
  readonly clusters: readonly Cluster[];
  /** What is shown ends here; it begins at 0. */
  readonly length: number;

  /** @param ranges that are in use: start, end, start, end, ...; in any order */
  constructor(ranges: readonly (readonly [start: number, end: number])[]) {
    const merged = merge(ranges, PAGE);
    const used = merged.reduce((sum, [start, end]) => sum + end - start, 0);
    const near = merge(merged, used * JOIN);
    const gap = used * GAP;
    let at = 0;
    this.clusters = near.map(([start, end]) => {
      const cluster = { start, end, at };
      at += end - start + gap;
      return cluster;
    });
    this.length = Math.max(at - gap, PAGE);
  }

  toShown(address: number): number {
    const cluster = this.clusters.findLast(({ start }) => start <= address) ?? this.clusters[0];
    if (cluster === undefined) return 0;
    return cluster.at + Math.min(Math.max(address - cluster.start, 0), cluster.end - cluster.start);
  }

  /** The address that is shown at a place; in a gap that of the range before it. */
  toAddress(shown: number): number {
    const cluster = this.clusters.findLast(({ at }) => at <= shown) ?? this.clusters[0];
    if (cluster === undefined) return 0;
    return cluster.start + Math.min(Math.max(shown - cluster.at, 0), cluster.end - cluster.start);
  }

  /** Places between two others to write addresses at: ends of ranges, and round addresses within the large ones. */
  ticks(from: number, to: number, count: number): number[] {
    const step = 2 ** Math.ceil(Math.log2(Math.max((to - from) / count, 1)));
    const ticks: number[] = [];
    for (const { start, end, at } of this.clusters) {
      if (at + end - start < from || at > to) continue;
      const first = Math.ceil((start + Math.max(from - at, 0)) / step) * step;
      const inside: number[] = [];
      for (let address = first; address <= end && at + address - start <= to; address += step) {
        inside.push(at + address - start);
      }
      ticks.push(...(inside.length > 0 ? inside : [at]).filter((tick) => tick >= from && tick <= to));
    }
    return ticks.filter((tick, i) => i === 0 || tick - ticks[i - 1] > step / 3);
  }
}

function merge(
  ranges: readonly (readonly [number, number])[],
  distance: number,
): [start: number, end: number][] {
  const sorted = [...ranges].sort(([a], [b]) => a - b);
  const merged: [number, number][] = [];
  for (const [start, end] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && start - last[1] <= distance) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}
