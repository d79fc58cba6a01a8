import type { IrBlock } from '../ir/value.ts';
import { optimise } from '../optimise.ts';
import { CallContext, type ContextSurroundings, type Piece } from './call-context.ts';
import {
  type BlockSource,
  type CodeRange,
  MOST_CALLEES,
  type Region,
  type RegionLimits,
  type RegionNode,
} from './region.ts';
import { widenWrites } from './wide-writes.ts';

const PAGE = 4096;

/** How many functions, or calls, a {@link KnownFunctions} remembers before it forgets all. */
const MAX_KNOWN = 10_000;
const NO_CALLEES: readonly number[] = [];

/**
 * What regions find out about functions, kept from region to region: where calls through registers went, and which functions none was
 * able to inline, because finding that out costs more than the region itself. May be out of date: then a function that has become
 * smaller is called.
 */
export class KnownFunctions {
  /** Where calls through registers went, by what LR was then; bit 0 selects T32. */
  private readonly seen = new Map<number, number[]>();
  /** How many further levels of inlined calls were allowed where a function turned out not to be inlinable within these limits. */
  private readonly failedWith = new Map<RegionLimits, Map<number, number>>();

  /** @param flags those of the region; an address means another function in another instruction set */
  fails(target: number, flags: number, levels: number, limits: RegionLimits): boolean {
    return (this.failedWith.get(limits)?.get(target | (flags & 1)) ?? 0) >= levels;
  }

  fail(target: number, flags: number, levels: number, limits: RegionLimits): void {
    let failed = this.failedWith.get(limits);
    if (failed === undefined || failed.size >= MAX_KNOWN) {
      failed = new Map();
      this.failedWith.set(limits, failed);
    }
    failed.set(target | (flags & 1), levels);
  }

  /** Addresses in the instruction set of the call; see BlockSource. */
  callees(link: number): readonly number[] {
    return (this.seen.get(link) ?? NO_CALLEES).map((target) => target & -2);
  }

  /** A call through a register has gone to `target`, whose bit 0 selects T32. */
  see(link: number, target: number): void {
    // BXWritePC has no address of A32 that is no multiple of 4.
    if (((target ^ link) & 1) !== 0 || (target & 3) === 2) return;
    const known = this.seen.get(link);
    if (known === undefined) {
      if (this.seen.size >= MAX_KNOWN) this.seen.clear();
      this.seen.set(link, [target]);
    } else if (known.length < MOST_CALLEES && !known.includes(target)) known.push(target);
  }

  /** Code has changed at large. */
  clear(): void {
    this.failedWith.clear();
    this.seen.clear();
  }
}

/** The functions that may be inlined into a region, each looked at once. */
class Functions {
  private readonly source: BlockSource;
  private readonly flags: number;
  private readonly limits: RegionLimits;
  private readonly failures: KnownFunctions;
  private readonly inlined = new Map<number, CallContext>();
  /** The functions that are being looked at: one that comes back to itself is never inlined. */
  private readonly open = new Set<number>();

  constructor(source: BlockSource, flags: number, limits: RegionLimits, failures: KnownFunctions) {
    this.failures = failures;
    this.source = source;
    this.flags = flags;
    this.limits = limits;
  }

  /** @param levels of calls that may be inlined there, one in the other */
  surroundings(levels: number): ContextSurroundings {
    const { source, flags } = this;
    return { source, flags, inlinable: (target) => this.inlinable(target, levels) };
  }

  private inlinable(target: number, levels: number): CallContext | undefined {
    const known = this.inlined.get(target);
    if (known !== undefined) return known.depth < levels ? known : undefined;
    if (this.open.has(target) || this.failures.fails(target, this.flags, levels, this.limits))
      return undefined;
    if (levels === 0 || !this.source.mayFollow(target)) return undefined;
    this.open.add(target);
    const callee = new CallContext(this.surroundings(levels - 1), this.limits.inlined);
    callee.discover(target, true);
    this.open.delete(target);
    if (callee.complete && callee.returns) {
      this.inlined.set(target, callee);
      return callee;
    }
    this.failures.fail(target, this.flags, levels, this.limits);
    return undefined;
  }
}

/** One copy of a context in the region. */
interface Copy {
  readonly context: CallContext;
  /** Where it returns to. */
  readonly caller: { readonly copy: Copy; readonly pc: number } | undefined;
  /** Copies of what it calls, by the address after the call, and by their own. */
  readonly callees: Map<number, Map<number, Copy>>;
  /** Nodes by address. */
  readonly nodes: Map<number, number>;
}

function copyOf(context: CallContext, caller: Copy['caller']): Copy {
  return { context, caller, callees: new Map(), nodes: new Map() };
}

/** Makes nodes of contexts: those that can be reached, in the order in which they are. */
class Assembly {
  readonly nodes: RegionNode[] = [];
  readonly entries: readonly number[];
  private readonly optimised = new Map<Piece, IrBlock>();
  private readonly places: { readonly copy: Copy; readonly pc: number }[] = [];

  /** @param entries addresses of pieces of the root */
  constructor(root: CallContext, entries: readonly number[]) {
    const copy = copyOf(root, undefined);
    this.entries = entries.map((pc) => this.nodeAt(copy, pc));
    for (let i = 0; i < this.places.length; i++) {
      const { copy, pc } = this.places[i];
      this.nodes.push(this.assemble(copy, copy.context.pieces.get(pc) as Piece));
    }
  }

