import '../../../src/translator/wasm/webassembly-types.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FunctionBody } from '../../../src/translator/wasm/function-body.ts';
import { ModuleWriter } from '../../../src/translator/wasm/module-writer.ts';
import { Load, Op, Store } from '../../../src/translator/wasm/opcodes.ts';

type Numbers = (...args: readonly number[]) => number;
type Big = () => bigint;

function instantiate(writer: ModuleWriter, host: WebAssembly.ModuleImports = {}): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(writer.finish()), { host }).exports;
}

test('constants of every size come back as they were written', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (low, high) => {
      const writer = new ModuleWriter();
      const narrow = writer.declare([], ['i32']);
      writer.define(narrow, new FunctionBody([]).i32(low));
      const wide = writer.declare([], ['i64']);
      writer.define(wide, new FunctionBody([]).i64(low, high));
      writer.export('narrow', narrow);
      writer.export('wide', wide);
      const { narrow: f, wide: g } = instantiate(writer);
      expect((f as Numbers)()).toBe(low | 0);
      expect((g as Big)()).toBe(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0)));
    }),
  );
});

test('labels reach the structure that gave them, whatever lies between', () => {
  const writer = new ModuleWriter();
  const code = new FunctionBody(['i32']);
  const sum = code.local('i32');
  const done = code.block();
  const again = code.loop();
  code.get(0).op(Op.I32Eqz).brIf(done);
  code.get(sum).get(0).op(Op.I32Add).set(sum);
  code.get(0).i32(1).op(Op.I32Sub).set(0);
  code.i32(1);
  code.if();
  code.br(again);
  code.end();
  code.end();
  code.end();
  code.get(sum);
  const fn = writer.declare(['i32'], ['i32']);
  writer.define(fn, code);
  writer.export('sum', fn);
  expect((instantiate(writer).sum as Numbers)(100)).toBe(5050);
});

test('a table of branches, imports, memory and tail calls through a table work together', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const table = new WebAssembly.Table({ initial: 4, element: 'anyfunc' });
  const writer = new ModuleWriter();
  writer.importMemory('memory', 1);
  writer.importTable('table', 1);
  const twice = writer.importFunction('twice', ['i32'], ['i32']);
  const type = writer.type(['i32'], ['i32']);
  const pick = writer.declare(['i32'], ['i32']);
  const code = new FunctionBody(['i32']);
  const other = code.block();
  const one = code.block();
  const zero = code.block();
  code.get(0).brTable([zero, one], other);
  code.end();
  code.i32(64).i32(7).store(Store.I32, 4).i32(68).load(Load.I32).call(twice).ret();
  code.end();
  code.i32(5).i32(2).returnCallIndirect(type, 0);
  code.end();
  code.fence().i32(-1);
  writer.define(pick, code);
  writer.export('pick', pick);
  const add = new ModuleWriter();
  const inner = add.declare(['i32'], ['i32']);
  add.define(inner, new FunctionBody(['i32']).get(0).i32(1000).op(Op.I32Add));
  add.export('f', inner);
  table.set(2, instantiate(add).f);
  const f = instantiate(writer, { memory, table, twice: (n: number) => 2 * n }).pick as Numbers;
  expect([f(0), f(1), f(2)]).toEqual([14, 1005, -1]);
});

test('a function that was announced and never defined is an error, as is an open structure', () => {
  const writer = new ModuleWriter();
  const fn = writer.declare([], []);
  expect(() => writer.finish()).toThrow('function 0 was never defined');
  const code = new FunctionBody([]);
  code.block();
  expect(() => writer.define(fn, code)).toThrow('still open');
});
