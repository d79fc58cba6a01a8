import { cortexA9 } from './cortex-a9.ts';
import { cortexA15 } from './cortex-a15.ts';
import type { CpuModel } from './system-registers.ts';

/** The CPU models there are, by the names that boards use. */
export const CPU_MODELS: ReadonlyMap<string, CpuModel> = new Map(
  [cortexA15, cortexA9].map((model) => [model.name, model]),
);
