import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { CONDITION_TABLE, nzcvOfAdd } from './flags.ts';
import { MemFlag } from './ir/ops.ts';
import { JumpCache } from './jump-cache.ts';
import type { PendingFault } from './pending-fault.ts';
import { mulHighS, mulHighU, PURE_FUNCTIONS } from './pure-functions.ts';

/**
 * Interpreter code: words in the machine's memory. An operand is the word index of a value there: a state slot, a
 * temporary or a literal, so that every operation has one form. The comments give the words after the opcode.
 * This enum stands in the file of its switch because compilers inline constants only there.
 */
export const enum Bc {
  /** instructions, block number, pc, countdown: opens a block; looks at the event word and the budget. */
  Enter = 0,
  /** The same words: a block that was invalidated; whoever was linked to it looks it up anew. */
  Stale = 1,
  Mov = 2, // dst, a
  Add = 3, // dst, a, b
  Sub = 4,
  And = 5,
  Or = 6,
  Xor = 7,
  AndNot = 8,
  Not = 9, // dst, a
  Mul = 10,
  Adc = 11, // dst, a, b, c
  Shl = 12,
  Shr = 13,
  Sar = 14,
  Ror = 15,
  // The amount is a literal from 1 to 31 in the code itself.
  ShlImm = 16, // dst, a, amount
  ShrImm = 17,
  SarImm = 18,
  RorImm = 19,
  Sext8 = 20,
  Sext16 = 21,
  Zext8 = 22,
  Zext16 = 23,
  Eq = 24,
  Ne = 25,
  LtS = 26,
  LtU = 27,
  Select = 28, // dst, c, a, b
  NzcvAdd = 29, // dst, a, b, carry
  NzcvSub = 30, // dst, a, b
  NzcvLogic = 31, // dst, a, carry, old
  NzcvNz = 32, // dst, a, old
  NzcvNz64 = 33, // dst, a (two words), old
  Cond = 34, // dst, condition, nzcv
  CarryOf = 35, // dst, nzcv
  MulS64 = 36, // dst (two words), a, b
  MulU64 = 37,
  Add64 = 38,
  Sub64 = 39,
  Pack64 = 40, // dst (two words), low, high
  /** function number, dst, a, b, c, imm. */
  Pure = 41,
  /** words, dst, a: copies 2 or 4 words. */
  Copy = 42,
  /** function number, immediate, d, a, b: a row of the table of vector functions. */
  Vector = 43,
  SkipIfZero = 44, // a, target
  /** condition, nzcv, target: skips when the condition fails. */
  SkipUnless = 45,
  // dst, base, offset, flags
  Load8 = 46,
  Load16 = 47,
  Load32 = 48,
  Load64 = 49,
  Load128 = 50,
  // value, base, offset, flags
  Store8 = 51,
  Store16 = 52,
  Store32 = 53,
  Store64 = 54,
  Store128 = 55,
  LoadExclusive = 56, // size, dst, address
  StoreExclusive = 57, // size, dst, address, value
  ClearExclusive = 58,
  Barrier = 59, // kind
  /** helper number, dst, a, b, c. */
  Call = 60,
  /** The same: the helper may fault. */
  CallMayFault = 61,
  /** pc, link (word index of the next block's code, or 0), instructions not executed, T and E flags, linkable. */
  ExitJump = 62,
  ExitJumpTo = 63, // a, instructions not executed, T and E flags
  ExitInterwork = 64, // a, instructions not executed, E flag
  ExitResync = 65, // pc, instructions not executed
  ExitDynamic = 66, // instructions not executed
  ExitRaise = 67, // kind, argument, instructions not executed
  ExitWait = 68, // kind, pc, instructions not executed
  /** condition, nzcv, T and E flags, then for each way pc, link, linkable: where it holds, where it fails. */
  Branch = 69,
  /** count, base, offset, then a dst for each of the words, which must be aligned; none is written where one faults. */
  LoadWords = 70,
  /** count, base, offset, then the values. */
  StoreWords = 71,
  /** The same words as Enter: a block where a compiled region begins. The dispatcher runs that, or comes here past this. */
  Promoted = 72,
  PageNoted = 73, // dst, a
}

