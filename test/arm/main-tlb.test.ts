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
