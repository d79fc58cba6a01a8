import { SATURATED } from '../vector/vector-function.ts';
import type { FunctionBody } from './function-body.ts';
import { Simd, SimdCompare, SimdInteger } from './opcodes.ts';
import { raise, scratch, type VectorOperation } from './vector-operation.ts';

/** Elements of a row, as its name says. */
export interface Elements {
  /** log2 of their bytes; of the narrower side where sizes differ. */
  readonly size: number;
  readonly signed: boolean;
  readonly quad: boolean;
}

/** An element of the first (0) or second (1) operand of a shuffle. */
export type Source = readonly [operand: 0 | 1, index: number];

/**
 * Writes one Advanced SIMD operation on 128-bit values. Doublewords are the low half of one, zeros above, and only that
 * half is stored. Operands that are used twice live in the locals x, y and c (the result's old value).
 */
export class SimdWriter {
  readonly o: VectorOperation;
  readonly code: FunctionBody;
  readonly size: number;
  /** Bits of an element. */
  readonly bits: number;
  readonly signed: boolean;
  readonly quad: boolean;
  readonly x: number;
  readonly y: number;
  readonly c: number;
  readonly r: number;
  readonly t: number;

  constructor(o: VectorOperation, { size, signed, quad }: Elements) {
    this.o = o;
    this.code = o.code;
    this.size = size;
    this.bits = 8 << size;
    this.signed = signed;
    this.quad = quad;
    const local = (index: number): number => scratch(o.code, 'v128', index);
    [this.x, this.y, this.c, this.r, this.t] = [local(0), local(1), local(2), local(3), local(4)];
  }

  /** Pushes 16 or 8 bytes. */
  load(address: number, quad = this.quad): this {
    this.code.i32(0).simdLoad(quad ? Simd.Load : Simd.Load64Zero, address);
    return this;
  }

  /** Pushes operand a. */
  a(quad = this.quad): this {
    return this.load(this.o.a, quad);
  }

  b(quad = this.quad): this {
    return this.load(this.o.b, quad);
  }

  /** Pushes the result's old value. */
  old(quad = this.quad): this {
    return this.load(this.o.d, quad);
  }

  /** Pushes 8 bytes as elements of twice the size. */
  extended(address: number): this {
    const opcode = (this.signed ? Simd.Load8x8S : Simd.Load8x8U) + 2 * this.size;
    this.code.i32(0).simdLoad(opcode, address);
    return this;
  }

  /** Pushes the element of b that the immediate picks, in all places. */
  scalar(): this {
    this.code.i32(0).simdLoad(Simd.Load8Splat + this.size, this.o.b + this.o.imm * (this.bits >> 3));
    return this;
  }

  get(local: number): this {
    this.code.get(local);
    return this;
  }

  set(local: number): this {
    this.code.set(local);
    return this;
  }

  tee(local: number): this {
    this.code.tee(local);
    return this;
  }

  simd(opcode: number): this {
    this.code.simd(opcode);
    return this;
  }

  /** An instruction of {@link SimdInteger}. */
  int(opcode: number, size = this.size): this {
    return this.simd(opcode + 32 * size);
  }

  intBySign(signed: number, unsigned: number, size = this.size): this {
    return this.int(this.signed ? signed : unsigned, size);
  }

  /** A comparison of {@link SimdCompare}. */
  compare(opcode: number, size = this.size): this {
    return this.simd(opcode + 10 * size);
  }

  equal(size = this.size): this {
    return size === 3 ? this.simd(Simd.I64x2Eq) : this.compare(SimdCompare.Eq, size);
  }

  notEqual(size = this.size): this {
    return size === 3 ? this.simd(Simd.I64x2Ne) : this.compare(SimdCompare.Ne, size);
  }

  /** A shift by a constant, less than an element's bits. */
  shift(opcode: number, by: number, size = this.size): this {
    if (by === 0) return this;
    this.code.i32(by);
    return this.int(opcode, size);
  }

  /** Pushes a constant of one element in all places; the high word is for doublewords. */
  constant(low: number, high = 0, size = this.size): this {
    if (size === 3) this.code.i64(low, high);
    else this.code.i32(low);
    return this.simd(Simd.I8x16Splat + size);
  }

  zero(): this {
    return this.constant(0, 0, 2);
  }

  /** Pushes the lowest signed number of an element. */
  minimum(size = this.size): this {
    return size === 3 ? this.constant(0, -0x80000000, 3) : this.constant(-(2 ** ((8 << size) - 1)), 0, size);
  }

  /** Pushes the elements of x and y in some order; what the list leaves out does not matter. */
  shuffle(x: number, y: number, sources: readonly Source[], size = this.size): this {
    const bytes = 1 << size;
    const lanes = sources.flatMap(([operand, index]) =>
      Array.from({ length: bytes }, (_unused, i) => 16 * operand + index * bytes + i),
    );
    this.code
      .get(x)
      .get(y)
      .shuffle(Array.from({ length: 16 }, (_unused, i) => lanes[i] ?? i));
    return this;
  }

  /** Stores what `push` pushes to an address. */
  storeTo(address: number, quad: boolean, push: () => void): void {
    this.code.i32(0);
    push();
    if (quad) this.code.simdStore(address);
    else this.code.simdStoreLane(Simd.Store64Lane, 0, address);
  }

  /** Stores the result. */
  result(push: () => void, quad = this.quad): void {
    this.storeTo(this.o.d, quad, push);
  }

  /** Sets FPSCR.QC where the value on the stack is not all zero. */
  noteSaturation(): void {
    this.simd(Simd.AnyTrue);
    this.code.if();
    raise(this.code, SATURATED);
    this.code.end();
  }

  /** Pushes a local shifted right, by all its bits at most. */
  shiftedRight(local: number, by: number, size = this.size, signed = this.signed): this {
    const bits = 8 << size;
    if (by === bits && !signed) return this.zero();
    return this.get(local).shift(signed ? SimdInteger.ShrS : SimdInteger.ShrU, Math.min(by, bits - 1), size);
  }

  /** The same rounded to nearest, ties up: the last bit that goes out is added. */
  roundedRight(local: number, by: number, size = this.size, signed = this.signed): this {
    this.shiftedRight(local, by, size, signed);
    if (by === 0) return this;
    this.get(local)
      .shift(SimdInteger.ShrU, by - 1, size)
      .constant(1, 0, size)
      .simd(Simd.And);
    return this.int(SimdInteger.Add, size);
  }
}

/** Writes an operation of which one name stands for all element sizes. */
export type SimdEmitter = (s: SimdWriter) => void;
