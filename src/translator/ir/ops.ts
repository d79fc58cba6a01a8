/**
 * The operations of the intermediate representation: one row each, with the types it takes and gives and what
 * else it touches. The builder, the verifier, the optimiser and every backend read this table; none keeps its own.
 */

export type IrType = 'void' | 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** What an operation does besides computing its result. */
export const enum Effect {
  None = 0,
  ReadsState = 1,
  WritesState = 2,
  ReadsMemory = 4,
  WritesMemory = 8,
  /** May raise a guest exception at its own instruction. */
  MayFault = 16,
  /** Ends the block here, always or sometimes. */
  MayExit = 32,
  /** Orders or observes something outside the CPU: never removed, merged or moved. */
  Ordered = 64,
}

interface OpRow {
  readonly args: readonly IrType[];
  readonly result: IrType;
  readonly effects: number;
}

function pure(result: IrType, ...args: IrType[]): OpRow {
  return { args, result, effects: Effect.None };
}

function load(result: IrType): OpRow {
  return { args: ['i32'], result, effects: Effect.ReadsMemory | Effect.MayFault };
}

function store(value: IrType): OpRow {
  return { args: ['i32', value], result: 'void', effects: Effect.WritesMemory | Effect.MayFault };
}

function exit(...args: IrType[]): OpRow {
  return { args, result: 'void', effects: Effect.MayExit | Effect.WritesState | Effect.Ordered };
}

const EXCLUSIVE =
  Effect.ReadsMemory | Effect.MayFault | Effect.ReadsState | Effect.WritesState | Effect.Ordered;

