import { Effect } from '../ir/ops.ts';
import { type IrValue, vectorOf } from '../ir/value.ts';
import { slotsWritten } from '../vector/vector-function.ts';
import { flagsAfter, KnownFlags, mergeFlags } from './flags-code.ts';
import type { FlowGraph } from './flow-graph.ts';
import { exitTarget, type Region } from './region.ts';
import { Slot } from './region-abi.ts';
import { isFlagWrite, planValues, type ValuePlan } from './value-plan.ts';

/** What is known of a region's nodes before code is written. */
export interface RegionFlow {
  readonly plans: readonly ValuePlan[];
  /** A node for each way that stays inside, in the order of the exits. */
  readonly successors: readonly (readonly number[])[];
  /** What is known of the flags where each node begins. */
  readonly flags: Int8Array;
  /** Instructions that run at most from the node's beginning to the next look at the budget; 0 where none is needed there. */
  readonly budgets: Int32Array;
  /** For each node which of R0 to R14 (bits 14:0) and whether the flags (bit 15) may have changed where it is left. */
  readonly changed: Int32Array;
}

/** Whether an operation leaves flags of any kind in the state slot, which must be read again. */
export function writesFlagSlot(value: IrValue): boolean {
  const vector = vectorOf(value);
  if (vector !== undefined) return slotsWritten(vector, value.imm).includes(Slot.Nzcv);
  return value.op === 'call' && (value.effects & Effect.WritesState) !== 0;
}

/** Ways of an exit that stay inside of the region. */
export interface WaysInside {
  /** Where a jump to a known address goes. */
  readonly target: number | undefined;
  /** Where a jump to an address in a register may go, by that address: a return to who called, the cases of a switch. */
  readonly guesses: readonly WayByAddress[];
}

interface WayByAddress {
  readonly pc: number;
  readonly node: number;
}

const NO_GUESSES: WaysInside['guesses'] = [];
const NONE: WaysInside = { target: undefined, guesses: NO_GUESSES };

/** Where an operation of a node goes as far as it stays inside of the region. */
export function waysInside(region: Region, node: number, value: IrValue): WaysInside {
  if (!value.op.startsWith('exitJump') && value.op !== 'exitInterwork') return NONE;
  const { targets, expected, choices } = region.nodes[node];
  const target = exitTarget(value, region.flags);
  if (target !== undefined) return { target: targets.get(target), guesses: NO_GUESSES };
  if (value.op === 'exitJump') return NONE;
  // Pushed one by one, here and below: what V8 makes of `map` once it is optimised is an array of another kind than before, and
  // all code that has been compiled for the one is thrown away at the first of the other.
  const guesses: WayByAddress[] = [];
  if (expected !== undefined) guesses.push(expected);
  for (const [pc, to] of choices) guesses.push({ pc, node: to });
  return { target: undefined, guesses };
}

/** What one operation of a node does to what is known of the flags. */
const enum Step {
  Skip,
  Label,
  /** Writes flags. */
  Write,
  /** Leaves flags of any kind in the state slot. */
  Raw,
  Exit,
}

/** The operations of a node that following the flags needs: few of many, and each node is followed more than once. */
interface FlagStep {
  readonly step: Step;
  readonly value: IrValue;
  /** Nodes that an exit goes on to. */
  readonly successors: readonly number[];
}

const NO_SUCCESSORS: readonly number[] = [];

function successorsOf(region: Region, node: number, value: IrValue): readonly number[] {
  const { target, guesses } = waysInside(region, node, value);
  const successors: number[] = [];
  if (target !== undefined) successors.push(target);
  else for (const guess of guesses) successors.push(guess.node);
  return successors;
}

