import { type MachineMemory, MemoryLayout } from '../../memory/machine-memory.ts';
import { type PageWatches, WatchKind } from '../../memory/page-watches.ts';
import type { CachedBlock } from '../cache.ts';
import { Bc, ENTER_COUNTDOWN } from '../interpreter.ts';
import type { JumpCache } from '../jump-cache.ts';
import type {
  CompiledRegion,
  RamRange,
  RegionEntry,
  RegionFunction,
  RegionPage,
  WasmFunction,
} from './compiled-region.ts';
import { PromotionThreshold } from './promotion-threshold.ts';
import type { Region } from './region.ts';
import {
  type CompiledModule,
  compileRegions,
  type RegionModuleContext,
  type RegionToCompile,
} from './region-module.ts';
import { RegionPages } from './region-pages.ts';
import { RegionStatistics } from './region-statistics.ts';

/** When code becomes regions, and how. */
export interface Promotion {
  /** Runs of a block after which a region is made from it on, where compiling is cheap: of those that come often. */
  readonly hot: number;
  /** Runs between two looks at how often they come; at most `hot`. */
  readonly look: number;
  /**
   * Guest instructions between one run and the next, on average since the last look, with which runs still count. Where a guest goes
   * through so much other code, the baseline's machine code is in none of the host's caches when it comes again, and the
   * interpreter, whose code is a fifth of it, is as fast.
   */
  readonly sparse: number;
  /** And where it is dear. */
  readonly dearest: number;
  /** A region that waits for company is compiled when its block has run so often again. */
  readonly again: number;
  /** Regions in a module: instances cost 0.3 ms each on Node 20. */
  readonly batch: number;
  /** Pages whose code is rewritten more often are left to the interpreter. */
  readonly rewrites: number;
  /** Makes functions of regions. @throws whatever the host throws when it will not or can't */
  readonly compile: (regions: readonly RegionToCompile[], context: RegionModuleContext) => CompiledModule;
}

export const PROMOTION: Promotion = {
  hot: 1000,
  look: 125,
  sparse: 20_000,
  dearest: 24000,
  again: 2000,
  batch: 24,
  rewrites: 64,
  compile: compileRegions,
};

/** Guest instructions of one unit of {@link RegionSource.clock}. */
export const CLOCK_UNIT = 65_536;
/** What has not come often is looked at after so many times as many runs. */
const SPARSE_LOOKS = 4;
/** Countdown of a block that shall never be hot. */
export const NEVER_HOT = 0x7fffffff;
/** Regions that there may be; when there are more all are thrown away. */
const MAX_REGIONS = 16384;
/** Bytes of WebAssembly that they may have. */
const MAX_BYTES = 64 * 2 ** 20;
/**
 * Slow accesses after which a call-free region's heat is looked at, and how many pieces of the budget it must have run then: 2,000 instructions
 * for each. Many, because they come in bursts, and a region that becomes a plain one has V8's baseline code for a tenth of a second.
 */
const SLOW_EXITS = 4096;
const FEWEST_PIECES = 512;
/** Pieces of the budget that a region must have run until another one takes its place: what is colder is not worth the room. */
const FEWEST_TO_TAKE = 4;
const HEAT = MemoryLayout.regionHeat >>> 2;
const MISSES = MemoryLayout.regionMisses >>> 2;

/** In a block's flags: its limit of instructions. */
const LIMIT_SHIFT = 16;

/** What the store asks about the code around a hot block, in the translation context of now. */
export interface RegionSource {
  /** The region from a block on; undefined where none can be made. */
  build(block: CachedBlock): Region | undefined;
  /** The same from what has run much: a larger one, with other entries. @param isEntered see BlockSource */
  rebuild(block: CachedBlock, isEntered: (pc: number) => boolean): Region | undefined;
  /** The interpreter's block at an address, if there is one. @param flags the block's */
  blockAt(pc: number, flags: number): CachedBlock | undefined;
  /** Physical address of a page of code, or -1 where it can't be fetched from now. */
  locate(pageVa: number): number;
  /** Guest instructions that have run, in {@link CLOCK_UNIT}. */
  clock(): number;
}

