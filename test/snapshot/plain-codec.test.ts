import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignPlain, copyPlain } from '../../src/ports/plain-state.ts';
import type { PlainValue } from '../../src/ports/saveable.ts';
import { decodePlain, encodePlain } from '../../src/snapshot/plain-codec.ts';

const { value: anyPlain } = fc.letrec<{ value: PlainValue; leaf: PlainValue }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(undefined, null, true, false, -0, Number.POSITIVE_INFINITY),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    fc.uint16Array(),
    fc.uint32Array(),
    fc.int32Array(),
    fc.float64Array({ noNaN: true }),
  ),
  value: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
  ),
}));

describe('a plain value', () => {
  test('comes back from its bytes as it was', () => {
    fc.assert(
      fc.property(anyPlain, (value) => {
        expect(decodePlain(encodePlain(value))).toStrictEqual(value);
      }),
    );
  });

  test('is copied with all that is in it', () => {
    fc.assert(
      fc.property(anyPlain, (value) => {
        expect(copyPlain(value)).toStrictEqual(value);
      }),
    );
    const words = new Int32Array(4);
    const copy = copyPlain({ words, list: [{ a: 1 }] });
    words[0] = 1;
    expect(copy.words[0]).toBe(0);
  });

  test('is refused when its bytes are cut short, go on, or are changed into nonsense', () => {
    fc.assert(
      fc.property(anyPlain, fc.nat(), fc.nat(255), (value, at, byte) => {
        const bytes = encodePlain(value);
        expect(() => decodePlain(bytes.subarray(0, at % bytes.length))).toThrow(RangeError);
        expect(() => decodePlain(Uint8Array.of(...bytes, 0))).toThrow(RangeError);
        bytes[at % bytes.length] = byte;
        try {
          decodePlain(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  test('that claims a huge length or depth costs nothing', () => {
    expect(() => decodePlain(Uint8Array.of(16, 0xff, 0xff, 0xff, 0xff))).toThrow(RangeError);
    expect(() => decodePlain(Uint8Array.of(8, 0xff, 0xff, 0xff, 0x7f))).toThrow(RangeError);
    const nested = new Uint8Array(5 * 10_000);
    for (let i = 0; i < nested.length; i += 5) nested.set([16, 1, 0, 0, 0], i);
    expect(() => decodePlain(nested)).toThrow(RangeError);
  });

  test('with a property __proto__ changes no prototype', () => {
    const decoded = decodePlain(encodePlain(Object.fromEntries([['__proto__', { polluted: true }]])));
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  });
});

describe('a state that is put back', () => {
  const live = () => ({ on: false, level: 3, words: new Int32Array(2), timers: [{ at: 1 }, { at: 2 }] });

  test('is written into the arrays and objects that are there', () => {
    const target = live();
    const { words, timers } = target;
    assignPlain(
      target,
      { on: true, level: 9, words: Int32Array.of(7, 8), timers: [{ at: 5 }, { at: 6 }] },
      'it',
    );
    expect(target).toEqual({
      on: true,
      level: 9,
      words: Int32Array.of(7, 8),
      timers: [{ at: 5 }, { at: 6 }],
    });
    expect(target.words).toBe(words);
    expect(target.timers).toBe(timers);
  });

  test.each<[string, object]>([
    ['it.on', { on: 1 }],
    ['it.level', { level: 'high' }],
    ['it.level', { level: Number.NaN }],
    ['it.words', { words: new Int32Array(3) }],
    ['it.words', { words: new Uint32Array(2) }],
    ['it.timers', { timers: [{ at: 1 }] }],
    ['it.timers.0.at', { timers: [{ at: null }, { at: 2 }] }],
    ['it', { more: 1 }],
  ])('with another shape at %s is refused by that name', (path, change) => {
    const state = { ...live(), ...change } as PlainValue;
    expect(() => assignPlain(live(), state, 'it')).toThrow(`the state of ${path} has`);
  });
});
