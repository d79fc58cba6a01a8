import type { IrBlock } from '../ir/value.ts';
import { type BlockExit, exitsOf } from './block-exits.ts';
import type { BlockSource, RegionSize } from './region.ts';

/** A block of a context: ends before the next one that begins in it. */
export interface Piece {
  /** Not optimised yet: most functions that are looked at turn out not to be inlinable. */
  readonly block: IrBlock;
  readonly exits: readonly BlockExit[];
}

/** What all contexts of a region have in common. */
export interface ContextSurroundings {
  readonly source: BlockSource;
  readonly flags: number;
  /** The function at `target` if it may be inlined here. */
  inlinable(target: number): CallContext | undefined;
}

/** The marker of an instruction whose address alone says what it does: not inside an IT block. */
function* instructionsOf(block: IrBlock): Generator<number> {
  for (const { op, imm, imm2 } of block.ops) if (op === 'marker' && imm2 === 0) yield imm;
}

/**
 * Code that is reached from one address by jumps: what the region's entry reaches, or a function that is inlined. Finds its blocks
 * nearest first, so that none runs over the beginning of another, as far as a limit on their size allows.
 */
export class CallContext {
  readonly pieces = new Map<number, Piece>();
  /** The functions that are inlined, by the address after the call, where another piece begins, and by their own. */
  readonly callees = new Map<number, Map<number, CallContext>>();
  /** Where the calls of its own entry return to, if they are jumps within it. */
  readonly recursions = new Set<number>();
  /** Where else than at its beginning it is entered. */
  readonly entered = new Set<number>();
  /** Every way out was followed, except returns and those that leave the region by their nature. */
  complete = true;
  /** There is a way that returns. */
  returns = false;
  /** Inlined calls from here to the deepest one. */
  depth = 0;
  private readonly around: ContextSurroundings;
  private readonly limit: RegionSize;
  /** Where calls are jumps to: its entry, if it is the region's. */
  private recursive: number | undefined;
  private nodes = 0;
  private operations = 0;
  private instructions = 0;
  /** Addresses where pieces begin, or will if there is room. */
  private readonly leaders = new Set<number>();
  private readonly refused = new Set<number>();
  private readonly queue: number[] = [];
  /** The piece that an instruction is in. */
  private readonly owners = new Map<number, number>();
  /** Addresses inside IT blocks: a block does not end before them, for then its end would be another context. */
  private readonly insideIt = new Set<number>();

  constructor(around: ContextSurroundings, limit: RegionSize) {
    this.around = around;
    this.limit = limit;
  }

  /** Of all pieces and those of inlined functions. */
  get size(): RegionSize {
    const { nodes, operations, instructions } = this;
    return { nodes, operations, instructions };
  }

  /** @param completeOnly stops as soon as it is known not to become complete */
  discover(entry: number, completeOnly: boolean): void {
    this.recursive = completeOnly ? undefined : entry;
    this.leaders.add(entry);
    this.queue.push(entry);
    for (let i = 0; i < this.queue.length && (this.complete || !completeOnly); i++) {
      const pc = this.queue[i];
      if (this.place(pc)) this.followExits(this.pieces.get(pc) as Piece);
      else this.refuse(pc);
    }
    if (completeOnly) return;
    for (const pc of this.pieces.keys()) {
      if (pc !== entry && this.around.source.isEntered(pc)) this.entered.add(pc);
    }
  }

  /** Addresses of the pieces that are reached from one, itself among them. */
  reachedFrom(pc: number): ReadonlySet<number> {
    const reached = new Set([pc]);
    const add = (to: number): void => {
      if (this.pieces.has(to)) reached.add(to);
    };
    for (const at of reached) {
      const { block, exits } = this.pieces.get(at) as Piece;
      const after = (block.pc + block.bytes) | 0;
      if (this.callees.has(after)) add(after);
      for (const exit of exits) {
        if (exit.kind === 'jump') add(exit.target);
        else if (exit.kind === 'switch') for (const choice of exit.choices) add(choice);
        else if (exit.kind === 'call' && this.recursions.has(after)) add(exit.target);
        else if (exit.kind === 'return') for (const recursion of this.recursions) add(recursion);
      }
    }
    return reached;
  }

  private refuse(pc: number): void {
    this.leaders.delete(pc);
    this.refused.add(pc);
    this.complete = false;
  }

