import { MachineMemory, MemoryLayout, TLB_ENTRY_WORDS } from '../../../src/memory/machine-memory.ts';
import type { HelperInfo } from '../../../src/translator/ir/ops.ts';
import type { IrBlock } from '../../../src/translator/ir/value.ts';
import { JumpCache } from '../../../src/translator/jump-cache.ts';
import { INTEGER_ROWS, VectorTable } from '../../../src/translator/vector/table.ts';
import type { RegionHost } from '../../../src/translator/wasm/base-functions.ts';
import { instantiateBase } from '../../../src/translator/wasm/base-module.ts';
import type { RegionFunction } from '../../../src/translator/wasm/compiled-region.ts';
import { nzcvOfLazy } from '../../../src/translator/wasm/lazy-flags.ts';
import type { Region } from '../../../src/translator/wasm/region.ts';
import { FlagKind, RegionResult, RegionWord } from '../../../src/translator/wasm/region-abi.ts';
import {
  exportOf,
  instantiateRegions,
  writeRegionModule,
} from '../../../src/translator/wasm/region-module.ts';
import { SiteTable } from '../../../src/translator/wasm/site-table.ts';
import { type Before, DATA, DATA_BYTES, HELPERS, helper, PAGES, PlainMemory } from '../ir-machine.ts';
import { evaluate } from '../ir-oracle.ts';
import { validateByWabt } from './wabt.ts';

const STATE = MemoryLayout.state >>> 2;
const STATE_WORDS = 256;
const TLB = MemoryLayout.tlb >>> 2;
const NO_TAG = 0x400;
const PC = 15;
const NZCV = 16;
/** PC; the exclusive monitor, which is the CPU's; second results of calls. */
const UNSEEN = [PC, 24, 25, 26, 28, 29];
const { Interrupted, Lookup, Resync, Raise, Fault, Wait } = RegionResult;
const PLAIN_EXITS = ['exitJump', 'exitJumpTo'];

/** How code was left: the result, what belongs to it, and what is left of the budget. */
export interface RegionAfter {
  readonly how: readonly number[];
  readonly budget: number;
  readonly slots: Int32Array;
  readonly bytes: Uint8Array;
}

function word(address: number): number {
  return address >>> 2;
}

function seen(slots: Int32Array): Int32Array {
  const out = slots.slice(0, 96);
  for (const slot of UNSEEN) out[slot] = 0;
  return out;
}

/** Compiles regions of any IR and runs them, in memory that is partly behind the slow paths. */
export class RegionMachine {
  private readonly memory = new MachineMemory(0x10000);
  private readonly state = this.memory.words.subarray(STATE, STATE + STATE_WORDS);
  private readonly data = this.memory.bytes.subarray(MemoryLayout.ram, MemoryLayout.ram + DATA_BYTES);
  private readonly plain = new PlainMemory(this.state, this.data);
  private readonly vectors = new VectorTable(INTEGER_ROWS, this.memory.words);
  private readonly sites = new SiteTable();
  private readonly base: WebAssembly.Exports;

  constructor() {
    // Empty: exits that leave a region find no other.
    new JumpCache(this.memory);
    const table = new WebAssembly.Table({ initial: 1, element: 'anyfunc' });
    this.base = instantiateBase(this.memory, table, this.host());
    this.fillTlb();
  }

  /** Functions of regions by their entries, all in one module. */
  compile(regions: readonly Region[]): RegionFunction[][] {
    const { memory, base, sites, vectors } = this;
    sites.clear();
    const context = {
      memory,
      base,
      sites,
      helperIndex: (info: HelperInfo) =>
        Math.max(HELPERS.indexOf(info), (INTEGER_ROWS as readonly HelperInfo[]).indexOf(info)),
      vector: (number: number, imm: number, d: number, a: number, b: number) =>
        vectors.run(number, imm, d, a, b),
    };
    const bytes = writeRegionModule(
      regions.map((region, i) => ({ region, number: i + 1, callFree: false, grouped: false })),
      context,
    );
    validateByWabt(bytes);
    const exports = instantiateRegions(bytes, context);
    return regions.map(({ entries }, i) =>
      entries.map((_node, entry) => exports[exportOf(i, entry)] as unknown as RegionFunction),
    );
  }

  run(region: RegionFunction, before: Before, budget: number): RegionAfter {
    const { words } = this.memory;
    this.state.fill(0);
    this.state.set(before.slots);
    this.data.set(before.bytes);
    words[word(RegionWord.Reserve)] = 0;
    words[word(RegionWord.Fault)] = 0;
    words[word(RegionWord.Context)] = 0;
    words[word(RegionWord.Tlb)] = TLB * 4;
    words[word(RegionWord.StrictAlignment)] = 0;
    words[word(RegionWord.FlagKind)] = FlagKind.Raw;
    words[word(RegionWord.FlagA)] = this.state[NZCV]!;
    const result = region(budget, TLB * 4);
    this.state[NZCV] = this.flags();
    return {
      how: this.howLeft(result),
      budget: words[word(RegionWord.Budget)]! + (result === Fault ? this.sites.notExecuted(this.site) : 0),
      slots: seen(this.state),
      bytes: this.data.slice(),
    };
  }

  private get site(): number {
    return this.memory.words[word(RegionWord.Site)]!;
  }

