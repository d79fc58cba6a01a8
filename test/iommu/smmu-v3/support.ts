import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import { SmmuV3 } from '../../../src/iommu/smmu-v3/smmu-v3.ts';
import { StreamPort } from '../../../src/iommu/stream.ts';
import type { Requester } from '../../../src/ports/mmio.ts';

export const RAM = 0x4000_0000;
const RAM_SIZE = 0x40_0000;
/** Where tests put structures and tables. */
export const COMMANDS = RAM + 0x10_0000;
export const EVENTS = RAM + 0x11_0000;
export const STREAM_TABLE = RAM + 0x20_0000;
export const DESCRIPTOR = RAM + 0x30_0000;
export const TABLES = RAM + 0x31_0000;
export const STAGE_2_TABLES = RAM + 0x34_0000;
export const STREAM = 0x108;

export const PAGE_1_EVENTQ_PROD = 0x1_00a8;
export const PAGE_1_EVENTQ_CONS = 0x1_00ac;
/** log2 of the entries of both queues. */
export const QUEUE_SIZE = 3;

export const CPU: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };

/** STE.Config. */
export const CONFIG = { ABORT: 0, BYPASS: 4, STAGE_1: 5, STAGE_2: 6, NESTED: 7 } as const;
/** Leaves of 1 GiB and tables; leaves of stage 1 for everybody, those of stage 2 in Normal memory. */
export const LEAF = 0x741n;
export const LEAF_2 = 0x4fdn;
export const TABLE = 3n;

/** A clock that stands until it is told to move. */
export class StandingClock {
  now = 0;
  private readonly timers: { deadlineNs: number; callback: () => void }[] = [];

  nowNs(): number {
    return this.now;
  }

  whenSettled(): void {}

  createTimer(callback: () => void) {
    const timer = { deadlineNs: Number.POSITIVE_INFINITY, callback };
    this.timers.push(timer);
    return {
      arm: (deadlineNs: number) => {
        timer.deadlineNs = deadlineNs;
      },
      cancel: () => {
        timer.deadlineNs = Number.POSITIVE_INFINITY;
      },
      get deadlineNs() {
        return timer.deadlineNs;
      },
    };
  }

  advance(ns: number): void {
    this.now += ns;
    for (const timer of this.timers) {
      if (timer.deadlineNs > this.now) continue;
      timer.deadlineNs = Number.POSITIVE_INFINITY;
      timer.callback();
    }
  }
}

/** An SMMU before 4 MiB of RAM, with everything around it visible. */
export class TestSmmu {
  readonly ram = new Uint8Array(RAM_SIZE);
  readonly view = new DataView(this.ram.buffer);
  readonly clock = new StandingClock();
  readonly complaints: string[] = [];
  /** Pulses of the interrupts, in their order. */
  readonly pulses: string[] = [];
  /** Accesses that came out, as `write 40001000 4 108`. */
  readonly downstream: string[] = [];
  readonly smmu: SmmuV3;

  constructor() {
    const line = (name: string) => ({
      set: (level: boolean) => {
        if (level) this.pulses.push(name);
      },
    });
    const note = (
      kind: string,
      address: number,
      { length }: Uint8Array,
      { streamId }: Requester,
    ): boolean => {
      this.downstream.push(`${kind} ${address.toString(16)} ${length} ${streamId.toString(16)}`);
      return this.holds(address, length);
    };
    const read = (address: number, into: Uint8Array): boolean => {
      if (!this.holds(address, into.length)) return false;
      into.set(this.ram.subarray(address - RAM, address - RAM + into.length));
      return true;
    };
    const write = (address: number, from: Uint8Array): boolean => {
      if (!this.holds(address, from.length)) return false;
      this.ram.set(from, address - RAM);
      return true;
    };
    this.smmu = new SmmuV3(
      {
        clock: this.clock,
        memory: { read, write },
        downstream: {
          read: (address, into, requester) => note('read', address, into, requester) && read(address, into),
          write: (address, from, requester) =>
            note('write', address, from, requester) && write(address, from),
        },
        interrupts: {
          eventQueue: line('eventq'),
          commandSync: line('cmdq-sync'),
          globalError: line('gerror'),
        },
      },
      {
        guestError: (message) => void this.complaints.push(message),
        unimplemented: (message) => void this.complaints.push(message),
      },
    );
  }

  get(offset: number): number {
    return this.smmu.registers.read(offset, 4, CPU);
  }

  set(offset: number, value: number): void {
    this.smmu.registers.write(offset, 4, value >>> 0, CPU);
  }

  word(address: number, value: number): void {
    this.view.setUint32(address - RAM, value >>> 0, true);
  }

