import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CONTEXT_BANKS_BASE, GR0, GR1 } from '../../../src/iommu/smmu-v2/registers.ts';
import { LINUX_SCTLR, RAM, STREAM, TABLES, TestSmmu } from './support.ts';

/** SMMU_CBn_FSR (IHI 0062D 16.5.9). */
const [TF, AFF, PF, EF, ASF] = [0x02, 0x04, 0x08, 0x10, 0x80];
const MULTI = 0x8000_0000;
const LONG = 1 << 9;
const AARCH64 = 2 << 9;
/** SMMU_CBn_FSYNR0. */
const WNR = 0x10;
const PTWF = 0x400;
const HUPCF = 0x100;
const EAE = 0x8000_0000;

function short(): TestSmmu {
  const smmu = new TestSmmu();
  smmu.attachShort();
  return smmu;
}

/** Three levels of AArch32 long descriptors, of which the last is the test's. */
function long(last: bigint): TestSmmu {
  const smmu = new TestSmmu();
  smmu.setBank(0, 'TTBR0', TABLES);
  smmu.setBank(0, 'TCR', EAE);
  smmu.double(TABLES, BigInt(TABLES + 0x1000) | 3n);
  smmu.double(TABLES + 0x1000, BigInt(TABLES + 0x2000) | 3n);
  smmu.double(TABLES + 0x2000, last);
  smmu.attach();
  return smmu;
}

/** AArch64 from level 1 on, with one entry there. */
function aarch64(first: bigint, pasize = 2): TestSmmu {
  const smmu = new TestSmmu();
  smmu.set(0x1000 + GR1.CBA2R, 1);
  smmu.setBank(0, 'TTBR0', TABLES);
  smmu.setBank(0, 'TCR', 25);
  smmu.setBank(0, 'TCR2', pasize | (7 << 15));
  smmu.double(TABLES, first);
  smmu.attach();
  return smmu;
}

