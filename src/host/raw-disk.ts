import { type DiskBackend, SECTOR_BYTES } from '../ports/disk.ts';
import { DiskError, type DiskFile } from './disk-file.ts';
import { QCOW2_MAGIC } from './qcow2/header.ts';

const ZEROES = new Uint8Array(2 ** 20);

/** A disk whose file holds its contents and nothing else. */
export class RawDisk implements DiskBackend {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  private readonly file: DiskFile;
  private readonly wasGuessed: boolean;

  /** @param wasGuessed nobody said that it is raw: what the guest writes must not make it another format next time */
  constructor(file: DiskFile, wasGuessed: boolean) {
    this.file = file;
    this.name = `'${file.path}'`;
    this.size = Math.ceil(file.size / SECTOR_BYTES) * SECTOR_BYTES;
    this.readOnly = !file.writable;
    this.wasGuessed = wasGuessed;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.file.read(offset, into);
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    if (this.wasGuessed && offset === 0 && QCOW2_MAGIC.every((byte, i) => from[i] === byte)) {
      throw new DiskError(
        'the guest wrote the header of a qcow2 image to a disk without a given format',
        'start with --drive file=...,format=raw if it may',
      );
    }
    await this.file.write(offset, from);
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    for (let done = 0; done < length; done += ZEROES.length) {
      await this.file.write(offset + done, ZEROES.subarray(0, Math.min(ZEROES.length, length - done)));
    }
  }

  /** Node can't punch holes: the contents stay. */
  async discard(): Promise<void> {}

  identity(): Promise<string> {
    return this.file.contentsStamp();
  }

  flush(): Promise<void> {
    return this.file.sync();
  }

  async close(): Promise<void> {
    try {
      await this.file.sync();
    } finally {
      await this.file.close();
    }
  }
}
