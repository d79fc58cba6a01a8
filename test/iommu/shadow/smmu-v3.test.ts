import { describe, expect, test } from 'vitest';
import { Shadow } from '../../../src/iommu/shadow/shadow.ts';
import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import { SmmuV3 } from '../../../src/iommu/smmu-v3/smmu-v3.ts';
import { PageWatches } from '../../../src/memory/page-watches.ts';
import type { Requester } from '../../../src/ports/mmio.ts';
import { CONFIG, LEAF, LEAF_2, STAGE_2, StandingClock } from '../smmu-v3/support.ts';
import { PlainHost, RAM, RAM_SIZE, STREAM } from './rig.ts';

const CPU: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };
/** As `smmu-v3/support.ts` has them, for {@link STAGE_2} refers to its tables. */
const [COMMANDS, STREAM_TABLE] = [RAM + 0x10_0000, RAM + 0x20_0000];
const [DESCRIPTOR, TABLES, STAGE_2_TABLES] = [RAM + 0x30_0000, RAM + 0x31_0000, RAM + 0x34_0000];
const [CFGI_STE, CFGI_CD, TLBI_NH_ALL, SYNC] = [0x03, 0x05, 0x10, 0x46];
const BLOCK = 2 ** 21;
const TABLE = 3n;

/** An SMMUv3 before 4 MiB of RAM, of which the first 2 MiB are mapped, with a shadow of it. */
class Rig {
  readonly words = new Int32Array(RAM_SIZE / 4);
  readonly watches = new PageWatches(RAM_SIZE);
  readonly clock = new StandingClock();
  readonly host = new PlainHost();
  readonly smmu: SmmuV3;
  readonly shadow: Shadow;
  stops = 0;
  dirty = false;

  constructor() {
    const bytes = new Uint8Array(this.words.buffer);
    const place = (address: number, length: number): number | undefined =>
      address >= RAM && address + length <= RAM + RAM_SIZE ? address - RAM : undefined;
    const memory = {
      read: (address: number, into: Uint8Array) => {
        const at = place(address, into.length);
        if (at !== undefined) into.set(bytes.subarray(at, at + into.length));
        return at !== undefined;
      },
      write: (address: number, from: Uint8Array) => {
        const at = place(address, from.length);
        if (at === undefined) return false;
        bytes.set(from, at);
        this.watches.written(at, from.length);
        return true;
      },
    };
    const line = { set() {} };
    const interrupts = { eventQueue: line, commandSync: line, globalError: line };
    this.smmu = new SmmuV3({ clock: this.clock, memory, downstream: memory, interrupts });
    const dirtyWord = {
      set: (dirty: boolean) => {
        this.dirty = dirty;
      },
    };
    const ram = { ramBase: RAM, ramSize: RAM_SIZE, words: this.words, watches: this.watches, dirtyWord };
    this.shadow = new Shadow(this.smmu, ram, { warn: () => {} });
    const stop = (): void => void this.stops++;
    const device = { name: 'device', streamId: STREAM, mappings: this.host, stop };
    this.shadow.attach(device).setBusMaster(true);
  }

  set(offset: number, value: number): void {
    this.smmu.registers.write(offset, 4, value >>> 0, CPU);
  }

  get(offset: number): number {
    return this.smmu.registers.read(offset, 4, CPU);
  }

  /** A CPU's store. */
  double(address: number, value: bigint): void {
    this.words[(address - RAM) >>> 2] = Number(BigInt.asIntN(32, value));
    this.words[((address - RAM) >>> 2) + 1] = Number(BigInt.asIntN(32, value >> 32n));
    this.watches.written(address - RAM, 8);
  }

  ste(config: number, ...more: readonly bigint[]): void {
    const at = STREAM_TABLE + STREAM * 64;
    this.double(at, BigInt(DESCRIPTOR) | BigInt(config << 1) | 1n);
    for (const [i, value] of more.entries()) this.double(at + 8 * (i + 1), value);
  }

