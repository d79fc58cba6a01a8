import type { DirectKernel } from './direct-kernels.ts';
import {
  directFunction,
  type Kernel,
  type LaneShape,
  laneFunction,
  type WideKernel,
  wideLaneFunction,
} from './lanes.ts';
import type { VectorFunction } from './vector-function.ts';

/** The rows of one operation, by the encodings' Q and size fields; some sizes may not exist (UNDEFINED). */
export interface VectorFamily {
  readonly rows: readonly (VectorFunction | undefined)[];
}

/** The row for a register size (0 doubleword, 1 quadword) and a size field; undefined where there is none. */
export function rowOf(family: VectorFamily, q: number, size: number): VectorFunction | undefined {
  return family.rows[4 * q + size];
}

/** A family from its rows by (q, size). */
export function familyOf(make: (q: number, size: number) => VectorFunction | undefined): VectorFamily {
  return { rows: Array.from({ length: 8 }, (_unused, i) => make(i >> 2, i & 3)) };
}

/** How operands and result relate: elements of the same size, a result twice or half as wide, and so on. */
export type Shape = 'same' | 'unary' | 'long' | 'wide' | 'narrow' | 'unaryLong' | 'unaryNarrow' | 'pairLong';

export interface FamilyOptions {
  readonly shape: Shape;
  /** Size fields that exist: 0 bytes to 3 doublewords; of the narrower side. */
  readonly sizes: readonly number[];
  readonly signed?: boolean;
  /** The result's sign where it is not the operands'. */
  readonly dSigned?: boolean;
  readonly accumulates?: boolean;
  readonly exchanges?: boolean;
  readonly scalar?: boolean;
  readonly sticky?: boolean;
  /** Quadword rows exist; not asked where the shape says which sides are quadwords. */
  readonly quad?: boolean;
  readonly kernel?: Kernel;
  readonly wideKernel?: WideKernel;
  /** Shorter ways, by size field. */
  readonly direct?: { readonly [size: number]: DirectKernel };
}

const IS_LONG: readonly Shape[] = ['long', 'wide', 'narrow', 'unaryLong', 'unaryNarrow'];
const IS_UNARY: readonly Shape[] = ['unary', 'unaryLong', 'unaryNarrow', 'pairLong'];

function bitsOf(shape: Shape, element: number): { d: number; a: number; b: number } {
  switch (shape) {
    case 'long':
      return { d: 2 * element, a: element, b: element };
    case 'wide':
      return { d: 2 * element, a: 2 * element, b: element };
    case 'narrow':
      return { d: element, a: 2 * element, b: 2 * element };
    case 'unaryLong':
    case 'pairLong':
      return { d: 2 * element, a: element, b: 0 };
    case 'unaryNarrow':
      return { d: element, a: 2 * element, b: 0 };
    default:
      return { d: element, a: element, b: IS_UNARY.includes(shape) ? 0 : element };
  }
}

function makeRow(name: string, q: number, size: number, o: FamilyOptions): VectorFunction | undefined {
  const long = IS_LONG.includes(o.shape);
  if (!o.sizes.includes(size) || (q === 1 && (long || o.quad === false))) return undefined;
  const element = 8 << size;
  const bits = bitsOf(o.shape, element);
  const registerBits = q === 1 ? 128 : 64;
  const lanes = long ? 64 / element : registerBits / bits.d;
  const aLanes = o.shape === 'pairLong' ? 2 * lanes : lanes;
  const signed = o.signed ?? false;
  const shape: LaneShape = {
    name: `${name}.${signed ? 's' : 'u'}${element}${q === 1 ? ' q' : ''}`,
    lanes,
    ...bits,
    aLanes,
    bLanes: bits.b === 0 ? 0 : o.scalar === true ? 64 / element : lanes,
    dSigned: o.dSigned ?? signed,
    signed,
    accumulates: o.accumulates ?? false,
    exchanges: o.exchanges ?? false,
    scalar: o.scalar ?? false,
    sticky: o.sticky ?? false,
  };
  const direct = o.direct?.[size];
  if (direct !== undefined) return directFunction(shape, direct);
  const isWide = Math.max(bits.d, bits.a, bits.b) === 64;
  if (isWide && o.wideKernel !== undefined) return wideLaneFunction(shape, o.wideKernel);
  return o.kernel === undefined ? undefined : laneFunction(shape, o.kernel);
}

/**
 * The rows of an operation on elements. Where 64-bit elements take part, `wideKernel` computes them if there is one, and
 * otherwise `kernel`, whose results are then exact as numbers and whose operands have 32 bits.
 */
export function family(name: string, options: FamilyOptions): VectorFamily {
  return familyOf((q, size) => makeRow(name, q, size, options));
}

/** What differs between the two of a pair besides the sign. */
export interface PairOptions extends FamilyOptions {
  readonly signedOnly?: Partial<FamilyOptions>;
  readonly unsignedOnly?: Partial<FamilyOptions>;
}

/** The same operation for signed and for unsigned elements: bit U of the encodings. */
export interface SignedPair {
  readonly signed: VectorFamily;
  readonly unsigned: VectorFamily;
}

export function signedPair(name: string, options: PairOptions): SignedPair {
  return {
    signed: family(name, { ...options, ...options.signedOnly, signed: true }),
    unsigned: family(name, { ...options, ...options.unsignedOnly, signed: false }),
  };
}
