import { SnapshotError } from '../errors.ts';
import { readGuestImage, replaceFile } from '../host/files.ts';
import type { SnapshotImage } from '../machine/options.ts';
import { describeSnapshot, type MachineShape } from '../machine/shape.ts';
import { sizeText } from '../machine/units.ts';
import { ProgressLine, type ProgressOutput } from './progress-line.ts';

/** What can be saved: a machine. */
export interface Saving {
  save(options: { progress(done: number): void }): Promise<Uint8Array>;
}

/** A snapshot that was read from a file. */
export interface ReadSnapshot {
  readonly image: SnapshotImage;
  readonly shape: MachineShape;
}

/**
 * Saves a machine to a file, with a progress line on a terminal.
 * @returns what was done, for a person
 * @throws SnapshotError when it can't be saved, ArmemuError when the file can't be written
 */
export async function saveToFile(machine: Saving, path: string, output: ProgressOutput): Promise<string> {
  const line = new ProgressLine(output, `saving '${path}'`);
  try {
    const bytes = await machine.save({ progress: (done) => line.update(done) });
    await replaceFile(path, bytes);
    return `saved '${path}', ${sizeText(bytes.length)}`;
  } finally {
    line.clear();
  }
}

/**
 * Reads a snapshot; restoring it shows a progress line on a terminal.
 * @throws ImageError when the file can't be read, SnapshotError when it is no snapshot
 */
export async function readSnapshot(path: string, output: ProgressOutput): Promise<ReadSnapshot> {
  const { name, bytes } = await readGuestImage(path, 'snapshot');
  const line = new ProgressLine(output, `restoring '${path}'`);
  const image: SnapshotImage = {
    name,
    bytes,
    progress: (done) => {
      line.update(done);
      if (done === 1) line.clear();
    },
  };
  try {
    return { image, shape: describeSnapshot(bytes) };
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    throw new SnapshotError(`${name}: ${error.message}`, error.remedy, { cause: error });
  }
}
