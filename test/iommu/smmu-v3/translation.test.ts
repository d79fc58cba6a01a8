import { describe, expect, test } from 'vitest';
import {
  CONFIG,
  DESCRIPTOR,
  LEAF,
  LEAF_2,
  RAM,
  STAGE_2,
  STAGE_2_TABLES,
  STREAM,
  TABLE,
  TABLES,
  TestSmmu,
} from './support.ts';

const [C_BAD_CD, F_WALK_EABT, F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION] = [
  0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13,
];
/** The fourth word of a record: S2, and what was being done. */
const S2 = 1 << 7;
const [CD, TTD, IN] = [0, 1 << 8, 2 << 8];
const OUTSIDE = 0x900_0000;
const AF = 1n << 10n;

function stage1(): TestSmmu {
  const smmu = new TestSmmu();
  smmu.stage1();
  return smmu;
}

function stage2(): TestSmmu {
  const smmu = new TestSmmu();
  smmu.enable();
  smmu.ste(CONFIG.STAGE_2, ...STAGE_2);
  return smmu;
}

/** Stage 2 has RAM's addresses at themselves; stage 1 is empty. */
function nested(): TestSmmu {
  const smmu = new TestSmmu();
  smmu.enable();
  smmu.ste(CONFIG.NESTED, ...STAGE_2);
  smmu.cd();
  smmu.gigabyte2(RAM, RAM);
  return smmu;
}

/** A write that faults: its record. */
function fault(smmu: TestSmmu, address: number): number[] | undefined {
  expect(smmu.write(address)).toBe(false);
  return smmu.event();
}

/** A record of a fault of a write: number, S2 and CLASS, input address, IPA or FetchAddr. */
function record(event: number, flags: number, address: number, second = 0): number[] {
  const words = (value: number): number[] => [value % 2 ** 32, Math.floor(value / 2 ** 32)];
  return [event, STREAM, 0, flags, ...words(address), ...words(second)];
}

