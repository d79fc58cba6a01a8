/** How `x` shows memory: gdb's letters. */
export interface MemoryFormat {
  readonly count: number;
  readonly letter: 'x' | 'd' | 'u' | 'o' | 'c' | 's';
  /** Bytes of one unit. */
  readonly size: 1 | 2 | 4 | 8;
}

const SIZES = { b: 1, h: 2, w: 4, g: 8 } as const;
const BYTES_IN_A_LINE = 16;
/** Characters of a string that are looked at. */
const STRING_LENGTH = 256;

/** @returns undefined for what is no format, such as `8xw` */
export function parseFormat(text: string): MemoryFormat | undefined {
  const parts = /^(\d{0,6})([xduocs]?)([bhwg]?)$/.exec(text);
  if (!parts) return undefined;
  const letter = (parts[2] === '' ? 'x' : parts[2]) as MemoryFormat['letter'];
  const count = parts[1] === '' ? 1 : Number(parts[1]);
  if (count === 0) return undefined;
  if (letter === 's') return { count: count * STRING_LENGTH, letter, size: 1 };
  const size = parts[3] === '' ? (letter === 'c' ? 'b' : 'w') : (parts[3] as keyof typeof SIZES);
  return { count, letter, size: SIZES[size] };
}

/** Lines of units with the address of the first of each line; little-endian. */
export function formatMemory(
  { letter, size, count }: MemoryFormat,
  address: number,
  bytes: Uint8Array,
): string[] {
  if (letter === 's') return strings(address, bytes, count / STRING_LENGTH);
  const lines: string[] = [];
  for (let at = 0; at + size <= bytes.length; at += BYTES_IN_A_LINE) {
    const units: string[] = [];
    for (let i = at; i < at + BYTES_IN_A_LINE && i + size <= bytes.length; i += size) {
      units.push(unitText(letter, size, bytes.subarray(i, i + size)));
    }
    lines.push(`${hex(address + at, 8)}: ${units.join(' ')}`);
  }
  return lines;
}

function unitText(letter: MemoryFormat['letter'], size: number, bytes: Uint8Array): string {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  switch (letter) {
    case 'd':
      return BigInt.asIntN(8 * size, value).toString();
    case 'u':
      return value.toString();
    case 'o':
      return `0${value.toString(8)}`;
    case 'c':
      return character(Number(value & 0xffn));
    default:
      return `0x${value.toString(16).padStart(2 * size, '0')}`;
  }
}

function strings(address: number, bytes: Uint8Array, count: number): string[] {
  const lines: string[] = [];
  let at = 0;
  while (lines.length < count && at < bytes.length) {
    const end = bytes.indexOf(0, at);
    const piece = bytes.subarray(at, end < 0 ? bytes.length : end);
    const text = Array.from(piece, (byte) => character(byte).slice(1, -1)).join('');
    lines.push(`${hex(address + at, 8)}: "${text}"${end < 0 ? '...' : ''}`);
    at += piece.length + 1;
  }
  return lines;
}

/** What would move a terminal's cursor is shown by its number. */
function character(byte: number): string {
  const shown = byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${hex(byte, 2)}`;
  return `'${shown}'`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
