import type { IrBuilder } from '../../translator/ir/builder.ts';
import { MemFlag } from '../../translator/ir/ops.ts';
import type { IrValue } from '../../translator/ir/value.ts';
import { ExceptionKind, StateSlot } from '../state.ts';
import { AL, advanceIt } from './it-state.ts';

/** What differs between CPUs, and between settings of one, as far as the meaning of instructions goes. */
export interface IsaFeatures {
  /** SDIV and UDIV exist (both instruction sets). */
  readonly divide: boolean;
  /** SWP and SWPB exist and SCTLR.SW enables them. */
  readonly swp: boolean;
  /** Banked MRS and MSR, ERET and HVC exist: the Virtualization Extensions. */
  readonly virtualization: boolean;
  /** VFMA, VFMS, VFNMA, VFNMS exist: VFPv4 and Advanced SIMDv2. */
  readonly fusedMultiplyAdd: boolean;
  /** There is no other CPU that an event must be sent to. */
  readonly uniprocessor?: boolean;
}

/** Width of a memory access in bytes. */
export type AccessSize = 1 | 2 | 4;

/**
 * Where an instruction's lift function finds the machine: registers, flags, memory and ways out of the block, in
 * the terms of the manual's pseudocode, on top of an IR builder. One lifter serves all instructions of a block.
 *
 * UNPREDICTABLE encodings are recorded (`unpredictable`) and then do what the encoding naturally does, except where
 * that has no meaning (mostly R15 in a place for data): those raise an UNDEFINED exception (`refuse`).
 */
export class Lifter {
  readonly b: IrBuilder;
  /** CPSR.T, CPSR.E of the block. */
  readonly thumb: boolean;
  readonly bigEndian: boolean;
  readonly features: IsaFeatures;
  /** Address (signed) and length in bytes of the instruction. */
  pc = 0;
  size = 4;
  /** ITSTATE of the instruction; 0 outside an IT block. */
  it = 0;
  /** ITSTATE of the next instruction. */
  nextIt = 0;
  /** Whether the instruction ends the block: it leaves it, at least where its condition holds. */
  ended = false;
  /** Whether the next instruction may follow even so, because of a condition. */
  fallsThrough = false;
  /** FpDenied bits that are known not to be set here: see fp-access.ts. */
  permittedFp = 0;
  /** The mode is known to be privileged here: see privilege.ts. */
  privilegeKnown = false;
  /** Why the block's encodings are UNPREDICTABLE; empty when none is. */
  readonly reasons: string[] = [];

  constructor(b: IrBuilder, thumb: boolean, bigEndian: boolean, features: IsaFeatures) {
    this.b = b;
    this.thumb = thumb;
    this.bigEndian = bigEndian;
    this.features = features;
  }

  /** Opens an instruction. */
  begin(pc: number, size: number): void {
    this.pc = pc | 0;
    this.size = size;
    this.nextIt = advanceIt(this.it);
    this.ended = false;
    this.fallsThrough = false;
  }

  get nextPc(): number {
    return (this.pc + this.size) | 0;
  }

  get inItBlock(): boolean {
    return this.it !== 0;
  }

  /** T16 data-processing instructions set flags outside IT blocks only. */
  get setsFlagsOutsideIt(): number {
    return this.it === 0 ? 1 : 0;
  }

  // UNDEFINED and UNPREDICTABLE.

  undefined(): void {
    this.raise(ExceptionKind.Undefined, 0);
  }

  /** Notes that the encoding is UNPREDICTABLE; the lift goes on. */
  unpredictable(reason: string): void {
    this.reasons.push(reason);
  }

  /** The encoding is UNPREDICTABLE and is treated as UNDEFINED. */
  refuse(reason: string): void {
    this.unpredictable(reason);
    this.undefined();
  }

  /** R15 as one of these registers is UNPREDICTABLE: true when it was, and is dealt with. */
  refusesPc(...registers: number[]): boolean {
    for (let i = 0; i < registers.length; i++) {
      if (registers[i] === 15) {
        this.refuse('R15 as an operand');
        return true;
      }
    }
    return false;
  }

  /** As refusesPc; in T32 (`BadReg` of the manual) R13 is UNPREDICTABLE too, but is used as it stands. */
  refusesBadReg(...registers: number[]): boolean {
    if (this.refusesPc(...registers)) return true;
    if (this.thumb && registers.includes(13)) this.unpredictable('R13 as an operand');
    return false;
  }

  /** An instruction that changes the PC may only be the last of an IT block. */
  needsLastInIt(): void {
    if (this.nextIt !== 0) this.unpredictable('a branch inside an IT block');
  }

  needsOutsideIt(): void {
    if (this.inItBlock) this.unpredictable('not permitted in an IT block');
  }

  // Registers and flags.

  const(n: number): IrValue {
    return this.b.const(n);
  }

  /** The PC as an operand: this instruction plus 8 in A32, plus 4 in T32. */
  get pcOperand(): number {
    return (this.pc + (this.thumb ? 4 : 8)) | 0;
  }

  /** Align(PC, 4), the base of literals. */
  get pcAligned(): number {
    return this.pcOperand & ~3;
  }

  reg(n: number): IrValue {
    return n === 15 ? this.b.const(this.pcOperand) : this.b.get(StateSlot.R0 + n);
  }

