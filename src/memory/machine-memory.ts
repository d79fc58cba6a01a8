import './webassembly-types.ts';
import { OptionError } from '../errors.ts';

/**
 * The byte layout of a machine's one memory. Everything that generated code touches lies at a constant address;
 * guest RAM comes behind it, aligned to 2 MiB, and shares no page with anything else, because a real device can reach it;
 * last is the storage of devices that CPUs read directly (flash).
 */
export const MemoryLayout = {
  /** Nonzero: the CPU loop must leave generated code and look around. Set by devices and by native threads. */
  eventWord: 0x40,
  /** Nonzero while the machine's thread sleeps: whoever sets the event word must wake it. A cache line of its own. */
  sleepingWord: 0x80,
  /**
   * Nonzero: translation tables of an SMMU have been stored to that the host's IOMMU follows; a barrier must not be complete
   * before it does. Zero for ever in a machine without a real device behind an SMMU.
   */
  dirtyTablesWord: 0xc0,
  /** Words by which compiled regions and the engine talk (translator/wasm/region-abi.ts). */
  regionWords: 0x200,
  /** 16 words that one instruction loads or stores. */
  wordRun: 0x2c0,
  /** For each condition of instructions the flags for which it holds (translator/flags.ts). */
  conditions: 0x300,
  /** One word for each interrupt source of the host, counted up by native threads. */
  pendingWords: 0x1000,
  pendingWordCount: 1024,
  /** The running CPU's registers: StateSlot words. 16-byte aligned. */
  state: 0x10000,
  /** Temporaries of a block, after the state. */
  temporaries: 0x10400,
  temporaryWords: 0x700,
  /** A word for each compiled region: how often it has asked for another piece of the budget. */
  regionHeat: 0xb0000,
  regionHeatEnd: 0xc0000,
  /** Another one: how many of its calls through registers went to functions that it did not expect. */
  regionMisses: 0xc0000,
  regionMissesEnd: 0xd0000,
  /** A bit for each page of virtual addresses, and a byte for each MiB: of which TLB maintenance has something to do (arm/page-set.ts). */
  notedPages: 0xd0000,
  notedMibs: 0xf0000,
  /** First-level TLB arrays. */
  tlb: 0x100000,
  tlbArrays: 32,
  tlbEntries: 2048,
  /** One array more, in which nothing is ever found: every access then takes the slow path. */
  emptyTlb: 0x200000,
  /**
   * So far behind each TLB array are its memos: entries that one access of a hot loop looks at first, whatever its address is, and
   * before them a word that is 0 where all of them are empty.
   */
  tlbMemos: 0x108000,
  tlbMemoCount: 256,
  /** So far behind each TLB array are as many entries again: where the first place of a page is another one's, it is there. */
  tlbSeconds: 0x400000,
  /** Where code is, by virtual address: four words an entry (translator/jump-cache.ts). */
  jumpCache: 0x400000,
  jumpCacheEntries: 65536,
  /**
   * Interpreter code, from its beginning, and markers of its instructions, from its end. A Debian that has come to its login has
   * needed 80 MiB; where it is full, everything is translated anew. The host has memory only for what is used.
   */
  code: 0x610000,
  codeEnd: 0x8000000,
  ram: 0x8000000,
} as const;

/** Words of one TLB entry: read tag, write tag, addend, physical page and flags. */
export const TLB_ENTRY_WORDS = 4;

/** Guest RAM can be at most this large: 3 GiB, what a 32-bit bus has room for beside the devices. */
export const MAX_RAM_BYTES = 3 * 1024 * 1024 * 1024;

const WASM_PAGE = 65536;
/** RAM shares no page with anything else, large ones of the host included. */
const LARGE_PAGE = 2 ** 21;

/** The views of a machine's memory that the hot paths use. One object, made once, never moved. */
export class MachineMemory {
  readonly wasm: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly ramBytes: number;
  /** Where devices' storage that CPUs read directly begins; `directBytes` of it, of no real device's reach. */
  readonly directOffset: number;
  readonly directBytes: number;

  /**
   * @param ramBytes size of guest RAM in bytes, a multiple of 64 KiB, at most {@link MAX_RAM_BYTES}.
   * @param directBytes size of devices' storage that CPUs read directly, in bytes, a multiple of 64 KiB.
   * @throws OptionError when the size is out of range, or the host has not that much address space left.
   */
  constructor(ramBytes: number, directBytes = 0) {
    if (ramBytes <= 0 || ramBytes > MAX_RAM_BYTES || ramBytes % WASM_PAGE !== 0) {
      throw new OptionError(
        `${ramBytes} bytes of memory can't be given to a guest`,
        'use a multiple of 64 KiB up to 3 GiB, for example --memory 512M',
      );
    }
    this.directOffset = Math.ceil((MemoryLayout.ram + ramBytes) / LARGE_PAGE) * LARGE_PAGE;
    this.directBytes = directBytes;
    const end = directBytes === 0 ? MemoryLayout.ram + ramBytes : this.directOffset + directBytes;
    const pages = end / WASM_PAGE;
    try {
      this.wasm = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    } catch (cause) {
      throw new OptionError(
        `the host has no room for ${ramBytes / 1048576} MiB of guest memory`,
        'use a smaller --memory, or stop other machines in this process',
        { cause },
      );
    }
    const { buffer } = this.wasm;
    this.bytes = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.ramBytes = ramBytes;
  }
}
