import { GICV2M } from '../devices/gic-v2m.ts';
import { GITS } from '../devices/gic-v3/its.ts';
import type { StreamTarget } from '../iommu/stream.ts';
import type { DmaPort } from '../ports/dma.ts';
import type { Requester } from '../ports/mmio.ts';
import type { BoardDescription } from './board.ts';

/** The part of a board's memory that bus masters use. */
interface ByteMemory {
  readBytes(address: number, into: Uint8Array, requester: Requester): boolean;
  writeBytes(address: number, from: Uint8Array, requester: Requester): boolean;
}

/**
 * RAM alone, for tables and queues that a device keeps there: led to a device's registers, it would change things in the midst
 * of its own work.
 */
export function ramOnly(
  memory: ByteMemory & { isRam(address: number): boolean },
  requester: Requester,
): DmaPort {
  const isRam = (address: number, length: number): boolean =>
    memory.isRam(address) && memory.isRam(address + length - 1);
  return {
    read: (address, into) => isRam(address, into.length) && memory.readBytes(address, into, requester),
    write: (address, from) => isRam(address, from.length) && memory.writeBytes(address, from, requester),
  };
}

/** Physical memory for bus masters. */
export function streamsTo(memory: ByteMemory): StreamTarget {
  return {
    read: (address, into, requester) => memory.readBytes(address, into, requester),
    write: (address, from, requester) => memory.writeBytes(address, from, requester),
  };
}

/**
 * Physical address of the register that takes the messages of a frame or an ITS.
 * @throws RangeError when the table has no such row
 */
export function doorbellOf({ name, devices }: BoardDescription, frame: string): number {
  for (const row of devices) {
    if (row.name !== frame) continue;
    if (row.kind === 'gic-v2m') return row.range.base + GICV2M.MSI_SETSPI_NS;
    if (row.kind === 'gic-v3-its') return row.range.base + GITS.TRANSLATER;
  }
  throw new RangeError(`the table of ${name} has nothing called '${frame}' that takes messages`);
}
