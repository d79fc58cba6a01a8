import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IrBuilder } from '../../../src/translator/ir/builder.ts';
import { optimise } from '../../../src/translator/optimise.ts';
import { exitTarget, type Region, type RegionNode } from '../../../src/translator/wasm/region.ts';
import { RegionResult } from '../../../src/translator/wasm/region-abi.ts';
import type { Before } from '../ir-machine.ts';
import { DATA_BYTES } from '../ir-machine.ts';
import { programOf, type Step, type Style, steps } from '../random-ir.ts';
import { RegionMachine, regionByOracle, regionDifference } from './region-machine.ts';

const machine = new RegionMachine();
/** Addresses where no node is. */
const OUTSIDE = [0x40, 0x44];
const MAX_NODES = 9;

function stateOf(seed: number): Before {
  let x = seed | 1;
  const next = (): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x;
  };
  return {
    slots: Int32Array.from({ length: 96 }, () => (next() % 3 === 0 ? next() & 0xff : next())),
    bytes: Uint8Array.from({ length: DATA_BYTES }, next),
  };
}

const pcOf = (node: number): number => 0x1000 * (node + 1);

/** Nodes that can be reached from the entries, renumbered in their order: entries are the first ones. */
function reachable(nodes: readonly RegionNode[], entries: readonly number[]): RegionNode[] {
  const order = [...entries];
  for (const at of order) {
    const { targets, expected } = nodes[at]!;
    for (const next of [...targets.values(), ...(expected === undefined ? [] : [expected.node])]) {
      if (!order.includes(next)) order.push(next);
    }
  }
  return order.map((at) => {
    const { block, targets, expected, choices } = nodes[at]!;
    return {
      block,
      choices,
      calleesWanted: undefined,
      targets: new Map([...targets].map(([pc, node]) => [pc, order.indexOf(node)])),
      expected: expected && { pc: expected.pc, node: order.indexOf(expected.node) },
    };
  });
}

interface Graph {
  readonly programs: readonly (readonly Step[])[];
  readonly style: Style;
  readonly optimised: boolean;
  /** Which exits stay inside, and where returns are expected. */
  readonly links: number;
  /** Whether it has other entries, too. */
  readonly isEntered: boolean;
}

function regionOf({ programs, style, optimised, links, isEntered }: Graph): Region {
  const targets = [...programs.map((_program, node) => pcOf(node)), ...OUTSIDE];
  const nodes = programs.map((program, number): RegionNode => {
    const turned = [...targets.slice(number + 1), ...targets.slice(0, number + 1)];
    const built = programOf(program, style, { wordsOnly: true, pc: pcOf(number), targets: turned });
    const block = optimised ? optimise(built) : built;
    const inside = new Map<number, number>();
    let dynamic = false;
    for (const op of block.ops) {
      const target = exitTarget(op, 0);
      if (target === undefined) {
        dynamic ||= op.op === 'exitJumpTo';
        continue;
      }
      const node = target / 0x1000 - 1;
      const isInside = Number.isInteger(node) && node >= 0 && node < programs.length;
      if (isInside && (links >> ((3 * node + number) % 13)) % 4 !== 3) inside.set(target, node);
    }
    const returnsTo = (links >> number) % programs.length;
    const expected = dynamic && links % 2 === 0 ? { pc: pcOf(returnsTo), node: returnsTo } : undefined;
    return { block, targets: inside, expected, choices: new Map(), calleesWanted: undefined };
  });
  const entries = [
    ...new Set([0, ...(isEntered ? [links % programs.length, (links >> 5) % programs.length] : [])]),
  ];
  return {
    pc: pcOf(0),
    flags: 0,
    nodes: reachable(nodes, entries),
    entries: [...entries.keys()],
    instructions: 0,
    ranges: [],
    pages: [],
  };
}