/** Words of Enter, Stale and Promoted. */
export const ENTER_WORDS = 5;
/** Which of them counts the runs that are left until the block is hot. */
export const ENTER_COUNTDOWN = 4;
/** And which has the block's number. */
export const ENTER_NUMBER = 2;

/** Why {@link Interpreter.run} came back. PC is valid in the state window after each of them. */
export const enum RunResult {
  /** The budget is spent, or the event word is set. */
  Interrupted = 0,
  /** The next block is not in the jump cache. */
  Lookup = 1,
  /** The context may have changed; look at everything anew. */
  Resync = 2,
  /** Lifted code raises exception `raiseKind` with `raiseArgument`. */
  Raise = 3,
  /** An access or helper at `faultAddress` (a word index of code) in block `currentBlock` has raised a fault. */
  Fault = 4,
  /** A wait of kind `raiseKind`. */
  Wait = 5,
  /** Block `currentBlock`, which has not begun, has run as often as its countdown says. */
  Hot = 6,
  /** A compiled region has left before an access that the interpreter is to do. */
  Slow = 7,
}

/** What generated code calls. Results beyond one word go to the CallHigh slot. */
export interface InterpreterEnvironment {
  /** Set by a slow path or helper that raises a guest exception; cleared by who handles it. */
  readonly fault: PendingFault;
  /** Slow paths of guest memory. Sizes in bytes; 8-byte values have their high word in CallHigh. */
  slowLoad(va: number, size: number, flags: number): number;
  slowStore(va: number, size: number, low: number, high: number, flags: number): void;
  loadExclusive(va: number, size: number): number;
  storeExclusive(va: number, size: number, low: number, high: number): number;
  barrier(kind: number): void;
  readonly helpers: readonly ((a: number, b: number, c: number) => number)[];
  /** Runs a vector function on word indices of the memory. */
  vector(number: number, imm: number, d: number, a: number, b: number): void;
}

const EVENT = MemoryLayout.eventWord >>> 2;
const WORDS = MemoryLayout.wordRun >>> 2;
const NOTED_PAGES = MemoryLayout.notedPages >>> 2;
const STATE = MemoryLayout.state >>> 2;
const PC = STATE + 15;
const T = STATE + 19;
const CALL_HIGH = STATE + 29;
const EXCLUSIVE_ARMED = STATE + 24;
/** Of an opcode's word. Above it is how the interpreter of WebAssembly dispatches it (superinstructions.ts). */
const OPERATION = 0xff;
const TLB_MASK = MemoryLayout.tlbEntries - 1;

/**
 * Runs interpreter code. Knows words, not Arm: the meaning of state slots beyond PC and T is the lifter's.
 *
 * The file is long because its switch must be one function with its labels in sight: only then does the host's
 * compiler make a jump table of it and keep the memory and the code position in registers.
 */
export class Interpreter {
  /** Word index of the first-level TLB array of the current translation context. */
  tlb = 0;
  /** Guest instructions that may still run; the caller sets it, run() counts it down. */
  budget = 0;
  currentBlock = 0;
  faultAddress = 0;
  raiseKind = 0;
  raiseArgument = 0;
  readonly jumps: JumpCache;
  private readonly words: Int32Array;
  private readonly halves: Uint16Array;
  private readonly bytes: Uint8Array;
  private readonly doubles: Float64Array;
  private readonly env: InterpreterEnvironment;

  constructor(memory: MachineMemory, env: InterpreterEnvironment) {
    this.words = memory.words;
    this.halves = memory.u16;
    this.bytes = memory.bytes;
    this.doubles = memory.doubles;
    this.env = env;
    this.jumps = new JumpCache(memory);
  }

  /** Runs from the block whose code starts at word index `entry` until something needs the caller. */
  run(entry: number): RunResult {
    return this.runFrom(entry);
  }

  /** The same for a block that was promoted: its interpreter code, whose budget the caller has looked at. */
  runPromoted(entry: number): RunResult {
    this.budget -= this.words[entry + 1];
    this.currentBlock = this.words[entry + 2];
    return this.runFrom(entry + ENTER_WORDS);
  }

