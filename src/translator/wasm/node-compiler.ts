import { MemoryLayout } from '../../memory/machine-memory.ts';
import { splitAddress } from '../ir/address.ts';
import { byOperation, Effect, type HelperInfo } from '../ir/ops.ts';
import { type IrValue, vectorOf } from '../ir/value.ts';
import { slotOf, slotsRead, slotsWritten } from '../vector/vector-function.ts';
import { type WordRun, wordRunAt } from '../word-runs.ts';
import { type AccessGroup, findAccessGroups, startOf } from './access-groups.ts';
import { pushDirtyTablesAfterFence } from './barrier-code.ts';
import { callBase, jumpToBase } from './base-functions.ts';
import { mergeFlags } from './flags-code.ts';
import type { FunctionBody, ValType } from './function-body.ts';
import { pushPageNoted } from './lookup-code.ts';
import {
  emitLoad,
  emitLoadHere,
  emitLoadWords,
  emitStore,
  emitStoreHere,
  emitStoreWords,
  type MemoryContext,
  pushReadable,
  pushStretch,
} from './memory-code.ts';
import { Load, Op, Simd, Store } from './opcodes.ts';
import { emitPure } from './pure-code.ts';
import { exitTarget, type RegionNode } from './region.ts';
import { RegionParam, RegionResult, RegionWord, Slot, slotAddress } from './region-abi.ts';
import type { RegionCompiler } from './region-compiler.ts';
import { type WaysInside, waysInside, writesFlagSlot } from './region-flow.ts';
import { isFlagRead, isFlags, isFlagWrite, isRegisterRead, type ValuePlan } from './value-plan.ts';
import { emitVector } from './vector-emitters.ts';
import { isQuadword } from './wide-writes.ts';

// Bytes of accesses.
const LOAD_SIZE = byOperation({ load8: 1, load16: 2, load32: 4, load64: 8 }, undefined);
const STORE_SIZE = byOperation({ store8: 1, store16: 2, store32: 4, store64: 8 }, undefined);
const LOAD_EXCLUSIVE = byOperation({ ldex8: 1, ldex16: 2, ldex32: 4, ldex64: 8 }, undefined);
const STORE_EXCLUSIVE = byOperation({ stex8: 1, stex16: 2, stex32: 4, stex64: 8 }, undefined);
const STATE = MemoryLayout.state >>> 2;
const { Budget: BUDGET, Tlb: TLB } = RegionParam;
/** The first condition that has no opposite. */
const ALWAYS = 14;
const T_FLAG = 1;
const E_FLAG = 2;
/** So many addresses are compared one after the other, more by a table, which may have so many places. */
const FEW_GUESSES = 3;
const LARGEST_SWITCH = 1024;

/** No local, no value. */
const NONE = -1;

function filled(length: number): number[] {
  return new Array<number>(length).fill(NONE);
}

/** Code of one node of a region: a block of IR. */
export class NodeCompiler {
  private readonly region: RegionCompiler;
  private readonly code: FunctionBody;
  private readonly number: number;
  private readonly node: RegionNode;
  private readonly plan: ValuePlan;
  private readonly goTo: (successor: number) => void;
  /** Locals of values, by their numbers. */
  private readonly locals: number[];
  /** Numbers of values whose locals are given back after an operation: the first by the operation's position, the next by the one before. */
  private readonly firstExpiring: number[];
  private readonly nextExpiring: number[];
  /** Locals of the present statement. */
  private readonly borrowed: number[] = [];
  /** Virtual flags that were written: they are in the flag locals. */
  private readonly committed: number[] = [];
  private readonly skips: { readonly label: number; readonly known: number }[] = [];
  private left = false;
  private marker: IrValue | undefined;
  private markers = 0;
  private readonly memory: MemoryContext;
  /** Groups of accesses, by position; undefined where there are none. */
  private groups: readonly (AccessGroup | undefined)[] | undefined;
  /** Position of the present operation. */
  private at = 0;

