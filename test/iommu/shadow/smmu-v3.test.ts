import { describe, expect, test } from 'vitest';
import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import { CONFIG, LEAF, LEAF_2 } from '../smmu-v3/support.ts';
import { PlainHost, RAM, RAM_SIZE } from './rig.ts';
import { CFGI_CD, CFGI_STE, DESCRIPTOR, ShadowRigV3, STAGE_2_TABLES, SYNC, TLBI_NH_ALL } from './rig-v3.ts';

const BLOCK = 2 ** 21;
const IOVA = 0x4000_0000;
const text = (iova: number, physical: number, rights = 'rw', size = BLOCK): string =>
  `${iova.toString(16)}+${size.toString(16)} -> ${physical.toString(16)} ${rights}`;

describe('the shadow of an SMMUv3', () => {
  test('is all of RAM while SMMU_CR0.SMMUEN is 0, and nothing with SMMU_GBPA.ABORT', () => {
    const rig = new ShadowRigV3(new PlainHost());
    expect(rig.host.list).toEqual([text(RAM, RAM, 'rw', RAM_SIZE)]);
    rig.set(SMMU.GBPA, 0x8010_0000);
    expect(rig.host.list).toEqual([]);
  });

  test('has what the tables of stage 1 map, and a new block with the barrier', () => {
    const rig = new ShadowRigV3(new PlainHost());
    rig.start(CONFIG.STAGE_1);
    expect(rig.host.list).toEqual([text(IOVA, RAM)]);
    rig.block(1, RAM + BLOCK);
    expect([rig.host.list.length, rig.dirty]).toEqual([1, true]);
    rig.shadow.synchronize();
    expect(rig.host.list).toEqual([text(IOVA, RAM), text(IOVA + BLOCK, RAM + BLOCK)]);
  });

  test('has lost what is unmapped when a CMD_SYNC is consumed', () => {
    const rig = new ShadowRigV3(new PlainHost());
    rig.start(CONFIG.STAGE_1);
    rig.block(0, 0);
    rig.commands(TLBI_NH_ALL, SYNC);
    expect(rig.host.list).toEqual([]);
    rig.block(0, RAM, LEAF | 0x80n);
    rig.commands(SYNC);
    expect(rig.host.list).toEqual([text(IOVA, RAM, 'r-')]);
  });

  test('follows the stream’s entry, and its context descriptor, with their invalidation', () => {
    const rig = new ShadowRigV3(new PlainHost());
    rig.start(CONFIG.STAGE_1);
    rig.ste(CONFIG.ABORT);
    rig.commands(CFGI_STE, SYNC);
    expect(rig.host.list).toEqual([]);
    rig.ste(CONFIG.BYPASS);
    rig.commands(CFGI_STE, SYNC);
    expect(rig.host.list).toEqual([text(RAM, RAM, 'rw', RAM_SIZE)]);
    rig.ste(CONFIG.STAGE_1);
    rig.commands(CFGI_STE, SYNC);
    expect(rig.host.list).toEqual([text(IOVA, RAM)]);
    // EPD0.
    rig.double(DESCRIPTOR, 25n | (1n << 14n) | (3n << 30n) | (2n << 32n) | (1n << 41n) | (3n << 45n));
    rig.commands(CFGI_CD, SYNC);
    expect(rig.host.list).toEqual([]);
    expect(rig.stops).toBe(0);
  });

  test('has of stage 1 nested in stage 2 what both map', () => {
    const rig = new ShadowRigV3(new PlainHost());
    rig.double(STAGE_2_TABLES + 8, BigInt(RAM) | LEAF_2);
    rig.start(CONFIG.NESTED);
    expect(rig.host.list).toEqual([text(IOVA, RAM)]);
    rig.double(STAGE_2_TABLES + 8, 0n);
    rig.commands(0x30, SYNC);
    expect(rig.host.list).toEqual([]);
  });

  test('has nothing once the stream table is out of RAM', () => {
    const rig = new ShadowRigV3(new PlainHost());
    rig.start(CONFIG.STAGE_1);
    rig.set(SMMU.CR0, 0);
    rig.set(SMMU.STRTAB_BASE, 0x900_0000);
    rig.set(SMMU.CR0, 9);
    expect(rig.host.list).toEqual([]);
  });
});