  private assemble(copy: Copy, piece: Piece): RegionNode {
    const { block, exits } = piece;
    const targets = new Map<number, number>();
    const choices = new Map<number, number>();
    const link = (links: Map<number, number>, into: Copy | undefined, pc: number): void => {
      if (into?.context.pieces.has(pc) === true) links.set(pc, this.nodeAt(into, pc));
    };
    let expected: RegionNode['expected'];
    let calleesWanted: number | undefined;
    const after = (block.pc + block.bytes) | 0;
    for (const exit of exits) {
      if (exit.kind === 'return' && copy.caller !== undefined) {
        const { copy: caller, pc } = copy.caller;
        expected = { pc, node: this.nodeAt(caller, pc) };
      } else if (exit.kind === 'return') {
        for (const pc of copy.context.recursions) link(choices, copy, pc);
      } else if (exit.kind === 'jump') {
        link(targets, copy, exit.target);
      } else if (exit.kind === 'call') {
        const recursion = copy.context.recursions.has(after);
        link(targets, recursion ? copy : this.calleeOf(copy, after, exit.target), exit.target);
      } else if (exit.kind === 'callThrough') {
        for (const callee of exit.choices) link(choices, this.calleeOf(copy, after, callee), callee);
        if (exit.choices.length < MOST_CALLEES) calleesWanted = exit.link;
      } else if (exit.kind === 'switch') {
        for (const choice of exit.choices) link(choices, copy, choice);
      }
    }
    return { block: this.optimisedOf(piece), targets, expected, choices, calleesWanted };
  }

  private optimisedOf(piece: Piece): IrBlock {
    let block = this.optimised.get(piece);
    if (block === undefined) {
      block = widenWrites(optimise(piece.block));
      this.optimised.set(piece, block);
    }
    return block;
  }

  private calleeOf(caller: Copy, after: number, target: number): Copy | undefined {
    const context = caller.context.callees.get(after)?.get(target);
    if (context === undefined) return undefined;
    const copies = caller.callees.get(after) ?? new Map<number, Copy>();
    let copy = copies.get(target);
    if (copy === undefined) {
      copy = copyOf(context, { copy: caller, pc: after });
      caller.callees.set(after, copies.set(target, copy));
    }
    return copy;
  }

  private nodeAt(copy: Copy, pc: number): number {
    let node = copy.nodes.get(pc);
    if (node === undefined) {
      node = this.places.length;
      this.places.push({ copy, pc });
      copy.nodes.set(pc, node);
    }
    return node;
  }
}

/** Where a region is entered that begins at `entry`. What has no code in common with it is better off as a region of its own. */
function entriesOf(root: CallContext, entry: number): readonly number[] {
  const entries = [entry];
  if (root.entered.size === 0) return entries;
  const inside = new Set(root.reachedFrom(entry));
  for (const pc of root.entered) {
    const reached = [...root.reachedFrom(pc)];
    if (!reached.some((at) => inside.has(at))) continue;
    entries.push(pc);
    for (const at of reached) inside.add(at);
  }
  return entries;
}

function rangesOf(blocks: Iterable<IrBlock>): CodeRange[] {
  const ranges: { pc: number; bytes: number }[] = [];
  for (const { pc, bytes } of [...blocks].sort((a, b) => a.pc - b.pc)) {
    const last = ranges[ranges.length - 1];
    if (last !== undefined && pc <= last.pc + last.bytes) {
      last.bytes = Math.max(last.bytes, pc + bytes - last.pc);
    } else {
      ranges.push({ pc, bytes });
    }
  }
  return ranges;
}

function pagesOf(ranges: readonly CodeRange[]): number[] {
  const pages = new Set<number>();
  for (const { pc, bytes } of ranges) {
    for (let page = pc & -PAGE; page < pc + bytes; page += PAGE) pages.add(page);
  }
  return [...pages];
}

/**
 * Makes a region of the code that is reached from `entryPc`: by jumps, and by calls of small functions that call no others but such.
 * Such a function has a copy of its nodes for each call. Other calls leave the region, and so does what has no room in it.
 * @param flags CPSR.T in bit 0, CPSR.E in bit 1; ITSTATE is 0
 * @param known what other regions found out about functions
 * @returns undefined where nothing can be fetched, or the first block is larger than a region may be
 */
export function buildRegion(
  entryPc: number,
  flags: number,
  source: BlockSource,
  limits: RegionLimits,
  known = new KnownFunctions(),
): Region | undefined {
  const entry = entryPc | 0;
  const functions = new Functions(source, flags, limits, known);
  const root = new CallContext(functions.surroundings(limits.depth), limits);
  root.discover(entry, false);
  if (!root.pieces.has(entry)) return undefined;
  const { nodes, entries } = new Assembly(root, entriesOf(root, entry));
  const blocks = nodes.map(({ block }) => block);
  const ranges = rangesOf(new Set(blocks));
  return {
    pc: entry,
    flags,
    nodes,
    entries,
    instructions: blocks.reduce((sum, block) => sum + block.instructions, 0),
    ranges,
    pages: pagesOf(ranges),
  };
}
