import type { InterruptLine } from '../../ports/interrupt-line.ts';
import type { DeviceLog } from '../../ports/mmio.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { walkAArch64 } from '../../vmsa/aarch64.ts';
import { walkLong } from '../../vmsa/long-descriptor.ts';
import { walkShort } from '../../vmsa/short-descriptor.ts';
import { AccessKind, FaultKind, permits, type TableRead, WalkResult } from '../../vmsa/walk.ts';
import {
  CB,
  CBA2R,
  CBAR,
  FSR,
  FSYNR0,
  OUTPUT_ADDRESS_BITS,
  PASIZE_BITS,
  SCTLR,
  SEP_BIT,
  TableFormat,
  TCR,
  TCR2,
} from './registers.ts';
import type { StreamAccess } from './stream-mapping.ts';

/** What an access came to that has no physical address. */
export const enum Refusal {
  /** The bus master is told that its access failed. */
  Abort = -1,
  /** Reads give zeros, writes are ignored, and the bus master is not told (IHI 0062D 3.7.3, 3.8.2). */
  Ignore = -2,
}

/** A context bank and its registers in Global Register Space 1. */
export type ContextBankState = {
  CBAR: number;
  CBA2R: number;
  CBFRSYNRA: number;
  /** The bank's own registers by their offsets, in words. */
  readonly registers: Uint32Array;
};

/** What a context bank is connected to. */
export interface ContextBankConfig {
  readonly interrupt: InterruptLine;
  readonly readTable: TableRead;
  /** For messages. */
  readonly index: number;
}

/** Registers that keep what is written, with the bits that do. */
const STORED: ReadonlyMap<number, number> = new Map([
  [CB.SCTLR, SCTLR.WRITABLE],
  [CB.TCR2, TCR2.WRITABLE],
  [CB.TTBR0, 0xffff_ffff],
  [CB.TTBR0_HIGH, 0xffff_ffff],
  [CB.TTBR1, 0xffff_ffff],
  [CB.TTBR1_HIGH, 0xffff_ffff],
  [CB.TCR, 0xffff_ffff],
  [CB.CONTEXTIDR, 0xffff_ffff],
  [CB.MAIR0, 0xffff_ffff],
  [CB.MAIR1, 0xffff_ffff],
  [CB.FAR, 0xffff_ffff],
  [CB.FAR_HIGH, 0xffff_ffff],
  [CB.FSYNR0, FSYNR0.WRITABLE],
]);

/**
 * Registers with nothing to remember: IMPLEMENTATION DEFINED ones, RESUME without stalls, and TLB maintenance, which has
 * nothing to do where every access walks the tables.
 */
const STATELESS: ReadonlySet<number> = new Set([
  CB.ACTLR,
  CB.RESUME,
  CB.FSYNR1,
  ...[CB.TLBIVA, CB.TLBIVAA, CB.TLBIVAL, CB.TLBIVAAL].flatMap((offset) => [offset, offset + 4]),
  CB.TLBIASID,
  CB.TLBIALL,
  CB.TLBSYNC,
  CB.TLBSTATUS,
]);

const FSR_OF_FAULT: { readonly [K in FaultKind]: number } = {
  [FaultKind.None]: 0,
  [FaultKind.Alignment]: 0,
  [FaultKind.Translation]: FSR.TF,
  [FaultKind.AccessFlag]: FSR.AFF,
  [FaultKind.Domain]: 0,
  [FaultKind.Permission]: FSR.PF,
  [FaultKind.ExternalOnWalk]: FSR.EF,
  [FaultKind.External]: FSR.EF,
  [FaultKind.AddressSize]: FSR.ASF,
};

/**
 * A stage 1 translation context bank (IHI 0062D chapter 16). It has no TLB: every access walks the tables, so that a guest
 * sees each change of them at once, before it has invalidated anything.
 */
export class ContextBank implements Saveable<ContextBankState> {
  readonly state: ContextBankState = {
    CBAR: 0,
    CBA2R: 0,
    CBFRSYNRA: 0,
    registers: new Uint32Array(CB.FSYNR1 / 4 + 1),
  };
  private readonly config: ContextBankConfig;
  private readonly log: DeviceLog;
  private readonly walk = new WalkResult();

