import type { DirectReads } from '../ports/direct-reads.ts';
import type { FlashFile } from '../ports/flash-file.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import type { Saveable } from '../ports/saveable.ts';
import { cfiQueryTable } from './cfi-query.ts';

/** Commands of Intel's basic and extended command set (JEP137 command set 1; Intel 28F256J3 datasheet, table 4). */
const Command = {
  Reset: 0x00,
  LockOne: 0x01,
  WordProgramAlternate: 0x10,
  BlockErase: 0x20,
  WordProgram: 0x40,
  ClearStatus: 0x50,
  LockSetup: 0x60,
  ReadStatus: 0x70,
  ReadIdentifier: 0x90,
  ReadQuery: 0x98,
  Confirm: 0xd0,
  BufferedProgram: 0xe8,
  ReadArray: 0xff,
} as const;

/** Status register: ready, erase failed, program failed (28F256J3 table 14). */
const SR_READY = 0x80;
const SR_ERASE_ERROR = 0x20;
const SR_PROGRAM_ERROR = 0x10;

/** Identifier codes: Intel, 28F128-like, as QEMU's flash has them. */
const MANUFACTURER = 0x89;
const DEVICE = 0x18;

/** Two devices of 16 bits on a bus of 32: a word address is four bytes wide on the bus. */
const LANES = 2;
const BUS_BYTES = 4;

export interface CfiFlashConfig {
  /** Bytes of the whole bank: a power of two. */
  readonly size: number;
  /** Bytes that one erasure sets to ones: a power of two. */
  readonly blockSize: number;
  /** The bank's contents as CPUs read them; at least `size` bytes. */
  readonly reads: DirectReads;
  /** What keeps the contents; undefined: they are lost with the machine, and begin as zeros. */
  readonly file: FlashFile | undefined;
}

const PHASES = ['command', 'program', 'erase', 'lock', 'count', 'fill', 'confirm'] as const;
const MODES = ['array', 'status', 'identifier', 'query'] as const;
/** What the bank expects next. */
type Phase = (typeof PHASES)[number];
/** What reads give. */
type ReadMode = (typeof MODES)[number];

export type CfiFlashState = {
  readonly phase: Phase;
  readonly mode: ReadMode;
  readonly status: number;
  /** First address of the buffered program; its words so far, and how many more come. */
  readonly bufferStart: number;
  readonly buffer: readonly { readonly offset: number; readonly size: number; readonly value: number }[];
  readonly bufferLeft: number;
  /** 4 KiB pages that are not all zero, by offset. */
  readonly pages: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
};

const PAGE = 4096;
/** Bytes of one device's program buffer. */
const DEVICE_BUFFER = 2048;

/**
 * A bank of NOR flash: two 16-bit devices side by side on a 32-bit bus, both driven at once, with Intel's command set
 * and the Common Flash Interface. Operations take no time: the status is always ready.
 */
export class CfiFlash implements MmioDevice, Saveable<CfiFlashState> {
  readonly #config: CfiFlashConfig;
  readonly #log: DeviceLog;
  readonly #storage: Uint8Array;
  readonly #query: Uint8Array;
  readonly #bufferBytes = DEVICE_BUFFER * LANES;
  /** For each page: it may have something but zeros. */
  readonly #used: Uint8Array;
  #phase: Phase = 'command';
  #mode: ReadMode = 'array';
  #status = SR_READY;
  #bufferStart = 0;
  #buffer: { offset: number; size: number; value: number }[] = [];
  #bufferLeft = 0;