/** All compiled regions of a machine. */
export class RegionStore {
  readonly statistics = new RegionStatistics();
  /** Told once when the host refuses to compile; the interpreter goes on alone. */
  onRefused: (error: unknown) => void = () => {};
  private enabled = true;
  private readonly memory: MachineMemory;
  private readonly watches: PageWatches;
  private readonly ramBase: number;
  private readonly jumps: JumpCache;
  private readonly table: WebAssembly.Table;
  private readonly context: RegionModuleContext;
  /** By number; 0 is none. */
  private regions: (CompiledRegion | undefined)[] = [undefined];
  private functions: (RegionFunction | undefined)[] = [undefined];
  private byBlock = new Map<CachedBlock, CompiledRegion>();
  private waiting: { readonly compiled: CompiledRegion; readonly region: Region }[] = [];
  private bytes = 0;
  private readonly pages: RegionPages;
  /** Addresses of blocks that are inside of regions, and have not been hot by themselves. */
  private readonly inside = new Set<number>();
  private readonly changed: () => void;
  private readonly promotion: Promotion;
  private readonly threshold: PromotionThreshold;

  /**
   * @param table the regions' functions by number, as the base module sees them.
   * @param changed called when code that may be running was thrown away.
   */
  constructor(
    memory: MachineMemory,
    watches: PageWatches,
    ramBase: number,
    jumps: JumpCache,
    table: WebAssembly.Table,
    context: RegionModuleContext,
    changed: () => void,
    promotion: Promotion,
  ) {
    this.memory = memory;
    this.watches = watches;
    this.pages = new RegionPages(watches);
    this.ramBase = ramBase;
    this.jumps = jumps;
    this.table = table;
    this.context = context;
    this.changed = changed;
    this.promotion = promotion;
    this.threshold = new PromotionThreshold(promotion.hot, promotion.dearest, performance.now());
    watches.setWatcher(WatchKind.Region, (offset, length) => this.invalidateRange(offset, length));
  }

  /** A table large enough for all regions. */
  static makeTable(): WebAssembly.Table {
    return new WebAssembly.Table({ initial: MAX_REGIONS + 1, element: 'anyfunc' });
  }

  /** Runs after which a block that is translated now is looked at for the first time. */
  get firstLook(): number {
    return this.promotion.look;
  }

  /** Runs after which a block is hot now. */
  private get hotAfter(): number {
    return this.threshold.runs;
  }

  /** The function of a region that the jump cache knows. */
  functionOf(number: number): RegionFunction {
    return this.functions[number] as RegionFunction;
  }

  /** A block has run as often as its countdown said. */
  hot(block: CachedBlock, source: RegionSource): void {
    if (!this.enabled || !block.valid) {
      this.setCountdown(block, NEVER_HOT);
      return;
    }
    const known = this.byBlock.get(block);
    if (known !== undefined) {
      if (known.entries[0].number === 0) this.compileWaiting();
      else this.promote(block);
    } else if (this.isInside(block)) {
      // Once the region around it is there, which takes `again` runs of its own, it may be that nobody comes here from outside any more.
      this.setCountdown(block, 2 * this.promotion.again);
    } else if (this.isHot(block, source.clock())) {
      this.add(block, source);
    }
  }

  /** Whether the block has run enough; if not, it is given some more runs. */
  private isHot(block: CachedBlock, now: number): boolean {
    const { hot, look, sparse } = this.promotion;
    const isSparse = now - block.lookedAt > (block.given * sparse) / CLOCK_UNIT;
    block.lookedAt = now;
    block.heat = isSparse ? 0 : block.heat + block.given;
    if (block.heat >= this.hotAfter) return true;
    // Enough where compiling is cheap. Whether it still is dear will be asked again before long.
    if (block.heat >= hot) this.threshold.refused(performance.now());
    this.give(block, isSparse ? SPARSE_LOOKS * look : Math.min(look, this.hotAfter - block.heat));
    return false;
  }

  private give(block: CachedBlock, runs: number): void {
    block.given = runs;
    this.setCountdown(block, runs);
  }