  constructor(region: RegionCompiler, number: number, goTo: (successor: number) => void) {
    this.region = region;
    this.code = region.code;
    this.number = number;
    this.node = region.region.nodes[number];
    this.plan = region.flow.plans[number];
    this.goTo = goTo;
    this.locals = filled(this.plan.values);
    this.nextExpiring = filled(this.plan.values);
    this.firstExpiring = filled(this.node.block.ops.length);
    this.memory = {
      code: region.code,
      budget: BUDGET,
      tlb: TLB,
      va: region.va,
      entry: region.entry,
      functions: region.env.imports,
      pushSite: () => this.pushSite(),
      leaveOnFault: () => region.leaveOnFault(),
      leaveBefore: () => region.leaveSlow(),
      callFree: region.env.callFree,
    };
  }

  compile(): void {
    const { code, region } = this;
    const { block } = this.node;
    region.flags.known = region.flow.flags[this.number];
    const look = region.flow.budgets[this.number];
    if (look > 0) region.checkBudget(block.pc, look);
    code.get(BUDGET).i32(-block.instructions).op(Op.I32Add).set(BUDGET);
    const { ops } = block;
    if (region.env.grouped) this.groups = findAccessGroups(ops, this.isSilent);
    for (let at = 0; at < ops.length; at++) {
      const value = ops[at];
      this.at = at;
      const run = wordRunAt(ops, at, this.isSilent);
      if (run !== undefined) this.emitWords(run);
      else if (isQuadword(value, ops[at + 1])) this.emitQuadword(value, ops[at + 1]);
      else if (at === 0 || !isQuadword(ops[at - 1], value)) this.emit(value);
      while (this.borrowed.length > 0) region.pool.give(this.borrowed.pop() as number);
      const last = run?.last ?? at;
      for (; at < last; at++) this.expire(at);
      this.expire(at);
    }
  }

  /** Gives back the locals of values whose last use this was. */
  private expire(at: number): void {
    for (let id = this.firstExpiring[at]; id !== NONE; id = this.nextExpiring[id]) {
      this.region.pool.give(this.locals[id]);
    }
  }

  // Operands, for flags and pure operations.

  push(value: IrValue): void {
    const { code } = this;
    if (value.op === 'const') code.i32(value.imm);
    else if (value.op === 'const64') code.i64(value.imm, value.imm2);
    else if (this.plan.isDeferred(value)) this.pushPure(value);
    else if (this.plan.isVirtual(value)) this.pushVirtual(value);
    else if (this.plan.isAlias(value)) code.get(this.region.registers.of(value.imm));
    else code.get(this.locals[value.id]);
  }

  local(value: IrValue): number {
    if (this.plan.isAlias(value)) return this.region.registers.of(value.imm);
    const known = this.locals[value.id];
    if (known !== NONE) return known;
    this.push(value);
    const local = this.region.pool.take(value.type as ValType);
    this.borrowed.push(local);
    this.code.set(local);
    return local;
  }

  pushHalf(value: IrValue, high: boolean): void {
    if (value.op === 'const64') {
      this.code.i32(high ? value.imm2 : value.imm);
      return;
    }
    this.push(value);
    if (high) this.code.i64(32, 0).op(Op.I64ShrU);
    this.code.op(Op.I32WrapI64);
  }

  // Operations.

  /** Whether an operation is computed where it is used, not where it stands. */
  private readonly isSilent = (value: IrValue): boolean => this.plan.isSilent(value);

  private emit(value: IrValue): void {
    if (value.op === 'marker') {
      this.marker = value;
      this.markers++;
    } else if (value.op === 'skipIfZero') {
      this.beginSkip(value);
    } else if (value.op === 'label') {
      this.endSkip();
    } else if (this.plan.isSilent(value)) {
      // Computed where it is used.
    } else if (value.info.isExit) {
      this.emitExit(value);
      this.left = true;
    } else if (value.op === 'set' || value.op === 'set64') {
      this.emitSet(value);
    } else if (value.op === 'get' || value.op === 'get64') {
      this.emitGet(value);
    } else {
      this.emitOther(value);
    }
  }

  /** Takes the value on the stack into a local that lives until its last use. */
  private define(value: IrValue): void {
    const local = this.localFor(value);
    if (local === undefined) this.code.op(Op.Drop);
    else this.code.set(local);
  }

