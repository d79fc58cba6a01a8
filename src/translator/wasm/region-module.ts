import { type MachineMemory, MemoryLayout } from '../../memory/machine-memory.ts';
import type { HelperInfo } from '../ir/ops.ts';
import type { WasmFunction } from './compiled-region.ts';
import { FunctionBody } from './function-body.ts';
import { ModuleWriter } from './module-writer.ts';
import { runPure } from './pure-code.ts';
import type { Region } from './region.ts';
import { REGION_PARAMS, REGION_RESULTS, RegionParam } from './region-abi.ts';
import { compileRegion, paramsOf } from './region-compiler.ts';
import { UsedImports } from './region-imports.ts';
import type { SiteTable } from './site-table.ts';

/** What modules of regions are made with. */
export interface RegionModuleContext {
  readonly memory: MachineMemory;
  /** Exports of the base module. */
  readonly base: WebAssembly.Exports;
  readonly sites: SiteTable;
  helperIndex(helper: HelperInfo): number;
  /** As InterpreterEnvironment.vector. */
  vector(number: number, imm: number, d: number, a: number, b: number): void;
}

/** A region to compile. */
export interface RegionToCompile {
  readonly region: Region;
  readonly number: number;
  /** See CompileEnvironment. */
  readonly callFree: boolean;
  readonly grouped: boolean;
}

/** Regions take memos from different places on: those of two that run in turns should not be the same. */
const MEMO_STEP = 37;

/** The name of the function for an entry of a region, by their positions. */
export function exportOf(region: number, entry: number): string {
  return `r${region}e${entry}`;
}

/** A function that enters a region at one of its entries. */
function entering(writer: ModuleWriter, region: number, entry: number): number {
  const fn = writer.declare(REGION_PARAMS, REGION_RESULTS);
  const body = new FunctionBody(REGION_PARAMS);
  body.get(RegionParam.Budget).get(RegionParam.Tlb).i32(entry).returnCall(region);
  writer.define(fn, body);
  return fn;
}

/** One module with a function for each entry of each region: {@link exportOf}. */
export function writeRegionModule(
  regions: readonly RegionToCompile[],
  context: RegionModuleContext,
): Uint8Array<ArrayBuffer> {
  const imports = UsedImports.begin();
  const bodies = regions.map(({ region, number, callFree, grouped }) => {
    let memo = number * MEMO_STEP;
    return compileRegion(region, {
      imports,
      number,
      callFree,
      grouped,
      helperIndex: (helper) => context.helperIndex(helper),
      site: (pc, it, notExecuted) => context.sites.add(pc, it, notExecuted, number),
      memo: () => memo++ % MemoryLayout.tlbMemoCount,
    });
  });
  const writer = new ModuleWriter();
  writer.importMemory('memory', context.memory.wasm.buffer.byteLength / 65536);
  imports.writeTo(writer);
  for (const [i, { region }] of regions.entries()) {
    const fn = writer.declare(paramsOf(region), REGION_RESULTS);
    writer.define(fn, bodies[i]);
    if (region.entries.length === 1) writer.export(exportOf(i, 0), fn);
    else
      for (const entry of region.entries.keys())
        writer.export(exportOf(i, entry), entering(writer, fn, entry));
  }
  return writer.finish();
}

/** Makes machine code of a module's bytes. @throws whatever the host throws when it will not or can't. */
export function instantiateRegions(
  bytes: Uint8Array<ArrayBuffer>,
  context: RegionModuleContext,
): WebAssembly.Exports {
  const host = {
    memory: context.memory.wasm,
    ...context.base,
    vector: context.vector,
    pure: runPure,
  };
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { host }).exports;
}

/** Functions of regions and their entries, in their order, and how much WebAssembly they are. */
export interface CompiledModule {
  readonly functions: readonly (readonly WasmFunction[])[];
  readonly bytes: number;
}

/** All regions in one module. @throws whatever the host throws when it will not or can't */
export function compileRegions(
  regions: readonly RegionToCompile[],
  context: RegionModuleContext,
): CompiledModule {
  return compiledModule(regions, writeRegionModule(regions, context), context);
}

/**
 * Machine code of a module that {@link writeRegionModule} wrote, and its functions.
 * @throws whatever the host throws when it will not or can't
 */
export function compiledModule(
  regions: readonly RegionToCompile[],
  bytes: Uint8Array<ArrayBuffer>,
  context: RegionModuleContext,
): CompiledModule {
  const exports = instantiateRegions(bytes, context);
  const functions = regions.map(({ region }, i) =>
    region.entries.map((_node, entry) => exports[exportOf(i, entry)]),
  );
  return { functions, bytes: bytes.length };
}
