import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const folders: string[] = [];

// Each file of tests has a copy of this module of its own, so this is after the last test of the file.
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new, empty folder that vanishes with all that is in it after the last test of the file that asked. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'armemu-test-'));
  folders.push(folder);
  return folder;
}
