import { CONDITION_TABLE } from '../flags.ts';
import type { IrValue } from '../ir/value.ts';
import { callBase } from './base-functions.ts';
import type { FunctionBody } from './function-body.ts';
import { Load, Op, Store } from './opcodes.ts';
import { FlagKind, RegionWord, Slot, slotAddress } from './region-abi.ts';

/**
 * What is known of the flag locals where code is compiled: their kind, or that it is some kind (`Any`), or some kind
 * of Bits, Sub and Add (`Split`), which have `nz` in its local.
 */
export const KnownFlags = {
  Raw: FlagKind.Raw,
  Bits: FlagKind.Bits,
  Sub: FlagKind.Sub,
  Add: FlagKind.Add,
  Difference: FlagKind.Difference,
  Sum: FlagKind.Sum,
  Split: 6,
  Any: 7,
} as const;

const V_BIT = 0x10000000;
const CV_BITS = 0x30000000;

const enum Condition {
  Eq = 0,
  Ne = 1,
  Cs = 2,
  Cc = 3,
  Mi = 4,
  Pl = 5,
  Hi = 8,
  Ls = 9,
  Ge = 10,
  Lt = 11,
  Gt = 12,
  Le = 13,
}

/** Comparison of a and b that a condition is after a - b. */
const AFTER_SUB: { readonly [condition: number]: number | undefined } = {
  [Condition.Eq]: Op.I32Eq,
  [Condition.Ne]: Op.I32Ne,
  [Condition.Cs]: Op.I32GeU,
  [Condition.Cc]: Op.I32LtU,
  [Condition.Hi]: Op.I32GtU,
  [Condition.Ls]: Op.I32LeU,
  [Condition.Ge]: Op.I32GeS,
  [Condition.Lt]: Op.I32LtS,
  [Condition.Gt]: Op.I32GtS,
  [Condition.Le]: Op.I32LeS,
};

/** What is known once N and Z have been put apart. */
const SPLIT_FROM: { readonly [known: number]: number } = {
  [KnownFlags.Raw]: KnownFlags.Bits,
  [KnownFlags.Bits]: KnownFlags.Bits,
  [KnownFlags.Sub]: KnownFlags.Sub,
  [KnownFlags.Add]: KnownFlags.Add,
  [KnownFlags.Difference]: KnownFlags.Sub,
  [KnownFlags.Sum]: KnownFlags.Add,
  [KnownFlags.Split]: KnownFlags.Split,
  [KnownFlags.Any]: KnownFlags.Split,
};

/** Whether N and Z are surely in their local. */
function hasNz(known: number): boolean {
  return (
    known === KnownFlags.Bits ||
    known === KnownFlags.Sub ||
    known === KnownFlags.Add ||
    known === KnownFlags.Split
  );
}

/** What is known where two paths meet. */
export function mergeFlags(a: number, b: number): number {
  if (a === b) return a;
  return hasNz(a) && hasNz(b) ? KnownFlags.Split : KnownFlags.Any;
}

/** What is known after `set NZCV value`. @param virtual whether the value is kept as operands. */
export function flagsAfter(value: IrValue, before: number, virtual: boolean): number {
  if (!virtual) return KnownFlags.Raw;
  switch (value.op) {
    case 'nzcvSub':
      return KnownFlags.Difference;
    case 'nzcvAdd':
      return isZero(value.args[2]) ? KnownFlags.Sum : KnownFlags.Bits;
    case 'nzcvLogic':
      return KnownFlags.Bits;
    case 'nzcvNz':
    case 'nzcvNz64':
      return SPLIT_FROM[before];
    default:
      return before;
  }
}

function isZero(value: IrValue): boolean {
  return value.op === 'const' && value.imm === 0;
}

/** How flags code gets at the operands of flag values. */
export interface Operands {
  push(value: IrValue): void;
  /** A local that holds the value; it may be changed by nobody until the instruction is done. */
  local(value: IrValue): number;
  /** Pushes one word of a 64-bit value. */
  pushHalf(value: IrValue, high: boolean): void;
}

