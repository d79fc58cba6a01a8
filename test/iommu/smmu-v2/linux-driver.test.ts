import { expect, test } from 'vitest';
import { CONTEXT_BANKS, GR0, GR1 } from '../../../src/iommu/smmu-v2/registers.ts';
import { LINUX_SCR0, RAM, STREAM, TABLES, TestSmmu } from './support.ts';

const FAULT = 2 << 16;
/** Where the driver gives a device its addresses from. */
const IOVA = 0x4000_0000;

/** The registers that Linux 6.1 for 32-bit Arm writes when it finds an SMMU, with the values that it has been seen to write. */
function probe(smmu: TestSmmu): void {
  smmu.set(GR0.SMR, 0x7fff);
  expect(smmu.get(GR0.SMR)).toBe(0x7fff);
  smmu.set(GR0.SMR, 0x7fff << 16);
  expect(smmu.get(GR0.SMR)).toBe(0x7fff_0000);
  smmu.set(GR0.sGFSR, smmu.get(GR0.sGFSR));
  for (let group = 0; group < 16; group++) {
    smmu.set(GR0.S2CR + 4 * group, FAULT);
    smmu.set(GR0.SMR + 4 * group, 0);
  }
  for (let bank = 0; bank < CONTEXT_BANKS; bank++) {
    smmu.setBank(bank, 'SCTLR', 0);
    smmu.setBank(bank, 'FSR', 0xc000_01fe);
  }
  smmu.set(GR0.TLBIALLH, 0xffff_ffff);
  smmu.set(GR0.TLBIALLNSNH, 0xffff_ffff);
  smmu.set(GR0.sTLBGSYNC, 0xffff_ffff);
  expect(smmu.get(GR0.sTLBGSTATUS) & 1).toBe(0);
  smmu.set(GR0.sCR0, LINUX_SCR0);
}

/** ...and when it puts a device behind it. */
function attach(smmu: TestSmmu): void {
  smmu.set(0x1000 + GR1.CBA2R, 0);
  smmu.set(0x1000 + GR1.CBAR, 0x0001_f300);
  smmu.setBank(0, 'TCR2', 0);
  smmu.setBank(0, 'TCR', 0x8080_3520);
  smmu.setBank(0, 'TTBR0_HIGH', 0);
  smmu.setBank(0, 'TTBR0', TABLES);
  smmu.setBank(0, 'TTBR1_HIGH', 0);
  smmu.setBank(0, 'TTBR1', 0);
  smmu.setBank(0, 'MAIR0', 0xf404_ff44);
  smmu.setBank(0, 'MAIR1', 0);
  smmu.setBank(0, 'SCTLR', 0x1067);
  smmu.set(GR0.S2CR, 0);
  smmu.set(GR0.SMR, 0x8000_0000 | STREAM);
}

test('a driver as Linux’ finds an SMMU, maps pages, unmaps them and handles a fault, without a complaint', () => {
  const smmu = new TestSmmu();
  probe(smmu);
  expect(smmu.write(RAM)).toBe(false);
  expect(smmu.get(GR0.sGFSR)).toBe(2);
  smmu.set(GR0.sGFSR, 2);
  attach(smmu);

  smmu.double(TABLES + 8, BigInt(TABLES + 0x1000) | 3n);
  smmu.double(TABLES + 0x1000, BigInt(TABLES + 0x2000) | 3n);
  smmu.double(TABLES + 0x2000, BigInt(RAM + 0x7000) | 0xe43n);
  smmu.double(TABLES + 0x2008, BigInt(RAM + 0x6000) | 0xec3n);
  expect(smmu.write(IOVA + 4, 0xabcd)).toBe(true);
  expect(smmu.view.getUint32(0x7004, true)).toBe(0xabcd);
  expect(smmu.read(IOVA + 0x1004)).toBe(0);

  smmu.double(TABLES + 0x2000, 0n);
  smmu.setBank(0, 'TLBIVAL', IOVA);
  smmu.setBank(0, 'TLBSYNC', 0xffff_ffff);
  expect(smmu.bank(0, 'TLBSTATUS') & 1).toBe(0);
  expect(smmu.write(IOVA + 4, 1)).toBe(false);
  expect(smmu.view.getUint32(0x7004, true)).toBe(0xabcd);

  expect(smmu.lines).toEqual([false, true, ...new Array<boolean>(CONTEXT_BANKS - 1).fill(false)]);
  const fsr = smmu.bank(0, 'FSR');
  expect([fsr & 0x1fe, smmu.bank(0, 'FAR'), smmu.bank(0, 'FSYNR0') & 0x10]).toEqual([2, IOVA + 4, 0x10]);
  expect(smmu.get(0x1000 + GR1.CBFRSYNRA)).toBe(STREAM);
  smmu.setBank(0, 'FSR', fsr);
  expect(smmu.lines).not.toContain(true);
  expect(smmu.read(IOVA + 0x1004)).toBe(0);
  expect(smmu.complaints).toEqual([]);
});
