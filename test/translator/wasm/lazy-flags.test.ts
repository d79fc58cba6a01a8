import { expect, test } from 'vitest';
import { MachineMemory } from '../../../src/memory/machine-memory.ts';
import { BASE_FUNCTIONS, baseType, callBase } from '../../../src/translator/wasm/base-functions.ts';
import { instantiateBase } from '../../../src/translator/wasm/base-module.ts';
import { FunctionBody } from '../../../src/translator/wasm/function-body.ts';
import { nzcvOfLazy } from '../../../src/translator/wasm/lazy-flags.ts';
import { ModuleWriter } from '../../../src/translator/wasm/module-writer.ts';
import { FlagKind } from '../../../src/translator/wasm/region-abi.ts';

const VALUES = [0, 1, 2, -1, -2, 0x7fffffff, -0x80000000, -0x7fffffff, 0x12345678, 0x40000000, -0x40000000];
const CV = [0, 0x10000000, 0x20000000, 0x30000000];

function unused(): never {
  throw new Error('flags need nothing of the host');
}

/** The base module's function, whose own type JavaScript can't call. */
function nzcvOf(base: WebAssembly.Exports): typeof nzcvOfLazy {
  const { params, results } = BASE_FUNCTIONS.nzcv;
  const type = baseType('nzcv');
  const writer = new ModuleWriter();
  const imported = writer.importFunction('nzcv', type.params, type.results);
  const fn = writer.declare(params, results);
  const code = new FunctionBody(params);
  for (const i of params.keys()) code.get(i);
  callBase(code, imported);
  writer.define(fn, code);
  writer.export('nzcv', fn);
  const module = new WebAssembly.Module(writer.finish());
  return new WebAssembly.Instance(module, { host: base }).exports.nzcv as unknown as typeof nzcvOfLazy;
}

test('flags that a region leaves are the same word to regions and to the engine, of every kind', () => {
  const base = instantiateBase(
    new MachineMemory(0x10000),
    new WebAssembly.Table({ initial: 1, element: 'anyfunc' }),
    {
      slowLoad: unused,
      slowStore: unused,
      fillTlb: unused,
      loadExclusive: unused,
      storeExclusive: unused,
      callHelper: unused,
      barrier: unused,
      cross: unused,
      vector: unused,
    },
  );
  const nzcv = nzcvOf(base);
  for (const kind of Object.values(FlagKind)) {
    for (const nz of VALUES) {
      for (const a of kind === FlagKind.Bits ? CV : VALUES) {
        for (const b of VALUES)
          expect([kind, nzcvOfLazy(kind, nz, a, b)]).toEqual([kind, nzcv(kind, nz, a, b)]);
      }
    }
  }
});

test('after a comparison of equal words Z and C are set, after one with a larger word neither', () => {
  expect(nzcvOfLazy(FlagKind.Difference, 7, 5, 5) >>> 28).toBe(0b0110);
  expect(nzcvOfLazy(FlagKind.Difference, 0, 4, 5) >>> 28).toBe(0b1000);
});

test('flags of a word keep C and V of the comparison before', () => {
  expect(nzcvOfLazy(FlagKind.Sub, 0, 9, 5) >>> 28).toBe(0b0110);
  expect(nzcvOfLazy(FlagKind.Add, -1, 0x7fffffff, 1) >>> 28).toBe(0b1001);
  expect(nzcvOfLazy(FlagKind.Bits, 1, 0x30000000, 0) >>> 28).toBe(0b0011);
});
