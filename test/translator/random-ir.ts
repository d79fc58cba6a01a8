import fc from 'fast-check';
import { IrBuilder, type IrLabel } from '../../src/translator/ir/builder.ts';
import { Effect, type IrType, OPS, type OpName } from '../../src/translator/ir/ops.ts';
import type { IrBlock, IrValue } from '../../src/translator/ir/value.ts';
import { INTEGER_ROWS } from '../../src/translator/vector/table.ts';
import { DATA, DATA_BYTES, HELPERS } from './ir-machine.ts';

/** Pure operations that are chosen at random. */
export const PURE_OPS: readonly OpName[] = (Object.keys(OPS) as OpName[]).filter(
  (op) =>
    (OPS[op].effects as number) === Effect.None && op !== 'const' && op !== 'const64' && op !== 'marker',
);
const LOADS = ['load8', 'load16', 'load32', 'load64', 'load128'] as const;
const STORES = ['store8', 'store16', 'store32', 'store64', 'store128'] as const;
const EXCLUSIVES = ['ldex8', 'ldex16', 'ldex32', 'ldex64', 'stex8', 'stex16', 'stex32', 'stex64'] as const;
/** Words as elements; see `runVector` of the oracle. */
const VECTORS = INTEGER_ROWS.filter(({ name }) =>
  ['veor.u32 q', 'vadd.u32', 'vbsl.u32', 'vswp.u32 q', 'vqadd.s32 q'].includes(name),
);
const GETS = ['get', 'get64', 'getF32', 'getF64', 'getV128'] as const;
const SETS = ['set', 'set64', 'setF32', 'setF64', 'setV128'] as const;
const EXITS = [
  'exitJump',
  'exitJumpTo',
  'exitResync',
  'exitDynamic',
  'exitRaise',
  'exitWait',
] as const satisfies readonly OpName[];
const WORDS: { readonly [T in IrType]: number } = { void: 0, i32: 1, f32: 1, i64: 2, f64: 2, v128: 4 };
/** Few slots, so that reads and writes meet: eight registers, the flags, and two vectors. */
const SLOTS = [0, 1, 2, 3, 4, 5, 6, 7, 16, 32, 33, 34, 35, 36, 37, 38, 39];
const NZCV = 16;
const FLAG_OPS = ['nzcvAdd', 'nzcvSub', 'nzcvSub', 'nzcvLogic', 'nzcvNz', 'nzcvNz64'] as const;
const INTERESTING = [0, 1, -1, 2, 4, 8, 31, 32, 33, 255, 0x7fffffff, -0x80000000, 0x7ff00001, 0x20000000];

/** A choice by weight: how random programs are made of simple numbers, which fast-check can make smaller. */
export interface Step {
  readonly what:
    | 'pure'
    | 'get'
    | 'set'
    | 'load'
    | 'store'
    | 'exclusive'
    | 'call'
    | 'vector'
    | 'skip'
    | 'label'
    | 'marker'
    | 'leave'
    | 'order'
    | 'flags'
    | 'condition';
  readonly which: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const WEIGHTS: readonly (readonly [Step['what'], number])[] = [
  ['pure', 10],
  ['get', 8],
  ['set', 9],
  ['load', 3],
  ['store', 2],
  ['exclusive', 1],
  ['call', 1],
  ['vector', 3],
  ['skip', 2],
  ['label', 2],
  ['marker', 2],
  ['leave', 1],
  ['order', 1],
  ['flags', 5],
  ['condition', 4],
];
const small = fc.nat({ max: 0xffff });

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    what: fc.oneof(...WEIGHTS.map(([arbitrary, weight]) => ({ arbitrary: fc.constant(arbitrary), weight }))),
    which: small,
    a: small,
    b: small,
    c: small,
  }),
  { minLength: 1, maxLength: 60 },
);

/** Whether the builder's folding and forwarding take part, or every operation is there as written. */
export type Style = 'built' | 'plain';

