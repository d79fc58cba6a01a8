import { describe, expect, test } from 'vitest';
import { CB, CONTEXT_BANKS_BASE, GR0, GR1, SMMU_SIZE } from '../../../src/iommu/smmu-v2/registers.ts';
import { CPU, LINUX_SCR0, STREAM, TestSmmu } from './support.ts';

describe('identification (IHI 0062D 9.6.1)', () => {
  const smmu = new TestSmmu();

  test('SMMU_IDR0: both stages and their nesting, both AArch32 formats, 16 stream mapping groups of 15 bits', () => {
    const idr0 = smmu.get(GR0.IDR0);
    expect(idr0).toBe(0x7c01_5e10);
    expect({ s1ts: (idr0 >>> 30) & 1, s2ts: (idr0 >>> 29) & 1, nts: (idr0 >>> 28) & 1 }).toEqual({
      s1ts: 1,
      s2ts: 1,
      nts: 1,
    });
    expect((idr0 >>> 24) & 3).toBe(0);
    expect([(idr0 >>> 9) & 15, idr0 & 0xff]).toEqual([15, 16]);
  });

  test('SMMU_IDR0.NUMIRPT is 1: each context bank has its own interrupt (3.6.2)', () => {
    expect((smmu.get(GR0.IDR0) >>> 16) & 0xff).toBe(1);
  });

  test('SMMU_IDR1: two halves of eight 4 KiB pages, eight context banks', () => {
    const idr1 = smmu.get(GR0.IDR1);
    expect(idr1).toBe(0x2000_0008);
    expect(0x1000 * 2 ** (((idr1 >>> 28) & 7) + 1)).toBe(CONTEXT_BANKS_BASE);
    expect(SMMU_SIZE).toBe(0x1_0000);
  });

  test('SMMU_IDR2: 49 bits come in, 40 go out, AArch64 with all granules', () => {
    expect(smmu.get(GR0.IDR2)).toBe(0x7522);
  });

  test('cannot be written', () => {
    smmu.set(GR0.IDR0, 0);
    expect(smmu.get(GR0.IDR0)).toBe(0x7c01_5e10);
  });
});

describe('after a reset', () => {
  test('SMMU_sCR0.CLIENTPD is 1 (9.6.3), context faults neither interrupt nor abort (table 16-2)', () => {
    const smmu = new TestSmmu();
    expect(smmu.get(GR0.sCR0)).toBe(1);
    smmu.attachShort();
    expect(smmu.read(0)).toBe('abort');
    smmu.smmu.reset();
    expect(smmu.get(GR0.sCR0)).toBe(1);
    expect(smmu.bank(0, 'SCTLR')).toBe(0);
    expect(smmu.bank(0, 'FSR') & 0x8000_01ff).toBe(0);
    expect(smmu.get(GR0.SMR)).toBe(0);
    expect(smmu.lines).not.toContain(true);
  });
});

describe('fields that are not there are RAZ/WI', () => {
  const smmu = new TestSmmu();
  const written = (offset: number): number => {
    smmu.set(offset, 0xffff_ffff);
    return smmu.get(offset);
  };

  test('SMMU_sCR0: no stalls, no configuration access faults, no extended stream IDs', () => {
    expect(written(GR0.sCR0)).toBe(0x0fff_fcc7);
  });

  test('SMMU_SMRn: 15 bits of ID and MASK and VALID; the sixteenth group is the last', () => {
    expect(written(GR0.SMR)).toBe(0xffff_7fff);
    expect(written(GR0.SMR + 15 * 4)).toBe(0xffff_7fff);
    expect(written(GR0.SMR + 16 * 4)).toBe(0);
  });

  test('SMMU_S2CRn.EXIDVALID', () => {
    expect(written(GR0.S2CR + 4)).toBe(0x3fff_fbff);
  });

  test('SMMU_CBARn: IRPTNDX (3.6.2) and HYPC', () => {
    expect(written(0x1000 + GR1.CBAR + 7 * 4)).toBe(0x00ff_fbff);
    expect(written(0x1000 + GR1.CBAR + 8 * 4)).toBe(0);
  });

  test('SMMU_CBA2Rn: VA64 alone is there', () => {
    expect(written(0x1000 + GR1.CBA2R)).toBe(1);
  });

  test('SMMU_CBn_SCTLR.CFCFG: faults never stall (3.7.3)', () => {
    expect(written(CONTEXT_BANKS_BASE + CB.SCTLR) & 0x80).toBe(0);
    expect(written(CONTEXT_BANKS_BASE + CB.SCTLR)).toBe(0x4fdf_f77f);
  });

  test('SMMU_CBn_TCR2: what belongs to extensions', () => {
    expect(written(CONTEXT_BANKS_BASE + CB.TCR2)).toBe(0x0003_8077);
  });
});

