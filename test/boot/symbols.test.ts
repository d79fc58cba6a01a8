import { describe, expect, test } from 'vitest';
import { readSymbols, SymbolTable } from '../../src/boot/symbols.ts';
import { ImageError } from '../../src/errors.ts';
import { buildElf } from './elf-builder.ts';
import { type TestSymbol, withSymbols } from './elf-with-symbols.ts';

const BASE = 0x8000_0000;

function elf(symbols: readonly TestSymbol[]): Uint8Array<ArrayBuffer> {
  return withSymbols(
    buildElf([{ physicalAddress: BASE, bytes: new Uint8Array(0x100) }]),
    BASE,
    0x100,
    symbols,
  );
}

function namesIn(file: Uint8Array, ...addresses: number[]): (string | undefined)[] {
  const table = new SymbolTable(readSymbols(file, 'f'));
  return addresses.map((address) => table.find(address)?.name);
}

const text = (lines: string): Uint8Array => new TextEncoder().encode(lines);

describe('ELF', () => {
  test('functions with a size end there', () => {
    const file = elf([{ name: 'f', value: BASE + 0x10, size: 8 }]);
    expect(namesIn(file, BASE + 0xf, BASE + 0x10, BASE + 0x17, BASE + 0x18)).toEqual([
      undefined,
      'f',
      'f',
      undefined,
    ]);
  });

  test('addresses may be given as negative numbers, as registers are kept', () => {
    expect(namesIn(elf([{ name: 'f', value: BASE, size: 8 }]), BASE | 0)).toEqual(['f']);
  });

  test('bit 0 of a function says T32, and is no part of its address', () => {
    const file = elf([{ name: 'thumb', value: BASE + 0x21, size: 4 }]);
    expect(namesIn(file, BASE + 0x20, BASE + 0x24)).toEqual(['thumb', undefined]);
  });

  test("an assembler's label goes on until the next one, or the section's end", () => {
    const file = elf([
      { name: 'start', value: BASE, type: 'notype' },
      { name: '$a', value: BASE + 4, type: 'notype' },
      { name: '$d.1', value: BASE + 6, type: 'notype' },
      { name: 'loop', value: BASE + 8, type: 'notype' },
    ]);
    expect(namesIn(file, BASE + 7, BASE + 8, BASE + 0xff, BASE + 0x100)).toEqual([
      'start',
      'loop',
      'loop',
      undefined,
    ]);
  });

  test('of two names for one place a global function is taken; data have none', () => {
    const file = elf([
      { name: 'label', value: BASE, type: 'notype' },
      { name: 'local', value: BASE, size: 8, local: true },
      { name: 'global', value: BASE, size: 8 },
      { name: 'table', value: BASE + 0x10, size: 8, type: 'object' },
      { name: 'data', value: BASE + 0x110, type: 'notype', section: 2 },
    ]);
    expect(namesIn(file, BASE, BASE + 0x10, BASE + 0x110)).toEqual(['global', undefined, undefined]);
  });

  test('a file without symbols, of another machine, or that ends too early is refused', () => {
    const whole = elf([{ name: 'f', value: BASE, size: 8 }]);
    expect(() => readSymbols(buildElf([]), 'f')).toThrow(ImageError);
    expect(() => readSymbols(buildElf([], { machine: 62 }), 'f')).toThrow(/no little-endian ELF/);
    for (let length = 4; length < whole.length - 20; length++) {
      expect(() => readSymbols(whole.slice(0, length), 'f')).toThrow(ImageError);
    }
  });
});

describe('System.map', () => {
  const MAP = text(
    [
      '00000000 A absolute',
      'c0008000 T _stext',
      'c0008000 t also',
      'c0008100 t local.part.0',
      'c0008200 D data',
      'bf000000 t probe\t[module]',
      '',
    ].join('\n'),
  );

  test('names are those of code, each until the next symbol of any kind', () => {
    expect(namesIn(MAP, 0, 0xc0008000, 0xc00080ff, 0xc00081ff, 0xc0008200)).toEqual([
      undefined,
      '_stext',
      '_stext',
      'local.part.0',
      undefined,
    ]);
  });

  test('modules of /proc/kallsyms stay with the name; addresses without a symbol before have none', () => {
    expect(namesIn(MAP, 0xbf000004, 0xbeff_fffc)).toEqual(['probe [module]', undefined]);
  });

  test('what nm says of undefined symbols is skipped, other text refused', () => {
    expect(namesIn(text('         U printf\n00010000 T main\n'), 0x10000)).toEqual(['main']);
    expect(namesIn(text('00010000 T f(int, char)\n'), 0x10000)).toEqual(['f(int, char)']);
    // Debian's System.map.
    const dummy = text('ffffffffffffffff B The real System.map is elsewhere\n');
    expect(() => readSymbols(dummy, 'f')).toThrow(/names no functions/);
    expect(() => readSymbols(text('hello\n'), 'f')).toThrow(/neither an ELF file nor a list/);
    expect(() => readSymbols(text('00010000 D data\n'), 'f')).toThrow(/names no functions/);
  });
});
