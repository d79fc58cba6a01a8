import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeVectors } from './codec.ts';
import { RegionReplay } from './region-replay.ts';
import { vectorFilePath } from './vector-files.ts';

const SHOWN_FAILURES = 5;

/** One test for each group of a file of committed vectors. */
export function replayFile(name: string): void {
  const { groups } = decodeVectors(readFileSync(vectorFilePath(name)));
  const regions = new RegionReplay();
  describe(`the Cortex-A15 does what QEMU recorded, interpreted and compiled: ${name}`, () => {
    for (const { name: group, vectors } of groups) {
      it(`${group} (${vectors.length} vectors)`, () => {
        const failures = regions.replay(group, vectors);
        expect(failures.length, `${failures.slice(0, SHOWN_FAILURES).join('\n\n')}\n`).toBe(0);
      });
    }
  });
}
