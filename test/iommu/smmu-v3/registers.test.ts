import { describe, expect, test } from 'vitest';
import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import { CONFIG, CPU, PAGE_1_EVENTQ_CONS, PAGE_1_EVENTQ_PROD, RAM, STREAM, TestSmmu } from './support.ts';

describe('identification (IHI 0070 6.3.1 and following)', () => {
  const smmu = new TestSmmu();
  const field = (register: number, shift: number, bits: number): number =>
    (smmu.get(register) >>> shift) & (2 ** bits - 1);

  test('SMMU_IDR0: both stages, both formats, coherent, 16-bit ASIDs and VMIDs, no stalls, a stream table of two levels', () => {
    const { IDR0 } = SMMU;
    expect({ s2p: field(IDR0, 0, 1), s1p: field(IDR0, 1, 1), ttf: field(IDR0, 2, 2) }).toEqual({
      s2p: 1,
      s1p: 1,
      ttf: 3,
    });
    expect([field(IDR0, 4, 1), field(IDR0, 12, 1), field(IDR0, 18, 1)]).toEqual([1, 1, 1]);
    expect([field(IDR0, 24, 2), field(IDR0, 26, 1), field(IDR0, 27, 2)]).toEqual([1, 1, 1]);
  });

  test('SMMU_IDR0 has no HTTU, EL2, ATS, MSI, PRI, ATOS and two-level tables of context descriptors', () => {
    for (const [shift, bits] of [
      [5, 1],
      [6, 2],
      [9, 2],
      [13, 1],
      [15, 2],
      [19, 1],
    ] as const) {
      expect(field(SMMU.IDR0, shift, bits)).toBe(0);
    }
  });

  test('SMMU_IDR1: stream IDs of 16 bits, no substreams, queues of 2^19 entries', () => {
    expect([field(SMMU.IDR1, 0, 6), field(SMMU.IDR1, 6, 5)]).toEqual([16, 0]);
    expect([field(SMMU.IDR1, 16, 5), field(SMMU.IDR1, 21, 5)]).toEqual([19, 19]);
  });

  test('SMMU_IDR5: 40 bits go out, all granules', () => {
    expect(smmu.get(SMMU.IDR5)).toBe(0x72);
  });

  test('SMMU_AIDR: SMMUv3.0', () => {
    expect(smmu.get(SMMU.AIDR)).toBe(0);
  });

  test('cannot be written', () => {
    smmu.set(SMMU.IDR1, 0);
    expect(smmu.get(SMMU.IDR1)).toBe(0x0673_0010);
  });
});

describe('control', () => {
  test('SMMU_CR0ACK and SMMU_IRQ_CTRLACK follow at once, without what is not there', () => {
    const smmu = new TestSmmu();
    smmu.set(SMMU.CR0, 0xffff_ffff);
    expect([smmu.get(SMMU.CR0), smmu.get(SMMU.CR0ACK)]).toEqual([0xd, 0xd]);
    smmu.set(SMMU.IRQ_CTRL, 0xffff_ffff);
    expect([smmu.get(SMMU.IRQ_CTRL), smmu.get(SMMU.IRQ_CTRLACK)]).toEqual([5, 5]);
    smmu.set(SMMU.CR0, 0);
    expect(smmu.get(SMMU.CR0ACK)).toBe(0);
  });

  test('registers of the stream table and of queues are read-only while these are in use (6.3.24, 6.3.26)', () => {
    const smmu = new TestSmmu();
    smmu.enable();
    for (const register of [
      SMMU.STRTAB_BASE,
      SMMU.STRTAB_BASE_CFG,
      SMMU.CMDQ_BASE,
      SMMU.CMDQ_CONS,
    ] as const) {
      const before = smmu.get(register);
      smmu.set(register, 0x4012_3440);
      expect(smmu.get(register)).toBe(before);
    }
    smmu.set(PAGE_1_EVENTQ_PROD, 3);
    expect(smmu.get(PAGE_1_EVENTQ_PROD)).toBe(0);
    expect(smmu.complaints).toHaveLength(5);
  });

  test('the event queue’s indexes are in page 1; their places in page 0 are RAZ/WI (6.2)', () => {
    const smmu = new TestSmmu();
    smmu.set(PAGE_1_EVENTQ_CONS, 5);
    expect([smmu.get(PAGE_1_EVENTQ_CONS), smmu.get(SMMU.EVENTQ_CONS)]).toEqual([5, 0]);
    smmu.set(SMMU.EVENTQ_CONS, 7);
    expect(smmu.get(PAGE_1_EVENTQ_CONS)).toBe(5);
  });

  test('64-bit registers are two words', () => {
    const smmu = new TestSmmu();
    smmu.set(SMMU.STRTAB_BASE_HIGH, 0xffff_ffff);
    smmu.set(SMMU.STRTAB_BASE, 0xffff_ffff);
    expect([smmu.get(SMMU.STRTAB_BASE_HIGH), smmu.get(SMMU.STRTAB_BASE)]).toEqual([0x4000_00ff, 0xffff_ffc0]);
  });

  test('MSI configuration is RES0 where SMMU_IDR0.MSI is 0', () => {
    const smmu = new TestSmmu();
    for (const register of [SMMU.GERROR_IRQ_CFG0, SMMU.EVENTQ_IRQ_CFG0, SMMU.PRIQ_IRQ_CFG2]) {
      smmu.set(register, 0xffff_ffff);
      expect(smmu.get(register)).toBe(0);
    }
  });

  test('accesses of other sizes, by bus masters, and where no register is are ignored and reported', () => {
    const smmu = new TestSmmu();
    smmu.smmu.registers.write(SMMU.CR0, 1, 1, CPU);
    smmu.smmu.registers.write(SMMU.CR0, 4, 1, { ...CPU, kind: 'stream', streamId: STREAM });
    expect(smmu.get(SMMU.CR0)).toBe(0);
    smmu.set(0x400, 1);
    expect(smmu.get(0x400)).toBe(0);
    expect(smmu.complaints).toHaveLength(4);
  });
});

