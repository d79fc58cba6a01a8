import { ByteWriter } from './byte-writer.ts';
import { type BranchHint, type FunctionBody, type ValType, valTypeByte } from './function-body.ts';

/** Parameters and results of a function. */
export interface FunctionType {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

const enum Section {
  Custom = 0,
  Type = 1,
  Import = 2,
  Function = 3,
  Export = 7,
  Code = 10,
}

const FUNCREF = 0x70;

/**
 * A module while it is written (WebAssembly 2.0, 5.5): imports first, then functions. Everything is imported from
 * one module name, `host`.
 */
export class ModuleWriter {
  private readonly types: FunctionType[] = [];
  private readonly typeIndex = new Map<string, number>();
  private readonly imports = new ByteWriter();
  private importCount = 0;
  private importedFunctions = 0;
  private readonly functionTypes: number[] = [];
  private readonly bodies: (Uint8Array | undefined)[] = [];
  private readonly hints: [fn: number, hints: readonly BranchHint[]][] = [];
  private readonly exports: [name: string, fn: number][] = [];

  /** Index of a type, for indirect calls. */
  type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = `${params.join()}>${results.join()}`;
    let index = this.typeIndex.get(key);
    if (index === undefined) {
      index = this.types.push({ params, results }) - 1;
      this.typeIndex.set(key, index);
    }
    return index;
  }

  /** A shared memory of a fixed number of 64 KiB pages, or of any between two. */
  importMemory(name: string, pages: number, most = pages): void {
    this.import(name, 2);
    this.imports.byte(3);
    this.imports.unsigned(pages);
    this.imports.unsigned(most);
  }

  /** A table of functions. @returns its index. */
  importTable(name: string, minimum: number): number {
    this.import(name, 1);
    this.imports.byte(FUNCREF);
    this.imports.byte(0);
    this.imports.unsigned(minimum);
    return 0;
  }

  /** @returns the function's index; all imports must come before the first function. */
  importFunction(name: string, params: readonly ValType[], results: readonly ValType[]): number {
    this.import(name, 0);
    this.imports.unsigned(this.type(params, results));
    return this.importedFunctions++;
  }

  /** Announces a function. @returns its index; the body comes by `define`. */
  declare(params: readonly ValType[], results: readonly ValType[]): number {
    this.functionTypes.push(this.type(params, results));
    this.bodies.push(undefined);
    return this.importedFunctions + this.bodies.length - 1;
  }

  define(fn: number, body: FunctionBody): void {
    this.bodies[fn - this.importedFunctions] = body.finish();
    const { hints } = body;
    if (hints.length > 0) this.hints.push([fn, hints]);
  }

  export(name: string, fn: number): void {
    this.exports.push([name, fn]);
  }

  /** The module's bytes. @throws Error when a declared function was not defined. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter(4096);
    out.append(Uint8Array.from(HEADER));
    section(out, Section.Type, (s) => {
      s.unsigned(this.types.length);
      for (const { params, results } of this.types) {
        s.byte(0x60);
        for (const list of [params, results]) {
          s.unsigned(list.length);
          for (const type of list) s.byte(valTypeByte(type));
        }
      }
    });
    section(out, Section.Import, (s) => {
      s.unsigned(this.importCount);
      s.append(this.imports.view());
    });
    section(out, Section.Function, (s) => {
      s.unsigned(this.functionTypes.length);
      for (const type of this.functionTypes) s.unsigned(type);
    });
    section(out, Section.Export, (s) => {
      s.unsigned(this.exports.length);
      for (const [name, fn] of this.exports) {
        s.name(name);
        s.byte(0);
        s.unsigned(fn);
      }
    });
    if (this.hints.length > 0) section(out, Section.Custom, (s) => this.writeHints(s));
    section(out, Section.Code, (s) => {
      s.unsigned(this.bodies.length);
      for (const [i, body] of this.bodies.entries()) {
        if (body === undefined) throw new Error(`function ${this.importedFunctions + i} was never defined`);
        s.append(body);
      }
    });
    return out.view();
  }

  /** Must come before the code; functions in ascending order, as must be the branches in each. */
  private writeHints(s: ByteWriter): void {
    s.name('metadata.code.branch_hint');
    s.unsigned(this.hints.length);
    for (const [fn, hints] of this.hints.toSorted(([a], [b]) => a - b)) {
      s.unsigned(fn);
      s.unsigned(hints.length);
      for (const { offset, likely } of hints) {
        s.unsigned(offset);
        s.unsigned(1);
        s.byte(likely ? 1 : 0);
      }
    }
  }

  private import(name: string, kind: number): void {
    this.imports.name('host');
    this.imports.name(name);
    this.imports.byte(kind);
    this.importCount++;
  }
}

/** Of one section after the other. */
const CONTENT = new ByteWriter(4096);

function section(out: ByteWriter, id: Section, write: (section: ByteWriter) => void): void {
  CONTENT.clear();
  write(CONTENT);
  out.byte(id);
  out.unsigned(CONTENT.length);
  out.append(CONTENT.view());
}