function flagSteps(region: Region, node: number): FlagStep[] {
  const steps: FlagStep[] = [];
  for (const value of region.nodes[node].block.ops) {
    let successors = NO_SUCCESSORS;
    let step: Step;
    if (value.info.isExit) {
      step = Step.Exit;
      successors = successorsOf(region, node, value);
    } else if (value.op === 'skipIfZero') step = Step.Skip;
    else if (value.op === 'label') step = Step.Label;
    else if (isFlagWrite(value)) step = Step.Write;
    else if (writesFlagSlot(value)) step = Step.Raw;
    else continue;
    steps.push({ step, value, successors });
  }
  return steps;
}

/** Runs over a node's operations with what is known of the flags; tells at each exit that stays inside. */
function followFlags(
  steps: readonly FlagStep[],
  plan: ValuePlan,
  before: number,
  atExit: (successor: number, known: number) => void,
): void {
  let known = before;
  let left = false;
  const skipped: number[] = [];
  for (const { step, value, successors } of steps) {
    switch (step) {
      case Step.Skip:
        skipped.push(known);
        break;
      case Step.Label: {
        const other = skipped.pop() as number;
        known = left ? other : mergeFlags(known, other);
        left = false;
        break;
      }
      case Step.Write:
        known = flagsAfter(value.args[0], known, plan.isVirtual(value.args[0]));
        break;
      case Step.Raw:
        known = KnownFlags.Raw;
        break;
      case Step.Exit:
        for (const successor of successors) atExit(successor, known);
        left = true;
    }
  }
}

/** Nothing has come to a node yet. */
const UNSEEN = -1;

function flagsAtStarts(
  { entries }: Region,
  steps: readonly (readonly FlagStep[])[],
  plans: readonly ValuePlan[],
): Int8Array {
  const known = new Int8Array(steps.length).fill(UNSEEN);
  for (const entry of entries) known[entry] = KnownFlags.Any;
  const waiting = [...entries];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    followFlags(steps[node], plans[node], known[node], (successor, at) => {
      const before = known[successor];
      const now = before === UNSEEN ? at : mergeFlags(before, at);
      if (now === before) return;
      known[successor] = now;
      waiting.push(successor);
    });
  }
  return known.map((flags) => (flags === UNSEEN ? KnownFlags.Any : flags));
}

/** Nodes that a depth-first search comes back to while it is in them, and entries. */
function looksAtBudget({ entries }: Region, successors: readonly (readonly number[])[]): Uint8Array {
  const looks = new Uint8Array(successors.length);
  const state = new Uint8Array(successors.length);
  for (const entry of entries) {
    looks[entry] = 1;
    if (state[entry] === 0) searchFrom(entry, successors, state, looks);
  }
  return looks;
}

/** @param state of each node: 0 not found yet, 1 the search is in it, 2 done */
function searchFrom(
  entry: number,
  successors: readonly (readonly number[])[],
  state: Uint8Array,
  looks: Uint8Array,
): void {
  const path: [node: number, next: number][] = [[entry, 0]];
  state[entry] = 1;
  while (path.length > 0) {
    const top = path[path.length - 1];
    const [node, next] = top;
    if (next === successors[node].length) {
      state[node] = 2;
      path.pop();
      continue;
    }
    top[1]++;
    const successor = successors[node][next];
    if (state[successor] === 1) looks[successor] = 1;
    else if (state[successor] === 0) {
      state[successor] = 1;
      path.push([successor, 0]);
    }
  }
}

function longestPaths(region: Region, successors: readonly (readonly number[])[]): Int32Array {
  const looks = looksAtBudget(region, successors);
  const longest = new Int32Array(successors.length).fill(-1);
  const measure = (start: number): void => {
    const path = [start];
    while (path.length > 0) {
      const node = path[path.length - 1];
      let open = -1;
      let rest = 0;
      for (const next of successors[node]) {
        if (looks[next] === 1) continue;
        if (open < 0 && longest[next] < 0) open = next;
        rest = Math.max(rest, longest[next]);
      }
      if (open >= 0) {
        path.push(open);
        continue;
      }
      longest[node] = region.nodes[node].block.instructions + rest;
      path.pop();
    }
  };
  // What is no look and not reached from one is not reached at all, and might be a cycle without a look.
  for (let node = 0; node < successors.length; node++)
    if (looks[node] === 1 && longest[node] < 0) measure(node);
  return longest.map((length, node) => (looks[node] === 1 ? length : 0));
}

