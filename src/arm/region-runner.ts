import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { CachedBlock, TranslationCache } from '../translator/cache.ts';
import {
  ENTER_NUMBER,
  ENTER_WORDS,
  type Interpreter,
  type InterpreterEnvironment,
  RunResult,
} from '../translator/interpreter.ts';
import type { HelperInfo } from '../translator/ir/ops.ts';
import type { IrBlock } from '../translator/ir/value.ts';
import { placeOfCpu } from '../translator/jump-cache.ts';
import { INTERPRET, instantiateBase } from '../translator/wasm/base-module.ts';
import { nzcvOfLazy } from '../translator/wasm/lazy-flags.ts';
import {
  DEFAULT_REGION_LIMITS,
  IMPROVED_REGION_LIMITS,
  type Region,
  type RegionLimits,
} from '../translator/wasm/region.ts';
import { BUDGET_PIECE, FlagKind, RegionWord } from '../translator/wasm/region-abi.ts';
import { buildRegion, KnownFunctions } from '../translator/wasm/region-builder.ts';
import {
  CLOCK_UNIT,
  type Promotion,
  type RegionSource,
  RegionStore,
} from '../translator/wasm/region-store.ts';
import { SiteTable } from '../translator/wasm/site-table.ts';
import type { RegionCounters } from './engine-statistics.ts';
import { StateSlot } from './state.ts';
import { WIDE } from './wide.ts';

const NZCV = (MemoryLayout.state >>> 2) + StateSlot.NZCV;

/** Word indices of the words that regions and this class share. */
const W = {
  Budget: RegionWord.Budget >>> 2,
  Reserve: RegionWord.Reserve >>> 2,
  Fault: RegionWord.Fault >>> 2,
  Site: RegionWord.Site >>> 2,
  Context: RegionWord.Context >>> 2,
  Shared: RegionWord.Shared >>> 2,
  Place: RegionWord.Place >>> 2,
  Tlb: RegionWord.Tlb >>> 2,
  StrictAlignment: RegionWord.StrictAlignment >>> 2,
  RaiseKind: RegionWord.RaiseKind >>> 2,
  RaiseArgument: RegionWord.RaiseArgument >>> 2,
  FlagKind: RegionWord.FlagKind >>> 2,
  FlagNz: RegionWord.FlagNz >>> 2,
  FlagA: RegionWord.FlagA >>> 2,
  FlagB: RegionWord.FlagB >>> 2,
  Hottest: RegionWord.Hottest >>> 2,
  CallLink: RegionWord.CallLink >>> 2,
  Callee: RegionWord.Callee >>> 2,
  Interpreting: RegionWord.Interpreting >>> 2,
  Interpreted: RegionWord.Interpreted >>> 2,
  Block: RegionWord.Block >>> 2,
  Code: RegionWord.Code >>> 2,
} as const;

type InterpreterFunction = (budget: number, tlb: number, code: number) => RunResult;

/** Regions count in 32 bits. */
const LARGEST_BUDGET = 2 ** 30;

/** What the runner asks of the engine about the code of the CPU that runs. */
export interface CodeSource {
  /** The IR of the block at a virtual address, in the current context; undefined where it can't be fetched from RAM. */
  translate(pc: number, flags: number, endsBefore: (pc: number) => boolean): IrBlock | undefined;
  /** The halfword of code in RAM at a virtual address. */
  halfword(va: number): number | undefined;
  /** Physical address of a page of code, -1 where it can't be fetched from. */
  locate(pageVa: number): number;
  /** Fills the TLB for a data access where that is in order; a fault is left to the access itself. */
  fillTlb(va: number, isWrite: boolean): void;
  /** Guest instructions that all CPUs have run. */
  executed(): number;
}

/** What the runner asks of the engine where a region ends by an exception, or where the context may have changed. */
export interface Crossing {
  /**
   * Takes the exception of the interpreter's `raiseKind`, or the fault, and selects the context of now.
   * @param result Resync, Raise or Fault
   * @returns whether code may go on at the PC; otherwise the dispatcher has to look around first
   */
  cross(result: RunResult): boolean;
}

/** Runs compiled regions for the engine, and keeps them: the backend of `--engine wasm`. */
export class RegionRunner {
  readonly store: RegionStore;
  private readonly words: Int32Array;
  private readonly interpreter: Interpreter;
  private readonly sites = new SiteTable();
  private readonly known = new KnownFunctions();
  private readonly interpretFrom: InterpreterFunction;
  /** What the budget has over what regions were given, and what it was before. */
  private beyond = WIDE;
  private before = WIDE;
  /** Guest instructions that regions have run. */
  instructions = WIDE;
  /** SCTLR.A of the context that runs. */
  strictAlignment = false;
  readonly counters: RegionCounters;
  private readonly source: RegionSource;

