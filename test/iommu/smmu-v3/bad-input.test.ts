import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import {
  CONFIG,
  DESCRIPTOR,
  EVENTS,
  LEAF,
  LEAF_2,
  QUEUE_SIZE,
  RAM,
  STAGE_2,
  STAGE_2_TABLES,
  STREAM,
  STREAM_TABLE,
  TABLE,
  TABLES,
  TestSmmu,
} from './support.ts';

/** Numbers of events (IHI 0070 7.3). */
const [F_STE_FETCH, C_BAD_STE, F_CD_FETCH, C_BAD_CD, F_WALK_EABT, F_TRANSLATION, F_PERMISSION] = [
  0x03, 0x04, 0x09, 0x0a, 0x0b, 0x10, 0x13,
];
/** Where no RAM is: on a board, a device's registers. */
const MMIO = 0x900_0000;
/** Descriptors that are table, page and block at once, and permit everything. */
const EVERYTHING = 0x443n;
const EVERYTHING_2 = 0x4c3n;

function stage1(): TestSmmu {
  const smmu = new TestSmmu();
  smmu.stage1();
  return smmu;
}

function nested(): TestSmmu {
  const smmu = new TestSmmu();
  smmu.enable();
  smmu.ste(CONFIG.NESTED, ...STAGE_2);
  smmu.cd();
  smmu.gigabyte2(RAM, RAM);
  return smmu;
}

/** The event of a write, which is aborted, and whose details are what no RAM was asked for. */
function eventOf(smmu: TestSmmu, address = 0x1234): number | undefined {
  const before = smmu.downstream.length;
  expect(smmu.write(address)).toBe(false);
  expect(smmu.downstream).toHaveLength(before);
  return smmu.event()?.[0];
}

describe('what the guest puts where no RAM is', () => {
  test('the stream table: F_STE_FETCH', () => {
    const smmu = stage1();
    smmu.set(SMMU.CR0, 0);
    smmu.set(SMMU.STRTAB_BASE, MMIO);
    smmu.set(SMMU.CR0, 0xd);
    expect(eventOf(smmu)).toBe(F_STE_FETCH);
  });

  test('the context descriptor: F_CD_FETCH', () => {
    const smmu = stage1();
    smmu.double(STREAM_TABLE + STREAM * 64, BigInt(MMIO) | BigInt(CONFIG.STAGE_1 << 1) | 1n);
    expect(eventOf(smmu)).toBe(F_CD_FETCH);
  });

  test('tables of stage 1, of stage 2, of a second level: F_WALK_EABT', () => {
    const first = stage1();
    first.cd(0n, MMIO);
    expect(eventOf(first)).toBe(F_WALK_EABT);
    const second = stage1();
    second.double(TABLES, BigInt(MMIO) | TABLE);
    expect(eventOf(second)).toBe(F_WALK_EABT);
    const third = nested();
    third.ste(CONFIG.NESTED, STAGE_2[0], STAGE_2[1], BigInt(MMIO));
    expect(eventOf(third)).toBe(F_WALK_EABT);
  });

  test('the last words of RAM, of which a structure has more', () => {
    const smmu = stage1();
    smmu.double(STREAM_TABLE + STREAM * 64, BigInt(RAM + 0x40_0000) | BigInt(CONFIG.STAGE_1 << 1) | 1n);
    expect(eventOf(smmu)).toBe(F_CD_FETCH);
  });

  test('the event queue, then the command queue: global errors, and the SMMU goes on translating', () => {
    const smmu = stage1();
    smmu.set(SMMU.CR0, 0);
    smmu.set(SMMU.EVENTQ_BASE, MMIO | QUEUE_SIZE);
    smmu.set(SMMU.CMDQ_BASE, MMIO | QUEUE_SIZE);
    smmu.set(SMMU.CR0, 0xd);
    expect(smmu.write(0)).toBe(false);
    smmu.set(SMMU.CMDQ_PROD, 1);
    expect(smmu.get(SMMU.GERROR)).toBe(5);
    smmu.gigabyte(0, RAM);
    expect(smmu.write(0)).toBe(true);
  });
});

