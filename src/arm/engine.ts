import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { ArmTimer } from '../ports/arm-timer.ts';
import type { Saveable } from '../ports/saveable.ts';
import { TranslationCache } from '../translator/cache.ts';
import { Bc, Interpreter, type InterpreterEnvironment, RunResult } from '../translator/interpreter.ts';
import { type HelperInfo, WaitKind } from '../translator/ir/ops.ts';
import { instructionAt, markedIt, markedPc } from '../translator/markers.ts';
import { PendingFault } from '../translator/pending-fault.ts';
import { VectorTable } from '../translator/vector/table.ts';
import { warmUpInterpreter } from '../translator/warm-up.ts';
import { RegionStatistics } from '../translator/wasm/region-statistics.ts';
import { PROMOTION, type Promotion } from '../translator/wasm/region-store.ts';
import { ArmCpu, type CpuEnvironment } from './cpu.ts';
import { restoreCpu, saveCpu } from './cpu-saved-state.ts';
import { Psr } from './cpu-state.ts';
import type { EngineKind } from './engine-kind.ts';
import {
  AccessCounter,
  counted,
  type EngineStatistics,
  engineStatistics,
  RegionCounters,
} from './engine-statistics.ts';
import type { EngineHooks, EngineState, StopReason } from './engine-types.ts';
import { enterException } from './exceptions.ts';
import { fpDenied } from './fp-permission.ts';
import { GuestCode, PLAIN_FLAGS } from './guest-code.ts';
import { haltComment } from './halt-comment.ts';
import { ARM_HELPERS, type ArmHelperName } from './helpers.ts';
import { advanceIt } from './lift/it-state.ts';
import { RegionRunner } from './region-runner.ts';
import { ExceptionKind, StateSlot } from './state.ts';
import type { DebugStop, StopPoints } from './stop-points.ts';
import { CoprocessorMap, systemHelpers } from './system-helpers.ts';
import { type CpuModel, Sctlr } from './system-registers.ts';
import { TlbArrays } from './tlb.ts';
import { VECTOR_ROWS } from './vector-rows.ts';
import { WIDE } from './wide.ts';

const EVENT = MemoryLayout.eventWord >>> 2;
const DIRTY_TABLES = MemoryLayout.dirtyTablesWord >>> 2;
/** In the event word: the engine itself has to look around. Whoever has another reason writes 1 over it. */
const OWN_EVENT = 2;
const CODE_MOVED = (MemoryLayout.state >>> 2) + StateSlot.CodeMoved;
const HELPER_NAMES = Object.keys(ARM_HELPERS) as ArmHelperName[];
const HELPER_INDEX = new Map<HelperInfo, number>(HELPER_NAMES.map((name, i) => [ARM_HELPERS[name], i]));
/** CTR.IminLine of the Cortex-A15: 16 words. */
const CACHE_LINE = 64;

/** Returns to the dispatcher between two looks at the host's clock, and how many of them a translation counts for. */
const LATE_CHECK_INTERVAL = 8;
const TRANSLATION_WEIGHT = 8;
const never = (): boolean => false;
/** The kind of pending fault that is none: see stepFirst. No ExceptionKind has this number. */
const STEP_FIRST = -1;
/** Another: an instruction that a debugger wants to stop before. */
const DEBUG_STOP = -2;
const EMPTY_TLB = MemoryLayout.emptyTlb >>> 2;

export type { EngineHooks, EngineState, StopReason } from './engine-types.ts';

