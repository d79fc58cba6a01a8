import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { type PageWatches, WatchKind } from '../memory/page-watches.ts';
import { CodeEpochs } from './code-epochs.ts';
import { Bc, ENTER_NUMBER } from './interpreter.ts';
import type { HelperInfo } from './ir/ops.ts';
import type { IrBlock } from './ir/value.ts';
import { verifyBlock } from './ir/verify.ts';
import { lower } from './lower.ts';
import { optimise } from './optimise.ts';

/** What, besides the address, a block's code depends on. */
export interface BlockKey {
  /** Virtual address: constants in the code come from it. */
  readonly pc: number;
  /** Physical address of its first byte: the same page mapped elsewhere is another block. */
  readonly pa: number;
  /** T in bit 0, E in bit 1, what else the lifter asks for in bits 7:2, ITSTATE in bits 15:8, instruction limit (0 for none) in bits 23:16. */
  readonly flags: number;
}

/** A translated block. */
export interface CachedBlock extends BlockKey {
  readonly number: number;
  /** Word indices of its interpreter code, and of its markers. */
  readonly code: number;
  readonly markers: number;
  readonly instructions: number;
  readonly bytes: number;
  /** Physical address of the page of its last bytes, for an instruction that straddles pages; else -1. */
  readonly secondPage: number;
  /** Runs until it is looked at, from when on, and how many of those before came often enough: see RegionStore. */
  given: number;
  lookedAt: number;
  heat: number;
  valid: boolean;
  /** The next block of the same place in the cache. */
  next: CachedBlock | undefined;
}

/** What remembers where code is: jump caches. */
export interface CodeLinks {
  forget(pc: number): void;
  forgetAll(): void;
}

const CODE_START = MemoryLayout.code >>> 2;
const CODE_END = MemoryLayout.codeEnd >>> 2;

const PLACES = 0x20000;

/** Stores right behind one another, to pages with code, after which they are taken for memory that is used for something else now. */
const FILLING = 64;
/** How often that may be wrong of a page: where code and what it writes are neighbours. */
const MOST_FORGOTTEN = 8;

/** A number that few blocks share: of both addresses, for a shared library is somewhere else in each process. */
function placeOf(pc: number, pa: number): number {
  return Math.imul((pa >>> 1) ^ Math.imul(pc >>> 12, 0x9e3779b1), 0x9e3779b1) >>> 15;
}

/**
 * All translated blocks of a machine, found by address. A store into a block's bytes invalidates it: the
 * first word of its code becomes Stale, so that every block linked to it comes back to the dispatcher.
 */
export class TranslationCache {
  /** Runs after which a block that is added now is looked at. */
  countdown = (): number => 0x7fffffff;
  /** Called when everything was thrown away. */
  onFlush: () => void = () => {};
  /** Checks every block that is added, before and after the optimiser; for tests and for who writes a lifter. */
  verify = false;
  private readonly memory: MachineMemory;
  private readonly watches: PageWatches;
  private readonly ramBase: number;
  private readonly helperIndex: (helper: HelperInfo) => number;
  private readonly links: CodeLinks;
  private blocks: CachedBlock[] = [];
  /** By {@link placeOf}: the number of the block that was added last, plus 1. */
  private readonly byAddress = new Int32Array(PLACES);
  /** Blocks by page of RAM (offset from its start, in pages), and some that are not valid any more. */
  private byPage = new Map<number, CachedBlock[]>();
  /** Where the next block's code begins, and where its markers end. */
  private next = CODE_START;
  private end = CODE_END;
  private foreign = false;
  /** Where the last store to a page with code ended, as a signed offset into RAM, and how many there were that began where another one ended. */
  private filledUntil = 0;
  private filling = 0;
  /** By page of RAM: how often all of its blocks were forgotten because it was filled. */
  private readonly forgotten: Uint8Array;
  /** Blocks that were added, and that were invalidated one by one; how often all were thrown away. */
  translated = 0;
  invalidated = 0;
  flushes = 0;
  private readonly epochs: CodeEpochs;
  private readonly drop = (block: CachedBlock): void => this.invalidate(block);
  private readonly doubt = (block: CachedBlock): void => {
    this.epochs.doubt(block);
    this.links.forget(block.pc);
  };

