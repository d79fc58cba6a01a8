import { describe, expect, test } from 'vitest';
import { GR0, GR1 } from '../../../src/iommu/smmu-v2/registers.ts';
import { LINUX_SCTLR, RAM, STAGE_1, STREAM, TABLES, TestSmmu } from './support.ts';

const AF = 1n << 10n;
const [READ, WRITE] = [1n << 6n, 1n << 7n];
const FULL = AF | READ | WRITE | (15n << 2n);
const BLOCK = 1n;
/** Where the tables of the second stage are. */
const STAGE_2_TABLES = TABLES + 0x4_0000;
/** SMMU_CBARn: stage 2 with VMID 5; stage 1 nested in the stage 2 of bank 3. */
const STAGE_2 = 0x0000_0005;
const NESTED_IN_3 = 0x0003_0305;
/** SMMU_CBn_TCR of a stage 2: AArch32 with 32 bits from level 1; AArch64 with 39 bits from level 1, 40 bits out. */
const AARCH32_TCR = 0x8000_0040;
const AARCH64_TCR = 0x8002_0059;
/** HUPCF, so that one fault does not hide the next. */
const SCTLR = LINUX_SCTLR | 0x100;

/** Bank `n` is a stage 2 of 32 bits that maps nothing. */
function secondStage(smmu: TestSmmu, n: number, tcr = AARCH32_TCR, sctlr = SCTLR): void {
  smmu.set(0x1000 + GR1.CBAR + 4 * n, STAGE_2);
  smmu.setBank(n, 'TTBR0', STAGE_2_TABLES);
  smmu.setBank(n, 'TCR', tcr);
  smmu.setBank(n, 'SCTLR', sctlr);
}

/** Stage 2 maps 1 GiB of intermediate addresses. */
function gigabyte(smmu: TestSmmu, ipa: number, physical: number, bits = FULL): void {
  smmu.double(STAGE_2_TABLES + 8 * (ipa / 2 ** 30), BigInt(physical) | bits | BLOCK);
}

function alone(tcr = AARCH32_TCR, sctlr = SCTLR): TestSmmu {
  const smmu = new TestSmmu();
  smmu.attach();
  secondStage(smmu, 0, tcr, sctlr);
  return smmu;
}

/** Bank 0 is stage 1 with short descriptors at intermediate address TABLES, nested in bank 3. */
function nested(sctlr2 = SCTLR): TestSmmu {
  const smmu = new TestSmmu();
  smmu.attachShort(SCTLR);
  smmu.set(0x1000 + GR1.CBAR, NESTED_IN_3);
  secondStage(smmu, 3, AARCH32_TCR, sctlr2);
  gigabyte(smmu, RAM, RAM);
  return smmu;
}