  /** Stage 1: IOVAs from 1 GiB on by blocks of 2 MiB. */
  start(config: number): void {
    this.ste(config, ...(config === CONFIG.STAGE_1 ? [] : STAGE_2));
    // VMSAv8-64, 39 bits by TTB0, 40 bits out; A and R.
    this.double(DESCRIPTOR, 25n | (1n << 30n) | (1n << 31n) | (2n << 32n) | (1n << 41n) | (3n << 45n));
    this.double(DESCRIPTOR + 8, BigInt(TABLES));
    this.double(TABLES + 8, BigInt(TABLES + 0x1000) | TABLE);
    this.block(0, RAM);
    this.set(SMMU.STRTAB_BASE, STREAM_TABLE);
    this.set(SMMU.STRTAB_BASE_CFG, 9);
    this.set(SMMU.CMDQ_BASE, COMMANDS | 4);
    this.set(SMMU.CR0, 9);
  }

  block(n: number, physical: number, leaf = LEAF): void {
    this.double(TABLES + 0x1000 + 8 * n, physical === 0 ? 0n : BigInt(physical) | leaf);
  }

  commands(...opcodes: readonly number[]): void {
    let index = this.get(SMMU.CMDQ_PROD);
    for (const opcode of opcodes) {
      this.double(COMMANDS + (index % 16) * 16, BigInt(opcode));
      index = (index + 1) % 32;
    }
    this.set(SMMU.CMDQ_PROD, index);
    expect(this.get(SMMU.CMDQ_CONS)).toBe(index);
  }
}

const IOVA = 0x4000_0000;
const text = (iova: number, physical: number, rights = 'rw', size = BLOCK): string =>
  `${iova.toString(16)}+${size.toString(16)} -> ${physical.toString(16)} ${rights}`;

describe('the shadow of an SMMUv3', () => {
  test('is all of RAM while SMMU_CR0.SMMUEN is 0, and nothing with SMMU_GBPA.ABORT', () => {
    const rig = new Rig();
    expect(rig.host.list).toEqual([text(RAM, RAM, 'rw', RAM_SIZE)]);
    rig.set(SMMU.GBPA, 0x8010_0000);
    expect(rig.host.list).toEqual([]);
  });

  test('has what the tables of stage 1 map, and a new block with the barrier', () => {
    const rig = new Rig();
    rig.start(CONFIG.STAGE_1);
    expect(rig.host.list).toEqual([text(IOVA, RAM)]);
    rig.block(1, RAM + BLOCK);
    expect([rig.host.list.length, rig.dirty]).toEqual([1, true]);
    rig.shadow.synchronize();
    expect(rig.host.list).toEqual([text(IOVA, RAM), text(IOVA + BLOCK, RAM + BLOCK)]);
  });

  test('has lost what is unmapped when a CMD_SYNC is consumed', () => {
    const rig = new Rig();
    rig.start(CONFIG.STAGE_1);
    rig.block(0, 0);
    rig.commands(TLBI_NH_ALL, SYNC);
    expect(rig.host.list).toEqual([]);
    rig.block(0, RAM, LEAF | 0x80n);
    rig.commands(SYNC);
    expect(rig.host.list).toEqual([text(IOVA, RAM, 'r-')]);
  });

  test('follows the stream’s entry, and its context descriptor, with their invalidation', () => {
    const rig = new Rig();
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
    const rig = new Rig();
    rig.double(STAGE_2_TABLES + 8, BigInt(RAM) | LEAF_2);
    rig.start(CONFIG.NESTED);
    expect(rig.host.list).toEqual([text(IOVA, RAM)]);
    rig.double(STAGE_2_TABLES + 8, 0n);
    rig.commands(0x30, SYNC);
    expect(rig.host.list).toEqual([]);
  });

  test('has nothing once the stream table is out of RAM', () => {
    const rig = new Rig();
    rig.start(CONFIG.STAGE_1);
    rig.set(SMMU.CR0, 0);
    rig.set(SMMU.STRTAB_BASE, 0x900_0000);
    rig.set(SMMU.CR0, 9);
    expect(rig.host.list).toEqual([]);
  });
});
