import { beforeEach, describe, expect, test } from 'vitest';
import { InstructionClock } from '../../src/machine/clock.ts';
import { HostErrno, type HostFile, type HostFolder } from '../../src/ports/host-folder.ts';
import { Semihosting } from '../../src/semihosting/semihosting.ts';

const BASE = 0x1000;
const BLOCK = 0x1100;
const NAME = 0x1200;
const BUFFER = 0x2000;

/** A folder in memory. */
class MemoryFolder implements HostFolder {
  readonly files = new Map<string, number[]>();
  full = false;

  open(name: string, mode: string): HostFile | number {
    if (mode[0] === 'r' && !this.files.has(name)) return HostErrno.noEntry;
    if (mode[0] === 'w' || !this.files.has(name)) this.files.set(name, []);
    const bytes = this.files.get(name) as number[];
    return {
      size: () => bytes.length,
      read: (position, into) => {
        const piece = bytes.slice(position, position + into.length);
        into.set(piece);
        return piece.length;
      },
      write: (position, from) => {
        if (this.full) return 0;
        from.forEach((byte, i) => {
          bytes[position + i] = byte;
        });
        return from.length;
      },
      close: () => {},
    };
  }

  remove(name: string): number {
    return this.files.delete(name) ? 0 : HostErrno.noEntry;
  }

  rename(from: string, to: string): number {
    const file = this.files.get(from);
    if (file === undefined) return HostErrno.noEntry;
    this.files.delete(from);
    this.files.set(to, file);
    return 0;
  }

  text(name: string): string {
    return String.fromCharCode(...(this.files.get(name) ?? []));
  }
}

const memory = new Uint8Array(0x10000);
const guest = {
  read: (address: number, length: number) =>
    memory.slice(address - BASE, Math.max(address - BASE, Math.min(address - BASE + length, memory.length))),
  write: (address: number, bytes: Uint8Array) => {
    if (address < BASE || address - BASE + bytes.length > memory.length) return false;
    memory.set(bytes, address - BASE);
    return true;
  },
};

let folder: MemoryFolder;
let clock: InstructionClock;
let semihosting: Semihosting;
let printed: string;
let input: number[] | undefined;
let exits: number[];

beforeEach(() => {
  memory.fill(0);
  folder = new MemoryFolder();
  clock = new InstructionClock(10);
  printed = '';
  input = [];
  exits = [];
  semihosting = make(folder);
});

function make(files: HostFolder | undefined): Semihosting {
  return new Semihosting({
    clock,
    wallClock: { unixSeconds: () => 1_700_000_000 },
    ram: { base: 0x4000_0000, size: 0x1000_0000 },
    folder: files,
    commandLine: 'program one two',
    console: {
      write: (bytes) => {
        printed += String.fromCharCode(...bytes);
      },
      read: (max) => (input === undefined ? undefined : Uint8Array.from(input.splice(0, max))),
    },
    exit: (code) => exits.push(code),
  });
}

/** Makes a call whose argument is a block of words. */
function call(operation: number, ...words: number[]): unknown {
  guest.write(BLOCK, new Uint8Array(Uint32Array.from(words).buffer));
  return semihosting.call(operation, BLOCK, guest);
}

function put(address: number, text: string): number {
  guest.write(
    address,
    Uint8Array.from(`${text}\0`, (c) => c.charCodeAt(0)),
  );
  return text.length;
}

function get(address: number, length: number): string {
  return String.fromCharCode(...guest.read(address, length));
}

const word = (address: number): number => new DataView(guest.read(address, 4).buffer).getUint32(0, true);
const open = (name: string, mode: number): unknown => call(0x01, NAME, mode, put(NAME, name));