  constructor(
    memory: MachineMemory,
    watches: PageWatches,
    ramBase: number,
    helperIndex: (helper: HelperInfo) => number,
    links: CodeLinks,
  ) {
    this.memory = memory;
    this.watches = watches;
    this.ramBase = ramBase;
    this.helperIndex = helperIndex;
    this.links = links;
    this.epochs = new CodeEpochs(memory, ramBase);
    this.forgotten = new Uint8Array(memory.ramBytes >>> 12);
    watches.setWatcher(WatchKind.Code, (offset, length) => this.invalidateRange(offset, length));
  }

  /** @param secondPage where the following page is in the current context; -1 where it can't be fetched from. */
  find(pc: number, pa: number, flags: number, secondPage: () => number): CachedBlock | undefined {
    for (let block = this.firstAt(placeOf(pc, pa)); block !== undefined; block = block.next) {
      if (block.pc !== pc || block.pa !== pa || block.flags !== flags) continue;
      if (block.secondPage >= 0 && block.secondPage !== secondPage()) continue;
      if (!this.watches.bypassed || this.epochs.confirm(block)) return block;
      this.invalidate(block);
      return undefined;
    }
    return undefined;
  }

  private firstAt(place: number): CachedBlock | undefined {
    const number = this.byAddress[place];
    return number === 0 ? undefined : this.blocks[number - 1];
  }

  /** The same as `find`, for who has an idea of where the block's code is; undefined where that is wrong. */
  findByCode(code: number, pc: number, pa: number, flags: number): CachedBlock | undefined {
    const block = this.blocks[this.memory.words[code + ENTER_NUMBER] >>> 0];
    if (block?.code !== code || !block.valid) return undefined;
    const isIt = block.pc === pc && block.pa === pa && block.flags === flags && block.secondPage < 0;
    return isIt && (!this.watches.bypassed || this.epochs.confirm(block)) ? block : undefined;
  }

  /**
   * Instruction cache maintenance of everything: what a real device has written is seen from now on. Without such a device
   * the page watches have seen all writes already, and there is nothing to do.
   */
  newEpoch(): void {
    if (!this.watches.bypassed) return;
    this.epochs.doubtAll();
    this.links.forgetAll();
  }

  /** The same for a range of RAM, given from its start. */
  newEpochOf(offset: number, length: number): void {
    if (!this.watches.bypassed) return;
    this.forBlocksIn(offset, length, this.doubt);
  }

  /** Blocks from outside RAM are here: nothing watches their bytes, and whoever changes them throws all away. */
  get hasForeignCode(): boolean {
    return this.foreign;
  }

  /** The block that is running, by the number that the interpreter keeps. */
  block(number: number): CachedBlock {
    return this.blocks[number];
  }

  /**
   * Adds a translation. Where the code area is full, everything is thrown away first.
   * @param secondPa physical address of the second page for a straddling instruction, else -1.
   */
  add(key: BlockKey, ir: IrBlock, secondPa: number): CachedBlock {
    let block = this.tryAdd(key, ir, secondPa);
    if (block === undefined) {
      this.flush();
      block = this.tryAdd(key, ir, secondPa);
    }
    if (block === undefined)
      throw new Error(`the block at 0x${(key.pc >>> 0).toString(16)} is larger than the code area`);
    return block;
  }

  /** Throws all translations away. */
  flush(): void {
    for (const page of this.byPage.keys()) this.watches.disarm(WatchKind.Code, page);
    for (const { pc, pa } of this.blocks) this.byAddress[placeOf(pc, pa)] = 0;
    this.blocks = [];
    this.byPage = new Map();
    this.next = CODE_START;
    this.end = CODE_END;
    this.foreign = false;
    this.flushes++;
    this.epochs.clear();
    this.links.forgetAll();
    this.onFlush();
  }

