import { closeSync, openSync, writeSync } from 'node:fs';
import { ImageError } from '../errors.ts';
import type { FlashFile } from '../ports/flash-file.ts';
import { explain, readGuestImage } from './files.ts';

/** How a flash's file is opened. */
export interface FlashFileOptions {
  /** The guest can't change it. */
  readonly readOnly?: boolean;
  /** Told when what the guest programs can't be written; absent: only the guest knows. */
  readonly warn?: (message: string) => void;
}

/**
 * Opens the file that keeps a flash bank's contents. What the guest programs is in the file when it is told so.
 * @throws ImageError when the file can't be read, or not be written and `readOnly` is not set
 */
export async function openFlashFile(path: string, options: FlashFileOptions = {}): Promise<FlashFile> {
  const { name, bytes } = await readGuestImage(path, 'flash');
  if (options.readOnly === true) return { name, bytes, readOnly: true, write: () => false };
  return new WritableFlashFile(path, name, bytes, options.warn ?? (() => {}));
}

class WritableFlashFile implements FlashFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly readOnly = false;
  private readonly warn: (message: string) => void;
  private descriptor: number | undefined;
  private warned = false;

  constructor(path: string, name: string, bytes: Uint8Array, warn: (message: string) => void) {
    this.name = name;
    this.bytes = bytes;
    this.warn = warn;
    try {
      this.descriptor = openSync(path, 'r+');
    } catch (cause) {
      const [reason] = explain(cause);
      throw new ImageError(
        `can't write the ${name}: ${reason}`,
        `copy it to where you may write, or give it as '${path},readonly'`,
        { cause },
      );
    }
  }

  write(offset: number, bytes: Uint8Array): boolean {
    if (this.descriptor === undefined) return false;
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

  close(): void {
    if (this.descriptor === undefined) return;
    closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}
