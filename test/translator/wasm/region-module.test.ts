import { describe, expect, test } from 'vitest';
import { MachineMemory } from '../../../src/memory/machine-memory.ts';
import { IrBuilder } from '../../../src/translator/ir/builder.ts';
import { BASE_FUNCTIONS, type BaseFunction, baseType } from '../../../src/translator/wasm/base-functions.ts';
import type { Region } from '../../../src/translator/wasm/region.ts';
import { writeRegionModule } from '../../../src/translator/wasm/region-module.ts';
import { SiteTable } from '../../../src/translator/wasm/site-table.ts';
import { validateByWabt } from './wabt.ts';

/** Of the API, which the project's own types have as far as regions need it. */
const { imports: importsOfModule } = WebAssembly.Module as unknown as {
  imports(module: WebAssembly.Module): readonly { readonly name: string }[];
};
const PC = 0x1000;

/** A region of one block of one instruction. */
function regionOf(write: (b: IrBuilder) => void): Region {
  const b = new IrBuilder();
  b.marker(PC, 0);
  write(b);
  b.exit('exitJump', [], PC + 4);
  const block = b.finish(PC, 4);
  const node = {
    block,
    targets: new Map(),
    expected: undefined,
    choices: new Map(),
    calleesWanted: undefined,
  };
  return {
    pc: PC,
    flags: 0,
    entries: [0],
    nodes: [node],
    instructions: 1,
    ranges: [{ pc: PC, bytes: 4 }],
    pages: [PC],
  };
}

/** What a module of these regions imports, in its order. */
function importsOf(...regions: readonly Region[]): string[] {
  const bytes = writeRegionModule(
    regions.map((region, i) => ({ region, number: i + 1, callFree: false, grouped: true })),
    {
      memory: new MachineMemory(0x10000),
      base: {},
      sites: new SiteTable(),
      helperIndex: () => 0,
      vector: () => {},
    },
  );
  validateByWabt(bytes);
  return importsOfModule(new WebAssembly.Module(bytes)).map(({ name }) => name);
}

const counts = regionOf((b) => b.set(0, b.add(b.get(0), b.const(1))));
const loads = regionOf((b) => b.set(0, b.load('load32', b.get(1))));
const saturates = regionOf((b) => b.set(0, b.pure('satS', [b.get(0)], 4)));

describe('a module of regions', () => {
  test('imports what its regions call, and nothing else', () => {
    expect(importsOf(counts).sort()).toEqual(['go', 'leave', 'memory', 'refill']);
    expect(importsOf(loads).sort()).toEqual(['go', 'leave', 'load', 'memory', 'refill']);
  });

  test('imports a function once, whichever of its regions call it', () => {
    expect(importsOf(counts, loads, loads).sort()).toEqual(['go', 'leave', 'load', 'memory', 'refill']);
    expect(
      importsOf(saturates, counts, saturates).filter((name) => name === 'pure').length,
    ).toBeLessThanOrEqual(1);
  });

  test('imports no function of a type that JavaScript could have, for which V8 would compile calls', () => {
    for (const name of Object.keys(BASE_FUNCTIONS) as BaseFunction[]) {
      const { params, results } = baseType(name);
      expect([name, [...params, ...results].includes('v128')]).toEqual([name, true]);
    }
  });
});
