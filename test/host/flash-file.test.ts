import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ImageError } from '../../src/errors.ts';
import { openFlashFile } from '../../src/host/flash-file.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const directory = temporaryFolder();

function newFile(name: string): string {
  const path = join(directory, name);
  writeFileSync(path, Uint8Array.of(1, 2, 3, 4));
  return path;
}

test('what is written is in the file at once, until it is closed', async () => {
  const path = newFile('vars.fd');
  const file = await openFlashFile(path);
  expect(file).toMatchObject({ name: `flash '${path}'`, readOnly: false });
  expect([...file.bytes]).toEqual([1, 2, 3, 4]);
  expect(file.write(1, Uint8Array.of(7, 8))).toBe(true);
  expect([...readFileSync(path)]).toEqual([1, 7, 8, 4]);
  await file.close?.();
  await file.close?.();
  expect(file.write(0, Uint8Array.of(9))).toBe(false);
  expect([...readFileSync(path)]).toEqual([1, 7, 8, 4]);
});

test('a read-only file is never written', async () => {
  const path = newFile('code.fd');
  const file = await openFlashFile(path, { readOnly: true });
  expect(file.readOnly).toBe(true);
  expect(file.write(0, Uint8Array.of(9))).toBe(false);
  expect([...readFileSync(path)]).toEqual([1, 2, 3, 4]);
});

test('one machine at a time can write it, several can read it', async () => {
  const path = newFile('shared.fd');
  const writer = await openFlashFile(path);
  await expect(openFlashFile(path)).rejects.toThrow('is in use by this armemu itself');
  await expect(openFlashFile(path, { readOnly: true })).rejects.toThrow('is in use');
  await writer.close?.();
  const readers = [
    await openFlashFile(path, { readOnly: true }),
    await openFlashFile(path, { readOnly: true }),
  ];
  await expect(openFlashFile(path)).rejects.toThrow('is in use');
  for (const reader of readers) await reader.close?.();
  await (await openFlashFile(path)).close?.();
});

test('a file that is not there is refused by its path', async () => {
  await expect(openFlashFile(join(directory, 'missing.fd'))).rejects.toThrow(ImageError);
  await expect(openFlashFile(join(directory, 'missing.fd'))).rejects.toThrow(
    "missing.fd': there is no such file",
  );
});