/** What random blocks are made of, and where they are. */
export interface Ingredients {
  /**
   * Values are words and pairs of words, and pairs are not made of registers; floating-point numbers and vectors stay in
   * their slots: so the lifter writes blocks.
   */
  readonly wordsOnly: boolean;
  readonly pc: number;
  /** Where blocks jump to. */
  readonly targets: readonly number[];
}

const EVERYTHING: Ingredients = { wordsOnly: false, pc: 0x1000, targets: [0x40, 0x2000, 0x3000] };
const isOfWords = (op: OpName): boolean =>
  [OPS[op].result, ...OPS[op].args].every((type) => type === 'void' || type === 'i32' || type === 'i64');

class Program {
  private readonly b = new IrBuilder();
  private readonly scopes: {
    label: IrLabel | undefined;
    values: { readonly value: IrValue; readonly flags: boolean }[];
  }[] = [{ label: undefined, values: [] }];
  private readonly style: Style;
  private readonly ingredients: Ingredients;
  private readonly offers: (op: OpName) => boolean;
  /** The rest of this region does not run: it ends here. */
  private left = false;
  private exitsHere = false;

  constructor(style: Style, ingredients: Ingredients) {
    this.style = style;
    this.ingredients = ingredients;
    this.offers = ingredients.wordsOnly ? isOfWords : () => true;
  }

  make(program: readonly Step[]): IrBlock {
    const { b } = this;
    const { pc } = this.ingredients;
    b.marker(pc, 0);
    for (const step of program) {
      if (!this.left || step.what === 'label') this.step(step);
    }
    while (this.scopes.length > 1) this.label();
    this.marker();
    if (program.length % 3 === 0) this.branch(program.length);
    else this.leave(program.length, program.length);
    return b.finish(pc, 4 * b.instructions);
  }

  private choose<N extends OpName>(from: readonly N[], which: number): N {
    const offered = from.filter(this.offers);
    return offered[which % offered.length]!;
  }

  private emit(op: OpName, args: readonly IrValue[], imm: number): IrValue {
    const pure = (OPS[op].effects as number) === Effect.None;
    const value = this.style === 'built' && pure ? this.b.pure(op, args, imm) : this.b.emit(op, args, imm);
    if (value.type !== 'void') this.remember(value, isFlags(op, imm));
    return value;
  }

  /** @param flags whether it was asked for as flags, which is the same in both styles, whatever it was folded to */
  private remember(value: IrValue, flags = false): void {
    this.scopes[this.scopes.length - 1]!.values.push({ value, flags });
  }

  private step({ what, which, a, b, c }: Step): void {
    switch (what) {
      case 'pure':
        this.pure(this.choose(PURE_OPS, which), [a, b, c], which >> 7);
        return;
      case 'get':
        this.get(a % 4 === 0 ? this.choose(GETS, which) : 'get', b);
        return;
      case 'set':
        this.set(a % 6 === 0 ? this.choose(SETS, which) : 'set', b, c);
        return;
      case 'load':
        this.emit(this.choose(LOADS, which), [this.address(a, b)], c % 8);
        return;
      case 'store': {
        const op = this.choose(STORES, which);
        this.emit(op, [this.address(a, b), this.value(OPS[op].args[1], c)], which % 8);
        return;
      }
      case 'exclusive': {
        const op = EXCLUSIVES[which % EXCLUSIVES.length]!;
        const args = [this.address(a, b)];
        const [, value] = OPS[op].args as readonly IrType[];
        if (value !== undefined) args.push(this.value(value, c));
        this.emit(op, args, 0);
        return;
      }
      case 'call':
        this.call(which, [a, b]);
        return;
      case 'vector':
        this.vector(which, a, b, c);
        return;
      case 'skip': {
        const label = this.b.newLabel();
        this.b.skipIfZero(this.value('i32', a), label);
        this.scopes.push({ label, values: [] });
        return;
      }
      case 'label':
        if (this.scopes.length > 1) this.label();
        return;
      case 'marker':
        if (this.scopes.length === 1) this.marker();
        return;
      case 'leave':
        // One exit for each instruction, so that the way out says which it was; not at the outer level, which goes on.
        if (this.scopes.length > 1 && !this.exitsHere) this.leave(which, a);
        return;
      case 'flags':
        this.flags(FLAG_OPS[which % FLAG_OPS.length]!, [a, b, c], which % 5 !== 0);
        return;
      case 'condition': {
        const nzcv = this.flagValue(a);
        if (which % 4 === 0) {
          this.emit('carryOf', [nzcv], 0);
          return;
        }
        if (which % 8 === 2) {
          this.b.emit('set', [nzcv], NZCV);
          return;
        }
        const holds = this.emit('cond', [nzcv], b % 15);
        if (which % 4 === 1) return;
        const label = this.b.newLabel();
        this.b.skipIfZero(holds, label);
        this.scopes.push({ label, values: [] });
        return;
      }
      default:
        this.b.ordered(which % 2 === 0 ? 'barrier' : 'clrex');
    }
  }

