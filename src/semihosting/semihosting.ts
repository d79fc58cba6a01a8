import type { Clock, WallClock } from '../ports/clock.ts';
import { HostErrno, type HostFolder } from '../ports/host-folder.ts';
import { type SemihostingConsole, SemihostingFiles } from './files.ts';
import { type GuestBytes, readName, readText, readWord, writeWords } from './guest-arguments.ts';

/** Operation numbers (ARM DUI 0471, table 8-1). */
const Operation = {
  SYS_OPEN: 0x01,
  SYS_CLOSE: 0x02,
  SYS_WRITEC: 0x03,
  SYS_WRITE0: 0x04,
  SYS_WRITE: 0x05,
  SYS_READ: 0x06,
  SYS_READC: 0x07,
  SYS_ISERROR: 0x08,
  SYS_ISTTY: 0x09,
  SYS_SEEK: 0x0a,
  SYS_FLEN: 0x0c,
  SYS_TMPNAM: 0x0d,
  SYS_REMOVE: 0x0e,
  SYS_RENAME: 0x0f,
  SYS_CLOCK: 0x10,
  SYS_TIME: 0x11,
  SYS_SYSTEM: 0x12,
  SYS_ERRNO: 0x13,
  SYS_GET_CMDLINE: 0x15,
  SYS_HEAPINFO: 0x16,
  SYS_EXIT: 0x18,
  SYS_EXIT_EXTENDED: 0x20,
  SYS_ELAPSED: 0x30,
  SYS_TICKFREQ: 0x31,
} as const;

/** The reason that means success. */
const ADP_STOPPED_APPLICATION_EXIT = 0x20026;
/** SYS_ELAPSED counts nanoseconds. */
const TICKS_PER_SECOND = 1_000_000_000;
/** Files are moved in pieces, however much a program asks for. */
const PIECE = 64 * 1024;
/** Stack that SYS_HEAPINFO leaves below the end of RAM. */
const STACK_BYTES = 1 << 20;
const FAILED = -1;

/** What a machine gives to its programs' semihosting. */
export interface SemihostingEnvironment {
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly ram: { readonly base: number; readonly size: number };
  readonly console: SemihostingConsole;
  readonly folder: HostFolder | undefined;
  /** What SYS_GET_CMDLINE gives. */
  readonly commandLine: string;
  /** The program ends. @param code 0 to 255 */
  exit(code: number): void;
}

/** What became of a call: the value for R0, or that it has to be made again when the console has input. */
export type CallResult = number | 'wait';

type Handler = (call: Semihosting, memory: GuestBytes, argument: number) => CallResult;

/** The operations that take no block of arguments, and those that take one of so many words. */
const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [
    Operation.SYS_OPEN,
    block(3, (call, memory, [name, mode, length]) => call.open(memory, name, mode, length)),
  ],
  [Operation.SYS_CLOSE, block(1, (call, _memory, [handle]) => call.files.close(handle))],
  [Operation.SYS_WRITEC, (call, memory, at) => call.print(memory.read(at, 1))],
  [Operation.SYS_WRITE0, (call, memory, at) => call.print(readText(memory, at))],
  [
    Operation.SYS_WRITE,
    block(3, (call, memory, [handle, at, length]) => call.write(memory, handle, at, length)),
  ],
  [
    Operation.SYS_READ,
    block(3, (call, memory, [handle, at, length]) => call.read(memory, handle, at, length)),
  ],
  [Operation.SYS_READC, (call) => call.readCharacter()],
  [Operation.SYS_ISERROR, block(1, (_call, _memory, [status]) => (status >= 0x8000_0000 ? 1 : 0))],
  [Operation.SYS_ISTTY, block(1, (call, _memory, [handle]) => call.files.isConsole(handle))],
  [Operation.SYS_SEEK, block(2, (call, _memory, [handle, position]) => call.files.seek(handle, position))],
  [Operation.SYS_FLEN, block(1, (call, _memory, [handle]) => call.files.length(handle))],
  [
    Operation.SYS_TMPNAM,
    block(3, (call, memory, [at, id, length]) => call.temporaryName(memory, at, id, length)),
  ],
  [Operation.SYS_REMOVE, block(2, (call, memory, [at, length]) => call.remove(memory, at, length))],
  [
    Operation.SYS_RENAME,
    block(4, (call, memory, [from, fromLength, to, toLength]) =>
      call.rename(readName(memory, from, fromLength), readName(memory, to, toLength)),
    ),
  ],
  [Operation.SYS_CLOCK, (call) => Math.floor(call.environment.clock.nowNs() / 10_000_000)],
  [Operation.SYS_TIME, (call) => Math.floor(call.environment.wallClock.unixSeconds())],
  // A guest runs no commands on the host.
  [Operation.SYS_SYSTEM, (call) => call.files.fail(HostErrno.noPermission)],
  [Operation.SYS_ERRNO, (call) => call.files.errno],
  [Operation.SYS_GET_CMDLINE, (call, memory, at) => call.commandLine(memory, at)],
  [Operation.SYS_HEAPINFO, (call, memory, at) => call.heapInfo(memory, at)],
  [Operation.SYS_EXIT, (call, _memory, reason) => call.exit(reason, 0)],
  [Operation.SYS_EXIT_EXTENDED, (call, memory, at) => call.exitExtended(memory, at)],
  [Operation.SYS_ELAPSED, (call, memory, at) => call.elapsed(memory, at)],
  [Operation.SYS_TICKFREQ, () => TICKS_PER_SECOND],
]);

