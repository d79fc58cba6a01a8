import { Assembly, type Board, type BoardParts, type Builders } from './assembly.ts';
import type { BoardDescription, DeviceKind, DeviceRow, RowOf } from './board.ts';
import { BUSES } from './builders/buses.ts';
import { INPUT_OUTPUT } from './builders/input-output.ts';
import { INTERRUPT_CONTROLLERS, makeGic } from './builders/interrupt-controllers.ts';
import { PERIPHERALS } from './builders/peripherals.ts';
import { SYSTEM } from './builders/system.ts';

export type { Board, BoardDecorator, BoardMemory, BoardParts, SerialBackend } from './assembly.ts';

const BUILDERS: Builders<DeviceKind> = {
  ...INTERRUPT_CONTROLLERS,
  ...SYSTEM,
  ...PERIPHERALS,
  ...BUSES,
  ...INPUT_OUTPUT,
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

/** Bytes of storage that the devices of a board's table keep in the machine's memory. */
export function directStorageOf(description: BoardDescription): number {
  return description.devices
    .filter((row) => row.kind === 'cfi-flash')
    .flatMap((row) => row.banks)
    .reduce((sum, bank) => sum + bank.size, 0);
}

function build<K extends DeviceKind>(row: RowOf<K> & DeviceRow, assembly: Assembly): void {
  const make: (row: RowOf<K>, assembly: Assembly) => void = BUILDERS[row.kind as K];
  make(row, assembly);
}
