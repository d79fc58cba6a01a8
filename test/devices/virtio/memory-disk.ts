import type { DiskBackend } from '../../../src/ports/disk.ts';

interface Waiting {
  readonly what: string;
  settle(): void;
}

/** A disk in memory whose operations finish when the test says so. */
export class MemoryDisk implements DiskBackend {
  readonly name = 'a disk in memory';
  readonly size: number;
  readonly readOnly: boolean;
  readonly bytes: Uint8Array;
  /** What was asked for, in order. */
  readonly asked: string[] = [];
  /** The next operations fail with this. */
  failure: Error | undefined;
  /** False: operations wait for `settle`. */
  prompt = true;
  closed = 0;
  private readonly waiting: Waiting[] = [];

  constructor(size = 64 * 1024, readOnly = false) {
    this.size = size;
    this.readOnly = readOnly;
    this.bytes = Uint8Array.from({ length: size }, (_unused, i) => (i >> 9) ^ i);
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.ask(`read ${offset} ${into.length}`, () =>
      into.set(this.bytes.subarray(offset, offset + into.length)),
    );
  }

  write(offset: number, from: Uint8Array): Promise<void> {
    return this.ask(`write ${offset} ${from.length}`, () => this.bytes.set(from, offset));
  }

  writeZeroes(offset: number, length: number, mayUnmap: boolean): Promise<void> {
    return this.ask(`zeroes ${offset} ${length} ${mayUnmap}`, () =>
      this.bytes.fill(0, offset, offset + length),
    );
  }

  discard(offset: number, length: number): Promise<void> {
    return this.ask(`discard ${offset} ${length}`, () => {});
  }

  flush(): Promise<void> {
    return this.ask('flush', () => {});
  }

  async close(): Promise<void> {
    this.closed++;
  }

  /** Operations that wait. */
  get pending(): number {
    return this.waiting.length;
  }

  /** Finishes what waits, and lets whoever waits for it go on. */
  async settle(): Promise<void> {
    for (const { settle } of this.waiting.splice(0)) settle();
    await turns();
  }

  private ask(what: string, action: () => void): Promise<void> {
    this.asked.push(what);
    const { failure } = this;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        action();
        resolve();
      };
      if (this.prompt) settle();
      else this.waiting.push({ what, settle });
    });
  }
}

/** Lets every promise that can settle do so. */
export async function turns(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
