import type { DiskBackend } from '../ports/disk.ts';
import type { NormalizedOptions } from './options.ts';

type Backends = Pick<NormalizedOptions, 'virtio' | 'sd'>;

/** All disks of a machine, in the order in which a snapshot has them. */
export function disksOf({ virtio, sd }: Backends): DiskBackend[] {
  return [...(virtio.disks ?? []).map(({ disk }) => disk), ...(sd === undefined ? [] : [sd])];
}

/**
 * Closes what belongs to the machine.
 * @returns what went wrong
 */
export async function closeBackends(options: Backends): Promise<unknown[]> {
  const closed = await Promise.allSettled([
    ...disksOf(options).map((disk) => disk.close()),
    ...(options.virtio.nics ?? []).map(({ network }) => network.close()),
    ...(options.virtio.shares ?? []).map(async ({ share }) => share.close()),
  ]);
  return closed.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
}