/** Of what may have changed: the flags, and all. */
const CHANGED_FLAGS = 1 << 15;
const CHANGED_ALL = 0xffff;

/** What the operations of a node may change. */
function changesOf({ block }: Region['nodes'][number]): number {
  let changed = 0;
  for (const value of block.ops) {
    const vector = vectorOf(value);
    if (value.op === 'set') changed |= bitOf(value.imm);
    else if (vector !== undefined) {
      // Before it runs, the flags may be put to where it looks for them.
      changed |= CHANGED_FLAGS;
      for (const slot of slotsWritten(vector, value.imm)) changed |= bitOf(slot);
    } else if (value.op === 'call') {
      // What it does to registers is read from the state window after it.
      changed |= CHANGED_FLAGS;
    }
  }
  return changed;
}

function bitOf(slot: number): number {
  if (slot < Slot.Registers) return 1 << slot;
  return slot === Slot.Nzcv ? CHANGED_FLAGS : 0;
}

/** What may have changed since the region began, by whatever way. */
function changedAtEnds(region: Region, successors: readonly (readonly number[])[]): Int32Array {
  const own = new Int32Array(region.nodes.length);
  for (let node = 0; node < own.length; node++) own[node] = changesOf(region.nodes[node]);
  const changed = new Int32Array(own.length).fill(UNSEEN);
  for (const entry of region.entries) changed[entry] = own[entry];
  const waiting = [...region.entries];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    for (const successor of successors[node]) {
      const before = changed[successor] === UNSEEN ? own[successor] : changed[successor];
      const now = before | changed[node];
      if (now === changed[successor]) continue;
      changed[successor] = now;
      waiting.push(successor);
    }
  }
  return changed.map((mask) => (mask === UNSEEN ? CHANGED_ALL : mask));
}

/** Whether the flags may be others than where the region began. */
export function flagsChanged(changed: number): boolean {
  return (changed & CHANGED_FLAGS) !== 0;
}

/** The nodes of a region as a graph with one entry. */
export interface EntryGraph extends FlowGraph {
  /** How many nodes come before the region's: one that chooses among its entries if there are several, or none. */
  readonly before: 0 | 1;
}

export function entryGraph(
  { nodes, entries }: Region,
  successors: readonly (readonly number[])[],
): EntryGraph {
  if (entries.length === 1) {
    return { before: 0, size: nodes.length, successors: (node) => successors[node] };
  }
  const all = [entries, ...successors].map((ways) => ways.map((node) => node + 1));
  return { before: 1, size: all.length, successors: (node) => all[node] };
}

/** Analyses a region. */
export function analyseRegion(region: Region): RegionFlow {
  const plansByBlock = new Map<unknown, ValuePlan>();
  const plans: ValuePlan[] = [];
  const steps: FlagStep[][] = [];
  const successors: number[][] = [];
  for (let node = 0; node < region.nodes.length; node++) {
    const { block } = region.nodes[node];
    let plan = plansByBlock.get(block);
    if (plan === undefined) {
      plan = planValues(block);
      plansByBlock.set(block, plan);
    }
    plans.push(plan);
    const ofNode = flagSteps(region, node);
    steps.push(ofNode);
    const inOrder: number[] = [];
    for (const step of ofNode) for (const successor of step.successors) inOrder.push(successor);
    successors.push(inOrder);
  }
  return {
    plans,
    successors,
    flags: flagsAtStarts(region, steps, plans),
    budgets: longestPaths(region, successors),
    changed: changedAtEnds(region, successors),
  };
}
