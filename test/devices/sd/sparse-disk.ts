import type { DiskBackend } from '../../../src/ports/disk.ts';

/** A large disk in memory: sectors that were never written hold their own number. */
export class SparseDisk implements DiskBackend {
  readonly name = 'a large disk';
  readonly size: number;
  readonly readOnly = false;
  readonly sectors = new Map<number, Uint8Array>();

  constructor(size: number) {
    this.size = size;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let at = 0; at < into.length; at += 512) {
      const sector = (offset + at) / 512;
      const own = new Uint8Array(512);
      new DataView(own.buffer).setUint32(0, sector);
      into.set(this.sectors.get(sector) ?? own, at);
    }
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    for (let at = 0; at < from.length; at += 512) {
      this.sectors.set((offset + at) / 512, from.slice(at, at + 512));
    }
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    await this.write(offset, new Uint8Array(length));
  }

  async discard(): Promise<void> {}
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}