describe('stage 1 (IHI 0070 3.3.1.3, 5.4)', () => {
  test('in VMSAv8-64 translates blocks and pages, and splits transfers between pages', () => {
    const smmu = stage1();
    smmu.gigabyte(5 * 2 ** 30, RAM);
    expect(smmu.write(5 * 2 ** 30 + 0x44, 7)).toBe(true);
    expect(smmu.read(5 * 2 ** 30 + 0x44)).toBe(7);
    smmu.double(TABLES, BigInt(TABLES + 0x1000) | TABLE);
    smmu.double(TABLES + 0x1000, BigInt(TABLES + 0x2000) | TABLE);
    smmu.double(TABLES + 0x2000, BigInt(RAM + 0x5000) | LEAF | 2n);
    smmu.double(TABLES + 0x2008, BigInt(RAM + 0x2000) | LEAF | 2n);
    smmu.downstream.length = 0;
    expect(smmu.port().write(0xffe, Uint8Array.of(1, 2, 3, 4))).toBe(true);
    expect(smmu.downstream).toEqual(['write 40005ffe 2 108', 'write 40002000 2 108']);
  });

  test('in VMSAv8-32 has 32 bits, and both tables', () => {
    const smmu = stage1();
    // AA64 0, T0SZ and T1SZ 1, EPD1 0.
    smmu.cd((1n << 41n) | (25n ^ 1n) | (1n << 16n) | (1n << 30n));
    smmu.double(DESCRIPTOR + 16, BigInt(TABLES + 0x1000));
    smmu.double(TABLES + 8, BigInt(RAM) | LEAF);
    smmu.double(TABLES + 0x1008, BigInt(RAM + 0x4000_0000) | LEAF);
    expect(smmu.write(0x4000_0010)).toBe(true);
    smmu.write(0xc000_0020);
    expect(smmu.downstream).toEqual(['write 40000010 4 108', 'write 80000020 4 108']);
    expect(fault(smmu, 2 ** 32)).toEqual(record(F_TRANSLATION, IN, 2 ** 32));
  });

  test('in VMSAv8-64 has no sign in addresses of PCI functions: TTB1 is out of reach (3.4.1)', () => {
    const smmu = stage1();
    smmu.double(DESCRIPTOR + 16, BigInt(TABLES));
    smmu.cd((1n << 30n) | (25n << 16n) | (2n << 22n));
    for (const address of [2 ** 39, 2 ** 48, 2 ** 49 - 4]) {
      expect(fault(smmu, address)).toEqual(record(F_TRANSLATION, IN, address));
    }
  });

  test('has big-endian tables with CD.ENDI', () => {
    const smmu = stage1();
    smmu.cd(1n << 15n);
    smmu.view.setBigUint64(TABLES - RAM, BigInt(RAM) | LEAF, false);
    expect(smmu.write(0x10)).toBe(true);
  });

  test('sees each change of its tables and descriptors at once: nothing is cached', () => {
    const smmu = stage1();
    for (let i = 0; i < 2; i++) {
      smmu.gigabyte(0, RAM);
      expect(smmu.write(0)).toBe(true);
      smmu.gigabyte(0, 0, 0n);
      expect(smmu.write(0)).toBe(false);
    }
  });

  test('F_TRANSLATION, F_ACCESS, F_ADDR_SIZE, F_PERMISSION: InputAddr, CLASS IN (7.3.13 to 7.3.16)', () => {
    const smmu = stage1();
    expect(fault(smmu, 0x1234)).toEqual(record(F_TRANSLATION, IN, 0x1234));
    smmu.gigabyte(0, RAM, LEAF & ~AF);
    expect(fault(smmu, 0x1234)).toEqual(record(F_ACCESS, IN, 0x1234));
    smmu.gigabyte(0, 2 ** 40);
    expect(fault(smmu, 0x1234)).toEqual(record(F_ADDR_SIZE, IN, 0x1234));
    smmu.gigabyte(0, RAM, LEAF | 0x80n);
    expect(fault(smmu, 0x1234)).toEqual(record(F_PERMISSION, IN, 0x1234));
    expect(smmu.read(0x1234)).toBe(0);
  });

  test('CD.AFFD: the access flag counts as set', () => {
    const smmu = stage1();
    smmu.cd(1n << 35n);
    smmu.gigabyte(0, RAM, LEAF & ~AF);
    expect(smmu.write(0)).toBe(true);
  });

  test('CD.R 0: faults of translation are not recorded (5.5), external aborts are', () => {
    const smmu = stage1();
    smmu.cd(1n << 45n);
    expect(fault(smmu, 0)).toBeUndefined();
    smmu.double(TABLES, BigInt(OUTSIDE) | TABLE);
    expect(fault(smmu, 0)?.[0]).toBe(F_WALK_EABT);
  });

  test('CD.PAN: privileged accesses reach nothing that unprivileged ones do', () => {
    const smmu = stage1();
    smmu.cd(1n << 40n);
    smmu.gigabyte(0, RAM);
    expect(smmu.write(0)).toBe(true);
    smmu.ste(CONFIG.STAGE_1, 3n << 48n);
    expect(fault(smmu, 0)?.[0]).toBe(F_PERMISSION);
    smmu.gigabyte(0, RAM, 0x701n);
    expect(smmu.write(0)).toBe(true);
  });

  test('CD.WXN: what may be written is not executed', () => {
    const smmu = stage1();
    smmu.ste(CONFIG.STAGE_1, 3n << 50n);
    smmu.gigabyte(0, RAM);
    expect(smmu.read(0)).toBe(0);
    smmu.cd(1n << 36n);
    expect(smmu.read(0)).toBe('abort');
  });

  test.each([
    ['CD.A 0, for faults end in an abort (TERM_MODEL)', 1n << 46n],
    ['CD.S, for nothing stalls', 1n << 44n],
    ['CD.HA without hardware updates', 1n << 43n],
    ['CD.HD without hardware updates', 1n << 42n],
    ['T0SZ 15', 25n ^ 15n],
    ['T0SZ 40', 25n ^ 40n],
    ['the reserved granule of TG0', 3n << 6n],
    ['the reserved granule of TG1', 1n << 30n],
  ])('C_BAD_CD (5.4.2): %s', (_name, change) => {
    const smmu = stage1();
    smmu.gigabyte(0, RAM);
    smmu.cd(change);
    expect(fault(smmu, 0)).toEqual([C_BAD_CD, STREAM, 0, 0, 0, 0, 0, 0]);
  });

  test('C_BAD_CD: TTB0 beyond IPS; with EPD0 it is ignored', () => {
    const smmu = stage1();
    smmu.cd(2n << 32n, 2 ** 32);
    expect(fault(smmu, 0)?.[0]).toBe(C_BAD_CD);
    smmu.cd((2n << 32n) | (1n << 14n), 2 ** 32);
    expect(fault(smmu, 0)?.[0]).toBe(F_TRANSLATION);
  });
});