  /** @param changed called when code that may be running is void. */
  constructor(
    memory: MachineMemory,
    physical: PhysicalMemory,
    interpreter: Interpreter,
    env: InterpreterEnvironment,
    cache: TranslationCache,
    helperIndex: (helper: HelperInfo) => number,
    code: CodeSource & Crossing,
    changed: () => void,
    counters: RegionCounters,
    promotion: Promotion,
  ) {
    this.counters = counters;
    this.instructions = 0;
    this.beyond = 0;
    this.before = 0;
    this.words = memory.words;
    this.interpreter = interpreter;
    const { words } = memory;
    const { fault } = env;
    const { accesses, helpers, vectors } = counters;
    const note = (): void => {
      if (fault.faulted) words[W.Fault] = 1;
    };
    // Whoever is called may ask how many instructions have run.
    const called = (): void => {
      interpreter.budget = this.beyond + words[W.Budget] + words[W.Reserve];
    };
    const table = RegionStore.makeTable();
    const vector = (number: number, imm: number, d: number, a: number, b: number): void => {
      if (words[W.Interpreting] === 0) vectors[number]++;
      env.vector(number, imm, d, a, b);
    };
    const base = instantiateBase(memory, table, {
      slowLoad: (va, size, flags) => {
        called();
        if (words[W.Interpreting] === 0) accesses.loads++;
        const value = env.slowLoad(va, size, flags);
        note();
        return value;
      },
      slowStore: (va, size, low, high, flags) => {
        called();
        if (words[W.Interpreting] === 0) accesses.stores++;
        env.slowStore(va, size, low, high, flags);
        note();
      },
      fillTlb: (va, isWrite) => {
        if (isWrite === 0) accesses.loads++;
        else accesses.stores++;
        code.fillTlb(va, isWrite !== 0);
      },
      loadExclusive: (va, size) => {
        called();
        if (words[W.Interpreting] === 0) accesses.exclusives++;
        const value = env.loadExclusive(va, size);
        note();
        return value;
      },
      storeExclusive: (va, size, low, high) => {
        called();
        if (words[W.Interpreting] === 0) accesses.exclusives++;
        const value = env.storeExclusive(va, size, low, high);
        note();
        return value;
      },
      barrier: () => env.barrier(1),
      vector,
      cross: (result) => {
        called();
        const before = interpreter.budget;
        this.readOut();
        // In the context that it has run in.
        this.improveHottest();
        const goesOn = code.cross(result);
        const notRun = interpreter.budget - before;
        words[W.Budget] += notRun;
        if (words[W.Interpreting] !== 0) words[W.Interpreted] -= notRun;
        words[W.Fault] = 0;
        if (!goesOn) return RunResult.Resync;
        if (!this.interpreting) counters.crossings[result]++;
        this.writeContext();
        return 0;
      },
      callHelper: (number, a, b, c) => {
        called();
        if (words[W.Interpreting] === 0) helpers[number]++;
        const value = env.helpers[number](a, b, c);
        note();
        return value;
      },
    });
    this.interpretFrom = base[INTERPRET.name] as unknown as InterpreterFunction;
    const context = { memory, base, sites: this.sites, helperIndex, vector };
    const { watches, ramBase } = physical;
    this.store = new RegionStore(
      memory,
      watches,
      ramBase,
      interpreter.jumps,
      table,
      context,
      changed,
      promotion,
    );
    const { known } = this;
    const locate = (va: number): number => code.locate(va);
    this.source = {
      build: (block) => build(block, code, known, DEFAULT_REGION_LIMITS, () => false),
      rebuild: (block, isEntered) => build(block, code, known, IMPROVED_REGION_LIMITS, isEntered),
      locate,
      clock: () => Math.floor(code.executed() / CLOCK_UNIT),
      blockAt: (pc, flags) => {
        const page = pc & -4096;
        const pa = locate(page);
        if (pa < 0) return undefined;
        return cache.find(pc, pa + (pc - page), flags, () => locate((page + 4096) | 0));
      },
    };
    cache.countdown = () => this.store.firstLook;
    cache.onFlush = () => {
      known.clear();
      this.store.flush();
    };
  }

  /** A block has run often. */
  hot(block: CachedBlock): void {
    this.store.hot(block, this.source);
  }

  /** The number of a region that begins at the block and may run in the current context; 0 for none. */
  usableAt(block: CachedBlock): number {
    return this.store.usableAt(block, this.source);
  }