  double(address: number, value: bigint): void {
    this.view.setBigUint64(address - RAM, BigInt.asUintN(64, value), true);
  }

  /** Both queues, a linear stream table of 2^9 entries, everything switched on. */
  enable(cr0 = 0xd): void {
    this.set(SMMU.CMDQ_BASE, COMMANDS | QUEUE_SIZE);
    this.set(SMMU.EVENTQ_BASE, EVENTS | QUEUE_SIZE);
    this.set(SMMU.STRTAB_BASE, STREAM_TABLE);
    this.set(SMMU.STRTAB_BASE_CFG, 9);
    this.set(SMMU.CR2, 2);
    this.set(SMMU.IRQ_CTRL, 5);
    this.set(SMMU.CR0, cr0);
  }

  /** Writes doublewords of the entry of {@link STREAM} in the linear table. */
  ste(config: number, ...more: readonly [bigint?, bigint?, bigint?]): void {
    const at = STREAM_TABLE + STREAM * 64;
    this.double(at, BigInt(DESCRIPTOR) | BigInt(config << 1) | 1n);
    for (const [i, value] of more.entries()) this.double(at + 8 * (i + 1), value ?? 0n);
  }

  /** A context descriptor at {@link DESCRIPTOR}: VMSAv8-64, 39 bits from level 1 by TTB0 alone, 40 bits out. */
  cd(more = 0n, ttb0 = TABLES): void {
    const EPD1 = 1n << 30n;
    const [V, IPS, AA64, R, A] = [1n << 31n, 2n << 32n, 1n << 41n, 1n << 45n, 1n << 46n];
    this.double(DESCRIPTOR, (25n | EPD1 | V | IPS | AA64 | R | A) ^ more);
    this.double(DESCRIPTOR + 8, BigInt(ttb0));
  }

  /** Stage 1 of {@link STREAM} with an empty table. */
  stage1(): void {
    this.enable();
    this.ste(CONFIG.STAGE_1);
    this.cd();
  }

  /** Maps 1 GiB of stage 1. */
  gigabyte(iova: number, physical: number, leaf = LEAF): void {
    this.double(TABLES + 8 * (iova / 2 ** 30), BigInt(physical) | leaf);
  }

  /** Maps 1 GiB of stage 2. */
  gigabyte2(ipa: number, physical: number, leaf = LEAF_2): void {
    this.double(STAGE_2_TABLES + 8 * (ipa / 2 ** 30), BigInt(physical) | leaf);
  }

  /** Puts commands into the queue, behind those that are there. */
  command(...commands: readonly (readonly [number, number?, number?, number?])[]): void {
    let index = this.get(SMMU.CMDQ_PROD);
    for (const words of commands) {
      const at = COMMANDS + (index % 2 ** QUEUE_SIZE) * 16;
      for (let i = 0; i < 4; i++) this.word(at + 4 * i, words[i] ?? 0);
      index = (index + 1) % 2 ** (QUEUE_SIZE + 1);
    }
    this.set(SMMU.CMDQ_PROD, index);
  }

  /** Takes the next record from the event queue: its eight words, or undefined where it is empty. */
  event(): number[] | undefined {
    const consumer = this.get(PAGE_1_EVENTQ_CONS);
    if (((consumer ^ this.get(PAGE_1_EVENTQ_PROD)) & 0xf_ffff) === 0) return undefined;
    const at = EVENTS - RAM + (consumer % 2 ** QUEUE_SIZE) * 32;
    this.set(PAGE_1_EVENTQ_CONS, (consumer & 0x8000_0000) | (((consumer & 0xf) + 1) & 0xf));
    return Array.from({ length: 8 }, (_unused, i) => this.view.getUint32(at + 4 * i, true));
  }

  port(streamId = STREAM): StreamPort {
    return new StreamPort(streamId, this.smmu.upstream);
  }

  read(address: number, streamId = STREAM): number | 'abort' {
    const bytes = new Uint8Array(4).fill(0xee);
    if (!this.port(streamId).read(address, bytes)) return 'abort';
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  write(address: number, value = 0x1234_5678, streamId = STREAM): boolean {
    return this.port(streamId).write(address, new Uint8Array(Uint32Array.of(value).buffer));
  }

  private holds(address: number, length: number): boolean {
    return address >= RAM && address + length <= RAM + RAM_SIZE;
  }
}

/** STE.S2*: VMSAv8-64, 39 bits of input from level 1, 40 bits out, faults recorded; then S2TTB. */
export const STAGE_2: readonly [bigint, bigint, bigint] = [
  0n,
  (25n | (1n << 6n) | (2n << 16n) | (1n << 19n) | (1n << 26n)) << 32n,
  BigInt(STAGE_2_TABLES),
];
