import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';

/** An address has this many places, next to each other: one for each of two contexts, or of two addresses. */
const WAYS = 2;
const SETS = MemoryLayout.jumpCacheEntries / WAYS;
const BASE = MemoryLayout.jumpCache >>> 2;
const ENTRY_WORDS = 4;
const SET_WORDS = WAYS * ENTRY_WORDS;
const END = BASE + SETS * SET_WORDS;
/** Sets of a page, which lie next to each other: one for each word, for few instructions of T32 begin a block in the midst of one. */
const PAGE_SETS = 1024;
const EMPTY = -1;

// Words of an entry.
const PC = 0;
const TAG = 1;
const CODE = 2;
const REGION = 3;

/** A CPU's code is in other pages of the cache than another one's: what they have in common they would take from each other. */
const CPU_SHIFT = 10;
/**
 * The set of a PC depends on the bits above this one, too: the functions of a kernel are megabytes apart. They are the same for
 * all of a page, whose sets stay next to each other, in another order.
 */
const FOLD = 17;
/** Of a byte offset in the cache. */
export const JUMP_SET_SHIFT = Math.log2(4 * SET_WORDS);
/** How far a PC is shifted, to the left and to the right, for the two parts of its set's byte offset. */
export const JUMP_SHIFTS = { up: JUMP_SET_SHIFT - 2, down: FOLD - JUMP_SET_SHIFT } as const;

function setOf(pc: number, cpu: number): number {
  return BASE + (((pc >>> 2) ^ (pc >>> FOLD) ^ (cpu << CPU_SHIFT)) & (SETS - 1)) * SET_WORDS;
}

/** What is added to both parts of a PC, without carry, for the byte offset of a CPU's set: see {@link JumpCache.cpu}. */
export function placeOfCpu(cpu: number): number {
  return cpu << (CPU_SHIFT + JUMP_SET_SHIFT);
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
    const { words } = this;
    const tag = (shared ? this.sharedTag : this.contextTag) | flags;
    const first = setOf(pc, this.cpu);
    let e = first;
    if (words[first + TAG] !== EMPTY && !(words[first + PC] === pc && words[first + TAG] === tag)) {
      const second = first + ENTRY_WORDS;
      if (words[second + PC] === pc && words[second + TAG] === tag) e = second;
      else words.copyWithin(second, first, second);
    }
    words[e + PC] = pc;
    words[e + TAG] = tag;
    words[e + CODE] = code;
    words[e + REGION] = region;
  }

  /** Interpreter code of the block at pc, or 0 when it is not known here. */
  recall(pc: number, flags: number): number {
    const e = this.find(pc, flags);
    return e === 0 ? 0 : this.words[e + CODE];
  }

  /** The code that was remembered for pc last, in whatever context, and perhaps forgotten since; 0 for none. */
  lastCode(pc: number): number {
    const { words } = this;
    const first = setOf(pc, this.cpu);
    if (words[first + PC] === pc) return words[first + CODE];
    const second = first + ENTRY_WORDS;
    return words[second + PC] === pc ? words[second + CODE] : 0;
  }

  /** The region that begins at pc; 0 for none, or where that is not known here. */
  regionAt(pc: number, flags: number): number {
    const e = this.find(pc, flags);
    return e === 0 ? 0 : this.words[e + REGION];
  }

  /** Word index of an entry, or 0. */
  private find(pc: number, flags: number): number {
    const { words } = this;
    const shared = this.sharedTag | flags;
    const context = this.contextTag | flags;
    const first = setOf(pc, this.cpu);
    for (let e = first; e < first + SET_WORDS; e += ENTRY_WORDS) {
      if (words[e + PC] !== pc) continue;
      const tag = words[e + TAG];
      if (tag === shared || tag === context) return e;
    }
    return 0;
  }

  /** Forgets what is known of pc, in every context of every CPU. */
  forget(pc: number): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const first = setOf(pc, cpu);
      for (let e = first; e < first + SET_WORDS; e += ENTRY_WORDS) {
        if (this.words[e + PC] === pc) this.words[e + TAG] = EMPTY;
      }
    }
  }

  /** Forgets all code that begins in the 4 KiB page of `va`: its mapping has changed. */
  forgetPage(va: number): void {
    const page = va & -4096;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const from = BASE + ((setOf(page, cpu) - BASE) & (-SET_WORDS * PAGE_SETS));
      for (let e = from; e < from + PAGE_SETS * SET_WORDS; e += ENTRY_WORDS) {
        if ((this.words[e + PC] & -4096) === page) this.words[e + TAG] = EMPTY;
      }
    }
    // An instruction of 4 bytes may reach into the page.
    this.forget((page - 2) | 0);
  }

  /** Forgets all of them: mappings or code have changed. */
  forgetAll(): void {
    for (let e = BASE; e < END; e += ENTRY_WORDS) this.words[e + TAG] = EMPTY;
  }
}