  /**
   * The number of the region at a block, as far as it may run in the context of now: its other pages are where they were,
   * and nobody has changed its code. 0 for none.
   */
  usableAt(block: CachedBlock, source: RegionSource): number {
    const compiled = this.byBlock.get(block);
    const number = compiled?.entries.find((entry) => entry.block === block)?.number ?? 0;
    if (compiled === undefined || number === 0) return 0;
    const entryPage = block.pc & -4096;
    for (const { va, pa } of compiled.pages) {
      if (va !== entryPage && source.locate(va) !== pa) return 0;
    }
    if (this.watches.bypassed) {
      if (!this.confirm(compiled)) return 0;
      // An epoch that has found its block unchanged left that to the interpreter.
      this.promote(block);
    }
    return number;
  }

  /** The mapping of a page has changed: regions that reach into it are looked up anew. */
  forgetPage(va: number): void {
    for (const compiled of this.pages.reachingInto(va)) this.forgetEntries(compiled);
  }

  /** A new epoch: what a real device has written is seen from now on. */
  doubtAll(): void {
    for (const compiled of this.regions) if (compiled !== undefined) compiled.trusted = false;
  }

  doubtRange(offset: number, length: number): void {
    this.pages.forRegionsIn(offset, length, (compiled) => {
      compiled.trusted = false;
      this.forgetEntries(compiled);
    });
  }

  /** Throws everything away: all blocks are gone. */
  flush(): void {
    for (const [number, compiled] of this.regions.entries()) {
      if (compiled === undefined) continue;
      compiled.valid = false;
      this.table.set(number, null);
    }
    this.pages.clear();
    this.regions = [undefined];
    this.functions = [undefined];
    this.byBlock = new Map();
    this.waiting = [];
    this.inside.clear();
    this.bytes = 0;
    this.context.sites.clear();
    this.jumps.forgetAll();
  }

  /** Compiles what waits. */
  compileWaiting(): void {
    const batch = this.waiting.filter(({ compiled }) => compiled.valid);
    this.waiting = [];
    if (batch.length === 0) return;
    if (this.regions.length + batch.length > MAX_REGIONS || this.bytes > MAX_BYTES) {
      this.evict();
      return;
    }
    for (const [i, { compiled }] of batch.entries()) compiled.entries[0].number = this.regions.length + i;
    const functions = this.compile(batch);
    if (functions === undefined) return;
    for (const [i, { compiled }] of batch.entries()) this.install(compiled, functions[i]);
  }

  /**
   * A region has run so much that it is worth a compilation without calls, or has one and often calls a function that it
   * has not.
   */
  improve(number: number, source: RegionSource): void {
    const compiled = this.regions[number];
    if (compiled === undefined || compiled.kind === 'plain for good') return;
    this.recompile(compiled, 'call-free', source);
  }

  /** An access has left a call-free region. Where that happens too often, it becomes a plain one again. */
  slowExit(number: number, source: RegionSource): void {
    const compiled = this.regions[number];
    if (compiled === undefined || ++compiled.slowExits < SLOW_EXITS) return;
    const pieces = this.memory.words[HEAT + number];
    this.memory.words[HEAT + number] = 0;
    compiled.slowExits = 0;
    if (pieces < FEWEST_PIECES) this.recompile(compiled, 'plain for good', source);
  }

  /**
   * Replaces a region's function; its code is read again, in the context of now, in which it has just run. A call-free one takes the
   * place of regions inside of it, and behind the calls that leave it, too: then a loop that calls something is one function.
   */
  private recompile(compiled: CompiledRegion, kind: CompiledRegion['kind'], source: RegionSource): void {
    const { kind: before, entries: entriesBefore } = compiled;
    compiled.kind = kind;
    const [{ block, number }] = entriesBefore;
    const byPc = new Map(entriesBefore.map((entry) => [entry.block.pc, entry]));
    const region = source.rebuild(block, (pc) => {
      const entry = byPc.get(pc) ?? (kind === 'call-free' ? this.entryToTake(pc, block, source) : undefined);
      if (entry !== undefined) byPc.set(pc, entry);
      return entry !== undefined;
    });
    if (region === undefined || (kind === before && region.instructions <= compiled.instructions)) return;
    const pages = this.pagesOf(region, source);
    if (
      pages.some(({ pa }) => !this.isRam(pa)) ||
      entryPageOf(pages, region.pc) !== entryPageOf(compiled.pages, region.pc)
    )
      return;
    const entries = region.entries.map((node) => byPc.get(region.nodes[node].block.pc) as RegionEntry);
    // Who jumps to what has no room now would find nothing there.
    if (!entriesBefore.every((entry) => entries.includes(entry))) return;
    compiled.entries = entries;
    const functions = this.compile([{ compiled, region }]);
    if (functions === undefined) return;
    this.pages.remove(compiled);
    for (const entry of entries) {
      const other = this.byBlock.get(entry.block);
      if (other === undefined || other === compiled) continue;
      other.valid = false;
      this.pages.remove(other);
    }
    compiled.pages = pages;
    compiled.ranges = ramRanges(region, pages, this.ramBase);
    compiled.instructions = region.instructions;
    this.pages.add(compiled);
    this.memory.words[MISSES + number] = 0;
    // Other contexts were not asked for pages that it did not have.
    this.setFunctions(compiled, functions[0]);
    if (this.watches.bypassed) compiled.source = this.sourceOf(compiled);
  }

