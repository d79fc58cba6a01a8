import { describe, expect, test } from 'vitest';
import { ArmemuError, OptionError } from '../../src/errors.ts';
import { type MachineOptions, normalizeOptions } from '../../src/machine/options.ts';
import { parseDuration, parseSize, sizeText } from '../../src/machine/units.ts';
import type { PciEndpoint } from '../../src/pci/endpoint.ts';
import type { FlashFile } from '../../src/ports/flash-file.ts';

function refusal(options: MachineOptions): string {
  try {
    normalizeOptions(options);
  } catch (error) {
    if (error instanceof OptionError) return `${error.message} / ${error.remedy}`;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a machine without options', () => {
  test('is a virt board with one Cortex-A15, 512 MiB, the embedded firmware and the host clock', () => {
    const normal = normalizeOptions({});
    expect(normal.board.name).toBe('virt');
    expect(normal).toMatchObject({
      cpuModel: { name: 'cortex-a15' },
      cpus: 1,
      memory: 512 * 2 ** 20,
      kernel: undefined,
      clock: 'host',
      semihosting: undefined,
      pci: [],
    });
  });
});

describe('a machine can have', () => {
  test('3 GiB of memory and no more', () => {
    expect(normalizeOptions({ memory: '3G' }).memory).toBe(3 * 2 ** 30);
    expect(refusal({ memory: '4G' })).toBe(
      'memory: 4 GiB is more than virt can have / its memory map has room for 3 GiB of RAM: --memory 3072M',
    );
  });

  test('one to eight CPUs', () => {
    expect(normalizeOptions({ smp: 8 }).cpus).toBe(8);
    for (const smp of [0, 9, 1.5, Number.NaN]) {
      expect(refusal({ smp })).toContain(`can't have ${smp} CPUs / give it a whole number from 1 to 8`);
    }
  });

  test('a command line without NUL, at which the device tree would cut it', () => {
    expect(normalizeOptions({ append: 'a b' }).append).toBe('a b');
    expect(refusal({ append: 'a\0b' })).toContain("can't hold a NUL");
  });

  test('memory in bytes when it is a number', () => {
    expect(normalizeOptions({ memory: 2 ** 20 }).memory).toBe(2 ** 20);
    expect(refusal({ memory: 512 })).toContain('512 bytes are too few');
    expect(refusal({ memory: 2 ** 20 + 1 })).toContain('no multiple of 64 KiB / give it 1088K');
    expect(refusal({ memory: Number.NaN })).toContain('too few');
  });
});

describe('an unknown name is refused with the ones there are', () => {
  test.each<[MachineOptions, string]>([
    [
      { machine: 'vert' },
      "unknown machine 'vert'; did you mean 'virt'? / there are: virt, vexpress-a9, vexpress-a15",
    ],
    [{ machine: 'raspi' }, "unknown machine 'raspi' / there are: virt, vexpress-a9, vexpress-a15"],
    [{ cpu: 'cortex-a51' }, "unknown cpu 'cortex-a51'; did you mean 'cortex-a15'? / there is: cortex-a15"],
    [
      { clock: 'hots' as 'host' },
      "unknown clock 'hots'; did you mean 'host'? / there are: host, instructions",
    ],
    [
      { memroy: '1G' } as MachineOptions,
      "unknown option 'memroy'; did you mean 'memory'? / there are: machine, ",
    ],
  ])('%j', (options, message) => {
    expect(refusal(options)).toContain(message);
  });
});

test('one endpoint object can not be in two slots', () => {
  const endpoint = { name: 'mine' } as PciEndpoint;
  expect(refusal({ pci: [endpoint, endpoint] })).toContain("the endpoint 'mine' is there twice");
});

describe('a size', () => {
  test.each([
    ['512M', 512 * 2 ** 20],
    ['1G', 2 ** 30],
    ['1.5g', 1.5 * 2 ** 30],
    ['64K', 2 ** 16],
    ['1GiB', 2 ** 30],
    ['512', 512 * 2 ** 20],
    ['0x20000000', 0x20000000],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSize(text, '--memory')).toBe(bytes);
  });

  test('with an unknown unit is refused by the name of the unit', () => {
    expect(() => parseSize('512X', '--memory')).toThrow("--memory: '512X' has the unknown unit 'X'");
    expect(() => parseSize('lots', '--memory')).toThrow("--memory: 'lots' is no size");
    expect(() => parseSize('-1G', '--memory')).toThrow(ArmemuError);
  });

  test('is printed in the largest unit that it fills', () => {
    expect([3 * 2 ** 30, 1536 * 2 ** 20, 65536, 12].map(sizeText)).toEqual([
      '3 GiB',
      '1.5 GiB',
      '64 KiB',
      '12 bytes',
    ]);
  });
});

describe('a duration', () => {
  test.each([
    ['60s', 60_000],
    ['500ms', 500],
    ['2m', 120_000],
    [250, 250],
  ])('%s is %i milliseconds', (value, ms) => {
    expect(parseDuration(value, 'timeout')).toBe(ms);
  });

  test('without a unit, or with an unknown one, is refused', () => {
    expect(() => parseDuration('60', 'timeout')).toThrow("timeout: '60' has no unit");
    expect(() => parseDuration('60 parsecs', 'timeout')).toThrow("has the unknown unit 'parsecs'");
    expect(() => parseDuration('soon', 'timeout')).toThrow("timeout: 'soon' is no duration");
  });
});

describe('the flash banks', () => {
  const bank = 64 * 2 ** 20;
  const file = (bytes: number): FlashFile => ({
    name: "flash 'a.fd'",
    bytes: new Uint8Array(bytes),
    readOnly: false,
    write: () => true,
  });

  test('are empty, have the firmware in the first, or their files', () => {
    expect(normalizeOptions({}).flash).toEqual([]);
    const bios = Uint8Array.of(1, 2);
    expect(normalizeOptions({ bios }).flash).toMatchObject([{ bytes: bios, readOnly: false }]);
    const files = [file(bank), file(bank)];
    expect(normalizeOptions({ pflash: files }).flash).toBe(files);
  });

  test.each<[string, MachineOptions, string, string]>([
    [
      'both kinds',
      { bios: new Uint8Array(4), pflash: [file(bank)] },
      'both give the contents',
      'first pflash',
    ],
    [
      'three files',
      { pflash: [file(bank), file(bank), file(bank)] },
      'has 2 flash banks, and 3',
      'leave out',
    ],
    [
      'a file that is too small',
      { pflash: [file(1000)] },
      "flash 'a.fd' has 1000 bytes, and the flash bank has 67108864",
      "'truncate -s 64M FILE'",
    ],
    ['a file that is too large', { pflash: [file(bank + 1)] }, 'has 67108865 bytes', 'a smaller flash'],
    [
      'firmware that is too large',
      { bios: new Uint8Array(bank + 1) },
      'the firmware has 67108865',
      'this board',
    ],
    ['empty firmware', { bios: new Uint8Array(0) }, 'the firmware is empty', 'copy it again'],
  ])('refuse %s', (_what, options, message, remedy) => {
    expect(() => normalizeOptions(options)).toThrow(message);
    try {
      normalizeOptions(options);
    } catch (error) {
      expect((error as ArmemuError).remedy).toContain(remedy);
    }
  });
});
