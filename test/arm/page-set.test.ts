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