describe('files', () => {
  test('are opened, written, read, measured, closed (SYS_OPEN to SYS_FLEN)', () => {
    expect(open('a.txt', 6)).toBe(1);
    put(BUFFER, 'hello world');
    expect(call(0x05, 1, BUFFER, 11)).toBe(0);
    expect(call(0x0c, 1)).toBe(11);
    expect(call(0x0a, 1, 6)).toBe(0);
    expect(call(0x06, 1, BUFFER + 64, 100)).toBe(95);
    expect(get(BUFFER + 64, 5)).toBe('world');
    expect(call(0x06, 1, BUFFER, 8)).toBe(8);
    expect(call(0x09, 1)).toBe(0);
    expect(call(0x02, 1)).toBe(0);
    expect(folder.text('a.txt')).toBe('hello world');
    expect(call(0x02, 1)).toBe(-1);
    expect(semihosting.call(0x13, 0, guest)).toBe(HostErrno.badFile);
  });

  test('opened for appending are written at their end', () => {
    folder.files.set(
      'log',
      [...'one'].map((c) => c.charCodeAt(0)),
    );
    expect(open('log', 8)).toBe(1);
    put(BUFFER, 'two');
    call(0x05, 1, BUFFER, 3);
    expect(folder.text('log')).toBe('onetwo');
  });

  test('that are not there, or in a mode that is none, fail with SYS_ERRNO', () => {
    expect(open('missing', 0)).toBe(-1);
    expect(semihosting.call(0x13, 0, guest)).toBe(HostErrno.noEntry);
    expect(open('a', 12)).toBe(-1);
    expect(semihosting.call(0x13, 0, guest)).toBe(HostErrno.invalid);
    expect(call(0x01, NAME, 0, 5000)).toBe(-1);
  });

  test('do not exist without a folder', () => {
    semihosting = make(undefined);
    expect(open('a.txt', 4)).toBe(-1);
    expect(semihosting.call(0x13, 0, guest)).toBe(HostErrno.noPermission);
    expect(call(0x0e, NAME, put(NAME, 'a'))).toBe(HostErrno.noPermission);
  });

  test('are removed and renamed (SYS_REMOVE, SYS_RENAME)', () => {
    folder.files.set('a', [1]);
    put(NAME, 'a');
    put(BUFFER, 'b');
    expect(call(0x0f, NAME, 1, BUFFER, 1)).toBe(0);
    expect([...folder.files.keys()]).toEqual(['b']);
    expect(call(0x0e, BUFFER, 1)).toBe(0);
    expect(call(0x0e, BUFFER, 1)).toBe(HostErrno.noEntry);
  });

  test('on a full disk leave bytes unwritten; so does memory that is not there', () => {
    open('a', 4);
    folder.full = true;
    expect(call(0x05, 1, BUFFER, 10)).toBe(10);
    folder.full = false;
    expect(call(0x05, 1, BASE + memory.length - 4, 10)).toBe(6);
    expect(call(0x05, 1, 0x8000_0000, 0xffff_ffff)).toBe(0xffff_ffff);
  });

  test('are 64 at most, and handles are given again', () => {
    for (let i = 1; i <= 64; i++) expect(open('a', 4)).toBe(i);
    expect(open('a', 4)).toBe(-1);
    expect(semihosting.call(0x13, 0, guest)).toBe(HostErrno.tooManyFiles);
    call(0x02, 7);
    expect(open('a', 4)).toBe(7);
  });

  test('of a temporary name that fits into its buffer (SYS_TMPNAM)', () => {
    expect(call(0x0d, BUFFER, 7, 20)).toBe(0);
    expect(get(BUFFER, 7)).toBe('tmp007\0');
    expect(call(0x0d, BUFFER, 7, 3)).toBe(-1);
    expect(call(0x0d, BUFFER, 256, 20)).toBe(-1);
  });
});