/** The CPUs of a machine and the translator that runs them, one at a time, on the caller's thread. */
export class ArmEngine implements Saveable<EngineState> {
  readonly cpus: readonly ArmCpu[];
  readonly cache: TranslationCache;
  /** Guest instructions run since the machine was made, of all CPUs. */
  instructions = WIDE;
  /**
   * Whether a budget is used up to its last instruction. Otherwise a slice ends before a block that does not fit, which
   * costs nothing; a budget then holds at least one block.
   */
  exact = true;
  /**
   * Whether accesses to devices and timers see the exact count of instructions ({@link executed}), and what they change
   * takes effect right after their instruction. Each is then run as a block of its own.
   */
  exactAccesses = false;
  /** Whether `run` comes back from loops that wait for others. */
  spinsGiveWay = false;
  /** What runs guest code. */
  readonly kind: EngineKind;
  /** What stopped the last `run` for a debugger, if that did. */
  debugStop: DebugStop | undefined;
  /** Where a debugger wants CPUs to stop; undefined while there is none, and nothing is looked at then. */
  private stopPoints: StopPoints | undefined;
  /** While a debugger steps: no interrupt is taken, and an event is kept for later. */
  private interruptsHeld = false;
  private eventHeld = false;
  private watchesIgnored = false;
  /** The address of the instruction that a debugger steps. */
  private steppedFrom: number | undefined;
  private readonly words: Int32Array;
  private readonly physical: PhysicalMemory;
  private readonly tlb: TlbArrays;
  private readonly fault = new PendingFault();
  private readonly vectors: VectorTable;
  private readonly interpreter: Interpreter;
  private readonly code: GuestCode;
  /** Compiled code; undefined where only the interpreter runs. */
  private readonly regions: RegionRunner | undefined;
  /** Why there is no compiled code at all. */
  private refusal: unknown;
  /** What an exception that compiled code raised has stopped for. */
  private raiseStop: StopReason | undefined;
  /** The next block is the interpreter's, whatever regions there are. */
  private afterSlow = false;
  /** Of the interpreter and of regions. */
  private readonly accesses = new AccessCounter();
  private readonly helperCalls = new Float64Array(HELPER_NAMES.length);
  /** Instructions that were not run here. */
  private instructionsBefore = WIDE;
  private readonly hooks: EngineHooks;
  private active: ArmCpu;
  private isLate: () => boolean = never;
  private untilLateCheck = LATE_CHECK_INTERVAL;
  /** Code outside RAM has changed; it is thrown away before the next block is looked up. */
  private foreignCodeIsVoid = false;
  /** The next block is to be one instruction: an access that an exact count has to be known for. */
  private stepNext = false;
  private stepping = false;
  /** Blocks are running: what the interpreter has left of its budget is known to it alone. */
  private inBlocks = false;
  /** While an instruction is stepped: what the budget has left after it. */
  private keptBudget = 0;
  /** The budget that `run` was called with, less what was cut off it since; 0 outside. */
  private runBudget = 0;

  /**
   * @param timers one for each CPU, or undefined where the model has none; its length is the number of CPUs.
   * @param peripheralBase what CBAR reads.
   * @param promotion when hot code is compiled, where it is
   */
  constructor(
    memory: MachineMemory,
    physical: PhysicalMemory,
    model: CpuModel,
    timers: readonly (ArmTimer | undefined)[],
    peripheralBase: number,
    hooks: EngineHooks,
    kind: EngineKind = 'interpreter',
    promotion = PROMOTION,
  ) {
    this.instructions = 0;
    this.instructionsBefore = 0;
    this.kind = kind;
    this.words = memory.words;
    this.physical = physical;
    this.hooks = hooks;
    this.tlb = new TlbArrays(memory, physical.watches, physical.ramBase);
    const single = timers.length === 1;
    const environment: CpuEnvironment = {
      cpuCount: timers.length,
      peripheralBase,
      hypervisorCall: (cpu, conduit) => hooks.hypervisorCall(cpu, conduit),
      sendEvent: () => {
        for (const cpu of this.cpus) cpu.state.slots[StateSlot.Event] = 1;
      },
      lookAround: () => {
        this.lookAround();
        hooks.attention();
      },
      invalidateTlb: (cpu, va) => {
        if (va === undefined) this.tlb.invalidateAll(single ? -1 : cpu);
        else this.tlb.invalidatePage(va, single ? -1 : cpu);
      },
      resetTlb: (cpu) => this.tlb.reset(single ? -1 : cpu),
      invalidateAsid: (cpu, asid) => this.tlb.invalidateAsid(asid, single ? -1 : cpu),
      invalidateInstructions: (va) => this.invalidateInstructions(va),
      stepFirst: () => this.stepFirst(),
      executed: () => this.executed,
    };
    this.cpus = timers.map(
      (timer, i) => new ArmCpu(i, model, memory, physical, this.tlb, timer, this.fault, environment),
    );
    this.active = this.cpus[0];
    this.vectors = new VectorTable(VECTOR_ROWS, memory.words);
    const env = this.interpreterEnvironment(model);
    this.interpreter = new Interpreter(memory, env);
    const { jumps } = this.interpreter;
    jumps.cpus = this.cpus.length;
    this.tlb.connect({
      forgetPage: (va) => {
        jumps.forgetPage(va);
        this.regions?.store.forgetPage(va);
        this.words[CODE_MOVED] = 1;
      },
      forgetAll: () => {
        jumps.forgetAll();
        this.words[CODE_MOVED] = 1;
      },
      renumbered: () => {
        this.words[CODE_MOVED] = 1;
      },
    });
    this.cache = new TranslationCache(
      memory,
      physical.watches,
      physical.ramBase,
      (helper) => this.helperIndex(helper),
      jumps,
    );
    this.code = new GuestCode(memory, physical, this.cache, jumps, timers.length > 1, () => {
      this.untilLateCheck -= TRANSLATION_WEIGHT;
    });
    if (kind === 'wasm') this.regions = this.tryRegions(memory, env, promotion);
    if (this.regions === undefined) warmUpInterpreter();
    this.active.state.activate();
    // The global monitor (A3.4.1): a store by another observer clears it. Other CPUs run only while this one is parked,
    // which clears it too; a bus master's stores may come in the midst of a slice. Clearing it for any address is allowed.
    physical.onBusMasterWrite(() => {
      this.active.state.slots[StateSlot.ExclusiveArmed] = 0;
    });
    physical.onDirectReadsChanged = (mapping) => {
      if (mapping) this.tlb.dropDirect();
      if (this.cache.hasForeignCode) {
        this.foreignCodeIsVoid = true;
        this.lookAround();
      }
    };
  }

