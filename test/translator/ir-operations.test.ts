import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IrBuilder } from '../../src/translator/ir/builder.ts';
import { type IrType, OPS, type OpName } from '../../src/translator/ir/ops.ts';
import type { IrBlock, IrValue } from '../../src/translator/ir/value.ts';
import { type Before, byOracle, DATA, DATA_BYTES, IrMachine } from './ir-machine.ts';
import { immediateOf, isCarry, PURE_OPS } from './random-ir.ts';

const machine = new IrMachine();
/** Operands are read from here on, 16 bytes each; the result goes to slot 64. */
const OPERANDS = 32;
const RESULT = 64;
const GET = { i32: 'get', i64: 'get64', f32: 'getF32', f64: 'getF64', v128: 'getV128' } as const;
const SET = { i32: 'set', i64: 'set64', f32: 'setF32', f64: 'setF64', v128: 'setV128' } as const;

type Kind = 'from slots' | 'constant';
type Valued = Exclude<IrType, 'void'>;

function block(body: (b: IrBuilder) => void): IrBlock {
  const b = new IrBuilder();
  b.marker(0x1000, 0);
  body(b);
  b.exit('exitJump', [], 0x1004);
  return b.finish(0x1000, 4);
}

function operand(b: IrBuilder, type: Valued, i: number, slots: Int32Array, kind: Kind): IrValue {
  const slot = OPERANDS + 4 * i;
  if (kind === 'constant') {
    if (type === 'i32') return b.const(slots[slot]!);
    if (type === 'i64') return b.const64(slots[slot]!, slots[slot + 1]!);
  }
  return b.emit(GET[type], [], slot);
}

function pureBlock(op: OpName, slots: Int32Array, kinds: readonly Kind[], choice: number): IrBlock {
  return block((b) => {
    const args = (OPS[op].args as readonly Valued[]).map((type, i) => {
      const value = operand(b, type, i, slots, kinds[i]!);
      return isCarry(op, i) ? b.pure('and', [value, b.const(1)]) : value;
    });
    const result = b.pure(op, args, immediateOf(op, choice));
    b.emit(SET[result.type as Valued], [result], RESULT);
  });
}

const word = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, 1, -1, 2, 31, 32, 33, 63, 64, 255, 256, -0x80000000, 0x7fffffff, 0x80, 0x8000, 0xffff),
  // Signalling and quiet NaNs, whose bits must come through as they are.
  fc.constantFrom(0x7f800001, 0x7ff00000, 0x7ff00001, 0x7ff80000, -0x000fffff),
);
const before = fc.array(word, { minLength: 16, maxLength: 16 }).map((words): Before => {
  const slots = new Int32Array(96);
  slots.set(words, OPERANDS);
  return { slots, bytes: new Uint8Array(DATA_BYTES) };
});
const kind = fc.constantFrom<Kind>('from slots', 'constant');
const kinds = fc.array(kind, { minLength: 3, maxLength: 3 });

function agrees(ir: IrBlock, start: Before): void {
  const expected = byOracle(ir, start);
  for (const passes of ['optimised', 'as it stands'] as const) {
    const got = machine.run(ir, start, passes);
    expect(got.outcome.join(' ')).toBe(expected.outcome.join(' '));
    expect(got.slots.join(' ')).toBe(expected.slots.join(' '));
    expect(Buffer.compare(got.bytes, expected.bytes)).toBe(0);
  }
}

describe('an operation without effects gives what the oracle gives', () => {
  test.each(PURE_OPS)('%s', (op) => {
    fc.assert(
      fc.property(before, kinds, fc.nat({ max: 255 }), (start, chosen, choice) => {
        agrees(pureBlock(op, start.slots, chosen, choice), start);
      }),
      { numRuns: 150, seed: 7 },
    );
  });
});

describe('accesses of every width, by the fast path and the slow one, aligned and not, over a page border', () => {
  const page = fc.nat({ max: 5 });
  const place = fc.tuple(
    page,
    fc.oneof(fc.constantFrom(0, 8, 16, 0xff8, 0xffc, 0xfff), fc.nat({ max: 0xfff })),
  );
  const filled = fc.tuple(before, fc.nat({ max: 255 })).map(([start, seed]) => ({
    ...start,
    bytes: Uint8Array.from({ length: DATA_BYTES }, (_, i) => i * 31 + seed + (i >> 8)),
  }));
  const LOADS = [
    'load8',
    'load16',
    'load32',
    'load64',
    'load128',
    'ldex8',
    'ldex16',
    'ldex32',
    'ldex64',
  ] as const;
  const STORES = ['store8', 'store16', 'store32', 'store64', 'store128'] as const;
  const STORE_EXCLUSIVES = ['stex8', 'stex16', 'stex32', 'stex64'] as const;

  const addressed = (
    check: (
      start: Before,
      address: (b: IrBuilder) => IrValue,
      flags: number,
      chosen: readonly Kind[],
    ) => void,
  ): void => {
    fc.assert(
      fc.property(
        filled,
        place,
        fc.nat({ max: 7 }),
        fc.nat({ max: 64 }),
        kinds,
        (start, [n, at], flags, offset, chosen) => {
          const va = DATA + n * 0x1000 + at - 0x1000;
          start.slots[0] = va - offset;
          const address = (b: IrBuilder): IrValue =>
            chosen[0] === 'constant' ? b.const(va) : b.add(b.get(0), b.const(offset));
          check(start, address, flags, chosen);
        },
      ),
      { numRuns: 150, seed: 8 },
    );
  };

  test.each(LOADS)('%s', (op) => {
    addressed((start, address, flags) => {
      const ir = block((b) => {
        const value = b.emit(op, [address(b)], op.startsWith('ldex') ? 0 : flags);
        b.emit(SET[value.type as Valued], [value], RESULT);
      });
      agrees(ir, start);
    });
  });

  test.each([...STORES, ...STORE_EXCLUSIVES])('%s', (op) => {
    addressed((start, address, flags, chosen) => {
      const ir = block((b) => {
        const value = operand(b, OPS[op].args[1] as Valued, 1, start.slots, chosen[1]!);
        const status = b.emit(op, [address(b), value], op.startsWith('stex') ? 0 : flags);
        if (op.startsWith('stex')) b.set(RESULT, status);
      });
      agrees(ir, start);
    });
  });
});

test('64-bit values keep their bits when the code that moves them is hot: signalling NaNs too', () => {
  const start: Before = { slots: new Int32Array(96), bytes: new Uint8Array(DATA_BYTES) };
  start.slots[OPERANDS] = 0x00000001;
  start.slots[OPERANDS + 1] = 0x7ff00000;
  const ir = block((b) => {
    const address = b.const(DATA + 8);
    b.emit('store64', [address, b.emit('get64', [], OPERANDS)], 0);
    const back = b.emit('load64', [address], 0);
    b.emit('setF64', [b.emit('f64FromBits', [back], 0)], RESULT);
  });
  for (let i = 0; i < 20_000; i++) {
    const { slots } = machine.run(ir, start, 'optimised');
    if (slots[RESULT] !== 1 || slots[RESULT + 1] !== 0x7ff00000) {
      throw new Error(`round ${i}: 0x${(slots[RESULT + 1]! >>> 0).toString(16)} ${slots[RESULT]}`);
    }
  }
});
