import { type IrBlock, type IrValue, vectorOf } from '../../src/translator/ir/value.ts';
import { SATURATED, STICKY_SLOT, slotOf } from '../../src/translator/vector/vector-function.ts';
import { ELEMENTWISE, WHOLE } from './vector-oracle.ts';

// The meaning of IR, said as plainly as possible and apart from the interpreter: every value is an unsigned BigInt,
// values are kept in a map, operations run in the order in which they stand.

/** What surrounds a block: the same object serves the oracle and, through an adapter, the interpreter. */
export interface Surroundings {
  /** 256 words of state. */
  readonly slots: Int32Array;
  /** @returns undefined for a fault. */
  load(address: number, size: number): bigint | undefined;
  /** @returns false for a fault. */
  store(address: number, size: number, value: bigint): boolean;
  /** @returns undefined for a fault. */
  call(name: string, args: readonly number[]): number | undefined;
}

/** The slot that says whether the local monitor is armed. */
const MONITOR = 24;

export type Outcome = readonly [how: string, ...details: number[]];

const M32 = 0xffff_ffffn;
const u = (v: bigint, bits: number): bigint => BigInt.asUintN(bits, v);
const s = (v: bigint, bits = 32): bigint => BigInt.asIntN(bits, v);
const bit = (b: boolean): bigint => (b ? 1n : 0n);
const toNumber = (v: bigint): number => Number(s(v));

function clamp(v: bigint, low: bigint, high: bigint): bigint {
  return v < low ? low : v > high ? high : v;
}

function shifted(op: string, a: bigint, n: bigint): bigint {
  switch (op) {
    case 'shl':
      return a << n;
    case 'shr':
      return a >> n;
    case 'sar':
      return s(a) >> n;
    default:
      return (a >> (n % 32n)) | (a << (32n - (n % 32n)));
  }
}

function shiftedOut(op: string, a: bigint, n: bigint): bigint {
  switch (op) {
    case 'shlCarry':
      return (a << n) >> 32n;
    case 'shrCarry':
      return a >> (n - 1n);
    case 'sarCarry':
      return s(a) >> (n - 1n);
    default:
      return a >> ((n - 1n) % 32n);
  }
}

function nzcv(r: bigint, carry: bigint, overflow: bigint): bigint {
  return ((r >> 31n) << 31n) | (bit(r === 0n) << 30n) | (carry << 29n) | (overflow << 28n);
}

function flagsOfSum(a: bigint, b: bigint, carry: bigint): bigint {
  const r = u(a + b + carry, 32);
  return nzcv(r, bit(a + b + carry > M32), bit(s(r) !== s(a) + s(b) + carry));
}

const CONDITIONS: readonly ((n: boolean, z: boolean, c: boolean, v: boolean) => boolean)[] = [
  (_n, z) => z,
  (_n, z) => !z,
  (_n, _z, c) => c,
  (_n, _z, c) => !c,
  (n) => n,
  (n) => !n,
  (_n, _z, _c, v) => v,
  (_n, _z, _c, v) => !v,
  (_n, z, c) => c && !z,
  (_n, z, c) => !(c && !z),
  (n, _z, _c, v) => n === v,
  (n, _z, _c, v) => n !== v,
  (n, z, _c, v) => n === v && !z,
  (n, z, _c, v) => !(n === v && !z),
  () => true,
];

function mapLanes(bits: number, count: number, f: (lane: number) => bigint): bigint {
  let result = 0n;
  for (let lane = 0; lane < count; lane++) result |= u(f(lane), bits) << BigInt(lane * bits);
  return result;
}

function lane(v: bigint, bits: number, index: number): bigint {
  return u(v >> BigInt(index * bits), bits);
}

/** One lane of a parallel addition or subtraction, with the halfwords that it works on. */
function packedLanes(imm: number, a: bigint, b: bigint): { bits: number; wide: bigint[]; adds: boolean[] } {
  const operation = imm & 15;
  const signed = imm >> 4 < 3;
  const bits = operation === 4 || operation === 7 ? 8 : 16;
  const number = (v: bigint): bigint => (signed ? s(v, bits) : v);
  const lanes = [...Array(32 / bits).keys()];
  const exchange = operation === 1 || operation === 2;
  const adds = lanes.map((i) =>
    operation === 1 ? i === 1 : operation === 2 ? i === 0 : operation === 0 || operation === 4,
  );
  const wide = lanes.map((i) => {
    const x = number(lane(a, bits, i));
    const y = number(lane(b, bits, exchange ? 1 - i : i));
    return adds[i] ? x + y : x - y;
  });
  return { bits, wide, adds };
}

function packed(imm: number, a: bigint, b: bigint): bigint {
  const form = imm >> 4;
  const { bits, wide } = packedLanes(imm, a, b);
  const half = 1n << BigInt(bits - 1);
  return mapLanes(bits, wide.length, (i) => {
    if (form === 1) return clamp(wide[i]!, -half, half - 1n);
    if (form === 4) return clamp(wide[i]!, 0n, 2n * half - 1n);
    return form === 2 || form === 5 ? wide[i]! >> 1n : wide[i]!;
  });
}

