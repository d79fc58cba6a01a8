import type { Row } from '../../../src/arm/decode/row.ts';
import { StateSlot } from '../../../src/arm/state.ts';
import type { IrValue } from '../../../src/translator/ir/value.ts';
import { CODE_BYTES, MMU_CODE_VA, MMU_DATA_VA, MODES, Mode } from '../layout.ts';
import type { Random } from '../random.ts';
import { LEAVES_IT_STALE, wants32Bytes } from './candidate.ts';
import { isHalfTransfer } from './coprocessor.ts';
import { evaluate, registersIn } from './evaluate.ts';
import { isRecorders } from './shape.ts';

/** All that random tables can map: from MMU_DATA_VA's megabytes to the end of MMU_CODE_VA's. */
const AREA_BYTES = 0x800000;

/** Rows that a random block has none of; each of them has vectors of its own, except where said. */
const NEVER = new RegExp(
  [
    '^(WF[EI]|BXJ|ENTERX', // waiting; states that do not exist
    'HVC|SMC', // PSCI
    'SWP', // needs SCTLR.SW, without which QEMU has it all the same
    'unallocated)', // hints
    'banked', // needs the Virtualization Extensions
  ].join('|'),
);

const EXCLUSIVE_STORE = /^STREX/;
const EXCEPTION_RETURNS = new Set(['exceptionReturn', 'returnFromException']);
/** Helpers that mean something only in modes with an SPSR. */
const NEEDS_SPSR = /^(mrsSpsr|readUserRegister|writeUserRegister|readBankedSp)$/;

/**
 * Random tables may make data executable, random words, which may be anything; and a section or block of code has memory
 * after the code pages that is not the same for the recorder.
 */
function isOffCode(target: number): boolean {
  const inArea = (target & -AREA_BYTES) === ((MMU_DATA_VA & -AREA_BYTES) | 0);
  return inArea && (target - MMU_CODE_VA) >>> 0 >= CODE_BYTES;
}

/** An instruction that a block may get next. */
export interface Proposal {
  readonly row: Row;
  readonly encoding: number;
  readonly pc: number;
  readonly bytes: number;
  readonly it: number;
  readonly ops: readonly IrValue[];
}

/**
 * What the generator knows of a block so far, to keep it from what is UNPREDICTABLE only when it runs (jumps to an
 * address that no instruction set has, reserved modes), and from loops that would never end.
 */
export class BlockRules {
  private readonly initial: (register: number) => number;
  private readonly mode: number;
  private readonly start: number;
  /** End of the code pages, in which bodies of blocks lie. */
  private readonly end: number;
  /** Registers that may no longer have the value that they started with. */
  private written = 0;
  private modeChanged = false;
  /** BL and BLX put an address of the block into LR: a return to it would come this way again. */
  private linked = false;

  /** @param initial value of a general register of the mode that the block starts in. */
  constructor(mode: number, start: number, initial: (register: number) => number) {
    this.mode = mode;
    this.start = start;
    this.end = (start & -CODE_BYTES) + CODE_BYTES;
    this.initial = initial;
  }

  /** Value of a register, as far as the block has not changed it. */
  readonly slot = (slot: number): number | undefined => {
    if (slot >= StateSlot.PC || this.modeChanged) return undefined;
    return (this.written & (1 << slot)) === 0 ? this.initial(slot) | 0 : undefined;
  };

  /** Whether the instruction may come next; `random` thins out what ends most blocks. */
  accepts(proposal: Proposal, random: Random): boolean {
    const { row, encoding, it, ops } = proposal;
    if (NEVER.test(row.name) || EXCLUSIVE_STORE.test(row.name)) return false;
    if (it !== 0 && LEAVES_IT_STALE.test(row.name)) return false;
    if (wants32Bytes(row, encoding) || isHalfTransfer(encoding)) return false;
    return ops.every((op) => this.acceptsOp(op, proposal, random));
  }

  private acceptsOp(op: IrValue, { pc, bytes }: Proposal, random: Random): boolean {
    switch (op.op) {
      case 'exitJump': {
        const target = op.imm >>> 0;
        return (target >= pc + bytes || !this.isOwn(target)) && !isOffCode(target);
      }
      case 'exitInterwork':
      case 'exitJumpTo':
        return !this.linked && this.isGoodTarget(op, random);
      case 'exitDynamic':
        return !this.linked && random.chance(20);
      case 'exitRaise':
        return random.chance(30);
      case 'call':
        return this.acceptsHelper(op);
      default:
        return true;
    }
  }

  /** Whether the block could come this way again. */
  private isOwn(target: number): boolean {
    return target >= this.start - 4 && target < this.end;
  }

  private isGoodTarget(op: IrValue, random: Random): boolean {
    const target = evaluate(op.args[0]!, this.slot);
    // From memory: what the data pages have is a good address every fourth time.
    if (target === undefined) return registersIn(op.args[0]!).size === 0 && random.chance(4);
    if (op.op === 'exitInterwork' && (target & 3) === 2) return false;
    return !this.isOwn(target >>> 0) && !isRecorders(target) && !isOffCode(target) && random.chance(50);
  }

  private acceptsHelper({ helper, args }: IrValue): boolean {
    const name = helper?.name ?? '';
    const known = args.map((arg) => evaluate(arg, this.slot));
    if (EXCEPTION_RETURNS.has(name)) return this.acceptsReturn(name, known);
    if (NEEDS_SPSR.test(name)) return !this.modeChanged && this.mode !== Mode.usr && this.mode !== Mode.sys;
    if (name === 'cps') return known[1] === -1 || MODES.includes(known[1]!);
    if (name === 'msrSpsr') return false;
    if (name !== 'msrCpsr' || (this.mode === Mode.usr && !this.modeChanged)) return true;
    // B1.3.1: the mode field takes only modes that exist.
    return (known[1]! & 1) === 0 || MODES.includes((known[0] ?? 0) & 0x1f);
  }

  private acceptsReturn(name: string, [target]: readonly (number | undefined)[]): boolean {
    const hasSpsr = this.mode !== Mode.usr && this.mode !== Mode.sys;
    if (this.modeChanged || this.linked || !hasSpsr || name === 'returnFromException') return false;
    return target !== undefined && !this.isOwn(target >>> 0) && !isOffCode(target) && (target & 3) !== 2;
  }

  /** From here on the values of registers are not known. */
  forgetRegisters(): void {
    this.written = -1;
  }

  /** Takes note of an instruction that is now part of the block. */
  add({ row, ops }: Proposal): void {
    for (const { op, imm, args, helper } of ops) {
      if (op === 'set' && imm < StateSlot.PC) this.written |= 1 << imm;
      const mask = helper?.name === 'msrCpsr' ? args[1]!.imm : 0;
      if (helper?.name === 'cps' || (mask & 1) !== 0) this.modeChanged = true;
    }
    if (/^BLX?\b/.test(row.name)) this.linked = true;
  }
}
