import { ImageError } from '../errors.ts';
import {
  alignUp,
  FDT_MAGIC,
  FDT_VERSION,
  FdtHeader,
  FdtToken,
  type MemoryReservation,
  RESERVATION_BYTES,
} from './fdt-format.ts';

/** A node as a blob has it: a property's bytes mean what its binding says, the blob does not tell. */
export interface FdtNode {
  readonly name: string;
  readonly properties: ReadonlyMap<string, Uint8Array>;
  readonly children: readonly FdtNode[];
}

/** What `readFdt` found in a blob. */
export interface Fdt {
  readonly root: FdtNode;
  readonly reservations: readonly MemoryReservation[];
  readonly bootCpu: number;
  /** Bytes of the blob, without what may follow it in its file. */
  readonly totalSize: number;
}

const decoder = new TextDecoder();
/** Deeper than any board; whoever walks a tree may do it by recursion. */
const DEEPEST = 64;
const REMEDY = "check the file with 'fdtdump FILE', or make it again with 'dtc -O dtb'";

/**
 * Reads a flattened device tree (Devicetree Specification 0.4, chapter 5; versions 16 and up that declare compatibility with 17).
 * @param name what to call the blob in messages: a file name
 * @throws ImageError when the bytes are not a whole, well-formed blob
 */
export function readFdt(blob: Uint8Array, name = 'device tree'): Fdt {
  return new FdtParser(blob, name).parse();
}

/** The node at an absolute path such as `/pl011@9000000`, or undefined. */
export function nodeAt(root: FdtNode, path: string): FdtNode | undefined {
  let node: FdtNode | undefined = root;
  for (const part of path.split('/').filter((p) => p !== '')) {
    node = node?.children.find((child) => child.name === part);
  }
  return node;
}

/** A property's value as big-endian 32-bit cells; bytes behind the last whole cell are left out. */
export function cellsOf(value: Uint8Array): number[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return Array.from({ length: value.byteLength >> 2 }, (_, i) => view.getUint32(i * 4));
}

