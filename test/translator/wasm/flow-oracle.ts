import '../../../src/translator/wasm/webassembly-types.ts';
import fc from 'fast-check';
import { FunctionBody } from '../../../src/translator/wasm/function-body.ts';
import { nestLoops } from '../../../src/translator/wasm/loop-nests.ts';
import { ModuleWriter } from '../../../src/translator/wasm/module-writer.ts';
import { Op } from '../../../src/translator/wasm/opcodes.ts';
import { emitStructured, type FlowGraph } from '../../../src/translator/wasm/structurer.ts';

/** Successors by node. */
export type Edges = readonly (readonly number[])[];

export function graphOf(edges: Edges): FlowGraph {
  return { size: edges.length, successors: (node) => edges[node] };
}

/** A function body that counts the dispatchers in it, and the branches to them. */
export class CountingBody extends FunctionBody {
  tables = 0;
  choices = 0;

  override brTable(labels: readonly number[], otherwise: number): this {
    this.tables++;
    return super.brTable(labels, otherwise);
  }

  /** Nothing else in {@link compileGraph} sets a local in this way. */
  override set(local: number): this {
    this.choices++;
    return super.set(local);
  }
}

/**
 * The code of a graph whose nodes call `visit` (function 0) with their number and go to the successor that it names, or return
 * their number when it says -1. `styles` varies by node how a choice is written; `nested` gives each loop a header.
 */
export function compileGraph(edges: Edges, styles: readonly number[] = [0], nested = false): CountingBody {
  const code = new CountingBody([]);
  const choice = code.local('i32');
  const emitNode = (node: number, goTo: (successor: number) => void): void => {
    const targets = edges[node];
    code.i32(node).call(0).tee(choice).i32(0).op(Op.I32LtS);
    code.if();
    code.i32(node).ret().end();
    if (targets.length === 0) {
      code.i32(node).ret();
      return;
    }
    const last = targets.length - 1;
    switch (styles[node % styles.length]) {
      case 0: {
        for (let i = 0; i < last; i++) {
          code.get(choice).i32(i).op(Op.I32Eq).if();
          goTo(targets[i]);
          code.end();
        }
        goTo(targets[last]);
        break;
      }
      case 1: {
        // Nested arms, which nothing follows: after their ends the code only looks reachable.
        for (let i = 0; i < last; i++) {
          code.get(choice).i32(i).op(Op.I32Eq).if();
          goTo(targets[i]);
          code.else();
        }
        goTo(targets[last]);
        for (let i = 0; i < last; i++) code.end();
        break;
      }
      case 2: {
        // Arms behind blocks' ends, the last successor first.
        const labels = targets.map(() => code.block());
        for (let i = 0; i <= last; i++) code.get(choice).i32(i).op(Op.I32Eq).brIf(labels[i]);
        code.op(Op.Unreachable);
        for (let i = last; i >= 0; i--) {
          code.end();
          goTo(targets[i]);
        }
        break;
      }
      default: {
        // Values that lie on the stack, in an arm that has a type, and no way round the last choice.
        for (let i = 0; i <= last; i++) {
          code.i32(7).get(choice).i32(i).op(Op.I32Eq).if('i32');
          code.i32(8).i32(9);
          goTo(targets[i]);
          code.else();
          code.i32(10);
          code.end();
          code.op(Op.Drop, Op.Drop);
        }
      }
    }
  };
  if (!nested) {
    emitStructured(graphOf(edges), code, emitNode);
    return code;
  }
  const graph = nestLoops(graphOf(edges));
  emitStructured(graph, code, (place, goTo) => {
    const node = graph.given(place);
    if (node < 0) goTo(graph.successors(place)[0]);
    else emitNode(node, (to) => goTo(graph.target(node, to)));
  });
  return code;
}

/** Choices for a run: a repeatable stream from a seed, which ends after `length` nodes. */
function decisions(seed: number, length: number): (successors: number) => number {
  let state = seed | 0;
  let left = length;
  return (successors) => {
    if (--left < 0) return -1;
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return successors === 0 ? 0 : (state >>> 8) % successors;
  };
}

/** What nodes are visited. */
export function interpretGraph(edges: Edges, seed: number, length: number): number[] {
  const choose = decisions(seed, length);
  const trace: number[] = [];
  for (let node = 0; ; ) {
    trace.push(node);
    const choice = choose(edges[node].length);
    if (choice < 0 || edges[node].length === 0) return trace;
    node = edges[node][choice];
  }
}