/** The flag locals of a region, and the code that reads and writes them. */
export class FlagsCode {
  /** What is known of the locals at the present place. */
  known: number = KnownFlags.Any;
  private readonly code: FunctionBody;
  private readonly imports: { readonly nzcv: number };
  private readonly kind: number;
  private readonly nz: number;
  private readonly a: number;
  private readonly b: number;
  private readonly bits: number;
  private readonly wide: number;

  /** @param imports index of the base module's function. */
  constructor(code: FunctionBody, imports: { readonly nzcv: number }) {
    this.code = code;
    this.imports = imports;
    this.kind = code.local('i32');
    this.nz = code.local('i32');
    this.a = code.local('i32');
    this.b = code.local('i32');
    this.bits = code.local('i32');
    this.wide = code.local('i32');
  }

  /** From the words between regions. */
  load(): void {
    const { code } = this;
    code.i32(0).load(Load.I32, RegionWord.FlagKind).set(this.kind);
    code.i32(0).load(Load.I32, RegionWord.FlagNz).set(this.nz);
    code.i32(0).load(Load.I32, RegionWord.FlagA).set(this.a);
    code.i32(0).load(Load.I32, RegionWord.FlagB).set(this.b);
  }

  /** To the words between regions. @param known whether `known` holds here; false at exits that many places share. */
  store(known: boolean): void {
    const { code } = this;
    const kind = known ? this.known : KnownFlags.Any;
    code.i32(0);
    if (kind < KnownFlags.Split) code.i32(kind);
    else code.get(this.kind);
    code.store(Store.I32, RegionWord.FlagKind);
    code.i32(0).get(this.a).store(Store.I32, RegionWord.FlagA);
    if (hasNz(kind) || kind === KnownFlags.Any) code.i32(0).get(this.nz).store(Store.I32, RegionWord.FlagNz);
    if (kind !== KnownFlags.Raw && kind !== KnownFlags.Bits) {
      code.i32(0).get(this.b).store(Store.I32, RegionWord.FlagB);
    }
  }

  /** Into the state slot, as helpers see them. */
  storeSlot(): void {
    this.code.i32(0);
    this.pushBits();
    this.code.store(Store.I32, slotAddress(Slot.Nzcv));
  }

  /** From the state slot, which a helper has written. */
  loadSlot(): void {
    this.code.i32(0).load(Load.I32, slotAddress(Slot.Nzcv)).set(this.a);
    this.setKind(FlagKind.Raw);
    this.known = KnownFlags.Raw;
  }

  /** Pushes the current NZCV as a word. */
  pushBits(): void {
    const { code } = this;
    if (this.known === KnownFlags.Raw) {
      code.get(this.a);
      return;
    }
    callBase(code.get(this.kind).get(this.nz).get(this.a).get(this.b), this.imports.nzcv);
  }

  /** Pushes the NZCV that an operation gives, whatever the current flags are. */
  pushWordOf(value: IrValue, operands: Operands): void {
    const { code } = this;
    const [a, b, c] = value.args;
    if (value.op === 'nzcvSub' || (value.op === 'nzcvAdd' && isZero(c))) {
      const x = operands.local(a);
      const y = operands.local(b);
      const isSub = value.op === 'nzcvSub';
      code
        .i32(isSub ? FlagKind.Sub : FlagKind.Add)
        .get(x)
        .get(y)
        .op(isSub ? Op.I32Sub : Op.I32Add)
        .get(x)
        .get(y);
    } else if (value.op === 'nzcvAdd') {
      this.pushCarryAndOverflow(value, operands);
      code.set(this.wide).i32(FlagKind.Bits).get(this.bits).get(this.wide).i32(0);
    } else {
      code.i32(FlagKind.Bits);
      if (value.op === 'nzcvNz64') {
        operands.pushHalf(a, true);
        operands.pushHalf(a, false);
        code.i32(0).op(Op.I32Ne, Op.I32Or);
      } else {
        operands.push(a);
      }
      operands.push(value.op === 'nzcvLogic' ? c : b);
      code.i32(value.op === 'nzcvLogic' ? V_BIT : CV_BITS).op(Op.I32And);
      if (value.op === 'nzcvLogic') {
        operands.push(b);
        code.i32(29).op(Op.I32Shl, Op.I32Or);
      }
      code.i32(0);
    }
    callBase(code, this.imports.nzcv);
  }

