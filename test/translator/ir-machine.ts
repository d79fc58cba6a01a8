import { inspect, isDeepStrictEqual } from 'node:util';
import { MachineMemory, MemoryLayout, TLB_ENTRY_WORDS } from '../../src/memory/machine-memory.ts';
import { ENTER_WORDS, Interpreter, RunResult } from '../../src/translator/interpreter.ts';
import { Effect, type HelperInfo } from '../../src/translator/ir/ops.ts';
import type { IrBlock } from '../../src/translator/ir/value.ts';
import { verifyBlock } from '../../src/translator/ir/verify.ts';
import { type LoweredBlock, lower } from '../../src/translator/lower.ts';
import { instructionAt } from '../../src/translator/markers.ts';
import { optimise } from '../../src/translator/optimise.ts';
import { PendingFault } from '../../src/translator/pending-fault.ts';
import { DISPATCH_SHIFT } from '../../src/translator/superinstructions.ts';
import { INTEGER_ROWS, VectorTable } from '../../src/translator/vector/table.ts';
import { INTERPRET, instantiateBase } from '../../src/translator/wasm/base-module.ts';
import { RegionWord } from '../../src/translator/wasm/region-abi.ts';
import { evaluate, type Outcome, type Surroundings } from './ir-oracle.ts';

const STATE = MemoryLayout.state >>> 2;
const STATE_WORDS = 256;
const PC = 15;
const CALL_LOW = 28;
const CALL_HIGH = 29;
const MONITOR = [24, 25, 26];
const TLB = MemoryLayout.tlb >>> 2;
const CODE = MemoryLayout.code >>> 2;
const NO_TAG = 0x400;

/** The pages that blocks of these tests see, by virtual address; everything else faults. */
export const DATA = 0x10000;
const PAGE = 4096;
/** What the TLB lets through without the slow path, and what the slow path allows, page by page. */
export const PAGES = [
  { fastRead: true, fastWrite: true, writable: true },
  { fastRead: true, fastWrite: false, writable: true },
  { fastRead: false, fastWrite: false, writable: true },
  { fastRead: true, fastWrite: false, writable: false },
];
export const DATA_BYTES = PAGES.length * PAGE;

/** What helpers do to the state, and what they promise about it. */
export const HELPERS: readonly HelperInfo[] = [
  { name: 'sum', argCount: 2, effects: Effect.ReadsState },
  { name: 'exchange', argCount: 2, effects: Effect.ReadsState | Effect.WritesState },
  { name: 'faultsWhenOdd', argCount: 1, effects: Effect.ReadsState | Effect.MayFault },
  { name: 'wide', argCount: 1, effects: Effect.ReadsState | Effect.WritesState | Effect.MayFault },
];

/** What a helper does; undefined for a fault. */
export function helper(name: string, slots: Int32Array, args: readonly number[]): number | undefined {
  const [a = 0, b = 0] = args;
  switch (name) {
    case 'sum':
      return (a + b + slots[2]!) | 0;
    case 'exchange':
      slots[1] = slots[1]! ^ a;
      slots[3] = b;
      return slots[1]!;
    case 'faultsWhenOdd':
      return (a & 1) === 1 ? undefined : slots[1]!;
    default:
      slots[CALL_HIGH] = ~a;
      return slots[4]! ^ a;
  }
}

/** Plain memory of the tests: bytes in a row, with faults where a page does not allow an access. */
export class PlainMemory implements Surroundings {
  readonly slots: Int32Array;
  private readonly bytes: Uint8Array;

  constructor(slots: Int32Array, bytes: Uint8Array) {
    this.slots = slots;
    this.bytes = bytes;
  }

  private allowed(address: number, size: number, write: boolean): boolean {
    for (const at of [address, address + size - 1]) {
      const page = PAGES[(at - DATA) >>> 12];
      if (at < DATA || page === undefined || (write && !page.writable)) return false;
    }
    return true;
  }

