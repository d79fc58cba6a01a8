import { ByteWriter } from './byte-writer.ts';
import { Op } from './opcodes.ts';

export type ValType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

const VAL_TYPE: { readonly [T in ValType]: number } = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};
const EMPTY_BLOCK = 0x40;
const NO_OP = -1;
const SIMD_PREFIX = 0xfd;
const ATOMIC_PREFIX = 0xfe;

/** The byte of a value type in a module (WebAssembly 2.0, 5.3). */
export function valTypeByte(type: ValType): number {
  return VAL_TYPE[type];
}

/** What is in front of a function's code, while it is written. */
const HEAD = new ByteWriter();

/** What is known of a branch instruction (WebAssembly branch hinting proposal). */
export interface BranchHint {
  readonly offset: number;
  readonly likely: boolean;
}

/**
 * The code of one function while it is written. Methods append one instruction each and give the body back where
 * calls are worth chaining. Labels are the control depth at which a structure was opened: `br` counts the distance.
 */
export class FunctionBody {
  /** Open structures: blocks, loops, ifs. */
  depth = 0;
  private readonly code = new ByteWriter(4096);
  private readonly branchHints: BranchHint[] = [];
  private codeStart = 0;
  private readonly params: number;
  private readonly locals: ValType[] = [];

  constructor(params: readonly ValType[]) {
    this.params = params.length;
  }

  /** Bytes of code so far. */
  get length(): number {
    return this.code.length;
  }

  /** A new local, zero at first. @returns its index, after the parameters. */
  local(type: ValType): number {
    return this.params + this.locals.push(type) - 1;
  }

  /** The type of a local that is no parameter. */
  typeOf(local: number): ValType {
    return this.locals[local - this.params];
  }

  /** Up to four instructions without immediates, of {@link Op}. */
  op(first: number, second = NO_OP, third = NO_OP, fourth = NO_OP): this {
    this.code.byte(first);
    if (second !== NO_OP) this.code.byte(second);
    if (third !== NO_OP) this.code.byte(third);
    if (fourth !== NO_OP) this.code.byte(fourth);
    return this;
  }

  i32(n: number): this {
    this.code.byte(0x41);
    this.code.signed(n);
    return this;
  }

  i64(low: number, high: number): this {
    this.code.byte(0x42);
    this.code.signed64(low, high);
    return this;
  }

  /** An f32 constant by its bits: only numbers, for NaNs lose theirs on the way. */
  f32Bits(bits: number): this {
    this.code.byte(0x43);
    this.code.word(bits);
    return this;
  }

  f64Bits(low: number, high: number): this {
    this.code.byte(0x44);
    this.code.word(low);
    this.code.word(high);
    return this;
  }

  get(local: number): this {
    this.code.byte(0x20);
    this.code.unsigned(local);
    return this;
  }

  set(local: number): this {
    this.code.byte(0x21);
    this.code.unsigned(local);
    return this;
  }

  tee(local: number): this {
    this.code.byte(0x22);
    this.code.unsigned(local);
    return this;
  }

  /** @returns the label of its end. */
  block(type?: ValType): number {
    return this.open(0x02, type);
  }

  /** @returns the label of its beginning. */
  loop(type?: ValType): number {
    return this.open(0x03, type);
  }

  /** @returns the label of its end. */
  if(type?: ValType): number {
    return this.open(0x04, type);
  }

  else(): this {
    this.code.byte(0x05);
    return this;
  }

  end(): this {
    this.depth--;
    this.code.byte(0x0b);
    return this;
  }

  /** An `if` that is hardly ever taken, or hardly ever not: the host's compiler keeps the other way free of its costs. */
  ifHinted(likely: boolean, type?: ValType): number {
    this.hint(likely);
    return this.if(type);
  }

  brIfHinted(label: number, likely: boolean): this {
    this.hint(likely);
    return this.brIf(label);
  }

  brIfUnlikely(label: number): this {
    return this.brIfHinted(label, false);
  }

  br(label: number): this {
    this.code.byte(0x0c);
    this.code.unsigned(this.depth - label);
    return this;
  }

  brIf(label: number): this {
    this.code.byte(0x0d);
    this.code.unsigned(this.depth - label);
    return this;
  }

  brTable(labels: readonly number[], otherwise: number): this {
    this.code.byte(0x0e);
    this.code.unsigned(labels.length);
    for (const label of labels) this.code.unsigned(this.depth - label);
    this.code.unsigned(this.depth - otherwise);
    return this;
  }