  private runFrom(start: number): RunResult {
    const m = this.words;
    const u8 = this.bytes;
    const u16 = this.halves;
    const f64 = this.doubles;
    const env = this.env;
    const pending = env.fault;
    const { slowLoad, slowStore, helpers } = env;
    const tlb = this.tlb;
    let budget = this.budget;
    const { jumps } = this;
    let ip = start;
    for (;;) {
      switch (m[ip] & OPERATION) {
        case Bc.Enter: {
          if (m[EVENT] !== 0 || budget < m[ip + 1]) {
            m[PC] = m[ip + 3];
            this.budget = budget;
            return RunResult.Interrupted;
          }
          this.currentBlock = m[ip + 2];
          if (--m[ip + 4] === 0) {
            m[PC] = m[ip + 3];
            this.budget = budget;
            return RunResult.Hot;
          }
          budget -= m[ip + 1];
          ip += 5;
          break;
        }
        case Bc.Promoted:
        case Bc.Stale:
          m[PC] = m[ip + 3];
          this.budget = budget;
          return RunResult.Lookup;
        case Bc.Mov:
          m[m[ip + 1]] = m[m[ip + 2]];
          ip += 3;
          break;
        case Bc.Add:
          m[m[ip + 1]] = (m[m[ip + 2]] + m[m[ip + 3]]) | 0;
          ip += 4;
          break;
        case Bc.Sub:
          m[m[ip + 1]] = (m[m[ip + 2]] - m[m[ip + 3]]) | 0;
          ip += 4;
          break;
        case Bc.And:
          m[m[ip + 1]] = m[m[ip + 2]] & m[m[ip + 3]];
          ip += 4;
          break;
        case Bc.Or:
          m[m[ip + 1]] = m[m[ip + 2]] | m[m[ip + 3]];
          ip += 4;
          break;
        case Bc.Xor:
          m[m[ip + 1]] = m[m[ip + 2]] ^ m[m[ip + 3]];
          ip += 4;
          break;
        case Bc.AndNot:
          m[m[ip + 1]] = m[m[ip + 2]] & ~m[m[ip + 3]];
          ip += 4;
          break;
        case Bc.Not:
          m[m[ip + 1]] = ~m[m[ip + 2]];
          ip += 3;
          break;
        case Bc.Mul:
          m[m[ip + 1]] = Math.imul(m[m[ip + 2]], m[m[ip + 3]]);
          ip += 4;
          break;
        case Bc.Adc:
          m[m[ip + 1]] = (m[m[ip + 2]] + m[m[ip + 3]] + m[m[ip + 4]]) | 0;
          ip += 5;
          break;
        case Bc.Shl: {
          const n = m[m[ip + 3]] & 0xff;
          m[m[ip + 1]] = n < 32 ? m[m[ip + 2]] << n : 0;
          ip += 4;
          break;
        }
        case Bc.Shr: {
          const n = m[m[ip + 3]] & 0xff;
          m[m[ip + 1]] = n < 32 ? m[m[ip + 2]] >>> n : 0;
          ip += 4;
          break;
        }
        case Bc.Sar: {
          const n = m[m[ip + 3]] & 0xff;
          m[m[ip + 1]] = m[m[ip + 2]] >> (n < 32 ? n : 31);
          ip += 4;
          break;
        }
        case Bc.Ror: {
          const n = m[m[ip + 3]] & 31;
          const a = m[m[ip + 2]];
          m[m[ip + 1]] = (a >>> n) | (a << (32 - n));
          ip += 4;
          break;
        }
        case Bc.ShlImm:
          m[m[ip + 1]] = m[m[ip + 2]] << m[ip + 3];
          ip += 4;
          break;
        case Bc.ShrImm:
          m[m[ip + 1]] = m[m[ip + 2]] >>> m[ip + 3];
          ip += 4;
          break;
        case Bc.SarImm:
          m[m[ip + 1]] = m[m[ip + 2]] >> m[ip + 3];
          ip += 4;
          break;
        case Bc.RorImm: {
          const a = m[m[ip + 2]];
          const n = m[ip + 3];
          m[m[ip + 1]] = (a >>> n) | (a << (32 - n));
          ip += 4;
          break;
        }
        case Bc.Sext8:
          m[m[ip + 1]] = (m[m[ip + 2]] << 24) >> 24;
          ip += 3;
          break;
        case Bc.Sext16:
          m[m[ip + 1]] = (m[m[ip + 2]] << 16) >> 16;
          ip += 3;
          break;
        case Bc.Zext8:
          m[m[ip + 1]] = m[m[ip + 2]] & 0xff;
          ip += 3;
          break;
        case Bc.Zext16:
          m[m[ip + 1]] = m[m[ip + 2]] & 0xffff;
          ip += 3;
          break;
        case Bc.Eq:
          m[m[ip + 1]] = m[m[ip + 2]] === m[m[ip + 3]] ? 1 : 0;
          ip += 4;
          break;
        case Bc.Ne:
          m[m[ip + 1]] = m[m[ip + 2]] !== m[m[ip + 3]] ? 1 : 0;
          ip += 4;
          break;
        case Bc.LtS:
          m[m[ip + 1]] = m[m[ip + 2]] < m[m[ip + 3]] ? 1 : 0;
          ip += 4;
          break;
        case Bc.LtU:
          m[m[ip + 1]] = m[m[ip + 2]] >>> 0 < m[m[ip + 3]] >>> 0 ? 1 : 0;
          ip += 4;
          break;
        case Bc.Select:
          m[m[ip + 1]] = m[m[ip + 2]] !== 0 ? m[m[ip + 3]] : m[m[ip + 4]];
          ip += 5;
          break;
        case Bc.NzcvAdd:
          m[m[ip + 1]] = nzcvOfAdd(m[m[ip + 2]], m[m[ip + 3]], m[m[ip + 4]]);
          ip += 5;
          break;
        case Bc.NzcvSub: {
          const a = m[m[ip + 2]];
          const b = m[m[ip + 3]];
          const r = (a - b) | 0;
          m[m[ip + 1]] =
            (r & -0x80000000) |
            (r === 0 ? 0x40000000 : 0) |
            (a >>> 0 >= b >>> 0 ? 0x20000000 : 0) |
            ((((a ^ b) & (a ^ r)) >>> 3) & 0x10000000);
          ip += 4;
          break;
        }
        case Bc.NzcvLogic: {
          const r = m[m[ip + 2]];
          m[m[ip + 1]] =
            (r & -0x80000000) |
            (r === 0 ? 0x40000000 : 0) |
            (m[m[ip + 3]] << 29) |
            (m[m[ip + 4]] & 0x10000000);
          ip += 5;
          break;
        }
        case Bc.NzcvNz: {
          const r = m[m[ip + 2]];
          m[m[ip + 1]] = (r & -0x80000000) | (r === 0 ? 0x40000000 : 0) | (m[m[ip + 3]] & 0x30000000);
          ip += 4;
          break;
        }
        case Bc.NzcvNz64: {
          const a = m[ip + 2];
          const zero = (m[a] | m[a + 1]) === 0 ? 0x40000000 : 0;
          m[m[ip + 1]] = (m[a + 1] & -0x80000000) | zero | (m[m[ip + 3]] & 0x30000000);
          ip += 4;
          break;
        }
        case Bc.Cond:
          m[m[ip + 1]] = (CONDITION_TABLE[m[ip + 2]] >>> (m[m[ip + 3]] >>> 28)) & 1;
          ip += 4;
          break;
        case Bc.CarryOf:
          m[m[ip + 1]] = (m[m[ip + 2]] >>> 29) & 1;
          ip += 3;
          break;
        case Bc.MulS64: {
          const a = m[m[ip + 2]];
          const b = m[m[ip + 3]];
          m[m[ip + 1]] = Math.imul(a, b);
          m[m[ip + 1] + 1] = mulHighS(a, b);
          ip += 4;
          break;
        }
        case Bc.MulU64: {
          const a = m[m[ip + 2]];
          const b = m[m[ip + 3]];
          m[m[ip + 1]] = Math.imul(a, b);
          m[m[ip + 1] + 1] = mulHighU(a, b);
          ip += 4;
          break;
        }
        case Bc.Add64: {
          const a = m[ip + 2];
          const b = m[ip + 3];
          const low = (m[a] >>> 0) + (m[b] >>> 0);
          const high = (m[a + 1] + m[b + 1] + (low > 0xffffffff ? 1 : 0)) | 0;
          m[m[ip + 1]] = low;
          m[m[ip + 1] + 1] = high;
          ip += 4;
          break;
        }
        case Bc.Sub64: {
          const a = m[ip + 2];
          const b = m[ip + 3];
          const low = (m[a] >>> 0) - (m[b] >>> 0);
          const high = (m[a + 1] - m[b + 1] - (low < 0 ? 1 : 0)) | 0;
          m[m[ip + 1]] = low;
          m[m[ip + 1] + 1] = high;
          ip += 4;
          break;
        }
        case Bc.Pack64: {
          const low = m[m[ip + 2]];
          m[m[ip + 1] + 1] = m[m[ip + 3]];
          m[m[ip + 1]] = low;
          ip += 4;
          break;
        }
        case Bc.Pure:
          m[m[ip + 2]] = PURE_FUNCTIONS[m[ip + 1]](m[m[ip + 3]], m[m[ip + 4]], m[m[ip + 5]], m[ip + 6]);
          ip += 7;
          break;
        case Bc.Copy: {
          const n = m[ip + 1];
          for (let i = 0; i < n; i++) m[m[ip + 2] + i] = m[m[ip + 3] + i];
          ip += 4;
          break;
        }
        case Bc.Vector:
          env.vector(m[ip + 1], m[ip + 2], m[ip + 3], m[ip + 4], m[ip + 5]);
          ip += 6;
          break;
        case Bc.SkipIfZero:
          ip = m[m[ip + 1]] === 0 ? m[ip + 2] : ip + 3;
          break;
        case Bc.SkipUnless:
          ip = ((CONDITION_TABLE[m[ip + 1]] >>> (m[m[ip + 2]] >>> 28)) & 1) === 0 ? m[ip + 3] : ip + 4;
          break;
        case Bc.Load8: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          if (m[e] === (va & -4096) && m[ip + 4] < 4) {
            m[m[ip + 1]] = u8[(va + m[e + 2]) >>> 0];
          } else {
            const v = slowLoad(va, 1, m[ip + 4]);
            if (pending.faulted) return this.fault(ip, budget);
            m[m[ip + 1]] = v;
          }
          ip += 5;
          break;
        }
        case Bc.Load16: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          if (m[e] === (va & -4095) && m[ip + 4] < 4) {
            m[m[ip + 1]] = u16[(va + m[e + 2]) >>> 1];
          } else {
            const v = slowLoad(va, 2, m[ip + 4]);
            if (pending.faulted) return this.fault(ip, budget);
            m[m[ip + 1]] = v;
          }
          ip += 5;
          break;
        }
        case Bc.Load32: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          if (m[e] === (va & -4093) && m[ip + 4] < 4) {
            m[m[ip + 1]] = m[(va + m[e + 2]) >>> 2];
          } else {
            const v = slowLoad(va, 4, m[ip + 4]);
            if (pending.faulted) return this.fault(ip, budget);
            m[m[ip + 1]] = v;
          }
          ip += 5;
          break;
        }
        case Bc.LoadWords: {
          const count = m[ip + 1];
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          // If the last word is in another page than the first, that one is not in this entry.
          if (m[e] === ((va + 4 * count - 4) & -4093)) {
            const from = (va + m[e + 2]) >>> 2;
            for (let i = 0; i < count; i++) m[m[ip + 4 + i]] = m[from + i];
          } else {
            for (let i = 0; i < count; i++) {
              const v = slowLoad((va + 4 * i) | 0, 4, MemFlag.AlignedWord);
              if (pending.faulted) return this.fault(ip, budget);
              m[WORDS + i] = v;
            }
            for (let i = 0; i < count; i++) m[m[ip + 4 + i]] = m[WORDS + i];
          }
          ip += 4 + count;
          break;
        }
        case Bc.PageNoted: {
          const va = m[m[ip + 2]];
          m[m[ip + 1]] =
            ((m[NOTED_PAGES + (va >>> 17)] >>> ((va >>> 12) & 31)) & 1) |
            u8[MemoryLayout.notedMibs + (va >>> 20)];
          ip += 3;
          break;
        }
        case Bc.StoreWords: {
          const count = m[ip + 1];
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          if (m[e + 1] === ((va + 4 * count - 4) & -4093)) {
            const to = (va + m[e + 2]) >>> 2;
            for (let i = 0; i < count; i++) m[to + i] = m[m[ip + 4 + i]];
          } else {
            for (let i = 0; i < count; i++) {
              slowStore((va + 4 * i) | 0, 4, m[m[ip + 4 + i]], 0, MemFlag.AlignedWord);
              if (pending.faulted) return this.fault(ip, budget);
            }
          }
          ip += 4 + count;
          break;
        }
        case Bc.Load64: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          if (m[e] === (va & -4089) && (m[ip + 4] & 4) === 0) {
            f64[m[ip + 1] >>> 1] = f64[(va + m[e + 2]) >>> 3];
          } else {
            const v = slowLoad(va, 8, m[ip + 4]);
            if (pending.faulted) return this.fault(ip, budget);
            m[m[ip + 1]] = v;
            m[m[ip + 1] + 1] = m[CALL_HIGH];
          }
          ip += 5;
          break;
        }
        case Bc.Load128: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const low = slowLoad(va, 8, m[ip + 4]);
          if (pending.faulted) return this.fault(ip, budget);
          const lowHigh = m[CALL_HIGH];
          const high = slowLoad((va + 8) | 0, 8, m[ip + 4]);
          if (pending.faulted) return this.fault(ip, budget);
          const dst = m[ip + 1];
          m[dst] = low;
          m[dst + 1] = lowHigh;
          m[dst + 2] = high;
          m[dst + 3] = m[CALL_HIGH];
          ip += 5;
          break;
        }
        case Bc.Store8: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          if (m[e + 1] === (va & -4096) && m[ip + 4] < 4) {
            u8[(va + m[e + 2]) >>> 0] = m[m[ip + 1]];
          } else {
            slowStore(va, 1, m[m[ip + 1]], 0, m[ip + 4]);
            if (pending.faulted) return this.fault(ip, budget);
          }
          ip += 5;
          break;
        }
        case Bc.Store16: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          if (m[e + 1] === (va & -4095) && m[ip + 4] < 4) {
            u16[(va + m[e + 2]) >>> 1] = m[m[ip + 1]];
          } else {
            slowStore(va, 2, m[m[ip + 1]], 0, m[ip + 4]);
            if (pending.faulted) return this.fault(ip, budget);
          }
          ip += 5;
          break;
        }
        case Bc.Store32: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          if (m[e + 1] === (va & -4093) && m[ip + 4] < 4) {
            m[(va + m[e + 2]) >>> 2] = m[m[ip + 1]];
          } else {
            slowStore(va, 4, m[m[ip + 1]], 0, m[ip + 4]);
            if (pending.faulted) return this.fault(ip, budget);
          }
          ip += 5;
          break;
        }
        case Bc.Store64: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const e = tlb + (((va >>> 12) & TLB_MASK) << 2);
          if (m[e + 1] === (va & -4089) && (m[ip + 4] & 4) === 0) {
            f64[(va + m[e + 2]) >>> 3] = f64[m[ip + 1] >>> 1];
          } else {
            slowStore(va, 8, m[m[ip + 1]], m[m[ip + 1] + 1], m[ip + 4]);
            if (pending.faulted) return this.fault(ip, budget);
          }
          ip += 5;
          break;
        }
        case Bc.Store128: {
          const va = (m[m[ip + 2]] + m[ip + 3]) | 0;
          const src = m[ip + 1];
          slowStore(va, 8, m[src], m[src + 1], m[ip + 4]);
          if (pending.faulted) return this.fault(ip, budget);
          slowStore((va + 8) | 0, 8, m[src + 2], m[src + 3], m[ip + 4]);
          if (pending.faulted) return this.fault(ip, budget);
          ip += 5;
          break;
        }
        case Bc.LoadExclusive: {
          const v = env.loadExclusive(m[m[ip + 3]], m[ip + 1]);
          if (pending.faulted) return this.fault(ip, budget);
          m[m[ip + 2]] = v;
          if (m[ip + 1] === 8) m[m[ip + 2] + 1] = m[CALL_HIGH];
          ip += 4;
          break;
        }
        case Bc.StoreExclusive: {
          const value = m[ip + 4];
          const v = env.storeExclusive(m[m[ip + 3]], m[ip + 1], m[value], m[ip + 1] === 8 ? m[value + 1] : 0);
          if (pending.faulted) return this.fault(ip, budget);
          m[m[ip + 2]] = v;
          ip += 5;
          break;
        }
        case Bc.ClearExclusive:
          m[EXCLUSIVE_ARMED] = 0;
          ip += 1;
          break;
        case Bc.Barrier:
          env.barrier(m[ip + 1]);
          ip += 2;
          break;
        case Bc.Call:
          m[m[ip + 2]] = helpers[m[ip + 1]](m[m[ip + 3]], m[m[ip + 4]], m[m[ip + 5]]);
          ip += 6;
          break;
        case Bc.CallMayFault: {
          // Counters of instructions are read by such helpers.
          this.budget = budget;
          const v = helpers[m[ip + 1]](m[m[ip + 3]], m[m[ip + 4]], m[m[ip + 5]]);
          if (pending.faulted) return this.fault(ip, budget);
          m[m[ip + 2]] = v;
          ip += 6;
          break;
        }
        case Bc.ExitJump: {
          budget += m[ip + 3];
          const link = m[ip + 2];
          if (link !== 0) {
            ip = link;
            if (m[link] !== Bc.Enter || m[EVENT] !== 0 || budget < m[link + 1] || m[link + 4] === 1) break;
            // What Enter would do, without going through the switch.
            m[link + 4]--;
            budget -= m[link + 1];
            this.currentBlock = m[link + 2];
            ip = link + 5;
            break;
          }
          const next = jumps.recall(m[ip + 1], m[ip + 4]);
          if (next === 0) {
            m[PC] = m[ip + 1];
            this.budget = budget;
            return RunResult.Lookup;
          }
          if (m[ip + 5] !== 0) m[ip + 2] = next;
          ip = next;
          break;
        }
        case Bc.Branch: {
          const holds = ((CONDITION_TABLE[m[ip + 1]] >>> (m[m[ip + 2]] >>> 28)) & 1) !== 0;
          const way = holds ? ip + 4 : ip + 7;
          const link = m[way + 1];
          if (link !== 0) {
            ip = link;
            if (m[link] !== Bc.Enter || m[EVENT] !== 0 || budget < m[link + 1] || m[link + 4] === 1) break;
            m[link + 4]--;
            budget -= m[link + 1];
            this.currentBlock = m[link + 2];
            ip = link + 5;
            break;
          }
          const next = jumps.recall(m[way], m[ip + 3]);
          if (next === 0) {
            m[PC] = m[way];
            this.budget = budget;
            return RunResult.Lookup;
          }
          if (m[way + 2] !== 0) m[way + 1] = next;
          ip = next;
          break;
        }
        case Bc.ExitJumpTo: {
          budget += m[ip + 2];
          const pc = m[m[ip + 1]];
          const next = jumps.recall(pc, m[ip + 3]);
          if (next === 0) {
            m[PC] = pc;
            this.budget = budget;
            return RunResult.Lookup;
          }
          ip = next;
          break;
        }
        case Bc.ExitInterwork: {
          budget += m[ip + 2];
          const target = m[m[ip + 1]];
          const thumb = target & 1;
          const pc = thumb === 1 ? target & -2 : target & -4;
          m[T] = thumb;
          const next = jumps.recall(pc, m[ip + 3] | thumb);
          if (next === 0) {
            m[PC] = pc;
            this.budget = budget;
            return RunResult.Lookup;
          }
          ip = next;
          break;
        }
        case Bc.ExitResync:
          m[PC] = m[ip + 1];
          this.budget = budget + m[ip + 2];
          return RunResult.Resync;
        case Bc.ExitDynamic:
          this.budget = budget + m[ip + 1];
          return RunResult.Resync;
        case Bc.ExitRaise:
          this.raiseKind = m[ip + 1];
          this.raiseArgument = m[ip + 2];
          this.faultAddress = ip;
          this.budget = budget + m[ip + 3];
          return RunResult.Raise;
        case Bc.ExitWait:
          this.raiseKind = m[ip + 1];
          m[PC] = m[ip + 2];
          this.budget = budget + m[ip + 3];
          return RunResult.Wait;
        default:
          throw new Error(
            `interpreter code ${m[ip]} at word ${ip} is none: the translation cache is damaged`,
          );
      }
    }
  }

  private fault(ip: number, budget: number): RunResult {
    this.faultAddress = ip;
    this.budget = budget;
    return RunResult.Fault;
  }
}
