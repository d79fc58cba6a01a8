import { MemoryLayout } from '../../memory/machine-memory.ts';
import type { HelperInfo } from '../ir/ops.ts';
import { callBase, jumpToBase } from './base-functions.ts';
import { FlagsCode } from './flags-code.ts';
import { FunctionBody, type ValType } from './function-body.ts';
import { LocalPool } from './local-pool.ts';
import { emitRefill } from './lookup-code.ts';
import { type NestedGraph, nestLoops } from './loop-nests.ts';
import { MemoPlan } from './memo-plan.ts';
import { pushFault } from './memory-code.ts';
import { NodeCompiler } from './node-compiler.ts';
import { Load, Op, Store } from './opcodes.ts';
import type { Region } from './region.ts';
import {
  ENTERED_PARAMS,
  MANY_MISSES,
  REGION_PARAMS,
  RegionParam,
  RegionResult,
  RegionWord,
  Slot,
  slotAddress,
} from './region-abi.ts';
import { analyseRegion, entryGraph, flagsChanged, type RegionFlow } from './region-flow.ts';
import type { RegionImports } from './region-imports.ts';
import { RegisterLocals } from './register-locals.ts';
import { emitStructured } from './structurer.ts';

/** What compiling a region needs to know besides the region. */
export interface CompileEnvironment {
  readonly imports: RegionImports;
  /** The region's number in the table. */
  readonly number: number;
  /**
   * Accesses that are not in the TLB leave the region, rather than to call something. Without calls a loop keeps its values
   * in machine registers; each such access is dear.
   */
  readonly callFree: boolean;
  /** Accesses from one base have one look at the TLB; where that fails, they leave the region. */
  readonly grouped: boolean;
  /** Number of a helper, or of a vector function, as the interpreter calls them. */
  helperIndex(helper: HelperInfo): number;
  /** A new site: a guest instruction that may fault, raise or call out, and how many of its block come after it. */
  site(pc: number, it: number, notExecuted: number): number;
  /** Number of a memo for an access; others may have the same. */
  memo(): number;
}

const BUDGET = RegionParam.Budget;

/** A region while it is compiled: its locals, its ways out, its nodes. */
export class RegionCompiler {
  readonly code: FunctionBody;
  readonly pool: LocalPool;
  readonly region: Region;
  readonly flow: RegionFlow;
  readonly env: CompileEnvironment;
  readonly registers: RegisterLocals;
  readonly flags: FlagsCode;
  /** Locals for the address and the TLB entry of an access. */
  readonly va: number;
  readonly entry: number;
  /** Undefined where no access has a memo. */
  readonly memos: MemoPlan | undefined;
  private readonly result: number;
  private leave = 0;

  constructor(region: Region, env: CompileEnvironment) {
    this.region = region;
    this.env = env;
    this.code = new FunctionBody(paramsOf(region));
    this.pool = new LocalPool(this.code);
    this.flow = analyseRegion(region);
    // What runs less is not worth the code.
    this.memos = env.callFree ? new MemoPlan(region, this.flow.successors) : undefined;
    this.registers = new RegisterLocals(this.code, region);
    this.flags = new FlagsCode(this.code, env.imports);
    this.va = this.code.local('i32');
    this.entry = this.code.local('i32');
    this.result = this.code.local('i32');
  }

  compile(): FunctionBody {
    const { code, region, flow } = this;
    code.i32(this.env.callFree ? RegionResult.Slow : RegionResult.Fault).set(this.result);
    this.leave = code.block();
    this.registers.load();
    this.flags.load();
    const graph = entryGraph(region, flow.successors);
    if (this.env.callFree) this.compileNested(nestLoops(graph), graph.before);
    else emitStructured(graph, code, (node, goTo) => this.compileNode(node, graph.before, goTo));
    code.end();
    this.registers.store();
    this.flags.store(false);
    jumpToBase(code.get(BUDGET).get(this.result), this.env.imports.leave);
    return code;
  }

  private compileNested(nested: NestedGraph, before: number): void {
    emitStructured(nested, this.code, (place, goTo) => {
      const node = nested.given(place);
      if (node < 0) goTo(nested.successors(place)[0]);
      else this.compileNode(node, before, (to) => goTo(nested.target(node, to)));
    });
  }