/** Reads the block of words that the argument points to; fails where there is none. */
function block(
  words: number,
  handler: (call: Semihosting, memory: GuestBytes, words: readonly number[]) => CallResult,
): Handler {
  return (call, memory, argument) => {
    const bytes = memory.read(argument, 4 * words);
    if (bytes.length < 4 * words) return call.files.fail(HostErrno.invalid);
    return handler(call, memory, [...new Uint32Array(bytes.slice().buffer)]);
  };
}

/**
 * Semihosting (ARM DUI 0471 chapter 8): what a program asks of the machine that it runs on. Host files are those of one
 * folder; without one there are none.
 */
export class Semihosting {
  readonly environment: SemihostingEnvironment;
  readonly files: SemihostingFiles;

  constructor(environment: SemihostingEnvironment) {
    this.environment = environment;
    this.files = new SemihostingFiles(environment.folder, environment.console);
  }

  /** One call: the operation in R0, its argument in R1. An unknown operation fails. */
  call(operation: number, argument: number, memory: GuestBytes): CallResult {
    return HANDLERS.get(operation)?.(this, memory, argument) ?? FAILED;
  }

  open(memory: GuestBytes, at: number, mode: number, length: number): number {
    const name = readName(memory, at, length);
    return name === undefined ? this.files.fail(HostErrno.invalid) : this.files.open(name, mode);
  }

  print(bytes: Uint8Array): number {
    this.environment.console.write(bytes);
    return 0;
  }

  /** @returns bytes that were not written */
  write(memory: GuestBytes, handle: number, at: number, length: number): number {
    let done = 0;
    while (done < length) {
      const bytes = memory.read(at + done, Math.min(PIECE, length - done));
      const written = bytes.length === 0 ? 0 : this.files.write(handle, bytes);
      if (written <= 0) break;
      done += written;
    }
    return length - done;
  }

  /** @returns bytes that were not read; all of them at the end of the file */
  read(memory: GuestBytes, handle: number, at: number, length: number): CallResult {
    const piece = new Uint8Array(Math.min(PIECE, length));
    for (let done = 0; ; ) {
      const wanted = piece.subarray(0, Math.min(PIECE, length - done));
      const read = wanted.length === 0 ? 0 : this.files.read(handle, wanted);
      if (read === undefined) return done === 0 ? 'wait' : length - done;
      if (read <= 0 || !memory.write(at + done, wanted.subarray(0, read))) return length - done;
      done += read;
      // A line of the console is handed over as soon as it is there.
      if (this.files.isConsole(handle) === 1) return length - done;
    }
  }

  readCharacter(): CallResult {
    const typed = this.environment.console.read(1);
    if (typed === undefined) return 'wait';
    return typed.length === 0 ? FAILED : typed[0];
  }

  temporaryName(memory: GuestBytes, at: number, id: number, length: number): number {
    const name = new TextEncoder().encode(`tmp${String(id & 0xff).padStart(3, '0')}\0`);
    if (id > 0xff || name.length > length) return this.files.fail(HostErrno.invalid);
    return memory.write(at, name) ? 0 : FAILED;
  }

  remove(memory: GuestBytes, at: number, length: number): number {
    const name = readName(memory, at, length);
    if (name === undefined) return HostErrno.invalid;
    return this.files.remove(name) === 0 ? 0 : this.files.errno;
  }

  rename(from: string | undefined, to: string | undefined): number {
    if (from === undefined || to === undefined) return HostErrno.invalid;
    return this.files.rename(from, to) === 0 ? 0 : this.files.errno;
  }

  /** The block has a buffer's address and length; the length of the line replaces the latter. */
  commandLine(memory: GuestBytes, at: number): number {
    const [buffer, room] = [readWord(memory, at), readWord(memory, at + 4)];
    const line = new TextEncoder().encode(`${this.environment.commandLine}\0`);
    if (buffer === undefined || room === undefined || line.length > room)
      return this.files.fail(HostErrno.invalid);
    return memory.write(buffer, line) && writeWords(memory, at + 4, line.length - 1) ? 0 : FAILED;
  }

  /** The argument points to the address of four words: heap base and limit, stack base and limit. 0: the program knows best. */
  heapInfo(memory: GuestBytes, at: number): number {
    const { base, size } = this.environment.ram;
    const end = base + size;
    const where = readWord(memory, at);
    const limit = end - Math.min(STACK_BYTES, size / 2);
    return where !== undefined && writeWords(memory, where, 0, limit, end, limit) ? 0 : FAILED;
  }

  exit(reason: number, code: number): number {
    this.environment.exit(reason === ADP_STOPPED_APPLICATION_EXIT ? code & 0xff : 1);
    return 0;
  }

  exitExtended(memory: GuestBytes, at: number): number {
    const [reason, code] = [readWord(memory, at), readWord(memory, at + 4)];
    return reason === undefined || code === undefined ? this.exit(0, 1) : this.exit(reason, code);
  }

  elapsed(memory: GuestBytes, at: number): number {
    const now = this.environment.clock.nowNs();
    return writeWords(memory, at, now >>> 0, Math.floor(now / 2 ** 32)) ? 0 : FAILED;
  }
}