  private marker(): void {
    this.exitsHere = false;
    this.b.marker(this.ingredients.pc + 4 * this.b.instructions, 0);
  }

  private label(): void {
    const { label } = this.scopes.pop()!;
    this.b.label(label!);
    this.left = false;
  }

  private leave(which: number, operand: number): void {
    const op = EXITS[which % EXITS.length]!;
    const args = op === 'exitJumpTo' ? [this.value('i32', operand)] : [];
    const imm =
      op === 'exitRaise'
        ? 3
        : op === 'exitWait'
          ? 1
          : op === 'exitDynamic' || op === 'exitJumpTo'
            ? 0
            : this.target(which >> 3);
    const imm2 = op === 'exitRaise' || op === 'exitWait' ? 77 : 0;
    this.b.exit(op, args, imm, imm2);
    this.left = true;
    this.exitsHere = true;
  }

  /** A conditional branch, as a block's last instruction. */
  private branch(n: number): void {
    const label = this.b.newLabel();
    const condition = this.emit('cond', [this.value('i32', n)], n % 14);
    this.b.skipIfZero(condition, label);
    this.b.exit('exitJump', [], this.target(n + 1));
    this.b.label(label);
    this.b.exit('exitJump', [], this.target(n + 2));
  }

  private target(n: number): number {
    const { targets } = this.ingredients;
    return targets[n % targets.length]!;
  }

  private get(op: (typeof GETS)[number], n: number): void {
    const slot = this.slot(WORDS[OPS[op].result], n);
    if (op === 'get' && this.style === 'built') this.remember(this.b.get(slot), isFlags('get', slot));
    else this.emit(op, [], slot);
  }

  private set(op: (typeof SETS)[number], n: number, choice: number): void {
    const [type] = OPS[op].args;
    const slot = this.slot(WORDS[type], n);
    const value = this.value(type, choice);
    if (op === 'set') this.b.set(slot, value);
    else this.emit(op, [value], slot);
  }

  /** What instructions that set flags do: as a rule the flags are written, and where older ones take part it is these. */
  private flags(op: (typeof FLAG_OPS)[number], choices: readonly number[], written: boolean): void {
    const args = OPS[op].args.map((type, i) => {
      if (isCarry(op, i)) return this.emit('and', [this.value('i32', choices[i]!), this.b.const(1)], 0);
      const isOld = i === OPS[op].args.length - 1 && op !== 'nzcvSub';
      return isOld ? this.flagValue(choices[i]!) : this.value(type, choices[i]!);
    });
    const value = this.emit(op, args, 0);
    if (written) this.b.emit('set', [value], NZCV);
  }

  /** The flags of now, or some that were computed before. */
  private flagValue(choice: number): IrValue {
    const known = this.scopes.flatMap(({ values }) => values).filter(({ flags }) => flags);
    const recent = known.slice(-3).map(({ value }) => value);
    if (choice % 3 === 0 || recent.length === 0) return this.emit('get', [], NZCV);
    return recent[choice % recent.length]!;
  }

  private slot(words: number, n: number): number {
    const least = words === 2 && this.ingredients.wordsOnly ? 32 : 0;
    const slots = SLOTS.filter((slot) => slot >= least && slot % words === 0 && (words === 1 || slot !== 16));
    return slots[n % slots.length]!;
  }

