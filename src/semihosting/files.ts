import { type FileMode, HostErrno, type HostFile, type HostFolder } from '../ports/host-folder.ts';

/** What the console of a program is: `:tt`. */
export interface SemihostingConsole {
  write(bytes: Uint8Array): void;
  /** @returns bytes of input, none at its end; undefined while there are none yet: the program waits */
  read(max: number): Uint8Array | undefined;
}

/** Something that a program has opened. */
interface Handle {
  readonly isConsole: boolean;
  readonly file: HostFile;
  readonly appends: boolean;
  position: number;
}

/** SYS_OPEN's modes by number (ARM DUI 0471 8.8.3): C's, each with and without `b`. */
const MODES: readonly FileMode[] = ['r', 'r+', 'w', 'w+', 'a', 'a+'];
const MAX_HANDLES = 64;
const MAX_SEEK = 2 ** 31;

/** What a program finds of the extensions of semihosting: SYS_EXIT_EXTENDED, and :tt as standard output and error. */
const FEATURES = Uint8Array.of(0x53, 0x48, 0x46, 0x42, 0b11);

/** The files that a program has open. Handles are numbers from 1. */
export class SemihostingFiles {
  /** The number of the last failure: SYS_ERRNO. */
  errno = 0;
  private readonly folder: HostFolder | undefined;
  private readonly console: SemihostingConsole;
  private readonly handles = new Map<number, Handle>();

  constructor(folder: HostFolder | undefined, console: SemihostingConsole) {
    this.folder = folder;
    this.console = console;
  }

  /** @returns a handle, or -1 */
  open(name: string, mode: number): number {
    const fopen = MODES[mode >> 1];
    if (fopen === undefined) return this.fail(HostErrno.invalid);
    if (this.handles.size >= MAX_HANDLES) return this.fail(HostErrno.tooManyFiles);
    const isConsole = name === ':tt';
    const file = isConsole ? this.consoleFile() : this.openFile(name, fopen);
    if (typeof file === 'number') return this.fail(file);
    let handle = 1;
    while (this.handles.has(handle)) handle++;
    this.handles.set(handle, { isConsole, file, appends: fopen[0] === 'a', position: 0 });
    return handle;
  }

  close(handle: number): number {
    const open = this.handles.get(handle);
    if (open === undefined) return this.fail(HostErrno.badFile);
    this.handles.delete(handle);
    open.file.close();
    return 0;
  }

  closeAll(): void {
    for (const { file } of this.handles.values()) file.close();
    this.handles.clear();
  }

  /** @returns bytes written, or -1 */
  write(handle: number, bytes: Uint8Array): number {
    const open = this.handles.get(handle);
    if (open === undefined) return this.fail(HostErrno.badFile);
    const position = open.appends ? this.checked(open.file.size()) : open.position;
    if (position < 0) return -1;
    const written = this.checked(open.file.write(position, bytes));
    if (written > 0) open.position = position + written;
    return written;
  }

  /** @returns bytes read, 0 at the end, or -1; undefined while the console has none yet */
  read(handle: number, into: Uint8Array): number | undefined {
    const open = this.handles.get(handle);
    if (open === undefined) return this.fail(HostErrno.badFile);
    if (open.isConsole) {
      const typed = this.console.read(into.length);
      if (typed !== undefined) into.set(typed);
      return typed?.length;
    }
    const read = this.checked(open.file.read(open.position, into));
    if (read > 0) open.position += read;
    return read;
  }

  /** @returns 1 or 0, or -1 */
  isConsole(handle: number): number {
    const open = this.handles.get(handle);
    if (open === undefined) return this.fail(HostErrno.badFile);
    return open.isConsole ? 1 : 0;
  }

  /** @returns 0 or -1 */
  seek(handle: number, position: number): number {
    const open = this.handles.get(handle);
    if (open === undefined) return this.fail(HostErrno.badFile);
    if (open.isConsole || position > MAX_SEEK) return this.fail(HostErrno.invalid);
    open.position = position;
    return 0;
  }

  /** @returns bytes, or -1 */
  length(handle: number): number {
    const open = this.handles.get(handle);
    return open === undefined ? this.fail(HostErrno.badFile) : this.checked(open.file.size());
  }

  remove(name: string): number {
    return this.checked(-(this.folder?.remove(name) ?? HostErrno.noPermission));
  }

  rename(from: string, to: string): number {
    return this.checked(-(this.folder?.rename(from, to) ?? HostErrno.noPermission));
  }

  /** Remembers why an operation failed. @returns -1 */
  fail(errno: number): -1 {
    this.errno = errno;
    return -1;
  }

  private checked(result: number): number {
    return result < 0 ? this.fail(-result) : result;
  }

  private openFile(name: string, mode: FileMode): HostFile | number {
    if (name === ':semihosting-features')
      return mode === 'r' ? readOnlyBytes(FEATURES) : HostErrno.noPermission;
    return this.folder?.open(name, mode) ?? HostErrno.noPermission;
  }

  private consoleFile(): HostFile {
    return {
      size: () => 0,
      read: () => 0,
      write: (_position, from) => {
        this.console.write(from);
        return from.length;
      },
      close: () => {},
    };
  }
}

function readOnlyBytes(bytes: Uint8Array): HostFile {
  return {
    size: () => bytes.length,
    read: (position, into) => {
      const piece = bytes.subarray(position, position + into.length);
      into.set(piece);
      return piece.length;
    },
    write: () => -HostErrno.noPermission,
    close: () => {},
  };
}
