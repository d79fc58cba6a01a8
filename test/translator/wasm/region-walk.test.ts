import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IrBlock } from '../../../src/translator/ir/value.ts';
import { verifyBlock } from '../../../src/translator/ir/verify.ts';
import {
  DEFAULT_REGION_LIMITS,
  exitTarget,
  type Region,
  type RegionLimits,
  type RegionNode,
} from '../../../src/translator/wasm/region.ts';
import { buildRegion } from '../../../src/translator/wasm/region-builder.ts';
import { evaluate, type Surroundings } from '../ir-oracle.ts';
import { call, GuestProgram, jump, type Line, POP_R4_PC, PUSH_R4_LR, START } from './guest-program.ts';

const SP = 13;
const STACK = 0x20000;
/** Instructions after which a program is left alone. */
const ENOUGH = 400;

/** Registers and a memory that is zero at first. */
class GuestState implements Surroundings {
  readonly slots = new Int32Array(256);
  private readonly bytes = new Map<number, number>();

  constructor(seed: number) {
    for (let i = 0; i < 8; i++) this.slots[i] = Math.imul(seed + i, 0x9e3779b1) >> 28;
    this.slots[SP] = STACK;
  }

  load(address: number, size: number): bigint {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes.get(address + i) ?? 0);
    return value;
  }

  store(address: number, size: number, value: bigint): boolean {
    for (let i = 0; i < size; i++) this.bytes.set(address + i, Number((value >> BigInt(8 * i)) & 0xffn));
    return true;
  }

  call(name: string): number {
    throw new Error(`these programs do not call ${name}`);
  }
}

/** The addresses of the instructions that ran, and the registers where a block began. */
interface Walk {
  readonly path: number[];
  readonly registers: Map<number, string>;
}

/** Where a block went: an address, what is known about it when it is compiled, or undefined where the program ended. */
interface Way {
  readonly pc: number;
  readonly known: number | undefined;
}

function runBlock(block: IrBlock, state: GuestState, walk: Walk, thumb: boolean): Way | undefined {
  verifyBlock(block);
  walk.registers.set(walk.path.length, state.slots.subarray(0, 17).join());
  const [op, imm, , instruction, address = 0] = evaluate(block, state);
  const markers = block.ops.filter((value) => value.op === 'marker').map((value) => value.imm);
  walk.path.push(...markers.slice(0, instruction! + 1));
  if (op === 'exitJump') return { pc: imm!, known: imm };
  if (op !== 'exitInterwork' && op !== 'exitJumpTo') return undefined;
  if (op === 'exitInterwork' && (address & 1) !== Number(thumb)) return undefined;
  const exit = block.ops.find((value) => value.op === op)!;
  return { pc: address & (thumb ? ~1 : ~3), known: exitTarget(exit, Number(thumb)) };
}

/** The program block by block, as the engine's dispatcher would run it. */
function walkBlocks(program: GuestProgram, state: GuestState): Walk {
  const walk: Walk = { path: [], registers: new Map() };
  let pc: number | undefined = START;
  while (pc !== undefined && walk.path.length < ENOUGH) {
    const block = program.block(pc);
    if (block === undefined) break;
    pc = runBlock(block, state, walk, program.thumb)?.pc;
  }
  return walk;
}

/** How often the walk went on inside a region, by a return into it, and by leaving it. */
interface Ways {
  inside: number;
  returned: number;
  left: number;
}

function walkRegions(program: GuestProgram, state: GuestState, limits: RegionLimits, ways: Ways): Walk {
  const walk: Walk = { path: [], registers: new Map() };
  const regions = new Map<number, Region | undefined>();
  let region: Region | undefined;
  let node: RegionNode | undefined;
  let pc = START;
  while (walk.path.length < ENOUGH) {
    if (node === undefined) {
      if (!regions.has(pc)) regions.set(pc, checked(buildRegion(pc, program.flags, program, limits), limits));
      region = regions.get(pc);
      node = region?.nodes[0];
      if (node === undefined) break;
    }
    expect(node.block.pc).toBe(pc);
    const way = runBlock(node.block, state, walk, program.thumb);
    if (way === undefined) break;
    let next = way.known === undefined ? undefined : node.targets.get(way.known);
    if (next !== undefined) ways.inside++;
    else if (way.known === undefined && node.expected?.pc === way.pc) {
      next = node.expected.node;
      ways.returned++;
    } else if (way.known === undefined && node.choices.has(way.pc)) {
      next = node.choices.get(way.pc);
      ways.returned++;
    } else ways.left++;
    node = next === undefined ? undefined : region?.nodes[next];
    pc = way.pc;
  }
  return walk;
}

/** What holds for every region. */
function checked(region: Region | undefined, limits: RegionLimits): Region | undefined {
  if (region === undefined) return undefined;
  const { nodes, ranges, pages } = region;
  const reached = new Set([0]);
  const covered = new Set<number>();
  for (const n of reached) {
    const { block, targets, expected, choices } = nodes[n]!;
    for (const [pc, to] of [...targets, ...choices]) {
      expect(nodes[to]!.block.pc).toBe(pc);
      reached.add(to);
    }
    if (expected !== undefined) {
      expect(nodes[expected.node]!.block.pc).toBe(expected.pc);
      reached.add(expected.node);
    }
    for (let at = block.pc; at < block.pc + block.bytes; at++) covered.add(at);
  }
  expect(reached.size).toBe(nodes.length);
  const sum = (of: (block: IrBlock) => number): number =>
    nodes.reduce((total, { block }) => total + of(block), 0);
  expect(region.instructions).toBe(sum((block) => block.instructions));
  expect(nodes.length).toBeLessThanOrEqual(limits.nodes);
  expect(region.instructions).toBeLessThanOrEqual(limits.instructions);
  expect(sum((block) => block.ops.length)).toBeLessThanOrEqual(limits.operations);
  expect(ranges.reduce((total, { bytes }) => total + bytes, 0)).toBe(covered.size);
  for (const { pc, bytes } of ranges) {
    for (let at = pc; at < pc + bytes; at++) expect(covered.has(at)).toBe(true);
  }
  expect(pages).toEqual([...new Set([...covered].map((at) => at & -4096))].sort((a, b) => a - b));
  return region;
}