  private call(which: number, choices: readonly number[]): void {
    const helper = HELPERS[which % HELPERS.length]!;
    const args = choices.slice(0, helper.argCount).map((choice) => this.value('i32', choice));
    this.remember(this.b.call(helper, ...args));
    if (helper.name === 'wide') this.remember(this.b.get(29));
  }

  /** One that accumulates, one that exchanges, one that may set the sticky slot, and two plain ones. */
  private vector(which: number, d: number, a: number, b: number): void {
    const f = VECTORS[which % VECTORS.length]!;
    const words = f.writes[0].length;
    this.b.vector(f, this.slot(words, d), this.slot(words, a), this.slot(words, b), 0);
  }

  private pure(op: OpName, choices: readonly number[], n: number): void {
    const args = OPS[op].args.map((type, i) => {
      const value = this.value(type, choices[i]!);
      return isCarry(op, i) ? this.emit('and', [value, this.b.const(1)], 0) : value;
    });
    this.emit(op, args, immediateOf(op, n));
  }

  /** Mostly within the tests' memory, mostly aligned, sometimes anything. */
  private address(a: number, b: number): IrValue {
    if (a % 16 === 0) return this.value('i32', b);
    const mask = a % 4 === 0 ? DATA_BYTES - 1 : (DATA_BYTES - 1) & ~7;
    const offset = this.emit('and', [this.value('i32', b), this.b.const(mask)], 0);
    const base = this.emit('add', [offset, this.b.const(DATA)], 0);
    return a % 3 === 0 ? this.emit('add', [base, this.b.const((a >> 4) % 64)], 0) : base;
  }

  /** A value of a type: a recent one as a rule, or a constant. */
  private value(type: IrType, choice: number): IrValue {
    const known = this.scopes.flatMap(({ values }) => values).filter(({ value }) => value.type === type);
    // Flags are seldom taken for numbers: then they have to be one word.
    const recent = (choice % 32 === 1 ? known : known.filter(({ flags }) => !flags))
      .slice(-12)
      .map(({ value }) => value);
    if (choice % 8 !== 0 && recent.length > 0) return recent[choice % recent.length]!;
    const { b } = this;
    const n = INTERESTING[choice % INTERESTING.length]!;
    switch (type) {
      case 'i64':
        return b.const64(n, INTERESTING[(choice >> 4) % INTERESTING.length]!);
      case 'f32':
        return this.emit('f32FromBits', [b.const(n)], 0);
      case 'f64':
        return this.emit('f64FromBits', [b.const64(choice, n)], 0);
      case 'v128':
        return this.emit('getV128', [], 32 + 4 * (choice % 2));
      default:
        return b.const(choice % 16 === 0 ? choice : n);
    }
  }
}

function isFlags(op: OpName, imm: number): boolean {
  return op.startsWith('nzcv') || (op === 'get' && imm === NZCV);
}

/** Operands that must be 0 or 1. */
export function isCarry(op: OpName, operand: number): boolean {
  switch (op) {
    case 'adc':
    case 'nzcvAdd':
    case 'shlCarry':
    case 'shrCarry':
    case 'sarCarry':
    case 'rorCarry':
      return operand === 2;
    case 'rrx':
    case 'nzcvLogic':
      return operand === 1;
    default:
      return false;
  }
}

/** A valid immediate of an operation. */
export function immediateOf(op: OpName, n: number): number {
  switch (op) {
    case 'cond':
      return n % 15;
    case 'satS':
    case 'satSOverflow':
      return 1 + (n % 32);
    case 'satU':
    case 'satUOverflow':
      return n % 32;
    case 'packed':
      return ((n % 6) << 4) | [0, 1, 2, 3, 4, 7][(n >> 3) % 6]!;
    case 'packedGe':
      return (((n % 2) * 3) << 4) | [0, 1, 2, 3, 4, 7][(n >> 3) % 6]!;
    default:
      return 0;
  }
}

/** The same program in one of two styles. */
export function programOf(
  program: readonly Step[],
  style: Style,
  ingredients: Ingredients = EVERYTHING,
): IrBlock {
  return new Program(style, ingredients).make(program);
}
