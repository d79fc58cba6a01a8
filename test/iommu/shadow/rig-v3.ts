import { expect } from 'vitest';
import { Shadow } from '../../../src/iommu/shadow/shadow.ts';
import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import { SmmuV3 } from '../../../src/iommu/smmu-v3/smmu-v3.ts';
import { StreamPort } from '../../../src/iommu/stream.ts';
import { PageWatches } from '../../../src/memory/page-watches.ts';
import type { HostMappings } from '../../../src/ports/host-mappings.ts';
import type { Requester } from '../../../src/ports/mmio.ts';
import {
  CONFIG,
  LEAF,
  PAGE_1_EVENTQ_CONS,
  PAGE_1_EVENTQ_PROD,
  STAGE_2,
  StandingClock,
} from '../smmu-v3/support.ts';
import { type PlainHost, RAM, RAM_SIZE, STREAM } from './rig.ts';

const CPU: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };
/** As `smmu-v3/support.ts` has them, for {@link STAGE_2} refers to its tables. */
const [COMMANDS, STREAM_TABLE] = [RAM + 0x10_0000, RAM + 0x20_0000];
const EVENTS = RAM + 0x11_0000;
export const [DESCRIPTOR, TABLES, STAGE_2_TABLES] = [RAM + 0x30_0000, RAM + 0x31_0000, RAM + 0x34_0000];
/** Opcodes of commands (IHI 0070 4). */
export const [CFGI_STE, CFGI_CD, TLBI_NH_ALL, SYNC] = [0x03, 0x05, 0x10, 0x46];
const TABLE = 3n;
/** log2 of the entries of both queues. */
const QUEUE_SIZE = 4;

/** An SMMUv3 before 4 MiB of RAM, of which the first 2 MiB are mapped, with a shadow of it. */
export class ShadowRigV3<Host extends HostMappings = PlainHost> {
  readonly words = new Int32Array(RAM_SIZE / 4);
  readonly watches = new PageWatches(RAM_SIZE);
  readonly clock = new StandingClock();
  readonly host: Host;
  readonly warnings: string[] = [];
  readonly smmu: SmmuV3;
  readonly shadow: Shadow;
  stops = 0;
  dirty = false;

  constructor(host: Host, mostLooks?: number) {
    this.host = host;
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
    this.shadow = new Shadow(this.smmu, ram, {
      ...(mostLooks !== undefined && { mostLooks }),
      warn: (message) => this.warnings.push(message),
    });
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
    this.set(SMMU.CMDQ_BASE, COMMANDS | QUEUE_SIZE);
    this.set(SMMU.EVENTQ_BASE, EVENTS | QUEUE_SIZE);
    this.set(SMMU.CR0, 0xd);
  }

  /** The context descriptor with another table, and the commands that make the SMMU see it. */
  setTable(address: number): void {
    this.double(DESCRIPTOR + 8, BigInt(address));
    this.commands(CFGI_CD, SYNC);
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

  /** DMB or DSB. */
  barrier(): void {
    if (this.dirty) this.shadow.synchronize();
  }

  /** Takes the next record from the event queue: its number, or undefined where the queue is empty. */
  event(): number | undefined {
    const consumer = this.get(PAGE_1_EVENTQ_CONS);
    if (((consumer ^ this.get(PAGE_1_EVENTQ_PROD)) & 0xf_ffff) === 0) return undefined;
    const at = EVENTS - RAM + (consumer % 2 ** QUEUE_SIZE) * 32;
    this.set(PAGE_1_EVENTQ_CONS, (consumer & 0x8000_0000) | ((consumer + 1) % 2 ** (QUEUE_SIZE + 1)));
    return this.words[at >>> 2] & 0xff;
  }

  port(): StreamPort {
    return new StreamPort(STREAM, this.smmu.upstream);
  }
}
