import { type Dominators, dominates, type FlowGraph, findDominators } from './flow-graph.ts';

/**
 * A flow graph in which loops around one another have headers of their own, made from one in which they share them. A region begins
 * at its hottest block, which is the header of the innermost loop, and of all loops around that one as well: whatever these write
 * would have to be carried through the innermost one.
 *
 * Node 0 is put before the given graph's entry, and its nodes follow in their order; nodes after those are the headers that were
 * added. Both kinds do nothing but go on.
 */
export interface NestedGraph extends FlowGraph {
  /** The given graph's node, or -1 for one that was added. */
  given(node: number): number;
  /** Where an edge between two nodes of the given graph goes. */
  target(from: number, to: number): number;
}

/** Gives each loop its header. @param graph all of its nodes can be reached from node 0 */
export function nestLoops(graph: FlowGraph): NestedGraph {
  return new LoopNests(graph);
}

class LoopNests implements NestedGraph {
  private readonly graph: FlowGraph;
  private readonly predecessors: number[][] = [];
  /** By node of the given graph: where edges to it go that close no loop within one around it. */
  private readonly outermost: number[] = [];
  /** By header, and node at the end of a loop: where that edge goes. */
  private readonly back = new Map<number, Map<number, number>>();
  /** Where the headers that were added go on. */
  private readonly added: number[] = [];

  constructor(graph: FlowGraph) {
    this.graph = graph;
    const dominators = findDominators(graph);
    for (let node = 0; node < graph.size; node++) this.predecessors.push([]);
    for (let node = 0; node < graph.size; node++) {
      this.outermost.push(node + 1);
      for (const successor of graph.successors(node)) this.predecessors[successor].push(node);
    }
    for (let node = 0; node < graph.size; node++) this.nest(node, dominators);
  }

  get size(): number {
    return 1 + this.graph.size + this.added.length;
  }

  given(node: number): number {
    return node > this.graph.size ? -1 : node - 1;
  }

  successors(node: number): readonly number[] {
    if (node === 0) return [this.outermost[0]];
    const given = this.given(node);
    if (given < 0) return [this.added[node - 1 - this.graph.size]];
    const targets: number[] = [];
    for (const to of this.graph.successors(given)) targets.push(this.target(given, to));
    return targets;
  }

  target(from: number, to: number): number {
    return this.back.get(to)?.get(from) ?? this.outermost[to];
  }

  private nest(header: number, dominators: Dominators): void {
    let ends = [...new Set(this.predecessors[header])].filter((from) => dominates(dominators, header, from));
    if (ends.length < 2) return;
    const insides = new Map(ends.map((end) => [end, this.inside(header, end)]));
    /** From the outermost loop on: the nodes at whose ends a turn of it begins. */
    const levels: number[][] = [];
    while (ends.length > 0) {
      // What goes on to the end of another turn without the header is further inside.
      const inner = ends.filter((end) => ends.some((other) => other !== end && insides.get(other)?.has(end)));
      levels.push(inner.length < ends.length ? ends.filter((end) => !inner.includes(end)) : ends);
      ends = inner.length < ends.length ? inner : [];
    }
    if (levels.length < 2) return;
    const back = new Map<number, number>();
    this.back.set(header, back);
    let place = header + 1;
    for (const level of levels.reverse()) {
      if (level !== levels[0]) {
        this.added.push(place);
        place = this.graph.size + this.added.length;
      }
      for (const end of level) back.set(end, place);
    }
    this.outermost[header] = place;
  }

  /** The nodes from which a loop's end can be reached without its header, and the header. */
  private inside(header: number, end: number): Set<number> {
    const nodes = new Set([header, end]);
    const open = end === header ? [] : [end];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (const from of this.predecessors[node]) {
        if (nodes.has(from)) continue;
        nodes.add(from);
        open.push(from);
      }
    }
    return nodes;
  }
}
