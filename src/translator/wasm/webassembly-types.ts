import type { WasmFunction } from './compiled-region.ts';

/**
 * The part of the WebAssembly JavaScript API that regions need beside memory. Apart from that, because the package's types
 * reach the memory's: what the DOM library has with other types would be in the way of a browser's project there.
 */
declare global {
  namespace WebAssembly {
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
