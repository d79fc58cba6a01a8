// The meaning of vector functions, said over big integers, one element at a time, as the operations of the instructions
// in ARM DDI 0406C A8.8 have it. Elements of operands come with their sign; results are cut to the element.

/** What an element's definition has besides its operands. */
export interface Element {
  readonly imm: number;
  /** Bits of the narrower elements, and of the result's. */
  readonly bits: bigint;
  readonly resultBits: bigint;
  /** Saturates to the result's element, and notes it. */
  readonly sat: (value: bigint) => bigint;
}

type Definition = (x: bigint, y: bigint, old: bigint, e: Element) => bigint;

const abs = (x: bigint): bigint => (x < 0n ? -x : x);
function larger(x: bigint, y: bigint): bigint {
  if (x > y) return x;
  return y;
}
const truth = (holds: boolean): bigint => (holds ? -1n : 0n);
const rounded = (x: bigint, n: bigint): bigint => (n === 0n ? x : (x + (1n << (n - 1n))) >> n);

function byRegister(x: bigint, y: bigint, right: (x: bigint, n: bigint) => bigint): bigint {
  const n = BigInt.asIntN(8, y);
  return n >= 0n ? x << n : right(x, -n);
}

const down = (x: bigint, n: bigint): bigint => x >> n;

function saturatingByRegister(x: bigint, y: bigint, e: Element, right: typeof down): bigint {
  return BigInt.asIntN(8, y) >= 0n ? e.sat(byRegister(x, y, right)) : byRegister(x, y, right);
}

function polynomial(x: bigint, y: bigint): bigint {
  let product = 0n;
  for (let bit = 0n; bit < 8n; bit++) if ((y >> bit) & 1n) product ^= x << bit;
  return product;
}

function leading(x: bigint, bits: bigint, holds: (bit: bigint, at: bigint) => boolean): bigint {
  let count = 0n;
  for (let at = bits - 1n; at >= 0n && holds((x >> at) & 1n, at); at--) count++;
  return count;
}

function ones(x: bigint): bigint {
  return BigInt([...x.toString(2)].filter((digit) => digit === '1').length);
}

const imm = (e: Element): bigint => BigInt(e.imm);
const mask = (n: bigint): bigint => (1n << n) - 1n;

const multiplications = {
  vmla: (x, y, old) => old + x * y,
  vmls: (x, y, old) => old - x * y,
  vmul: (x, y) => x * y,
  vqdmulh: (x, y, _old, e) => e.sat((2n * x * y) >> e.bits),
  vqrdmulh: (x, y, _old, e) => e.sat((2n * x * y + (1n << (e.bits - 1n))) >> e.bits),
  vmlal: (x, y, old) => old + x * y,
  vmlsl: (x, y, old) => old - x * y,
  vmull: (x, y) => x * y,
  vqdmlal: (x, y, old, e) => e.sat(old + e.sat(2n * x * y)),
  vqdmlsl: (x, y, old, e) => e.sat(old - e.sat(2n * x * y)),
  vqdmull: (x, y, _old, e) => e.sat(2n * x * y),
} satisfies Record<string, Definition>;

