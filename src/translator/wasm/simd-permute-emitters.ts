import { Load, Simd, SimdCompare, SimdInteger } from './opcodes.ts';
import { type SimdEmitter, SimdWriter, type Source } from './simd-writer.ts';
import type { VectorEmitter, VectorOperation } from './vector-operation.ts';

/* Advanced SIMD moves of elements. */

/** Elements of a register. */
function countOf(s: SimdWriter): number {
  return (s.quad ? 128 : 64) / s.bits;
}

/** VREV. */
function reverse(s: SimdWriter): void {
  s.a().set(s.x);
  const sources = Array.from({ length: countOf(s) }, (_unused, i) => [0, i ^ s.o.imm] as const);
  s.result(() => s.shuffle(s.x, s.x, sources));
}

/** VTRN, VZIP, VUZP: registers d and a, in that order, both written. */
function exchange(pick: (s: SimdWriter, n: number, which: 0 | 1) => readonly Source[]): SimdEmitter {
  return (s) => {
    const n = countOf(s);
    s.old().set(s.x).a().set(s.y);
    s.result(() => s.shuffle(s.x, s.y, pick(s, n, 0)));
    s.storeTo(s.o.a, s.quad, () => s.shuffle(s.x, s.y, pick(s, n, 1)));
  };
}

const transpose = exchange((_s, n, which) =>
  Array.from({ length: n }, (_unused, i) => [(i & 1) as 0 | 1, (i & -2) + which] as const),
);
const zip = exchange((_s, n, which) =>
  Array.from({ length: n }, (_unused, i) => [(i & 1) as 0 | 1, (i >> 1) + (which * n) / 2] as const),
);
const unzip = exchange((_s, n, which) =>
  Array.from({ length: n }, (_unused, i) => {
    const from = 2 * i + which;
    return [from < n ? 0 : 1, from % n] as const;
  }),
);

/** VSWP. */
function swap(s: SimdWriter): void {
  s.old().set(s.x);
  s.result(() => s.a());
  s.storeTo(s.o.a, s.quad, () => s.get(s.x));
}

/** Moves of elements by the names of their rows. */
export const SIMD_PERMUTE_EMITTERS: Readonly<Record<string, SimdEmitter>> = {
  vrev: reverse,
  vtrn: transpose,
  vzip: zip,
  vuzp: unzip,
  vswp: swap,
};

const BYTES = { size: 0, signed: false } as const;

function extract(quad: boolean): VectorEmitter {
  return (o) => {
    const s = new SimdWriter(o, { ...BYTES, quad });
    const n = quad ? 16 : 8;
    s.a().set(s.x).b().set(s.y);
    const sources = Array.from({ length: n }, (_unused, i) => {
      const from = i + o.imm;
      return [from < n ? 0 : 1, from % n] as const;
    });
    s.result(() => s.shuffle(s.x, s.y, sources));
    return true;
  };
}

function duplicate(size: number, quad: boolean): VectorEmitter {
  return (o) => {
    const s = new SimdWriter({ ...o, b: o.a }, { size, signed: false, quad });
    s.result(() => s.scalar());
    return true;
  };
}

/** VTBL and VTBX: indices outside of a vector give 0 by themselves. */
function lookUp(registers: number, extending: boolean): VectorEmitter {
  return (o) => {
    const s = new SimdWriter(o, { ...BYTES, quad: false });
    s.b().set(s.y);
    s.result(() => {
      s.load(o.a, registers > 1)
        .get(s.y)
        .simd(Simd.I8x16Swizzle);
      if (registers > 2) {
        s.load(o.a + 16, registers > 3);
        s.get(s.y).constant(16).int(SimdInteger.Sub).simd(Simd.I8x16Swizzle).simd(Simd.Or);
      }
      if (!extending) return;
      s.old()
        .constant(8 * registers)
        .get(s.y)
        .compare(SimdCompare.GtU)
        .simd(Simd.BitSelect);
    });
    return true;
  };
}

/** Address of doubleword register `i` of a structure's. */
function registerAt(address: number, step: number, i: number): number {
  return address + 8 * step * i;
}

/** Loads `count` doublewords, `step` doublewords apart, into x and y. */
function loadRegisters(s: SimdWriter, address: number, count: number, step: number): void {
  for (const [first, local] of [[0, s.x] as const, [2, s.y] as const]) {
    if (first >= count) return;
    const at = registerAt(address, step, first);
    const pair = first + 1 < count;
    s.load(at, pair && step === 1);
    if (pair && step !== 1) {
      s.code.i32(0).load(Load.I64, registerAt(address, step, first + 1));
      s.code.simdLane(Simd.I64x2ReplaceLane, 1);
    }
    s.set(local);
  }
}

/** Stores `count` doublewords from the locals that `push` pushes, two by two. */
function storeRegisters(
  s: SimdWriter,
  address: number,
  count: number,
  step: number,
  push: (first: number) => void,
): void {
  for (let first = 0; first < count; first += 2) {
    const at = registerAt(address, step, first);
    const pair = first + 1 < count;
    if (pair && step !== 1) {
      push(first);
      s.set(s.r);
      for (const lane of [0, 1]) {
        s.code.i32(0).get(s.r);
        s.code.simdStoreLane(Simd.Store64Lane, lane, registerAt(address, step, first + lane));
      }
    } else {
      s.storeTo(at, pair, () => push(first));
    }
  }
}

/** Element `i` of 32 bytes in x and y. */
function elementOf(s: SimdWriter, i: number): Source {
  const n = 128 / s.bits;
  return [i < n ? 0 : 1, i % n];
}

/** VLD2 to VLD4, from words in memory to registers; VST2 to VST4, the other way. */
function structures(toRegisters: boolean, size: number, count: number, step: number): VectorEmitter {
  return (o: VectorOperation) => {
    const s = new SimdWriter(o, { size, signed: false, quad: true });
    const lanes = 64 / s.bits;
    const placeOf = (i: number): number =>
      toRegisters ? (i % lanes) * count + Math.floor(i / lanes) : (i % count) * lanes + Math.floor(i / count);
    loadRegisters(s, o.a, count, toRegisters ? 1 : step);
    storeRegisters(s, o.d, count, toRegisters ? step : 1, (first) => {
      const sources = Array.from({ length: 2 * lanes }, (_unused, i) => placeOf(first * lanes + i));
      s.shuffle(
        s.x,
        s.y,
        sources.map((i) => elementOf(s, i % (count * lanes))),
      );
    });
    return true;
  };
}

const SIZES = [0, 1, 2];

/** Moves that rows name in other ways than by an element at the end. */
export const SIMD_MOVE_EMITTERS: ReadonlyMap<string, VectorEmitter> = new Map<string, VectorEmitter>([
  ['vext', extract(false)],
  ['vext q', extract(true)],
  ...SIZES.flatMap((size) =>
    [false, true].map((quad) => [`vdup.${8 << size}${quad ? ' q' : ''}`, duplicate(size, quad)] as const),
  ),
  ...[1, 2, 3, 4].flatMap(
    (registers) =>
      [
        [`vtbl ${registers}`, lookUp(registers, false)],
        [`vtbx ${registers}`, lookUp(registers, true)],
      ] as const,
  ),
  ...[2, 3, 4].flatMap((count) =>
    SIZES.flatMap((size) =>
      [1, 2].flatMap(
        (step) =>
          [
            [`vld${count}.${8 << size} step ${step}`, structures(true, size, count, step)],
            [`vst${count}.${8 << size} step ${step}`, structures(false, size, count, step)],
          ] as const,
      ),
    ),
  ),
]);