  /** The entry of a hot region that begins at an address, for another one from `from` on that may take its place. */
  private entryToTake(pc: number, from: CachedBlock, source: RegionSource): RegionEntry | undefined {
    const block = source.blockAt(pc, from.flags);
    const known = block && this.byBlock.get(block);
    if (known === undefined || known.kind === 'plain for good' || known.entries.length > 1) return undefined;
    const [entry] = known.entries;
    return entry.number !== 0 && this.memory.words[HEAT + entry.number] >= FEWEST_TO_TAKE ? entry : undefined;
  }

  private pagesOf(region: Region, source: RegionSource): RegionPage[] {
    // Not by `map`: see waysInside.
    const pages: RegionPage[] = [];
    for (const va of region.pages) pages.push({ va, pa: source.locate(va) });
    return pages;
  }

  /** The functions of regions that have numbers; undefined where the host refuses. */
  private compile(
    batch: readonly { readonly compiled: CompiledRegion; readonly region: Region }[],
  ): readonly (readonly WasmFunction[])[] | undefined {
    const began = performance.now();
    try {
      const { functions, bytes } = this.promotion.compile(
        batch.map(({ region, compiled: { entries, kind } }) => ({
          region,
          number: entries[0].number,
          callFree: kind === 'call-free',
          grouped: kind !== 'plain for good',
        })),
        this.context,
      );
      this.bytes += bytes;
      const now = performance.now();
      this.statistics.compiled(batch, bytes, now - began);
      this.threshold.spent(now - began, now);
      return functions;
    } catch (error) {
      this.enabled = false;
      this.evict();
      this.onRefused(error);
      return undefined;
    }
  }

  /** Whether a block is the beginning of a node of a region that began elsewhere; asked once of each. */
  private isInside(block: CachedBlock): boolean {
    return this.inside.delete(block.pc);
  }

  private add(block: CachedBlock, source: RegionSource): void {
    const began = performance.now();
    const region = this.mayBePromoted(block) ? source.build(block) : undefined;
    const pages = region && this.pagesOf(region, source);
    if (region === undefined || pages === undefined || pages.some(({ pa }) => !this.isRam(pa))) {
      this.setCountdown(block, NEVER_HOT);
      return;
    }
    const ranges = ramRanges(region, pages, this.ramBase);
    const compiled: CompiledRegion = {
      entries: [{ block, number: 0 }],
      pages,
      ranges,
      instructions: region.instructions,
      valid: true,
      source: undefined,
      trusted: true,
      kind: 'plain',
      slowExits: 0,
    };
    if (this.watches.bypassed) compiled.source = this.sourceOf(compiled);
    const now = performance.now();
    this.statistics.built(now - began);
    this.threshold.spent(now - began, now);
    this.byBlock.set(block, compiled);
    this.pages.add(compiled);
    this.setCountdown(block, this.promotion.again);
    for (const { block: inner } of region.nodes) if (inner.pc !== region.pc) this.inside.add(inner.pc);
    this.waiting.push({ compiled, region });
    if (this.waiting.length >= this.promotion.batch) this.compileWaiting();
  }

  private mayBePromoted(block: CachedBlock): boolean {
    // A block that is cut short is there to stop after its last instruction.
    if (block.flags >>> LIMIT_SHIFT !== 0) return false;
    if (!this.isRam(block.pa) || block.secondPage >= 0) return false;
    return this.pages.rewritesOf((block.pa - this.ramBase) >>> 12) < this.promotion.rewrites;
  }

