import { SnapshotError } from '../errors.ts';
import type { DiskBackend, DiskWrite } from '../ports/disk.ts';
import type { PlainValue } from '../ports/saveable.ts';
import { damagedSnapshot } from '../snapshot/snapshot-file.ts';

/** What a snapshot keeps of a disk: what its contents were, and what was written over them. */
export type DiskState = { readonly identity: string; readonly writes: readonly DiskWrite[] };

/** Only when nothing is under way. */
export async function saveDisks(disks: readonly DiskBackend[]): Promise<DiskState[]> {
  const states: DiskState[] = [];
  for (const disk of disks) {
    // Writes first: the identity flushes.
    const writes = (await disk.saveWrites?.()) ?? [];
    states.push({ identity: (await disk.identity?.()) ?? '', writes });
  }
  return states;
}

/**
 * Makes sure that the disks are what the guest knows, and gives them what it wrote over that.
 * @param machine the saved machine's state, which has theirs
 * @throws SnapshotError when a disk has changed since, or can't take the writes
 */
export async function restoreDisks(disks: readonly DiskBackend[], machine: PlainValue): Promise<void> {
  for (const [i, { identity, writes }] of statesOf(machine).entries()) {
    const disk = disks[i];
    const own = (await disk.identity?.()) ?? '';
    if (identity !== '' && own !== identity) {
      throw new SnapshotError(
        `disk ${i}, ${disk.name}, is not as it was when the machine was saved (${own || 'unknown'}; then ${identity})`,
        'give the disk as it was then (cp --preserve=timestamps keeps one); with --snapshot a run leaves its file alone',
      );
    }
    if (writes.length === 0) continue;
    if (disk.restoreWrites === undefined) {
      throw new SnapshotError(
        `the guest of the snapshot has written to a throw-away disk ${i}, and ${disk.name} is none`,
        'give --snapshot with --restore, too',
      );
    }
    try {
      await disk.restoreWrites(writes);
    } catch (error) {
      throw error instanceof RangeError ? damagedSnapshot(error) : error;
    }
  }
}

function statesOf(machine: PlainValue): readonly DiskState[] {
  const { disks } = Object(machine) as { readonly disks?: readonly DiskState[] };
  const fits = (disk: DiskState): boolean =>
    typeof disk.identity === 'string' &&
    Array.isArray(disk.writes) &&
    disk.writes.every(({ offset, bytes }) => Number.isInteger(offset) && bytes instanceof Uint8Array);
  try {
    if (disks?.every(fits)) return disks;
  } catch {
    // Something in it is nothing at all.
  }
  throw damagedSnapshot();
}
