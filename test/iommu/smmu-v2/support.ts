import {
  CB,
  CONTEXT_BANKS,
  CONTEXT_BANKS_BASE,
  GR0,
  GR1,
  PAGE_SIZE,
} from '../../../src/iommu/smmu-v2/registers.ts';
import { SmmuV2 } from '../../../src/iommu/smmu-v2/smmu-v2.ts';
import { StreamPort } from '../../../src/iommu/stream.ts';
import type { Requester } from '../../../src/ports/mmio.ts';

export const RAM = 0x4000_0000;
const RAM_SIZE = 0x10_0000;
/** Where tests put tables. */
export const TABLES = RAM + 0x8_0000;
export const STREAM = 0x0108;

export const CPU: Requester = { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true };

/** What sCR0 is on a running Linux 6.1: faults reported and interrupting, unidentified streams are faults. */
export const LINUX_SCR0 = 0x1c36;
/** SMMU_CBARn: stage 1 with stage 2 bypass. */
export const STAGE_1 = 0x0001_f300;
/** SMMU_CBn_SCTLR as Linux 6.1 sets it: M, TRE, AFE, CFRE, CFIE, ASIDPNE. */
export const LINUX_SCTLR = 0x1067;

/** An SMMU before 1 MiB of RAM, with everything around it visible. */
export class TestSmmu {
  readonly ram = new Uint8Array(RAM_SIZE);
  readonly view = new DataView(this.ram.buffer);
  readonly complaints: string[] = [];
  /** Level of the global interrupt, then of those of the context banks. */
  readonly lines: boolean[] = new Array<boolean>(CONTEXT_BANKS + 1).fill(false);
  /** Accesses that came out, as `write 40001000 4 108`. */
  readonly downstream: string[] = [];
  readonly smmu: SmmuV2;

  constructor() {
    const line = (index: number) => ({
      set: (level: boolean) => {
        this.lines[index] = level;
      },
    });
    const log = {
      guestError: (message: string) => void this.complaints.push(message),
      unimplemented: (message: string) => void this.complaints.push(message),
    };
    this.smmu = new SmmuV2(
      {
        downstream: {
          read: (address, into, requester) => {
            const there = this.note('read', address, into, requester);
            if (there) into.set(this.ram.subarray(address - RAM, address - RAM + into.length));
            return there;
          },
          write: (address, from, requester) => {
            const there = this.note('write', address, from, requester);
            if (there) this.ram.set(from, address - RAM);
            return there;
          },
        },
        readTable: (address) =>
          this.holds(address, 4) ? this.view.getUint32(address - RAM, true) : undefined,
        globalInterrupt: line(0),
        contextInterrupts: Array.from({ length: CONTEXT_BANKS }, (_unused, n) => line(n + 1)),
      },
      log,
    );
  }

  get(offset: number): number {
    return this.smmu.registers.read(offset, 4, CPU);
  }

  set(offset: number, value: number): void {
    this.smmu.registers.write(offset, 4, value >>> 0, CPU);
  }

  /** A register of a context bank. */
  bank(n: number, register: keyof typeof CB): number {
    return this.get(CONTEXT_BANKS_BASE + n * PAGE_SIZE + CB[register]);
  }

  setBank(n: number, register: keyof typeof CB, value: number): void {
    this.set(CONTEXT_BANKS_BASE + n * PAGE_SIZE + CB[register], value);
  }

  word(address: number, value: number): void {
    this.view.setUint32(address - RAM, value, true);
  }

  double(address: number, value: bigint): void {
    this.view.setBigUint64(address - RAM, value, true);
  }

  /** Stream {@link STREAM} goes to context bank 0 of stage 1, whose translation is on. */
  attach(sctlr = LINUX_SCTLR, s2cr = 0): void {
    this.set(GR0.sCR0, LINUX_SCR0);
    this.set(GR0.SMR, 0x8000_0000 | STREAM);
    this.set(GR0.S2CR, s2cr);
    this.set(0x1000 + GR1.CBAR, STAGE_1);
    this.setBank(0, 'SCTLR', sctlr);
  }

  /** Short descriptors in context bank 0: one table of sections, all invalid at first. */
  attachShort(sctlr = LINUX_SCTLR, s2cr = 0): void {
    this.setBank(0, 'TTBR0', TABLES);
    this.setBank(0, 'TCR', 0);
    this.attach(sctlr, s2cr);
  }

  /** Maps 1 MiB of IOVAs. @param ap AP[2], AP[1], AP[0] as in bits 15, 11, 10; full access without it */
  section(iova: number, physical: number, ap = 0xc00): void {
    this.word(TABLES + (iova >>> 20) * 4, physical | ap | 2);
  }

  port(streamId = STREAM): StreamPort {
    return new StreamPort(streamId, this.smmu.upstream);
  }

  /** A read of four bytes: their value, or `abort`. */
  read(address: number, streamId = STREAM): number | 'abort' {
    const bytes = new Uint8Array(4).fill(0xee);
    if (!this.port(streamId).read(address, bytes)) return 'abort';
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  /** A write of four bytes: whether the bus master heard of no fault. */
  write(address: number, value = 0x1234_5678, streamId = STREAM): boolean {
    const bytes = new Uint8Array(Uint32Array.of(value).buffer);
    return this.port(streamId).write(address, bytes);
  }

  private note(kind: string, address: number, { length }: Uint8Array, { streamId }: Requester): boolean {
    this.downstream.push(`${kind} ${address.toString(16)} ${length} ${streamId.toString(16)}`);
    return this.holds(address, length);
  }

  private holds(address: number, length: number): boolean {
    return address >= RAM && address + length <= RAM + RAM_SIZE;
  }
}