  /** R[n] as the base of an address, where the PC counts aligned. */
  base(n: number): IrValue {
    return n === 15 ? this.b.const(this.pcAligned) : this.reg(n);
  }

  /** Writes a register; R15 as ALUWritePC does. */
  setReg(n: number, value: IrValue): void {
    if (n === 15) this.aluWritePc(value);
    else this.b.set(StateSlot.R0 + n, value);
  }

  get nzcv(): IrValue {
    return this.b.get(StateSlot.NZCV);
  }

  setNzcv(value: IrValue): void {
    this.b.set(StateSlot.NZCV, value);
  }

  /** The C flag, 0 or 1. */
  get carry(): IrValue {
    return this.b.pure('carryOf', [this.nzcv]);
  }

  /** Q is sticky: set where `overflow` is 1. */
  accumulateQ(overflow: IrValue): void {
    this.b.set(StateSlot.Q, this.b.or(this.b.get(StateSlot.Q), overflow));
  }

  // Ways out of the block.

  raise(kind: ExceptionKind, argument: number): void {
    this.b.exit('exitRaise', [], kind, argument);
    this.ended = true;
  }

  /** BranchWritePC to a known address of the same instruction set. */
  branchTo(address: number): void {
    this.needsLastInIt();
    this.b.exit('exitJump', [], address & (this.thumb ? ~1 : ~3));
    this.ended = true;
  }

  branchWritePc(address: IrValue): void {
    this.needsLastInIt();
    this.b.exit('exitJumpTo', [this.b.and(address, this.const(this.thumb ? ~1 : ~3))]);
    this.ended = true;
  }

  /** BXWritePC: bit 0 of the address selects T32. */
  bxWritePc(address: IrValue): void {
    this.needsLastInIt();
    this.b.exit('exitInterwork', [address]);
    this.ended = true;
  }

  /** LoadWritePC: as BXWritePC since ARMv5. */
  loadWritePc(address: IrValue): void {
    this.bxWritePc(address);
  }

  /** ALUWritePC: interworks in A32 only. */
  aluWritePc(address: IrValue): void {
    if (this.thumb) this.branchWritePc(address);
    else this.bxWritePc(address);
  }

  /** Goes on at the next instruction in a new block, because the context of blocks may have changed. */
  resync(): void {
    this.restoreIt();
    this.b.exit('exitResync', [], this.nextPc);
    this.ended = true;
  }

  /** Ends the slice at the next instruction, with a WaitKind. */
  wait(kind: number): void {
    this.restoreIt();
    this.b.exit('exitWait', [], kind, this.nextPc);
    this.ended = true;
  }

  /** Slot IT is zero inside a block; before leaving for the next instruction of an IT block it gets its state. */
  restoreIt(): void {
    if (this.nextIt !== 0) this.b.set(StateSlot.IT, this.const(this.nextIt));
  }

  /** Leaves to where state slot PC says, after a helper that has set it. */
  leaveDynamic(): void {
    this.needsLastInIt();
    this.b.exit('exitDynamic');
    this.ended = true;
  }

  /** Runs `body` where condition code `condition` holds. */
  when(condition: number, body: () => void): void {
    if (condition >= AL) body();
    else this.unlessZero(this.b.cond(condition, this.nzcv), body);
  }

  /** Runs `body` where `condition` is not 0. */
  unlessZero(condition: IrValue, body: () => void): void {
    const skip = this.b.newLabel();
    this.b.skipIfZero(condition, skip);
    const permitted = this.permittedFp;
    const privileged = this.privilegeKnown;
    body();
    // Of what the body asked nothing is known where it was skipped; of what it changed nothing anywhere.
    this.permittedFp &= permitted;
    this.privilegeKnown &&= privileged;
    this.b.label(skip);
    this.fallsThrough = true;
  }

  /** Raises UNDEFINED where `permitted` is 0 at run time. */
  undefinedUnless(permitted: IrValue): void {
    const skip = this.b.newLabel();
    this.b.skipIfZero(this.b.pure('eq', [permitted, this.const(0)]), skip);
    this.b.exit('exitRaise', [], ExceptionKind.Undefined, 0);
    this.b.label(skip);
  }

  // Memory, in the byte order of CPSR.E.

  /** MemU, or MemA with an alignment flag; narrow values are zero extended. */
  load(size: AccessSize, address: IrValue, flags: MemFlag = MemFlag.None): IrValue {
    if (size === 1) return this.b.load('load8', address, flags);
    if (size === 2) return this.ordered16(this.b.load('load16', address, flags));
    return this.ordered32(this.b.load('load32', address, flags));
  }

  loadSigned(size: 1 | 2, address: IrValue, flags: MemFlag = MemFlag.None): IrValue {
    return this.b.pure(size === 1 ? 'sext8' : 'sext16', [this.load(size, address, flags)]);
  }

  store(size: AccessSize, address: IrValue, value: IrValue, flags: MemFlag = MemFlag.None): void {
    if (size === 1) this.b.store('store8', address, value, flags);
    else if (size === 2) this.b.store('store16', address, this.ordered16(value), flags);
    else this.b.store('store32', address, this.ordered32(value), flags);
  }

  /** A word between memory's byte order and the register's. */
  ordered32(value: IrValue): IrValue {
    return this.bigEndian ? this.b.pure('rev', [value]) : value;
  }

  ordered16(value: IrValue): IrValue {
    return this.bigEndian ? this.b.pure('rev16', [value]) : value;
  }
}