/** What a program is made of; labels are numbers of statements, functions are by number. */
type Statement =
  | { readonly kind: 'compute'; readonly register: number; readonly down: boolean }
  | { readonly kind: 'jump'; readonly to: number; readonly condition: number }
  | { readonly kind: 'call'; readonly to: number }
  | { readonly kind: 'return' }
  | { readonly kind: 'if-then' };

const FUNCTIONS = 4;
const T_PUSH_R4_LR = 0xb510;
const T_POP_R4_PC = 0xbd10;

const statement: fc.Arbitrary<Statement> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('compute'),
      register: fc.nat({ max: 3 }),
      down: fc.boolean(),
    }),
  },
  {
    weight: 4,
    // EQ to PL, and always.
    arbitrary: fc.record({
      kind: fc.constant('jump'),
      to: fc.nat(),
      condition: fc.constantFrom(0, 1, 2, 3, 4, 5, 14),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('call'), to: fc.nat({ max: FUNCTIONS - 1 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('return') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('if-then') }) },
);
const functions = fc.array(fc.array(statement, { minLength: 1, maxLength: 9 }), {
  minLength: FUNCTIONS,
  maxLength: FUNCTIONS,
});

/** SUBS or ADDS with 1. */
function compute(thumb: boolean, register: number, down: boolean): number {
  if (thumb) return 0x3001 | (register << 8) | (down ? 0x0800 : 0);
  return ((down ? 0xe2500001 : 0xe2900001) | (register << 16) | (register << 12)) >>> 0;
}

/** ITE EQ with an addition for each way, or conditional additions. */
const ifThen = (thumb: boolean): number[] => (thumb ? [0xbf0c, 0x3101, 0x3202] : [0x02811001, 0x12822002]);

function codeOf(line: Statement, f: number, lines: number, thumb: boolean): Line[] {
  switch (line.kind) {
    case 'compute':
      return [compute(thumb, line.register, line.down)];
    case 'jump':
      return [jump(`${f}.${line.to % lines}`, line.condition)];
    case 'call':
      return [call(`f${line.to}`)];
    case 'return':
      return [thumb ? T_POP_R4_PC : POP_R4_PC];
    case 'if-then':
      return ifThen(thumb);
  }
}

function linesOf(bodies: readonly (readonly Statement[])[], thumb: boolean): Line[] {
  return bodies.flatMap((body, f) => [
    `f${f}`,
    thumb ? T_PUSH_R4_LR : PUSH_R4_LR,
    ...body.flatMap((line, i) => [`${f}.${i}`, ...codeOf(line, f, body.length, thumb)]),
    thumb ? T_POP_R4_PC : POP_R4_PC,
  ]);
}

const SMALL: RegionLimits = {
  nodes: 6,
  operations: 120,
  instructions: 20,
  inlined: { nodes: 4, operations: 60, instructions: 8 },
  depth: 2,
};

for (const thumb of [false, true]) {
  for (const [size, limits] of [
    ['large', DEFAULT_REGION_LIMITS],
    ['small', SMALL],
  ] as const) {
    test(`${size} regions of ${thumb ? 'T32' : 'A32'} go the same way as block after block`, () => {
      const ways: Ways = { inside: 0, returned: 0, left: 0 };
      fc.assert(
        fc.property(functions, fc.nat(), (bodies, seed) => {
          const program = new GuestProgram(linesOf(bodies, thumb), thumb);
          const straight = walkBlocks(program, new GuestState(seed));
          const walk = walkRegions(program, new GuestState(seed), limits, ways);
          const length = Math.min(straight.path.length, walk.path.length);
          if (length < ENOUGH) expect(walk.path.length).toBe(straight.path.length);
          expect(walk.path.slice(0, length)).toEqual(straight.path.slice(0, length));
          for (const [at, registers] of straight.registers) {
            expect(walk.registers.get(at) ?? registers).toBe(registers);
          }
        }),
        { numRuns: 60, seed: 4 },
      );
      expect(ways.inside).toBeGreaterThan(1000);
      expect(ways.returned).toBeGreaterThan(40);
      expect(ways.left).toBeGreaterThan(40);
    });
  }
}

test('without inlined calls no instruction is in two nodes', () => {
  fc.assert(
    fc.property(functions, (bodies) => {
      const program = new GuestProgram(linesOf(bodies, false));
      const region = buildRegion(START, 0, program, { ...DEFAULT_REGION_LIMITS, depth: 0 });
      const markers = region!.nodes.flatMap(({ block }) => block.ops.filter(({ op }) => op === 'marker'));
      expect(new Set(markers.map(({ imm }) => imm)).size).toBe(markers.length);
    }),
    { numRuns: 60, seed: 4 },
  );
});
