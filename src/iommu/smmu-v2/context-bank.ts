import type { InterruptLine } from '../../ports/interrupt-line.ts';
import type { DeviceLog } from '../../ports/mmio.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { FaultKind } from '../../vmsa/walk.ts';
import type { Stage1Context, Stage2Context, StreamAccess } from '../stream-context.ts';
import type { Translation } from '../translate.ts';
import { formatOf, stage1Of, stage2Of } from './bank-regimes.ts';
import { CB, CBAR, CBAR_TYPE, FSR, FSYNR0, SCTLR, TCR2 } from './registers.ts';

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
  [CB.IPAFAR, 0xffff_ffff],
  [CB.IPAFAR_HIGH, 0xffff_ffff],
]);

/**
 * Registers with nothing to remember: IMPLEMENTATION DEFINED ones, RESUME without stalls, and TLB maintenance, which has
 * nothing to do where every access walks the tables.
 */
const STATELESS: ReadonlySet<number> = new Set([
  CB.ACTLR,
  CB.RESUME,
  CB.FSYNR1,
  ...[CB.TLBIVA, CB.TLBIVAA, CB.TLBIVAL, CB.TLBIVAAL, CB.TLBIIPAS2, CB.TLBIIPAS2L].flatMap((offset) => [
    offset,
    offset + 4,
  ]),
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
 * A translation context bank, for stage 1 (IHI 0062D chapter 16) or for stage 2 (chapter 17), whose registers have the same
 * places. It has no TLB: every access walks the tables, so that a guest sees each change of them at once, before it has
 * invalidated anything.
 */
export class ContextBank implements Saveable<ContextBankState> {
  readonly state: ContextBankState = {
    CBAR: 0,
    CBA2R: 0,
    CBFRSYNRA: 0,
    registers: new Uint32Array(CB.IPAFAR_HIGH / 4 + 1),
  };
  private readonly config: ContextBankConfig;
  private readonly log: DeviceLog;

  constructor(config: ContextBankConfig, log: DeviceLog) {
    this.config = config;
    this.log = log;
  }

  /** SMMU_CBARn.TYPE. */
  get type(): number {
    return (this.state.CBAR >>> CBAR.TYPE_SHIFT) & 3;
  }

  /** SMMU_CBARn.CBNDX: the bank of the second stage. */
  get stage2Bank(): number {
    return (this.state.CBAR >>> CBAR.CBNDX_SHIFT) & CBAR.CBNDX_MASK;
  }

  stage1(): Stage1Context {
    return stage1Of(this.state);
  }

  stage2(): Stage2Context {
    return stage2Of(this.state);
  }

  /** 3.7.3: without hit-under-fault all accesses after a fault are its side effects, until software has cleared it. */
  get refusesAll(): boolean {
    return this.register(CB.FSR) !== 0 && (this.register(CB.SCTLR) & SCTLR.HUPCF) === 0;
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

  private get format(): number {
    return formatOf(this.state, this.type === CBAR_TYPE.STAGE_2);
  }

  /**
   * Records the fault of an access (3.7.2): the details are the first fault's; of another one, only that there was one.
   * @param stage1Bank number of the bank of the first stage, where this is the second's
   */
  record(translation: Translation, address: number, access: StreamAccess, stage1Bank = 0): void {
    const { streamId, write, instruction, privileged } = access;
    const { fault, level } = translation;
    const earlier = this.register(CB.FSR);
    if (earlier !== 0) {
      this.set(CB.FSR, earlier | FSR.MULTI);
      return;
    }
    this.set(CB.FSR, FSR_OF_FAULT[fault]);
    this.setWide(CB.FAR, address);
    if (translation.stage === 2) this.setWide(CB.IPAFAR, translation.ipa);
    this.set(
      CB.FSYNR0,
      level |
        (write ? FSYNR0.WNR : 0) |
        (privileged ? FSYNR0.PNU : 0) |
        (instruction ? FSYNR0.IND : 0) |
        (fault === FaultKind.ExternalOnWalk ? FSYNR0.PTWF : 0) |
        (translation.onTableWalk ? FSYNR0.S1PTWF : 0) |
        (stage1Bank << FSYNR0.S1CBNDX_SHIFT),
    );
    this.state.CBFRSYNRA = streamId;
    this.updateInterrupt();
  }

  /** What the bus master of a refused access is told. */
  refusal(): Refusal {
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

  private setWide(offset: number, value: number): void {
    this.set(offset, value % 2 ** 32);
    this.set(offset + 4, Math.floor(value / 2 ** 32));
  }

  private unknown(access: string, offset: number): void {
    this.log.guestError(
      `SMMUv2: ${access} 0x${offset.toString(16)} of context bank ${this.config.index}, where no register is`,
    );
  }
}