  constructor(config: CfiFlashConfig, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#storage = config.reads.storage;
    this.#query = cfiQueryTable({
      deviceBytes: config.size / LANES,
      blockBytes: config.blockSize / LANES,
      bufferBytes: DEVICE_BUFFER,
    });
    const bytes = config.file?.bytes ?? new Uint8Array(0);
    this.#used = new Uint8Array(config.size / PAGE);
    for (let offset = 0; offset < bytes.length; offset += PAGE) {
      const page = bytes.subarray(offset, offset + PAGE);
      if (!isZero(page)) this.#set(offset, page);
    }
  }

  /** RP# low: back to reading the array; what is stored stays. */
  reset(): void {
    this.#status = SR_READY;
    this.#end('array');
  }

  saveState(): CfiFlashState {
    const pages: { offset: number; bytes: Uint8Array }[] = [];
    for (let offset = 0; offset < this.#config.size; offset += PAGE) {
      if (this.#used[offset / PAGE] === 0) continue;
      const bytes = this.#storage.subarray(offset, offset + PAGE);
      if (!isZero(bytes)) pages.push({ offset, bytes: bytes.slice() });
    }
    return {
      phase: this.#phase,
      mode: this.#mode,
      status: this.#status,
      bufferStart: this.#bufferStart,
      buffer: this.#buffer.map((word) => ({ ...word })),
      bufferLeft: this.#bufferLeft,
      pages,
    };
  }

  /** The file gets what differs. */
  restoreState(state: CfiFlashState): void {
    if (!PHASES.includes(state.phase) || !MODES.includes(state.mode)) {
      throw new RangeError('the saved flash is in no mode that it could be in');
    }
    const saved = new Map(state.pages.map(({ offset, bytes }) => [offset, bytes]));
    if (state.pages.some(({ bytes }) => bytes.length !== PAGE)) {
      throw new RangeError('a page of the saved flash is damaged');
    }
    const empty = new Uint8Array(PAGE);
    for (let offset = 0; offset < this.#config.size; offset += PAGE) {
      const page = saved.get(offset);
      if (page === undefined && this.#used[offset / PAGE] === 0) continue;
      const own = this.#storage.subarray(offset, offset + PAGE);
      const wanted = page ?? empty;
      if (own.every((byte, i) => byte === wanted[i])) continue;
      if (!this.#store(offset, wanted)) {
        throw new RangeError(`the saved machine had other contents in ${this.#config.file?.name}`);
      }
    }
    this.#phase = state.phase;
    this.#status = state.status;
    this.#bufferStart = state.bufferStart;
    this.#buffer = state.buffer.map((word) => ({ ...word }));
    this.#bufferLeft = state.bufferLeft;
    this.#setMode(state.mode);
  }

  read(offset: number, size: AccessSize): number {
    if (this.#mode === 'array') return this.#arrayAt(offset, size);
    const lane = this.#laneValue(offset);
    const word = (lane | (lane << 16)) >>> (8 * (offset % BUS_BYTES));
    return size === 4 ? word >>> 0 : word & ((1 << (8 * size)) - 1);
  }

  write(offset: number, size: AccessSize, value: number): void {
    switch (this.#phase) {
      case 'command':
        this.#command(offset, value & 0xff);
        return;
      case 'program':
        this.#program([{ offset, size, value }]);
        this.#end('status');
        return;
      case 'erase':
        if ((value & 0xff) !== Command.Confirm) this.#abandon(`block erase confirmed by 0x${hex(value)}`);
        else this.#erase(offset);
        return;
      case 'lock':
        // Blocks are never locked; setting and clearing the bits is accepted.
        if ((value & 0xff) === Command.ReadArray) this.#end('array');
        else if ((value & 0xff) === Command.Confirm || (value & 0xff) === Command.LockOne)
          this.#end('status');
        else this.#abandon(`unknown lock command 0x${hex(value)}`);
        return;
      case 'count':
        // The number of words, less one, in each lane.
        this.#bufferLeft = (value & 0xffff) + 1;
        this.#buffer = [];
        this.#bufferStart = offset - (offset % this.#bufferBytes);
        this.#phase = 'fill';
        if (this.#bufferLeft * BUS_BYTES > this.#bufferBytes)
          this.#fail(`buffer of ${this.#bufferLeft} words`);
        return;
      case 'fill':
        this.#fill(offset, size, value);
        return;
      case 'confirm':
        if ((value & 0xff) !== Command.Confirm) {
          this.#abandon(`buffered program confirmed by 0x${hex(value)}`);
          return;
        }
        this.#program(this.#buffer);
        this.#end('status');
    }
  }

  #command(offset: number, command: number): void {
    switch (command) {
      case Command.Reset:
      case Command.ReadArray:
        this.#end('array');
        return;
      case Command.WordProgram:
      case Command.WordProgramAlternate:
        this.#begin('program');
        return;
      case Command.BlockErase:
        this.#begin('erase');
        return;
      case Command.LockSetup:
        this.#begin('lock');
        return;
      case Command.BufferedProgram:
        this.#begin('count');
        return;
      case Command.ClearStatus:
        this.#status = SR_READY;
        this.#end('array');
        return;
      case Command.ReadStatus:
        this.#end('status');
        return;
      case Command.ReadIdentifier:
        this.#end('identifier');
        return;
      case Command.ReadQuery:
        this.#end('query');
        return;
      default:
        // Probes for other command sets come by here.
        this.#abandon(`unknown command 0x${hex(command)} at 0x${hex(offset)}`);
    }
  }

  #fill(offset: number, size: AccessSize, value: number): void {
    if (offset - (offset % this.#bufferBytes) !== this.#bufferStart) {
      this.#fail(`buffered program leaves its block at 0x${hex(offset)}`);
      return;
    }
    this.#buffer.push({ offset, size, value });
    if (--this.#bufferLeft === 0) this.#phase = 'confirm';
  }

  /** Programming makes zeros of ones, never the reverse. */
  #program(words: readonly { offset: number; size: number; value: number }[]): void {
    const start = Math.min(...words.map((word) => word.offset));
    const end = Math.max(...words.map((word) => word.offset + word.size));
    const bytes = this.#storage.slice(start, Math.min(end, this.#config.size));
    for (const { offset, size, value } of words) {
      for (let i = 0; i < size; i++) bytes[offset - start + i] &= value >>> (8 * i);
    }
    if (!this.#store(start, bytes)) this.#status |= SR_PROGRAM_ERROR;
  }

  #erase(offset: number): void {
    const { blockSize } = this.#config;
    const start = offset - (offset % blockSize);
    if (!this.#store(start, new Uint8Array(blockSize).fill(0xff))) this.#status |= SR_ERASE_ERROR;
    this.#end('status');
  }

  /** The file first: what the guest reads back is what is kept. */
  #store(offset: number, bytes: Uint8Array): boolean {
    const { file, reads } = this.#config;
    if (file?.readOnly === true) {
      this.#log.guestError(`CFI flash: program or erase at 0x${hex(offset)} of a read-only flash`);
      return false;
    }
    if (file !== undefined && !file.write(offset, bytes)) return false;
    this.#set(offset, bytes);
    reads.changed(offset, bytes.length);
    return true;
  }

  #set(offset: number, bytes: Uint8Array): void {
    this.#storage.set(bytes, offset);
    this.#used.fill(1, Math.floor(offset / PAGE), Math.ceil((offset + bytes.length) / PAGE));
  }

  #arrayAt(offset: number, size: AccessSize): number {
    const bytes = this.#storage;
    let value = bytes[offset];
    if (size > 1) value |= bytes[offset + 1] << 8;
    if (size > 2) value |= (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24);
    return value >>> 0;
  }

  /** What one device drives on its 16 lines. */
  #laneValue(offset: number): number {
    const word = Math.floor(offset / BUS_BYTES) & 0xff;
    switch (this.#mode) {
      case 'identifier':
        return word === 0 ? MANUFACTURER : word === 1 ? DEVICE : 0;
      case 'query':
        return this.#query[word] ?? 0;
      default:
        return this.#status;
    }
  }

  #begin(phase: Phase): void {
    this.#phase = phase;
    this.#setMode('status');
  }

  #end(mode: ReadMode): void {
    this.#phase = 'command';
    this.#buffer = [];
    this.#setMode(mode);
  }

  #abandon(what: string): void {
    this.#log.guestError(`CFI flash: ${what}`);
    this.#end('array');
  }

  /** An improper command sequence sets both error bits (28F256J3, 10.4). */
  #fail(what: string): void {
    this.#log.guestError(`CFI flash: ${what}`);
    this.#status |= SR_PROGRAM_ERROR | SR_ERASE_ERROR;
    this.#end('status');
  }

  #setMode(mode: ReadMode): void {
    if (mode === this.#mode) return;
    if ((mode === 'array') !== (this.#mode === 'array')) this.#config.reads.set(mode === 'array');
    this.#mode = mode;
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

function hex(value: number): string {
  return value.toString(16);
}
