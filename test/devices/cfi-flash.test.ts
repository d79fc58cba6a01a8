import { beforeEach, describe, expect, test } from 'vitest';
import { CfiFlash } from '../../src/devices/cfi-flash.ts';
import { type DirectReads, privateStorage } from '../../src/ports/direct-reads.ts';
import type { FlashFile } from '../../src/ports/flash-file.ts';

const SIZE = 0x10_0000;
const BLOCK = 0x4_0000;

/** A file in memory; a full disk when told so. */
class TestFile implements FlashFile {
  readonly name = 'vars.fd';
  readonly bytes: Uint8Array;
  readonly readOnly: boolean;
  full = false;

  constructor(bytes: Uint8Array, readOnly = false) {
    this.bytes = bytes;
    this.readOnly = readOnly;
  }

  write(offset: number, bytes: Uint8Array): boolean {
    if (this.full) return false;
    this.bytes.set(bytes, offset);
    return true;
  }
}

let file: TestFile;
let flash: CfiFlash;
let direct: boolean;
let changes: number;

function recordedReads(): DirectReads {
  direct = true;
  changes = 0;
  return {
    storage: privateStorage(SIZE).storage,
    set: (on) => {
      direct = on;
    },
    changed: () => {
      changes++;
    },
  };
}

function make(with_: FlashFile | undefined): CfiFlash {
  return new CfiFlash({ size: SIZE, blockSize: BLOCK, reads: recordedReads(), file: with_ });
}

beforeEach(() => {
  file = new TestFile(new Uint8Array(SIZE).map((_, i) => i));
  flash = make(file);
});

/** A command to both devices: the same byte in both lanes. */
const both = (command: number): number => command * 0x1_0001;
const write = (offset: number, value: number): void => flash.write(offset, 4, value);
const command = (offset: number, ...commands: number[]): void => {
  for (const c of commands) write(offset, both(c));
};
const READY = both(0x80);

describe('the array', () => {
  test('reads as the file, in every width', () => {
    expect(flash.read(0x104, 4)).toBe(0x0706_0504);
    expect(flash.read(0x106, 2)).toBe(0x0706);
    expect(flash.read(0x107, 1)).toBe(0x07);
  });

  test('is read directly, but not while a command has the reads', () => {
    expect(direct).toBe(true);
    command(0, 0x70);
    expect(direct).toBe(false);
    command(0, 0xff);
    expect(direct).toBe(true);
  });

  test('of a bank without a file is zeros', () => {
    flash = make(undefined);
    expect(flash.read(0, 4)).toBe(0);
  });
});

describe('0x98 shows the query structure of each device', () => {
  const byteAt = (word: number): number => {
    const value = flash.read(word * 4, 4);
    expect(value >>> 16).toBe(value & 0xffff);
    return value & 0xff;
  };

  test('with QRY, the command set, and the sizes of one of two devices', () => {
    command(0x55 * 4, 0x98);
    expect(String.fromCharCode(byteAt(0x10), byteAt(0x11), byteAt(0x12))).toBe('QRY');
    expect(byteAt(0x13)).toBe(1);
    expect(2 ** byteAt(0x27)).toBe(SIZE / 2);
    expect(2 ** byteAt(0x2a)).toBe(2048);
    expect(byteAt(0x2c)).toBe(1);
    expect(byteAt(0x2d) + 1).toBe(SIZE / BLOCK);
    expect(byteAt(0x2f) * 256 + byteAt(0x30) * 65536).toBe(BLOCK / 2);
    expect(String.fromCharCode(byteAt(0x31), byteAt(0x32), byteAt(0x33))).toBe('PRI');
  });

  test('and reads narrower than the bus see their lane', () => {
    command(0, 0x98);
    expect(flash.read(0x40, 1)).toBe(0x51);
    expect(flash.read(0x41, 1)).toBe(0);
    expect(flash.read(0x42, 2)).toBe(0x51);
  });
});

test('0x90 shows manufacturer and device code, 0xFF ends it', () => {
  command(0, 0x90);
  expect(flash.read(0, 4)).toBe(both(0x89));
  expect(flash.read(4, 4)).toBe(both(0x18));
  command(0, 0xff);
  expect(flash.read(4, 4)).toBe(0x0706_0504);
});

describe('programming', () => {
  test.each([0x40, 0x10])('0x%s then a word clears bits and sets none, in the file as well', (program) => {
    command(0x200, program);
    write(0x200, 0xf0f0_f0f0);
    expect(flash.read(0, 4)).toBe(READY);
    expect(changes).toBe(1);
    command(0, 0xff);
    expect(flash.read(0x200, 4)).toBe(0x0302_0100 & 0xf0f0_f0f0);
    expect(file.bytes.subarray(0x200, 0x204)).toEqual(Uint8Array.of(0, 0, 0, 0));
  });

  test('0xE8 takes a count less one, the words, and 0xD0', () => {
    command(BLOCK, 0x20, 0xd0);
    command(BLOCK, 0xe8);
    expect(flash.read(BLOCK, 4)).toBe(READY);
    write(BLOCK, both(1));
    write(BLOCK + 8, 0x1111_1111);
    write(BLOCK + 12, 0x2222_2222);
    expect(file.bytes[BLOCK + 8]).toBe(0xff);
    command(BLOCK, 0xd0);
    expect(flash.read(0, 4)).toBe(READY);
    command(0, 0xff);
    expect(flash.read(BLOCK + 8, 4)).toBe(0x1111_1111);
    expect(flash.read(BLOCK + 12, 4)).toBe(0x2222_2222);
    expect(flash.read(BLOCK + 16, 4)).toBe(0xffff_ffff);
    expect(file.bytes[BLOCK + 12]).toBe(0x22);
  });

  test('a buffer that is larger than the devices have, or leaves its block, is a sequence error', () => {
    command(0, 0xe8);
    write(0, both(0x400));
    expect(flash.read(0, 4)).toBe(both(0xb0));
    command(0, 0x50, 0xe8);
    write(0, both(0));
    write(0x1000, 1);
    expect(flash.read(0, 4)).toBe(both(0xb0));
    command(0, 0x50, 0x70);
    expect(flash.read(0, 4)).toBe(READY);
  });

  test('a buffer that is not confirmed changes nothing', () => {
    command(0, 0xe8);
    write(0, both(0));
    write(0x204, 0);
    command(0, 0xff);
    command(0, 0xff);
    expect(flash.read(0x204, 4)).toBe(0x0706_0504);
  });
});

