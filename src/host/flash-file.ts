import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { ImageError } from '../errors.ts';
import type { FlashFile } from '../ports/flash-file.ts';
import { type DiskLock, lockDisk } from './disk-lock.ts';
import { explain, readGuestImage } from './files.ts';

/** How a flash's file is opened. */
export interface FlashFileOptions {
  /** The guest can't change it. */
  readonly readOnly?: boolean;
  /** Told when what the guest programs can't be written; absent: only the guest knows. */
  readonly warn?: (message: string) => void;
}

/**
 * Opens the file that keeps a flash bank's contents. What the guest programs is in the file when it is told so. It is
 * locked as disks are until it is closed.
 * @throws ImageError when the file can't be read, or not be written and `readOnly` is not set
 * @throws DiskInUseError when another machine has it open, and one of the two may write
 */
export async function openFlashFile(path: string, options: FlashFileOptions = {}): Promise<FlashFile> {
  const readOnly = options.readOnly === true;
  const descriptor = openDescriptor(path, readOnly);
  let lock: DiskLock | undefined;
  try {
    lock = await lockDisk(path, fstatSync(descriptor), !readOnly);
    const { name, bytes } = await readGuestImage(path, 'flash');
    return new LockedFlashFile({ name, bytes, readOnly }, descriptor, lock, options.warn ?? (() => {}));
  } catch (error) {
    closeSync(descriptor);
    await lock?.release();
    throw error;
  }
}

function openDescriptor(path: string, readOnly: boolean): number {
  try {
    return openSync(path, readOnly ? 'r' : 'r+');
  } catch (cause) {
    const [reason, remedy] = explain(cause);
    const more = readOnly
      ? remedy
      : `${remedy}; the guest can't change one that is given as '${path},readonly'`;
    throw new ImageError(`can't open the flash '${path}': ${reason}`, more, { cause });
  }
}

class LockedFlashFile implements FlashFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly readOnly: boolean;
  private readonly warn: (message: string) => void;
  private readonly lock: DiskLock;
  private descriptor: number | undefined;
  private warned = false;

  constructor(
    { name, bytes, readOnly }: Pick<FlashFile, 'name' | 'bytes' | 'readOnly'>,
    descriptor: number,
    lock: DiskLock,
    warn: (message: string) => void,
  ) {
    this.name = name;
    this.bytes = bytes;
    this.readOnly = readOnly;
    this.descriptor = descriptor;
    this.lock = lock;
    this.warn = warn;
  }

  write(offset: number, bytes: Uint8Array): boolean {
    if (this.descriptor === undefined || this.readOnly) return false;
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.descriptor, bytes, done, bytes.length - done, offset + done);
      }
      return true;
    } catch (cause) {
      // A guest tries again and again: one line for a person is enough.
      if (!this.warned)
        this.warn(`can't write the ${this.name}: ${explain(cause)[0]}; the guest sees a flash error`);
      this.warned = true;
      return false;
    }
  }

  async close(): Promise<void> {
    if (this.descriptor === undefined) return;
    closeSync(this.descriptor);
    this.descriptor = undefined;
    await this.lock.release();
  }
}
