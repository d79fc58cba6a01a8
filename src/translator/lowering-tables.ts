import { Bc } from './interpreter.ts';
import { byOperation, type IrType, OPS } from './ir/ops.ts';

const WORDS_OF_TYPE: { readonly [T in IrType]: number } = {
  void: 0,
  i32: 1,
  f32: 1,
  i64: 2,
  f64: 2,
  v128: 4,
};

/** Words of the machine's memory that an operation's value takes, by OpInfo.number. */
export const RESULT_WORDS: readonly number[] = Object.values(OPS).map(({ result }) => WORDS_OF_TYPE[result]);

/** Operations that are one interpreter instruction of the shape (opcode, dst, operands...). */
export const SIMPLE = byOperation<Bc, undefined>(
  {
    add: Bc.Add,
    sub: Bc.Sub,
    and: Bc.And,
    or: Bc.Or,
    xor: Bc.Xor,
    andNot: Bc.AndNot,
    not: Bc.Not,
    mul: Bc.Mul,
    adc: Bc.Adc,
    shl: Bc.Shl,
    shr: Bc.Shr,
    sar: Bc.Sar,
    ror: Bc.Ror,
    sext8: Bc.Sext8,
    sext16: Bc.Sext16,
    zext8: Bc.Zext8,
    zext16: Bc.Zext16,
    eq: Bc.Eq,
    ne: Bc.Ne,
    ltS: Bc.LtS,
    ltU: Bc.LtU,
    select: Bc.Select,
    nzcvAdd: Bc.NzcvAdd,
    nzcvSub: Bc.NzcvSub,
    nzcvLogic: Bc.NzcvLogic,
    nzcvNz: Bc.NzcvNz,
    nzcvNz64: Bc.NzcvNz64,
    carryOf: Bc.CarryOf,
    mulS64: Bc.MulS64,
    mulU64: Bc.MulU64,
    add64: Bc.Add64,
    sub64: Bc.Sub64,
    pack64: Bc.Pack64,
  },
  undefined,
);

/** Shifts whose amount is a literal from 1 to 31. */
export const SHIFT_BY_LITERAL = byOperation<Bc, undefined>(
  {
    shl: Bc.ShlImm,
    shr: Bc.ShrImm,
    sar: Bc.SarImm,
    ror: Bc.RorImm,
  },
  undefined,
);

/** Loads: (opcode, dst, base, offset, flags). */
export const LOADS = byOperation<Bc, undefined>(
  {
    load8: Bc.Load8,
    load16: Bc.Load16,
    load32: Bc.Load32,
    load64: Bc.Load64,
    load128: Bc.Load128,
  },
  undefined,
);

/** Stores: (opcode, value, base, offset, flags). */
export const STORES = byOperation<Bc, undefined>(
  {
    store8: Bc.Store8,
    store16: Bc.Store16,
    store32: Bc.Store32,
    store64: Bc.Store64,
    store128: Bc.Store128,
  },
  undefined,
);

/** Bytes of the exclusive accesses. */
export const EXCLUSIVE_SIZE = byOperation<number, undefined>(
  {
    ldex8: 1,
    ldex16: 2,
    ldex32: 4,
    ldex64: 8,
    stex8: 1,
    stex16: 2,
    stex32: 4,
    stex64: 8,
  },
  undefined,
);