  /** Pushes 1 where the condition holds under the current flags, or anything but 0 if `anyTruth` will do; else 0. */
  pushCondition(condition: number, anyTruth = false): void {
    const { code, known } = this;
    if (known === KnownFlags.Difference) {
      const comparison = AFTER_SUB[condition];
      if (comparison !== undefined) {
        code.get(this.a).get(this.b).op(comparison);
        return;
      }
    }
    if (condition <= Condition.Ne && this.canPushNz) {
      this.pushNz();
      if (condition === Condition.Eq) code.op(Op.I32Eqz);
      else if (!anyTruth) code.i32(0).op(Op.I32Ne);
    } else if ((condition === Condition.Mi || condition === Condition.Pl) && this.canPushNz) {
      this.pushNz();
      code.i32(0).op(condition === Condition.Mi ? Op.I32LtS : Op.I32GeS);
    } else if ((condition === Condition.Cs || condition === Condition.Cc) && known < KnownFlags.Split) {
      this.pushCarry();
      if (condition === Condition.Cc) code.op(Op.I32Eqz);
    } else {
      this.pushBits();
      this.testBits(condition);
    }
  }

  private get canPushNz(): boolean {
    return hasNz(this.known) || this.known === KnownFlags.Difference || this.known === KnownFlags.Sum;
  }

  /** Pushes a word of which N is the sign, and Z says whether it is zero. */
  private pushNz(): void {
    const { code, known } = this;
    if (hasNz(known)) code.get(this.nz);
    else
      code
        .get(this.a)
        .get(this.b)
        .op(known === KnownFlags.Difference ? Op.I32Sub : Op.I32Add);
  }

  /** The same for a difference that is not the current flags. */
  pushConditionOf(value: IrValue, condition: number, operands: Operands): void {
    const { code } = this;
    const comparison = AFTER_SUB[condition];
    if (comparison !== undefined) {
      operands.push(value.args[0]);
      operands.push(value.args[1]);
      code.op(comparison);
    } else if (condition === Condition.Mi || condition === Condition.Pl) {
      operands.push(value.args[0]);
      operands.push(value.args[1]);
      code
        .op(Op.I32Sub)
        .i32(0)
        .op(condition === Condition.Mi ? Op.I32LtS : Op.I32GeS);
    } else {
      this.pushWordOf(value, operands);
      this.testBits(condition);
    }
  }

  /** Replaces an NZCV on the stack by 1 where the condition holds, else 0. */
  testBits(condition: number): void {
    const { code, bits } = this;
    code.set(bits).i32(CONDITION_TABLE[condition]).get(bits);
    code.i32(28).op(Op.I32ShrU, Op.I32ShrU).i32(1).op(Op.I32And);
  }

  /** Pushes the current C flag. */
  pushCarry(): void {
    const { code } = this;
    switch (this.known) {
      case KnownFlags.Sub:
      case KnownFlags.Difference:
        code.get(this.a).get(this.b).op(Op.I32GeU);
        break;
      case KnownFlags.Add:
      case KnownFlags.Sum:
        code.get(this.a).get(this.b).op(Op.I32Add).get(this.a).op(Op.I32LtU);
        break;
      case KnownFlags.Raw:
      case KnownFlags.Bits:
        code.get(this.a).i32(29).op(Op.I32ShrU).i32(1).op(Op.I32And);
        break;
      default:
        this.pushBits();
        code.i32(29).op(Op.I32ShrU).i32(1).op(Op.I32And);
    }
  }

  /** `set NZCV` of a value that is kept as operands. */
  write(value: IrValue, operands: Operands): void {
    const before = this.known;
    switch (value.op) {
      case 'get':
        return;
      case 'nzcvSub':
        this.writePair(FlagKind.Difference, value, operands);
        break;
      case 'nzcvAdd':
        if (isZero(value.args[2])) this.writePair(FlagKind.Sum, value, operands);
        else this.writeSumWithCarry(value, operands);
        break;
      case 'nzcvLogic':
        this.writeLogic(value, operands);
        break;
      case 'nzcvNz':
        this.splitRaw();
        operands.push(value.args[0]);
        this.code.set(this.nz);
        break;
      default:
        // N of the high word, Z of both.
        this.splitRaw();
        operands.pushHalf(value.args[0], true);
        operands.pushHalf(value.args[0], false);
        this.code.i32(0).op(Op.I32Ne, Op.I32Or).set(this.nz);
    }
    this.known = flagsAfter(value, before, true);
  }