  /** @param told called once where the host refuses to compile, now or later: the interpreter runs everything from then on */
  whenRefused(told: (error: unknown) => void): void {
    if (this.regions !== undefined) this.regions.store.onRefused = told;
    else if (this.refusal !== undefined) told(this.refusal);
  }

  /** Number of the CPU that runs, or ran last. */
  get activeCpu(): number {
    return this.active.cpu;
  }

  /** Only between two calls of `run`. */
  saveState(): EngineState {
    return {
      active: this.active.cpu,
      instructions: this.instructions,
      eventWord: this.words[EVENT],
      cpus: this.cpus.map(saveCpu),
    };
  }

  /** Everything that was translated is thrown away. The machine's RAM is restored before. */
  restoreState({ active, instructions, eventWord, cpus }: EngineState): void {
    const running = this.cpus[active];
    if (running === undefined || cpus.length !== this.cpus.length) {
      throw new RangeError(`the saved machine has ${cpus.length} CPUs, this one ${this.cpus.length}`);
    }
    this.switchTo(running);
    for (const [i, state] of cpus.entries()) restoreCpu(this.cpus[i], state);
    this.instructionsBefore += instructions - this.instructions;
    this.instructions = instructions;
    this.cache.flush();
    this.tlb.reset(-1);
    this.interpreter.jumps.forgetAll();
    this.words[EVENT] = eventWord;
  }

  /** What was done so far. */
  statistics(): EngineStatistics {
    const { cache, tlb, regions } = this;
    const compiled = regions?.instructions ?? 0;
    return engineStatistics({
      engine: this.kind,
      instructions: this.instructions,
      interpreted: this.instructions - this.instructionsBefore - compiled,
      compiled,
      cache,
      regions: regions?.store.statistics ?? new RegionStatistics(),
      tlb,
      counters: regions?.counters ?? new RegionCounters(HELPER_NAMES.length, VECTOR_ROWS.length),
      accesses: this.accesses,
      helpers: HELPER_NAMES,
      helperCalls: this.helperCalls,
      vectors: VECTOR_ROWS,
    });
  }

  /** Takes effect with the next `run`. Only between two of them. @param points undefined, or with a point at least */
  setStopPoints(points: StopPoints | undefined): void {
    this.stopPoints = points;
    this.code.stopPoints = points;
    // Blocks end before breakpoints: those that do not are thrown away, and those that need not.
    this.cache.flush();
  }