describe('erasing', () => {
  test('0x20 and 0xD0 set one block to ones, in the file as well', () => {
    command(BLOCK + 0x123 * 4, 0x20, 0xd0);
    expect(flash.read(0, 4)).toBe(READY);
    command(0, 0xff);
    expect(flash.read(BLOCK, 4)).toBe(0xffff_ffff);
    expect(flash.read(2 * BLOCK - 4, 4)).toBe(0xffff_ffff);
    expect(flash.read(BLOCK - 4, 4)).toBe(0xfffe_fdfc);
    expect(flash.read(2 * BLOCK, 4)).toBe(0x0302_0100);
    expect(file.bytes[BLOCK]).toBe(0xff);
  });

  test('without the confirmation changes nothing', () => {
    command(0, 0x20, 0x70);
    command(0, 0xff);
    expect(flash.read(0, 4)).toBe(0x0302_0100);
    expect(changes).toBe(0);
  });
});

test('0x60 with 0xD0 or 0x01 is accepted: blocks are never locked', () => {
  command(0, 0x60, 0x01);
  expect(flash.read(0, 4)).toBe(READY);
  command(0, 0x60, 0xd0);
  expect(flash.read(0, 4)).toBe(READY);
});

describe('what can not be stored is the status register that says so, and nothing changes', () => {
  test.each([
    ['a full disk', () => new TestFile(new Uint8Array(SIZE).fill(0xff))],
    ['a read-only file', () => new TestFile(new Uint8Array(SIZE).fill(0xff), true)],
  ])('%s', (_what, makeFile) => {
    file = makeFile();
    file.full = true;
    flash = make(file);
    command(0, 0x40);
    write(0, 0);
    expect(flash.read(0, 4)).toBe(both(0x90));
    command(0, 0x50, 0x20, 0xd0);
    expect(flash.read(0, 4)).toBe(both(0xa0));
    command(0, 0x50);
    expect(flash.read(0, 4)).toBe(0xffff_ffff);
    expect(changes).toBe(0);
  });
});

test('a reset ends a command and keeps what is stored', () => {
  command(0, 0x40);
  write(0, 0);
  command(0, 0xe8);
  flash.reset();
  expect(direct).toBe(true);
  expect(flash.read(0, 4)).toBe(0);
});

test('unknown commands, as probes for other flash send them, lead to the array', () => {
  command(0x555 * 4, 0xaa);
  command(0x2aa * 4, 0x55);
  command(0, 0xf0);
  expect(flash.read(0, 4)).toBe(0x0302_0100);
});

test('whatever a guest writes, it is an operation of the flash', () => {
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed >>> 8;
  };
  const commands = [0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xd0, 0xe8, 0xff, 0];
  for (let i = 0; i < 5000; i++) {
    const size = ([1, 2, 4] as const)[random() % 3]!;
    const offset = (random() % SIZE) & -size;
    flash.write(offset, size, random() % 4 === 0 ? random() : commands[random() % commands.length]!);
    const value = flash.read(offset, size);
    expect(value).toBeGreaterThanOrEqual(0);
    expect(value).toBeLessThan(2 ** (8 * size));
  }
});

describe('a saved flash', () => {
  test('goes on in the middle of a command, with its contents', () => {
    command(0, 0x40);
    write(0x300, 0);
    command(0, 0xe8);
    write(0, both(1));
    write(0x204, 0);
    const state = flash.saveState();
    const other = new TestFile(new Uint8Array(SIZE));
    flash = make(other);
    flash.restoreState(state);
    expect(direct).toBe(false);
    write(0x208, 0);
    command(0, 0xd0, 0xff);
    expect(flash.read(0x200, 4)).toBe(0x0302_0100);
    expect(flash.read(0x204, 4)).toBe(0);
    expect(flash.read(0x208, 4)).toBe(0);
    expect(flash.read(0x300, 4)).toBe(0);
    const differs = other.bytes.findIndex(
      (byte, i) => byte !== (i >= 0x204 && i < 0x20c ? 0 : file.bytes[i]),
    );
    expect(differs).toBe(-1);
  });

  test('is not restored over a read-only file with other contents', () => {
    const state = flash.saveState();
    flash = make(new TestFile(new Uint8Array(SIZE), true));
    expect(() => flash.restoreState(state)).toThrow('other contents in vars.fd');
    flash = make(new TestFile(file.bytes.slice(), true));
    expect(() => flash.restoreState(state)).not.toThrow();
  });

  test('that is damaged is refused', () => {
    const state = flash.saveState();
    const phase = 'sleep' as typeof state.phase;
    expect(() => flash.restoreState({ ...state, phase })).toThrow(RangeError);
    const pages = [{ offset: 0, bytes: new Uint8Array(3) }];
    expect(() => flash.restoreState({ ...state, pages })).toThrow(RangeError);
  });
});
