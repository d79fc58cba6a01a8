import { expect, test } from 'vitest';
import { PageSet } from '../../src/arm/page-set.ts';

test('a page is known from the first note to its drop, and no neighbour is', () => {
  const set = new PageSet();
  set.note(0xffff_f123 | 0, 12);
  set.note(0x2000, 12);
  expect([0xffff_f000 | 0, 0xffff_e000 | 0, 0x1fff, 0x2fff, 0x3000].map((va) => set.hasPage(va))).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
  set.dropPage(0x2abc);
  expect(set.hasPage(0x2000)).toBe(false);
  expect(set.hasPage(0xffff_f000 | 0)).toBe(true);
});

test.each([
  { leafBits: 16, first: 0xc01, last: 0xc01 },
  { leafBits: 20, first: 0xc01, last: 0xc01 },
  { leafBits: 21, first: 0xc00, last: 0xc01 },
  { leafBits: 24, first: 0xc00, last: 0xc0f },
  { leafBits: 30, first: 0xc00, last: 0xfff },
])(
  'a leaf of 2^$leafBits bytes is known in each of its MiB, until all is cleared',
  ({ leafBits, first, last }) => {
    const set = new PageSet();
    set.note(0xc01f_f000 | 0, leafBits);
    set.dropPage(0xc01f_f000 | 0);
    const known = Array.from({ length: 4096 }, (_unused, mib) => mib).filter((mib) =>
      set.hasLarge(mib << 20),
    );
    expect([known[0], known.at(-1), known.length]).toEqual([first, last, last - first + 1]);
    set.clear();
    expect(set.hasLarge(0xc01f_f000 | 0)).toBe(false);
  },
);

test.each([5, 100_000])('%i pages are all forgotten, and may be known again', (count) => {
  const set = new PageSet();
  const pages = Array.from({ length: count }, (_unused, i) => ((i * 37) << 12) | 0);
  for (let round = 0; round < 3; round++) {
    for (const va of pages) set.note(va, 12);
    set.note(0x7000_0000, 20);
    set.dropPage(pages[1]!);
    expect(set.hasPage(pages[1]!)).toBe(false);
    set.note(pages[1]!, 12);
    expect([pages.every((va) => set.hasPage(va)), set.hasLarge(0x7000_0000)]).toEqual([true, true]);
    set.clear();
    expect([pages.some((va) => set.hasPage(va)), set.hasLarge(0x7000_0000)]).toEqual([false, false]);
  }
});
