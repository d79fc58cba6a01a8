import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IrBuilder } from '../../../src/translator/ir/builder.ts';
import type { IrValue } from '../../../src/translator/ir/value.ts';
import { isQuadword, widenWrites } from '../../../src/translator/wasm/wide-writes.ts';
import { type After, byOracle, DATA_BYTES } from '../ir-machine.ts';
import { programOf, steps } from '../random-ir.ts';

test('a block means the same with its writes joined', () => {
  fc.assert(
    fc.property(steps, fc.integer(), fc.constantFrom('built', 'plain'), (program, seed, style) => {
      const block = programOf(program, style);
      const before = {
        slots: Int32Array.from({ length: 96 }, (_unused, i) => Math.imul(seed + i, 0x9e3779b1)),
        bytes: new Uint8Array(DATA_BYTES).fill(seed),
      };
      const [plain, wide] = [block, widenWrites(block)].map((b) => byOracle(b, before)) as [After, After];
      expect([wide.outcome, ...wide.slots].join(' ')).toBe([plain.outcome, ...plain.slots].join(' '));
      expect(Buffer.compare(wide.bytes, plain.bytes)).toBe(0);
    }),
    { numRuns: 600, seed: 20261121 },
  );
});

/** The operations of a block but for markers and its end, as text. */
function widened(write: (b: IrBuilder) => void): readonly string[] {
  const b = new IrBuilder();
  b.marker(0x8000, 0);
  write(b);
  b.ordered('exitJump', [], 0x8004);
  const { ops } = widenWrites(b.finish(0x8000, 4));
  return ops
    .filter(({ op }) => op !== 'marker' && op !== 'exitJump')
    .map(({ op, imm }) => (/^[gs]et/.test(op) ? `${op} ${imm}` : op));
}

test('two words of a doubleword become one write, past reads of other slots', () => {
  const moved = widened((b) => {
    b.set(40, b.get(36));
    b.set(41, b.xor(b.get(37), b.const(-0x80000000)));
  });
  expect(moved).toEqual(['get 36', 'get 37', 'xor', 'pack64', 'set64 40']);
});

test('four equal words become the two doublewords of a quadword', () => {
  const b = new IrBuilder();
  const word = b.get(0);
  for (let i = 0; i < 4; i++) b.set(48 + i, word);
  const { ops } = widenWrites(b.finish(0, 4));
  const writes = ops.filter(({ op }) => op === 'set64') as [IrValue, IrValue];
  expect(writes.map(({ imm }) => imm)).toEqual([48, 50]);
  expect(ops.indexOf(writes[1]) - ops.indexOf(writes[0])).toBe(1);
  expect(isQuadword(...writes)).toBe(true);
});

test('doublewords that straddle quadwords, and core registers, stay as they are', () => {
  const value = { op: 'set64', imm: 34 } as IrValue;
  expect(isQuadword(value, { ...value, imm: 36 })).toBe(false);
  expect(isQuadword({ ...value, imm: 28 }, { ...value, imm: 30 })).toBe(false);
  const registers = widened((b) => {
    b.set(2, b.const(1));
    b.set(3, b.const(2));
  });
  expect(registers).toEqual(['set 2', 'set 3']);
});

test('a write does not move past a read of its slot, or past an operation that may show it', () => {
  const read = widened((b) => {
    b.set(40, b.get(0));
    b.emit('get', [], 40);
    b.set(41, b.get(1));
  });
  expect(read).toEqual(['get 0', 'set 40', 'get 40', 'get 1', 'set 41']);
  const load = widened((b) => {
    b.set(40, b.get(0));
    b.set(41, b.load('load32', b.get(1)));
  });
  expect(load).toEqual(['get 0', 'get 1', 'set 40', 'load32', 'set 41']);
});
