import { describe, expect, test } from 'vitest';
import { GR0, GR1 } from '../../../src/iommu/smmu-v2/registers.ts';
import { LINUX_SCR0, LINUX_SCTLR, RAM, STAGE_1, STREAM, TABLES, TestSmmu } from './support.ts';

/** SMMU_CBn_FSR (IHI 0062D 16.5.9), and SMMU_CBn_FSYNR0. */
const [TF, PF, EF, ASF] = [0x02, 0x08, 0x10, 0x80];
const [PTWF, S1PTWF] = [0x400, 8];
const EAE = 0x8000_0000;
/** Where no RAM is: on a board, a device's registers. */
const MMIO = 0x900_0000;
const HUPCF = 0x100;
const TABLE = 3n;
/** Long descriptors that are table, page and block at once, and permit everything. */
const EVERYTHING = 0x443n;
const EVERYTHING_2 = 0x4c3n;

type Format = 'short' | 'long' | 'aarch64' | 'stage 2' | 'stage 2 of aarch64';
const FORMATS: readonly Format[] = ['short', 'long', 'aarch64', 'stage 2', 'stage 2 of aarch64'];

/** Bank 0 with its first table at `table`; addresses below 1 GiB are in the first entry, or in the first 1,024 of 1 MiB. */
function bank(format: Format, table: number, sctlr = LINUX_SCTLR | HUPCF): TestSmmu {
  const smmu = new TestSmmu();
  smmu.attach(sctlr);
  smmu.setBank(0, 'TTBR0', table);
  const tcr = {
    short: 0,
    long: EAE,
    aarch64: 25,
    'stage 2': EAE | 0x40,
    'stage 2 of aarch64': EAE | 0x2_0059,
  };
  smmu.setBank(0, 'TCR', tcr[format]);
  smmu.setBank(0, 'TCR2', 2 | (7 << 15));
  smmu.set(0x1000 + GR1.CBA2R, format.endsWith('aarch64') ? 1 : 0);
  smmu.set(0x1000 + GR1.CBAR, format.startsWith('stage 2') ? 0 : STAGE_1);
  return smmu;
}

/** What a write faults with: SMMU_CBn_FSR without its format, and SMMU_CBn_FSYNR0 without WNR. */
function fault(smmu: TestSmmu, address = 0x1234): readonly [number, number] {
  expect(smmu.write(address)).toBe(false);
  const found = [smmu.bank(0, 'FSR') & 0x1fe, smmu.bank(0, 'FSYNR0') & ~0x10] as const;
  smmu.setBank(0, 'FSR', 0xffff_ffff);
  return found;
}

const isShort = (format: Format): boolean => format === 'short';
const everything = (format: Format): bigint => (format.startsWith('stage 2') ? EVERYTHING_2 : EVERYTHING);

describe.each(FORMATS)('tables of format %s', (format) => {
  test('that are not in RAM: EF with PTWF, and nothing is asked for there', () => {
    const smmu = bank(format, MMIO);
    expect(fault(smmu)).toEqual([EF, PTWF | 1]);
    expect(smmu.downstream).toEqual([]);
  });

  test('whose second level is not in RAM: EF with PTWF', () => {
    const smmu = bank(format, TABLES);
    if (isShort(format)) smmu.word(TABLES, MMIO | 1);
    else smmu.double(TABLES, BigInt(MMIO) | TABLE);
    expect(fault(smmu)).toEqual([EF, PTWF | 2]);
    expect(smmu.downstream).toEqual([]);
  });

  test('that end with RAM: EF for the entries behind', () => {
    const end = RAM + 0x10_0000;
    const smmu = bank(format, end);
    expect(fault(smmu)[0]).toBe(EF);
  });

  test('that lead to themselves end at the last level', () => {
    const smmu = bank(format, TABLES);
    // A short table's entry 0 leads to the table, whose entry 0 then is a large page.
    if (isShort(format)) smmu.word(TABLES, TABLES | 0x31);
    else smmu.double(TABLES, BigInt(TABLES) | everything(format));
    expect(smmu.write(0x34, 0x1234_5678)).toBe(true);
    const physical = isShort(format) ? TABLES & ~0xffff : TABLES;
    expect(smmu.downstream).toEqual([`write ${(physical + 0x34).toString(16)} 4 108`]);
  });

  test('that a device may write to: it maps what it likes, and sees it at once', () => {
    const smmu = bank(format, TABLES);
    if (isShort(format)) smmu.section(0, TABLES & ~0xf_ffff);
    else smmu.double(TABLES, BigInt(RAM) | (everything(format) ^ 2n));
    const offset = isShort(format) ? TABLES & 0xf_ffff : TABLES - RAM;
    // The write over its own entry is the last that this entry translates.
    expect(smmu.write(offset, 0)).toBe(true);
    expect(fault(smmu, offset)).toEqual([TF, 1]);
  });

  test('of random bits: each access ends, in memory below 2^40 or in a fault', () => {
    let seed = 1;
    const smmu = bank(format, TABLES);
    for (let at = TABLES; at < TABLES + 0x4000; at += 4) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      smmu.word(at, seed);
    }
    for (let i = 0; i < 400; i++) smmu.write((i * 0x9e37_79b1) % 2 ** 32);
    for (const access of smmu.downstream) {
      expect(Number.parseInt(access.split(' ')[1], 16)).toBeLessThan(2 ** 40);
    }
  });
});

