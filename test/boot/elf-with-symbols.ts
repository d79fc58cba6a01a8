/** A symbol of a test executable. */
export interface TestSymbol {
  readonly name: string;
  /** As in the file: bit 0 is set for a function of T32 code. */
  readonly value: number;
  readonly size?: number;
  readonly type?: 'func' | 'notype' | 'object';
  readonly local?: boolean;
  /** Number of its section: 1 is code (default), 2 is data. */
  readonly section?: number;
}

const TYPES = { notype: 0, object: 1, func: 2 } as const;
const SECTIONS = 5;

/**
 * Adds section headers to an executable: code in section 1 at `codeBase`, data in 2 behind it, the symbol table and its
 * names.
 */
export function withSymbols(
  elf: Uint8Array,
  codeBase: number,
  codeBytes: number,
  symbols: readonly TestSymbol[],
): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const names = encoder.encode(`\0${symbols.map(({ name }) => `${name}\0`).join('')}`);
  const namesAt = elf.length;
  const symbolsAt = namesAt + names.length;
  const symbolBytes = 16 * (symbols.length + 1);
  const headersAt = symbolsAt + symbolBytes;
  const file = new Uint8Array(headersAt + 40 * SECTIONS);
  const view = new DataView(file.buffer);
  file.set(elf);
  file.set(names, namesAt);
  let name = 1;
  for (const [i, symbol] of symbols.entries()) {
    const at = symbolsAt + 16 * (i + 1);
    view.setUint32(at, name, true);
    view.setUint32(at + 4, symbol.value, true);
    view.setUint32(at + 8, symbol.size ?? 0, true);
    view.setUint8(at + 12, TYPES[symbol.type ?? 'func'] | (symbol.local === true ? 0 : 0x10));
    view.setUint16(at + 14, symbol.section ?? 1, true);
    name += encoder.encode(symbol.name).length + 1;
  }
  const section = (number: number, fields: readonly number[]): void => {
    for (const [i, field] of fields.entries()) {
      view.setUint32(headersAt + 40 * number + 4 * (i + 1), field, true);
    }
  };
  // sh_type, sh_flags, sh_addr, sh_offset, sh_size, sh_link
  section(1, [1, 6, codeBase, 0, codeBytes]);
  section(2, [1, 3, codeBase + codeBytes, 0, 0x100]);
  section(3, [2, 0, 0, symbolsAt, symbolBytes, 4]);
  section(4, [3, 0, 0, namesAt, names.length]);
  view.setUint32(32, headersAt, true);
  view.setUint16(46, 40, true);
  view.setUint16(48, SECTIONS, true);
  return file;
}