/** Compiles bodies, which call `visit` as function 0, into one module. */
export function instantiateGraphs(
  bodies: readonly FunctionBody[],
): (fn: number, edges: Edges, seed: number, length: number) => number[] {
  const module = new ModuleWriter();
  module.importFunction('visit', ['i32'], ['i32']);
  for (const [i, body] of bodies.entries()) {
    const fn = module.declare([], ['i32']);
    module.define(fn, body);
    module.export(`f${i}`, fn);
  }
  let visit: (node: number) => number;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), {
    host: { visit: (node: number) => visit(node) },
  });
  return (fn, edges, seed, length) => {
    const choose = decisions(seed, length);
    const trace: number[] = [];
    visit = (node) => {
      trace.push(node);
      return choose(edges[node].length);
    };
    const last = (exports[`f${fn}`] as () => number)();
    if (last !== trace.at(-1)) throw new Error(`the function returned ${last} at node ${trace.at(-1)}`);
    return trace;
  };
}

/**
 * Whether all cycles have one entry: taking edges to oneself away, and merging nodes into their only predecessor,
 * leaves one node (Hecht and Ullman's T1 and T2).
 */
export function isReducible(edges: Edges): boolean {
  const successors = new Map(edges.map((targets, node) => [node, new Set(targets)]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const [node, targets] of successors) targets.delete(node);
    for (const node of successors.keys()) {
      if (node === 0) continue;
      const from = [...successors].filter(([, targets]) => targets.has(node));
      if (from.length !== 1) continue;
      const [predecessor, targets] = from[0];
      targets.delete(node);
      for (const target of successors.get(node)!) if (target !== predecessor) targets.add(target);
      successors.delete(node);
      changed = true;
      break;
    }
  }
  return successors.size === 1;
}

/** Any graph: `parents` makes all nodes reachable, further edges go anywhere, also twice. */
export function anyGraph(maximum: number): fc.Arbitrary<Edges> {
  const node = fc.record({
    parent: fc.nat(),
    more: fc.array(fc.nat(), { maxLength: 3 }),
    ordinary: fc.boolean(),
  });
  return fc.array(node, { minLength: 1, maxLength: maximum, size: 'max' }).map((nodes) => {
    const edges: number[][] = nodes.map(() => []);
    for (const [i, { parent }] of nodes.entries()) if (i > 0) edges[parent % i].push(i);
    // Half of the further edges are short: long ones alone make graphs in which everything is one cycle.
    for (const [i, { more, ordinary }] of nodes.entries()) {
      for (const to of more) {
        edges[i].push(ordinary ? to % nodes.length : Math.max(0, i - 2 + (to % 5)) % nodes.length);
      }
    }
    return edges;
  });
}

type Statement =
  | { readonly kind: 'step' }
  | { readonly kind: 'return' }
  | { readonly kind: 'leave' | 'again'; readonly loop: number }
  | { readonly kind: 'if'; readonly chosen: readonly Statement[]; readonly otherwise: readonly Statement[] }
  | { readonly kind: 'loop'; readonly body: readonly Statement[] };

const { statements } = fc.letrec<{ statements: readonly Statement[] }>((tie) => ({
  statements: fc.array(
    fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.record({ kind: fc.constant('step' as const) }),
      fc.record({ kind: fc.constant('return' as const) }),
      fc.record({ kind: fc.constantFrom('leave' as const, 'again' as const), loop: fc.nat(3) }),
      fc.record({
        kind: fc.constant('if' as const),
        chosen: tie('statements'),
        otherwise: tie('statements'),
      }),
      fc.record({ kind: fc.constant('loop' as const), body: tie('statements') }),
    ),
    { maxLength: 4 },
  ),
}));

/** A graph of a program with ifs, loops, `break` and `continue` of any loop around: it has no cycle with two entries. */
export const programGraph: fc.Arbitrary<Edges> = statements.map((program) => {
  const edges: number[][] = [[]];
  const node = (from: readonly number[]): number => {
    const made = edges.push([]) - 1;
    for (const predecessor of from) edges[predecessor].push(made);
    return made;
  };
  interface Loop {
    readonly header: number;
    readonly left: number[];
  }
  /** @returns the nodes from which control goes on. */
  const build = (
    list: readonly Statement[],
    from: readonly number[],
    loops: readonly Loop[],
  ): readonly number[] => {
    let open = from;
    for (const statement of list) {
      if (open.length === 0) return [];
      const at = node(open);
      open = [at];
      if (statement.kind === 'return') open = [];
      else if (statement.kind === 'if') {
        open = [...build(statement.chosen, [at], loops), ...build(statement.otherwise, [at], loops)];
      } else if (statement.kind === 'loop') {
        const loop: Loop = { header: at, left: [at] };
        for (const end of build(statement.body, [at], [...loops, loop])) edges[end].push(at);
        open = loop.left;
      } else if (statement.kind !== 'step' && loops.length > 0) {
        const { header, left } = loops[statement.loop % loops.length];
        if (statement.kind === 'leave') left.push(at);
        else edges[at].push(header);
      }
    }
    return open;
  };
  build(program, [0], []);
  return edges;
});
