import { describe, expect, test } from 'vitest';
import { domainAccess, type ShortWalkRegime, walkShort } from '../../src/vmsa/short-descriptor.ts';
import { FaultKind, WalkResult } from '../../src/vmsa/walk.ts';
import { FakeMemory, rightsOf } from './support.ts';

const TTBR0 = 0x8000_0000;
const TTBR1 = 0x9000_0000;
const SECOND = 0xa000_0400;
const PXN_SECTION = 1;

const REGIME: ShortWalkRegime = {
  ttbr0: TTBR0,
  ttbr1: TTBR1,
  ttbcr: 0,
  accessFlagEnable: false,
  bigEndianTables: false,
  hasPxn: true,
};

function walk(va: number, memory: FakeMemory, regime: Partial<ShortWalkRegime> = {}): WalkResult {
  const result = new WalkResult();
  // What an earlier walk has left must not show.
  Object.assign(result, {
    fault: 99,
    level: 9,
    domain: 7,
    physical: 1,
    leafBits: 1,
    attributes: 31,
    rights: 63,
  });
  walkShort(va >>> 0, { ...REGIME, ...regime }, memory.read, result);
  return result;
}

/** A first-level word for `va` under TTBR0 with TTBCR.N = 0. */
const first = (va: number): number => TTBR0 + (va >>> 20) * 4;
const pageTable = (domain = 0, pxn = 0): number => SECOND | (domain << 5) | (pxn << 2) | 1;
const second = (va: number): number => SECOND + ((va >>> 12) & 0xff) * 4;

function section(pa: number, ap = 3, domain = 0): number {
  return (pa & 0xfff00000) | ((ap >> 2) << 15) | ((ap & 3) << 10) | (domain << 5) | 2;
}

