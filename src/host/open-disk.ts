import { dirname, isAbsolute, join } from 'node:path';
import type { DiskBackend } from '../ports/disk.ts';
import { DiskError, DiskFile } from './disk-file.ts';
import { QCOW2_MAGIC, readHeader } from './qcow2/header.ts';
import { Qcow2Disk } from './qcow2/qcow2-disk.ts';
import { RawDisk } from './raw-disk.ts';
import { ThrowAwayDisk } from './throw-away-disk.ts';

/** How a disk file is opened. */
export interface OpenDiskOptions {
  /** `raw` or `qcow2`; absent: what the file begins with decides. */
  readonly format?: string;
  readonly readOnly?: boolean;
  /** What the guest writes is thrown away at the end; the file is opened for reading only. */
  readonly snapshot?: boolean;
}

const FORMATS: readonly string[] = ['raw', 'qcow2'];
/** A longer chain is a mistake. */
const MAX_CHAIN = 64;

/**
 * Opens a disk image of the host.
 * @throws DiskError (or another ArmemuError) that names the file and what to do
 */
export async function openDisk(path: string, options: OpenDiskOptions = {}): Promise<DiskBackend> {
  const { format, readOnly = false, snapshot = false } = options;
  const disk = await openImage(path, format, !readOnly && !snapshot, []);
  if (!snapshot || readOnly) return disk;
  try {
    return await ThrowAwayDisk.over(disk);
  } catch (error) {
    await disk.close();
    throw error;
  }
}

/** @param above the images whose backing file this is, the guest's first */
async function openImage(
  path: string,
  format: string | undefined,
  writable: boolean,
  above: readonly DiskFile[],
): Promise<DiskBackend> {
  if (format !== undefined && !FORMATS.includes(format)) {
    throw new DiskError(
      `the disk '${path}': there is no format '${format}'`,
      `there are: ${FORMATS.join(', ')}`,
    );
  }
  await refuseCircle(path, above);
  const file = await DiskFile.open(path, writable);
  try {
    if ((format ?? (await guessFormat(file))) === 'raw') {
      if (file.size === 0)
        throw new DiskError(`the disk '${path}' is empty`, `give it a size: truncate -s 1G '${path}'`);
      return new RawDisk(file, format === undefined);
    }
    const header = await readHeader(file);
    const { backing } = header;
    return await Qcow2Disk.open(
      file,
      header,
      backing && (await openBacking(backing.name, backing.format, file, above)),
    );
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Looked for before the file is opened: as a backing file of itself it would only be in use. */
async function refuseCircle(path: string, above: readonly DiskFile[]): Promise<void> {
  const isAbove = await Promise.all(above.map((image) => image.isAt(path)));
  if (!isAbove.includes(true) && above.length <= MAX_CHAIN) return;
  throw new DiskError(
    `the disk '${above[0].path}': its backing files go round in a circle, '${path}' is there twice`,
    `give it another backing file: qemu-img rebase -u -b FILE -F FORMAT '${above.at(-1)?.path}'`,
  );
}

async function openBacking(
  name: string,
  format: string | undefined,
  image: DiskFile,
  above: readonly DiskFile[],
): Promise<DiskBackend> {
  if (/^[a-z][a-z0-9+.-]*:/i.test(name)) {
    throw new DiskError(
      `the disk '${image.path}' has the backing file '${name}', which is no file`,
      `copy it: qemu-img convert -O qcow2 '${image.path}' NEW`,
    );
  }
  const path = isAbsolute(name) ? name : join(dirname(image.path), name);
  try {
    return await openImage(path, format, false, [...above, image]);
  } catch (error) {
    if (!(error instanceof DiskError) || above.length > 0 || error.message.includes(`'${image.path}'`))
      throw error;
    throw new DiskError(
      `the disk '${image.path}' needs a backing file: ${error.message}`,
      `put it there, or name another one: qemu-img rebase -u -b FILE -F FORMAT '${image.path}'`,
      { cause: error },
    );
  }
}

async function guessFormat(file: DiskFile): Promise<string> {
  const start = new Uint8Array(QCOW2_MAGIC.length);
  await file.read(0, start);
  return QCOW2_MAGIC.every((byte, i) => start[i] === byte) ? 'qcow2' : 'raw';
}