  /** The local that a value is to live in until its last use; undefined where there is none. */
  private localFor(value: IrValue): number | undefined {
    const last = this.plan.lastUse(value);
    if (last < 0) return undefined;
    const local = this.region.pool.take(value.type as ValType);
    this.locals[value.id] = local;
    this.nextExpiring[value.id] = this.firstExpiring[last];
    this.firstExpiring[last] = value.id;
    return local;
  }

  private pushPure(value: IrValue): void {
    const { code } = this;
    if (value.op === 'cond') this.pushCondition(value);
    else if (value.op === 'carryOf') this.pushCarry(value.args[0]);
    else if (!emitPure(code, value, this, this.region.env.imports)) {
      throw new Error(`no WebAssembly for IR operation ${value.op}`);
    }
  }

  private isCurrent(flags: IrValue): boolean {
    return isFlagRead(flags) || this.committed.includes(flags.id);
  }

  private pushVirtual(flags: IrValue): void {
    if (this.isCurrent(flags)) this.region.flags.pushBits();
    else this.region.flags.pushWordOf(flags, this);
  }

  /** @param anyTruth whether another number than 1 will do where the condition holds */
  private pushCondition(value: IrValue, condition = value.imm, anyTruth = false): void {
    const { flags } = this.region;
    const [nzcv] = value.args;
    if (!this.plan.isVirtual(nzcv)) {
      this.push(nzcv);
      flags.testBits(condition);
    } else if (this.isCurrent(nzcv)) {
      flags.pushCondition(condition, anyTruth);
    } else {
      flags.pushConditionOf(nzcv, condition, this);
    }
  }

  private pushCarry(nzcv: IrValue): void {
    const { code } = this;
    const { flags } = this.region;
    if (!this.plan.isVirtual(nzcv)) {
      this.push(nzcv);
      code.i32(29).op(Op.I32ShrU).i32(1).op(Op.I32And);
    } else if (this.isCurrent(nzcv)) {
      flags.pushCarry();
    } else {
      this.push(nzcv.args[0]);
      this.push(nzcv.args[1]);
      code.op(Op.I32GeU);
    }
  }

  /** Flags as a word, where they are not virtual. */
  private pushFlagWord(value: IrValue): void {
    const { flags } = this.region;
    if (isFlagRead(value)) flags.pushBits();
    else flags.pushWordOf(value, this);
  }

  private emitGet(value: IrValue): void {
    const { code } = this;
    if (isFlags(value)) this.pushFlagWord(value);
    else if (isRegisterRead(value)) code.get(this.region.registers.of(value.imm));
    else code.i32(0).load(value.op === 'get64' ? Load.I64 : Load.I32, slotAddress(value.imm));
    this.define(value);
  }

  private emitSet(value: IrValue): void {
    const { code, region } = this;
    const [source] = value.args;
    if (isFlagWrite(value)) {
      // They are the flags already; what they were made of may be gone.
      if (this.committed.includes(source.id)) return;
      if (this.plan.isVirtual(source)) {
        region.flags.write(source, this);
        this.committed.push(source.id);
      } else {
        this.push(source);
        region.flags.writeBits();
      }
    } else if (value.imm < Slot.Registers) {
      this.push(source);
      code.set(region.registers.of(value.imm));
    } else {
      code.i32(0);
      this.push(source);
      code.store(value.op === 'set64' ? Store.I64 : Store.I32, slotAddress(value.imm));
    }
  }

  /** One store of two doublewords, which an operation on quadwords can then read at once. */
  private emitQuadword(low: IrValue, high: IrValue): void {
    const { code } = this;
    code.i32(0);
    this.push(low.args[0]);
    code.simd(Simd.I64x2Splat);
    this.push(high.args[0]);
    code.simdLane(Simd.I64x2ReplaceLane, 1).simdStore(slotAddress(low.imm));
  }