  /**
   * Runs one instruction of a CPU for a debugger, without taking an interrupt; a breakpoint at it does not count.
   * @param ignoreWatchpoints the debugger knows of what the instruction accesses
   */
  stepInstruction(cpu: ArmCpu, ignoreWatchpoints: boolean): StopReason {
    const { exact } = this;
    const pc = cpu.state.slots[StateSlot.PC];
    this.watchesIgnored = ignoreWatchpoints;
    this.steppedFrom = pc;
    this.interruptsHeld = true;
    this.exact = true;
    const reason = this.run(cpu, 1);
    this.exact = exact;
    this.interruptsHeld = false;
    if (this.eventHeld) this.lookAround();
    this.eventHeld = false;
    this.steppedFrom = undefined;
    this.watchesIgnored = false;
    // A block that begins at the breakpoint must not be found again.
    if (this.stopPoints?.isBreakpoint(pc) === true) this.cache.flush();
    return reason;
  }

  /** Makes generated code come back to the run loop at the next block. */
  lookAround(): void {
    this.words[EVENT] = 1;
  }

  /** Makes compiled code come back to this engine. Nobody else is told: when code is compiled depends on the host. */
  private leaveRegions(): void {
    Atomics.compareExchange(this.words, EVENT, 0, OWN_EVENT);
  }

  /** Whether nothing but {@link leaveRegions} has set the event word, which is cleared then. */
  private isOwnEvent(): boolean {
    return Atomics.compareExchange(this.words, EVENT, OWN_EVENT, 0) === OWN_EVENT;
  }

  /**
   * Runs one CPU for at most `budget` instructions.
   * @param isLate asked now and then: translations and exceptions may take a hundred times as long as other instructions.
   */
  run(cpu: ArmCpu, budget: number, isLate: () => boolean = never): StopReason {
    this.switchTo(cpu);
    this.interpreter.budget = budget;
    this.runBudget = budget;
    this.isLate = isLate;
    this.debugStop = undefined;
    const reason = this.loop(cpu);
    this.isOwnEvent();
    const executed = this.runBudget - this.interpreter.budget;
    this.instructions += executed;
    cpu.regs.instructionsRetired += executed;
    this.interpreter.budget = 0;
    this.runBudget = 0;
    return reason;
  }

  /**
   * Instructions that the current `run` has executed, 0 outside. Exact for accesses to devices and timers while
   * {@link exactAccesses} is set: the accessing instruction does not count yet.
   */
  get executed(): number {
    return this.runBudget - (this.stepping ? this.keptBudget + 1 : this.interpreter.budget);
  }

  /** Cuts the current `run` short: `executed` grows by `more` at most, and by the accessing instruction in any case. */
  shorten(more: number): void {
    const left = this.stepping ? this.keptBudget + 1 : this.interpreter.budget;
    const cut = left - Math.max(more, this.stepping ? 1 : 0);
    if (cut <= 0 || this.runBudget === 0) return;
    if (this.inBlocks) {
      this.lookAround();
      return;
    }
    this.runBudget -= cut;
    if (this.stepping) this.keptBudget -= cut;
    else this.interpreter.budget -= cut;
  }

  /**
   * Asked before an access that depends on the exact count of instructions, or may change who runs next.
   * @returns true when the access must not be done: its instruction will be run again, as a block of its own. State is
   * exact there, because the access might have faulted.
   */
  private stepFirst(): boolean {
    if (!this.exactAccesses || this.stepping || this.runBudget === 0) return false;
    this.stepNext = true;
    this.fault.raise(STEP_FIRST);
    return true;
  }

  /** A region has left before an access that is not in the TLB: the interpreter does it, and what comes after it. */
  private leftForAccess(slots: Int32Array): void {
    const regions = this.regions as RegionRunner;
    this.interpreter.budget += regions.notExecuted + 1;
    regions.instructions -= regions.notExecuted + 1;
    slots[StateSlot.PC] = regions.pc;
    slots[StateSlot.IT] = regions.it;
    this.afterSlow = true;
  }

  /** Runs the region that begins at the PC, if there is one, and otherwise the interpreter. */
  private runFrom(code: number, slots: Int32Array): RunResult {
    const { interpreter, words, regions } = this;
    this.inBlocks = true;
    let result: RunResult;
    if (words[code] !== Bc.Promoted) {
      result = this.interpret(code);
    } else {
      const region = this.afterSlow ? 0 : this.regionAt(slots);
      const before = interpreter.budget;
      result = region === 0 ? RunResult.Interrupted : (regions as RegionRunner).run(region);
      // Too small a budget for the region's longest way: the interpreter does the rest of it.
      if (result === RunResult.Interrupted && interpreter.budget === before && words[EVENT] === 0) {
        result = this.interpretPromoted(code);
      }
    }
    this.afterSlow = false;
    this.inBlocks = false;
    return result;
  }