  load(address: number, size: number): bigint | undefined {
    if (!this.allowed(address, size, false)) return undefined;
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[address - DATA + i]!);
    return value;
  }

  store(address: number, size: number, value: bigint): boolean {
    if (!this.allowed(address, size, true)) return false;
    for (let i = 0; i < size; i++) {
      this.bytes[address - DATA + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
    return true;
  }

  call(name: string, args: readonly number[]): number | undefined {
    return helper(name, this.slots, args);
  }
}

/** State and memory after a block, and how it was left. */
export interface After {
  readonly outcome: Outcome;
  readonly slots: Int32Array;
  readonly bytes: Uint8Array;
}

export interface Before {
  /** 96 words. */
  readonly slots: Int32Array;
  readonly bytes: Uint8Array;
}

function visible(slots: Int32Array): Int32Array {
  const out = slots.slice(0, 96);
  // Of slow paths and of the way out: no block reads them afterwards. The exclusive monitor is the CPU's.
  for (const slot of [PC, CALL_LOW, CALL_HIGH, ...MONITOR]) out[slot] = 0;
  return out;
}

/** What a block does by the oracle. */
export function byOracle(block: IrBlock, before: Before): After {
  const slots = new Int32Array(STATE_WORDS);
  slots.set(before.slots);
  const bytes = before.bytes.slice();
  const outcome = evaluate(block, new PlainMemory(slots, bytes));
  return { outcome, slots: visible(slots), bytes };
}

/** How interpreter code was left, as {@link Interpreter} tells it. */
type Left = Pick<Interpreter, 'budget' | 'faultAddress' | 'raiseKind' | 'raiseArgument'>;

/**
 * Lowers blocks and runs them on both interpreters, the one in TypeScript and the one in WebAssembly, with memory that is partly behind
 * the slow paths.
 */
export class IrMachine {
  private readonly memory = new MachineMemory(0x10000);
  private readonly fault = new PendingFault();
  private readonly state = this.memory.words.subarray(STATE, STATE + STATE_WORDS);
  private readonly data = this.memory.bytes.subarray(MemoryLayout.ram, MemoryLayout.ram + DATA_BYTES);
  private readonly plain = new PlainMemory(this.state, this.data);
  private readonly vectors = new VectorTable(INTEGER_ROWS, this.memory.words);
  private readonly interpreter: Interpreter;
  private readonly interpret: (budget: number, tlb: number, code: number) => RunResult;

  constructor() {
    const call = (name: string, args: readonly number[]): number =>
      this.orFault(helper(name, this.state, args));
    this.interpreter = new Interpreter(this.memory, {
      fault: this.fault,
      slowLoad: (va, size) => this.load(va, size),
      slowStore: (va, size, low, high) => {
        this.store(va, size, low, high);
      },
      loadExclusive: (va, size) => this.load(va, size),
      storeExclusive: (va, size, low, high) => {
        return this.store(va, size, low, high);
      },
      barrier: () => {},
      helpers: HELPERS.map(
        ({ name, argCount }) =>
          (a, b, c) =>
            call(name, [a, b, c].slice(0, argCount)),
      ),
      vector: (number, imm, d, a, b) => this.vectors.run(number, imm, d, a, b),
    });
    this.interpreter.tlb = TLB;
    this.fillTlb();
    const noted = (value: number): number => {
      this.memory.words[RegionWord.Fault >>> 2] = this.fault.faulted ? 1 : 0;
      return value;
    };
    const base = instantiateBase(this.memory, new WebAssembly.Table({ initial: 1, element: 'anyfunc' }), {
      slowLoad: (va, size) => noted(this.load(va, size)),
      slowStore: (va, size, low, high) => {
        noted(this.store(va, size, low, high));
      },
      fillTlb: () => {},
      loadExclusive: (va, size) => noted(this.load(va, size)),
      storeExclusive: (va, size, low, high) => noted(this.store(va, size, low, high)),
      barrier: () => {},
      cross: (result) => result,
      callHelper: (number, a, b, c) => {
        const { name, argCount } = HELPERS[number]!;
        return noted(call(name, [a, b, c].slice(0, argCount)));
      },
      vector: (number, imm, d, a, b) => this.vectors.run(number, imm, d, a, b),
    });
    this.interpret = base[INTERPRET.name] as unknown as typeof this.interpret;
  }

  /** @throws Error where the two interpreters differ */
  run(block: IrBlock, before: Before, passes: 'optimised' | 'as it stands'): After {
    const ir = passes === 'optimised' ? optimise(block) : block;
    verifyBlock(ir);
    const runBy = (run: (code: number) => [result: RunResult, left: Left]): After => {
      const lowered = this.lowered(ir);
      this.state.fill(0);
      this.state.set(before.slots);
      this.data.set(before.bytes);
      this.fault.faulted = false;
      this.hideFirstPage();
      const [result, left] = run(lowered.start);
      const outcome = this.outcomeOf(block, result, left, lowered);
      return { outcome, slots: visible(this.state), bytes: this.data.slice() };
    };
    const typeScript = runBy((code) => this.byTypeScript(code));
    const webAssembly = runBy((code) => this.byWebAssembly(code));
    if (!isDeepStrictEqual(typeScript, webAssembly)) {
      throw new Error(`the interpreters differ: ${inspect([typeScript.outcome, webAssembly.outcome])}`);
    }
    return typeScript;
  }

  /** The number by which the interpreter of WebAssembly dispatches a block's first operation. */
  firstNumber(block: IrBlock): number {
    return this.memory.words[this.lowered(block).start + ENTER_WORDS]! >>> DISPATCH_SHIFT;
  }

  private lowered(block: IrBlock): LoweredBlock {
    const lowered = lower(this.memory, CODE, CODE + 0x40000, {
      block,
      number: 7,
      flags: 0,
      countdown: 1000,
      helperIndex: (info) =>
        Math.max(HELPERS.indexOf(info), (INTEGER_ROWS as readonly HelperInfo[]).indexOf(info)),
    });
    if (lowered === undefined) throw new Error('the block does not fit');
    return lowered;
  }

  private byTypeScript(code: number): [RunResult, Left] {
    const { interpreter } = this;
    interpreter.jumps.forgetAll();
    interpreter.budget = 1000;
    return [interpreter.run(code), interpreter];
  }

  private byWebAssembly(code: number): [RunResult, Left] {
    const { words } = this.memory;
    this.interpreter.jumps.forgetAll();
    for (const address of Object.values(RegionWord)) words[address >>> 2] = 0;
    words[RegionWord.Tlb >>> 2] = TLB * 4;
    const result = this.interpret(1000, TLB * 4, code);
    return [
      result,
      {
        budget: words[RegionWord.Budget >>> 2]!,
        faultAddress: words[RegionWord.Code >>> 2]!,
        raiseKind: words[RegionWord.RaiseKind >>> 2]!,
        raiseArgument: words[RegionWord.RaiseArgument >>> 2]!,
      },
    ];
  }

  private outcomeOf(block: IrBlock, result: RunResult, left: Left, lowered: LoweredBlock): Outcome {
    // Instructions that an exit leaves out are given back to the budget; after a fault the caller does it.
    const instruction = 999 - left.budget;
    switch (result) {
      case RunResult.Fault: {
        const { start: code, markers } = lowered;
        const { instructions } = block;
        return [
          'fault',
          instructionAt(this.memory.words, { code, markers, instructions }, left.faultAddress),
        ];
      }
      case RunResult.Lookup: {
        const last = exitOf(block, instruction);
        const pc = this.state[PC]!;
        return last === 'exitJump' ? [last, pc, 0, instruction] : [last, 0, 0, instruction, pc];
      }
      case RunResult.Resync: {
        const last = exitOf(block, instruction);
        return [last, last === 'exitResync' ? this.state[PC]! : 0, 0, instruction];
      }
      case RunResult.Raise:
        return ['exitRaise', left.raiseKind, left.raiseArgument, instruction];
      case RunResult.Wait:
        return ['exitWait', left.raiseKind, this.state[PC]!, instruction];
      default:
        return ['interrupted', result];
    }
  }

  private fillTlb(): void {
    const { words } = this.memory;
    for (const first of [TLB, TLB + (MemoryLayout.tlbSeconds >>> 2)])
      for (let e = 0; e < MemoryLayout.tlbEntries; e++)
        words.fill(NO_TAG, first + e * TLB_ENTRY_WORDS, first + e * 4 + 2);
    PAGES.forEach(({ fastRead, fastWrite }, i) => {
      const va = DATA + i * PAGE;
      const e = TLB + ((va >>> 12) & (MemoryLayout.tlbEntries - 1)) * TLB_ENTRY_WORDS;
      if (fastRead) words[e] = va;
      if (fastWrite) words[e + 1] = va;
      words[e + 2] = MemoryLayout.ram - DATA;
    });
  }

  /** The first page is in the second entry of its place when a block begins. */
  private hideFirstPage(): void {
    const { words } = this.memory;
    const e = TLB + ((DATA >>> 12) & (MemoryLayout.tlbEntries - 1)) * TLB_ENTRY_WORDS;
    if (words[e] !== DATA) return;
    words.copyWithin(e + (MemoryLayout.tlbSeconds >>> 2), e, e + TLB_ENTRY_WORDS);
    words.fill(NO_TAG, e, e + 2);
  }

  private orFault(result: number | undefined): number {
    if (result === undefined) this.fault.raise(5);
    return result ?? 0x0bad0bad;
  }

  private load(va: number, size: number): number {
    const value = this.plain.load(va >>> 0, size);
    if (value === undefined) return this.orFault(undefined);
    this.state[CALL_LOW] = 0x5a5a5a5a;
    this.state[CALL_HIGH] = Number(BigInt.asIntN(32, value >> 32n));
    return Number(BigInt.asIntN(32, value));
  }

  /** @returns 0, as STREX where it succeeds */
  private store(va: number, size: number, low: number, high: number): number {
    const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    this.state[CALL_HIGH] = high;
    if (!this.plain.store(va >>> 0, size, value)) this.orFault(undefined);
    return 0;
  }
}

/** The exit that a block takes at an instruction; these tests give each instruction one at most. */
function exitOf(block: IrBlock, instruction: number): string {
  let at = -1;
  for (const { op } of block.ops) {
    if (op === 'marker') at++;
    if (at === instruction && op.startsWith('exit')) return op;
  }
  return 'none';
}
