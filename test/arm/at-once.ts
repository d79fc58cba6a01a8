import { compiledModule, writeRegionModule } from '../../src/translator/wasm/region-module.ts';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';
import { validateByWabt } from '../translator/wasm/wabt.ts';

/** All code is compiled at its first run, each region by itself, and each module must satisfy wabt too. */
export const AT_ONCE: Promotion = {
  hot: 1,
  look: 1,
  sparse: Number.POSITIVE_INFINITY,
  dearest: 1,
  again: 1,
  batch: 1,
  rewrites: Number.POSITIVE_INFINITY,
  compile(regions, context) {
    const bytes = writeRegionModule(regions, context);
    validateByWabt(bytes);
    return compiledModule(regions, bytes, context);
  },
};

/** No code is compiled: the interpreter of WebAssembly runs it. */
export const NEVER: Promotion = { ...AT_ONCE, hot: 1e9, look: 1e9, dearest: 1e9 };
