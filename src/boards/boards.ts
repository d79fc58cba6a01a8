import type { BoardDescription } from './board.ts';
import { vexpressA9 } from './vexpress-a9.ts';
import { vexpressA15 } from './vexpress-a15.ts';
import { virt } from './virt.ts';

/** Every board that `machine` can name; the first is the default. */
export const BOARDS: readonly BoardDescription[] = [virt, vexpressA9, vexpressA15];