describe('a context fault is recorded by its code and level', () => {
  const cases: readonly [string, () => TestSmmu, number, number][] = [
    ['short: an invalid section', short, TF, 1],
    [
      'short: an invalid page',
      () => {
        const smmu = short();
        smmu.word(TABLES, (TABLES + 0x4000) | 1);
        return smmu;
      },
      TF,
      2,
    ],
    [
      'short: PD0',
      () => {
        const smmu = short();
        smmu.setBank(0, 'TCR', 0x10);
        return smmu;
      },
      TF,
      1,
    ],
    [
      'short: no access flag, with AFE',
      () => {
        const smmu = short();
        smmu.section(0, RAM, 0x800);
        return smmu;
      },
      AFF,
      1,
    ],
    [
      'short: no right to write',
      () => {
        const smmu = short();
        smmu.section(0, RAM, 0x8c00);
        return smmu;
      },
      PF,
      1,
    ],
    [
      'short: a table outside of RAM',
      () => {
        const smmu = short();
        smmu.word(TABLES, 0x0900_0001);
        return smmu;
      },
      EF,
      2 | PTWF,
    ],
    ['long: an invalid page', () => long(0n), TF | LONG, 3],
    ['long: no access flag', () => long(BigInt(RAM) | 0xa43n), AFF | LONG, 3],
    ['long: a read-only page of Linux 6.1', () => long(BigInt(RAM) | 0xec3n), PF | LONG, 3],
    ['long: a page above 40 bits (table 3-3)', () => long((1n << 40n) | 0xe43n), ASF | LONG, 3],
    [
      'long: a table above 40 bits',
      () => {
        const smmu = long(0n);
        smmu.setBank(0, 'TTBR0_HIGH', 0x100);
        return smmu;
      },
      ASF | LONG,
      1,
    ],
    [
      'long: tables outside of RAM',
      () => {
        const smmu = long(0n);
        smmu.setBank(0, 'TTBR0', 0);
        return smmu;
      },
      EF | LONG,
      1 | PTWF,
    ],
    [
      'long: EPD0',
      () => {
        const smmu = long(0n);
        smmu.setBank(0, 'TCR', EAE | 0x80);
        return smmu;
      },
      TF | LONG,
      1,
    ],
    ['AArch64: an invalid block', () => aarch64(0n), TF | AARCH64, 1],
    ['AArch64: no access flag', () => aarch64(BigInt(RAM) | 0x341n), AFF | AARCH64, 1],
    ['AArch64: no right of EL0', () => aarch64(BigInt(RAM) | 0x701n), PF | AARCH64, 1],
    ['AArch64: a block above PASize', () => aarch64((1n << 36n) | 0x741n, 1), ASF | AARCH64, 1],
    [
      'AArch64: a block above the 40 bits that there are',
      () => aarch64((1n << 40n) | 0x741n, 5),
      ASF | AARCH64,
      1,
    ],
    [
      'AArch64: an address that T0SZ has no room for',
      () => {
        const smmu = aarch64(0n);
        smmu.setBank(0, 'TCR', 25 | 0x80);
        return smmu;
      },
      TF | AARCH64,
      0,
    ],
  ];

  test.each(cases)('%s', (_name, make, fsr, syndrome) => {
    const smmu = make();
    expect(smmu.write(0x654)).toBe(false);
    expect(smmu.bank(0, 'FSR')).toBe(fsr);
    expect(smmu.bank(0, 'FSYNR0')).toBe(syndrome | WNR);
    expect([smmu.bank(0, 'FAR'), smmu.bank(0, 'FAR_HIGH')]).toEqual([0x654, 0]);
    expect(smmu.get(0x1000 + GR1.CBFRSYNRA)).toBe(STREAM);
    expect(smmu.lines.indexOf(true)).toBe(1);
    expect(smmu.get(GR0.sGFSR)).toBe(0);
    expect(smmu.downstream).toEqual([]);
  });

  test('AFFD: the access flag counts as set (16.5.29)', () => {
    for (const smmu of [long(BigInt(RAM) | 0xa43n), aarch64(BigInt(RAM) | 0x341n)]) {
      smmu.setBank(0, 'SCTLR', LINUX_SCTLR | 8);
      expect(smmu.write(0)).toBe(true);
    }
  });

  test('AP[0] is no access flag without AFE in the Short-descriptor format', () => {
    const smmu = new TestSmmu();
    smmu.attachShort(LINUX_SCTLR & ~4);
    smmu.section(0, RAM, 0x800);
    expect(smmu.read(0)).toBe(0);
    expect(smmu.write(0)).toBe(false);
    expect(smmu.bank(0, 'FSR')).toBe(PF);
  });

  test('SMMU_CBn_FSR.Format follows the registers: it is read-only', () => {
    const smmu = short();
    smmu.setBank(0, 'TCR', EAE);
    smmu.setBank(0, 'FSR', 0xffff_ffff);
    expect(smmu.bank(0, 'FSR')).toBe(LONG);
  });

  test("the downstream bus' own error is the bus master's alone (3.10)", () => {
    const smmu = long(0x0900_0e43n);
    expect(smmu.write(0)).toBe(false);
    expect(smmu.downstream).toHaveLength(1);
    expect([smmu.bank(0, 'FSR') & ~LONG, smmu.get(GR0.sGFSR)]).toEqual([0, 0]);
  });
});

describe('a bus master', () => {
  test('hears of a fault with SMMU_CBn_SCTLR.CFRE; otherwise its accesses are RAZ/WI (3.7.3)', () => {
    const smmu = new TestSmmu();
    smmu.attachShort(LINUX_SCTLR & ~0x20);
    expect(smmu.read(0x10)).toBe(0);
    expect(smmu.write(0x10)).toBe(true);
    expect(smmu.downstream).toEqual([]);
    expect(smmu.bank(0, 'FSR')).toBe(TF);
  });

  test('moves the part before a fault', () => {
    const smmu = short();
    smmu.section(0, RAM);
    expect(smmu.port().write(0xf_fffe, Uint8Array.of(1, 2, 3, 4))).toBe(false);
    expect([...smmu.ram.subarray(0xf_fffe)]).toEqual([1, 2]);
    expect(smmu.bank(0, 'FAR')).toBe(0x10_0000);
  });
});

