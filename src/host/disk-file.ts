import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { ArmemuError } from '../errors.ts';
import { type DiskLock, lockDisk } from './disk-lock.ts';
import { explain } from './files.ts';

/** A disk image can't be used. */
export class DiskError extends ArmemuError {}

/** An image file of the host: bytes at offsets, locked against other armemus while it is open. */
export class DiskFile {
  readonly path: string;
  readonly writable: boolean;
  private readonly handle: FileHandle;
  /** Device and inode: what the file is, by whatever path. */
  private readonly identity: string;
  private readonly lock: DiskLock;
  private bytes: number;

  private constructor(path: string, writable: boolean, handle: FileHandle, found: Stats, lock: DiskLock) {
    this.path = path;
    this.writable = writable;
    this.handle = handle;
    this.identity = `${found.dev} ${found.ino}`;
    this.lock = lock;
    this.bytes = found.size;
  }

  /** @throws DiskError when it can't be opened, is no regular file, or is in use */
  static async open(path: string, writable: boolean): Promise<DiskFile> {
    const handle = await openHandle(path, writable);
    try {
      const found = await handle.stat();
      if (!found.isFile()) {
        throw new DiskError(
          `the disk '${path}' is no regular file`,
          'make an image of it, with qemu-img convert',
        );
      }
      return new DiskFile(path, writable, handle, found, await lockDisk(path, found, writable));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Whether a path leads to this file. */
  async isAt(path: string): Promise<boolean> {
    const found = await stat(path).catch(() => undefined);
    return found !== undefined && `${found.dev} ${found.ino}` === this.identity;
  }

  /** Length of the file in bytes, as far as it is written. */
  get size(): number {
    return this.bytes;
  }

  /** What lies behind the file's end reads as zeroes. */
  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await this.handle.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0) {
        into.fill(0, done);
        return;
      }
      done += bytesRead;
    }
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    for (let done = 0; done < from.length; ) {
      const { bytesWritten } = await this.handle.write(from, done, from.length - done, offset + done);
      done += bytesWritten;
    }
    this.bytes = Math.max(this.bytes, offset + from.length);
  }

  /** Changes with every write to the file, by whomever. */
  async contentsStamp(): Promise<string> {
    await this.sync();
    const { size, mtimeNs } = await this.handle.stat({ bigint: true });
    return `${size} bytes of ${mtimeNs}`;
  }

  async sync(): Promise<void> {
    if (this.writable) await this.handle.datasync();
  }

  /** Closes the file and gives back its lock; not flushed by this. */
  async close(): Promise<void> {
    await this.handle.close();
    await this.lock.release();
  }
}

async function openHandle(path: string, writable: boolean): Promise<FileHandle> {
  try {
    // A FIFO must not hold us until somebody writes to it.
    return await open(path, (writable ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NONBLOCK);
  } catch (cause) {
    const [reason, remedy] = explain(cause);
    const hint = writable ? `${remedy}; a disk that is only read from can be had by readonly=on` : remedy;
    throw new DiskError(`can't open the disk '${path}': ${reason}`, hint, { cause });
  }
}
