import { FunctionBody, type ValType } from './function-body.ts';
import type { FunctionType } from './module-writer.ts';
import { Op } from './opcodes.ts';

/** What generated code calls outside of WebAssembly. Numbers as in InterpreterEnvironment. */
export interface RegionHost {
  slowLoad(va: number, size: number, flags: number): number;
  slowStore(va: number, size: number, low: number, high: number, flags: number): void;
  /** Fills the TLB for an access where that is in order; a fault is left to the access itself. */
  fillTlb(va: number, isWrite: number): void;
  loadExclusive(va: number, size: number): number;
  storeExclusive(va: number, size: number, low: number, high: number): number;
  callHelper(number: number, a: number, b: number, c: number): number;
  /** The rest of a barrier, where the dirty tables word is set. */
  barrier(): void;
  /** As InterpreterEnvironment.vector. */
  vector(number: number, imm: number, d: number, a: number, b: number): void;
  /**
   * A region has ended by Resync, Raise or Fault: takes the exception, and selects the context of now.
   * @returns 0 where the next region may follow, otherwise the RegionResult that the engine gets
   */
  cross(result: number): number;
}

/** What regions pass to the functions that they import, and get back, in one place for both sides; see {@link baseType}. */
export const BASE_FUNCTIONS = {
  /** (va, info, site, budget): value and budget. Info is size | MemFlag << 8. */
  load: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32', 'i32'] },
  load64: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i64', 'i32'] },
  /** (va, value, info, site, budget): budget. */
  store: { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  store64: { params: ['i32', 'i64', 'i32', 'i32', 'i32'], results: ['i32'] },
  /**
   * (va, info): where bytes of one page are in the machine's memory that may be accessed without a call, after the TLB was filled where it
   * can be; otherwise 0. Info is the number of bytes, FIND_WRITABLE, MemFlag << FIND_FLAGS_SHIFT.
   */
  find: { params: ['i32', 'i32'], results: ['i32'] },
  /** (va, count, site, budget): budget. Loads words that must be aligned to RegionWord.Words, up to the first that faults. */
  loadWords: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  /** The same: stores them from there. */
  storeWords: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  /** (va, size, site, budget): value and budget. */
  loadExclusive: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32', 'i32'] },
  loadExclusive64: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i64', 'i32'] },
  /** (va, low, high, size, site, budget): 0 or 1, and budget. */
  storeExclusive: { params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32', 'i32'] },
  /** (helper, a, b, c, site, budget): result and budget. */
  callHelper: { params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32', 'i32'] },
  /** The rest of a barrier, where the dirty tables word is set. */
  barrier: { params: [], results: [] },
  /** (budget, region): the budget with another piece of the reserve, unless the event word is set. */
  refill: { params: ['i32', 'i32'], results: ['i32'] },
  /** (kind, nz, a, b): NZCV. */
  nzcv: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
  /** (budget, tlb, pc, T and E): goes on in the region there, or leaves. */
  go: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'], isJump: true },
  /** (budget, tlb, target, E in bit 1): the same; bit 0 of the target selects T32. */
  interwork: { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'], isJump: true },
  /** (budget, RegionResult): the end of a region; goes on where the state says if that is the next region's. */
  leave: { params: ['i32', 'i32'], results: ['i32'], isJump: true },
} as const satisfies {
  readonly [name: string]: FunctionType & {
    /** A region ends by it, with the function's result as its own. */
    readonly isJump?: true;
  };
};

export type BaseFunction = keyof typeof BASE_FUNCTIONS;

/** An operand or a result that says nothing. */
const NOTHING: ValType = 'v128';

/**
 * The type of a function that regions import: one that no JavaScript function can have. For each other type among the imports of a module
 * V8 11 compiles a call of JavaScript when the module is made, by its optimiser, which takes longer than all that a small module of
 * regions needs besides; that none of them is JavaScript it only sees later.
 */
export function baseType(name: BaseFunction): FunctionType {
  const {
    params,
    results,
    isJump = false,
  }: FunctionType & { readonly isJump?: boolean } = BASE_FUNCTIONS[name];
  return isJump ? { params: [...params, NOTHING], results } : { params, results: [...results, NOTHING] };
}

function pushNothing(code: FunctionBody): FunctionBody {
  return code.v128([0, 0, 0, 0]);
}

/** Calls a function of {@link baseType} that is no jump. */
export function callBase(code: FunctionBody, fn: number): FunctionBody {
  return code.call(fn).op(Op.Drop);
}

/** Ends a region, or the interpreter, by a function of {@link baseType} that is a jump. */
export function jumpToBase(code: FunctionBody, fn: number): void {
  pushNothing(code).returnCall(fn);
}

/** Returns from the midst of a function of {@link baseType} that is no jump. */
export function returnFromBase(code: FunctionBody): void {
  pushNothing(code).ret();
}

/** What `write` leaves on the stack are the results of a function of {@link baseType}. */
export function writeBaseFunction(name: BaseFunction, write: (code: FunctionBody) => void): FunctionBody {
  const { params, results } = baseType(name);
  const code = new FunctionBody(params);
  write(code);
  if (results.includes(NOTHING)) pushNothing(code);
  return code;
}

/** Writes a function of the base module. */
export type Define = (name: BaseFunction, write: (code: FunctionBody) => void) => void;

/** What the base module imports, by index. */
export interface HostFunctions {
  /** Of the base module itself: (va, address of its TLB entry): 1 where the page was in the place's second entry, and is in the first one now. */
  readonly second: number;
  readonly slowLoad: number;
  readonly slowStore: number;
  readonly fillTlb: number;
  readonly loadExclusive: number;
  readonly storeExclusive: number;
  readonly callHelper: number;
  readonly barrier: number;
  readonly cross: number;
  readonly vector: number;
  readonly pure: number;
}