function packedGe(imm: number, a: bigint, b: bigint): bigint {
  const { bits, wide, adds } = packedLanes(imm, a, b);
  const signed = imm >> 4 === 0;
  return mapLanes(bits / 8, wide.length, (i) => {
    const holds = signed || !adds[i] ? wide[i]! >= 0n : wide[i]! >= 1n << BigInt(bits);
    return holds ? -1n : 0n;
  });
}

const MIN = -(1n << 31n);
const MAX = (1n << 31n) - 1n;

/** The result of an operation without effects; operands and results are unsigned. */
function evaluatePure(op: string, args: readonly bigint[], imm: number): bigint {
  const [a = 0n, b = 0n, c = 0n] = args;
  const sum = s(a) + s(b);
  const difference = s(a) - s(b);
  switch (op) {
    case 'add':
      return u(a + b, 32);
    case 'sub':
      return u(a - b, 32);
    case 'adc':
      return u(a + b + c, 32);
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'andNot':
      return a & (b ^ M32);
    case 'not':
      return a ^ M32;
    case 'mul':
      return u(a * b, 32);
    case 'divS':
      return b === 0n ? 0n : u(s(a) / s(b), 32);
    case 'divU':
      return b === 0n ? 0n : a / b;
    case 'shl':
    case 'shr':
    case 'sar':
    case 'ror':
      return u(shifted(op, a, b & 0xffn), 32);
    case 'shlCarry':
    case 'shrCarry':
    case 'sarCarry':
    case 'rorCarry':
      return (b & 0xffn) === 0n ? c : shiftedOut(op, a, b & 0xffn) & 1n;
    case 'rrx':
      return (b << 31n) | (a >> 1n);
    case 'clz':
      return BigInt(32 - (a === 0n ? 0 : a.toString(2).length));
    case 'rev':
      return mapLanes(8, 4, (i) => lane(a, 8, 3 - i));
    case 'rev16':
      return mapLanes(8, 4, (i) => lane(a, 8, i ^ 1));
    case 'rbit':
      return mapLanes(1, 32, (i) => lane(a, 1, 31 - i));
    case 'sext8':
      return u(s(a, 8), 32);
    case 'sext16':
      return u(s(a, 16), 32);
    case 'zext8':
      return u(a, 8);
    case 'zext16':
      return u(a, 16);
    case 'eq':
      return bit(a === b);
    case 'ne':
      return bit(a !== b);
    case 'ltS':
      return bit(s(a) < s(b));
    case 'ltU':
      return bit(a < b);
    case 'select':
      return a !== 0n ? b : c;
    case 'satS':
      return u(clamp(s(a), -(1n << BigInt(imm - 1)), (1n << BigInt(imm - 1)) - 1n), 32);
    case 'satSOverflow':
      return bit(s(a) !== s(evaluatePure('satS', args, imm)));
    case 'satU':
      return clamp(s(a), 0n, (1n << BigInt(imm)) - 1n);
    case 'satUOverflow':
      return bit(s(a) !== evaluatePure('satU', args, imm));
    case 'addSat':
      return u(clamp(sum, MIN, MAX), 32);
    case 'addSatOverflow':
    case 'addOverflow':
      return bit(sum < MIN || sum > MAX);
    case 'subSat':
      return u(clamp(difference, MIN, MAX), 32);
    case 'subSatOverflow':
      return bit(difference < MIN || difference > MAX);
    case 'packed':
      return packed(imm, a, b);
    case 'packedGe':
      return packedGe(imm, a, b);
    case 'selBytes':
      return mapLanes(8, 4, (i) => lane((a >> BigInt(i)) & 1n ? b : c, 8, i));
    case 'sumAbsDiff8': {
      const differences = [0, 1, 2, 3].map((i) => lane(a, 8, i) - lane(b, 8, i));
      return differences.reduce((total, d) => total + (d < 0n ? -d : d), 0n);
    }
    case 'nzcvAdd':
      return flagsOfSum(a, b, c);
    case 'nzcvSub':
      return flagsOfSum(a, b ^ M32, 1n);
    case 'nzcvLogic':
      return nzcv(a, b, (c >> 28n) & 1n);
    case 'nzcvNz':
      return nzcv(a, (b >> 29n) & 1n, (b >> 28n) & 1n);
    case 'nzcvNz64':
      return ((a >> 63n) << 31n) | (bit(a === 0n) << 30n) | (b & 0x3000_0000n);
    case 'cond': {
      const [n, z, carry, v] = [31n, 30n, 29n, 28n].map((at) => ((a >> at) & 1n) === 1n);
      return bit(CONDITIONS[imm]!(n!, z!, carry!, v!));
    }
    case 'carryOf':
      return (a >> 29n) & 1n;
    case 'pack64':
      return (b << 32n) | a;
    case 'low64':
      return a & M32;
    case 'high64':
      return a >> 32n;
    case 'mulS64':
      return u(s(a) * s(b), 64);
    case 'mulU64':
      return a * b;
    case 'add64':
      return u(a + b, 64);
    case 'sub64':
      return u(a - b, 64);
    case 'f32FromBits':
    case 'f32ToBits':
    case 'f64FromBits':
    case 'f64ToBits':
      return a;
    default:
      throw new Error(`the oracle has no operation ${op}`);
  }
}

