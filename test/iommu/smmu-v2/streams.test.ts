import { describe, expect, test } from 'vitest';
import { GR0, GR1 } from '../../../src/iommu/smmu-v2/registers.ts';
import { LINUX_SCR0, LINUX_SCTLR, RAM, STAGE_1, STREAM, TestSmmu } from './support.ts';

const BYPASS = 1 << 16;
const FAULT = 2 << 16;
const VALID = 0x8000_0000;
/** SMMU_sGFSR. */
const [ICF, USF, SMCF, UCBF] = [1, 2, 4, 8];

/** Whether an access comes out at its own address. */
function bypasses(smmu: TestSmmu, streamId = STREAM): boolean {
  smmu.downstream.length = 0;
  smmu.write(RAM + 0x10, 1, streamId);
  return smmu.downstream.length === 1 && smmu.downstream[0].startsWith('write 40000010 ');
}

describe('an access bypasses the SMMU (IHI 0062D 1.6.3)', () => {
  test('with SMMU_sCR0.CLIENTPD, whatever the rest says', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.set(GR0.sCR0, LINUX_SCR0 | 1);
    expect(bypasses(smmu)).toBe(true);
    expect(smmu.bank(0, 'FSR')).toBe(0);
  });

  test('when no group matches it and SMMU_sCR0.USFCFG is 0', () => {
    const smmu = new TestSmmu();
    smmu.set(GR0.sCR0, 0);
    expect(bypasses(smmu)).toBe(true);
  });

  test('when several groups match it and SMMU_sCR0.SMCFCFG is 0', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.set(GR0.SMR + 4, VALID | STREAM);
    expect(bypasses(smmu)).toBe(true);
  });

  test('when SMMU_S2CRn.TYPE is bypass', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.set(GR0.S2CR, BYPASS);
    expect(bypasses(smmu)).toBe(true);
  });

  test('and loses the bits that the downstream bus has not (1.6.2)', () => {
    const smmu = new TestSmmu();
    smmu.write(2 ** 40 + RAM + 4, 0xabcd);
    expect(smmu.downstream).toEqual(['write 40000004 4 108']);
  });
});

describe('a stream matches a group (9.6.26)', () => {
  const matching = (smr: number, streamId: number): boolean => {
    const smmu = new TestSmmu();
    smmu.set(GR0.sCR0, LINUX_SCR0);
    smmu.set(GR0.SMR + 5 * 4, smr);
    smmu.set(GR0.S2CR + 5 * 4, BYPASS);
    return bypasses(smmu, streamId);
  };

  test('whose ID it has', () => {
    expect(matching(VALID | 0x108, 0x108)).toBe(true);
    expect(matching(VALID | 0x108, 0x109)).toBe(false);
  });

  test('but for the bits of its MASK', () => {
    expect(matching(VALID | (7 << 16) | 0x108, 0x10f)).toBe(true);
    expect(matching(VALID | (7 << 16) | 0x108, 0x110)).toBe(false);
    expect(matching(VALID | (0x7fff << 16), 0x7fff)).toBe(true);
  });

  test('only when that is VALID', () => {
    expect(matching(0x108, 0x108)).toBe(false);
  });

  test('and never with a sixteenth bit', () => {
    expect(matching(VALID | (0x7fff << 16), 0x8108)).toBe(false);
  });

  test('so that streams have contexts of their own', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.section(0, RAM);
    smmu.set(GR0.SMR + 4, VALID | 0x110);
    smmu.set(GR0.S2CR + 4, 7);
    smmu.set(0x1000 + GR1.CBAR + 7 * 4, STAGE_1);
    smmu.setBank(7, 'SCTLR', LINUX_SCTLR);
    smmu.setBank(7, 'TTBR0', RAM + 0x4_0000);
    smmu.word(RAM + 0x4_0000, RAM | 0xc02);
    smmu.word(RAM + 0x4_0000 + 4, 0);
    smmu.section(0x10_0000, RAM);
    expect(smmu.write(0x10_0020, 1)).toBe(true);
    expect(smmu.write(0x20, 2, 0x110)).toBe(true);
    expect(smmu.write(0x10_0020, 3, 0x110)).toBe(false);
    expect([smmu.bank(0, 'FSR'), smmu.bank(7, 'FSR') & 2]).toEqual([0, 2]);
    expect(smmu.lines.indexOf(true)).toBe(8);
  });
});