  /** By WebAssembly where there is some, and no debugger: blocks end before its breakpoints, regions do not. */
  private get compiledCode(): RegionRunner | undefined {
    return this.stopPoints === undefined ? this.regions : undefined;
  }

  private interpret(code: number): RunResult {
    const { compiledCode } = this;
    return compiledCode === undefined ? this.interpreter.run(code) : compiledCode.interpret(code);
  }

  /** A block where a region begins that is not to run now. */
  private interpretPromoted(code: number): RunResult {
    const { compiledCode } = this;
    return compiledCode === undefined
      ? this.interpreter.runPromoted(code)
      : compiledCode.interpretPromoted(code);
  }

  private regionAt(slots: Int32Array): number {
    if (this.compiledCode === undefined || slots[StateSlot.IT] !== 0) return 0;
    const flags = slots[StateSlot.T] | (slots[StateSlot.E] << 1);
    return this.interpreter.jumps.regionAt(slots[StateSlot.PC], flags);
  }

  private step(code: number): RunResult {
    const { interpreter } = this;
    this.stepNext = false;
    this.keptBudget = interpreter.budget - 1;
    interpreter.budget = 1;
    this.stepping = true;
    const result = this.interpret(code);
    this.stepping = false;
    interpreter.budget += this.keptBudget;
    return result;
  }

  /**
   * Instruction cache maintenance. Stores by CPUs and by our own devices have invalidated what they touched by
   * themselves; a real device's DMA has not, and this is where the guest announces it.
   */
  private invalidateInstructions(va: number | undefined): void {
    if (va === undefined) {
      this.cache.newEpoch();
      if (this.physical.watches.bypassed) this.regions?.store.doubtAll();
      return;
    }
    const pa = this.active.mmu.translateForMaintenance(va);
    if (pa >= 0 && this.physical.isRam(pa)) {
      const line = pa - (pa % CACHE_LINE) - this.physical.ramBase;
      this.cache.newEpochOf(line, CACHE_LINE);
      if (this.physical.watches.bypassed) this.regions?.store.doubtRange(line, CACHE_LINE);
    }
  }

  private switchTo(cpu: ArmCpu): void {
    if (cpu === this.active) return;
    this.active.state.park();
    this.active = cpu;
    cpu.state.activate();
  }

  private loop(cpu: ArmCpu): StopReason {
    const { interpreter, words } = this;
    const { slots } = cpu.state;
    if (this.foreignCodeIsVoid) {
      this.foreignCodeIsVoid = false;
      this.cache.flush();
    }
    for (;;) {
      if (cpu.power !== 'on') return 'off';
      if (this.debugStop !== undefined) return 'debug';
      if (words[EVENT] !== 0 && !this.isOwnEvent()) {
        if (!this.interruptsHeld) return 'event';
        this.eventHeld = true;
        words[EVENT] = 0;
      }
      if (!this.interruptsHeld) this.takeInterrupt(cpu);
      if (cpu.waiting) return 'wfi';
      if (interpreter.budget <= 0) return 'budget';
      this.selectContext(cpu, slots);
      const stop = this.runBlocks(cpu, slots);
      if (stop !== undefined) return stop;
    }
  }

  /** The TLB array, the tags of the jump cache and what else follows from the registers. */
  private selectContext(cpu: ArmCpu, slots: Int32Array): void {
    const { interpreter, regions } = this;
    const { privileged } = cpu.state;
    this.words[CODE_MOVED] = 0;
    cpu.mmu.selectContext(privileged);
    interpreter.tlb = this.stopPoints?.watches === true ? EMPTY_TLB : this.tlb.base(cpu.mmu.array);
    interpreter.jumps.cpu = cpu.cpu;
    interpreter.jumps.contextTag = this.tlb.owner(cpu.mmu.array) << 2;
    interpreter.jumps.sharedTag = ~this.tlb.shared(cpu.mmu.array).number << 2;
    if (regions !== undefined) regions.strictAlignment = (cpu.regs.SCTLR & Sctlr.A) !== 0;
    const { CPACR } = cpu.regs;
    slots[StateSlot.FpDenied] = fpDenied(CPACR, slots[StateSlot.Fpexc], slots[StateSlot.Fpscr], privileged);
  }