const ROWS = {
  // Constants and guest state. `imm` is the value, or the state slot (a word offset, see StateSlot in arm/).
  const: pure('i32'),
  const64: pure('i64'),
  get: { args: [], result: 'i32', effects: Effect.ReadsState },
  set: { args: ['i32'], result: 'void', effects: Effect.WritesState },
  get64: { args: [], result: 'i64', effects: Effect.ReadsState },
  set64: { args: ['i64'], result: 'void', effects: Effect.WritesState },
  getF32: { args: [], result: 'f32', effects: Effect.ReadsState },
  setF32: { args: ['f32'], result: 'void', effects: Effect.WritesState },
  getF64: { args: [], result: 'f64', effects: Effect.ReadsState },
  setF64: { args: ['f64'], result: 'void', effects: Effect.WritesState },
  getV128: { args: [], result: 'v128', effects: Effect.ReadsState },
  setV128: { args: ['v128'], result: 'void', effects: Effect.WritesState },

  // 32-bit integers.
  add: pure('i32', 'i32', 'i32'),
  sub: pure('i32', 'i32', 'i32'),
  /** a + b + carry, carry 0 or 1. */
  adc: pure('i32', 'i32', 'i32', 'i32'),
  and: pure('i32', 'i32', 'i32'),
  or: pure('i32', 'i32', 'i32'),
  xor: pure('i32', 'i32', 'i32'),
  /** a AND NOT b. */
  andNot: pure('i32', 'i32', 'i32'),
  not: pure('i32', 'i32'),
  mul: pure('i32', 'i32', 'i32'),
  /** Arm's rounding: towards zero, x/0 = 0, INT_MIN / -1 = INT_MIN. */
  divS: pure('i32', 'i32', 'i32'),
  divU: pure('i32', 'i32', 'i32'),
  // Shift amounts are the bottom byte of the second operand, 0 to 255, with the results of ARM DDI 0406C A2.2.1.
  shl: pure('i32', 'i32', 'i32'),
  shr: pure('i32', 'i32', 'i32'),
  sar: pure('i32', 'i32', 'i32'),
  ror: pure('i32', 'i32', 'i32'),
  /** (carry << 31) | (a >>> 1). */
  rrx: pure('i32', 'i32', 'i32'),
  // Carry out of the shift of `a` by the bottom byte of `b`; the third operand is the answer for an amount of 0.
  shlCarry: pure('i32', 'i32', 'i32', 'i32'),
  shrCarry: pure('i32', 'i32', 'i32', 'i32'),
  sarCarry: pure('i32', 'i32', 'i32', 'i32'),
  rorCarry: pure('i32', 'i32', 'i32', 'i32'),
  clz: pure('i32', 'i32'),
  /** Reverse the bytes of a word. */
  rev: pure('i32', 'i32'),
  /** Reverse the bytes of each halfword. */
  rev16: pure('i32', 'i32'),
  /** Reverse the bits of a word. */
  rbit: pure('i32', 'i32'),
  sext8: pure('i32', 'i32'),
  sext16: pure('i32', 'i32'),
  zext8: pure('i32', 'i32'),
  zext16: pure('i32', 'i32'),
  // Comparisons give 0 or 1.
  eq: pure('i32', 'i32', 'i32'),
  ne: pure('i32', 'i32', 'i32'),
  ltS: pure('i32', 'i32', 'i32'),
  ltU: pure('i32', 'i32', 'i32'),
  /** c != 0 ? a : b, operands (c, a, b). */
  select: pure('i32', 'i32', 'i32', 'i32'),
  /** Saturate to a signed field of `imm` bits (1 to 32). */
  satS: pure('i32', 'i32'),
  /** 1 when satS of the same width changes the value. */
  satSOverflow: pure('i32', 'i32'),
  /** Saturate a signed value to an unsigned field of `imm` bits (0 to 31). */
  satU: pure('i32', 'i32'),
  satUOverflow: pure('i32', 'i32'),
  /** Signed saturating sum and difference, and whether they saturate (QADD, QSUB, QDADD, QDSUB). */
  addSat: pure('i32', 'i32', 'i32'),
  addSatOverflow: pure('i32', 'i32', 'i32'),
  subSat: pure('i32', 'i32', 'i32'),
  subSatOverflow: pure('i32', 'i32', 'i32'),
  /** 1 when the 32-bit signed sum overflows (the Q flag of SMLAxy and kin). */
  addOverflow: pure('i32', 'i32', 'i32'),
  /** Parallel additions and subtractions of the media instructions; `imm` is a PackedOp. */
  packed: pure('i32', 'i32', 'i32'),
  /** The four GE bits of the same operation (signed and unsigned forms only). */
  packedGe: pure('i32', 'i32', 'i32'),
  /** SEL: bytes of a where the GE bit is set, of b elsewhere; operands (ge, a, b). */
  selBytes: pure('i32', 'i32', 'i32', 'i32'),
  /** Sum of absolute differences of four unsigned bytes (USAD8). */
  sumAbsDiff8: pure('i32', 'i32', 'i32'),

  // NZCV in bits 31:28 of an i32, as in the CPSR; the other bits are zero.
  /** Flags of a + b + carry; operands (a, b, carry). A subtraction is a + NOT b + 1 (AddWithCarry, A2.2.1). */
  nzcvAdd: pure('i32', 'i32', 'i32', 'i32'),
  /** Flags of a - b: nzcvAdd(a, NOT b, 1) in one operation, the most frequent one. */
  nzcvSub: pure('i32', 'i32', 'i32'),
  /** N and Z of the value, C from the second operand (0 or 1), V kept from the third (an NZCV). */
  nzcvLogic: pure('i32', 'i32', 'i32', 'i32'),
  /** N and Z of the value, C and V kept from the second operand (an NZCV). */
  nzcvNz: pure('i32', 'i32', 'i32'),
  /** N and Z of a 64-bit value, C and V kept (UMULLS and kin). */
  nzcvNz64: pure('i32', 'i64', 'i32'),
  /** Whether condition `imm` (0 EQ to 13 LE, 14 AL) holds under an NZCV: 0 or 1. */
  cond: pure('i32', 'i32'),
  /** The C bit of an NZCV: 0 or 1. */
  carryOf: pure('i32', 'i32'),

  // 64-bit integers.
  pack64: pure('i64', 'i32', 'i32'), // (low, high)
  low64: pure('i32', 'i64'),
  high64: pure('i32', 'i64'),
  mulS64: pure('i64', 'i32', 'i32'),
  mulU64: pure('i64', 'i32', 'i32'),
  add64: pure('i64', 'i64', 'i64'),
  sub64: pure('i64', 'i64', 'i64'),

  // Floating point values as bits.
  f32FromBits: pure('f32', 'i32'),
  f32ToBits: pure('i32', 'f32'),
  f64FromBits: pure('f64', 'i64'),
  f64ToBits: pure('i64', 'f64'),

  /**
   * Runs the VectorFunction in `helper` on state slots: `imm` has those of its operands (packSlots), `imm2` is its
   * immediate. What it reads and writes is in its row.
   */
  vector: { args: [], result: 'void', effects: Effect.ReadsState | Effect.WritesState },

  // Guest memory, little endian (the lifter adds `rev` where CPSR.E is set). Operand 0 is the virtual address, `imm`
  // a set of MemFlag. Narrow loads are zero extended.
  load8: load('i32'),
  load16: load('i32'),
  load32: load('i32'),
  load64: load('i64'),
  load128: load('v128'),
  store8: store('i32'),
  store16: store('i32'),
  store32: store('i32'),
  store64: store('i64'),
  store128: store('v128'),
  // Exclusives mark or test the local monitor; `stex` gives 0 when it stored and 1 when not.
  ldex8: { args: ['i32'], result: 'i32', effects: EXCLUSIVE },
  ldex16: { args: ['i32'], result: 'i32', effects: EXCLUSIVE },
  ldex32: { args: ['i32'], result: 'i32', effects: EXCLUSIVE },
  ldex64: { args: ['i32'], result: 'i64', effects: EXCLUSIVE },
  stex8: { args: ['i32', 'i32'], result: 'i32', effects: EXCLUSIVE | Effect.WritesMemory },
  stex16: { args: ['i32', 'i32'], result: 'i32', effects: EXCLUSIVE | Effect.WritesMemory },
  stex32: { args: ['i32', 'i32'], result: 'i32', effects: EXCLUSIVE | Effect.WritesMemory },
  stex64: { args: ['i32', 'i64'], result: 'i32', effects: EXCLUSIVE | Effect.WritesMemory },
  clrex: { args: [], result: 'void', effects: Effect.WritesState | Effect.Ordered },
  /** DMB and DSB; `imm` 0 for DMB, 1 for DSB. */
  barrier: { args: [], result: 'void', effects: Effect.ReadsMemory | Effect.WritesMemory | Effect.Ordered },
  /** Not 0 where maintenance of the TLB has something to do for the page of an address: MemoryLayout.notedPages, and of what is around it, notedMibs. */
  pageNoted: { args: ['i32'], result: 'i32', effects: Effect.ReadsMemory | Effect.Ordered },

  /** Calls `helper` (see HelperInfo); its own effects count. Up to four i32 operands. */
  call: { args: [], result: 'i32', effects: Effect.Ordered },

  // Control. A marker opens each guest instruction: imm = PC, imm2 = ITSTATE.
  marker: { args: [], result: 'void', effects: Effect.None },
  /** Skips forward to the label numbered `imm` when the operand is zero; skips nest or follow, never cross. */
  skipIfZero: { args: ['i32'], result: 'void', effects: Effect.Ordered },
  label: { args: [], result: 'void', effects: Effect.Ordered },
  /** Goes on at PC `imm`, everything else about the context unchanged: may be chained to the next block. */
  exitJump: exit(),
  /** Goes on at the PC given, instruction set unchanged. */
  exitJumpTo: exit('i32'),
  /** Goes on at the address given, its bit 0 selects T32 (BXWritePC: bit 0 clear and bit 1 set is UNPREDICTABLE). */
  exitInterwork: exit('i32'),
  /** Goes on at PC `imm` after the state that blocks depend on may have changed (mode, E, MMU, IT). */
  exitResync: exit(),
  /** Goes on where state slot PC says; helpers such as exceptionReturn have set it. */
  exitDynamic: exit(),
  /** Raises guest exception `imm` (an ExceptionKind) for the marked instruction; imm2 is its argument. */
  exitRaise: exit(),
  /** Ends the slice with event `imm` (a WaitKind); goes on at PC imm2. */
  exitWait: exit(),
} as const satisfies Record<string, OpRow>;

