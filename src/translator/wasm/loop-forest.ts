import { dominates, type FlowGraph, findDominators, reversePostorder } from './flow-graph.ts';

/**
 * A flow graph in which every cycle has one entry, its header, made from any graph: before a cycle with several
 * entries a *dispatcher* was put. Dispatchers are the nodes from the given graph's size on.
 */
export interface LoopForest extends FlowGraph {
  /**
   * Where the edges of a node were to go: its successors in the given graph, or the entries that a dispatcher chooses
   * from. Where a successor differs, it is a dispatcher that chooses from the wanted one among others.
   */
  wanted(node: number): readonly number[];
  /** Header of the innermost loop that holds a node, which may be the node itself; -1 for none. */
  loopOf(node: number): number;
  /** Header of the loop around the one with the header `header`; -1 for none. */
  loopAround(header: number): number;
}

/**
 * Finds the loops of a graph, and the loops inside of those when their headers are taken out.
 *
 * A cycle with several entries becomes the loop of a dispatcher. All edges from outside go to it, and of the edges
 * inside those which lead back to an entry without it being on every way from the dispatcher. A loop with one of the
 * entries as its header stays as it is.
 * @throws Error when a node can't be reached from node 0.
 */
export function findLoops(graph: FlowGraph): LoopForest {
  return new LoopFinder(graph);
}

class LoopFinder implements LoopForest {
  private readonly targets: number[][] = [];
  private readonly wishes: (readonly number[])[] = [];
  private readonly predecessors: number[][] = [];
  private readonly innermost: number[] = [];
  private readonly around: number[] = [];
  /** Nodes which are searched for cycles together, without the headers of the loops around them. */
  private readonly parts: number[][] = [];
  /** The part that a node is in; -1 when it is a header, or in no cycle of the last part that it was in. */
  private readonly part: number[] = [];
  private readonly found: Int32Array;
  private readonly lowest: Int32Array;

  constructor(graph: FlowGraph) {
    const nodes = reversePostorder(graph);
    if (nodes.length !== graph.size) {
      throw new Error(`${graph.size - nodes.length} of ${graph.size} nodes can't be reached from node 0`);
    }
    this.found = new Int32Array(graph.size);
    this.lowest = new Int32Array(graph.size);
    for (let node = 0; node < graph.size; node++) this.add(graph.successors(node), -1);
    for (const node of nodes) {
      for (const successor of this.targets[node]) this.predecessors[successor].push(node);
    }
    this.addPart(nodes);
    // Loops are appended while they are found: outer ones come before those inside.
    for (let part = 0; part < this.parts.length; part++) {
      for (const cycle of this.cyclesOf(part)) this.makeLoop(cycle);
    }
  }

  get size(): number {
    return this.targets.length;
  }

  successors(node: number): readonly number[] {
    return this.targets[node];
  }

  wanted(node: number): readonly number[] {
    return this.wishes[node];
  }

  loopOf(node: number): number {
    return this.innermost[node];
  }

  loopAround(header: number): number {
    return this.around[header];
  }

  private add(successors: readonly number[], loop: number): number {
    this.wishes.push(successors);
    this.predecessors.push([]);
    this.innermost.push(loop);
    this.around.push(-1);
    this.part.push(-1);
    return this.targets.push([...successors]) - 1;
  }

  private addPart(nodes: number[]): number {
    const part = this.parts.push(nodes) - 1;
    for (const node of nodes) this.part[node] = part;
    return part;
  }

  /** The strongly connected components of a part which have an edge (Tarjan 1972, with a stack of its own). */
  private cyclesOf(part: number): number[][] {
    const { found, lowest } = this;
    const cycles: number[][] = [];
    const open: number[] = [];
    const path: number[] = [];
    const next: number[] = [];
    let count = 0;
    const visit = (node: number): void => {
      found[node] = lowest[node] = ++count;
      open.push(node);
      path.push(node);
      next.push(0);
    };
    for (const node of this.parts[part]) found[node] = 0;
    for (const root of this.parts[part]) {
      if (found[root] === 0) visit(root);
      while (path.length > 0) {
        const top = path.length - 1;
        const node = path[top];
        if (next[top] < this.targets[node].length) {
          const successor = this.targets[node][next[top]++];
          if (this.part[successor] !== part) continue;
          if (found[successor] === 0) visit(successor);
          else lowest[node] = Math.min(lowest[node], found[successor]);
          continue;
        }
        path.pop();
        next.pop();
        if (top > 0) lowest[path[top - 1]] = Math.min(lowest[path[top - 1]], lowest[node]);
        if (lowest[node] !== found[node]) continue;
        const component = open.splice(open.lastIndexOf(node));
        // Out of the part, so that what is visited later takes no notice of a component that is complete.
        for (const member of component) this.part[member] = -1;
        if (component.length > 1 || this.targets[node].includes(node)) cycles.push(component);
      }
    }
    return cycles;
  }

  private makeLoop(cycle: number[]): void {
    const around = this.innermost[cycle[0]];
    const part = this.addPart(cycle);
    const entries = cycle.filter(
      (node) => node === 0 || this.predecessors[node].some((from) => this.part[from] !== part),
    );
    const header = entries.length === 1 ? entries[0] : this.addDispatcher(cycle, part, entries);
    for (const node of cycle) this.innermost[node] = header;
    this.innermost[header] = header;
    this.around[header] = around;
    this.part[header] = -1;
    this.parts[part] = cycle.filter((node) => node !== header);
  }

  private addDispatcher(cycle: readonly number[], part: number, entries: readonly number[]): number {
    // The search begins at the first: edges back to it go through the dispatcher. Sorted, so that the order in which
    // Tarjan's algorithm lists a component makes no difference.
    const choices = entries.toSorted((a, b) => a - b);
    const isBackward = this.backwardInside(cycle, part, choices);
    const dispatcher = this.add(choices, -1);
    for (const entry of choices) {
      const kept = [dispatcher];
      for (const from of this.predecessors[entry]) {
        if (this.part[from] === part && !isBackward(from, entry)) {
          kept.push(from);
          continue;
        }
        this.predecessors[dispatcher].push(from);
        const edges = this.targets[from];
        edges[edges.indexOf(entry)] = dispatcher;
      }
      this.predecessors[entry] = kept;
    }
    return dispatcher;
  }

  /**
   * Looks at a cycle as if a node before `entries` were its only entry. @returns whether an edge between two nodes of
   * it leads back to one that is not on every way to the edge.
   */
  private backwardInside(
    cycle: readonly number[],
    part: number,
    entries: readonly number[],
  ): (from: number, to: number) => boolean {
    const index = new Map(cycle.map((node, i) => [node, i + 1]));
    const inside = (nodes: readonly number[]): number[] =>
      nodes.filter((node) => this.part[node] === part).map((node) => index.get(node)!);
    const edges = [entries, ...cycle.map((node) => this.targets[node])].map(inside);
    const dominators = findDominators({ size: edges.length, successors: (node) => edges[node] });
    return (from, to) => {
      const u = index.get(from)!;
      const v = index.get(to)!;
      return dominators.place[u] > dominators.place[v] && !dominates(dominators, v, u);
    };
  }
}
