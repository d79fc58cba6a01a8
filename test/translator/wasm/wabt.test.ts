// The opcodes and the writer against the WebAssembly Binary Toolkit, which knows nothing of ours.
import { expect, test } from 'vitest';
import { FunctionBody } from '../../../src/translator/wasm/function-body.ts';
import { ModuleWriter } from '../../../src/translator/wasm/module-writer.ts';
import { Load, Op, Simd, SimdCompare, SimdInteger, Store } from '../../../src/translator/wasm/opcodes.ts';
import { disassembleByWabt, validateByWabt } from './wabt.ts';

const SHAPES = ['i8x16', 'i16x8', 'i32x4', 'i64x2'] as const;
/** Vector instructions whose immediates come with methods of their own. */
const VECTOR_LOADS = ['Load', 'Load8x8S', 'Load8x8U', 'Load8Splat', 'Load64Splat', 'Load64Zero'] as const;
const WITH_LANE = ['Store64Lane', 'I64x2ReplaceLane'];
/** Where the specification's names do not follow from the camel case. */
const IRREGULAR = new Map([
  ['AndNot', 'v128.andnot'],
  ['BitSelect', 'v128.bitselect'],
  ['I16x8ExtAddPairwiseS', 'i16x8.extadd_pairwise_i8x16_s'],
  ['I16x8ExtAddPairwiseU', 'i16x8.extadd_pairwise_i8x16_u'],
  ['I16x8Q15MulrSatS', 'i16x8.q15mulr_sat_s'],
]);

function snake(camel: string): string {
  return (camel.match(/[A-Z][a-z0-9]*/g) ?? []).join('_').toLowerCase();
}

/** `I32TruncF64S` is i32.trunc_f64_s; what begins with no type belongs to `otherwise`. */
function specified(camel: string, otherwise: string): string {
  const typed = /^([IF]\d+(?:x\d+)?)(.+)$/.exec(camel);
  const name = typed === null ? otherwise + snake(camel) : `${typed[1]!.toLowerCase()}.${snake(typed[2]!)}`;
  return IRREGULAR.get(camel) ?? name;
}

function written(write: (code: FunctionBody) => void): string[] {
  const writer = new ModuleWriter();
  writer.importMemory('memory', 1);
  const code = new FunctionBody([]);
  write(code);
  writer.define(writer.declare([], []), code);
  return disassembleByWabt(writer.finish()).map((line) => line.replace(/ align=1\b/, ''));
}

test('each instruction without immediates is what wabt reads by its name', () => {
  const names = Object.keys(Op) as (keyof typeof Op)[];
  const lines = written((code) => {
    for (const name of names) code.op(Op[name]);
  });
  expect(lines).toEqual(names.map((name) => specified(name, '')));
});

test('loads and stores are what their names say, with their offset', () => {
  const lines = written((code) => {
    for (const opcode of Object.values(Load)) code.load(opcode, 16);
    for (const opcode of Object.values(Store)) code.store(opcode, 1 << 20);
    for (const name of VECTOR_LOADS) code.simdLoad(Simd[name], 4);
    code.simdStore().simdStoreLane(Simd.Store64Lane, 1, 8).fence().atomicAdd(12);
  });
  expect(lines).toEqual([
    'i32.load offset=16',
    'i64.load offset=16',
    'f32.load offset=16',
    'f64.load offset=16',
    'i32.load8_u offset=16',
    'i32.load16_u offset=16',
    'i32.store offset=1048576',
    'i64.store offset=1048576',
    'f32.store offset=1048576',
    'f64.store offset=1048576',
    'i32.store8 offset=1048576',
    'i32.store16 offset=1048576',
    ...VECTOR_LOADS.map((name) => `v128.${snake(name)} offset=4`),
    'v128.store',
    'v128.store64_lane offset=8 1',
    'atomic.fence',
    'i32.atomic.rmw.add offset=12',
  ]);
});

test('vector instructions are what their names say', () => {
  const names = (Object.keys(Simd) as (keyof typeof Simd)[]).filter(
    (name) => !(VECTOR_LOADS as readonly string[]).includes(name) && !WITH_LANE.includes(name),
  );
  const lines = written((code) => {
    for (const name of names) code.simd(Simd[name]);
    code.simdLane(Simd.I64x2ReplaceLane, 1);
  });
  expect(lines).toEqual([...names.map((name) => specified(name, 'v128.')), 'i64x2.replace_lane 1']);
});

test('those of all integer shapes follow each other by shape', () => {
  const of = (name: string, sources: readonly string[]): readonly (readonly [string, number])[] =>
    sources.map((source, i) => [name.replace('*', source), i] as const);
  const plain = (name: string, count = 4) => of(name, SHAPES.slice(0, count));
  /** From elements of half the size, which i8x16 has not. */
  const longer = (name: string) => of(name, SHAPES.slice(0, 3)).map(([text, i]) => [text, i + 1] as const);
  const expected: Record<keyof typeof SimdInteger, readonly (readonly [string, number])[]> = {
    Abs: plain('abs'),
    Neg: plain('neg'),
    NarrowS: of('narrow_*_s', ['i16x8', 'i32x4']),
    ExtendLowU: longer('extend_low_*_u'),
    Shl: plain('shl'),
    ShrS: plain('shr_s'),
    ShrU: plain('shr_u'),
    Add: plain('add'),
    AddSatS: plain('add_sat_s', 2),
    AddSatU: plain('add_sat_u', 2),
    Sub: plain('sub'),
    SubSatS: plain('sub_sat_s', 2),
    SubSatU: plain('sub_sat_u', 2),
    Mul: plain('mul').slice(1),
    MinS: plain('min_s', 3),
    MinU: plain('min_u', 3),
    MaxS: plain('max_s', 3),
    MaxU: plain('max_u', 3),
    AvgrU: plain('avgr_u', 2),
    ExtMulLowS: longer('extmul_low_*_s'),
    ExtMulLowU: longer('extmul_low_*_u'),
  };
  const names = Object.keys(SimdInteger) as (keyof typeof SimdInteger)[];
  const lines = written((code) => {
    for (const name of names)
      for (const [, shape] of expected[name]) code.simd(SimdInteger[name] + 32 * shape);
  });
  expect(lines).toEqual(
    names.flatMap((name) => expected[name].map(([text, shape]) => `${SHAPES[shape]}.${text}`)),
  );
});

test('comparisons of integers follow each other by shape', () => {
  const names = Object.keys(SimdCompare) as (keyof typeof SimdCompare)[];
  const shapes = SHAPES.slice(0, 3);
  const lines = written((code) => {
    for (const name of names) for (const i of shapes.keys()) code.simd(SimdCompare[name] + 10 * i);
  });
  expect(lines).toEqual(names.flatMap((name) => shapes.map((shape) => `${shape}.${snake(name)}`)));
});

test('wabt refuses a module whose code leaves a value too many', () => {
  const writer = new ModuleWriter();
  writer.define(writer.declare([], []), new FunctionBody([]).i32(1));
  expect(() => validateByWabt(writer.finish())).toThrow(/type mismatch/);
});