describe('stage 2 alone', () => {
  test('translates, and records S2 with the intermediate address, which is the input', () => {
    const smmu = stage2();
    smmu.gigabyte2(9 * 2 ** 30, RAM);
    expect(smmu.write(9 * 2 ** 30 + 0x44, 7)).toBe(true);
    expect(smmu.downstream).toEqual(['write 40000044 4 108']);
    expect(fault(smmu, 0x8000_1234)).toEqual(record(F_TRANSLATION, S2 | IN, 0x8000_1234, 0x8000_1000));
  });

  test('permits what S2AP permits', () => {
    const smmu = stage2();
    smmu.gigabyte2(0, RAM, LEAF_2 & ~0x80n);
    expect(smmu.read(0)).toBe(0);
    expect(fault(smmu, 0)).toEqual(record(F_PERMISSION, S2 | IN, 0));
  });

  test('in VMSAv8-32 has 40 bits from concatenated tables', () => {
    const smmu = stage2();
    // S2T0SZ -8, S2SL0 1, S2AA64 0, S2R.
    smmu.ste(CONFIG.STAGE_2, 0n, (8n | (1n << 6n) | (1n << 26n)) << 32n, BigInt(STAGE_2_TABLES));
    smmu.double(STAGE_2_TABLES + 1023 * 8, BigInt(RAM) | LEAF_2);
    expect(smmu.write(2 ** 40 - 2 ** 30 + 8)).toBe(true);
    expect(smmu.downstream).toEqual(['write 40000008 4 108']);
  });

  test('an address beyond IAS is stage 1’s F_ADDR_SIZE (3.4); beyond S2T0SZ, stage 2’s F_TRANSLATION', () => {
    const smmu = stage2();
    expect(fault(smmu, 2 ** 40)).toEqual(record(F_ADDR_SIZE, IN, 2 ** 40));
    expect(fault(smmu, 2 ** 39)).toEqual(record(F_TRANSLATION, S2 | IN, 2 ** 39, 2 ** 39));
  });

  test('STE.S2R 0: its faults of translation are not recorded', () => {
    const smmu = stage2();
    smmu.ste(CONFIG.STAGE_2, 0n, STAGE_2[1] ^ (1n << 58n), STAGE_2[2]);
    expect(fault(smmu, 0)).toBeUndefined();
  });

  test('STE.S2AFFD: the access flag counts as set', () => {
    const smmu = stage2();
    smmu.gigabyte2(0, RAM, LEAF_2 & ~AF);
    expect(fault(smmu, 0)?.[0]).toBe(F_ACCESS);
    smmu.ste(CONFIG.STAGE_2, 0n, STAGE_2[1] | (1n << 53n), STAGE_2[2]);
    expect(smmu.write(0)).toBe(true);
  });
});