/** A property's value as a list of strings. */
export function stringsOf(value: Uint8Array): string[] {
  const text = decoder.decode(value);
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

interface OpenNode {
  readonly name: string;
  readonly properties: Map<string, Uint8Array>;
  readonly children: OpenNode[];
}

class FdtParser {
  private readonly view: DataView;
  private readonly blob: Uint8Array;
  private readonly name: string;

  constructor(blob: Uint8Array, name: string) {
    this.blob = blob;
    this.name = name;
    this.view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  }

  parse(): Fdt {
    const { length } = this.blob;
    if (length < FdtHeader.bytes) {
      throw this.error(`is ${length} bytes long; the header alone has ${FdtHeader.bytes}`);
    }
    const magic = this.view.getUint32(FdtHeader.magic);
    if (magic !== FDT_MAGIC) {
      throw this.error(
        `is no flattened device tree: it starts with 0x${magic.toString(16).padStart(8, '0')}, not 0xd00dfeed`,
      );
    }
    const version = this.view.getUint32(FdtHeader.version);
    const oldest = this.view.getUint32(FdtHeader.last_comp_version);
    if (version < 16 || oldest > FDT_VERSION) {
      throw this.error(`has format version ${version} (compatible with ${oldest}); 16 and 17 can be read`);
    }
    const totalSize = this.view.getUint32(FdtHeader.totalsize);
    if (totalSize > length || totalSize < FdtHeader.bytes) {
      throw this.error(`says that it has ${totalSize} bytes, but ${length} are there`);
    }
    // Version 16 has no size_dt_struct: its END token bounds the block.
    const offStructure = this.view.getUint32(FdtHeader.off_dt_struct);
    const sizeStructure =
      version >= 17 ? this.view.getUint32(FdtHeader.size_dt_struct) : totalSize - offStructure;
    const structure = this.block('structure', offStructure, sizeStructure, totalSize);
    const strings = this.block(
      'strings',
      this.view.getUint32(FdtHeader.off_dt_strings),
      this.view.getUint32(FdtHeader.size_dt_strings),
      totalSize,
    );
    return {
      root: this.parseStructure(structure, strings),
      reservations: this.parseReservations(totalSize),
      bootCpu: this.view.getUint32(FdtHeader.boot_cpuid_phys),
      totalSize,
    };
  }

  private parseReservations(totalSize: number): MemoryReservation[] {
    const found: MemoryReservation[] = [];
    for (let at = this.view.getUint32(FdtHeader.off_mem_rsvmap); ; at += RESERVATION_BYTES) {
      if (at + RESERVATION_BYTES > totalSize) {
        throw this.error('has a memory reservation block without an end');
      }
      const address = this.view.getBigUint64(at);
      const size = this.view.getBigUint64(at + 8);
      if (address === 0n && size === 0n) return found;
      found.push({ address: Number(address), size: Number(size) });
    }
  }

  private parseStructure(structure: Uint8Array, strings: Uint8Array): FdtNode {
    const view = new DataView(structure.buffer, structure.byteOffset, structure.byteLength);
    // An explicit stack: a blob of nothing but BEGIN_NODE tokens must not exhaust ours.
    const open: OpenNode[] = [];
    let root: OpenNode | undefined;
    for (let at = 0; at + 4 <= structure.length; ) {
      const token = view.getUint32(at);
      at += 4;
      const current = open.at(-1);
      switch (token) {
        case FdtToken.BEGIN_NODE: {
          const end = structure.indexOf(0, at);
          if (end < 0) throw this.error(`has a node name without an end at structure offset ${at}`);
          const node: OpenNode = {
            name: decoder.decode(structure.subarray(at, end)),
            properties: new Map(),
            children: [],
          };
          if (open.length === DEEPEST) throw this.error(`has nodes more than ${DEEPEST} levels deep`);
          if (current) current.children.push(node);
          else if (root) throw this.error('has a second root node');
          else root = node;
          open.push(node);
          at = alignUp(end + 1, 4);
          break;
        }
        case FdtToken.END_NODE:
          if (!open.pop()) throw this.error(`ends a node that was not begun at structure offset ${at - 4}`);
          break;
        case FdtToken.PROP: {
          if (!current) throw this.error(`has a property outside every node at structure offset ${at - 4}`);
          if (at + 8 > structure.length) throw this.error('ends within a property');
          const size = view.getUint32(at);
          const name = this.stringAt(strings, view.getUint32(at + 4));
          at += 8;
          if (at + size > structure.length) {
            throw this.error(`ends within property '${name}' of node '${current.name}'`);
          }
          current.properties.set(name, structure.slice(at, at + size));
          at = alignUp(at + size, 4);
          break;
        }
        case FdtToken.NOP:
          break;
        case FdtToken.END:
          if (!root || open.length > 0) throw this.error('ends before its nodes do');
          return root;
        default:
          throw this.error(`has an unknown token 0x${token.toString(16)} at structure offset ${at - 4}`);
      }
    }
    throw this.error('has a structure block without an end');
  }

  private stringAt(strings: Uint8Array, offset: number): string {
    const end = offset < strings.length ? strings.indexOf(0, offset) : -1;
    if (end < 0) throw this.error(`has a property name at ${offset}, outside its strings block`);
    return decoder.decode(strings.subarray(offset, end));
  }

  private block(what: string, offset: number, size: number, totalSize: number): Uint8Array {
    if (offset + size > totalSize || size < 0) {
      throw this.error(
        `places its ${what} block at ${offset} to ${offset + size}, outside its ${totalSize} bytes`,
      );
    }
    return this.blob.subarray(offset, offset + size);
  }

  private error(what: string): ImageError {
    return new ImageError(`${this.name} ${what}`, REMEDY);
  }
}
