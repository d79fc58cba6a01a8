import type { BoardDescription } from '../boards/board.ts';
import { BOARDS } from '../boards/boards.ts';
import { OptionError } from '../errors.ts';
import { chooseByName } from './named-choice.ts';

/** A board as `machine` and `gicVersion` name it. */
export interface NamedBoard {
  /** The same text for the same board: `virt`, `virt,gic-version=3`. */
  readonly name: string;
  readonly board: BoardDescription;
}

/**
 * The board that the option `machine` names, in QEMU's form: a name, then properties (`virt,gic-version=3`).
 * @param gicVersion the option of the same meaning, where it is given
 * @throws OptionError for a name, a property or a version that there is not
 */
export function namedBoard(machine: string, gicVersion: number | undefined): NamedBoard {
  const [name, ...properties] = machine.split(',');
  const board = chooseByName('machine', name, BOARDS);
  let version = gicVersion;
  for (const property of properties) {
    const [key, value] = property.split('=', 2);
    if (key !== 'gic-version' || value === undefined) {
      throw new OptionError(
        `machine: ${name} has no property '${property}'`,
        'there is: gic-version=2 and gic-version=3',
      );
    }
    const given = Number(value);
    if (version !== undefined && version !== given) {
      throw new OptionError(`machine: gic-version is ${value} and ${version}`, 'give it once');
    }
    version = given;
  }
  if (version === undefined || version === 2) return { name, board };
  if (version === 3 && board.withGicV3 !== undefined) {
    return { name: `${name},gic-version=3`, board: board.withGicV3 };
  }
  throw new OptionError(
    `machine: ${name} has no GIC of version ${version}`,
    board.withGicV3 === undefined ? 'leave gic-version out' : 'give it gic-version=2 or gic-version=3',
  );
}