describe('context banks', () => {
  test('are independent of each other', () => {
    const smmu = new TestSmmu();
    for (let n = 0; n < 8; n++) smmu.setBank(n, 'TTBR0', 0x4000_0000 + n);
    for (let n = 0; n < 8; n++) expect(smmu.bank(n, 'TTBR0')).toBe(0x4000_0000 + n);
  });

  test('take 64-bit registers as two words, the high one first', () => {
    const smmu = new TestSmmu();
    smmu.setBank(3, 'TTBR1_HIGH', 0x00aa_0012);
    smmu.setBank(3, 'TTBR1', 0x8000_0000);
    expect([smmu.bank(3, 'TTBR1_HIGH'), smmu.bank(3, 'TTBR1')]).toEqual([0x00aa_0012, 0x8000_0000]);
  });
});

describe('TLB maintenance (chapter 5)', () => {
  test('of the whole SMMU is complete at once: SMMU_sTLBGSTATUS.GSACTIVE is 0 after a sync', () => {
    const smmu = new TestSmmu();
    const operations = ['TLBIVMID', 'TLBIVMIDS1', 'TLBIALLNSNH', 'TLBIALLH', 'TLBIVAH', 'sTLBGSYNC'] as const;
    for (const operation of operations) smmu.set(GR0[operation], 0xffff_ffff);
    for (const operation of operations) expect(smmu.get(GR0[operation])).toBe(0);
    expect(smmu.get(GR0.sTLBGSTATUS)).toBe(0);
    expect(smmu.complaints).toEqual([]);
  });

  test('of a context bank is, too: SMMU_CBn_TLBSTATUS.SACTIVE is 0', () => {
    const smmu = new TestSmmu();
    const stage1 = ['TLBIVA', 'TLBIVAA', 'TLBIASID', 'TLBIALL', 'TLBIVAL', 'TLBIVAAL'] as const;
    const stage2 = ['TLBIIPAS2', 'TLBIIPAS2L'] as const;
    for (const operation of [...stage1, ...stage2]) smmu.setBank(2, operation, 0x4000_0001);
    smmu.setBank(2, 'TLBSYNC', 0);
    expect(smmu.bank(2, 'TLBSTATUS')).toBe(0);
    expect(smmu.complaints).toEqual([]);
  });
});

describe('accesses to registers', () => {
  test('where none is are RAZ/WI and reported (3.9)', () => {
    const smmu = new TestSmmu();
    for (const offset of [0x00c, 0x100, 0x1020, 0x2000, CONTEXT_BANKS_BASE + 0x48]) {
      smmu.set(offset, 1);
      expect(smmu.get(offset)).toBe(0);
    }
    expect(smmu.complaints).toHaveLength(10);
  });

  test('of other sizes than words are ignored', () => {
    const smmu = new TestSmmu();
    smmu.smmu.registers.write(GR0.sCR0, 1, 0, CPU);
    expect(smmu.get(GR0.sCR0)).toBe(1);
    expect(smmu.smmu.registers.read(GR0.sCR0, 2, CPU)).toBe(0);
  });

  test('by bus masters are ignored: none programs its own translation', () => {
    const smmu = new TestSmmu();
    const master = { ...CPU, kind: 'stream', streamId: STREAM } as const;
    smmu.smmu.registers.write(GR0.sCR0, 4, LINUX_SCR0, master);
    expect(smmu.get(GR0.sCR0)).toBe(1);
    expect(smmu.smmu.registers.read(GR0.sCR0, 4, master)).toBe(0);
    expect(smmu.complaints[0]).toContain('bus master 0x108');
  });
});

describe('a saved SMMU', () => {
  test('goes on as it was, without a word to its interrupt lines', () => {
    const before = new TestSmmu();
    before.attachShort();
    before.section(0, 0x4000_0000);
    expect(before.read(0x10_0000)).toBe('abort');
    before.write(0, 0, 0x777);
    const after = new TestSmmu();
    after.smmu.restoreState(before.smmu.saveState());
    expect(after.lines).not.toContain(true);
    expect(after.smmu.saveState()).toEqual(before.smmu.saveState());
    expect(after.get(GR0.sGFSR)).toBe(2);
    expect(after.bank(0, 'FSR')).toBe(2);
    after.ram.set(before.ram);
    after.setBank(0, 'FSR', 0xffff_ffff);
    after.write(0x123, 0x77);
    expect(after.ram[0x123]).toBe(0x77);
  });

  test('is a copy, and one of another shape is refused', () => {
    const smmu = new TestSmmu();
    const state = smmu.smmu.saveState();
    smmu.attachShort();
    expect(state.globalSpace.SMR[0]).toBe(0);
    expect(() => smmu.smmu.restoreState({ ...state, banks: [] })).toThrow(RangeError);
  });
});