  private emitOther(value: IrValue): void {
    const { number } = value.info;
    const load = LOAD_SIZE[number];
    const store = STORE_SIZE[number];
    const group = this.groups?.[this.at];
    if (group !== undefined) {
      this.emitInGroup(value, group);
      return;
    }
    if (load !== undefined) {
      this.push(value.args[0]);
      emitLoad(this.memory, load, value.imm, this.memoOf(value));
      this.define(value);
      return;
    }
    if (store !== undefined) {
      const [address, stored] = value.args;
      const pushStored = this.pusherOf(stored);
      this.push(address);
      emitStore(this.memory, store, value.imm, pushStored, this.memoOf(value));
      return;
    }
    if (value.op === 'call') this.emitCall(value);
    else if (value.op === 'vector') this.emitVectorOp(value);
    else if (LOAD_EXCLUSIVE[number] !== undefined) this.emitLoadExclusive(value);
    else if (STORE_EXCLUSIVE[number] !== undefined) this.emitStoreExclusive(value);
    else if (value.op === 'clrex') {
      this.code.i32(0).i32(0).store(Store.I32, slotAddress(Slot.ExclusiveArmed));
    } else if (value.op === 'barrier') {
      this.emitBarrier();
    } else if (value.op === 'pageNoted') {
      this.emitPageNoted(value);
    } else {
      if (isFlags(value)) this.pushFlagWord(value);
      else this.pushPure(value);
      this.define(value);
    }
  }

  /** An access of a group: the first one looks for all of them. */
  private emitInGroup(value: IrValue, group: AccessGroup): void {
    const { code, region } = this;
    const { number } = value.info;
    const { offset } = splitAddress(value.args[0]);
    const start = startOf(group);
    if (group.host < 0) {
      const { alignment, to, isWritten, flags } = group;
      this.push(value.args[0]);
      if (offset !== start) code.i32(start - offset).op(Op.I32Add);
      pushStretch(this.memory, { alignment, length: to - start, isWritten, flags }, this.memoOf(value));
      group.host = region.pool.take('i32');
      code.set(group.host);
    }
    code.get(group.host);
    const load = LOAD_SIZE[number];
    if (load !== undefined) {
      emitLoadHere(this.memory, load, offset - start);
      this.define(value);
    } else {
      const stored = value.args[1];
      emitStoreHere(this.memory, STORE_SIZE[number] as number, offset - start, () => this.push(stored));
    }
    if (--group.count === 0) region.pool.give(group.host);
  }

  private emitWords({ isLoad, accesses }: WordRun): void {
    const { code } = this;
    const count = accesses.length;
    if (isLoad) {
      this.push(accesses[0].args[0]);
      const locals = accesses.map((value) => this.localFor(value));
      const take = (i: number): void => {
        const local = locals[i];
        if (local === undefined) code.op(Op.Drop);
        else code.set(local);
      };
      emitLoadWords(this.memory, count, take, this.memoOf(accesses[0]));
      return;
    }
    const pushes = accesses.map(({ args }) => this.pusherOf(args[1]));
    this.push(accesses[0].args[0]);
    emitStoreWords(this.memory, count, (i) => pushes[i](), this.memoOf(accesses[0]));
  }

  /** Makes a value ready to be pushed in both arms of an access. */
  private pusherOf(stored: IrValue): () => void {
    if (stored.op === 'const' || stored.op === 'const64') return () => this.push(stored);
    const local = this.local(stored);
    return () => this.code.get(local);
  }

  private memoOf(access: IrValue): number | undefined {
    const { memos, env } = this.region;
    return memos?.isWorthwhile(this.number, access) === true ? env.memo() : undefined;
  }

  private emitPageNoted(value: IrValue): void {
    const { code, region } = this;
    const va = region.pool.take('i32');
    this.push(value.args[0]);
    code.set(va);
    pushPageNoted(code, va);
    region.pool.give(va);
    this.define(value);
  }

  /** A fence, and a call only where the host's IOMMU has to follow tables first. */
  private emitBarrier(): void {
    const { code, region } = this;
    pushDirtyTablesAfterFence(code);
    code.ifHinted(false);
    if (region.env.callFree) {
      // The interpreter does the barrier.
      code.i32(0);
      this.pushSite();
      code.store(Store.I32, RegionWord.Site);
      region.leaveSlow();
    } else {
      callBase(code, region.env.imports.barrier);
    }
    code.end();
  }