describe('the interrupt of a context bank (3.6.3)', () => {
  test('is high while CFIE is set and a fault recorded', () => {
    const smmu = new TestSmmu();
    smmu.attachShort(LINUX_SCTLR & ~0x40);
    smmu.write(0);
    expect(smmu.lines[1]).toBe(false);
    smmu.setBank(0, 'SCTLR', LINUX_SCTLR);
    expect(smmu.lines[1]).toBe(true);
    smmu.setBank(0, 'FSR', TF ^ 0xffff_ffff);
    expect([smmu.bank(0, 'FSR'), smmu.lines[1]]).toEqual([TF, true]);
    smmu.setBank(0, 'FSR', TF);
    expect([smmu.bank(0, 'FSR'), smmu.lines[1]]).toEqual([0, false]);
  });

  test('comes of SMMU_CBn_FSRRESTORE, too', () => {
    const smmu = short();
    smmu.setBank(0, 'FSRRESTORE', 0xffff_ffff);
    expect(smmu.bank(0, 'FSR')).toBe((MULTI | TF | AFF | PF | EF | ASF) >>> 0);
    expect(smmu.lines[1]).toBe(true);
  });
});

describe('after a fault, until software has cleared it (3.7.3, hit-under-fault)', () => {
  test('all accesses of the context are terminated without a record where HUPCF is 0', () => {
    const smmu = short();
    smmu.section(0x10_0000, RAM);
    smmu.write(0x10);
    expect(smmu.write(0x10_0000)).toBe(false);
    expect(smmu.write(0x20)).toBe(false);
    expect([smmu.bank(0, 'FSR'), smmu.bank(0, 'FAR')]).toEqual([TF, 0x10]);
    smmu.setBank(0, 'FSR', TF);
    expect(smmu.write(0x10_0000)).toBe(true);
  });

  test('with HUPCF each is processed; another fault sets MULTI alone', () => {
    const smmu = new TestSmmu();
    smmu.attachShort(LINUX_SCTLR | HUPCF);
    smmu.section(0x10_0000, RAM, 0x8c00);
    smmu.write(0x10);
    expect(smmu.read(0x10_0000)).toBe(0);
    expect(smmu.bank(0, 'FSR')).toBe(TF);
    expect(smmu.write(0x10_0000)).toBe(false);
    expect(smmu.bank(0, 'FSR')).toBe((MULTI | TF) >>> 0);
    expect([smmu.bank(0, 'FAR'), smmu.bank(0, 'FSYNR0')]).toEqual([0x10, WNR | 1]);
  });
});

test('no registers and no tables make it throw, or reach what the tables do not say', () => {
  const register = fc.oneof(
    fc.integer({ min: 0, max: 0x3fff }).map((n) => n * 4),
    fc.constantFrom(0, GR0.SMR, GR0.S2CR, 0x1000, 0x1800),
    fc.integer({ min: 0, max: 0x20 }).map((n) => CONTEXT_BANKS_BASE + n * 4),
  );
  const value = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(TABLES, 0, 1, 25));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(register, value), { maxLength: 60 }),
      fc.array(value, { minLength: 64, maxLength: 64 }),
      fc.array(fc.maxSafeInteger().map(Math.abs), { maxLength: 8 }),
      (writes, words, addresses) => {
        const smmu = new TestSmmu();
        smmu.attachShort();
        for (const [i, word] of words.entries()) smmu.word(TABLES + i * 4, word);
        for (const [offset, written] of writes) smmu.set(offset, written);
        for (const address of addresses) {
          smmu.read(address);
          smmu.write(address % 2 ** 32);
        }
        for (const access of smmu.downstream) {
          expect(Number.parseInt(access.split(' ')[1], 16)).toBeLessThan(2 ** 40);
        }
      },
    ),
    { numRuns: 200, seed: 62 },
  );
});