  /** What {@link loop} and {@link runBlocks} do between two regions, where that takes nothing else: see {@link Crossing}. */
  private cross(result: RunResult): boolean {
    const cpu = this.active;
    const { slots } = cpu.state;
    this.inBlocks = false;
    if (result === RunResult.Raise) this.raiseStop = this.raised(cpu, slots);
    else if (result === RunResult.Fault) this.faulted(cpu);
    this.inBlocks = true;
    if (this.raiseStop !== undefined || this.stepNext || !this.staysInside(cpu, slots)) return false;
    this.selectContext(cpu, slots);
    return true;
  }

  /** Whether compiled code may go on: nothing has happened, no interrupt is to be taken, and no IT block goes on. */
  private staysInside(cpu: ArmCpu, slots: Int32Array): boolean {
    if (this.words[EVENT] !== 0 || cpu.power !== 'on' || cpu.waiting) return false;
    if ((slots[StateSlot.PendingInterrupts] & ~slots[StateSlot.AIFM]) !== 0) return false;
    if (slots[StateSlot.IT] !== 0 || this.interpreter.budget <= 0) return false;
    if (--this.untilLateCheck > 0) return true;
    // The dispatcher asks once more, and stops.
    if (this.isLate()) return false;
    this.untilLateCheck = LATE_CHECK_INTERVAL;
    return true;
  }

  /** Runs blocks in one context, until it may have changed. */
  private runBlocks(cpu: ArmCpu, slots: Int32Array): StopReason | undefined {
    const { interpreter } = this;
    for (;;) {
      // Compiled code looks at the event word only where its budget has run out.
      if (interpreter.budget <= 0 || this.words[EVENT] !== 0) return undefined;
      if (--this.untilLateCheck <= 0) {
        this.untilLateCheck = LATE_CHECK_INTERVAL;
        // A CPU that has just been switched off is off, however late it is: the reason must not hang on the host's time.
        if (this.isLate()) return cpu.power === 'on' ? 'late' : 'off';
      }
      const code = this.codeAt(cpu, slots);
      if (code === 0) return undefined;
      if (!this.exact && this.words[code + 1] > interpreter.budget) return 'budget';
      switch (this.stepNext ? this.step(code) : this.runFrom(code, slots)) {
        case RunResult.Lookup:
          break;
        case RunResult.Slow:
          this.leftForAccess(slots);
          break;
        case RunResult.Hot:
          this.regions?.hot(this.cache.block(interpreter.currentBlock));
          break;
        case RunResult.Interrupted:
          if (this.words[EVENT] !== 0 || interpreter.budget <= 0) return undefined;
          break;
        case RunResult.Resync: {
          const { raiseStop } = this;
          this.raiseStop = undefined;
          return raiseStop;
        }
        case RunResult.Raise:
          return this.raised(cpu, slots);
        case RunResult.Fault:
          this.faulted(cpu);
          return undefined;
        case RunResult.Wait:
          return this.wait(cpu, slots);
      }
    }
  }

  /** Code for the current PC; 0 after a prefetch abort was taken. */
  private codeAt(cpu: ArmCpu, slots: Int32Array): number {
    const { interpreter } = this;
    const pc = slots[StateSlot.PC];
    const flags = slots[StateSlot.T] | (slots[StateSlot.E] << 1) | (slots[StateSlot.IT] << 8);
    if (flags <= PLAIN_FLAGS && !this.stepNext) {
      const known = interpreter.jumps.recall(pc, flags);
      if (known !== 0 && (!this.exact || this.words[known + 1] <= interpreter.budget)) return known;
    }
    if (this.stopPoints?.isBreakpoint(pc) === true && pc !== this.steppedFrom) {
      this.debugStop = { reason: 'breakpoint' };
      return 0;
    }
    cpu.mmu.fetchesShared = true;
    const pa = cpu.mmu.translateFetch(pc);
    if (pa < 0) return this.prefetchAbort(cpu, pc);
    if (this.stepNext)
      return (
        this.code.blockAt(cpu, pc, pa, flags, 1)?.code ?? this.prefetchAbort(cpu, this.code.faultedFetch)
      );
    let block = this.code.blockAt(cpu, pc, pa, flags, 0);
    if (this.exact && block !== undefined && block.instructions > interpreter.budget) {
      // The budget ends inside the block: a shorter one stops at exactly the right instruction.
      block = this.code.blockAt(cpu, pc, pa, flags, interpreter.budget);
    } else if (block !== undefined && flags <= PLAIN_FLAGS) {
      const region = this.regions?.usableAt(block) ?? 0;
      interpreter.jumps.remember(pc, flags, block.code, region, cpu.mmu.fetchesShared);
    }
    return block === undefined ? this.prefetchAbort(cpu, this.code.faultedFetch) : block.code;
  }