  constructor(config: ContextBankConfig, log: DeviceLog) {
    this.config = config;
    this.log = log;
  }

  /** SMMU_CBARn.TYPE. */
  get type(): number {
    return (this.state.CBAR >>> CBAR.TYPE_SHIFT) & 3;
  }

  read(offset: number): number {
    if (offset === CB.FSR) return (this.register(CB.FSR) | (this.format << FSR.FORMAT_SHIFT)) >>> 0;
    if (STORED.has(offset)) return this.register(offset);
    if (!STATELESS.has(offset)) this.unknown('read from', offset);
    return 0;
  }

  write(offset: number, value: number): void {
    const mask = STORED.get(offset);
    if (mask !== undefined) this.set(offset, value & mask);
    // 3.6.3: a one clears a fault's bit.
    else if (offset === CB.FSR) this.set(CB.FSR, this.register(CB.FSR) & ~value);
    else if (offset === CB.FSRRESTORE) this.set(CB.FSR, value & FSR.WRITABLE);
    else if (!STATELESS.has(offset)) this.unknown('write to', offset);
    if (offset === CB.SCTLR || offset === CB.FSR || offset === CB.FSRRESTORE) this.updateInterrupt();
  }

  /**
   * Translates an access that does not leave its page of 4 KiB. Records the fault where there is one.
   * @returns the physical address, or a {@link Refusal}
   */
  translate(address: number, access: StreamAccess): number {
    const sctlr = this.register(CB.SCTLR);
    // 3.7.3: without hit-under-fault all accesses after a fault are its side effects, until software has cleared it.
    if (this.register(CB.FSR) !== 0 && (sctlr & SCTLR.HUPCF) === 0) return this.refusal();
    const { walk } = this;
    this.lookUp(address, sctlr);
    // 16.5.29: with AFFD the access flag counts as set.
    if (walk.fault === FaultKind.AccessFlag && (sctlr & SCTLR.AFFD) !== 0) walk.fault = FaultKind.None;
    if (walk.fault === FaultKind.None && (sctlr & SCTLR.M) !== 0 && !this.permitted(access, sctlr)) {
      walk.fault = FaultKind.Permission;
    }
    if (walk.fault === FaultKind.None) return walk.physical;
    this.record(address, access);
    return this.refusal();
  }

  reset(): void {
    this.state.CBAR = this.state.CBA2R = this.state.CBFRSYNRA = 0;
    this.state.registers.fill(0);
    this.updateInterrupt();
  }

  saveState(): ContextBankState {
    return copyPlain(this.state);
  }

  restoreState(state: ContextBankState): void {
    assignPlain(this.state, state, `context bank ${this.config.index} of the SMMU`);
  }

  private get format(): TableFormat {
    if ((this.state.CBA2R & CBA2R.VA64) !== 0) return TableFormat.AArch64;
    return (this.register(CB.TCR) & TCR.EAE) !== 0 ? TableFormat.Long : TableFormat.Short;
  }

  /** Input address checks (table 3-1), the walk, and the output address check where there is none (table 3-3). */
  private lookUp(address: number, sctlr: number): void {
    const { format, walk } = this;
    walk.fault = FaultKind.None;
    const translates = (sctlr & SCTLR.M) !== 0;
    if (format !== TableFormat.AArch64) {
      if (address >= 2 ** 32) this.fail(FaultKind.Translation, 1);
      else if (!translates) walk.physical = address;
      else if (format === TableFormat.Long) this.walkLong(address, sctlr);
      else this.walkShort(address, sctlr);
    } else if (translates) {
      this.walkAArch64(address, sctlr);
    } else if (address >= 2 ** OUTPUT_ADDRESS_BITS) {
      this.fail(FaultKind.AddressSize, 0);
    } else {
      walk.physical = address;
    }
  }

  /** 2.7.2: an SMMU has no domains, so that nobody looks at the walk's. */
  private walkShort(address: number, sctlr: number): void {
    const regime = {
      ttbr0: this.register(CB.TTBR0),
      ttbr1: this.register(CB.TTBR1),
      ttbcr: this.register(CB.TCR),
      accessFlagEnable: (sctlr & SCTLR.AFE) !== 0,
      bigEndianTables: (sctlr & SCTLR.E) !== 0,
      hasPxn: true,
    };
    walkShort(address, regime, this.config.readTable, this.walk);
  }