  private tryAdd(key: BlockKey, ir: IrBlock, secondPa: number): CachedBlock | undefined {
    const number = this.blocks.length;
    const countdown = this.countdown();
    const optimised = optimise(ir);
    if (this.verify) {
      verifyBlock(ir);
      verifyBlock(optimised);
    }
    const lowered = lower(this.memory, this.next, this.end, {
      block: optimised,
      number,
      flags: key.flags & 3,
      countdown,
      helperIndex: this.helperIndex,
    });
    if (lowered === undefined) return undefined;
    this.next += lowered.words;
    this.end = lowered.markers;
    const place = placeOf(key.pc, key.pa);
    const block: CachedBlock = {
      pc: key.pc,
      pa: key.pa,
      flags: key.flags,
      number,
      code: lowered.start,
      markers: lowered.markers,
      instructions: ir.instructions,
      bytes: ir.bytes,
      secondPage: secondPa,
      given: countdown,
      lookedAt: 0,
      heat: 0,
      valid: true,
      next: this.firstAt(place),
    };
    this.blocks.push(block);
    this.byAddress[place] = number + 1;
    this.translated++;
    this.watch(key.pa, block);
    if (secondPa >= 0) this.watch(secondPa, block);
    if (this.watches.bypassed) this.epochs.added(block);
    return block;
  }

  /** Code outside RAM (a flash) has no watch: see `hasForeignCode`. */
  private watch(pa: number, block: CachedBlock): void {
    const offset = pa - this.ramBase;
    if (offset < 0 || offset >= this.memory.ramBytes) {
      this.foreign = true;
      return;
    }
    const page = Math.floor(offset / 4096);
    const blocks = this.byPage.get(page);
    if (blocks === undefined) {
      this.byPage.set(page, [block]);
      this.watches.arm(WatchKind.Code, page);
    } else {
      blocks.push(block);
    }
  }

  /** Invalidates the blocks that have bytes in a range of RAM, given from its start. */
  invalidateRange(offset: number, length: number): void {
    this.forBlocksIn(offset, length, this.drop);
    this.filling = (offset | 0) === this.filledUntil ? this.filling + 1 : 0;
    this.filledUntil = (offset + length) | 0;
    for (let page = offset >>> 12; page * 4096 < offset + length; page++) {
      const blocks = this.byPage.get(page);
      if (blocks === undefined || (blocks.length !== 0 && !this.isToBeForgotten(page))) continue;
      for (const block of blocks) this.invalidate(block);
      this.byPage.delete(page);
      this.watches.disarm(WatchKind.Code, page);
    }
  }

  /**
   * Whether all blocks of a page that is written to may go: it need not be watched then, and its stores are as quick as others. A kernel
   * fills memory that had code, page by page. Not where some of it is compiled, which costs more than stores.
   */
  private isToBeForgotten(page: number): boolean {
    if (this.filling < FILLING || this.forgotten[page] === MOST_FORGOTTEN) return false;
    if (!this.watches.isWatchedFor(page, WatchKind.Code)) return false;
    this.forgotten[page]++;
    return true;
  }

  private forBlocksIn(offset: number, length: number, action: (block: CachedBlock) => void): void {
    const from = this.ramBase + offset;
    const to = from + length;
    for (let page = offset >>> 12; page * 4096 < offset + length; page++) {
      const blocks = this.byPage.get(page);
      if (blocks === undefined) continue;
      let kept = 0;
      for (const block of blocks) {
        const inFirst = block.pa < to && block.pa + block.bytes > from;
        const inSecond = block.secondPage >= 0 && block.secondPage < to && block.secondPage + 2 > from;
        if (block.valid && (inFirst || inSecond)) action(block);
        if (block.valid) blocks[kept++] = block;
      }
      blocks.length = kept;
    }
  }

  private invalidate(block: CachedBlock): void {
    block.valid = false;
    this.invalidated++;
    this.memory.words[block.code] = Bc.Stale;
    this.epochs.removed(block);
    this.links.forget(block.pc);
    const place = placeOf(block.pc, block.pa);
    const { next } = block;
    let before = this.firstAt(place) as CachedBlock;
    if (before === block) {
      this.byAddress[place] = next === undefined ? 0 : next.number + 1;
      return;
    }
    while (before.next !== block) before = before.next as CachedBlock;
    before.next = next;
  }
}
