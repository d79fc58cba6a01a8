import { type Dominators, type FlowGraph, findDominators } from './flow-graph.ts';
import type { FunctionBody } from './function-body.ts';
import { findLoops, type LoopForest } from './loop-forest.ts';
import { Op } from './opcodes.ts';

export type { FlowGraph } from './flow-graph.ts';

/**
 * How many nodes may be emitted inside of one another. It bounds the host's stack for long chains; the next node is
 * put behind a block's end instead, which makes the same machine code.
 */
const INLINE_LIMIT = 48;

/** The end of a loop among nodes to come. */
const LOOP_END = -1;

/** Label of a node that no branch can reach now. */
const NO_LABEL = 0;

/**
 * Writes the code of a graph's nodes so that control flows along its edges. All nodes must be reachable from node 0,
 * where the code begins; it leaves by what the nodes do, and after it the stack is that of unreachable code.
 *
 * `emitNode` is called once for each node, in an order of the structurer's choice. It calls `goTo` wherever the node
 * goes on to a successor, inside of whatever structures it has opened itself, with the stack as `br` wants it: nothing
 * that is on it is passed on. After a `goTo` nothing may follow in that arm but its `end` or `else`. `successors` lists a
 * node as often as `goTo` will be called for it: what has one edge altogether may be emitted right where `goTo` is
 * called, and a second call for it is an error. (Fewer calls are none; code whose `goTo` is never called may be left
 * out.) Every arm of a node must leave, by `goTo`, `return` or a tail call.
 *
 * After "Beyond Relooper" (Ramsey, ICFP 2022): the dominator tree says how structures nest. Other than there, what
 * follows a loop stands after its end, and cycles with several entries are entered through a `br_table`.
 * @throws Error when a node can't be reached, or `goTo` is called for what is no successor.
 */
export function emitStructured(
  graph: FlowGraph,
  code: FunctionBody,
  emitNode: (node: number, goTo: (successor: number) => void) => void,
): void {
  new Structurer(graph, code, emitNode).emit();
}

class Structurer {
  private readonly size: number;
  private readonly flow: LoopForest;
  private readonly dominators: Dominators;
  private readonly code: FunctionBody;
  private readonly emitNode: (node: number, goTo: (successor: number) => void) => void;
  /** Nodes that are emitted at their only `goTo`. */
  private readonly inline: boolean[];
  /** By node: those whose blocks it opens, inside of its loop if it has one. In reverse postorder, as they are emitted. */
  private readonly followers: number[][];
  /** By header of a loop: those whose blocks are opened around the loop. */
  private readonly exits: number[][];
  private readonly labels: number[];
  private readonly emitted: boolean[];
  /** What comes after the ends of the open structures, the innermost's last. */
  private readonly pending: number[] = [];
  private choice: number | undefined;

  constructor(graph: FlowGraph, code: FunctionBody, emitNode: Structurer['emitNode']) {
    this.size = graph.size;
    this.flow = findLoops(graph);
    this.dominators = findDominators(this.flow);
    this.code = code;
    this.emitNode = emitNode;
    const { size } = this.flow;
    this.inline = new Array<boolean>(size).fill(false);
    this.labels = new Array<number>(size).fill(NO_LABEL);
    this.emitted = new Array<boolean>(size).fill(false);
    this.followers = Array.from({ length: size }, () => []);
    this.exits = Array.from({ length: size }, () => []);
    this.placeNodes();
  }

  emit(): void {
    this.emitTree(0);
  }

  private placeNodes(): void {
    const { order, immediate } = this.dominators;
    const edges = this.countForwardEdges();
    const inlined = new Int32Array(this.flow.size);
    for (const node of order) {
      if (node === 0) continue;
      const parent = immediate[node];
      const left = this.outermostLoopLeft(parent, node);
      if (left >= 0) {
        this.exits[left].push(node);
        inlined[node] = inlined[left];
      } else if (edges[node] === 1 && inlined[parent] < INLINE_LIMIT) {
        this.inline[node] = true;
        inlined[node] = inlined[parent] + 1;
      } else {
        this.followers[parent].push(node);
        inlined[node] = inlined[parent];
      }
    }
  }

  private countForwardEdges(): Int32Array {
    const { order, place } = this.dominators;
    const edges = new Int32Array(this.flow.size);
    for (const node of order) {
      for (const successor of this.flow.successors(node)) {
        if (place[successor] > place[node]) edges[successor]++;
      }
    }
    return edges;
  }

  /** Header of the outermost loop that holds a node's immediate dominator, but not the node; -1 for none. */
  private outermostLoopLeft(dominator: number, node: number): number {
    const { flow } = this;
    const innermost = flow.loopOf(node);
    const shared = innermost === node ? flow.loopAround(node) : innermost;
    let left = -1;
    for (let loop = flow.loopOf(dominator); loop !== shared; loop = flow.loopAround(loop)) left = loop;
    return left;
  }

  /** Emits a node and all that was not given a place outside by a node around it. */
  private emitTree(root: number): void {
    const { code, pending } = this;
    const base = pending.length;
    this.emitOne(root);
    while (pending.length > base) {
      const next = pending.pop()!;
      code.end();
      // Validation takes the end of a structure for reachable.
      if (next === LOOP_END) code.op(Op.Unreachable);
      else this.emitOne(next);
    }
  }

  private emitOne(node: number): void {
    const { code } = this;
    this.emitted[node] = true;
    this.openBlocks(this.exits[node]);
    if (this.flow.loopOf(node) === node) {
      this.labels[node] = code.loop();
      this.pending.push(LOOP_END);
    }
    this.openBlocks(this.followers[node]);
    const depth = code.depth;
    let left = false;
    const goTo = (successor: number): void => {
      this.goTo(node, successor);
      left ||= code.depth === depth;
    };
    if (node < this.size) this.emitNode(node, goTo);
    else this.emitDispatcher(node, goTo);
    if (!left) code.op(Op.Unreachable);
  }

  private openBlocks(nodes: readonly number[]): void {
    for (let i = nodes.length - 1; i >= 0; i--) {
      this.labels[nodes[i]] = this.code.block();
      this.pending.push(nodes[i]);
    }
  }

  private goTo(from: number, wanted: number): void {
    const { code, flow } = this;
    const edge = flow.wanted(from).indexOf(wanted);
    if (edge < 0) throw new Error(`node ${from} goes to ${wanted}, which is not among its successors`);
    const to = flow.successors(from)[edge];
    if (to !== wanted) code.i32(flow.wanted(to).indexOf(wanted)).set(this.choiceLocal());
    const isBackward = this.dominators.place[to] <= this.dominators.place[from];
    if (this.emitted[to] && !isBackward) {
      throw new Error(`node ${from} goes to ${wanted} more often than its successors say`);
    }
    if (this.inline[to] && !isBackward) this.emitTree(to);
    else code.br(this.labels[to]);
  }

  /** Every branch to a dispatcher sets the local just before: one serves all. */
  private choiceLocal(): number {
    this.choice ??= this.code.local('i32');
    return this.choice;
  }

  private emitDispatcher(node: number, goTo: (successor: number) => void): void {
    const { code } = this;
    const entries = this.flow.wanted(node);
    const arms = entries.map(() => code.block()).reverse();
    code.get(this.choiceLocal()).brTable(arms.slice(0, -1), arms[arms.length - 1]);
    for (const entry of entries) {
      code.end();
      goTo(entry);
    }
  }
}
