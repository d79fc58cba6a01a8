import { MemoryLayout } from '../../memory/machine-memory.ts';
import type { FunctionBody } from './function-body.ts';
import { Load } from './opcodes.ts';

/**
 * On x86 nothing passes a locked instruction (Intel SDM volume 3, "Loads and Stores Are Not Reordered with Locked Instructions"), and one
 * takes a quarter of MFENCE, which is what V8 makes of atomic.fence: docs/performance.md. Elsewhere an atomic addition is less than a fence, and a
 * browser does not say where it runs.
 */
const LOCKED_IS_FENCE = (globalThis as { process?: { arch?: string } }).process?.arch === 'x64';

/** DMB and DSB (A3.8.3): what this CPU has done comes before all that follows. Leaves the word of dirty tables, read after it. */
export function pushDirtyTablesAfterFence(code: FunctionBody): void {
  const { dirtyTablesWord } = MemoryLayout;
  if (LOCKED_IS_FENCE) code.i32(dirtyTablesWord).i32(0).atomicAdd();
  else code.fence().i32(0).load(Load.I32, dirtyTablesWord);
}
