import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { OptionError } from '../errors.ts';
import { type FileMode, HostErrno, type HostFile, type HostFolder } from '../ports/host-folder.ts';
import { explain } from './files.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;

const FLAGS: Readonly<Record<FileMode, number>> = {
  r: O_RDONLY,
  'r+': O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  a: O_WRONLY | O_CREAT,
  'a+': O_RDWR | O_CREAT,
};

/**
 * A folder of this host for a guest's program. Names with `..`, absolute ones, and ones with a symbolic link in them are
 * refused, and so is everything but files.
 * @param option what to call the option in messages
 * @throws OptionError when it is no folder
 */
export function openHostFolder(path: string, option: string): HostFolder {
  try {
    const root = realpathSync(path);
    if (statSync(root).isDirectory()) return new Folder(root);
  } catch (cause) {
    const [reason, remedy] = explain(cause);
    throw new OptionError(`${option}: can't use '${path}': ${reason}`, remedy, { cause });
  }
  throw new OptionError(`${option}: '${path}' is no folder`, 'name a folder');
}

class Folder implements HostFolder {
  private readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  open(name: string, mode: FileMode): HostFile | number {
    return attempt((): HostFile | number => {
      const path = this.inside(name);
      if (path === undefined) return HostErrno.noPermission;
      // What is no file may wait for somebody at the other end: never.
      const fd = openSync(path, FLAGS[mode] | O_NOFOLLOW | O_NONBLOCK, 0o666);
      if (fstatSync(fd).isFile()) return new OpenFile(fd);
      closeSync(fd);
      return HostErrno.noPermission;
    });
  }

  remove(name: string): number {
    return attempt(() => {
      const path = this.inside(name);
      if (path === undefined || !lstatSync(path).isFile()) return HostErrno.noPermission;
      unlinkSync(path);
      return 0;
    });
  }

  rename(from: string, to: string): number {
    return attempt(() => {
      const [source, target] = [this.inside(from), this.inside(to)];
      if (source === undefined || target === undefined || !lstatSync(source).isFile())
        return HostErrno.noPermission;
      renameSync(source, target);
      return 0;
    });
  }

  /** @returns undefined for a name that leads, or might lead, out of the folder */
  private inside(name: string): string | undefined {
    const parts = name.split('/');
    if (
      parts.some(
        (part) => part === '' || part === '.' || part === '..' || part.includes('\0') || part.includes('\\'),
      )
    )
      return undefined;
    let path = this.root;
    for (const part of parts) {
      path = join(path, part);
      if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) return undefined;
    }
    return path;
  }
}

class OpenFile implements HostFile {
  private readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  size(): number {
    return -negated(() => -fstatSync(this.fd).size);
  }

  read(position: number, into: Uint8Array): number {
    return -negated(() => -readSync(this.fd, into, 0, into.length, position));
  }

  write(position: number, from: Uint8Array): number {
    return -negated(() => -writeSync(this.fd, from, 0, from.length, position));
  }

  close(): void {
    attempt(() => {
      closeSync(this.fd);
      return 0;
    });
  }
}

/** @returns what the operation gives, or the number of its failure */
function attempt<Result>(operation: () => Result): Result | number {
  try {
    return operation();
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
    // Node gives the host's own number, negative.
    return errno < 0 ? -errno : HostErrno.inputOutput;
  }
}

/** The same for an operation whose results are negative or zero. */
function negated(operation: () => number): number {
  return attempt(operation);
}