/** Element by element, by the name of the family. */
export const ELEMENTWISE: { readonly [name: string]: Definition | undefined } = {
  ...multiplications,
  ...Object.fromEntries(Object.entries(multiplications).map(([name, f]) => [`${name} scalar`, f])),
  'vmul.p8': polynomial,
  'vmull.p8': polynomial,
  vhadd: (x, y) => (x + y) >> 1n,
  vrhadd: (x, y) => (x + y + 1n) >> 1n,
  vhsub: (x, y) => (x - y) >> 1n,
  vqadd: (x, y, _old, e) => e.sat(x + y),
  vqsub: (x, y, _old, e) => e.sat(x - y),
  vand: (x, y) => x & y,
  vbic: (x, y) => x & ~y,
  vorr: (x, y) => x | y,
  vorn: (x, y) => x | ~y,
  veor: (x, y) => x ^ y,
  vbsl: (x, y, old) => (x & old) | (y & ~old),
  vbit: (x, y, old) => (x & y) | (old & ~y),
  vbif: (x, y, old) => (old & y) | (x & ~y),
  vcgt: (x, y) => truth(x > y),
  vcge: (x, y) => truth(x >= y),
  vceq: (x, y) => truth(x === y),
  vtst: (x, y) => truth((x & y) !== 0n),
  vshl: (x, y) => byRegister(x, y, down),
  vrshl: (x, y) => byRegister(x, y, rounded),
  vqshl: (x, y, _old, e) => saturatingByRegister(x, y, e, down),
  vqrshl: (x, y, _old, e) => saturatingByRegister(x, y, e, rounded),
  vmax: larger,
  vmin: (x, y) => -larger(-x, -y),
  vabd: (x, y) => abs(x - y),
  vabdl: (x, y) => abs(x - y),
  vaba: (x, y, old) => old + abs(x - y),
  vabal: (x, y, old) => old + abs(x - y),
  vadd: (x, y) => x + y,
  vaddl: (x, y) => x + y,
  vaddw: (x, y) => x + y,
  vsub: (x, y) => x - y,
  vsubl: (x, y) => x - y,
  vsubw: (x, y) => x - y,
  vaddhn: (x, y, _old, e) => (x + y) >> e.bits,
  vraddhn: (x, y, _old, e) => rounded(x + y, e.bits),
  vsubhn: (x, y, _old, e) => (x - y) >> e.bits,
  vrsubhn: (x, y, _old, e) => rounded(x - y, e.bits),
  vshr: (x, _y, _old, e) => x >> imm(e),
  vrshr: (x, _y, _old, e) => rounded(x, imm(e)),
  vsra: (x, _y, old, e) => old + (x >> imm(e)),
  vrsra: (x, _y, old, e) => old + rounded(x, imm(e)),
  vsri: (x, _y, old, e) => (old & ~(mask(e.bits) >> imm(e))) | (x >> imm(e)),
  'vshl #': (x, _y, _old, e) => x << imm(e),
  vsli: (x, _y, old, e) => (old & mask(imm(e))) | (x << imm(e)),
  vqshlu: (x, _y, _old, e) => e.sat(x << imm(e)),
  'vqshl #': (x, _y, _old, e) => e.sat(x << imm(e)),
  vshrn: (x, _y, _old, e) => x >> imm(e),
  vrshrn: (x, _y, _old, e) => rounded(x, imm(e)),
  vqshrn: (x, _y, _old, e) => e.sat(x >> imm(e)),
  vqrshrn: (x, _y, _old, e) => e.sat(rounded(x, imm(e))),
  vqshrun: (x, _y, _old, e) => e.sat(x >> imm(e)),
  vqrshrun: (x, _y, _old, e) => e.sat(rounded(x, imm(e))),
  vshll: (x, _y, _old, e) => x << imm(e),
  vcls: (x, _y, _old, e) => leading(x, e.bits - 1n, (bit) => bit === ((x >> (e.bits - 1n)) & 1n)),
  vclz: (x, _y, _old, e) => leading(x, e.bits, (bit) => bit === 0n),
  vcnt: (x) => ones(x),
  vmvn: (x) => ~x,
  vqabs: (x, _y, _old, e) => e.sat(abs(x)),
  vqneg: (x, _y, _old, e) => e.sat(-x),
  vabs: (x) => abs(x),
  vneg: (x) => -x,
  'vcgt #0': (x) => truth(x > 0n),
  'vcge #0': (x) => truth(x >= 0n),
  'vceq #0': (x) => truth(x === 0n),
  'vcle #0': (x) => truth(x <= 0n),
  'vclt #0': (x) => truth(x < 0n),
};

type Whole = (a: readonly bigint[], b: readonly bigint[], old: readonly bigint[], imm: number) => bigint[];

function pairs(f: (x: bigint, y: bigint) => bigint): Whole {
  return (a, b) => {
    const all = [...a, ...b];
    return a.map((_x, i) => f(all[2 * i]!, all[2 * i + 1]!));
  };
}

/** Of all elements together; those that exchange give the elements of d, then those of a. */
export const WHOLE: { readonly [name: string]: Whole | undefined } = {
  vpadd: pairs((x, y) => x + y),
  vpmax: pairs(larger),
  vpmin: pairs((x, y) => -larger(-x, -y)),
  vpaddl: (a) => a.filter((_x, i) => i % 2 === 0).map((x, i) => x + a[2 * i + 1]!),
  vpadal: (a, _b, old) => old.map((x, i) => x + a[2 * i]! + a[2 * i + 1]!),
  vrev: (a, _b, _old, group) => a.map((_x, i) => a[i - (i % (group + 1)) + (group - (i % (group + 1)))]!),
  vext: (a, b, _old, at) => [...a, ...b].slice(at, at + a.length),
  vtbl: (a, b, _old, length) => b.map((i) => (i < BigInt(length) ? a[Number(i)]! : 0n)),
  vtbx: (a, b, old, length) => b.map((i, at) => (i < BigInt(length) ? a[Number(i)]! : old[at]!)),
  vswp: (a, _b, old) => [...a, ...old],
  vtrn: (a, _b, old) => [
    ...old.map((x, i) => (i % 2 === 0 ? x : a[i - 1]!)),
    ...a.map((x, i) => (i % 2 === 1 ? x : old[i + 1]!)),
  ],
  vuzp: (a, _b, old) => {
    const all = [...old, ...a];
    return [...all.filter((_x, i) => i % 2 === 0), ...all.filter((_x, i) => i % 2 === 1)];
  },
  vzip: (a, _b, old) => old.flatMap((x, i) => [x, a[i]!]),
};