describe('what leads to itself', () => {
  test('a table of stage 1 ends at the last level', () => {
    const smmu = stage1();
    smmu.double(TABLES, BigInt(TABLES) | EVERYTHING);
    expect(smmu.write(0x34)).toBe(true);
    expect(smmu.downstream).toEqual([`write ${(TABLES + 0x34).toString(16)} 4 108`]);
  });

  test('a table of stage 2, too, and both together', () => {
    const smmu = nested();
    smmu.double(STAGE_2_TABLES + 8, BigInt(STAGE_2_TABLES) | TABLE);
    smmu.double(STAGE_2_TABLES, BigInt(STAGE_2_TABLES) | EVERYTHING_2);
    expect([F_TRANSLATION, F_WALK_EABT, C_BAD_CD]).toContain(eventOf(smmu));
  });

  test('a stream table that is its own descriptors and tables', () => {
    const smmu = stage1();
    const at = STREAM_TABLE + STREAM * 64;
    smmu.double(at, BigInt(at) | BigInt(CONFIG.STAGE_1 << 1) | 1n);
    expect(eventOf(smmu)).toBe(C_BAD_CD);
    smmu.enable(0);
    smmu.set(SMMU.STRTAB_BASE, TABLES);
    smmu.set(SMMU.STRTAB_BASE_CFG, 9 | (6 << 6) | (1 << 16));
    smmu.set(SMMU.CR0, 0xd);
    smmu.double(TABLES + 4 * 8, BigInt(TABLES) | 7n);
    expect(eventOf(smmu)).toBe(C_BAD_STE);
  });

  test('queues that lie over the stream table', () => {
    const smmu = stage1();
    smmu.set(SMMU.CR0, 0);
    smmu.set(SMMU.EVENTQ_BASE, (STREAM_TABLE + STREAM * 64) | QUEUE_SIZE);
    smmu.set(SMMU.CR0, 0xd);
    // Records over the entry of their own stream: its first word has bit 0 of F_TRANSLATION, which is not set: V is 0.
    for (let i = 0; i < 20; i++) expect(smmu.write(0)).toBe(false);
    expect(smmu.get(SMMU.GERROR)).toBe(0);
  });
});

describe('a device that may write to the SMMU’s own structures', () => {
  test('changes what it may reach, at once', () => {
    const smmu = stage1();
    smmu.gigabyte(0, RAM);
    expect(smmu.write(TABLES - RAM, 0)).toBe(true);
    expect(eventOf(smmu, TABLES - RAM)).toBe(F_TRANSLATION);
    smmu.gigabyte(0, RAM);
    expect(smmu.write(DESCRIPTOR - RAM, 0)).toBe(true);
    expect(eventOf(smmu)).toBe(C_BAD_CD);
    smmu.cd();
    expect(smmu.write(STREAM_TABLE + STREAM * 64 - RAM, 0)).toBe(true);
    expect(eventOf(smmu)).toBe(C_BAD_STE);
  });
});

