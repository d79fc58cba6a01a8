import { beforeEach, describe, expect, test } from 'vitest';
import { MainTlb } from '../../src/arm/main-tlb.ts';
import { FaultKind, WalkResult } from '../../src/vmsa/walk.ts';

const TABLE = 0x4000_4000;

let tlb: MainTlb;
beforeEach(() => {
  tlb = new MainTlb();
});

interface Leaf {
  readonly leafBits?: number;
  readonly physical?: number;
  readonly global?: boolean;
}

interface Owner {
  readonly cpu?: number;
  readonly regime?: number;
  readonly asid?: number;
  readonly table?: number;
}

function insert(va: number, leaf: Leaf = {}, owner: Owner = {}): void {
  const found = Object.assign(new WalkResult(), { physical: 0x5000_0000 + (va & 0xfff), level: 2 }, leaf);
  const { cpu = 0, regime = 0, asid = 1, table = TABLE } = owner;
  tlb.insert(va, cpu, regime, asid, table, found);
}

/** The physical address of `va`; undefined where nothing is known. */
function find(va: number, owner: Owner = {}): number | undefined {
  const { cpu = 0, regime = 0, asid = 1, table = TABLE } = owner;
  const result = new WalkResult();
  return tlb.lookup(va, cpu, regime, asid, table, result) ? result.physical : undefined;
}

test('an entry gives back all that a walk found', () => {
  const found = Object.assign(new WalkResult(), {
    fault: FaultKind.None,
    level: 3,
    domain: 15,
    physical: 0xff_ffff_f123,
    leafBits: 12,
    attributes: 31,
    shareability: 3,
    global: false,
    rights: 63,
  });
  tlb.insert(0xffff_f123, 15, 15, 0xff, -4096, found);
  const result = new WalkResult();
  expect(tlb.lookup(0xffff_f123, 15, 15, 0xff, -4096, result)).toBe(true);
  expect(result).toEqual(found);
});

test.each([12, 16, 20, 21, 24, 30])(
  'a leaf of 2^%i bytes answers for its addresses, not for its neighbours',
  (leafBits) => {
    const va = 0x8000_0000;
    // Where a leaf has 16 descriptors, an entry stands for the part of one.
    const size = 2 ** (leafBits === 16 ? 12 : leafBits === 24 ? 20 : leafBits);
    insert(va, { leafBits, physical: 0xc000_0000 });
    expect(find(va + size - 4)).toBe(0xc000_0000 + size - 4);
    expect(find(va + size)).toBeUndefined();
    expect(find(va - 4)).toBeUndefined();
  },
);

describe('an entry belongs to', () => {
  test('its CPU and its regime, global or not', () => {
    for (const global of [true, false]) {
      insert(0x1000, { global });
      expect(find(0x1000)).toBeDefined();
      expect(find(0x1000, { cpu: 1 })).toBeUndefined();
      expect(find(0x1000, { regime: 1 })).toBeUndefined();
    }
  });

  test('its ASID and table unless it is global', () => {
    insert(0x1000, { global: false });
    insert(0x2000, { global: true });
    expect(find(0x1000, { asid: 2 })).toBeUndefined();
    expect(find(0x1000, { table: 0 })).toBeUndefined();
    expect(find(0x2000, { asid: 2, table: 0 })).toBe(0x5000_0000);
  });
});