const WORDS: { readonly [suffix: string]: number } = { '': 1, F32: 1, 64: 2, F64: 2, V128: 4 };

/** Runs one block; changes the surroundings. */
export function evaluate(block: IrBlock, around: Surroundings): Outcome {
  const values = new Map<IrValue, bigint>();
  const { slots } = around;
  const read = (slot: number, words: number): bigint =>
    mapLanes(32, words, (i) => BigInt(slots[slot + i]! >>> 0));
  const write = (slot: number, words: number, value: bigint): void => {
    for (let i = 0; i < words; i++) slots[slot + i] = toNumber(lane(value, 32, i));
  };
  const operand = (value: IrValue): bigint => {
    if (value.op === 'const') return u(BigInt(value.imm), 32);
    if (value.op === 'const64') return (u(BigInt(value.imm2), 32) << 32n) | u(BigInt(value.imm), 32);
    return values.get(value)!;
  };
  let instruction = -1;
  let skipTo = -1;
  for (const value of block.ops) {
    const { op, imm, imm2 } = value;
    if (skipTo >= 0) {
      if (op === 'label' && imm === skipTo) skipTo = -1;
      continue;
    }
    const args = value.args.map(operand);
    const address = toNumber(args[0] ?? 0n) >>> 0;
    const [, access, bits] = /^(load|store|ldex|stex)(\d+)$/.exec(op) ?? [];
    const [, direction, suffix] = /^(get|set)(|64|F32|F64|V128)$/.exec(op) ?? [];
    if (access !== undefined) {
      const result = accessMemory(access, address, Number(bits) / 8, args[1] ?? 0n, around);
      if (result === undefined) return ['fault', instruction];
      values.set(value, result);
    } else if (direction === 'get') {
      values.set(value, read(imm, WORDS[suffix!]!));
    } else if (direction === 'set') {
      write(imm, WORDS[suffix!]!, args[0]!);
    } else if (op === 'marker') {
      instruction++;
    } else if (op === 'skipIfZero') {
      if (args[0] === 0n) skipTo = imm;
    } else if (op === 'call') {
      const result = around.call(value.helper!.name, args.map(toNumber));
      if (result === undefined) return ['fault', instruction];
      values.set(value, u(BigInt(result), 32));
    } else if (op === 'vector') {
      runVector(value, slots);
    } else if (op.startsWith('exit')) {
      return [op, imm, imm2, instruction, ...args.map(toNumber)];
    } else if (op === 'clrex') {
      slots[MONITOR] = 0;
    } else if (op !== 'label' && op !== 'barrier') {
      values.set(value, evaluatePure(op, args, imm));
    }
  }
  throw new Error('the block has no end');
}

/** A vector function whose elements are words. */
function runVector(value: IrValue, slots: Int32Array): void {
  const row = vectorOf(value)!;
  const [, name, sign] = /^(\w+)\.([su])32/.exec(row.name)!;
  const [d, a, b] = [0, 1, 2].map((operand) => slotOf(value.imm, operand)) as [number, number, number];
  const elements = (slot: number, n: number): bigint[] =>
    Array.from({ length: n }, (_, i) => {
      const word = BigInt(slots[slot + i]!);
      return sign === 's' ? word : u(word, 32);
    });
  const n = row.writes[0].length;
  const [x, y, old] = [elements(a, n), elements(b, n), elements(d, n)] as const;
  const sat = (v: bigint): bigint => {
    const result = clamp(v, MIN, -MIN - 1n);
    if (result !== v) slots[STICKY_SLOT] = slots[STICKY_SLOT]! | SATURATED;
    return result;
  };
  const each = ELEMENTWISE[name!];
  const e = { imm: 0, bits: 32n, resultBits: 32n, sat };
  const result =
    each === undefined ? WHOLE[name!]!(x, y, old, 0) : old.map((o, i) => each(x[i]!, y[i]!, o, e));
  row.writes[0].forEach((word, i) => {
    slots[d + word] = toNumber(result[i]!);
  });
  row.writes[1].forEach((word, i) => {
    slots[a + word] = toNumber(result[n + i]!);
  });
}

/** Exclusives always succeed here: monitors are the CPU's. */
function accessMemory(
  access: string,
  address: number,
  size: number,
  value: bigint,
  around: Surroundings,
): bigint | undefined {
  const each = Math.min(size, 8);
  let result = 0n;
  for (let at = 0; at < size; at += each) {
    const where = (address + at) >>> 0;
    if (access.startsWith('l')) {
      const piece = around.load(where, each);
      if (piece === undefined) return undefined;
      result |= piece << BigInt(at * 8);
    } else if (!around.store(where, each, u(value >> BigInt(at * 8), each * 8))) {
      return undefined;
    }
  }
  return result;
}