describe('the first level', () => {
  test('is indexed by VA[31:20] from TTBR0 when TTBCR.N is 0, for all addresses (B3.5.4)', () => {
    for (const va of [0, 0x0010_0000, 0x7ff0_0000, 0x8000_0000, 0xfff0_0000]) {
      const memory = new FakeMemory();
      expect(walk(va + 0x123, memory)).toMatchObject({ fault: FaultKind.Translation, level: 1 });
      expect(memory.reads).toEqual([first(va)]);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7])(
    'with TTBCR.N = %i: addresses with any of the top N bits set go by TTBR1',
    (n) => {
      const limit = 2 ** (32 - n);
      const read = (va: number): number => {
        const memory = new FakeMemory();
        walk(va, memory, { ttbcr: n });
        return memory.reads[0]!;
      };
      expect(read(0)).toBe(TTBR0);
      expect(read(limit - 1)).toBe(TTBR0 + ((limit - 1) >>> 20) * 4);
      expect(read(limit)).toBe(TTBR1 + (limit / 2 ** 20) * 4);
      expect(read(0xffff_ffff)).toBe(TTBR1 + 0x3ffc);
    },
  );

  test('a smaller table of TTBR0 has a base with more bits, 31 to 14 - N', () => {
    const memory = new FakeMemory();
    // Bits below the base (attributes of the walk) do not count.
    walk(0x10_0000, memory, { ttbcr: 3, ttbr0: 0x8000_0800 | 0x4a });
    expect(memory.reads).toEqual([0x8000_0800 + 4]);
    walk(0x10_0000, memory, { ttbcr: 0, ttbr0: 0x8000_3fff });
    expect(memory.reads[1]).toBe(0x8000_0000 + 4);
  });

  test('TTBCR.PD0 and PD1 make a walk by their register a translation fault, without a read', () => {
    const memory = new FakeMemory();
    expect(walk(0, memory, { ttbcr: 0x10 })).toMatchObject({ fault: FaultKind.Translation, level: 1 });
    expect(walk(0x8000_0000, memory, { ttbcr: 0x21 })).toMatchObject({
      fault: FaultKind.Translation,
      level: 1,
    });
    expect(memory.reads).toEqual([]);
    walk(0x8000_0000, memory, { ttbcr: 0x11 });
    walk(0, memory, { ttbcr: 0x21 });
    // With N = 0 there is no TTBR1 to be disabled.
    walk(0x8000_0000, memory, { ttbcr: 0x20 });
    expect(memory.reads).toEqual([TTBR1 + 0x2000, TTBR0, TTBR0 + 0x2000]);
  });

  test('an entry of type 0 is a translation fault; of type 3 too where PXN does not exist', () => {
    for (const [word, hasPxn] of [
      [0xffff_fffc, true],
      [section(0) | 1, false],
    ] as const) {
      const memory = new FakeMemory({ [first(0)]: word });
      expect(walk(0, memory, { hasPxn })).toMatchObject({ fault: FaultKind.Translation, level: 1 });
    }
  });

  test('that does not answer is an external abort on the first level', () => {
    const memory = new FakeMemory();
    memory.silent.add(first(0));
    expect(walk(0, memory)).toMatchObject({ fault: FaultKind.ExternalOnWalk, level: 1 });
  });

  test('is read big-endian with SCTLR.EE', () => {
    const memory = new FakeMemory({ [first(0x1234_5678)]: 0x020c_1044 });
    const result = walk(0x1234_5678, memory, { bigEndianTables: true });
    // The descriptor is 0x44100c02.
    expect(result).toMatchObject({ fault: FaultKind.None, physical: 0x4414_5678 });
    expect(rightsOf(result)).toBe('rwx rwx');
  });
});

describe('a section', () => {
  test('maps 1 MiB: PA[31:20] of the descriptor, VA[19:0]', () => {
    const result = walk(0x1234_5678, new FakeMemory({ [first(0x1234_5678)]: section(0xfff0_0000) }));
    expect(result).toMatchObject({ fault: FaultKind.None, physical: 0xfff4_5678, leafBits: 20 });
  });

  test('has its attributes where Figure B3-4 has them', () => {
    const at = (word: number) => walk(0, new FakeMemory({ [first(0)]: section(0, 0, 0) | word }));
    const none = at(0);
    expect(none).toMatchObject({
      attributes: 0,
      shareability: 0,
      global: true,
    });
    expect(at(1 << 2).attributes).toBe(0b00001);
    expect(at(1 << 3).attributes).toBe(0b00010);
    expect(at(5 << 12).attributes).toBe(0b10100);
    expect(rightsOf(none)).toBe('--- ---');
    const full = 3 << 10;
    expect(rightsOf(at(full))).toBe('rwx rwx');
    expect(rightsOf(at(full | (1 << 15)))).toBe('r-x r-x');
    expect(rightsOf(at(full | (1 << 4)))).toBe('rw- rw-');
    expect(rightsOf(at(full | PXN_SECTION))).toBe('rw- rwx');
    expect(at(1 << 16).shareability).toBe(2);
    expect(at(1 << 17).global).toBe(false);
    expect(walk(0, new FakeMemory({ [first(0)]: section(0, 3, 13) })).domain).toBe(13);
  });
});

describe('a supersection', () => {
  const word = section(0x5600_0000) | (1 << 18);

  test('maps 16 MiB, with PA[39:36] and PA[35:32] in bits 8:5 and 23:20', () => {
    const va = 0x12b4_5678;
    expect(walk(va, new FakeMemory({ [first(va)]: word }))).toMatchObject({
      fault: FaultKind.None,
      physical: 0x56b4_5678,
      leafBits: 24,
    });
    const high = walk(va, new FakeMemory({ [first(va)]: word | (9 << 20) | (3 << 5) }));
    expect(high.physical).toBe(0x39 * 2 ** 32 + 0x56b4_5678);
  });

  test('is in domain 0, whatever stands in the field that is part of its address', () => {
    const memory = new FakeMemory({ [first(0)]: word | (5 << 5) });
    expect(walk(0, memory)).toMatchObject({ fault: FaultKind.None, domain: 0 });
  });
});

describe('the second level', () => {
  test('is indexed by VA[19:12] from bits 31:10 of the first, with its domain', () => {
    const va = 0x1234_5678;
    const memory = new FakeMemory({ [first(va)]: pageTable(9) });
    expect(walk(va, memory)).toMatchObject({ fault: FaultKind.Translation, level: 2, domain: 9 });
    expect(memory.reads).toEqual([first(va), second(va)]);
    memory.silent.add(second(va));
    expect(walk(va, memory)).toMatchObject({ fault: FaultKind.ExternalOnWalk, level: 2, domain: 9 });
  });

  test('a small page maps 4 KiB, with its attributes where Figure B3-5 has them', () => {
    const va = 0x1234_5678;
    const at = (word: number, table = pageTable()) =>
      walk(va, new FakeMemory({ [first(va)]: table, [second(va)]: 0xcafe_b000 | 2 | word }));
    expect(at(0)).toMatchObject({
      fault: FaultKind.None,
      physical: 0xcafe_b678,
      leafBits: 12,
      attributes: 0,
      shareability: 0,
      global: true,
    });
    const full = 3 << 4;
    expect(rightsOf(at(0))).toBe('--- ---');
    expect(rightsOf(at(full))).toBe('rwx rwx');
    expect(rightsOf(at(full | (1 << 9)))).toBe('r-x r-x');
    expect(rightsOf(at(full | 1))).toBe('rw- rw-');
    expect(rightsOf(at(full, pageTable(0, 1)))).toBe('rw- rwx');
    expect(at(1 << 2).attributes).toBe(0b00001);
    expect(at(1 << 3).attributes).toBe(0b00010);
    expect(at(5 << 6).attributes).toBe(0b10100);
    expect(at(1 << 10).shareability).toBe(2);
    expect(at(1 << 11).global).toBe(false);
  });

  test('a large page maps 64 KiB, with TEX and XN in other places', () => {
    const va = 0x1234_5678;
    const at = (word: number) =>
      walk(va, new FakeMemory({ [first(va)]: pageTable(), [second(va)]: 0xcafe_0000 | 1 | word }));
    expect(at(0)).toMatchObject({
      fault: FaultKind.None,
      physical: 0xcafe_5678,
      leafBits: 16,
      attributes: 0,
    });
    expect(rightsOf(at((3 << 4) | (1 << 15)))).toBe('rw- rw-');
    expect(at(5 << 12).attributes).toBe(0b10100);
    expect(at(7 << 6).attributes).toBe(0);
    expect(rightsOf(at((1 << 9) | (3 << 4)))).toBe('r-x r-x');
  });

  test('is read big-endian with SCTLR.EE', () => {
    const memory = new FakeMemory({ [first(0)]: 0x0104_00a0, [SECOND]: 0x0220_feca });
    expect(walk(0x678, memory, { bigEndianTables: true }).physical).toBe(0xcafe_2678);
  });
});

describe('domains (B3.7.3)', () => {
  test.each([
    ['No access', 0, 0],
    ['Client', 1, 1],
    ['reserved, which is UNPREDICTABLE, as No access', 2, 0],
    ['Manager', 3, 3],
  ])('%s', (_name, access, expected) => {
    for (const domain of [0, 5, 15]) {
      const memory = new FakeMemory({ [first(0)]: section(0, 0, domain) });
      const result = walk(0, memory);
      expect(result.domain).toBe(domain);
      // The other domains say the opposite.
      const others = access === 0 ? 0xffff_ffff : 0;
      const mask = 3 << (2 * domain);
      expect(domainAccess((others & ~mask) | (access << (2 * domain)), domain)).toBe(expected);
    }
  });

  test('of a page is that of its table', () => {
    const memory = new FakeMemory({ [first(0)]: pageTable(4), [second(0)]: 0x32 });
    expect(walk(0, memory)).toMatchObject({ fault: FaultKind.None, domain: 4 });
  });
});

describe('the access flag (B3.7.4)', () => {
  test('clear is an access flag fault with SCTLR.AFE only', () => {
    const memory = new FakeMemory({
      [first(0)]: section(0, 2),
      [first(0x10_0000)]: pageTable(),
      [second(0)]: 0x22,
    });
    expect(walk(0, memory).fault).toBe(FaultKind.None);
    expect(walk(0, memory, { accessFlagEnable: true })).toMatchObject({
      fault: FaultKind.AccessFlag,
      level: 1,
    });
    expect(walk(0x10_0000, memory, { accessFlagEnable: true })).toMatchObject({
      fault: FaultKind.AccessFlag,
      level: 2,
    });
  });
});

describe('permissions', () => {
  const permissions = (ap: number, accessFlagEnable: boolean): string =>
    rightsOf(walk(0, new FakeMemory({ [first(0)]: section(0, ap) }), { accessFlagEnable }));

  test.each([
    [0b000, '--- ---'],
    [0b001, 'rwx ---'],
    [0b010, 'rwx r-x'],
    [0b011, 'rwx rwx'],
    [0b100, '--- ---'],
    [0b101, 'r-x ---'],
    [0b110, 'r-x r-x'],
    [0b111, 'r-x r-x'],
  ])('AP[2:0] = %i gives PL1 and PL0 %s (Table B3-8)', (ap, expected) => {
    expect(permissions(ap, false)).toBe(expected);
  });

  test.each([
    [0b00, 'rwx ---'],
    [0b01, 'rwx rwx'],
    [0b10, 'r-x ---'],
    [0b11, 'r-x r-x'],
  ])('with SCTLR.AFE AP[2:1] = %i gives %s (Table B3-9)', (ap, expected) => {
    expect(permissions((ap << 1) | 1, true)).toBe(expected);
  });
});
