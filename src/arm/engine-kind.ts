/**
 * What runs guest code. `interpreter`: the IR's interpreter alone, the reference. `wasm`: the interpreter, and WebAssembly
 * regions for what is hot.
 */
export type EngineKind = 'interpreter' | 'wasm';
