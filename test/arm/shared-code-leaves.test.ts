import { describe, expect, test } from 'vitest';
import { SharedCode } from '../../src/arm/shared-code.ts';
import { Rights, WalkResult } from '../../src/vmsa/walk.ts';

const MIB = 2 ** 20;
const none = (): void => {};

function found(physical: number, leafBits: number, rights: number = Rights.All): WalkResult {
  return Object.assign(new WalkResult(), { physical, leafBits, rights });
}

/** Walks of tables that map everything by leaves of one size, at a distance. */
function tables(distance: number, leafBits: number, walk: WalkResult): (va: number) => boolean {
  return (va) => {
    Object.assign(walk, found((va >>> 0) + distance, leafBits));
    return true;
  };
}

function noted(addresses: readonly number[], distance: number, leafBits: number): SharedCode {
  const shared = new SharedCode(1);
  for (const va of addresses) shared.note(va | 0, found(va + distance, leafBits));
  return shared;
}

describe('leaves that code was fetched from', () => {
  test('are kept, each once, where walks find them again', () => {
    const shared = noted([0xc010_0123, 0xc010_0456, 0xc020_0000, 0xc010_0fff], 0x8000_0000, 20);
    const walk = new WalkResult();
    const kept: number[] = [];
    expect(shared.confirm(tables(0x8000_0000, 20, walk), walk, (va) => kept.push(va >>> 0))).toBe(true);
    expect(kept).toEqual([0xc010_0000, 0xc020_0000]);
  });

  test.each([
    ['elsewhere', 0x8000_0000, 20],
    ['elsewhere, above 4 GiB', 2 ** 32, 20],
    ['of another size', 0, 12],
  ])('are not when one is %s', (_what, distance, leafBits) => {
    const shared = noted([0x4010_0000], 0, 20);
    const walk = new WalkResult();
    expect(shared.confirm(tables(distance, leafBits, walk), walk, none)).toBe(false);
  });

  test('are not where two fetches did not agree', () => {
    const shared = noted([0x4010_0000], 0, 20);
    shared.note(0x4010_0000, found(0x5010_0000, 20));
    const walk = new WalkResult();
    expect(shared.confirm(tables(0, 20, walk), walk, none)).toBe(false);
  });

  test('are a bounded number, and begin anew with another number', () => {
    const many = Array.from({ length: 65 }, (_unused, i) => i * MIB);
    const walk = new WalkResult();
    expect(noted(many.slice(1), 0, 20).confirm(tables(0, 20, walk), walk, none)).toBe(true);
    const shared = noted(many, 0, 20);
    expect(shared.confirm(tables(0, 20, walk), walk, none)).toBe(false);
    shared.renew(2);
    shared.note(0, found(0, 20));
    expect(shared.confirm(tables(0, 20, walk), walk, none)).toBe(true);
  });

  test('of 16 descriptors are as many leaves', () => {
    const walk = new WalkResult();
    const kept: number[] = [];
    noted([0x4000_0000, 0x4001_0000 - 1], 0, 16).confirm(tables(0, 16, walk), walk, (va) => kept.push(va));
    expect(kept).toEqual([0x4000_0000, 0x4000_f000]);
  });
});