describe('a context of stage 2 (IHI 0062D chapter 17)', () => {
  test('translates in the AArch32 format', () => {
    const smmu = alone();
    gigabyte(smmu, 0xc000_0000, RAM);
    expect(smmu.write(0xc000_0123, 0x55)).toBe(true);
    expect(smmu.ram[0x123]).toBe(0x55);
  });

  test('translates addresses above 4 GiB in the AArch64 format (SMMU_CBA2Rn.VA64)', () => {
    const smmu = alone(AARCH64_TCR);
    smmu.set(0x1000 + GR1.CBA2R, 1);
    gigabyte(smmu, 9 * 2 ** 30, RAM);
    expect(smmu.write(9 * 2 ** 30 + 0x44, 7)).toBe(true);
    expect(smmu.downstream).toEqual(['write 40000044 4 108']);
  });

  test('permits what S2AP permits, whatever the privilege', () => {
    const smmu = alone();
    gigabyte(smmu, 0, RAM, AF | READ);
    expect(smmu.read(0x10)).toBe(0);
    expect(smmu.write(0x10)).toBe(false);
    expect([smmu.bank(0, 'FSR') & 0x1fe, smmu.bank(0, 'FSYNR0')]).toEqual([8, 0x11]);
  });

  test('records a fault with both addresses: SMMU_CBn_FAR and SMMU_CBn_IPAFAR', () => {
    const smmu = alone();
    expect(smmu.write(0x8000_0abc)).toBe(false);
    expect([smmu.bank(0, 'FSR') & 0x1fe, smmu.bank(0, 'FSYNR0')]).toEqual([2, 0x11]);
    expect([smmu.bank(0, 'FAR'), smmu.bank(0, 'IPAFAR')]).toEqual([0x8000_0abc, 0x8000_0abc]);
    expect(smmu.get(0x1000 + GR1.CBFRSYNRA)).toBe(STREAM);
    expect(smmu.lines[1]).toBe(true);
  });

  test('without the access flag it is an access flag fault, which SMMU_CBn_SCTLR.AFFD disables', () => {
    const smmu = alone();
    gigabyte(smmu, 0, RAM, READ | WRITE);
    expect(smmu.write(0)).toBe(false);
    expect(smmu.bank(0, 'FSR') & 0x1fe).toBe(4);
    smmu.setBank(0, 'SCTLR', SCTLR | 8);
    expect(smmu.write(0)).toBe(true);
  });

  test('whose TCR contradicts itself has translation faults', () => {
    const smmu = alone(0x8000_0080);
    gigabyte(smmu, 0, RAM);
    expect(smmu.write(0)).toBe(false);
    expect([smmu.bank(0, 'FSR') & 0x1fe, smmu.bank(0, 'FSYNR0') & 3]).toEqual([2, 1]);
  });

  test('without SMMU_CBn_SCTLR.M addresses come out as they went in, up to 40 bits', () => {
    const smmu = alone(AARCH32_TCR, SCTLR & ~1);
    expect(smmu.write(RAM + 8)).toBe(true);
    expect(smmu.write(2 ** 40)).toBe(false);
    expect(smmu.bank(0, 'FSR') & 0x1fe).toBe(2);
  });

  test('SMMU_CBn_FSR.Format is never that of short descriptors', () => {
    expect((alone(0).bank(0, 'FSR') >>> 9) & 3).toBe(1);
  });
});

