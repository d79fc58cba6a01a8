/**
 * The part of the WebAssembly JavaScript API that armemu uses. Node's types leave it to the DOM library, which the
 * core must not see: it would let browser-only code in.
 */
declare global {
  namespace WebAssembly {
    interface MemoryDescriptor {
      initial: number;
      maximum?: number;
      shared?: boolean;
    }
    interface Memory {
      readonly buffer: ArrayBuffer;
      grow(delta: number): number;
    }
    var Memory: { prototype: Memory; new (descriptor: MemoryDescriptor): Memory };

    type WasmFunction = (...args: never[]) => unknown;
    type Exports = Record<string, WasmFunction>;
    type ModuleImports = Record<string, Memory | Table | ((...args: never[]) => unknown)>;
    interface Module {
      readonly [Symbol.toStringTag]: 'WebAssembly.Module';
    }
    var Module: { prototype: Module; new (bytes: Uint8Array<ArrayBuffer>): Module };
    interface Instance {
      readonly exports: Exports;
    }
    var Instance: {
      prototype: Instance;
      new (module: Module, imports: Record<string, ModuleImports>): Instance;
    };
    interface TableDescriptor {
      initial: number;
      maximum?: number;
      element: 'anyfunc';
    }
    interface Table {
      readonly length: number;
      get(index: number): WasmFunction | null;
      set(index: number, value: WasmFunction | null): void;
      grow(delta: number): number;
    }
    var Table: { prototype: Table; new (descriptor: TableDescriptor): Table };
  }
}

export {};