describe('a transfer that goes on', () => {
  const PAGE = 4096;
  /** Two pages, of which `between` is done with the first. */
  const transfer = (smmu: TestSmmu, between: () => void): boolean => {
    let pages = 0;
    const original = smmu.downstream.push.bind(smmu.downstream);
    smmu.downstream.push = (...accesses: string[]) => {
      if (pages++ === 0) between();
      return original(...accesses);
    };
    return smmu.port().write(2 ** 30 - PAGE, new Uint8Array(2 * PAGE).fill(0x77));
  };
  /** The last page of the first GiB, and the second GiB. */
  const mapped = (): TestSmmu => {
    const smmu = stage1();
    smmu.gigabyte(2 ** 30, RAM);
    smmu.double(TABLES, BigInt(TABLES + 0x1000) | TABLE);
    smmu.double(TABLES + 0x1000 + 511 * 8, BigInt(TABLES + 0x2000) | TABLE);
    smmu.double(TABLES + 0x2000 + 511 * 8, BigInt(RAM + PAGE) | LEAF | 2n);
    return smmu;
  };

  test('unmapped, protected, disabled, illegal meanwhile: the event of the second page', () => {
    for (const [between, event] of [
      [(smmu: TestSmmu) => smmu.gigabyte(2 ** 30, 0, 0n), F_TRANSLATION],
      [(smmu: TestSmmu) => smmu.gigabyte(2 ** 30, RAM, LEAF | 0x80n), F_PERMISSION],
      [(smmu: TestSmmu) => smmu.cd(1n << 31n), C_BAD_CD],
      [(smmu: TestSmmu) => smmu.double(STREAM_TABLE + STREAM * 64, 0n), C_BAD_STE],
      [(smmu: TestSmmu) => smmu.ste(CONFIG.ABORT), undefined],
    ] as const) {
      const smmu = mapped();
      expect(transfer(smmu, () => between(smmu))).toBe(false);
      expect(smmu.event()?.[0]).toBe(event);
      expect([smmu.ram[PAGE], smmu.ram[0]]).toEqual([0x77, 0]);
    }
  });

  test('the SMMU switched off meanwhile: the rest goes to its own addresses, or nowhere with SMMU_GBPA.ABORT', () => {
    const bypassing = mapped();
    expect(transfer(bypassing, () => bypassing.set(SMMU.CR0, 0xc))).toBe(true);
    expect([...bypassing.downstream]).toEqual(['write 40001000 4096 108', 'write 40000000 4096 108']);
    const aborting = mapped();
    aborting.set(SMMU.GBPA, 0x8010_0000);
    expect(transfer(aborting, () => aborting.set(SMMU.CR0, 0xc))).toBe(false);
    expect(aborting.downstream).toHaveLength(1);
  });
});

test('a device that faults at full speed fills the event queue once, and no more', () => {
  const smmu = stage1();
  const before = smmu.ram.slice();
  for (let i = 0; i < 1000; i++) smmu.write(i * 4096);
  const size = 32 * 2 ** QUEUE_SIZE;
  smmu.ram.fill(0, EVENTS - RAM, EVENTS - RAM + size);
  before.fill(0, EVENTS - RAM, EVENTS - RAM + size);
  expect(Buffer.compare(smmu.ram, before)).toBe(0);
  expect(smmu.pulses).toEqual(['eventq']);
});

test('no registers, structures and commands make it throw, hang, or reach what the tables do not say', () => {
  const register = fc.oneof(
    fc.integer({ min: 0, max: 0x3f }).map((n) => n * 4),
    fc.constantFrom(SMMU.CR0, SMMU.CMDQ_PROD, SMMU.GERRORN, SMMU.STRTAB_BASE_CFG, 0x1_00a8, 0x1_00ac, 0xfffc),
  );
  const value = fc.oneof(
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc.constantFrom(TABLES, STREAM_TABLE, DESCRIPTOR | 15, STAGE_2_TABLES, 0, 1, 0xd, 25, 0x1000_0000),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(register, value), { maxLength: 40 }),
      fc.array(value, { minLength: 16, maxLength: 16 }),
      fc.array(value, { minLength: 64, maxLength: 64 }),
      fc.array(fc.maxSafeInteger().map(Math.abs), { maxLength: 8 }),
      fc.constantFrom(...Object.values(CONFIG)),
      (writes, structure, words, addresses, config) => {
        const smmu = nested();
        for (const [i, word] of structure.entries()) {
          if (word % 3 !== 0) continue;
          smmu.word(STREAM_TABLE + STREAM * 64 + i * 4, word);
          smmu.word(DESCRIPTOR + i * 4, word);
        }
        if (structure[0] % 2 === 0) smmu.ste(config, ...STAGE_2);
        for (const [i, word] of words.entries()) {
          smmu.word(TABLES + i * 4, word);
          smmu.word(STAGE_2_TABLES + i * 4, word | Number(LEAF_2));
        }
        for (const [offset, written] of writes) smmu.set(offset, written);
        for (const address of addresses) {
          smmu.read(address);
          smmu.write(address % 2 ** 32);
          smmu.smmu.contextOf(address % 2 ** 16);
        }
        smmu.clock.advance(1_000_000);
        for (const access of smmu.downstream) {
          expect(Number.parseInt(access.split(' ')[1], 16)).toBeLessThan(2 ** 40);
        }
      },
    ),
    { numRuns: 200, seed: 70 },
  );
});
