/** Nodes numbered from 0, the only entry. */
export interface FlowGraph {
  readonly size: number;
  /** Where control may go from `node`; a node may stand there several times. */
  successors(node: number): readonly number[];
}

/** The order of a depth-first search from the entry, and what it says about dominance. */
export interface Dominators {
  /** Reverse postorder: the entry first, and every node before its successors but along edges that close a cycle. */
  readonly order: readonly number[];
  /** Place of each node in `order`; -1 where the entry can't reach it. */
  readonly place: Int32Array;
  /** The closest other node that is on every way from the entry to a node; the entry's is itself. */
  readonly immediate: Int32Array;
}

/** All nodes that the entry reaches, in reverse postorder of a depth-first search. */
export function reversePostorder(graph: FlowGraph): number[] {
  const order: number[] = [];
  const seen = new Uint8Array(graph.size);
  const path = [0];
  const next = [0];
  seen[0] = 1;
  while (path.length > 0) {
    const top = path.length - 1;
    const successors = graph.successors(path[top]);
    if (next[top] < successors.length) {
      const successor = successors[next[top]++];
      if (seen[successor] === 0) {
        seen[successor] = 1;
        path.push(successor);
        next.push(0);
      }
    } else {
      order.push(path[top]);
      path.pop();
      next.pop();
    }
  }
  return order.reverse();
}

/**
 * Immediate dominators of the nodes that the entry reaches, by iteration to the fixed point: two passes where every
 * cycle has one entry, and seldom many more.
 */
export function findDominators(graph: FlowGraph): Dominators {
  const order = reversePostorder(graph);
  const place = new Int32Array(graph.size).fill(-1);
  for (let i = 0; i < order.length; i++) place[order[i]] = i;
  // Places take the place of nodes inside: a dominator's is the smaller one.
  const predecessors: number[][] = [];
  for (let i = 0; i < order.length; i++) predecessors.push([]);
  for (let i = 0; i < order.length; i++) {
    for (const successor of graph.successors(order[i])) predecessors[place[successor]].push(i);
  }
  const above = new Int32Array(order.length).fill(-1);
  above[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 1; i < order.length; i++) {
      let common = -1;
      for (const predecessor of predecessors[i]) {
        if (above[predecessor] < 0) continue;
        common = common < 0 ? predecessor : commonDominator(above, common, predecessor);
      }
      if (above[i] !== common) {
        above[i] = common;
        changed = true;
      }
    }
  }
  const immediate = new Int32Array(graph.size).fill(-1);
  for (let i = 0; i < order.length; i++) immediate[order[i]] = order[above[i]];
  return { order, place, immediate };
}

/** Whether every way from the entry to `node` goes through `dominator`; both are reachable. A node dominates itself. */
export function dominates({ place, immediate }: Dominators, dominator: number, node: number): boolean {
  let at = node;
  while (place[at] > place[dominator]) at = immediate[at];
  return at === dominator;
}

function commonDominator(above: Int32Array, one: number, other: number): number {
  let a = one;
  let b = other;
  while (a !== b) {
    if (a > b) a = above[a];
    else b = above[b];
  }
  return a;
}