describe('the console', () => {
  test('prints characters and texts (SYS_WRITEC, SYS_WRITE0, :tt)', () => {
    put(BUFFER, 'hello');
    semihosting.call(0x03, BUFFER, guest);
    semihosting.call(0x04, BUFFER, guest);
    expect(open(':tt', 4)).toBe(1);
    expect(call(0x05, 1, BUFFER, 5)).toBe(0);
    expect(call(0x09, 1)).toBe(1);
    expect(printed).toBe('hhellohello');
  });

  test('prints a text that has no end up to where memory ends', () => {
    memory.fill(0x78);
    semihosting.call(0x04, BASE + memory.length - 300, guest);
    expect(printed).toHaveLength(300);
  });

  test('is read as far as there is input; the program waits for some (SYS_READC, SYS_READ)', () => {
    input = [0x41, 0x42, 0x43];
    expect(semihosting.call(0x07, 0, guest)).toBe(0x41);
    expect(open(':tt', 0)).toBe(1);
    expect(call(0x06, 1, BUFFER, 10)).toBe(8);
    expect(get(BUFFER, 2)).toBe('BC');
    input = undefined;
    expect(semihosting.call(0x07, 0, guest)).toBe('wait');
    expect(call(0x06, 1, BUFFER, 10)).toBe('wait');
    input = [];
    expect(call(0x06, 1, BUFFER, 10)).toBe(10);
  });
});

describe('what a program asks of its machine', () => {
  test('the features (:semihosting-features)', () => {
    expect(open(':semihosting-features', 0)).toBe(1);
    expect(call(0x06, 1, BUFFER, 5)).toBe(0);
    expect(get(BUFFER, 5)).toBe('SHFB\x03');
    expect(open(':semihosting-features', 4)).toBe(-1);
  });

  test('time: SYS_CLOCK, SYS_TIME, SYS_ELAPSED, SYS_TICKFREQ', () => {
    clock.skipTo(5_000_000_123);
    expect(semihosting.call(0x10, 0, guest)).toBe(500);
    expect(semihosting.call(0x11, 0, guest)).toBe(1_700_000_000);
    expect(semihosting.call(0x30, BUFFER, guest)).toBe(0);
    expect(word(BUFFER) + word(BUFFER + 4) * 2 ** 32).toBe(5_000_000_123);
    expect(semihosting.call(0x31, 0, guest)).toBe(1_000_000_000);
  });

  test('its command line, if that fits (SYS_GET_CMDLINE)', () => {
    expect(call(0x15, BUFFER, 100)).toBe(0);
    expect(get(BUFFER, 16)).toBe('program one two\0');
    expect(word(BLOCK + 4)).toBe(15);
    expect(call(0x15, BUFFER, 5)).toBe(-1);
  });

  test('where heap and stack may be (SYS_HEAPINFO)', () => {
    expect(call(0x16, BUFFER)).toBe(0);
    expect([0, 4, 8, 12].map((at) => word(BUFFER + at))).toEqual([0, 0x4ff0_0000, 0x5000_0000, 0x4ff0_0000]);
  });

  test('whether a status is an error (SYS_ISERROR), and no command of the host (SYS_SYSTEM)', () => {
    expect([call(0x08, 0), call(0x08, 0xffff_ffff)]).toEqual([0, 1]);
    expect(call(0x12, NAME, put(NAME, 'ls'))).toBe(-1);
  });

  test('its end, with its exit code', () => {
    semihosting.call(0x18, 0x2_0026, guest);
    semihosting.call(0x18, 0x2_0023, guest);
    call(0x20, 0x2_0026, 300);
    call(0x20, 0x2_0023, 3);
    semihosting.call(0x20, 0x8000_0000, guest);
    expect(exits).toEqual([0, 1, 44, 1, 1]);
  });
});

test('calls with any operation and any argument give a number, never an exception', () => {
  for (let operation = 0; operation < 0x40; operation++) {
    for (const argument of [0, BLOCK, BASE + memory.length - 2, 0xffff_ffff]) {
      memory.fill(0xff);
      expect(typeof semihosting.call(operation, argument, guest)).toMatch(/number|string/);
    }
  }
});