  ret(): this {
    return this.op(Op.Return);
  }

  /** A load of {@link Load} at the address on the stack plus `offset`. */
  load(opcode: number, offset = 0): this {
    this.code.byte(opcode);
    return this.place(offset);
  }

  /** A store of {@link Store}: address and value are on the stack. */
  store(opcode: number, offset = 0): this {
    this.code.byte(opcode);
    return this.place(offset);
  }

  call(fn: number): this {
    this.code.byte(0x10);
    this.code.unsigned(fn);
    return this;
  }

  returnCall(fn: number): this {
    this.code.byte(0x12);
    this.code.unsigned(fn);
    return this;
  }

  /** @param type index of the function's type in the module. */
  returnCallIndirect(type: number, table: number): this {
    this.code.byte(0x13);
    this.code.unsigned(type);
    this.code.unsigned(table);
    return this;
  }

  /** An instruction of the vector extension without immediates (WebAssembly 2.0, 5.4.8), by the number after its prefix. */
  simd(opcode: number): this {
    this.code.byte(SIMD_PREFIX);
    this.code.unsigned(opcode);
    return this;
  }

  /** One with a lane: extract_lane, replace_lane. */
  simdLane(opcode: number, lane: number): this {
    this.simd(opcode);
    this.code.byte(lane);
    return this;
  }

  /** i8x16.shuffle. @param lanes sixteen numbers from 0 to 31. */
  shuffle(lanes: readonly number[]): this {
    this.simd(13);
    for (const lane of lanes) this.code.byte(lane);
    return this;
  }

  /** v128.const from four words. */
  v128(words: readonly [number, number, number, number]): this {
    this.simd(12);
    for (const word of words) this.code.word(word);
    return this;
  }

  /** A vector load by its number: v128.load is 0. */
  simdLoad(opcode: number, offset = 0): this {
    this.simd(opcode);
    return this.place(offset);
  }

  /** v128.store. */
  simdStore(offset = 0): this {
    this.simd(11);
    return this.place(offset);
  }

  /** A store of one lane: v128.store64_lane and kin. */
  simdStoreLane(opcode: number, lane: number, offset = 0): this {
    this.simdLoad(opcode, offset);
    this.code.byte(lane);
    return this;
  }

  /** atomic.fence (threads proposal). */
  fence(): this {
    this.code.byte(ATOMIC_PREFIX);
    this.code.byte(0x03);
    this.code.byte(0);
    return this;
  }

  /** i32.atomic.rmw.add (threads proposal), of an aligned word. */
  atomicAdd(offset = 0): this {
    this.code.byte(ATOMIC_PREFIX);
    this.code.byte(0x1e);
    this.code.unsigned(2);
    this.code.unsigned(offset);
    return this;
  }

  /** Places of hinted branches, from the body's first byte on, once it is finished. */
  get hints(): readonly BranchHint[] {
    return this.branchHints.map(({ offset, likely }) => ({ offset: offset + this.codeStart, likely }));
  }

  /** The entry of the code section: size, locals, code, end. */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.depth !== 0) throw new Error(`${this.depth} structures are still open at the end of a function`);
    HEAD.clear();
    const runs: [type: ValType, count: number][] = [];
    for (const type of this.locals) {
      const last = runs.at(-1);
      if (last?.[0] === type) last[1]++;
      else runs.push([type, 1]);
    }
    HEAD.unsigned(runs.length);
    for (const [type, count] of runs) {
      HEAD.unsigned(count);
      HEAD.byte(VAL_TYPE[type]);
    }
    this.codeStart = HEAD.length;
    const length = HEAD.length + this.code.length + 1;
    const entry = new ByteWriter(length + 5);
    entry.unsigned(length);
    entry.append(HEAD.view());
    entry.append(this.code.view());
    entry.byte(0x0b);
    return entry.view();
  }

  private hint(likely: boolean): void {
    this.branchHints.push({ offset: this.code.length, likely });
  }

  private open(opcode: number, type: ValType | undefined): number {
    this.code.byte(opcode);
    this.code.byte(type === undefined ? EMPTY_BLOCK : VAL_TYPE[type]);
    return ++this.depth;
  }

  /** Alignment is a hint only, and guests need not keep it. */
  private place(offset: number): this {
    this.code.unsigned(0);
    this.code.unsigned(offset);
    return this;
  }
}