describe('stage 1 nested in stage 2', () => {
  test('context descriptor, tables and output of stage 1 are intermediate addresses', () => {
    const smmu = nested();
    // Stage 1: 0 is intermediate 0xc0000000, which is RAM.
    smmu.gigabyte(0, 0xc000_0000);
    smmu.gigabyte2(0xc000_0000, RAM);
    expect(smmu.write(0x44, 7)).toBe(true);
    expect(smmu.downstream).toEqual(['write 40000044 4 108']);
  });

  test('stage 2 refuses the context descriptor: CLASS CD and its address', () => {
    const smmu = nested();
    smmu.gigabyte2(RAM, 0, 0n);
    expect(fault(smmu, 0x1234)).toEqual(record(F_TRANSLATION, S2 | CD, 0x1234, DESCRIPTOR));
    smmu.gigabyte2(RAM, RAM, LEAF_2 & ~0x40n);
    expect(fault(smmu, 0x1234)).toEqual(record(F_PERMISSION, S2 | CD, 0x1234, DESCRIPTOR));
  });

  test('stage 2 refuses a table of stage 1: CLASS TTD, its address, and for a permission TTRnW', () => {
    const smmu = nested();
    smmu.cd(0n, 0xc000_2000);
    expect(fault(smmu, 0x1234)).toEqual(record(F_TRANSLATION, S2 | TTD, 0x1234, 0xc000_2000));
    smmu.gigabyte2(0xc000_0000, RAM, LEAF_2 & ~0x40n);
    expect(fault(smmu, 0x1234)).toEqual(record(F_PERMISSION, S2 | TTD | (1 << 12), 0x1234, 0xc000_2000));
  });

  test('stage 2 refuses what stage 1 gave: CLASS IN, the intermediate address', () => {
    const smmu = nested();
    smmu.gigabyte(0, 0xc000_0000);
    expect(fault(smmu, 0x5678)).toEqual(record(F_TRANSLATION, S2 | IN, 0x5678, 0xc000_5000));
  });

  test('stage 1’s own faults have no S2', () => {
    expect(fault(nested(), 0x5678)).toEqual(record(F_TRANSLATION, IN, 0x5678));
  });

  test('STE.S2PTW: tables and context descriptors in Device memory are permission faults', () => {
    const smmu = nested();
    smmu.gigabyte(0, RAM);
    smmu.gigabyte2(RAM, RAM, LEAF_2 & ~0x3cn);
    expect(smmu.write(0)).toBe(true);
    smmu.ste(CONFIG.NESTED, 0n, STAGE_2[1] | (1n << 54n), STAGE_2[2]);
    expect(fault(smmu, 0)).toEqual(record(F_PERMISSION, S2 | CD, 0, DESCRIPTOR));
  });

  test('a stage 1 of VMSAv8-64 in a stage 2 of VMSAv8-32 is C_BAD_CD (5.4.2)', () => {
    const smmu = nested();
    smmu.ste(CONFIG.NESTED, 0n, ((1n << 6n) | (1n << 26n)) << 32n, STAGE_2[2]);
    expect(fault(smmu, 0)?.[0]).toBe(C_BAD_CD);
    smmu.cd((1n << 41n) | 25n);
    smmu.gigabyte(0, RAM);
    expect(smmu.write(0)).toBe(true);
  });
});

describe('F_WALK_EABT (7.3.12): a table that is not in memory, with its physical address', () => {
  test('of stage 1: CLASS TTD without S2', () => {
    const smmu = stage1();
    smmu.double(TABLES, BigInt(OUTSIDE) | TABLE);
    expect(fault(smmu, 2 ** 21 * 3)).toEqual(record(F_WALK_EABT, TTD, 2 ** 21 * 3, OUTSIDE + 24));
  });

  test('of stage 2, for the input: CLASS IN', () => {
    const smmu = stage2();
    smmu.gigabyte2(0, OUTSIDE, TABLE);
    expect(fault(smmu, 0x1234)).toEqual(record(F_WALK_EABT, S2 | IN, 0x1234, OUTSIDE));
  });

  test('of stage 2, for a table of stage 1, and for the context descriptor', () => {
    const smmu = nested();
    smmu.cd(0n, 0xc000_0000);
    smmu.gigabyte2(0xc000_0000, OUTSIDE, TABLE);
    expect(fault(smmu, 0)).toEqual(record(F_WALK_EABT, S2 | TTD, 0, OUTSIDE));
    smmu.gigabyte2(RAM, OUTSIDE, TABLE);
    expect(fault(smmu, 0)).toEqual(record(F_WALK_EABT, S2 | CD, 0, OUTSIDE + 8));
  });

  test('of stage 1, where stage 2 leads out of memory', () => {
    const smmu = nested();
    smmu.cd(0n, 0xc000_0000);
    smmu.gigabyte2(0xc000_0000, 0x8000_0000);
    expect(fault(smmu, 0)).toEqual(record(F_WALK_EABT, TTD, 0, 0x8000_0000));
  });
});
