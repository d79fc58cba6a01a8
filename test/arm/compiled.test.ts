// Tests of the CPU once more, with all code compiled at its first run.
import { benchesRun } from './bench.ts';

benchesRun('wasm');
for (const tests of [
  'address-translation',
  'coprocessor-registers',
  'cpu-models',
  'exceptions',
  'exclusive-monitor',
  'instruction-counts',
  'interrupt-masks',
  'long-descriptors',
  'memory-accesses',
  'neon',
  'plain-registers',
  'self-modifying-code',
  'shared-code',
  'spin-loops',
  'straddle',
  'tlb',
]) {
  await import(`./${tests}.test.ts`);
}
await import('./fp/access.test.ts');