  private followExits({ block, exits }: Piece): void {
    const after = (block.pc + block.bytes) | 0;
    for (const exit of exits) {
      if (exit.kind === 'jump') this.complete = this.follow(exit.target) && this.complete;
      else if (exit.kind === 'call') this.complete = this.call(exit.target, after) && this.complete;
      else if (exit.kind === 'return') this.returns = true;
      else if (exit.kind !== 'stop') this.complete = false;
      if (exit.kind === 'switch') for (const choice of exit.choices) this.follow(choice);
      else if (exit.kind === 'callThrough') for (const callee of exit.choices) this.inline(callee, after);
      if (
        this.recursive !== undefined &&
        this.comesBack(exit, after) &&
        this.around.source.isEntered(after)
      ) {
        this.follow(after);
      }
    }
  }

  /** Whether it leaves the region for a moment: a call of what is not inlined, a system register, a supervisor call. */
  private comesBack(exit: BlockExit, after: number): boolean {
    if (exit.kind === 'call') return this.callees.get(after)?.has(exit.target) !== true;
    return exit.kind === 'callThrough' || exit.kind === 'stop';
  }

  private call(target: number, after: number): boolean {
    if (target !== this.recursive) return this.inline(target, after);
    if (this.follow(after)) this.recursions.add(after);
    // Where it returns to is known only when it runs.
    return false;
  }

  private follow(target: number): boolean {
    if (this.leaders.has(target)) return true;
    if (this.refused.has(target) || !this.around.source.mayFollow(target)) return false;
    this.leaders.add(target);
    this.queue.push(target);
    return true;
  }

  /** Only if there is room for where the call returns to, too. */
  private inline(target: number, after: number): boolean {
    const callees = this.callees.get(after) ?? new Map<number, CallContext>();
    if (callees.has(target)) return true;
    if (this.nodes + 2 > this.limit.nodes) return false;
    const callee = this.around.inlinable(target);
    if (callee === undefined || !this.charge(callee.size, 1)) return false;
    const known = this.leaders.has(after);
    const followed = this.follow(after);
    if (!followed || !this.place(after)) {
      this.charge(callee.size, -1);
      if (followed && !known) {
        // Nothing else leads there.
        this.leaders.delete(after);
        this.queue.pop();
      }
      return false;
    }
    this.callees.set(after, callees.set(target, callee));
    this.depth = Math.max(this.depth, callee.depth + 1);
    return true;
  }

  /** Puts a piece at a leader, unless one is there. A piece that ran over it ends before it from now on. */
  private place(pc: number): boolean {
    if (this.pieces.has(pc)) return true;
    if (this.nodes >= this.limit.nodes) return false;
    const holder = this.owners.get(pc);
    const piece = this.translate(pc, (at) => {
      const owner = this.owners.get(at);
      return this.leaders.has(at) || (owner !== undefined && owner !== holder);
    });
    if (piece === undefined) return false;
    if (holder === undefined) return this.add(piece);
    const whole = this.pieces.get(holder) as Piece;
    const head = this.translate(holder, (at) => at === pc);
    if (head === undefined) return false;
    this.remove(whole);
    if (this.add(head) && this.add(piece)) return true;
    if (this.pieces.has(holder)) this.remove(head);
    this.add(whole);
    return false;
  }

  private translate(pc: number, endsBefore: (at: number) => boolean): Piece | undefined {
    const { source, flags } = this.around;
    for (;;) {
      let end: number | undefined;
      const block = source.block(pc, (address) => {
        const at = address | 0;
        if (this.insideIt.has(at) || !endsBefore(at)) return false;
        end = at;
        return true;
      });
      if (block === undefined) return undefined;
      if (end === undefined || block.ops[block.ops.length - 1].op !== 'exitResync') {
        return { block, exits: exitsOf(block, flags, source) };
      }
      this.insideIt.add(end);
    }
  }

  private add(piece: Piece): boolean {
    const { block } = piece;
    if (!this.charge({ nodes: 1, operations: block.ops.length, instructions: block.instructions }, 1))
      return false;
    this.pieces.set(block.pc, piece);
    for (const at of instructionsOf(block)) this.owners.set(at, block.pc);
    return true;
  }

  private remove({ block }: Piece): void {
    this.charge({ nodes: 1, operations: block.ops.length, instructions: block.instructions }, -1);
    this.pieces.delete(block.pc);
    for (const at of instructionsOf(block)) this.owners.delete(at);
  }

  /** @returns false where there is no room; nothing is charged then */
  private charge(size: RegionSize, times: 1 | -1): boolean {
    const nodes = this.nodes + times * size.nodes;
    const operations = this.operations + times * size.operations;
    const instructions = this.instructions + times * size.instructions;
    const { limit } = this;
    const fits = nodes <= limit.nodes && operations <= limit.operations && instructions <= limit.instructions;
    if (times === 1 && !fits) return false;
    this.nodes = nodes;
    this.operations = operations;
    this.instructions = instructions;
    return true;
  }
}