  /** @param before nodes of the graph before the region's */
  private compileNode(node: number, before: number, goTo: (successor: number) => void): void {
    if (node < before) this.enter((entry) => goTo(entry + before));
    else new NodeCompiler(this, node - before, (to) => goTo(to + before)).compile();
  }

  /** Goes on at the entry that was asked for. */
  private enter(goTo: (entry: number) => void): void {
    const { code } = this;
    const { entries } = this.region;
    const arms = entries.map(() => code.block()).reverse();
    code.get(RegionParam.Entry).brTable(arms.slice(0, -1), arms[arms.length - 1]);
    for (const entry of entries) {
      code.end();
      goTo(entry);
    }
  }

  /** Leaves through the common end, which writes registers and flags back. */
  leaveWith(result: number): void {
    this.code.i32(result).set(this.result).br(this.leave);
  }

  /** The same with a fault, where one was raised. */
  leaveOnFault(): void {
    pushFault(this.code);
    if (this.env.callFree) {
      this.code.ifHinted(false);
      this.leaveWith(RegionResult.Fault);
      this.code.end();
    } else {
      this.code.brIfUnlikely(this.leave);
    }
  }

  /** Leaves before an access at the site that was just stored. */
  leaveSlow(): void {
    if (!this.env.callFree) this.code.i32(RegionResult.Slow).set(this.result);
    this.code.br(this.leave);
  }

  /** Writes the PC of the next instruction. */
  storePc(pc: number): void {
    this.code.i32(0).i32(pc).store(Store.I32, slotAddress(Slot.Pc));
  }

  /** Looks at the budget where a path begins that may take `instructions`, and leaves where it is too small. */
  checkBudget(pc: number, instructions: number): void {
    const { code } = this;
    // Not an `if`: V8's baseline compiler would keep values where the rare way leaves them.
    const enough = code.block();
    code.get(BUDGET).i32(instructions).op(Op.I32GeS).brIfHinted(enough, true);
    const { number, callFree } = this.env;
    if (callFree) this.refillHere(number);
    else callBase(code.get(BUDGET).i32(number), this.env.imports.refill).set(BUDGET);
    code.get(BUDGET).i32(instructions).op(Op.I32LtS);
    code.if();
    this.storePc(pc);
    this.leaveWith(RegionResult.Interrupted);
    code.end();
    code.end();
  }

  private refillHere(number: number): void {
    const { code } = this;
    const heat = MemoryLayout.regionHeat + 4 * number;
    code.i32(0).i32(0).load(Load.I32, heat).i32(1).op(Op.I32Add).store(Store.I32, heat);
    emitRefill(code, BUDGET, this.va);
  }

  /** Counts a call of a function that the region does not have, and asks for a better one where there are many. */
  noteCallee(link: number, callee: number): void {
    const { code } = this;
    const misses = MemoryLayout.regionMisses + 4 * this.env.number;
    code.i32(0).i32(0).load(Load.I32, misses).i32(1).op(Op.I32Add).tee(this.va).store(Store.I32, misses);
    code.get(this.va).i32(MANY_MISSES).op(Op.I32Eq);
    code.ifHinted(false);
    code.i32(0).i32(this.env.number).store(Store.I32, RegionWord.Hottest);
    code.i32(0).i32(link).store(Store.I32, RegionWord.CallLink);
    code.i32(0).get(callee).store(Store.I32, RegionWord.Callee);
    code.end();
  }

  /** Writes registers and flags back for a way out of its own. @param changed of RegionFlow */
  writeBack(changed: number): void {
    this.registers.store(changed);
    if (flagsChanged(changed)) this.flags.store(true);
  }
}

/** Parameters of a region's function. */
export function paramsOf({ entries }: Region): readonly ValType[] {
  return entries.length === 1 ? REGION_PARAMS : ENTERED_PARAMS;
}

/** The function of a region, of type {@link paramsOf} -> REGION_RESULTS. */
export function compileRegion(region: Region, env: CompileEnvironment): FunctionBody {
  return new RegionCompiler(region, env).compile();
}