  /** @param at the address that could not be fetched: the instruction, or its second half on another page. */
  private prefetchAbort(cpu: ArmCpu, at: number): 0 {
    const { slots } = cpu.state;
    cpu.mmu.reportFetchFault(at);
    // Vectors that can't be fetched abort for ever: a budget must come to its end all the same.
    this.interpreter.budget--;
    this.enter(cpu, ExceptionKind.PrefetchAbort, slots[StateSlot.PC], slots[StateSlot.IT]);
    return 0;
  }

  private tryRegions(
    memory: MachineMemory,
    env: InterpreterEnvironment,
    promotion: Promotion,
  ): RegionRunner | undefined {
    try {
      return this.makeRegions(memory, env, promotion);
    } catch (error) {
      this.refusal = error;
      return undefined;
    }
  }

  private makeRegions(
    memory: MachineMemory,
    env: InterpreterEnvironment,
    promotion: Promotion,
  ): RegionRunner {
    return new RegionRunner(
      memory,
      this.physical,
      this.interpreter,
      env,
      this.cache,
      (helper) => this.helperIndex(helper),
      {
        translate: (pc, flags, endsBefore) =>
          this.code.liftForRegion(this.active, pc, flags, (va) => endsBefore(va | 0)),
        halfword: (va) => this.code.halfword(this.active, va),
        locate: (va) => this.active.mmu.translateFetch(va),
        fillTlb: (va, isWrite) => this.active.mmu.prepare(va, isWrite),
        executed: () => this.instructions + this.executed,
        cross: (result) => this.cross(result),
      },
      () => this.leaveRegions(),
      new RegionCounters(HELPER_NAMES.length, VECTOR_ROWS.length),
      promotion,
    );
  }

  private helperIndex(helper: HelperInfo): number {
    return HELPER_INDEX.get(helper) ?? this.vectors.numberOf(helper);
  }

  private takeInterrupt(cpu: ArmCpu): void {
    const { slots } = cpu.state;
    const fiq = cpu.fiqPending;
    if (!fiq && !cpu.irqPending) return;
    // B1.8.13: WFI ends with any pending interrupt, masked or not.
    cpu.waiting = false;
    const masks = slots[StateSlot.AIFM];
    if (fiq && (masks & Psr.F) === 0)
      this.enter(cpu, ExceptionKind.Fiq, slots[StateSlot.PC], slots[StateSlot.IT]);
    else if (cpu.irqPending && (masks & Psr.I) === 0) {
      this.enter(cpu, ExceptionKind.Irq, slots[StateSlot.PC], slots[StateSlot.IT]);
    }
  }

  private enter(cpu: ArmCpu, kind: ExceptionKind, pc: number, it: number): void {
    enterException(cpu.state, cpu.regs, kind, pc, it);
  }

