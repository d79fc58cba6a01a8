import { describe, expect, test } from 'vitest';
import type { CoprocessorContext } from '../../../src/arm/coprocessor.ts';
import { cortexA9 } from '../../../src/arm/cortex-a9.ts';
import { cortexA15 } from '../../../src/arm/cortex-a15.ts';
import { systemControlRegisters } from '../../../src/arm/cp15-system.ts';
import { NOTHING_TO_DO, TLB_BY_ADDRESS } from '../../../src/arm/lift/coprocessor.ts';

/** Fails at the first look at anything. */
const UNTOUCHED = new Proxy(
  {},
  {
    get: (_target, name) => {
      throw new Error(`looked at ${String(name)}`);
    },
  },
) as CoprocessorContext;

describe.each([
  ['Cortex-A9', cortexA9],
  ['Cortex-A15', cortexA15],
])('what the lifter does without a call (%s)', (_name, model) => {
  const rows = new Map(systemControlRegisters(model).map((row) => [row.at, row]));

  test('is there, is for privileged modes only, and does nothing', () => {
    for (const at of NOTHING_TO_DO) {
      const row = rows.get(at);
      expect([at.toString(16), row?.user]).toEqual([at.toString(16), 'none']);
      expect(() => row?.write?.(UNTOUCHED, 1)).not.toThrow();
      expect(row?.write).toBeDefined();
    }
  });

  test('or only for pages of which something is known, is maintenance of the TLB by address', () => {
    for (const at of TLB_BY_ADDRESS) {
      const invalidated: unknown[] = [];
      const context = { invalidateTlb: (_all: boolean, va: number | undefined) => invalidated.push(va) };
      rows.get(at)?.write?.(context as unknown as CoprocessorContext, 0x1234_5007);
      expect([at.toString(16), rows.get(at)?.user, invalidated]).toEqual([
        at.toString(16),
        'none',
        [0x1234_5007],
      ]);
    }
  });
});
