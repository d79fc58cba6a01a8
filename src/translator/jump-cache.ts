import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';

const SIZE = MemoryLayout.jumpCacheEntries;
const BASE = MemoryLayout.jumpCache >>> 2;
const END = BASE + 4 * SIZE;
/** Places in a page where code can start; they lie next to each other. */
const PAGE_STARTS = 2048;
const EMPTY = -1;

// Words of an entry.
const PC = 0;
const TAG = 1;
const CODE = 2;
const REGION = 3;

/** A CPU's code is in other pages of the cache than another one's: what they have in common they would take from each other. */
const CPU_SHIFT = 11;
/**
 * The place of a PC depends on the bits above this one, too: the functions of a kernel are megabytes apart. They are the same for
 * all of a page, whose places stay next to each other, in another order.
 */
export const JUMP_FOLD = 15;

function entryOf(pc: number, cpu: number): number {
  return BASE + ((((pc >>> 1) ^ (pc >>> JUMP_FOLD) ^ (cpu << CPU_SHIFT)) & (SIZE - 1)) << 2);
}

/** What a region adds to 8 times a PC, without carry, for the byte offset of a CPU's entry: see {@link JumpCache.cpu}. */
export function placeOfCpu(cpu: number): number {
  return cpu << (CPU_SHIFT + 4);
}

/** Where code is, by virtual address and context. In the machine's memory, where compiled regions look it up too. */
export class JumpCache {
  /** Distinguishes translation contexts; a multiple of 4, and not negative. */
  contextTag = 0;
  /** The same for code that many contexts share; negative. */
  sharedTag = -8;
  /** Number of the CPU that runs, and how many there are: at most 8. */
  cpu = 0;
  cpus = 1;
  private readonly words: Int32Array;

  constructor(memory: MachineMemory) {
    this.words = memory.words;
    this.forgetAll();
  }

  /**
   * Records where the code of (pc, T, E) is in the current context.
   * @param code word index of interpreter code.
   * @param region number of the region that begins there; 0 for none.
   * @param shared whether that is so in all contexts with the same {@link sharedTag}.
   */
  remember(pc: number, flags: number, code: number, region = 0, shared = false): void {
    const e = entryOf(pc, this.cpu);
    this.words[e + PC] = pc;
    this.words[e + TAG] = (shared ? this.sharedTag : this.contextTag) | flags;
    this.words[e + CODE] = code;
    this.words[e + REGION] = region;
  }

  /** Interpreter code of the block at pc, or 0 when it is not known here. */
  recall(pc: number, flags: number): number {
    const e = entryOf(pc, this.cpu);
    const { words } = this;
    if (words[e + PC] !== pc) return 0;
    const tag = words[e + TAG];
    return tag === (this.sharedTag | flags) || tag === (this.contextTag | flags) ? words[e + CODE] : 0;
  }

  /** The code that was remembered for pc last, in whatever context, and perhaps forgotten since; 0 for none. */
  lastCode(pc: number): number {
    const e = entryOf(pc, this.cpu);
    return this.words[e + PC] === pc ? this.words[e + CODE] : 0;
  }

  /** The region at pc, whose block was just recalled; 0 for none. */
  regionAt(pc: number): number {
    return this.words[entryOf(pc, this.cpu) + REGION];
  }

  /** Forgets what is known of pc, in every context of every CPU. */
  forget(pc: number): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) this.words[entryOf(pc, cpu) + TAG] = EMPTY;
  }

  /** Forgets all code that begins in the 4 KiB page of `va`: its mapping has changed. */
  forgetPage(va: number): void {
    const page = va & -4096;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const from = BASE + ((entryOf(page, cpu) - BASE) & (-4 * PAGE_STARTS));
      for (let e = from; e < from + 4 * PAGE_STARTS; e += 4) {
        if ((this.words[e + PC] & -4096) === page) this.words[e + TAG] = EMPTY;
      }
    }
    // An instruction of 4 bytes may reach into the page.
    this.forget((page - 2) | 0);
  }

  /** Forgets all of them: mappings or code have changed. */
  forgetAll(): void {
    for (let e = BASE; e < END; e += 4) this.words[e + TAG] = EMPTY;
  }
}
