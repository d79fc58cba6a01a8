import { describe, expect, test } from 'vitest';
import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import {
  CONFIG,
  EVENTS,
  PAGE_1_EVENTQ_CONS,
  PAGE_1_EVENTQ_PROD,
  QUEUE_SIZE,
  RAM,
  STREAM,
  TestSmmu,
} from './support.ts';

const OVERFLOW = 0x8000_0000;
const EVENTQ_ABT_ERR = 4;

/** An SMMU whose every access is a translation fault. */
function faulting(): TestSmmu {
  const smmu = new TestSmmu();
  smmu.stage1();
  return smmu;
}

describe('the event queue (IHI 0070 3.5.3, 7.2.1)', () => {
  test('has records of 32 bytes, little-endian, one for each access', () => {
    const smmu = faulting();
    smmu.write(0x1000);
    smmu.read(0x2_3456);
    expect(smmu.get(PAGE_1_EVENTQ_PROD)).toBe(2);
    // F_TRANSLATION: StreamID, then RnW and CLASS IN, then InputAddr.
    expect(smmu.event()).toEqual([0x10, STREAM, 0, 2 << 8, 0x1000, 0, 0, 0]);
    expect(smmu.event()).toEqual([0x10, STREAM, 0, (2 << 8) | 8, 0x2_3456, 0, 0, 0]);
    expect(smmu.event()).toBeUndefined();
  });

  test('interrupts when it is not empty any more, and with SMMU_IRQ_CTRL.EVENTQ_IRQEN alone (3.18)', () => {
    const smmu = faulting();
    smmu.write(0);
    smmu.write(0);
    expect(smmu.pulses).toEqual(['eventq']);
    smmu.event();
    smmu.event();
    smmu.write(0);
    expect(smmu.pulses).toEqual(['eventq', 'eventq']);
    smmu.event();
    smmu.set(SMMU.IRQ_CTRL, 1);
    smmu.write(0);
    expect(smmu.pulses).toHaveLength(2);
  });

  test('takes nothing while SMMU_CR0.EVENTQEN is 0', () => {
    const smmu = faulting();
    smmu.set(SMMU.CR0, 9);
    smmu.write(0);
    expect(smmu.get(PAGE_1_EVENTQ_PROD)).toBe(0);
  });

  test('wraps', () => {
    const smmu = faulting();
    for (let i = 0; i < 20; i++) {
      smmu.write(i * 4096);
      expect(smmu.event()?.[4]).toBe(i * 4096);
    }
  });

  test('that is full overflows: OVFLG toggles once, until OVACKFLG is the same (7.4)', () => {
    const smmu = faulting();
    for (let i = 0; i < 2 ** QUEUE_SIZE; i++) smmu.write(0);
    expect(smmu.get(PAGE_1_EVENTQ_PROD)).toBe(8);
    smmu.write(0);
    smmu.write(0);
    expect(smmu.get(PAGE_1_EVENTQ_PROD)).toBe(OVERFLOW + 8);
    smmu.event();
    smmu.write(0xabc);
    expect(smmu.get(PAGE_1_EVENTQ_PROD)).toBe(OVERFLOW + 9);
    smmu.set(PAGE_1_EVENTQ_CONS, OVERFLOW + 9);
    for (let i = 0; i < 9; i++) smmu.write(0);
    expect(smmu.get(PAGE_1_EVENTQ_PROD)).toBe(1);
  });

  test('whose indexes contradict each other counts as full', () => {
    const smmu = faulting();
    smmu.set(PAGE_1_EVENTQ_CONS, 3);
    smmu.write(0);
    expect(smmu.get(PAGE_1_EVENTQ_PROD)).toBe(OVERFLOW);
  });

  test('that is not in memory is a global error, and then takes nothing until that is acknowledged (7.2.2)', () => {
    const smmu = faulting();
    smmu.set(SMMU.CR0, 9);
    smmu.set(SMMU.EVENTQ_BASE, 0x900_0000 | QUEUE_SIZE);
    smmu.set(SMMU.CR0, 0xd);
    smmu.write(0);
    expect([smmu.get(SMMU.GERROR), smmu.get(PAGE_1_EVENTQ_PROD)]).toEqual([EVENTQ_ABT_ERR, 0]);
    expect(smmu.pulses).toEqual(['gerror']);
    smmu.write(0);
    expect(smmu.pulses).toEqual(['gerror']);
    smmu.set(SMMU.CR0, 9);
    smmu.set(SMMU.EVENTQ_BASE, EVENTS | QUEUE_SIZE);
    smmu.set(SMMU.CR0, 0xd);
    smmu.write(0);
    expect(smmu.event()).toBeUndefined();
    smmu.set(SMMU.GERRORN, EVENTQ_ABT_ERR);
    smmu.write(0x44);
    expect(smmu.event()?.[4]).toBe(0x44);
  });
});

describe('what is recorded of wrong configuration (7.3)', () => {
  const eventOf = (spoil: (smmu: TestSmmu) => void, streamId = STREAM): number[] | undefined => {
    const smmu = faulting();
    smmu.gigabyte(0, RAM);
    spoil(smmu);
    expect(smmu.write(0x1234, 1, streamId)).toBe(false);
    expect(smmu.downstream).toEqual([]);
    return smmu.event();
  };
  const record = (event: number, streamId = STREAM, fetched = 0): number[] => [
    event,
    streamId,
    0,
    0,
    0,
    0,
    fetched,
    0,
  ];
  /** Changes a register that is read-only while the SMMU is on. */
  const setOff = (smmu: TestSmmu, register: number, value: number): void => {
    smmu.set(SMMU.CR0, 0);
    smmu.set(register, value);
    smmu.set(SMMU.CR0, 0xd);
  };

  test('C_BAD_STREAMID beyond the stream table, with SMMU_CR2.RECINVSID alone', () => {
    expect(eventOf(() => {}, 0x200)).toEqual(record(2, 0x200));
    expect(eventOf((smmu) => setOff(smmu, SMMU.CR2, 0), 0x200)).toBeUndefined();
  });

  test('F_STE_FETCH where the stream table is not in memory, with the address', () => {
    const at = 0x900_0000 + STREAM * 64;
    expect(eventOf((smmu) => setOff(smmu, SMMU.STRTAB_BASE, 0x900_0000))).toEqual(record(3, STREAM, at));
  });

  test('C_BAD_STE where STE.V is 0', () => {
    expect(eventOf((smmu) => smmu.double(RAM + 0x20_0000 + STREAM * 64, 0n))).toEqual(record(4));
  });

  test('nothing where STE.Config is 0b0xx', () => {
    for (const config of [0, 1, 2, 3]) expect(eventOf((smmu) => smmu.ste(config))).toBeUndefined();
  });

  test('F_CD_FETCH where the context descriptor is not in memory', () => {
    const at = RAM + 0x20_0000 + STREAM * 64;
    const outside = (smmu: TestSmmu): void => smmu.double(at, 0x900_0000n | BigInt(CONFIG.STAGE_1 << 1) | 1n);
    expect(eventOf(outside)).toEqual(record(9, STREAM, 0x900_0000));
  });

  test('C_BAD_STE where S1ContextPtr is beyond 40 bits', () => {
    const at = RAM + 0x20_0000 + STREAM * 64;
    expect(eventOf((smmu) => smmu.double(at, (1n << 40n) | BigInt(CONFIG.STAGE_1 << 1) | 1n))).toEqual(
      record(4),
    );
  });

  test('C_BAD_CD where CD.V is 0', () => {
    expect(eventOf((smmu) => smmu.cd(1n << 31n))).toEqual(record(0xa));
  });
});