  private flags(): number {
    const { words } = this.memory;
    const { FlagNz, FlagA, FlagB } = RegionWord;
    const [nz, a, b] = [FlagNz, FlagA, FlagB].map((address) => words[word(address)]!);
    return nzcvOfLazy(words[word(RegionWord.FlagKind)]!, nz!, a!, b!);
  }

  private howLeft(result: number): number[] {
    const { words } = this.memory;
    const pc = this.state[PC]!;
    const [kind, argument] = [RegionWord.RaiseKind, RegionWord.RaiseArgument].map((at) => words[word(at)]!);
    if (result === Fault) return [Fault, this.sites.pc(this.site)];
    if (result === Raise) return [Raise, kind!, argument!, this.sites.pc(this.site)];
    if (result === Wait) return [Wait, kind!, pc];
    return result === Resync ? [Resync] : [result, pc];
  }

  private fillTlb(): void {
    const { words } = this.memory;
    for (const first of [TLB, TLB + (MemoryLayout.tlbSeconds >>> 2)])
      for (let e = 0; e < MemoryLayout.tlbEntries; e++)
        words.fill(NO_TAG, first + e * TLB_ENTRY_WORDS, first + e * TLB_ENTRY_WORDS + 2);
    PAGES.forEach(({ fastRead, fastWrite }, i) => {
      const va = DATA + i * 4096;
      const e = TLB + ((va >>> 12) & (MemoryLayout.tlbEntries - 1)) * TLB_ENTRY_WORDS;
      if (fastRead) words[e] = va;
      if (fastWrite) words[e + 1] = va;
      words[e + 2] = MemoryLayout.ram - DATA;
    });
  }

  private host(): RegionHost {
    const { plain, state, memory } = this;
    const fault = (): number => {
      memory.words[word(RegionWord.Fault)] = 1;
      return 0x0bad0bad;
    };
    const load = (va: number, size: number): number => {
      const value = plain.load(va >>> 0, size);
      if (value === undefined) return fault();
      state[29] = Number(BigInt.asIntN(32, value >> 32n));
      return Number(BigInt.asIntN(32, value));
    };
    const store = (va: number, size: number, low: number, high: number): void => {
      const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
      if (!plain.store(va >>> 0, size, value)) fault();
    };
    return {
      slowLoad: load,
      slowStore: store,
      fillTlb: () => {},
      loadExclusive: load,
      storeExclusive: (va, size, low, high) => {
        store(va, size, low, high);
        return 0;
      },
      barrier: () => {},
      cross: (result) => result,
      vector: (number, imm, d, a, b) => this.vectors.run(number, imm, d, a, b),
      callHelper: (number, a, b, c) => {
        const { name, argCount } = HELPERS[number]!;
        return helper(name, state, [a, b, c].slice(0, argCount)) ?? fault();
      },
    };
  }
}

/**
 * What a region does by the oracle, block by block.
 * @param interruptedAt what is left of the budget where the region was interrupted, if it was
 * @param entry which of its entries
 */
export function regionByOracle(
  region: Region,
  before: Before,
  budget: number,
  interruptedAt: number | undefined,
  entry = 0,
): RegionAfter {
  const slots = new Int32Array(STATE_WORDS);
  slots.set(before.slots);
  const bytes = before.bytes.slice();
  const memory = new PlainMemory(slots, bytes);
  let left = budget;
  const after = (how: readonly number[]): RegionAfter => ({
    how,
    budget: left,
    slots: seen(slots),
    bytes,
  });
  for (let node = region.entries[entry]!; ; ) {
    const { block, targets, expected } = region.nodes[node]!;
    if (left === interruptedAt) return after([Interrupted, block.pc]);
    const [how, imm, imm2, instruction, address] = evaluate(block, memory) as [string, ...number[]];
    const at = how === 'fault' ? imm : instruction;
    left -= at! + 1;
    if (PLAIN_EXITS.includes(how)) {
      const pc = how === 'exitJump' ? imm! : address!;
      const next = targets.get(pc) ?? (expected?.pc === pc ? expected.node : undefined);
      if (next === undefined) return after([Lookup, pc]);
      node = next;
      continue;
    }
    const pc = markerPc(block, at!);
    if (how === 'fault') return after([Fault, pc]);
    if (how === 'exitRaise') return after([Raise, imm!, imm2!, pc]);
    return after(how === 'exitWait' ? [Wait, imm!, imm2!] : [Resync]);
  }
}

function markerPc(block: IrBlock, instruction: number): number {
  return block.ops.filter(({ op }) => op === 'marker')[instruction]!.imm;
}

/** What is different; undefined when nothing is. */
export function regionDifference(expected: RegionAfter, got: RegionAfter): string | undefined {
  if (expected.how.join() !== got.how.join()) return `left by ${got.how} instead of ${expected.how}`;
  if (expected.budget !== got.budget) return `${got.budget} left instead of ${expected.budget}`;
  const slot = expected.slots.findIndex((value, i) => value !== got.slots[i]);
  if (slot >= 0) return `slot ${slot}: ${got.slots[slot]} instead of ${expected.slots[slot]}`;
  const byte = expected.bytes.findIndex((value, i) => value !== got.bytes[i]);
  return byte < 0 ? undefined : `byte ${byte}: ${got.bytes[byte]} instead of ${expected.bytes[byte]}`;
}
