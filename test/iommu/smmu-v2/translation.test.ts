import { describe, expect, test } from 'vitest';
import { GR0, GR1 } from '../../../src/iommu/smmu-v2/registers.ts';
import { LINUX_SCTLR, RAM, TABLES, TestSmmu } from './support.ts';

const EAE = 0x8000_0000;
/** A leaf as Linux 6.1 makes it: 0xe43, a page that may be read and written. */
const LINUX_PAGE = 0xe43n;
const TABLE = 3n;

/** An SMMU whose context bank 0 has AArch32 long descriptors at level 1, in four entries. */
function long(tcr = EAE): TestSmmu {
  const smmu = new TestSmmu();
  smmu.setBank(0, 'TTBR0_HIGH', 0);
  smmu.setBank(0, 'TTBR0', TABLES);
  smmu.setBank(0, 'TCR', tcr);
  smmu.attach();
  return smmu;
}

/** An SMMU whose context bank 0 has AArch64 tables of 4 KiB that begin at level 1 (T0SZ 25, T1SZ 25). */
function aarch64(tcr2 = 2 | (7 << 15)): TestSmmu {
  const smmu = new TestSmmu();
  smmu.set(0x1000 + GR1.CBA2R, 1);
  smmu.setBank(0, 'TTBR0', TABLES);
  smmu.setBank(0, 'TTBR1', TABLES + 0x1000);
  smmu.setBank(0, 'TCR', 25 | (25 << 16) | (2 << 30));
  smmu.setBank(0, 'TCR2', tcr2);
  smmu.attach();
  return smmu;
}

describe('a context in the Short-descriptor format', () => {
  test('translates sections', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.section(0xabc0_0000, RAM);
    expect(smmu.write(0xabc0_1234, 0x55)).toBe(true);
    expect(smmu.ram[0x1234]).toBe(0x55);
    expect(smmu.read(0xabc0_1234)).toBe(0x55);
    expect(smmu.downstream).toEqual(['write 40001234 4 108', 'read 40001234 4 108']);
  });

  test('translates small pages, and splits a transfer between them', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    const second = TABLES + 0x4000;
    smmu.word(TABLES, second | 1);
    smmu.word(second, (RAM + 0x5000) | 0x32);
    smmu.word(second + 4, (RAM + 0x2000) | 0x32);
    expect(smmu.port().write(0xffe, Uint8Array.of(1, 2, 3, 4))).toBe(true);
    expect(smmu.downstream).toEqual(['write 40005ffe 2 108', 'write 40002000 2 108']);
    const bytes = new Uint8Array(4);
    expect(smmu.port().read(0xffe, bytes)).toBe(true);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
  });

  test('uses TTBR1 above 2^(32 - T0SZ)', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.setBank(0, 'TCR', 1);
    smmu.setBank(0, 'TTBR1', TABLES + 0x8000);
    smmu.word(TABLES + 0x8000 + 0x800 * 4, RAM | 0xc02);
    expect(smmu.write(0x8000_0008, 1)).toBe(true);
    expect(smmu.write(0x7fff_fff8, 1)).toBe(false);
  });

  test('has no domains: the field is ignored (IHI 0062D 2.7.2)', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.word(TABLES, RAM | 0xc02 | (15 << 5));
    expect(smmu.write(0x10)).toBe(true);
  });

  test('has big-endian tables with SMMU_CBn_SCTLR.E', () => {
    const smmu = new TestSmmu();
    smmu.attachShort(LINUX_SCTLR | 0x10);
    smmu.word(TABLES, 0x020c_0040);
    expect(smmu.write(0x10)).toBe(true);
    expect(smmu.downstream).toEqual(['write 40000010 4 108']);
  });
});

describe('a context in the AArch32 Long-descriptor format', () => {
  test('translates pages as Linux 6.1 maps them', () => {
    // T0SZ reads as 0x20: three bits count.
    const smmu = long(0x8080_3520);
    smmu.double(TABLES + 8, BigInt(TABLES + 0x1000) | TABLE);
    smmu.double(TABLES + 0x1000, BigInt(TABLES + 0x2000) | TABLE);
    smmu.double(TABLES + 0x2000, BigInt(RAM + 0x3000) | LINUX_PAGE);
    expect(smmu.write(0x4000_0abc, 0x99)).toBe(true);
    expect(smmu.ram[0x3abc]).toBe(0x99);
  });

  test('translates blocks, and uses TTBR1 for the top of the addresses', () => {
    const smmu = long(EAE | (1 << 16));
    smmu.setBank(0, 'TTBR1', TABLES + 0x1000);
    smmu.double(TABLES + 0x1000 + 8, BigInt(RAM) | 0xe41n);
    expect(smmu.write(0xc000_0010, 1)).toBe(true);
    expect(smmu.downstream).toEqual(['write 40000010 4 108']);
  });
});

describe('a context in the AArch64 format', () => {
  test('translates addresses above 4 GiB', () => {
    const smmu = aarch64();
    smmu.double(TABLES + 8 * 8, BigInt(RAM) | 0x741n);
    expect(smmu.write(8 * 2 ** 30 + 0x44, 7)).toBe(true);
    expect(smmu.downstream).toEqual(['write 40000044 4 108']);
  });

  test('selects TTBR1 by bit 48, the sign of a 49-bit bus: SEP 0b111 (16.5.39)', () => {
    const smmu = aarch64();
    smmu.double(TABLES + 0x1000 + 511 * 8, BigInt(RAM) | 0x741n);
    expect(smmu.write(2 ** 49 - 2 ** 30 + 0x20)).toBe(true);
    expect(smmu.downstream).toEqual(['write 40000020 4 108']);
  });

  test('selects TTBR1 by the bit that SEP names, and takes no address above it (1.6.4)', () => {
    const smmu = aarch64(2);
    smmu.setBank(0, 'SCTLR', LINUX_SCTLR | 0x100);
    smmu.double(TABLES + 0x1000 + 511 * 8, BigInt(RAM) | 0x741n);
    expect(smmu.write(0xc000_0020)).toBe(true);
    expect(smmu.downstream).toEqual(['write 40000020 4 108']);
    expect(smmu.write(2 ** 32 + 0xc000_0020)).toBe(false);
    expect(smmu.bank(0, 'FSR') & 0x1fe).toBe(2);
    expect(smmu.bank(0, 'FSYNR0') & 3).toBe(0);
  });
});

