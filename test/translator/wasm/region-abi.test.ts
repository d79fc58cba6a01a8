import { expect, test } from 'vitest';
import { MemoryLayout } from '../../../src/memory/machine-memory.ts';
import { RegionWord } from '../../../src/translator/wasm/region-abi.ts';

test('no two of the words between regions and the engine are one, and none is outside of their place', () => {
  const addresses = Object.values(RegionWord);
  expect(new Set(addresses).size).toBe(addresses.length);
  for (const address of addresses) {
    expect(address % 4).toBe(0);
    expect(address).toBeGreaterThanOrEqual(MemoryLayout.regionWords);
    expect(address).toBeLessThan(MemoryLayout.pendingWords);
  }
});
