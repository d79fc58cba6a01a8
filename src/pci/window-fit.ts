/** A free range of bus addresses. */
interface Gap {
  start: number;
  end: number;
}

/**
 * Says whether BARs can all have naturally aligned addresses in a window, as firmware and operating systems give
 * them: the largest first, each at the lowest free place.
 * @param sizes powers of two
 * @returns the first size that finds no place, or undefined when all do
 */
export function firstThatDoesNotFit(
  sizes: readonly number[],
  window: { readonly base: number; readonly size: number },
): number | undefined {
  let gaps: Gap[] = [{ start: window.base, end: window.base + window.size }];
  for (const size of [...sizes].sort((a, b) => b - a)) {
    const aligned = (gap: Gap) => Math.ceil(gap.start / size) * size;
    const gap = gaps.find((g) => aligned(g) + size <= g.end);
    if (gap === undefined) return size;
    const start = aligned(gap);
    const rest = [
      { start: gap.start, end: start },
      { start: start + size, end: gap.end },
    ].filter((g) => g.start < g.end);
    gaps = gaps.flatMap((g) => (g === gap ? rest : [g]));
  }
  return undefined;
}