describe('without SMMU_CBn_SCTLR.M addresses come out as they went in', () => {
  test('in AArch32 up to 32 bits; above, it is a translation fault (table 3-1)', () => {
    const smmu = new TestSmmu();
    smmu.attach(LINUX_SCTLR & ~1);
    expect(smmu.write(RAM + 8)).toBe(true);
    expect(smmu.write(2 ** 32)).toBe(false);
    expect([smmu.bank(0, 'FSR') & 0x1fe, smmu.bank(0, 'FSYNR0')]).toEqual([2, 0x11]);
    expect(smmu.downstream).toEqual(['write 40000008 4 108']);
  });

  test('in AArch64 up to 40 bits; above, it is an address size fault (table 3-3)', () => {
    const smmu = aarch64();
    smmu.setBank(0, 'SCTLR', LINUX_SCTLR & ~1);
    expect(smmu.write(RAM + 8)).toBe(true);
    expect(smmu.write(2 ** 40)).toBe(false);
    expect(smmu.bank(0, 'FSR') & 0x1fe).toBe(0x80);
  });
});

describe('there is no TLB', () => {
  test('a mapping is there, and gone, with the store that makes it', () => {
    const smmu = new TestSmmu();
    smmu.attachShort(LINUX_SCTLR | 0x100);
    for (let i = 0; i < 2; i++) {
      smmu.section(0, RAM);
      expect(smmu.write(0x10)).toBe(true);
      smmu.section(0, 0, 0);
      smmu.word(TABLES, 0);
      expect(smmu.write(0x10)).toBe(false);
    }
  });

  test('another ASID or VMID changes nothing', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.section(0, RAM);
    smmu.setBank(0, 'CONTEXTIDR', 0x33);
    smmu.set(0x1000 + GR1.CBAR, 0x0001_f344);
    expect(smmu.write(0x10)).toBe(true);
  });
});

describe('attributes of accesses (9.6.25)', () => {
  const PRIVILEGED_ONLY = 0x400;
  const written = (s2cr: number): boolean => {
    const smmu = new TestSmmu();
    smmu.attachShort(LINUX_SCTLR & ~4, s2cr);
    smmu.section(0, RAM, PRIVILEGED_ONLY);
    return smmu.write(0);
  };

  test('PCI functions are unprivileged, which SMMU_S2CRn.PRIVCFG changes', () => {
    expect(written(0)).toBe(false);
    expect(written(3 << 24)).toBe(true);
    expect(written(2 << 24)).toBe(false);
  });

  const fetched = (sctlr: number, ap: number, xn: number): number | 'abort' => {
    const smmu = new TestSmmu();
    smmu.attachShort(sctlr, 3 << 26);
    smmu.section(0, RAM + 0, ap | xn);
    return smmu.read(0);
  };

  test('SMMU_S2CRn.INSTCFG makes instruction fetches of reads, and of writes nothing', () => {
    expect(fetched(LINUX_SCTLR, 0xc00, 0)).toBe(0);
    expect(fetched(LINUX_SCTLR, 0xc00, 0x10)).toBe('abort');
    const smmu = new TestSmmu();
    smmu.attachShort(LINUX_SCTLR, 3 << 26);
    smmu.section(0, RAM, 0xc10);
    expect(smmu.write(0)).toBe(true);
    smmu.read(0);
    expect(smmu.bank(0, 'FSYNR0')).toBe(0x41);
    smmu.setBank(0, 'FSR', 8);
    smmu.write(0x10_0000);
    expect(smmu.bank(0, 'FSYNR0')).toBe(0x11);
  });

  test('PXN of a short descriptor takes execution from privileged accesses alone', () => {
    const PXN = 1;
    for (const [privcfg, result] of [
      [2, 0],
      [3, 'abort'],
    ] as const) {
      const smmu = new TestSmmu();
      // AP[2:1] = 11: nobody writes.
      smmu.attachShort(LINUX_SCTLR, (3 << 26) | (privcfg << 24));
      smmu.section(0, RAM, 0x8c00 | PXN);
      expect(smmu.read(0)).toBe(result);
    }
  });

  test('SMMU_CBn_SCTLR.WXN and UWXN take execution from what may be written', () => {
    const READ_ONLY = 0x8c00;
    for (const bit of [0x200, 0x400]) {
      expect(fetched(LINUX_SCTLR | bit, 0xc00, 0)).toBe('abort');
      expect(fetched(LINUX_SCTLR | bit, READ_ONLY, 0)).toBe(0);
    }
  });

  test('a read-only page refuses writes alone', () => {
    const smmu = new TestSmmu();
    smmu.attachShort();
    smmu.section(0, RAM, 0x8c00);
    expect(smmu.read(0)).toBe(0);
    expect(smmu.write(0)).toBe(false);
    expect(smmu.get(GR0.sGFSR)).toBe(0);
  });
});
