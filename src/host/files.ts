import { open, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ArmemuError, ImageError } from '../errors.ts';
import type { GuestImage } from '../machine/options.ts';

/** What a person can do about the errors that opening a file gives. */
const REASONS: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ENOENT: ['there is no such file', 'check the path; a relative one starts at the current directory'],
  EACCES: ['no permission', "look at 'ls -l' for the file and its directories"],
  EPERM: ['no permission', "look at 'ls -l' for the file and its directories"],
  EISDIR: ['it is a directory', 'name a file in it'],
  ENOTDIR: ['a part of the path is a file', 'check the path'],
  ENOSPC: ['the disk is full', 'free some space, or name a file on another disk'],
  EROFS: ['the file system is read-only', 'name a file on another one'],
};

/**
 * Reads a guest image.
 * @param what what it is, for messages: `kernel`
 * @throws ImageError when the file can't be read
 */
export async function readGuestImage(path: string, what: string): Promise<GuestImage> {
  try {
    const bytes = await readFile(path);
    return { name: `${what} '${path}'`, bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) };
  } catch (cause) {
    const [reason, remedy] = explain(cause);
    throw new ImageError(`can't read the ${what} '${path}': ${reason}`, remedy, { cause });
  }
}

/**
 * Writes a file that a person asked for.
 * @throws ArmemuError when it can't be written
 */
export async function writeOutputFile(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/**
 * Makes sure, before the work that its content takes, that a file can be written. What is in it stays; a new one is empty.
 * @throws ArmemuError when it can't be written
 */
export async function checkOutputFile(path: string): Promise<void> {
  try {
    await (await open(path, 'a')).close();
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/**
 * Writes a file that replaces one of that name only when all of it is on the disk.
 * @throws ArmemuError when it can't be written; what was there before is there still
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.part`;
  try {
    await writeFile(part, bytes, { flush: true });
    await rename(part, path);
  } catch (cause) {
    await unlink(part).catch(() => {});
    throw cannotWrite(path, cause);
  }
}

/**
 * Makes sure, before there is anything to write, that `replaceFile` can do it. Leaves nothing behind.
 * @throws ArmemuError when it can't
 */
export async function checkReplaceable(path: string): Promise<void> {
  const part = `${path}.part`;
  try {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' });
    await (await open(part, 'a')).close();
    await unlink(part);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

function cannotWrite(path: string, cause: unknown): ArmemuError {
  // A file that is to be written need not be there, so this is about its folder.
  const isFolder = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  const [reason, remedy] = isFolder
    ? [`there is no folder '${dirname(path)}'`, 'make it, or name a file in another one']
    : explain(cause);
  return new ArmemuError(`can't write '${path}': ${reason}`, remedy, { cause });
}

/** What an error of the host means to a person: the reason, and what to do. */
export function explain(error: unknown): readonly [string, string] {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? [error instanceof Error ? error.message : String(error), 'check the path'];
}
