import { compileRegions } from '../../src/translator/wasm/region-module.ts';
import type { Promotion } from '../../src/translator/wasm/region-store.ts';

/** All code is compiled at its first run, each region by itself. */
export const AT_ONCE: Promotion = {
  hot: 1,
  again: 1,
  batch: 1,
  rewrites: Number.POSITIVE_INFINITY,
  compile: compileRegions,
};
