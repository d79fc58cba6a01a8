import { expect, test } from 'vitest';
import { L2C310, L2c310 } from '../../src/devices/l2c-310.ts';

test('an L2C-310 tells what it is and keeps its configuration (ARM DDI 0246 3.3)', () => {
  const errors: string[] = [];
  const log = { guestError: (message: string) => errors.push(message), unimplemented: () => {} };
  const cache = new L2c310(log);
  expect([cache.read(L2C310.CacheId), cache.read(L2C310.CacheType)]).toEqual([0x410000c8, 0x1c100100]);
  cache.write(L2C310.AuxControl, 4, 0x7203_0000);
  cache.write(L2C310.Control, 4, 1);
  const restored = new L2c310(log);
  restored.restoreState(cache.saveState());
  cache.reset();
  expect([restored.read(L2C310.AuxControl), restored.read(L2C310.Control)]).toEqual([0x7203_0000, 1]);
  expect([cache.read(L2C310.AuxControl), cache.read(L2C310.Control)]).toEqual([0x0202_0000, 0]);
  expect(errors).toEqual([]);
});

test('maintenance is complete at once: operations read as done', () => {
  const errors: string[] = [];
  const cache = new L2c310({ guestError: (message) => errors.push(message), unimplemented: () => {} });
  for (const operation of [0x730, 0x770, 0x77c, 0x7b0, 0x7bc, 0x7f0, 0x7fc, 0x900, 0x93c]) {
    cache.write(operation, 4, 0xffff);
    expect(cache.read(operation)).toBe(0);
  }
  expect(errors).toEqual([]);
  cache.write(L2C310.CacheId, 4, 0);
  expect(errors).toHaveLength(1);
});