describe('stage 1 nested in stage 2', () => {
  const nested = (): TestSmmu => {
    const smmu = bank('short', TABLES);
    smmu.set(0x1000 + GR1.CBAR, 0x0003_0300);
    smmu.set(0x1000 + GR1.CBAR + 12, 0);
    smmu.setBank(3, 'TTBR0', TABLES + 0x8000);
    smmu.setBank(3, 'TCR', EAE | 0x40);
    smmu.setBank(3, 'SCTLR', LINUX_SCTLR | HUPCF);
    return smmu;
  };

  test('in a bank whose tables are not in RAM: EF of stage 2, PTWF and S1PTWF', () => {
    const smmu = nested();
    smmu.setBank(3, 'TTBR0', MMIO);
    expect(smmu.write(0)).toBe(false);
    expect([smmu.bank(3, 'FSR') & 0x1fe, smmu.bank(3, 'FSYNR0')]).toEqual([EF, PTWF | S1PTWF | 0x11]);
  });

  test('whose tables stage 2 puts elsewhere than in RAM: EF of stage 1', () => {
    const smmu = nested();
    smmu.double(TABLES + 0x8000 + 8, 0x800_04c1n);
    smmu.double(TABLES + 0x8000, 0n);
    smmu.setBank(0, 'TTBR0', 0x4010_0000);
    smmu.double(TABLES + 0x8000 + 8, 0x4c1n);
    expect(smmu.write(0)).toBe(false);
    expect([smmu.bank(0, 'FSR') & 0x1fe, smmu.bank(0, 'FSYNR0')]).toEqual([EF, PTWF | 0x11]);
  });

  test('in itself is an invalid context fault', () => {
    const smmu = nested();
    smmu.set(0x1000 + GR1.CBAR, 0x0003_0000);
    expect(smmu.write(0)).toBe(false);
    expect(smmu.get(GR0.sGFSR)).toBe(1);
  });

  test('with both stages’ tables the same ends', () => {
    const smmu = nested();
    smmu.setBank(3, 'TTBR0', TABLES);
    smmu.double(TABLES, BigInt(TABLES) | EVERYTHING_2);
    smmu.double(TABLES + 8, BigInt(RAM) | 0x4c1n);
    smmu.write(0x34);
    smmu.write(0x4000_0034);
    expect(smmu.bank(0, 'FSR') | smmu.bank(3, 'FSR')).not.toBe(0);
  });
});

describe('a transfer that goes on', () => {
  /** Two pages, of which `between` is done after the first. */
  const transfer = (smmu: TestSmmu, between: () => void): boolean => {
    let pages = 0;
    const length = smmu.downstream.length;
    const original = smmu.downstream.push.bind(smmu.downstream);
    smmu.downstream.push = (...accesses: string[]) => {
      if (pages++ === 0) between();
      return original(...accesses);
    };
    const complete = smmu.port().write(0xf_f000, new Uint8Array(0x2000).fill(0x77));
    smmu.downstream.push = original;
    expect(smmu.downstream.length - length).toBeGreaterThan(0);
    return complete;
  };
  const mapped = (): TestSmmu => {
    const smmu = bank('short', TABLES);
    smmu.section(0, RAM);
    smmu.section(0x10_0000, RAM);
    return smmu;
  };

  test('is translated as tables and registers are, page by page: unmapped meanwhile, TF', () => {
    const smmu = mapped();
    expect(transfer(smmu, () => smmu.word(TABLES + 4, 0))).toBe(false);
    expect([smmu.bank(0, 'FSR') & 0x1fe, smmu.bank(0, 'FAR')]).toEqual([TF, 0x10_0000]);
    expect([smmu.ram[0xf_f000], smmu.ram[0]]).toEqual([0x77, 0]);
  });

  test('protected meanwhile: PF', () => {
    const smmu = mapped();
    expect(transfer(smmu, () => smmu.section(0x10_0000, RAM, 0x8c00))).toBe(false);
    expect(smmu.bank(0, 'FSR') & 0x1fe).toBe(PF);
  });

  test('its stream taken away meanwhile: an invalid context fault', () => {
    const smmu = mapped();
    expect(transfer(smmu, () => smmu.set(GR0.S2CR, 2 << 16))).toBe(false);
    expect([smmu.get(GR0.sGFSR), smmu.get(GR0.sGFAR), smmu.get(GR0.sGFSYNR1)]).toEqual([
      1,
      0x10_0000,
      STREAM,
    ]);
  });

  test('translation switched off meanwhile: the rest goes to its own addresses', () => {
    for (const off of [
      (smmu: TestSmmu) => smmu.setBank(0, 'SCTLR', LINUX_SCTLR & ~1),
      (smmu: TestSmmu) => smmu.set(GR0.sCR0, LINUX_SCR0 | 1),
    ]) {
      const smmu = mapped();
      // There is nothing at 0x100000.
      expect(transfer(smmu, () => off(smmu))).toBe(false);
      expect([...smmu.downstream]).toEqual(['write 400ff000 4096 108', 'write 100000 4096 108']);
      expect(smmu.bank(0, 'FSR') & 0x1fe).toBe(0);
    }
  });
});

test('an address just unmapped, and one beyond what there is: TF and ASF', () => {
  const smmu = bank('aarch64', TABLES);
  smmu.double(TABLES, BigInt(RAM) | 0x741n);
  expect(smmu.write(0)).toBe(true);
  smmu.double(TABLES, 0n);
  expect(fault(smmu, 0)).toEqual([TF, 1]);
  smmu.double(TABLES, (1n << 40n) | 0x741n);
  expect(fault(smmu, 0)).toEqual([ASF, 1]);
});