describe('a global fault (3.8)', () => {
  const faulty: readonly [string, (smmu: TestSmmu) => void, number, number][] = [
    ['unidentified stream', (smmu) => smmu.set(GR0.SMR, 0), USF, 2],
    [
      'stream match conflict',
      (smmu) => {
        smmu.set(GR0.sCR0, LINUX_SCR0 | (1 << 21));
        smmu.set(GR0.SMR + 4, VALID | STREAM);
      },
      SMCF,
      2,
    ],
    ['invalid context: SMMU_S2CRn.TYPE is fault', (smmu) => smmu.set(GR0.S2CR, FAULT), ICF, 2],
    ['invalid context: stage 1 with stage 2 fault', (smmu) => smmu.set(0x1000 + GR1.CBAR, 2 << 16), ICF, 3],
    [
      'invalid context: nested in a bank that is not stage 2',
      (smmu) => smmu.set(0x1000 + GR1.CBAR, 3 << 16),
      ICF,
      3,
    ],
    ['unimplemented context bank', (smmu) => smmu.set(GR0.S2CR, 8), UCBF, 2],
  ];

  test.each(faulty)('%s is recorded with address and stream', (_name, spoil, bit, syndrome) => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.section(0, RAM);
    spoil(smmu);
    expect(smmu.write(0x1_2345_6789)).toBe(false);
    expect(smmu.downstream).toEqual([]);
    expect(smmu.get(GR0.sGFSR)).toBe(bit);
    expect([smmu.get(GR0.sGFAR), smmu.get(GR0.sGFAR_HIGH)]).toEqual([0x2345_6789, 1]);
    expect(smmu.get(GR0.sGFSYNR0)).toBe(syndrome);
    expect(smmu.get(GR0.sGFSYNR1)).toBe(STREAM);
    expect(smmu.lines.indexOf(true)).toBe(0);
  });

  function unidentified(scr0: number): TestSmmu {
    const smmu = new TestSmmu();
    smmu.set(GR0.sCR0, scr0);
    return smmu;
  }

  test('is RAZ/WI for a bus master that is told of none: SMMU_sCR0.GFRE is 0 (3.8.2)', () => {
    const smmu = unidentified(LINUX_SCR0 & ~2);
    expect(smmu.read(RAM)).toBe(0);
    expect(smmu.write(RAM)).toBe(true);
    expect(smmu.downstream).toEqual([]);
  });

  test('interrupts with SMMU_sCR0.GFIE until software clears it with ones (3.6.3)', () => {
    const smmu = unidentified(LINUX_SCR0 & ~4);
    smmu.write(RAM);
    expect(smmu.lines[0]).toBe(false);
    smmu.set(GR0.sCR0, LINUX_SCR0);
    expect(smmu.lines[0]).toBe(true);
    smmu.set(GR0.sGFSR, 1);
    expect(smmu.get(GR0.sGFSR)).toBe(2);
    smmu.set(GR0.sGFSR, 2);
    expect([smmu.get(GR0.sGFSR), smmu.lines[0]]).toEqual([0, false]);
  });

  test('that comes while another is recorded sets MULTI and nothing else', () => {
    const smmu = unidentified(LINUX_SCR0);
    smmu.write(RAM, 0, 0x10);
    smmu.read(RAM + 4, 0x11);
    expect(smmu.get(GR0.sGFSR)).toBe(0x8000_0002);
    expect([smmu.get(GR0.sGFAR), smmu.get(GR0.sGFSYNR0), smmu.get(GR0.sGFSYNR1)]).toEqual([RAM, 2, 0x10]);
  });

  test('can be written by SMMU_sGFSRRESTORE, and then interrupts as well (9.6.16)', () => {
    const smmu = unidentified(LINUX_SCR0);
    smmu.set(GR0.sGFSRRESTORE, 0xffff_ffff);
    expect([smmu.get(GR0.sGFSR), smmu.lines[0]]).toEqual([0x8000_000f, true]);
  });
});