function listing({ nodes }: Region): string {
  return nodes
    .map(({ block, targets }) => {
      const lines = block.ops.map(
        ({ id, op, args, imm, imm2, helper }) =>
          `  v${id} = ${op} ${helper?.name ?? ''} ${args.map((a) => (a.op === 'const' ? `#${a.imm}` : `v${a.id}`)).join(' ')} [${imm} ${imm2}]`,
      );
      return [
        `${block.pc.toString(16)}: to ${[...targets.keys()].map((pc) => pc.toString(16))}`,
        ...lines,
      ].join('\n');
    })
    .join('\n');
}

function differences(
  region: Region,
  functions: ReturnType<RegionMachine['compile']>[number],
  seed: number,
): string[] {
  const before = stateOf(seed);
  const found: string[] = [];
  for (const [entry, run] of functions.entries()) {
    for (const budget of [300, Math.abs(seed) % 80]) {
      const got = machine.run(run, before, budget);
      const interrupted = got.how[0] === RegionResult.Interrupted ? got.budget : undefined;
      const what = regionDifference(regionByOracle(region, before, budget, interrupted, entry), got);
      if (what !== undefined) found.push(`entry ${entry}, budget ${budget}: ${what}\n${listing(region)}`);
    }
  }
  return found;
}

const style = fc.constantFrom<Style>('built', 'plain');
const cases = (
  nodes: number,
  most: number,
  isEntered = false,
): fc.Arbitrary<readonly (readonly [Graph, number])[]> =>
  fc.array(
    fc.tuple(
      fc.record({
        programs: fc.array(steps, { minLength: 1, maxLength: nodes }),
        style,
        optimised: fc.boolean(),
        links: fc.nat({ max: 0xffff }),
        isEntered: fc.constant(isEntered),
      }),
      fc.integer(),
    ),
    { minLength: 1, maxLength: most },
  );

/** Many regions in a module: a module each takes most of the time. */
function agree(graphs: readonly (readonly [Graph, number])[]): void {
  const regions = graphs.map(([graph]) => regionOf(graph));
  const functions = machine.compile(regions);
  const found = regions.flatMap((region, i) => differences(region, functions[i]!, graphs[i]![1]));
  expect(found).toEqual([]);
}

test('a block compiled to WebAssembly does what the oracle does: state, memory, budget, and where it faults', () => {
  fc.assert(fc.property(cases(1, 40), agree), { numRuns: 60, seed: 20261121 });
});

test('a region of several blocks does, however they follow one another', () => {
  fc.assert(fc.property(cases(MAX_NODES, 16), agree), { numRuns: 60, seed: 20261122 });
});

test('a region of several entries does, from each of them', () => {
  fc.assert(fc.property(cases(MAX_NODES, 16, true), agree), { numRuns: 60, seed: 20261123 });
});

test('flags that are written on one of two ways only are not taken for the flags after both', () => {
  const b = new IrBuilder();
  b.marker(0x1000, 0);
  const difference = b.emit('nzcvSub', [b.emit('get', [], 0), b.emit('get', [], 1)], 0);
  const label = b.newLabel();
  b.skipIfZero(b.emit('get', [], 2), label);
  b.emit('set', [difference], 16);
  b.label(label);
  b.set(3, b.emit('cond', [difference], 0));
  b.emit('set', [difference], 16);
  b.set(4, b.emit('cond', [difference], 1));
  b.exit('exitJump', [], OUTSIDE[0]!);
  const block = b.finish(0x1000, 4);
  const node = {
    block,
    targets: new Map(),
    expected: undefined,
    choices: new Map(),
    calleesWanted: undefined,
  };
  const region = {
    pc: 0x1000,
    flags: 0,
    nodes: [node],
    entries: [0],
    instructions: 1,
    ranges: [],
    pages: [],
  };
  const [[run] = []] = machine.compile([region]);
  for (const [x, y, way] of [
    [5, 5, 0],
    [5, 5, 1],
    [5, 6, 0],
  ] as const) {
    const before = stateOf(1);
    before.slots.set([x, y, way]);
    const expected = regionByOracle(region, before, 10, undefined);
    expect(regionDifference(expected, machine.run(run!, before, 10))).toBeUndefined();
  }
});
