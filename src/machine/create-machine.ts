import { SnapshotReader } from '../snapshot/snapshot-file.ts';
import { Machine } from './machine.ts';
import { type MachineOptions, normalizeOptions } from './options.ts';
import { asShape, withShape } from './shape.ts';

/**
 * Makes a machine from options: allocates its memory, loads its kernel or takes over a snapshot, plugs its PCI endpoints.
 * @throws OptionError for options that can't be
 * @throws ImageError for a kernel that can't be loaded
 * @throws SnapshotError for a snapshot that can't be restored
 * @throws PassthroughError for a host device that can't be taken; nothing is left open
 */
export async function createMachine(options: MachineOptions = {}): Promise<Machine> {
  const { restore } = options;
  const image = restore instanceof Uint8Array ? { bytes: restore } : restore;
  const snapshot = image === undefined ? undefined : new SnapshotReader(image.bytes);
  const normalized = normalizeOptions(
    snapshot === undefined ? options : withShape(options, asShape(snapshot.shape)),
  );
  const machine = new Machine(normalized);
  try {
    await machine.plugEndpoints();
    if (snapshot !== undefined) {
      await machine.restore(snapshot, (done) => normalized.restore?.progress?.(done));
    }
  } catch (error) {
    await machine.stop().catch(() => {});
    throw error;
  }
  return machine;
}
