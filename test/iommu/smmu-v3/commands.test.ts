import { describe, expect, test } from 'vitest';
import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import { COMMANDS, QUEUE_SIZE, RAM, TestSmmu } from './support.ts';

const SYNC = 0x46;
const SIG_IRQ = 1 << 12;
const SIG_SEV = 2 << 12;
/** Opcodes that an SMMU with both stages, without EL2, ATS and PRI has (IHI 0070 4.1.1). */
const LEGAL = [1, 2, 3, 4, 5, 6, 0x10, 0x11, 0x12, 0x13, 0x28, 0x2a, 0x30, SYNC];
const CMDQ_ERR = 1;

function enabled(): TestSmmu {
  const smmu = new TestSmmu();
  smmu.enable();
  return smmu;
}

describe('the command queue', () => {
  test.each(LEGAL)('consumes command 0x%s', (opcode) => {
    const smmu = enabled();
    smmu.command([opcode], [SYNC]);
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(2);
    expect(smmu.get(SMMU.GERROR)).toBe(0);
  });

  test('has no other command: CERROR_ILL (7.1)', () => {
    for (let opcode = 0; opcode < 0x100; opcode++) {
      if (LEGAL.includes(opcode)) continue;
      const smmu = enabled();
      smmu.command([SYNC], [opcode], [SYNC]);
      expect([opcode, smmu.get(SMMU.CMDQ_CONS)]).toEqual([opcode, (1 << 24) | 1]);
      expect(smmu.get(SMMU.GERROR)).toBe(CMDQ_ERR);
    }
  });

  test('commands for Secure streams are illegal (4.1.6)', () => {
    for (const opcode of [1, 2, 3, 4, 5, 6]) {
      const smmu = enabled();
      smmu.command([opcode | (1 << 10)]);
      expect(smmu.get(SMMU.GERROR)).toBe(CMDQ_ERR);
    }
  });

  test('wraps, and its wrap bit toggles (3.5.1)', () => {
    const smmu = enabled();
    for (let i = 0; i < 3; i++) smmu.command([SYNC], [SYNC], [SYNC], [SYNC], [SYNC], [SYNC]);
    expect(smmu.get(SMMU.CMDQ_PROD)).toBe(2);
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(2);
  });

  test('may be full', () => {
    const smmu = enabled();
    smmu.command(...Array.from({ length: 8 }, (): [number] => [SYNC]));
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(8);
  });

  test('is left alone while its indexes contradict each other', () => {
    const smmu = enabled();
    smmu.set(SMMU.CMDQ_PROD, 9);
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(0);
    smmu.set(SMMU.CMDQ_PROD, 0);
    smmu.command([SYNC]);
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(1);
  });

  test('stands while SMMU_CR0.CMDQEN is 0, and goes on with it', () => {
    const smmu = new TestSmmu();
    smmu.enable(0);
    smmu.command([SYNC]);
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(0);
    smmu.set(SMMU.CR0, 8);
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(1);
  });
});

describe('CMD_SYNC (4.7.3)', () => {
  test('SIG_IRQ raises the wired interrupt, each time', () => {
    const smmu = enabled();
    smmu.command([SYNC | SIG_IRQ], [SYNC], [SYNC | SIG_IRQ]);
    expect(smmu.pulses).toEqual(['cmdq-sync', 'cmdq-sync']);
  });

  test('SIG_NONE, and SIG_SEV where SMMU_IDR0.SEV is 0, signal nothing', () => {
    const smmu = enabled();
    smmu.command([SYNC], [SYNC | SIG_SEV]);
    expect([smmu.get(SMMU.CMDQ_CONS), smmu.pulses]).toEqual([2, []]);
  });

  test('the reserved signal is CERROR_ILL', () => {
    const smmu = enabled();
    smmu.command([SYNC | (3 << 12)]);
    expect([smmu.get(SMMU.CMDQ_CONS), smmu.pulses]).toEqual([1 << 24, ['gerror']]);
  });
});

describe('SMMU_GERROR.CMDQ_ERR (7.1, 7.5)', () => {
  test('stops the queue at the command until it is acknowledged, which takes the command again', () => {
    const smmu = enabled();
    smmu.command([0xff], [SYNC | SIG_IRQ]);
    expect([smmu.get(SMMU.CMDQ_CONS), smmu.pulses]).toEqual([1 << 24, ['gerror']]);
    smmu.set(SMMU.CMDQ_PROD, 2);
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(1 << 24);
    smmu.word(COMMANDS, SYNC);
    smmu.set(SMMU.GERRORN, smmu.get(SMMU.GERROR));
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(2);
    expect(smmu.pulses).toEqual(['gerror', 'cmdq-sync']);
  });

  test('acknowledged without a change, it comes again, toggled', () => {
    const smmu = enabled();
    smmu.command([0xff]);
    smmu.set(SMMU.GERRORN, 1);
    expect([smmu.get(SMMU.GERROR), smmu.get(SMMU.GERRORN), smmu.pulses.length]).toEqual([0, 1, 2]);
  });

  test('does not interrupt without SMMU_IRQ_CTRL.GERROR_IRQEN', () => {
    const smmu = enabled();
    smmu.set(SMMU.IRQ_CTRL, 4);
    smmu.command([0xff]);
    expect([smmu.get(SMMU.GERROR), smmu.pulses]).toEqual([CMDQ_ERR, []]);
  });

  test('CERROR_ABT where the queue is not in memory', () => {
    const smmu = new TestSmmu();
    smmu.enable();
    smmu.set(SMMU.CR0, 0);
    smmu.set(SMMU.CMDQ_BASE, 0x900_0000 | QUEUE_SIZE);
    smmu.set(SMMU.CR0, 8);
    smmu.set(SMMU.CMDQ_PROD, 1);
    expect([smmu.get(SMMU.CMDQ_CONS), smmu.get(SMMU.GERROR)]).toEqual([2 << 24, CMDQ_ERR]);
  });
});

describe('a queue of 2^17 commands', () => {
  test('is consumed in pieces, the rest as time goes by, with no access to a register', () => {
    const smmu = new TestSmmu();
    smmu.set(SMMU.CMDQ_BASE, RAM | 17);
    smmu.set(SMMU.CR0, 8);
    smmu.ram.fill(0);
    for (let at = RAM; at < RAM + 2 ** 21; at += 16) smmu.word(at, SYNC);
    smmu.set(SMMU.CMDQ_PROD, 2 ** 17);
    const consumed = smmu.get(SMMU.CMDQ_CONS);
    expect(consumed).toBeGreaterThan(0);
    expect(consumed).toBeLessThan(2 ** 17);
    const heard: number[] = [];
    smmu.smmu.listen({ beforeAccess: () => {}, changed: () => heard.push(1) });
    smmu.clock.advance(10_000);
    expect(smmu.get(SMMU.CMDQ_CONS)).toBe(2 * consumed);
    // Whoever follows the tables must know before the guest can see that a CMD_SYNC is complete.
    expect(heard).toHaveLength(1);
    const after = new TestSmmu();
    after.smmu.restoreState(smmu.smmu.saveState());
    after.ram.set(smmu.ram);
    for (let i = 0; i < 2 ** 17 / consumed; i++) after.clock.advance(1_000_000);
    expect(after.get(SMMU.CMDQ_CONS)).toBe(2 ** 17);
  });
});