export type OpName = keyof typeof ROWS;

const NAMES = Object.keys(ROWS) as OpName[];

/** A row of the table of operations. A class, so that all rows look alike to the host's compiler: all passes read them all the time. */
export class OpInfo implements OpRow {
  readonly name: OpName;
  readonly args: readonly IrType[];
  readonly result: IrType;
  readonly effects: number;
  /** Its place in the table: what tables of the passes are indexed by. */
  readonly number: number;
  /** One of the `exit` operations. */
  readonly isExit: boolean;

  constructor(name: OpName, number: number) {
    const { args, result, effects } = ROWS[name];
    this.name = name;
    this.args = args;
    this.result = result;
    this.effects = effects;
    this.number = number;
    this.isExit = name.startsWith('exit');
  }
}

/** The operations by name. */
export const OPS = Object.fromEntries(NAMES.map((name, number) => [name, new OpInfo(name, number)])) as {
  readonly [N in OpName]: OpInfo;
};

/** A table of what is known of some operations, by {@link OpInfo.number}; `otherwise` for the others. */
export function byOperation<T, O>(known: { readonly [N in OpName]?: T }, otherwise: O): readonly (T | O)[] {
  return NAMES.map((name) => known[name] ?? otherwise);
}

export const enum MemFlag {
  None = 0,
  /** Alignment fault unless aligned to the access size, whatever SCTLR.A says. */
  Aligned = 1,
  /** Alignment fault unless aligned to 4 (LDM, LDRD); an 8-byte access so aligned is made of two words. */
  AlignedWord = 2,
  /** Checked with user permissions (LDRT and kin). */
  Unprivileged = 4,
  /** Eight bytes that are elements of one, two or four bytes each, as far as SCTLR.A asks for alignment. */
  ElementBytes = 8,
  ElementHalves = 16,
  ElementWords = 24,
}

/** Why `exitWait` left. */
export const enum WaitKind {
  Wfi = 0,
  Wfe = 1,
  Yield = 2,
  /** A loop came back to its start without having changed anything: it waits for memory to change. */
  Spin = 3,
}

/** `imm` of packed and packedGe: (form << 4) | operation. */
export const enum PackedForm {
  Signed = 0,
  SignedSaturating = 1,
  SignedHalving = 2,
  Unsigned = 3,
  UnsignedSaturating = 4,
  UnsignedHalving = 5,
}

export const enum PackedOperation {
  Add16 = 0,
  AddSubX = 1,
  SubAddX = 2,
  Sub16 = 3,
  Add8 = 4,
  Sub8 = 7,
}

/**
 * A function outside the IR. `run` gets up to four i32 and gives an i32; it may leave a second word in state slot
 * CallHigh. It raises a guest exception by the CPU's own `raise`, which MayFault announces.
 */
export interface HelperInfo {
  readonly name: string;
  readonly argCount: number;
  readonly effects: number;
  /**
   * Which operand is an address: where a load of the byte there would be done without a slow call, this helper does nothing. It
   * writes no state.
   */
  readonly idleWhereReadable?: number;
}
