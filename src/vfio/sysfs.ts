import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** A file's text without its last line's end; undefined where it can't be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** A file's bytes; none where it can't be read. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    return new Uint8Array();
  }
}

/** The last part of where a symbolic link goes to; undefined where there is none. */
export function linkName(path: string): string | undefined {
  try {
    return basename(readlinkSync(path));
  } catch {
    return undefined;
  }
}

/** Names in a directory, sorted; none where there is no such directory. */
export function listing(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}