describe('while SMMU_CR0.SMMUEN is 0 (6.3.9.6)', () => {
  test('accesses come out as they went in, up to 40 bits; above, they are aborted and nobody is told (3.4)', () => {
    const smmu = new TestSmmu();
    smmu.enable(0xc);
    expect(smmu.write(RAM + 4)).toBe(true);
    expect(smmu.write(2 ** 40)).toBe(false);
    expect(smmu.event()).toBeUndefined();
    expect(smmu.downstream).toEqual(['write 40000004 4 108']);
  });

  test('SMMU_GBPA.ABORT aborts them; the register is written with Update alone (6.3.14.1)', () => {
    const smmu = new TestSmmu();
    smmu.set(SMMU.GBPA, 1 << 20);
    expect(smmu.get(SMMU.GBPA)).toBe(0x1000);
    smmu.set(SMMU.GBPA, 0x8010_0000);
    expect(smmu.get(SMMU.GBPA)).toBe(1 << 20);
    expect(smmu.write(RAM)).toBe(false);
    expect(smmu.smmu.contextOf(STREAM)).toEqual({ kind: 'fault' });
  });
});

describe('a saved SMMU', () => {
  test('goes on as it was, without a word to its interrupt lines', () => {
    const before = new TestSmmu();
    before.stage1();
    expect(before.write(0x1234)).toBe(false);
    const after = new TestSmmu();
    after.smmu.restoreState(before.smmu.saveState());
    expect(after.pulses).toEqual([]);
    expect(after.smmu.saveState()).toEqual(before.smmu.saveState());
    after.ram.set(before.ram);
    expect(after.event()?.[0]).toBe(0x10);
    after.gigabyte(0, RAM);
    expect(after.write(0x1234)).toBe(true);
  });

  test('one of another shape is refused', () => {
    const smmu = new TestSmmu();
    const state = smmu.smmu.saveState();
    expect(() => smmu.smmu.restoreState({ ...state, registers: new Uint32Array(1) })).toThrow(RangeError);
  });

  test('after a reset it is as new', () => {
    const smmu = new TestSmmu();
    const fresh = smmu.smmu.saveState();
    smmu.stage1();
    smmu.ste(CONFIG.ABORT);
    smmu.smmu.reset();
    expect(smmu.smmu.saveState()).toEqual(fresh);
    expect(smmu.write(RAM)).toBe(true);
  });
});

describe('a listener', () => {
  test('hears of each access to a register before it, and of each write after it', () => {
    const smmu = new TestSmmu();
    const heard: string[] = [];
    smmu.smmu.listen({
      beforeAccess: () => heard.push(`before, CR2 ${smmu.smmu.saveState().registers[SMMU.CR2 / 4]}`),
      changed: () => heard.push(`changed, CR2 ${smmu.smmu.saveState().registers[SMMU.CR2 / 4]}`),
    });
    smmu.set(SMMU.CR2, 2);
    smmu.get(SMMU.CR0);
    expect(heard).toEqual(['before, CR2 0', 'changed, CR2 2', 'before, CR2 2']);
    smmu.smmu.reset();
    expect(heard.at(-1)).toBe('changed, CR2 0');
  });
});
