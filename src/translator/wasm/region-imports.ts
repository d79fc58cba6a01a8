import { BASE_FUNCTIONS, type BaseFunction, baseType } from './base-functions.ts';
import type { FunctionType, ModuleWriter } from './module-writer.ts';

/** Indices of the functions that a module of regions imports. */
export type RegionImports = { readonly [N in BaseFunction]: number } & {
  /** (number, immediate, d, a, b), the last three as word indices: as InterpreterEnvironment.vector. */
  readonly vector: number;
  /** (index, a, b, c, imm): `runPure`. */
  readonly pure: number;
};

const BASE_NAMES = Object.keys(BASE_FUNCTIONS) as BaseFunction[];
const TYPES = {
  ...(Object.fromEntries(BASE_NAMES.map((name) => [name, baseType(name)])) as {
    readonly [N in BaseFunction]: FunctionType;
  }),
  vector: { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: [] },
  pure: { params: ['i32', 'i32', 'i32', 'i32', 'i32'], results: ['i32'] },
} as const;
const NAMES = Object.keys(TYPES) as (keyof RegionImports)[];
const UNUSED = -1;

/**
 * The imports of a module while its regions are written: a function has an index from the first look at it on. `vector`
 * and `pure` are JavaScript: see {@link baseType} what they cost.
 */
export class UsedImports {
  private readonly indices = new Int8Array(NAMES.length).fill(UNUSED);
  private readonly used: (keyof RegionImports)[] = [];

  static begin(): UsedImports & RegionImports {
    return new UsedImports() as UsedImports & RegionImports;
  }

  /** Imports what was looked at, in the order in which it was. */
  writeTo(writer: ModuleWriter): void {
    for (const name of this.used) writer.importFunction(name, TYPES[name].params, TYPES[name].results);
  }

  static {
    for (const [i, name] of NAMES.entries()) {
      Object.defineProperty(UsedImports.prototype, name, {
        get(this: UsedImports) {
          if (this.indices[i] === UNUSED) this.indices[i] = this.used.push(name) - 1;
          return this.indices[i];
        },
      });
    }
  }
}