  /** `set NZCV` of the word on the stack. */
  writeBits(): void {
    this.code.set(this.a);
    this.setKind(FlagKind.Raw);
    this.known = KnownFlags.Raw;
  }

  private setKind(kind: number): void {
    this.code.i32(kind).set(this.kind);
  }

  private writePair(kind: number, value: IrValue, operands: Operands): void {
    operands.push(value.args[0]);
    operands.push(value.args[1]);
    this.code.set(this.b).set(this.a);
    this.setKind(kind);
  }

  private writeSumWithCarry(value: IrValue, operands: Operands): void {
    this.pushCarryAndOverflow(value, operands);
    this.code.set(this.a).get(this.bits).set(this.nz);
    this.setKind(FlagKind.Bits);
  }

  /** Pushes C and V of a + b + carry in their places, and leaves the sum in `bits`. */
  private pushCarryAndOverflow(value: IrValue, operands: Operands): void {
    const { code, bits: sum } = this;
    const x = operands.local(value.args[0]);
    const y = operands.local(value.args[1]);
    code.get(x).get(y).op(Op.I32Add);
    operands.push(value.args[2]);
    code.op(Op.I32Add).set(sum);
    code.get(x).get(y).op(Op.I32And).get(x).get(y).op(Op.I32Or);
    code.get(sum).i32(-1).op(Op.I32Xor, Op.I32And, Op.I32Or).i32(31).op(Op.I32ShrU).i32(29).op(Op.I32Shl);
    code.get(x).get(sum).op(Op.I32Xor).get(y).get(sum).op(Op.I32Xor, Op.I32And);
    code.i32(3).op(Op.I32ShrU).i32(V_BIT).op(Op.I32And, Op.I32Or);
  }

  private writeLogic(value: IrValue, operands: Operands): void {
    const { code } = this;
    operands.push(value.args[1]);
    code.i32(29).op(Op.I32Shl);
    this.pushOverflowBit();
    code.op(Op.I32Or).set(this.a);
    operands.push(value.args[0]);
    code.set(this.nz);
    this.setKind(FlagKind.Bits);
  }

  /** Pushes the current V in its place. */
  private pushOverflowBit(): void {
    const { code, a, b } = this;
    const kind = this.known;
    const isSub = kind === KnownFlags.Sub || kind === KnownFlags.Difference;
    if (isSub || kind === KnownFlags.Add || kind === KnownFlags.Sum) {
      code.get(a).get(b).op(Op.I32Xor);
      if (!isSub) code.i32(-1).op(Op.I32Xor);
      code
        .get(a)
        .get(a)
        .get(b)
        .op(isSub ? Op.I32Sub : Op.I32Add, Op.I32Xor, Op.I32And);
      code.i32(3).op(Op.I32ShrU);
    } else if (kind === KnownFlags.Raw || kind === KnownFlags.Bits) {
      code.get(a);
    } else {
      this.pushBits();
    }
    code.i32(V_BIT).op(Op.I32And);
  }

  /** Makes C and V stand alone, so that `nz` may be written. */
  private splitRaw(): void {
    const { code, known } = this;
    if (hasNz(known)) return;
    if (known === KnownFlags.Difference || known === KnownFlags.Sum) {
      this.setKind(SPLIT_FROM[known]);
      return;
    }
    if (known === KnownFlags.Any) {
      // Difference and Sum are two above Sub and Add.
      code.get(this.kind).i32(FlagKind.Difference).op(Op.I32GeU);
      code.if();
      code
        .get(this.kind)
        .i32(FlagKind.Difference - FlagKind.Sub)
        .op(Op.I32Sub)
        .set(this.kind);
      code.end();
      code.get(this.kind).op(Op.I32Eqz);
      code.if();
    }
    code.get(this.a).i32(CV_BITS).op(Op.I32And).set(this.a);
    this.setKind(FlagKind.Bits);
    if (known === KnownFlags.Any) code.end();
  }
}