  /**
   * Runs a region, and what it goes on to. The interpreter's budget is counted down; its other fields say what a wait, a fault and a
   * hot block are about.
   */
  run(number: number): RunResult {
    const piece = this.begin();
    return this.end(this.store.functionOf(number)(piece, this.words[W.Tlb]));
  }

  /** The same from interpreter code on, which may be in the middle of a block. */
  interpret(code: number): RunResult {
    const piece = this.begin();
    return this.end(this.interpretFrom(piece, this.words[W.Tlb], code));
  }

  /** The same for a block where a region begins: its interpreter code, whose budget the caller has looked at. */
  interpretPromoted(entry: number): RunResult {
    const { words, interpreter } = this;
    interpreter.budget -= words[entry + 1];
    words[W.Block] = words[entry + ENTER_NUMBER];
    return this.interpret(entry + ENTER_WORDS);
  }

  /** @returns the first piece of the budget */
  private begin(): number {
    const { words, interpreter } = this;
    const { budget } = interpreter;
    const most = Math.min(budget, LARGEST_BUDGET);
    const piece = Math.min(most, BUDGET_PIECE);
    this.beyond = budget - most;
    this.before = budget;
    words[W.Reserve] = most - piece;
    words[W.Fault] = 0;
    words[W.Interpreting] = 0;
    words[W.Interpreted] = 0;
    words[W.Place] = placeOfCpu(interpreter.jumps.cpu);
    this.writeContext();
    words[W.FlagKind] = FlagKind.Raw;
    words[W.FlagA] = words[NZCV];
    return piece;
  }

  private end(result: RunResult): RunResult {
    const { words, interpreter } = this;
    interpreter.budget = this.beyond + words[W.Budget] + words[W.Reserve];
    this.instructions += this.before - interpreter.budget - words[W.Interpreted];
    if (!this.interpreting) this.counters.exits[result]++;
    this.readOut();
    this.improveHottest();
    if (result === RunResult.Slow) this.store.slowExit(this.sites.region(words[W.Site]), this.source);
    return result;
  }

  /** Whether it was the interpreter that has called out, or come back. */
  get interpreting(): boolean {
    return this.words[W.Interpreting] !== 0;
  }

  /** Compiles once more what has become worth that. */
  private improveHottest(): void {
    const { words } = this;
    const hottest = words[W.Hottest];
    if (hottest === 0) return;
    words[W.Hottest] = 0;
    if (words[W.Callee] !== 0) this.known.see(words[W.CallLink], words[W.Callee]);
    words[W.Callee] = 0;
    this.store.improve(hottest, this.source);
  }

  /** Tells regions of the context that the engine has selected. */
  private writeContext(): void {
    const { words, interpreter } = this;
    words[W.Context] = interpreter.jumps.contextTag;
    words[W.Shared] = interpreter.jumps.sharedTag;
    words[W.Tlb] = interpreter.tlb * 4;
    words[W.StrictAlignment] = this.strictAlignment ? 1 : 0;
  }

  /** The flags, and what a region has raised or waits for, to where the engine looks for them. */
  private readOut(): void {
    const { words, interpreter } = this;
    // Not by the base module's function: in a host VM that call has thrown `memory access out of bounds`, though it accesses none.
    words[NZCV] = nzcvOfLazy(words[W.FlagKind], words[W.FlagNz], words[W.FlagA], words[W.FlagB]);
    interpreter.raiseKind = words[W.RaiseKind];
    interpreter.raiseArgument = words[W.RaiseArgument];
    interpreter.currentBlock = words[W.Block];
    interpreter.faultAddress = words[W.Code];
  }

  /** Where the last fault, raise or access that is to be done was: PC, ITSTATE, and how many instructions of its block come after. */
  get pc(): number {
    return this.sites.pc(this.words[W.Site]);
  }

  get it(): number {
    return this.sites.it(this.words[W.Site]);
  }

  get notExecuted(): number {
    return this.sites.notExecuted(this.words[W.Site]);
  }
}

function build(
  block: CachedBlock,
  code: CodeSource,
  known: KnownFunctions,
  limits: RegionLimits,
  isEntered: (pc: number) => boolean,
): Region | undefined {
  const page = block.pc & -4096;
  const source = {
    block: (pc: number, endsBefore: (pc: number) => boolean) => code.translate(pc, block.flags, endsBefore),
    halfword: (pc: number) => code.halfword(pc),
    callees: (link: number) => known.callees(link),
    isEntered,
    mayFollow: (pc: number) => (pc & -4096) === page || code.locate(pc & -4096) >= 0,
  };
  return buildRegion(block.pc, block.flags & 3, source, limits, known);
}