describe('maintenance', () => {
  test.each([16, 20, 21, 24, 30])('by address drops every piece of a leaf of 2^%i bytes', (leafBits) => {
    const base = 0x4000_0000;
    const pieces = leafBits === 16 || leafBits === 24 ? 16 : 1;
    const step = 2 ** leafBits / pieces;
    for (let i = 0; i < pieces; i++) insert(base + i * step, { leafBits, physical: 0xc000_0000 });
    insert(base + 2 ** leafBits, { leafBits, physical: 0xc000_0000 });
    tlb.invalidateAddress(base + 2 ** leafBits - 1, 0);
    for (let i = 0; i < pieces; i++) expect(find(base + i * step)).toBeUndefined();
    expect(find(base + 2 ** leafBits)).toBeDefined();
  });

  test('by address reaches every ASID and regime of the CPU, or of all', () => {
    const owners = [{ asid: 1 }, { asid: 2 }, { regime: 3 }, { cpu: 1 }];
    for (const owner of owners) insert(0x1000, { global: false }, owner);
    tlb.invalidateAddress(0x1234, 0);
    expect(owners.map((owner) => find(0x1000, owner) !== undefined)).toEqual([false, false, false, true]);
    tlb.invalidateAddress(0x1234, -1);
    expect(find(0x1000, { cpu: 1 })).toBeUndefined();
  });

  test('by ASID spares global entries, other ASIDs and other CPUs', () => {
    insert(0x1000, { global: true }, { asid: 1 });
    insert(0x2000, { global: false }, { asid: 1 });
    insert(0x3000, { global: false }, { asid: 2 });
    insert(0x4000, { global: false }, { asid: 1, cpu: 1 });
    tlb.invalidateAsid(1, 0);
    expect(find(0x1000)).toBeDefined();
    expect(find(0x2000)).toBeUndefined();
    expect(find(0x3000, { asid: 2 })).toBeDefined();
    expect(find(0x4000, { cpu: 1 })).toBeDefined();
    tlb.invalidateAsid(1, -1);
    expect(find(0x4000, { cpu: 1 })).toBeUndefined();
  });

  test('of everything is for one CPU, or for all', () => {
    insert(0x1000);
    insert(0x1000, {}, { cpu: 1 });
    tlb.invalidateAll(0);
    expect([find(0x1000), find(0x1000, { cpu: 1 })]).toEqual([undefined, 0x5000_0000]);
    tlb.invalidateAll(-1);
    expect(find(0x1000, { cpu: 1 })).toBeUndefined();
  });
});

test.each([3, 5000])('everything is gone however much of it there was: %i entries', (count) => {
  const vas = Array.from({ length: count }, (_, i) => i << 12);
  for (let round = 0; round < 3; round++) {
    for (const va of vas) insert(va);
    tlb.invalidateAddress(0x1000, -1);
    insert(0x1000);
    expect(find(0x1000)).toBeDefined();
    tlb.invalidateAll(-1);
    expect(vas.filter((va) => find(va) !== undefined)).toEqual([]);
  }
});