describe('stage 1 nested in stage 2', () => {
  test('gives stage 2 what it has, and its tables are translated, too', () => {
    const smmu = nested();
    // Stage 1: 0x100000 is intermediate 0x80000000, which is the beginning of RAM.
    smmu.section(0x10_0000, 0x8000_0000);
    gigabyte(smmu, 0x8000_0000, RAM);
    expect(smmu.write(0x10_0044, 0x66)).toBe(true);
    expect(smmu.ram[0x44]).toBe(0x66);
  });

  test('a table whose intermediate address stage 2 does not map: SMMU_CBn_FSYNR0.S1PTWF', () => {
    const smmu = nested();
    smmu.setBank(0, 'TTBR0', 0xc000_0000);
    expect(smmu.write(0x10_0044)).toBe(false);
    expect(smmu.bank(0, 'FSR') & 0x1fe).toBe(0);
    expect(smmu.bank(3, 'FSR') & 0x1fe).toBe(2);
    expect(smmu.bank(3, 'FSYNR0')).toBe(0x19);
    expect([smmu.bank(3, 'FAR'), smmu.bank(3, 'IPAFAR')]).toEqual([0x10_0044, 0xc000_0004]);
    expect(smmu.lines.slice(1, 5)).toEqual([false, false, false, true]);
  });

  test('the bank of stage 2 records what stage 1 gave it, and whose it was: S1CBNDX', () => {
    const smmu = nested();
    smmu.set(GR0.S2CR, 2);
    smmu.set(0x1000 + GR1.CBAR + 8, NESTED_IN_3);
    smmu.setBank(2, 'TTBR0', TABLES);
    smmu.setBank(2, 'SCTLR', SCTLR);
    smmu.section(0x10_0000, 0x8000_0000);
    expect(smmu.write(0x10_0044)).toBe(false);
    expect(smmu.bank(3, 'FSYNR0')).toBe(0x2_0011);
    expect([smmu.bank(3, 'FAR'), smmu.bank(3, 'IPAFAR')]).toEqual([0x10_0044, 0x8000_0044]);
  });

  test('stage 1’s own faults are recorded in its bank', () => {
    const smmu = nested();
    expect(smmu.write(0x10_0044)).toBe(false);
    expect([smmu.bank(0, 'FSR') & 0x1fe, smmu.bank(3, 'FSR') & 0x1fe]).toEqual([2, 0]);
  });

  test('both stages must permit an access', () => {
    const smmu = nested();
    smmu.section(0, 0x8000_0000, 0x8c00);
    smmu.section(0x10_0000, 0x8000_0000);
    gigabyte(smmu, 0x8000_0000, RAM, AF | READ);
    expect([smmu.read(0), smmu.read(0x10_0000)]).toEqual([0, 0]);
    expect([smmu.write(0), smmu.write(0x10_0000)]).toEqual([false, false]);
    expect([smmu.bank(0, 'FSR') & 0x1fe, smmu.bank(3, 'FSR') & 0x1fe]).toEqual([8, 8]);
  });

  test('a walk needs the right to read, not to write', () => {
    const smmu = nested();
    smmu.section(0, 0x8000_0000);
    gigabyte(smmu, 0x8000_0000, RAM);
    gigabyte(smmu, RAM, RAM, AF | READ);
    expect(smmu.write(0)).toBe(true);
    gigabyte(smmu, RAM, RAM, AF | WRITE);
    expect(smmu.write(0)).toBe(false);
    expect([smmu.bank(3, 'FSR') & 0x1fe, smmu.bank(3, 'FSYNR0') & 8]).toEqual([8, 8]);
  });

  test('with SMMU_CBn_SCTLR.PTW tables in Device memory are permission faults', () => {
    const device = AF | READ | WRITE;
    const smmu = nested();
    smmu.section(0, RAM);
    gigabyte(smmu, RAM, RAM, device);
    expect(smmu.write(0)).toBe(true);
    const strict = nested(SCTLR | (1 << 13));
    strict.section(0, RAM);
    expect(strict.write(0)).toBe(true);
    gigabyte(strict, RAM, RAM, device);
    expect(strict.write(0)).toBe(false);
    expect([strict.bank(3, 'FSR') & 0x1fe, strict.bank(3, 'FSYNR0') & 8]).toEqual([8, 8]);
  });

  test('a bank in which a fault waits refuses all, whichever it is', () => {
    const smmu = nested(LINUX_SCTLR);
    smmu.section(0, 0x8000_0000);
    smmu.section(0x10_0000, RAM);
    expect(smmu.write(0)).toBe(false);
    expect(smmu.write(0x10_0000)).toBe(false);
    smmu.setBank(3, 'FSR', 0xffff_ffff);
    expect(smmu.write(0x10_0000)).toBe(true);
  });

  test('a bank for stage 2 that is not one is an invalid context fault, nested; one that is not there, an unimplemented one', () => {
    const smmu = nested();
    smmu.set(0x1000 + GR1.CBAR + 12, STAGE_1);
    expect(smmu.write(0)).toBe(false);
    expect([smmu.get(GR0.sGFSR), smmu.get(GR0.sGFSYNR0)]).toEqual([1, 3]);
    smmu.set(GR0.sGFSR, 1);
    smmu.set(0x1000 + GR1.CBAR, 0x0003_0900);
    expect(smmu.write(0)).toBe(false);
    expect([smmu.get(GR0.sGFSR), smmu.get(GR0.sGFSYNR0)]).toEqual([8, 3]);
  });
});

describe('what a stream sees, for what follows the guest’s tables', () => {
  const kindOf = (smmu: TestSmmu, stream = STREAM) => smmu.smmu.contextOf(stream);

  test('bypass after a reset, fault where no group matches', () => {
    const smmu = new TestSmmu();
    expect(kindOf(smmu)).toEqual({ kind: 'bypass', addressBits: 40 });
    smmu.attach();
    expect(kindOf(smmu, 0x777)).toMatchObject({ kind: 'fault' });
    expect(smmu.get(GR0.sGFSR)).toBe(0);
  });

  test('the stages of its banks, with the privilege that SMMU_S2CRn gives', () => {
    const smmu = nested();
    expect(kindOf(smmu)).toMatchObject({
      kind: 'stages',
      privileged: false,
      stage1: { regime: { format: 'short', ttbr0: TABLES } },
      stage2: { regime: { format: 'stage2', table: STAGE_2_TABLES, inputBits: 32 } },
    });
    smmu.set(GR0.S2CR, 3 << 24);
    expect(kindOf(smmu)).toMatchObject({ privileged: true });
    expect(kindOf(alone())).not.toHaveProperty('stage1');
  });

  test('a stage that is switched off lets addresses through as they are', () => {
    const smmu = new TestSmmu();
    smmu.attach(LINUX_SCTLR & ~1);
    expect(kindOf(smmu)).toMatchObject({ stage1: { regime: { format: 'flat', inputBits: 32 } } });
  });
});
