import type { WasmFunction } from '../../src/translator/wasm/compiled-region.ts';
import { FunctionBody } from '../../src/translator/wasm/function-body.ts';
import { ModuleWriter } from '../../src/translator/wasm/module-writer.ts';
import { Store } from '../../src/translator/wasm/opcodes.ts';
import type { Region } from '../../src/translator/wasm/region.ts';
import {
  REGION_PARAMS,
  REGION_RESULTS,
  RegionParam,
  RegionResult,
  RegionWord,
  Slot,
  slotAddress,
} from '../../src/translator/wasm/region-abi.ts';
import {
  type CompiledModule,
  compileRegions,
  type RegionModuleContext,
  type RegionToCompile,
} from '../../src/translator/wasm/region-module.ts';
import { AT_ONCE } from '../arm/at-once.ts';
import type { RecordedVector } from './codec.ts';
import { CoreUnderTest } from './core-under-test.ts';
import { replayVector } from './replay.ts';

/** Regions in a module: more of them make it slower, fewer more modules. */
const IN_A_MODULE = 200;

interface Prepared {
  readonly job: RegionToCompile;
  fn: WasmFunction | undefined;
}

/** A region at `pc` that does nothing, so that the interpreter runs its code. */
function makeIdle(context: RegionModuleContext, pc: number): WasmFunction {
  const writer = new ModuleWriter();
  writer.importMemory('memory', context.memory.wasm.buffer.byteLength / 65536);
  const code = new FunctionBody(REGION_PARAMS);
  code.i32(0).i32(pc).store(Store.I32, slotAddress(Slot.Pc));
  code.i32(0).get(RegionParam.Budget).store(Store.I32, RegionWord.Budget).i32(RegionResult.Interrupted);
  const fn = writer.declare(REGION_PARAMS, REGION_RESULTS);
  writer.define(fn, code);
  writer.export('idle', fn);
  const host = { memory: context.memory.wasm };
  return new WebAssembly.Instance(new WebAssembly.Module(writer.finish()), { host }).exports.idle;
}

/** Whether two regions are compiled to the same code. */
function isSame(a: Region, b: Region): boolean {
  return (
    a.pc === b.pc &&
    a.flags === b.flags &&
    a.instructions === b.instructions &&
    a.nodes.length === b.nodes.length &&
    a.nodes.every(({ block }, n) => {
      const { ops } = b.nodes[n]!.block;
      return (
        block.ops.length === ops.length &&
        block.ops.every(({ op, imm, imm2, helper, args }, i) => {
          const other = ops[i]!;
          return (
            op === other.op &&
            imm === other.imm &&
            imm2 === other.imm2 &&
            helper === other.helper &&
            args.every((arg, k) => arg.id === other.args[k]!.id && arg.imm === other.args[k]!.imm)
          );
        })
      );
    })
  );
}

/**
 * Replays vectors in the reference interpreter, in the one of WebAssembly, and in compiled regions. All code of a vector is a region from
 * its first run on; as modules take much longer than vectors, the pass in WebAssembly's interpreter finds out which regions there are,
 * and the last one runs them.
 */
export class RegionReplay {
  private readonly reference = new CoreUnderTest();
  private readonly cpu: CoreUnderTest;
  private context: RegionModuleContext | undefined;
  /** By PC. */
  private readonly idle = new Map<number, WasmFunction>();
  private collecting = true;
  /** Regions by the vector that needs them. */
  private prepared: Prepared[][] = [];
  private vector = 0;
  private readonly refusals: string[] = [];

  constructor() {
    this.cpu = new CoreUnderTest({ ...AT_ONCE, compile: (jobs, context) => this.compile(jobs, context) });
  }

  /** @returns what differs, for each vector that does not do as was recorded */
  replay(name: string, vectors: readonly RecordedVector[]): string[] {
    const byReference = this.pass(this.reference, name, vectors);
    this.reference.forgetCode();
    this.collecting = true;
    this.prepared = vectors.map(() => []);
    const interpreted = this.pass(this.cpu, `${name}, interpreted by WebAssembly`, vectors);
    this.cpu.forgetCode();
    this.compilePrepared();
    this.collecting = false;
    const compiled = this.pass(this.cpu, `${name}, compiled`, vectors);
    this.cpu.forgetCode();
    return [...byReference, ...interpreted, ...compiled, ...this.refusals.splice(0)];
  }

  private pass(cpu: CoreUnderTest, name: string, vectors: readonly RecordedVector[]): string[] {
    const failures: string[] = [];
    for (const [i, recorded] of vectors.entries()) {
      this.vector = i;
      const failure = replayVector(cpu, name, recorded);
      if (failure !== undefined) failures.push(failure);
    }
    return failures;
  }

  private compile(jobs: readonly RegionToCompile[], context: RegionModuleContext): CompiledModule {
    this.context = context;
    try {
      return { functions: jobs.map((job) => [this.functionOf(job, context)]), bytes: 0 };
    } catch (error) {
      // The engine would go on without regions.
      this.refusals.push(`no region: ${error instanceof Error ? error.stack : error}`);
      throw error;
    }
  }

  private functionOf(job: RegionToCompile, context: RegionModuleContext): WasmFunction {
    const known = this.prepared[this.vector] ?? [];
    if (this.collecting) {
      // Regions of both kinds have their turn, and ways in of both.
      const entries = this.vector % 4 < 2 ? [0] : [0, job.region.nodes.length - 1];
      known.push({
        job: { ...job, region: { ...job.region, entries }, callFree: this.vector % 2 === 1, grouped: true },
        fn: undefined,
      });
      const { pc } = job.region;
      const idle = this.idle.get(pc) ?? makeIdle(context, pc);
      this.idle.set(pc, idle);
      return idle;
    }
    const fn = known.find((prepared) => isSame(prepared.job.region, job.region))?.fn;
    return fn ?? compileRegions([job], context).functions[0]![0]!;
  }

  private compilePrepared(): void {
    const { context } = this;
    if (context === undefined) return;
    const all = this.prepared.flat();
    for (let i = 0; i < all.length; i += IN_A_MODULE) {
      const batch = all.slice(i, i + IN_A_MODULE);
      const { functions } = compileRegions(
        batch.map(({ job }) => job),
        context,
      );
      for (const [k, [fn]] of functions.entries()) batch[k]!.fn = fn!;
    }
  }
}