describe('invalidation of everything, where walks find again', () => {
  /** What tables have now, by address. */
  function tablesWith(
    leaves: Record<number, Leaf>,
    rights = 0,
  ): (va: number, regime: number) => WalkResult | undefined {
    return (va, regime) => {
      const leaf = leaves[va];
      if (leaf === undefined || regime !== 0) return undefined;
      const physical = 0x5000_0000 + (va & 0xfff);
      return Object.assign(new WalkResult(), { physical, level: 2, rights }, leaf);
    };
  }

  test('what is global, keeps that, and nothing else', () => {
    insert(0x1000, { global: true });
    insert(0x10_5000, { global: true, leafBits: 20, physical: 0x6000_5000 });
    insert(0x2000, { global: false });
    const tables = tablesWith({ 4096: {}, 1048576: { leafBits: 20, physical: 0x6000_0000 } });
    expect(tlb.invalidateUnlessSame(-1, [tables])).toBe(true);
    expect([find(0x1000), find(0x2000)]).toEqual([0x5000_0000, undefined]);
    expect(find(0x10_7123)).toBe(0x6000_7123);
    expect([tlb.known.hasPage(0x1000), tlb.known.hasLarge(0x10_0000)]).toEqual([true, true]);
    // Also the next time.
    expect(tlb.invalidateUnlessSame(-1, [tables])).toBe(true);
    expect(find(0x1000)).toBeDefined();
  });

  test.each([3, 5000])('what is global among much else, keeps that alone: %i others', (count) => {
    const vas = Array.from({ length: count }, (_, i) => (i + 0x100) << 12);
    const tables = tablesWith({ 4096: {} });
    insert(0x1000, { global: true });
    for (let round = 0; round < 3; round++) {
      for (const va of vas) insert(va, { global: false });
      expect(tlb.invalidateUnlessSame(-1, [tables])).toBe(true);
      expect(find(0x1000)).toBeDefined();
      expect(vas.filter((va) => find(va) !== undefined)).toEqual([]);
    }
  });

  test.each([
    ['is elsewhere', { 4096: {}, 8192: { physical: 0x7000_0000 } }],
    ['is of another size', { 4096: {}, 8192: { leafBits: 16 } }],
    ['is global no longer', { 4096: {}, 8192: { global: false } }],
    ['is not found', { 4096: {} }],
  ])('drops all where one of them %s', (_what, leaves) => {
    insert(0x1000, { global: true });
    insert(0x2000, { global: true });
    expect(tlb.invalidateUnlessSame(-1, [tablesWith(leaves)])).toBe(false);
    expect([find(0x1000), find(0x2000)]).toEqual([undefined, undefined]);
  });

  test('drops all where one has other rights, or was found in another regime', () => {
    insert(0x1000, { global: true });
    expect(tlb.invalidateUnlessSame(-1, [tablesWith({ 4096: {} }, 63)])).toBe(false);
    insert(0x1000, { global: true }, { regime: 1 });
    expect(tlb.invalidateUnlessSame(-1, [tablesWith({ 4096: {} })])).toBe(false);
    expect(find(0x1000, { regime: 1 })).toBeUndefined();
  });

  test('drops all where one had to go before, which first levels may still have', () => {
    const leaves: Record<number, Leaf> = {};
    for (let i = 0; i < 9; i++) {
      const va = 0x1000 + i * 0x40_0000;
      leaves[va] = { global: true };
      insert(va, { global: true });
    }
    expect(tlb.invalidateUnlessSame(-1, [tablesWith(leaves)])).toBe(false);
    insert(0x1000, { global: true });
    expect(tlb.invalidateUnlessSame(-1, [tablesWith(leaves)])).toBe(true);
  });

  test('knows what was invalidated by address before', () => {
    insert(0x1000, { global: true });
    insert(0x2000, { global: true });
    tlb.invalidateAddress(0x2000, -1);
    expect(tlb.invalidateUnlessSame(-1, [tablesWith({ 4096: {} })])).toBe(true);
    expect([find(0x1000), find(0x2000)]).toEqual([0x5000_0000, undefined]);
  });

  test('asks each CPU for its own, and spares the others of one', () => {
    insert(0x1000, { global: true });
    insert(0x2000, { global: true }, { cpu: 1 });
    insert(0x3000, { global: false }, { cpu: 1 });
    const [zero, one] = [tablesWith({ 4096: {} }), tablesWith({ 8192: {} })];
    expect(tlb.invalidateUnlessSame(-1, [zero, one])).toBe(true);
    insert(0x3000, { global: false }, { cpu: 1 });
    expect(tlb.invalidateUnlessSame(0, [tablesWith({}), one])).toBe(false);
    expect([find(0x1000), find(0x2000, { cpu: 1 })]).toEqual([undefined, 0x5000_0000]);
    expect(find(0x3000, { cpu: 1 })).toBe(0x5000_0000);
    expect(tlb.invalidateUnlessSame(1, [zero, one])).toBe(true);
    expect(find(0x2000, { cpu: 1 })).toBe(0x5000_0000);
    expect(find(0x3000, { cpu: 1 })).toBeUndefined();
  });
});

test('what is global stays longer in a set than what is not', () => {
  insert(0x1000, { global: true });
  for (let i = 1; i < 20; i++) insert(0x1000 + i * 0x40_0000, { global: false });
  expect(find(0x1000)).toBeDefined();
});

test('entries that share a set push each other out, and never answer for one another', () => {
  const vas = Array.from({ length: 20 }, (_, i) => 0x1000 + i * 0x40_0000);
  for (const va of vas) insert(va, { physical: 0x6000_0000 + va });
  const found = vas.map((va) => find(va));
  expect(found.filter((pa) => pa !== undefined)).toHaveLength(8);
  for (const [i, pa] of found.entries()) if (pa !== undefined) expect(pa).toBe(0x6000_0000 + vas[i]!);
});

test('more regimes than there are numbers: the old ones are forgotten, not mixed up', () => {
  const numbers = Array.from({ length: 16 }, (_, i) => tlb.regime(i, 0));
  expect(new Set(numbers).size).toBe(16);
  expect(tlb.regime(3, 0)).toBe(numbers[3]);
  insert(0x1000, {}, { regime: numbers[0]! });
  const next = tlb.regime(16, 0);
  expect(find(0x1000, { regime: next })).toBeUndefined();
  expect(find(0x1000, { regime: tlb.regime(0, 0) })).toBeUndefined();
});
