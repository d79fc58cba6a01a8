import { OptionError } from '../errors.ts';

const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  K: 2 ** 10,
  KIB: 2 ** 10,
  KB: 2 ** 10,
  M: 2 ** 20,
  MIB: 2 ** 20,
  MB: 2 ** 20,
  G: 2 ** 30,
  GIB: 2 ** 30,
  GB: 2 ** 30,
};

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/**
 * Reads a size such as `512M`, `1.5G` or `0x20000000`. Units are powers of 1024; a decimal number without one counts MiB, as
 * QEMU's `-m` has it, a hexadecimal number counts bytes.
 * @param option what to call the option in messages
 * @returns whole bytes
 * @throws OptionError that names the unit or the text it could not read
 */
export function parseSize(text: string, option: string): number {
  const examples = `write ${option} as in 512M, 1G or 0x20000000`;
  const hexadecimal = /^0x([0-9a-f]+)$/i.exec(text);
  if (hexadecimal) return Number.parseInt(hexadecimal[1], 16);
  const parts = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  if (!parts) throw new OptionError(`${option}: '${text}' is no size`, examples);
  const unit = parts[2] === '' ? BYTE_UNITS.M : BYTE_UNITS[parts[2].toUpperCase()];
  if (unit === undefined) {
    throw new OptionError(
      `${option}: '${text}' has the unknown unit '${parts[2]}'`,
      `${examples}; units are B, K, M and G`,
    );
  }
  return Math.floor(Number(parts[1]) * unit);
}

/**
 * Reads a duration such as `60s`, `500ms` or `2m`; a number counts milliseconds.
 * @param option what to call the option in messages
 * @returns milliseconds
 * @throws OptionError that names the unit or the text it could not read
 */
export function parseDuration(value: string | number, option: string): number {
  const example = `write ${option} as in 60s, 500ms or 2m`;
  const parts = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(typeof value === 'number' ? `${value}ms` : value.trim());
  if (!parts) throw new OptionError(`${option}: '${value}' is no duration`, example);
  const unit = TIME_UNITS[parts[2]];
  if (unit === undefined) {
    const problem = parts[2] === '' ? 'has no unit' : `has the unknown unit '${parts[2]}'`;
    throw new OptionError(`${option}: '${value}' ${problem}`, example);
  }
  return Number(parts[1]) * unit;
}

/** A size for people: `512 MiB`, `64 KiB`. */
export function sizeText(bytes: number): string {
  for (const [name, unit] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= unit) return `${Number((bytes / unit).toFixed(2))} ${name}`;
  }
  return `${bytes} bytes`;
}
