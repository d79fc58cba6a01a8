import type { DirectReads } from '../ports/direct-reads.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import type { Saveable } from '../ports/saveable.ts';

const PAGE = 4096;

export interface StaticRamConfig {
  /** In bytes, a multiple of 4 KiB. */
  readonly size: number;
  /** The contents as CPUs read them; at least `size` bytes. */
  readonly reads: DirectReads;
  /** What it holds at power on, from its first byte; the rest is zero. */
  readonly contents?: Uint8Array;
  /** A memory that can only be read. */
  readonly readOnly?: boolean;
}

/** 4 KiB pages that are not all zero, by offset. */
export type StaticRamState = {
  readonly pages: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
};

/** Memory beside the machine's RAM: static RAM, a frame buffer, a boot ROM. CPUs read and execute it as fast as RAM. */
export class StaticRam implements MmioDevice, Saveable<StaticRamState> {
  readonly #config: StaticRamConfig;
  readonly #log: DeviceLog;
  readonly #storage: Uint8Array;
  readonly #view: DataView;
  /** For each page: it may have something but zeros. */
  readonly #used: Uint8Array;

  constructor(config: StaticRamConfig, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#storage = config.reads.storage.subarray(0, config.size);
    this.#view = new DataView(this.#storage.buffer, this.#storage.byteOffset, config.size);
    this.#used = new Uint8Array(config.size / PAGE);
    const { contents } = config;
    if (contents !== undefined) {
      this.#storage.set(contents);
      this.#used.fill(1, 0, Math.ceil(contents.length / PAGE));
    }
  }

  /** What it holds stays. */
  reset(): void {}

  saveState(): StaticRamState {
    if (this.#config.readOnly === true) return { pages: [] };
    const pages: { offset: number; bytes: Uint8Array }[] = [];
    for (const [page, used] of this.#used.entries()) {
      const bytes = this.#storage.subarray(page * PAGE, (page + 1) * PAGE);
      if (used !== 0 && bytes.some((byte) => byte !== 0))
        pages.push({ offset: page * PAGE, bytes: bytes.slice() });
    }
    return { pages };
  }

  restoreState({ pages }: StaticRamState): void {
    const { size, reads } = this.#config;
    const fits = pages.every(
      ({ offset, bytes }) => bytes.length === PAGE && offset % PAGE === 0 && offset >= 0 && offset < size,
    );
    if (!fits) throw new RangeError('a page of the saved static RAM is damaged');
    for (const [page, used] of this.#used.entries()) {
      if (used !== 0 && this.#config.readOnly !== true) this.#storage.fill(0, page * PAGE, (page + 1) * PAGE);
    }
    for (const { offset, bytes } of pages) {
      this.#storage.set(bytes, offset);
      this.#used[offset / PAGE] = 1;
    }
    reads.changed(0, size);
  }

  read(offset: number, size: AccessSize): number {
    if (size === 4) return this.#view.getUint32(offset, true);
    return size === 2 ? this.#view.getUint16(offset, true) : this.#storage[offset];
  }

  write(offset: number, size: AccessSize, value: number): void {
    const { readOnly, reads } = this.#config;
    if (readOnly === true) {
      this.#log.guestError(`ROM: write to 0x${offset.toString(16)}`);
      return;
    }
    this.#used[Math.floor(offset / PAGE)] = 1;
    if (size === 4) this.#view.setUint32(offset, value, true);
    else if (size === 2) this.#view.setUint16(offset, value, true);
    else this.#storage[offset] = value;
    reads.changed(offset, size);
  }
}