  private emitLoadExclusive(value: IrValue): void {
    const { code, region } = this;
    const size = LOAD_EXCLUSIVE[value.info.number] as number;
    const { imports } = region.env;
    this.push(value.args[0]);
    code.i32(size);
    this.pushSite();
    callBase(code.get(BUDGET), size === 8 ? imports.loadExclusive64 : imports.loadExclusive).set(BUDGET);
    region.leaveOnFault();
    this.define(value);
  }

  private emitStoreExclusive(value: IrValue): void {
    const { code, region } = this;
    const size = STORE_EXCLUSIVE[value.info.number] as number;
    const [address, stored] = value.args;
    this.push(address);
    if (size === 8) {
      this.pushHalf(stored, false);
      this.pushHalf(stored, true);
    } else {
      this.push(stored);
      code.i32(0);
    }
    code.i32(size);
    this.pushSite();
    callBase(code.get(BUDGET), region.env.imports.storeExclusive).set(BUDGET);
    region.leaveOnFault();
    this.define(value);
  }

  /** Helpers see registers and flags in the state window, and may change them there. */
  private emitCall(value: IrValue): void {
    const { code, region } = this;
    const helper = value.helper as HelperInfo;
    const { idleWhereReadable } = helper;
    if (idleWhereReadable !== undefined) {
      const idle = code.block();
      this.push(value.args[idleWhereReadable]);
      pushReadable(this.memory);
      code.brIf(idle);
    }
    region.registers.store(region.flow.changed[this.number]);
    region.flags.storeSlot();
    code.i32(region.env.helperIndex(helper));
    for (let i = 0; i < 3; i++) {
      const arg = value.args[i];
      if (arg === undefined) code.i32(0);
      else this.push(arg);
    }
    this.pushSite();
    callBase(code.get(BUDGET), region.env.imports.callHelper).set(BUDGET);
    this.define(value);
    if ((value.effects & Effect.WritesState) !== 0) {
      region.registers.load();
      region.flags.loadSlot();
    }
    if ((value.effects & Effect.MayFault) !== 0) region.leaveOnFault();
    if (idleWhereReadable !== undefined) code.end();
  }

  private emitVectorOp(value: IrValue): void {
    const { code, region } = this;
    const row = vectorOf(value);
    if (row === undefined) return;
    for (const slot of slotsRead(row, value.imm)) {
      if (slot < Slot.Registers) region.registers.storeOne(slot);
      else if (slot === Slot.Nzcv) region.flags.storeSlot();
    }
    const [d, a, b] = [0, 1, 2].map((operand) => slotOf(value.imm, operand));
    const fallback = (): void => {
      code.i32(region.env.helperIndex(row)).i32(value.imm2);
      for (const slot of [d, a, b]) code.i32(STATE + slot);
      code.call(region.env.imports.vector);
    };
    if (!emitVector(code, row, slotAddress(d), slotAddress(a), slotAddress(b), value.imm2, fallback))
      fallback();
    for (const slot of slotsWritten(row, value.imm)) {
      if (slot < Slot.Registers) region.registers.loadOne(slot);
    }
    if (writesFlagSlot(value)) region.flags.loadSlot();
  }

  // Control.

  private beginSkip(value: IrValue): void {
    const { code } = this;
    const label = code.block();
    const [condition] = value.args;
    if (condition.op === 'cond' && condition.imm < ALWAYS && this.plan.isDeferred(condition)) {
      // The opposite of a comparison is one, which V8's baseline compiler makes a branch of.
      this.pushCondition(condition, condition.imm ^ 1, true);
    } else {
      this.push(condition);
      code.op(Op.I32Eqz);
    }
    code.brIf(label);
    this.skips.push({ label, known: this.region.flags.known });
  }

  private endSkip(): void {
    const { flags } = this.region;
    const skip = this.skips.pop() as { readonly known: number };
    this.code.end();
    flags.known = this.left ? skip.known : mergeFlags(flags.known, skip.known);
    this.left = false;
  }

  /** Instructions of the block after the present one. */
  private get notExecuted(): number {
    return this.node.block.instructions - this.markers;
  }

  private pushSite(): void {
    const marker = this.marker as IrValue;
    this.code.i32(this.region.env.site(marker.imm, marker.imm2, this.notExecuted));
  }

  private giveBudgetBack(): void {
    if (this.notExecuted > 0) this.code.get(BUDGET).i32(this.notExecuted).op(Op.I32Add).set(BUDGET);
  }

