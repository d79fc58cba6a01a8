import type { BoardDescription } from './board.ts';
import { virt } from './virt.ts';

/** Every board that `machine` can name; the first is the default. */
export const BOARDS: readonly BoardDescription[] = [virt];
