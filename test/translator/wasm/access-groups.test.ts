import { describe, expect, test } from 'vitest';
import { IrBuilder } from '../../../src/translator/ir/builder.ts';
import { type HelperInfo, MemFlag } from '../../../src/translator/ir/ops.ts';
import type { IrValue } from '../../../src/translator/ir/value.ts';
import { findAccessGroups, startOf } from '../../../src/translator/wasm/access-groups.ts';

const HELPER: HelperInfo = { name: 'helper', argCount: 0, effects: 0 };
const isSilent = ({ op }: IrValue): boolean => op === 'add' || op === 'get';

interface Guest {
  readonly builder: IrBuilder;
  load(base: number, offset: number, size?: 1 | 2 | 4 | 8, flags?: number): void;
  store(base: number, offset: number, size?: 1 | 2 | 4, flags?: number): void;
}

/** The groups of a block, each as the offsets of its accesses in the order of the block. */
function groupsOf(write: (guest: Guest) => void): number[][] {
  const builder = new IrBuilder();
  const offsets: number[] = [];
  const bases = [0, 1, 2].map((slot) => builder.emit('get', [], slot));
  const at = (base: number, offset: number): IrValue => {
    offsets.push(offset);
    return builder.pure('add', [bases[base]!, builder.const(offset)]);
  };
  const name = { 1: '8', 2: '16', 4: '32', 8: '64' } as const;
  write({
    builder,
    load: (base, offset, size = 4, flags = 0) => {
      builder.emit(`load${name[size]}`, [at(base, offset)], flags);
    },
    store: (base, offset, size = 4, flags = 0) => {
      const [address, value] = [at(base, offset), builder.const(7)];
      builder.emit(size === 1 ? 'store8' : size === 2 ? 'store16' : 'store32', [address, value], flags);
    },
  });
  builder.emit('exitJump', [], 0x1000);
  const { ops } = builder.finish(0, 4);
  const found = findAccessGroups(ops, isSilent) ?? [];
  const groups = new Map<object, number[]>();
  let nth = 0;
  for (const [position, { op }] of ops.entries()) {
    if (!op.startsWith('load') && !op.startsWith('store')) continue;
    const offset = offsets[nth++]!;
    const group = found[position];
    if (group !== undefined) groups.set(group, [...(groups.get(group) ?? []), offset]);
  }
  return [...groups.values()];
}

describe('accesses of a block are a group', () => {
  test('where they are counted from one base, loads and stores, of all sizes', () => {
    const groups = groupsOf((guest) => {
      guest.load(0, 8);
      guest.load(1, 0);
      guest.store(0, 4);
      guest.load(0, 15, 1);
      guest.load(1, 6, 2);
      guest.load(2, 0);
      guest.load(0, 16, 8, MemFlag.AlignedWord);
    });
    expect(groups).toEqual([
      [8, 4, 15, 16],
      [0, 6],
    ]);
  });

  test.each<[string, (guest: Guest) => void]>([
    ['a call', ({ builder }) => builder.call(HELPER)],
    ['a barrier', ({ builder }) => builder.ordered('barrier')],
    ['an exclusive', ({ builder }) => builder.emit('ldex32', [builder.const(0)])],
    ['a store elsewhere', (guest) => guest.store(1, 0)],
    ['a store with the rights of user mode', (guest) => guest.store(0, 4, 4, MemFlag.Unprivileged)],
    [
      'words stored elsewhere',
      (guest) => {
        guest.store(1, 0, 4, MemFlag.AlignedWord);
        guest.store(1, 4, 4, MemFlag.AlignedWord);
      },
    ],
  ])('until %s, which may make void what was found', (_what, between) => {
    const groups = groupsOf((guest) => {
      guest.load(0, 0);
      guest.store(0, 4);
      between(guest);
      guest.load(0, 8);
      guest.load(0, 12);
    });
    expect(groups).toEqual([
      [0, 4],
      [8, 12],
    ]);
  });

  test('but those with the rights of user mode are not in it', () => {
    expect(
      groupsOf((guest) => {
        guest.load(0, 0);
        guest.load(0, 4, 4, MemFlag.Unprivileged);
        guest.load(0, 8);
      }),
    ).toEqual([[0, 8]]);
  });

  test('not farther apart than 256 bytes', () => {
    const groups = groupsOf((guest) => {
      guest.load(0, 0);
      guest.load(0, 252);
      guest.load(0, 256);
      guest.load(0, 260);
    });
    expect(groups).toEqual([
      [0, 252],
      [256, 260],
    ]);
  });

  test('not where one of them is aligned only if another one is not', () => {
    expect(
      groupsOf((guest) => {
        guest.load(0, 0);
        guest.load(0, 6);
        guest.load(0, 7, 1);
      }),
    ).toEqual([[6, 7]]);
  });

  test('not where they must be aligned to eight bytes', () => {
    expect(
      groupsOf((guest) => {
        guest.load(0, 0, 8, MemFlag.Aligned);
        guest.load(0, 8, 8, MemFlag.Aligned);
      }),
    ).toEqual([]);
  });

  test('from a look that may have been skipped on not, but into what may be skipped', () => {
    const groups = groupsOf((guest) => {
      const { builder } = guest;
      guest.load(0, 0);
      const label = builder.newLabel();
      builder.skipIfZero(builder.emit('get', [], 3), label);
      guest.load(0, 4);
      guest.load(1, 0);
      guest.load(1, 4);
      builder.label(label);
      guest.load(1, 8);
      guest.load(0, 8);
    });
    expect(groups).toEqual([
      [0, 4, 8],
      [0, 4],
    ]);
  });

  test('without words of one instruction, which have a look of their own', () => {
    expect(
      groupsOf((guest) => {
        guest.load(0, 0, 4, MemFlag.AlignedWord);
        guest.load(0, 4, 4, MemFlag.AlignedWord);
        guest.load(0, 8);
        guest.load(0, 12);
      }),
    ).toEqual([[8, 12]]);
  });
});

test.each([
  [{ from: 5, anchor: 8, alignment: 4 }, 4],
  [{ from: 8, anchor: 8, alignment: 4 }, 8],
  [{ from: -3, anchor: 2, alignment: 4 }, -6],
  [{ from: 7, anchor: 7, alignment: 1 }, 7],
  [{ from: 1, anchor: 6, alignment: 2 }, 0],
])('a group begins where all of it is aligned if its first byte is: %o at %i', (group, start) => {
  expect(startOf({ ...group, to: 16, isWritten: false, flags: 0, count: 2, host: -1 })).toBe(start);
});
