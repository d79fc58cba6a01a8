import type { FdtNode } from '../../src/boot/fdt-reader.ts';

interface OpenNode {
  readonly name: string;
  readonly properties: Map<string, Uint8Array>;
  readonly children: OpenNode[];
}

/** Parses device tree source as dtc decompiles it: nodes, cells, strings and flags; no labels, includes or expressions. */
export function parseDts(text: string): FdtNode {
  const root: OpenNode = { name: '', properties: new Map(), children: [] };
  const open: OpenNode[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    const begin = /^(\S+) \{$/.exec(line);
    const property = /^([^ =]+)(?: = (.*))?;$/.exec(line);
    if (begin) {
      const node = begin[1] === '/' ? root : { name: begin[1], properties: new Map(), children: [] };
      open.at(-1)?.children.push(node);
      open.push(node);
    } else if (line === '};') {
      open.pop();
    } else if (property && open.length > 0) {
      open.at(-1)!.properties.set(property[1], parseValue(property[2] ?? ''));
    } else if (line !== '' && line !== '/dts-v1/;') {
      throw new Error(`cannot read this line of device tree source: ${line}`);
    }
  }
  return root;
}

function parseValue(text: string): Uint8Array {
  if (text === '') return new Uint8Array(0);
  if (text.startsWith('"')) {
    return new TextEncoder().encode(`${text.slice(1, -1).replaceAll('\\0', '\0')}\0`);
  }
  const values = text.slice(1, -1).split(' ').filter(Boolean).map(Number);
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, i) => {
    new DataView(bytes.buffer).setUint32(i * 4, value);
  });
  return bytes;
}
