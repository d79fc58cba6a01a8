import { expect, test } from 'vitest';
import { PromotionThreshold } from '../../../src/translator/wasm/promotion-threshold.ts';

const LEAST = 1000;
const MOST = 6000;

/** What is asked for after compilations of so many milliseconds, each at the end of so long a time. */
function runsAfter(times: number, ms: number, passedMs: number): number {
  const threshold = new PromotionThreshold(LEAST, MOST, 0);
  for (let i = 1; i <= times; i++) threshold.spent(ms, i * passedMs);
  return threshold.runs;
}

test('a host where compiling takes little of the time asks for few runs', () => {
  expect(runsAfter(0, 0, 0)).toBe(LEAST);
  expect(runsAfter(100, 5, 1000)).toBe(LEAST);
});

test('where compiling takes much of the time, blocks must run oftener, up to a limit', () => {
  expect(runsAfter(1, 100, 150)).toBe(2 * LEAST);
  expect(runsAfter(2, 100, 150)).toBe(4 * LEAST);
  expect(runsAfter(50, 100, 150)).toBe(MOST);
});

test('compiling for half of the time is what a guest is worth whose code is all new', () => {
  expect(runsAfter(50, 100, 210)).toBe(LEAST);
});

test('small regions count together', () => {
  expect(runsAfter(100, 5, 8)).toBe(MOST);
  expect(runsAfter(3, 5, 8)).toBe(LEAST);
});

test('when there is little left to compile, few runs are enough again', () => {
  const threshold = new PromotionThreshold(LEAST, MOST, 0);
  for (let i = 1; i <= 5; i++) threshold.spent(100, i * 150);
  for (let i = 1; i <= 5; i++) threshold.spent(100, 1000 + i * 5000);
  expect(threshold.runs).toBe(LEAST);
});

test('where nothing runs often enough any more, time alone brings few runs back', () => {
  const threshold = new PromotionThreshold(LEAST, MOST, 0);
  for (let i = 1; i <= 3; i++) threshold.spent(100, i * 150);
  threshold.refused(849);
  expect(threshold.runs).toBe(MOST);
  threshold.refused(850);
  threshold.refused(851);
  expect(threshold.runs).toBe(MOST / 2);
  for (let i = 1; i <= 5; i++) threshold.refused(850 + i * 400);
  expect(threshold.runs).toBe(LEAST);
});

test('after waiting, a host where compiling is as dear as before asks for as many runs again', () => {
  const threshold = new PromotionThreshold(LEAST, MOST, 0);
  for (let i = 1; i <= 3; i++) threshold.spent(100, i * 150);
  threshold.refused(850);
  threshold.spent(100, 950);
  expect(threshold.runs).toBe(MOST / 2 / 2);
  for (let i = 1; i <= 3; i++) threshold.spent(100, 950 + i * 150);
  expect(threshold.runs).toBe(MOST);
});

test('a limit below the least means the least', () => {
  const threshold = new PromotionThreshold(3, 1, 0);
  threshold.spent(1000, 1000);
  expect(threshold.runs).toBe(3);
});