  private isRam(pa: number): boolean {
    return pa >= this.ramBase && pa < this.ramBase + this.memory.ramBytes;
  }

  private setCountdown(block: CachedBlock, runs: number): void {
    this.memory.words[block.code + ENTER_COUNTDOWN] = runs;
  }

  private install(compiled: CompiledRegion, functions: readonly WasmFunction[]): void {
    const [{ number, block }] = compiled.entries;
    this.memory.words[HEAT + number] = 0;
    this.memory.words[MISSES + number] = 0;
    this.promote(block);
    this.setFunctions(compiled, functions);
  }

  /** Puts a region's functions where those were that its entries had until now, if any. */
  private setFunctions(compiled: CompiledRegion, functions: readonly WasmFunction[]): void {
    for (const [i, { number, block }] of compiled.entries.entries()) {
      this.byBlock.set(block, compiled);
      this.regions[number] = compiled;
      this.functions[number] = functions[i] as unknown as RegionFunction;
      this.table.set(number, functions[i]);
    }
    this.forgetEntries(compiled);
  }

  private forgetEntries({ entries }: CompiledRegion): void {
    for (const { block } of entries) this.jumps.forget(block.pc);
  }

  private promote(block: CachedBlock): void {
    this.memory.words[block.code] = Bc.Promoted;
    this.setCountdown(block, NEVER_HOT);
  }

  /** Gives everything back to the interpreter; what is hot comes back. */
  private evict(): void {
    this.statistics.evictions++;
    for (const block of this.byBlock.keys()) this.demote(block);
    this.flush();
    this.changed();
  }

  private demote(block: CachedBlock): void {
    if (!block.valid) return;
    if (this.memory.words[block.code] === Bc.Promoted) this.memory.words[block.code] = Bc.Enter;
    block.heat = 0;
    this.give(block, this.enabled ? this.promotion.look : NEVER_HOT);
  }

  private invalidateRange(offset: number, length: number): void {
    this.pages.forRegionsIn(offset, length, (compiled) => this.invalidate(compiled));
    this.pages.unwatchEmpty(offset, length);
  }

  private invalidate(compiled: CompiledRegion): void {
    if (!compiled.valid) return;
    compiled.valid = false;
    this.statistics.invalidations++;
    for (const { number, block } of compiled.entries) {
      this.byBlock.delete(block);
      this.demote(block);
      if (number === 0) continue;
      this.regions[number] = undefined;
      this.functions[number] = undefined;
      this.table.set(number, null);
    }
    if (compiled.entries[0].number !== 0) this.changed();
    this.forgetEntries(compiled);
    this.pages.noteRewrite(compiled);
    this.pages.remove(compiled);
  }

  /** Compares a region's code with what it was made from, once in an epoch. */
  private confirm(compiled: CompiledRegion): boolean {
    if (compiled.trusted) return true;
    const now = this.sourceOf(compiled);
    const { source } = compiled;
    compiled.trusted = source !== undefined && now.every((byte, i) => byte === source[i]);
    if (!compiled.trusted) this.invalidate(compiled);
    return compiled.trusted;
  }

  private sourceOf({ ranges }: CompiledRegion): Uint8Array {
    const bytes = new Uint8Array(ranges.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const { offset, length } of ranges) {
      const from = MemoryLayout.ram + offset;
      bytes.set(this.memory.bytes.subarray(from, from + length), at);
      at += length;
    }
    return bytes;
  }
}

/** Where the page is that a region begins in. */
function entryPageOf(pages: readonly RegionPage[], pc: number): number | undefined {
  return pages.find(({ va }) => va === (pc & -4096))?.pa;
}

/** Where the code of a region lies in RAM, cut at pages. */
function ramRanges(region: Region, pages: readonly RegionPage[], ramBase: number): RamRange[] {
  const result: RamRange[] = [];
  for (const { pc, bytes } of region.ranges) {
    for (let at = pc; at < pc + bytes; ) {
      const page = at & -4096;
      const length = Math.min(pc + bytes, page + 4096) - at;
      const { pa } = pages.find(({ va }) => va === page) as RegionPage;
      result.push({ offset: (pa + (at & 0xfff) - ramBase) >>> 0, length });
      at += length;
    }
  }
  return result;
}