  private walkLong(address: number, sctlr: number): void {
    const regime = {
      ...this.tableBases(),
      ttbcr: this.register(CB.TCR),
      bigEndianTables: (sctlr & SCTLR.E) !== 0,
      hasAddressSizeFault: true,
    };
    walkLong(address, regime, this.config.readTable, this.walk);
  }

  private walkAArch64(address: number, sctlr: number): void {
    const tcr2 = this.register(CB.TCR2);
    const sign = 2 ** SEP_BIT[(tcr2 >>> TCR2.SEP_SHIFT) & 7];
    // 1.6.4: bits above the sign's are none of an address.
    if (address >= 2 * sign) {
      this.fail(FaultKind.Translation, 0);
      return;
    }
    const regime = {
      ...this.tableBases(),
      tcr: this.register(CB.TCR),
      outputBits: Math.min(PASIZE_BITS[tcr2 & TCR2.PASIZE_MASK], OUTPUT_ADDRESS_BITS),
      bigEndianTables: (sctlr & SCTLR.E) !== 0,
    };
    // The sign, repeated up to bit 48.
    const extended = address >= sign ? address - 2 * sign + 2 ** 49 : address;
    walkAArch64(extended, regime, this.config.readTable, this.walk);
  }

  private tableBases() {
    return {
      ttbr0: this.register(CB.TTBR0),
      ttbr0High: this.register(CB.TTBR0_HIGH),
      ttbr1: this.register(CB.TTBR1),
      ttbr1High: this.register(CB.TTBR1_HIGH),
    };
  }

  private permitted({ write, instruction, privileged }: StreamAccess, sctlr: number): boolean {
    const { rights } = this.walk;
    if (write) return permits(rights, AccessKind.Write, privileged);
    if (!instruction) return permits(rights, AccessKind.Read, privileged);
    if ((sctlr & SCTLR.WXN) !== 0 && permits(rights, AccessKind.Write, privileged)) return false;
    if ((sctlr & SCTLR.UWXN) !== 0 && permits(rights, AccessKind.Write, false)) return false;
    return permits(rights, AccessKind.Execute, privileged);
  }

  private fail(fault: FaultKind, level: number): void {
    this.walk.fault = fault;
    this.walk.level = level;
  }

  /** 3.7.2: the details are the first fault's; of another one, only that there was one. */
  private record(address: number, { streamId, write, instruction, privileged }: StreamAccess): void {
    const { fault, level } = this.walk;
    const earlier = this.register(CB.FSR);
    if (earlier !== 0) {
      this.set(CB.FSR, earlier | FSR.MULTI);
      return;
    }
    this.set(CB.FSR, FSR_OF_FAULT[fault]);
    this.set(CB.FAR, address % 2 ** 32);
    this.set(CB.FAR_HIGH, Math.floor(address / 2 ** 32));
    this.set(
      CB.FSYNR0,
      level |
        (write ? FSYNR0.WNR : 0) |
        (privileged ? FSYNR0.PNU : 0) |
        (instruction ? FSYNR0.IND : 0) |
        (fault === FaultKind.ExternalOnWalk ? FSYNR0.PTWF : 0),
    );
    this.state.CBFRSYNRA = streamId;
    this.updateInterrupt();
  }

  private refusal(): Refusal {
    return (this.register(CB.SCTLR) & SCTLR.CFRE) === 0 ? Refusal.Ignore : Refusal.Abort;
  }

  private updateInterrupt(): void {
    this.config.interrupt.set((this.register(CB.SCTLR) & SCTLR.CFIE) !== 0 && this.register(CB.FSR) !== 0);
  }

  private register(offset: number): number {
    return this.state.registers[offset >>> 2];
  }

  private set(offset: number, value: number): void {
    this.state.registers[offset >>> 2] = value;
  }

  private unknown(access: string, offset: number): void {
    this.log.guestError(
      `SMMUv2: ${access} 0x${offset.toString(16)} of context bank ${this.config.index}, where no register is`,
    );
  }
}
