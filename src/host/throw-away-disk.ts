import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DiskBackend, DiskWrite } from '../ports/disk.ts';

const CLUSTER_BYTES = 64 * 1024;

/** A disk over another one: what is written goes into a nameless temporary file, and is gone when that is closed. */
export class ThrowAwayDisk implements DiskBackend {
  readonly name: string;
  readonly size: number;
  readonly readOnly = false;
  private readonly base: DiskBackend;
  private readonly file: FileHandle;
  /** Where a cluster of the disk is in the file. */
  private readonly places = new Map<number, number>();
  /** A cluster gets its place in one piece. */
  private queue: Promise<void> = Promise.resolve();

  private constructor(base: DiskBackend, file: FileHandle) {
    this.base = base;
    this.name = base.name;
    this.size = base.size;
    this.file = file;
  }

  static async over(base: DiskBackend): Promise<ThrowAwayDisk> {
    const folder = await mkdtemp(join(tmpdir(), 'armemu-'));
    try {
      return new ThrowAwayDisk(base, await open(join(folder, 'writes'), 'wx+', 0o600));
    } finally {
      // The file lives on as long as it is open.
      await rm(folder, { recursive: true });
    }
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { cluster, within, bytes } = this.part(offset + done, into.length - done);
      const part = into.subarray(done, done + bytes);
      const place = this.places.get(cluster);
      if (place === undefined) await this.base.read(offset + done, part);
      else await this.readPlace(place + within, part);
      done += bytes;
    }
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    for (let done = 0; done < from.length; ) {
      const { cluster, within, bytes } = this.part(offset + done, from.length - done);
      const part = from.subarray(done, done + bytes);
      const place = this.places.get(cluster);
      if (place === undefined) await this.writeNew(cluster, within, part);
      else await this.file.write(part, 0, bytes, place + within);
      done += bytes;
    }
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    const zeroes = new Uint8Array(Math.min(length, CLUSTER_BYTES));
    for (let done = 0; done < length; done += zeroes.length) {
      await this.write(offset + done, zeroes.subarray(0, Math.min(zeroes.length, length - done)));
    }
  }

  async discard(): Promise<void> {}

  identity(): Promise<string> {
    return this.base.identity?.() ?? Promise.resolve('');
  }

  async saveWrites(): Promise<readonly DiskWrite[]> {
    await this.queue;
    const writes: DiskWrite[] = [];
    for (const [cluster, place] of this.places) {
      const offset = cluster * CLUSTER_BYTES;
      const bytes = new Uint8Array(Math.min(CLUSTER_BYTES, this.size - offset));
      await this.readPlace(place, bytes);
      writes.push({ offset, bytes });
    }
    return writes;
  }

  async restoreWrites(writes: readonly DiskWrite[]): Promise<void> {
    const wrong = writes.find(({ offset, bytes }) => !(offset >= 0 && offset + bytes.length <= this.size));
    if (wrong !== undefined) throw new RangeError(`there is nothing at ${wrong.offset} of the disk`);
    for (const { offset, bytes } of writes) await this.write(offset, bytes);
  }

  /** Nothing has to outlive the host. */
  async flush(): Promise<void> {}

  async close(): Promise<void> {
    try {
      await this.file.close();
    } finally {
      await this.base.close();
    }
  }

  private part(offset: number, length: number): { cluster: number; within: number; bytes: number } {
    const within = offset % CLUSTER_BYTES;
    return {
      cluster: (offset - within) / CLUSTER_BYTES,
      within,
      bytes: Math.min(length, CLUSTER_BYTES - within),
    };
  }

  private async readPlace(place: number, into: Uint8Array): Promise<void> {
    const { bytesRead } = await this.file.read(into, 0, into.length, place);
    into.fill(0, bytesRead);
  }

  private writeNew(cluster: number, within: number, from: Uint8Array): Promise<void> {
    const written = this.queue.then(async () => {
      const known = this.places.get(cluster);
      const place = known ?? this.places.size * CLUSTER_BYTES;
      if (known === undefined) {
        const contents = new Uint8Array(Math.min(CLUSTER_BYTES, this.size - cluster * CLUSTER_BYTES));
        await this.base.read(cluster * CLUSTER_BYTES, contents);
        contents.set(from, within);
        await this.file.write(contents, 0, contents.length, place);
        this.places.set(cluster, place);
      } else {
        await this.file.write(from, 0, from.length, place + within);
      }
    });
    this.queue = written.catch(() => {});
    return written;
  }
}