  private storeWord(address: number, value: number): void {
    this.code.i32(0).i32(value).store(Store.I32, address);
  }

  private emitExit(value: IrValue): void {
    const { region } = this;
    this.giveBudgetBack();
    switch (value.op) {
      case 'exitJump':
      case 'exitJumpTo':
      case 'exitInterwork':
        this.emitJump(value);
        break;
      case 'exitResync':
        region.storePc(value.imm);
        region.leaveWith(RegionResult.Resync);
        break;
      case 'exitDynamic':
        region.leaveWith(RegionResult.Resync);
        break;
      case 'exitRaise':
        this.storeWord(RegionWord.RaiseKind, value.imm);
        this.storeWord(RegionWord.RaiseArgument, value.imm2);
        this.code.i32(0);
        this.pushSite();
        this.code.store(Store.I32, RegionWord.Site);
        region.leaveWith(RegionResult.Raise);
        break;
      default:
        this.storeWord(RegionWord.RaiseKind, value.imm);
        region.storePc(value.imm2);
        region.leaveWith(RegionResult.Wait);
    }
  }

  private stayInside(successor: number): void {
    const { flags } = this.region;
    const { known } = flags;
    this.goTo(successor);
    // The successor's code may have been written just there.
    flags.known = known;
  }

  private emitJump(value: IrValue): void {
    const { code, region } = this;
    const { flags } = region.region;
    const { imports } = region.env;
    const { target, guesses } = waysInside(region.region, this.number, value);
    if (target !== undefined) {
      this.stayInside(target);
      return;
    }
    const known = exitTarget(value, flags);
    if (known !== undefined) {
      region.writeBack(region.flow.changed[this.number]);
      jumpToBase(code.get(BUDGET).get(TLB).i32(known).i32(flags), imports.go);
      return;
    }
    const to = this.local(value.args[0]);
    // An interworking address has T in bit 0.
    const thumb = value.op === 'exitInterwork' ? flags & T_FLAG : 0;
    if (guesses.length <= FEW_GUESSES) this.compareGuesses(to, guesses, thumb);
    else this.switchGuesses(to, guesses, thumb);
    if (region.env.callFree && this.node.calleesWanted !== undefined) {
      region.noteCallee(this.node.calleesWanted, to);
    }
    region.writeBack(region.flow.changed[this.number]);
    code.get(BUDGET).get(TLB).get(to);
    if (value.op === 'exitJumpTo') jumpToBase(code.i32(flags), imports.go);
    else jumpToBase(code.i32(flags & E_FLAG), imports.interwork);
  }

  private compareGuesses(to: number, guesses: WaysInside['guesses'], thumb: number): void {
    const { code } = this;
    for (const { pc, node } of guesses) {
      code
        .get(to)
        .i32(pc | thumb)
        .op(Op.I32Eq);
      code.if();
      this.stayInside(node);
      code.end();
    }
  }

  /** A table of branches by the distance from the lowest address; what is not in it goes on after this. */
  private switchGuesses(to: number, guesses: WaysInside['guesses'], thumb: number): void {
    const { code } = this;
    const unit = thumb === 1 || (this.region.region.flags & T_FLAG) !== 0 ? 1 : 2;
    const lowest = Math.min(...guesses.map(({ pc }) => pc));
    const places = guesses.map(({ pc }) => (pc - lowest) >>> unit);
    const size = Math.max(...places) + 1;
    if (size > LARGEST_SWITCH) {
      this.compareGuesses(to, guesses, thumb);
      return;
    }
    const otherwise = code.block();
    const labels = guesses.map(() => code.block());
    const table = new Array<number>(size).fill(otherwise);
    for (const [i, place] of places.entries()) table[place] = labels[i];
    // The low bits come out on top: what is not aligned is far out of the table.
    code
      .get(to)
      .i32(lowest | thumb)
      .op(Op.I32Sub)
      .i32(unit)
      .op(Op.I32Rotr)
      .brTable(table, otherwise);
    for (const { node } of [...guesses].reverse()) {
      code.end();
      this.stayInside(node);
    }
    code.end();
  }
}
