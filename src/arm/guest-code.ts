import type { MachineMemory } from '../memory/machine-memory.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { CachedBlock, TranslationCache } from '../translator/cache.ts';
import type { IrBlock } from '../translator/ir/value.ts';
import type { JumpCache } from '../translator/jump-cache.ts';
import { liftWithSpinExits } from '../translator/spin-exits.ts';
import type { ArmCpu } from './cpu.ts';
import type { IsaFeatures } from './lift/lifter.ts';
import type { StopPoints } from './stop-points.ts';
import { Sctlr } from './system-registers.ts';
import { MAX_BLOCK_INSTRUCTIONS, translateBlock } from './translate-block.ts';

/** Blocks that start inside an IT block or are cut short have flags of their own and stay out of the jump cache. */
export const PLAIN_FLAGS = 3;
/** In a block's key: SCTLR.SW was set where it was translated. */
const SWP_EXISTS = 1 << 2;

type ReadHalfword = (va: number) => number;

/** Where guest code comes from: blocks by address, found in the cache or lifted and put there. */
export class GuestCode {
  /** Where a debugger wants CPUs to stop: blocks end before its breakpoints. */
  stopPoints: StopPoints | undefined;
  /** Address that the last block without a first instruction could not fetch. */
  faultedFetch = 0;
  private readonly memory: MachineMemory;
  private readonly physical: PhysicalMemory;
  private readonly cache: TranslationCache;
  private readonly jumps: JumpCache;
  private readonly severalCpus: boolean;
  private readonly onLift: () => void;
  private features: IsaFeatures | undefined;

  /** @param onLift called before each translation, which takes as long as many instructions */
  constructor(
    memory: MachineMemory,
    physical: PhysicalMemory,
    cache: TranslationCache,
    jumps: JumpCache,
    severalCpus: boolean,
    onLift: () => void,
  ) {
    this.memory = memory;
    this.physical = physical;
    this.cache = cache;
    this.jumps = jumps;
    this.severalCpus = severalCpus;
    this.onLift = onLift;
  }

  /**
   * The block at `pc`, whose physical address is `pa`.
   * @param limit instructions that it may have at most; 0 for as many as it has.
   * @returns undefined where its first instruction can't be fetched, at `faultedFetch`.
   */
  blockAt(cpu: ArmCpu, pc: number, pa: number, flags: number, limit: number): CachedBlock | undefined {
    const keyFlags = flags | (limit << 16) | (swpExists(cpu) ? SWP_EXISTS : 0);
    const known = this.cache.findByCode(this.jumps.lastCode(pc), pc, pa, keyFlags);
    if (known !== undefined) return known;
    const key = { pc, pa, flags: keyFlags };
    const page = pc & -4096;
    const cached = this.cache.find(pc, pa, key.flags, () => cpu.mmu.translateFetch(page + 4096));
    if (cached !== undefined) return cached;
    const { ramDelta } = this.physical;
    let secondPa = -1;
    const locate = (va: number): number => {
      let at = pa + ((va - pc) | 0);
      if ((va & -4096) !== page) {
        if (secondPa < 0) secondPa = cpu.mmu.translateFetch(va);
        if (secondPa < 0) return -1;
        at = secondPa + (va & 0xfff);
      }
      if (this.physical.isRam(at)) return at + ramDelta;
      const direct = this.physical.directOffset(at);
      if (direct >= 0) return direct;
      cpu.mmu.fetchFoundNothing();
      return -1;
    };
    const block = this.lift(cpu, pc, flags, limit, undefined, (va) => {
      const at = locate(va);
      if (at < 0) this.faultedFetch = va;
      return at < 0 ? -1 : this.memory.u16[at >>> 1];
    });
    if (block === undefined) return undefined;
    const straddles = ((pc + block.bytes - 1) & -4096) !== page;
    return this.cache.add(key, block, straddles ? secondPa : -1);
  }

  /** Lifts code for a region, whose pages all lie in RAM. @returns undefined where it can't be fetched. */
  liftForRegion(
    cpu: ArmCpu,
    pc: number,
    flags: number,
    endsBefore: (pc: number) => boolean,
  ): IrBlock | undefined {
    return this.lift(cpu, pc, flags & PLAIN_FLAGS, 0, endsBefore, this.reader(cpu));
  }

  /** The halfword of code in RAM at a virtual address, in the current context; undefined where there is none. */
  halfword(cpu: ArmCpu, va: number): number | undefined {
    const halfword = this.reader(cpu)(va);
    return halfword < 0 ? undefined : halfword;
  }

  /** Reads halfwords of code in RAM, -1 where there is none. */
  private reader(cpu: ArmCpu): ReadHalfword {
    const { memory, physical } = this;
    let page = Number.NaN;
    let at = -1;
    return (va) => {
      if ((va & -4096) !== page) {
        page = va & -4096;
        at = cpu.mmu.translateFetch(page);
      }
      return at < 0 || !physical.isRam(at) ? -1 : memory.u16[(at + physical.ramDelta + (va & 0xfff)) >>> 1];
    };
  }

  /** One object for all blocks, until a CPU has another setting. */
  private featuresOf(cpu: ArmCpu): IsaFeatures {
    const swp = swpExists(cpu);
    if (this.features?.swp !== swp)
      this.features = { ...cpu.model.features, swp, uniprocessor: !this.severalCpus };
    return this.features;
  }

  /** The IR of a block. */
  private lift(
    cpu: ArmCpu,
    pc: number,
    flags: number,
    limit: number,
    endsBefore: ((pc: number) => boolean) | undefined,
    fetch16: ReadHalfword,
  ): IrBlock | undefined {
    this.onLift();
    const { stopPoints } = this;
    const breakpoints = stopPoints && ((va: number) => stopPoints.isBreakpoint(va | 0) === true);
    const translate = (at: number, ends: ((va: number) => boolean) | undefined): IrBlock | undefined =>
      translateBlock({
        pc: at,
        thumb: (flags & 1) !== 0,
        bigEndian: (flags & 2) !== 0,
        it: at === pc ? (flags >>> 8) & 0xff : 0,
        features: this.featuresOf(cpu),
        maxInstructions: limit === 0 ? MAX_BLOCK_INSTRUCTIONS : limit,
        endsBefore: ends && breakpoints ? (va) => ends(va) || breakpoints(va) : (ends ?? breakpoints),
        fetch16: (va) => fetch16(va | 0),
      })?.block;
    return this.severalCpus ? liftWithSpinExits(translate, pc, endsBefore) : translate(pc, endsBefore);
  }
}

function swpExists(cpu: ArmCpu): boolean {
  return (cpu.regs.SCTLR & Sctlr.SW) !== 0;
}
