import type { IntList } from './int-list.ts';
import { Bc } from './interpreter.ts';

/**
 * Operations of interpreter code that often follow one another: the interpreter of WebAssembly runs them with one jump. It is the jump
 * that costs: code that comes again only after much other code is nothing that the host's CPU can foresee.
 *
 * They were chosen one after the other, each as the one that saves most jumps of a boot of Linux, pipe, page faults, and fork + exec
 * (docs/performance.md, Superinstructions). Only the last one of a row may end a block, skip or call out.
 */
export const SUPERINSTRUCTIONS: readonly (readonly Bc[])[] = [
  [Bc.Mov, Bc.Mov],
  [Bc.NzcvSub, Bc.Branch],
  [Bc.Sub, Bc.Store32, Bc.Add],
  [Bc.LoadWords, Bc.Add, Bc.ExitInterwork],
  [Bc.Load32, Bc.Mov],
  [Bc.Load32, Bc.Load32],
  [Bc.Mov, Bc.Mov, Bc.ExitJump],
  [Bc.StoreWords, Bc.Add],
  [Bc.Store32, Bc.Mov],
  [Bc.NzcvSub, Bc.SkipUnless],
  [Bc.Load32, Bc.NzcvSub, Bc.Branch],
  [Bc.And, Bc.NzcvNz, Bc.Branch],
  [Bc.Mov, Bc.SkipUnless],
  [Bc.Xor, Bc.NzcvNz, Bc.Mov, Bc.Branch],
  [Bc.ShlImm, Bc.Add],
  [Bc.Load32, Bc.Add],
  [Bc.Mov, Bc.ExitJump],
  [Bc.Store32, Bc.Store32],
  [Bc.Mov, Bc.Add],
  [Bc.RorImm, Bc.Xor, Bc.RorImm, Bc.Xor],
  [Bc.RorImm, Bc.Add, Bc.RorImm, Bc.Add],
  [Bc.NzcvSub, Bc.Mov, Bc.Branch],
  [Bc.Add, Bc.Add],
  [Bc.And, Bc.NzcvNz, Bc.SkipUnless],
  [Bc.Sub, Bc.Store32, Bc.Add, Bc.Mov],
  [Bc.Xor, Bc.NzcvNz, Bc.Branch],
];

/** Number of the first of them: they follow the operations. */
export const FIRST_SUPERINSTRUCTION = Bc.PageNoted + 1;
/** Where in an opcode's word the number is by which it is dispatched; below is the operation. */
export const DISPATCH_SHIFT = 8;

/** A tree of the rows: for each node and operation the next node, 0 where there is none; the root is node 0. */
const NODES = 1 + SUPERINSTRUCTIONS.flat().length;
const NEXT = new Uint16Array(NODES * FIRST_SUPERINSTRUCTION);
/** For each node the number of the superinstruction that ends there, or 0. */
const NUMBER = new Uint16Array(NODES);

function plant(): void {
  let nodes = 1;
  for (const [i, operations] of SUPERINSTRUCTIONS.entries()) {
    let node = 0;
    for (const operation of operations) {
      const edge = node * FIRST_SUPERINSTRUCTION + operation;
      if (NEXT[edge] === 0) NEXT[edge] = nodes++;
      node = NEXT[edge];
    }
    NUMBER[node] = FIRST_SUPERINSTRUCTION + i;
  }
}

plant();

/** Jumps from an operation of a block to its end. */
const JUMPS: number[] = [0];

/**
 * Gives each operation of a block the number by which it is dispatched: that of itself or of a superinstruction that begins there, so that
 * there are as few jumps as can be to the block's end. The words of what follows in a superinstruction stay what they are: code may
 * be entered there, too.
 * @param starts positions of the operations in `code`, whose words are their opcodes
 */
export function numberOperations(code: IntList, starts: IntList): void {
  const count = starts.length;
  while (JUMPS.length <= count) JUMPS.push(0);
  JUMPS[count] = 0;
  for (let i = count - 1; i >= 0; i--) {
    const operation = code.get(starts.get(i));
    let fewest = 1 + JUMPS[i + 1];
    let number = operation;
    let node = NEXT[operation];
    for (let last = i + 1; node !== 0 && last < count; last++) {
      node = NEXT[node * FIRST_SUPERINSTRUCTION + operationOf(code.get(starts.get(last)))];
      if (NUMBER[node] === 0 || 1 + JUMPS[last + 1] >= fewest) continue;
      fewest = 1 + JUMPS[last + 1];
      number = NUMBER[node];
    }
    JUMPS[i] = fewest;
    code.set(starts.get(i), operation | (number << DISPATCH_SHIFT));
  }
}

/** The operation of an opcode's word. */
export function operationOf(word: number): Bc {
  return word & ((1 << DISPATCH_SHIFT) - 1);
}
