import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FunctionBody } from '../../../src/translator/wasm/function-body.ts';
import { nestLoops } from '../../../src/translator/wasm/loop-nests.ts';
import { Op } from '../../../src/translator/wasm/opcodes.ts';
import { emitStructured } from '../../../src/translator/wasm/structurer.ts';
import {
  anyGraph,
  compileGraph,
  type Edges,
  graphOf,
  instantiateGraphs,
  interpretGraph,
  isReducible,
  programGraph,
} from './flow-oracle.ts';

function expectSameRuns(
  graphs: readonly Edges[],
  styles: readonly number[],
  seeds: number,
  length: number,
  compile = compileGraph,
): void {
  const run = instantiateGraphs(graphs.map((edges) => compile(edges, styles)));
  for (const [fn, edges] of graphs.entries()) {
    for (let seed = 0; seed < seeds; seed++) {
      const expected = interpretGraph(edges, seed, length);
      const actual = run(fn, edges, seed, length);
      if (actual.join() !== expected.join()) expect({ edges, actual }).toEqual({ edges, actual: expected });
    }
  }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('every graph runs as its edges say', () => {
  const styles = fc.array(fc.nat(3), { minLength: 1, maxLength: 5 });

  test('random graphs', () => {
    fc.assert(
      fc.property(fc.array(anyGraph(24), { minLength: 1, maxLength: 8 }), styles, (graphs, style) => {
        expectSameRuns(graphs, style, 4, 120);
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  test('programs with loops, break and continue', () => {
    fc.assert(
      fc.property(fc.array(programGraph, { minLength: 1, maxLength: 8 }), styles, (graphs, style) => {
        expectSameRuns(graphs, style, 4, 120);
      }),
      { numRuns: 100, seed: 5 },
    );
  });

  test('all graphs of three nodes', () => {
    const graphs = range(512)
      .map((bits) => range(3).map((u) => range(3).filter((v) => (bits >> (3 * u + v)) & 1)))
      .filter((edges) => {
        const seen = new Set([0]);
        for (const node of seen) for (const next of edges[node]) seen.add(next);
        return seen.size === 3;
      });
    expect(graphs.length).toBeGreaterThan(200);
    for (const style of range(4)) expectSameRuns(graphs, [style], 6, 24);
  });
});

describe('with a header for each loop', () => {
  const nested = (edges: Edges, styles?: readonly number[]) => compileGraph(edges, styles, true);

  test('random graphs run as their edges say', () => {
    fc.assert(
      fc.property(fc.array(anyGraph(24), { minLength: 1, maxLength: 8 }), (graphs) => {
        expectSameRuns(graphs, [0, 3], 4, 120, nested);
      }),
      { numRuns: 40, seed: 6 },
    );
  });

  test('programs with loops, break and continue run as their edges say', () => {
    fc.assert(
      fc.property(fc.array(programGraph, { minLength: 1, maxLength: 8 }), (graphs) => {
        expectSameRuns(graphs, [1, 2], 4, 120, nested);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  /** The innermost loop is node 0; where each edge to it goes, as one reads it: from outside, then by node. */
  const entriesOf = (edges: Edges): string => {
    const graph = nestLoops(graphOf(edges));
    const to = edges.flatMap((targets, from) => (targets.includes(0) ? [graph.target(from, 0)] : []));
    return [...graph.successors(0), ...to].join(' ');
  };

  test('three loops around one another, as a product of matrices has them', () => {
    const edges = [[0, 1], [0, 2], [0, 3], []];
    expect(entriesOf(edges)).toBe('6 1 5 6');
    const graph = nestLoops(graphOf(edges));
    expect([graph.size, graph.successors(6), graph.successors(5)]).toEqual([7, [5], [1]]);
    expect([0, 1, 5, 6].map((node) => graph.given(node))).toEqual([-1, 0, -1, -1]);
  });

  test('ways back of the same loop share a header', () => {
    expect(entriesOf([[1, 2], [0], [0]])).toBe('1 1 1');
    expect(entriesOf([[1, 2], [0, 3], [0, 3], [0]])).toBe('5 1 1 5');
  });
});

describe('a dispatcher is used where a cycle has several entries, and nowhere else', () => {
  test('random graphs', () => {
    let irreducible = 0;
    fc.assert(
      fc.property(anyGraph(10), (edges) => {
        const reducible = isReducible(edges);
        if (!reducible) irreducible++;
        expect(compileGraph(edges).tables > 0).toBe(!reducible);
      }),
      { numRuns: 500, seed: 6 },
    );
    expect(irreducible).toBeGreaterThan(100);
  });

  test('programs with loops, break and continue', () => {
    fc.assert(
      fc.property(programGraph, (edges) => {
        expect(compileGraph(edges).tables).toBe(0);
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  test.each<[name: string, edges: Edges, tables: number, choices: number]>([
    ['a loop with two entries', [[1, 2], [2], [1, 3], []], 1, 3],
    ['one whose entries are loops themselves', [[1, 2], [1, 2], [2, 1, 3], []], 1, 3],
    ['one with an entry that is the header of a loop of many', [[1, 2], [2], [3], [2, 1, 4], []], 1, 3],
    ['one with three entries', [[1, 2, 3], [2], [3], [1, 4], []], 1, 4],
    ['two after one another', [[1, 2], [2], [1, 3], [4, 5], [5], [4]], 2, 6],
    ['one inside of another', [[1, 4], [2, 3], [3], [2, 4], [1, 5], []], 2, 6],
    ['one inside of a loop', [[1], [2, 3], [3], [2, 4], [1, 5], []], 1, 3],
    ['a loop entered in the middle, out of a loop', [[1], [2, 0], [3], [1, 2]], 0, 0],
    ['a jump into the inner of two loops', [[1, 3], [2], [3], [4], [3, 5], [1, 6], []], 1, 3],
    ['all nodes to all others', range(8).map((u) => range(8).filter((v) => v !== u)), 1, 7 + 21],
  ])('%s', (_, edges, tables, choices) => {
    expect(isReducible(edges)).toBe(tables === 0);
    for (const style of range(4)) {
      const code = compileGraph(edges, [style]);
      expect([code.tables, code.choices]).toEqual([tables, choices]);
      expectSameRuns([edges], [style], 20, 60);
    }
  });
});

describe('large graphs', () => {
  test.each<[name: string, edges: Edges]>([
    ['a chain', range(20_000).map((i) => [i + 1].filter((to) => to < 20_000))],
    ['a chain of choices', range(2000).map((i) => [i + 1, i + 2].filter((to) => to < 2000))],
    ['loops in loops', range(300).map((i) => (i < 299 ? [i + 1, i] : [0]))],
    ['cycles around one another, each with two entries', ladder(200)],
    ['a line to and fro that is entered everywhere', [range(200).map((i) => i + 1), ...toAndFro(200)]],
  ])('%s', (_, edges) => {
    expectSameRuns([edges], [0, 1, 2, 3], 2, 25_000);
  });

  function ladder(count: number): number[][] {
    return range(count).map((i) =>
      [i + 1, i + 2, i < count / 2 ? 0 : count - i].filter((to) => to > 0 && to < count),
    );
  }

  function toAndFro(count: number): number[][] {
    return range(count).map((i) => [i, i + 2].filter((to) => to > 0 && to <= count));
  }
});

describe('the shape of the code', () => {
  /** Control depth at which each node's code begins. */
  function depths(edges: Edges): number[] {
    const code = new FunctionBody([]);
    const depth: number[] = [];
    emitStructured(graphOf(edges), code, (node, goTo) => {
      depth[node] = code.depth;
      for (const successor of edges[node].slice(1)) {
        code.i32(0).if();
        goTo(successor);
        code.end();
      }
      if (edges[node].length > 0) goTo(edges[node][0]);
    });
    return depth;
  }

  test('a chain needs no structure at all', () => {
    expect(depths([[2], [], [1]])).toEqual([0, 0, 0]);
  });

  test('what follows a loop, or nested loops, stands behind its end', () => {
    // 1 and 2 are headers; 4 leaves the inner loop, 5 and 6 both.
    const [, outer, inner, , next, far, last] = depths([[1], [2, 6], [3, 5], [2, 4], [1], [6], []]);
    expect(inner).toBeGreaterThan(outer);
    expect(next).toBeGreaterThanOrEqual(outer);
    expect(next).toBeLessThan(inner);
    expect(far).toBeLessThan(outer);
    expect(last).toBeLessThan(outer);
  });
});

describe('what the caller does wrong is an error', () => {
  const emit = (edges: Edges, emitNode: (node: number, goTo: (successor: number) => void) => void) => () =>
    emitStructured(graphOf(edges), new FunctionBody([]), emitNode);

  test('a node that cannot be reached', () => {
    expect(emit([[], [2], [1]], () => {})).toThrow("2 of 3 nodes can't be reached");
  });

  test('a way to what is no successor', () => {
    const body = emit([[1], []], (node, goTo) => {
      if (node === 0) goTo(0);
    });
    expect(body).toThrow('node 0 goes to 0, which is not among its successors');
  });

  test('two ways where the successors say one', () => {
    const twice = (node: number, goTo: (successor: number) => void): void => {
      if (node > 0) return;
      goTo(1);
      goTo(1);
    };
    expect(emit([[1], []], twice)).toThrow('more often');
    expect(emit([[1, 1], []], twice)).not.toThrow();
  });
});

test('a node may leave without using all of its successors', () => {
  const code = new FunctionBody([]);
  emitStructured(graphOf([[1, 2], [3], [2, 3], []]), code, (node, goTo) => {
    code.i32(node).call(0).op(Op.Drop);
    if (node === 0) goTo(1);
    else code.i32(node).ret();
  });
  expect(instantiateGraphs([code])(0, [[1], []], 0, 10)).toEqual([0, 1]);
});
