import { setFlagsFromString } from 'node:v8';

/**
 * What V8 is told, and why.
 *
 * `--wasm-tiering-budget`: bytes of machine code that a WebAssembly function may run before V8's optimiser compiles it, once
 * more and on threads of its own: 0.1 s or so of the function alone. V8's own figure is a thousandth of that in Node 20, for
 * programs of few functions. A boot of Linux has a thousand regions, of which nearly all are better off in the baseline's code.
 *
 * The next two are for loops: V8 reads the regions' branch hints, and stores a register that only the ways out of a loop want in
 * memory there, where it would do so in every turn.
 *
 * `--max-inlined-bytecode-size-cumulative`: bytes of bytecode of other functions that V8's JavaScript optimiser takes into the one that
 * it compiles, 920 by itself. It compiles some hundred of armemu's functions for the few seconds of a boot, and takes more time for it
 * than they run; with less in each of them it is done sooner, and what one of them guessed wrong throws less away. The kernels of
 * minutes are WebAssembly, for which this flag does not count.
 */
export const HOST_COMPILER_FLAGS: readonly string[] = [
  '--wasm-tiering-budget=1500000000',
  '--experimental-wasm-branch-hinting',
  '--stress-turbo-late-spilling',
  '--max-inlined-bytecode-size-cumulative=200',
];

/**
 * Tells V8 how this program uses it. Before the first WebAssembly module is made. The V8 of Node 20, 22 and 24 has the
 * flags; one without them would say so on standard error, and go on.
 */
export function tuneHostCompiler(): void {
  for (const flag of HOST_COMPILER_FLAGS) setFlagsFromString(flag);
}
