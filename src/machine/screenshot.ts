import type { Board } from '../boards/assemble-board.ts';
import { BOARDS } from '../boards/boards.ts';
import { ArmemuError } from '../errors.ts';
import { pngOf } from './png.ts';

/**
 * What the screen of a board shows, as a PNG file: the first that the guest has switched on.
 * @throws ArmemuError when the guest shows nothing, or the board has no display controller
 */
export async function screenshotOf(board: Pick<Board, 'displays' | 'description'>): Promise<Uint8Array> {
  const { displays, description } = board;
  const picture = displays.find(({ isOn }) => isOn)?.picture();
  if (picture !== undefined) return pngOf(picture);
  if (displays.length === 0) {
    const names = BOARDS.filter(({ devices }) => devices.some(({ kind }) => kind === 'pl111'));
    throw new ArmemuError(
      `${description.name} has no screen`,
      `boards with one: ${names.map(({ name }) => name).join(', ')}`,
    );
  }
  throw new ArmemuError(
    'the guest has not switched the screen on',
    'give its kernel the time, and a driver for the PL111 (with --dtb: a panel for it)',
  );
}
