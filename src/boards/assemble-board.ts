import { Assembly, type Board, type BoardParts, type Builders } from './assembly.ts';
import type { BoardDescription, DeviceKind, DeviceRow, RowOf } from './board.ts';
import { BUSES } from './builders/buses.ts';
import { INPUT_OUTPUT } from './builders/input-output.ts';
import { INTERRUPT_CONTROLLERS, makeGic } from './builders/interrupt-controllers.ts';
import { PERIPHERALS } from './builders/peripherals.ts';
import { SYSTEM } from './builders/system.ts';
import { VEXPRESS } from './builders/vexpress.ts';

export type { Board, BoardDecorator, BoardMemory, BoardParts, SerialBackend } from './assembly.ts';

const BUILDERS: Builders<DeviceKind> = {
  ...INTERRUPT_CONTROLLERS,
  ...SYSTEM,
  ...PERIPHERALS,
  ...BUSES,
  ...INPUT_OUTPUT,
  ...VEXPRESS,
};

/**
 * Builds the devices of a board's table.
 * @throws RangeError when the table has no interrupt controller or no host bridge, or names a row that is not there
 * @throws MemoryMapError when two of its ranges overlap
 */
export function assembleBoard(description: BoardDescription, parts: BoardParts): Board {
  const assembly = new Assembly(description, parts, makeGic(description, parts));
  for (const row of description.devices) build(row, assembly);
  return assembly.finish();
}

/** Pages of a WebAssembly memory. */
const STORAGE_GRANULE = 2 ** 16;

/** Bytes of storage that the devices of a board's table keep in the machine's memory. */
export function directStorageOf(description: BoardDescription): number {
  const bytes = description.devices
    .flatMap((row) => {
      if (row.kind === 'cfi-flash') return row.banks;
      return row.kind === 'static-ram' || row.kind === 'holding-pen' ? [row.range] : [];
    })
    .reduce((sum, { size }) => sum + size, 0);
  return Math.ceil(bytes / STORAGE_GRANULE) * STORAGE_GRANULE;
}

function build<K extends DeviceKind>(row: RowOf<K> & DeviceRow, assembly: Assembly): void {
  const make: (row: RowOf<K>, assembly: Assembly) => void = BUILDERS[row.kind as K];
  make(row, assembly);
}
