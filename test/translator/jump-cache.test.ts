import { beforeEach, describe, expect, test } from 'vitest';
import { MachineMemory } from '../../src/memory/machine-memory.ts';
import { JumpCache } from '../../src/translator/jump-cache.ts';

const PC = 0xc000_8000 | 0;
const THUMB = 1;
let jumps: JumpCache;

beforeEach(() => {
  jumps = new JumpCache(new MachineMemory(0x1_0000));
  jumps.contextTag = 4;
  jumps.sharedTag = -16;
});

describe('what one context knows', () => {
  test('another does not, nor the other instruction set', () => {
    jumps.remember(PC, 0, 1234, 7);
    expect([jumps.recall(PC, 0), jumps.regionAt(PC, 0)]).toEqual([1234, 7]);
    expect([jumps.recall(PC, THUMB), jumps.recall(PC + 4, 0)]).toEqual([0, 0]);
    jumps.contextTag = 8;
    expect(jumps.recall(PC, 0)).toBe(0);
  });

  test('others with the same shared tag know, where it is shared', () => {
    jumps.remember(PC, THUMB, 1234, 7, true);
    jumps.contextTag = 8;
    expect([jumps.recall(PC, THUMB), jumps.recall(PC, 0)]).toEqual([1234, 0]);
    jumps.sharedTag = -20;
    expect(jumps.recall(PC, THUMB)).toBe(0);
  });

  test('is forgotten with its page, whoever knew it', () => {
    jumps.remember(PC, 0, 1, 0, true);
    const others = [2, 8, 0x800, 0xffe].map((offset) => PC + offset);
    for (const pc of others) jumps.remember(pc, 0, 2);
    jumps.forgetPage(PC + 0x123);
    for (const pc of [PC, ...others]) expect(jumps.recall(pc, 0)).toBe(0);
  });

  test('leaves alone what another page of the same place in a larger one knows', () => {
    jumps.remember(PC, 0, 1);
    for (let mib = 1; mib < 16; mib++) jumps.remember(PC + (mib << 20), 0, 2);
    expect(jumps.recall(PC, 0)).toBe(1);
  });
});

/** Another address of the same set. */
const other = (n: number) => PC ^ (n << 17) ^ (n << 2);

describe('an address has two places', () => {
  test('so that two addresses of one set are known, and a third one takes the place of the one that came first', () => {
    for (const n of [0, 1]) jumps.remember(other(n), 0, 100 + n, 200 + n);
    expect([0, 1].map((n) => [jumps.recall(other(n), 0), jumps.regionAt(other(n), 0)])).toEqual([
      [100, 200],
      [101, 201],
    ]);
    jumps.remember(other(2), 0, 102);
    expect([0, 1, 2].map((n) => jumps.recall(other(n), 0))).toEqual([0, 101, 102]);
  });

  test('so that two contexts know the same address', () => {
    jumps.remember(PC, 0, 1, 11);
    jumps.contextTag = 8;
    jumps.remember(PC, 0, 2, 12);
    expect([jumps.recall(PC, 0), jumps.regionAt(PC, 0)]).toEqual([2, 12]);
    jumps.contextTag = 4;
    expect([jumps.recall(PC, 0), jumps.regionAt(PC, 0)]).toEqual([1, 11]);
  });

  test('of which what is remembered anew takes its own, and no other one', () => {
    for (const n of [0, 1, 0, 0]) jumps.remember(other(n), 0, 100 + n);
    jumps.remember(PC, 0, 7, 8);
    expect([jumps.recall(PC, 0), jumps.regionAt(PC, 0), jumps.recall(other(1), 0)]).toEqual([7, 8, 101]);
  });

  test('and is forgotten in both', () => {
    jumps.remember(PC, 0, 1);
    jumps.contextTag = 8;
    jumps.remember(PC, 0, 2);
    jumps.forget(PC);
    expect(jumps.recall(PC, 0)).toBe(0);
    jumps.contextTag = 4;
    expect(jumps.recall(PC, 0)).toBe(0);
  });
});

test('the code that was known last is still named, until others take the places', () => {
  expect(jumps.lastCode(PC)).toBe(0);
  jumps.remember(PC, 0, 1234);
  jumps.forgetAll();
  expect(jumps.lastCode(PC)).toBe(1234);
  for (const n of [1, 2]) jumps.remember(other(n), 0, 99);
  expect(jumps.lastCode(PC)).toBe(0);
});

describe('what one CPU knows', () => {
  beforeEach(() => {
    jumps.cpus = 4;
  });

  test('stays when another one finds the same code', () => {
    jumps.remember(PC, 0, 1234, 7, true);
    jumps.cpu = 3;
    jumps.sharedTag = -20;
    expect(jumps.recall(PC, 0)).toBe(0);
    jumps.remember(PC, 0, 1234, 7, true);
    jumps.cpu = 0;
    jumps.sharedTag = -16;
    expect([jumps.recall(PC, 0), jumps.regionAt(PC, 0)]).toEqual([1234, 7]);
  });

  test.each([0, 1, 2, 3])('is forgotten by its address and with its page, whoever runs: CPU %d', (cpu) => {
    jumps.cpu = cpu;
    for (const forget of [() => jumps.forget(PC), () => jumps.forgetPage(PC)]) {
      jumps.cpu = cpu;
      jumps.remember(PC, 0, 1234);
      jumps.cpu = 1;
      forget();
      jumps.cpu = cpu;
      expect(jumps.recall(PC, 0)).toBe(0);
    }
  });
});