  private raised(cpu: ArmCpu, slots: Int32Array): StopReason | undefined {
    const { interpreter } = this;
    const { pc, it } = this.place();
    const kind = interpreter.raiseKind as ExceptionKind;
    const thumb = slots[StateSlot.T] === 1;
    const isCall = kind === ExceptionKind.SupervisorCall;
    const next = pc + (thumb ? 2 : 4);
    const mayHalt = kind === ExceptionKind.Undefined;
    const comment = isCall
      ? interpreter.raiseArgument
      : mayHalt
        ? haltComment(cpu, this.physical, pc, thumb)
        : undefined;
    const answer =
      comment === undefined
        ? 'guest'
        : this.hooks.semihostingCall(cpu, thumb, isCall ? 'svc' : 'hlt', comment);
    switch (answer) {
      case 'done':
        slots[StateSlot.PC] = next;
        slots[StateSlot.IT] = advanceIt(it);
        return undefined;
      case 'wait':
        slots[StateSlot.PC] = pc;
        slots[StateSlot.IT] = it;
        return 'wfe';
      case 'guest':
        if (isCall) this.enter(cpu, kind, next, advanceIt(it));
        else this.enter(cpu, kind, pc, it);
        return undefined;
    }
  }

  private faulted(cpu: ArmCpu): void {
    const { fault } = this;
    const { pc, it, notExecuted } = this.place();
    this.interpreter.budget += notExecuted;
    fault.faulted = false;
    if (fault.kind === STEP_FIRST || fault.kind === DEBUG_STOP) {
      this.interpreter.budget++;
      cpu.state.slots[StateSlot.PC] = pc;
      cpu.state.slots[StateSlot.IT] = it;
      return;
    }
    this.enter(cpu, fault.kind as ExceptionKind, pc, it);
  }

  /** The instruction that has faulted or raised, and how many of its block come after it. */
  private place(): { readonly pc: number; readonly it: number; readonly notExecuted: number } {
    const { compiledCode } = this;
    if (compiledCode !== undefined && !compiledCode.interpreting) return compiledCode;
    const { words } = this;
    const block = this.cache.block(this.interpreter.currentBlock);
    const instruction = instructionAt(words, block, this.interpreter.faultAddress);
    return {
      pc: markedPc(words, block, instruction),
      it: markedIt(words, block, instruction),
      notExecuted: block.instructions - (instruction + 1),
    };
  }

  private wait(cpu: ArmCpu, slots: Int32Array): StopReason | undefined {
    switch (this.interpreter.raiseKind) {
      case WaitKind.Wfi:
        if (!cpu.irqPending && !cpu.fiqPending) cpu.waiting = true;
        return undefined;
      case WaitKind.Wfe:
        if (slots[StateSlot.Event] !== 0) {
          slots[StateSlot.Event] = 0;
          return undefined;
        }
        return 'wfe';
      case WaitKind.Spin:
        return this.spinsGiveWay ? 'spin' : undefined;
      default:
        return 'yield';
    }
  }

  /** Whether an access must be left undone because a debugger wants to stop before its instruction. */
  private isWatched(va: number, size: number, write: boolean): boolean {
    const watchpoint = this.stopPoints?.watchpointAt(va, size, write);
    if (watchpoint === undefined || this.watchesIgnored) return false;
    this.debugStop = { reason: 'watchpoint', watchpoint };
    this.fault.raise(DEBUG_STOP);
    return true;
  }

  private interpreterEnvironment(model: CpuModel): InterpreterEnvironment {
    const { accesses, helperCalls } = this;
    const functions = systemHelpers(() => this.active, this.fault, new CoprocessorMap(model));
    return {
      fault: this.fault,
      slowLoad: (va, size, flags) => {
        accesses.loads++;
        return this.isWatched(va, size, false) ? 0 : this.active.data.slowLoad(va, size, flags);
      },
      slowStore: (va, size, low, high, flags) => {
        accesses.stores++;
        if (!this.isWatched(va, size, true)) this.active.data.slowStore(va, size, low, high, flags);
      },
      loadExclusive: (va, size) => {
        accesses.exclusives++;
        return this.isWatched(va, size, false) ? 0 : this.active.data.loadExclusive(va, size);
      },
      storeExclusive: (va, size, low, high) => {
        accesses.exclusives++;
        return this.isWatched(va, size, true) ? 0 : this.active.data.storeExclusive(va, size, low, high);
      },
      barrier: () => {
        // Orders this thread's accesses to RAM against a device's, as a load would not: x86 lets it pass stores.
        if (Atomics.add(this.words, DIRTY_TABLES, 0) !== 0) this.hooks.synchronizeTables?.();
      },
      helpers: HELPER_NAMES.map((name, i) => counted(functions[name], helperCalls, i)),
      vector: (number, imm, d, a, b) => this.vectors.run(number, imm, d, a, b),
    };
  }
}
