import type { IrValue } from '../ir/value.ts';
import { findLoops } from './loop-forest.ts';
import type { Region } from './region.ts';
import { entryGraph } from './region-flow.ts';
import { isRegisterRead } from './value-plan.ts';

const SP = 13;
const NO_LOOP = -1;

function isLoad(value: IrValue): boolean {
  return value.op.startsWith('load') || value.op.startsWith('ldex');
}

/** What an address, or a register's new value, is counted from: the first operand of its sums. */
function rootOf(value: IrValue): IrValue {
  let root = value;
  while ((root.op === 'add' || root.op === 'sub') && root.args[0].op !== 'const') root = root.args[0];
  return root;
}

/**
 * Which accesses of a region may have memos: those of which the last page is likely to be the next one. That are accesses in loops
 * whose base register is no pointer that the loop itself has loaded, as that of a list or tree is, and accesses to the stack.
 */
export class MemoPlan {
  private readonly loopOf: (node: number) => number;
  /** By header of a loop: registers that are loaded from memory in it. */
  private readonly loaded = new Map<number, Set<number>>();

  constructor(region: Region, successors: readonly (readonly number[])[]) {
    const graph = entryGraph(region, successors);
    const loops = findLoops(graph);
    this.loopOf = (node) => loops.loopOf(node + graph.before);
    for (const [node, { block }] of region.nodes.entries()) {
      const registers = block.ops
        .filter(({ op, imm, args }) => op === 'set' && imm !== SP && isLoad(rootOf(args[0])))
        .map(({ imm }) => imm);
      if (registers.length === 0) continue;
      for (let loop = this.loopOf(node); loop !== NO_LOOP; loop = loops.loopAround(loop)) {
        const all = this.loaded.get(loop) ?? new Set();
        for (const register of registers) all.add(register);
        this.loaded.set(loop, all);
      }
    }
  }

  /** @param access a load or store of the node */
  isWorthwhile(node: number, access: IrValue): boolean {
    const root = rootOf(access.args[0]);
    if (isRegisterRead(root) && root.imm === SP) return true;
    const loop = this.loopOf(node);
    if (loop === NO_LOOP || isLoad(root)) return false;
    return !isRegisterRead(root) || this.loaded.get(loop)?.has(root.imm) !== true;
  }
}
