import type { DeviceTreeNode, PropertyValue } from './device-tree.ts';
import {
  alignUp,
  FDT_LAST_COMPATIBLE_VERSION,
  FDT_MAGIC,
  FDT_VERSION,
  FdtHeader,
  FdtToken,
  type MemoryReservation,
  RESERVATION_BYTES,
} from './fdt-format.ts';

/** What a blob carries beside the tree. */
export interface FdtOptions {
  readonly reservations?: readonly MemoryReservation[];
  /** Physical ID of the CPU that boots; 0 by default. */
  readonly bootCpu?: number;
}

const encoder = new TextEncoder();

/**
 * Flattens a device tree into a version 17 blob (Devicetree Specification 0.4, chapter 5). Every node that is referred to by its
 * label gets a `phandle`, unless it has one as bytes.
 * @throws RangeError for a reference to a label that no node has, or a label that two nodes have: a fault of the tree's maker.
 */
export function writeFdt(root: DeviceTreeNode, options: FdtOptions = {}): Uint8Array {
  const phandles = assignPhandles(root);
  const strings = new StringBlock();
  const structure = new ByteSink();
  writeNode(structure, strings, root, phandles);
  structure.word(FdtToken.END);

  const reservations = options.reservations ?? [];
  const offReservations = alignUp(FdtHeader.bytes, 8);
  const offStructure = offReservations + (reservations.length + 1) * RESERVATION_BYTES;
  const offStrings = offStructure + structure.length;
  const totalSize = alignUp(offStrings + strings.sink.length, 8);

  const blob = new Uint8Array(totalSize);
  const view = new DataView(blob.buffer);
  view.setUint32(FdtHeader.magic, FDT_MAGIC);
  view.setUint32(FdtHeader.totalsize, totalSize);
  view.setUint32(FdtHeader.off_dt_struct, offStructure);
  view.setUint32(FdtHeader.off_dt_strings, offStrings);
  view.setUint32(FdtHeader.off_mem_rsvmap, offReservations);
  view.setUint32(FdtHeader.version, FDT_VERSION);
  view.setUint32(FdtHeader.last_comp_version, FDT_LAST_COMPATIBLE_VERSION);
  view.setUint32(FdtHeader.boot_cpuid_phys, options.bootCpu ?? 0);
  view.setUint32(FdtHeader.size_dt_strings, strings.sink.length);
  view.setUint32(FdtHeader.size_dt_struct, structure.length);
  reservations.forEach(({ address, size }, i) => {
    view.setBigUint64(offReservations + i * RESERVATION_BYTES, BigInt(address));
    view.setBigUint64(offReservations + i * RESERVATION_BYTES + 8, BigInt(size));
  });
  blob.set(structure.bytes(), offStructure);
  blob.set(strings.sink.bytes(), offStrings);
  return blob;
}

/** The blob with free space behind it, for firmware that adds to it in place; its header counts it as the blob's own. */
export function withFreeSpace(blob: Uint8Array, totalSize: number): Uint8Array {
  if (blob.length >= totalSize) return blob;
  const padded = new Uint8Array(totalSize);
  padded.set(blob);
  new DataView(padded.buffer).setUint32(FdtHeader.totalsize, totalSize);
  return padded;
}

/**
 * Phandle of each label that some property refers to: the one that its node has, or the first that no node has, in the
 * order of the references.
 */
function assignPhandles(root: DeviceTreeNode): Map<string, number> {
  const labels = new Map<string, number | undefined>();
  const referred = new Set<string>();
  const taken = new Set<number>();
  const visit = (node: DeviceTreeNode): void => {
    const own = ownPhandle(node);
    if (own !== undefined) taken.add(own);
    if (node.label !== undefined) {
      if (labels.has(node.label)) throw new RangeError(`two nodes have the label '${node.label}'`);
      labels.set(node.label, own);
    }
    for (const value of Object.values(node.properties)) {
      if (value.kind !== 'cells') continue;
      for (const cell of value.cells) if (typeof cell !== 'number') referred.add(cell.phandleOf);
    }
    node.children.forEach(visit);
  };
  visit(root);
  let next = 1;
  const free = (): number => {
    while (taken.has(next)) next++;
    return next++;
  };
  return new Map(
    [...referred].map((label) => {
      if (!labels.has(label)) throw new RangeError(`no node has the label '${label}'`);
      return [label, labels.get(label) ?? free()];
    }),
  );
}

/** The phandle that a node of a given tree has. */
function ownPhandle({ properties }: DeviceTreeNode): number | undefined {
  const value = properties.phandle ?? properties['linux,phandle'];
  if (value?.kind !== 'bytes' || value.bytes.length !== 4) return undefined;
  return new DataView(value.bytes.buffer, value.bytes.byteOffset).getUint32(0);
}

function writeNode(
  sink: ByteSink,
  strings: StringBlock,
  node: DeviceTreeNode,
  phandles: ReadonlyMap<string, number>,
): void {
  sink.word(FdtToken.BEGIN_NODE);
  sink.append(encoder.encode(`${node.name}\0`));
  sink.align(4);
  for (const [name, value] of Object.entries(node.properties)) {
    writeProperty(sink, strings.offsetOf(name), encodeValue(value, phandles));
  }
  const own = node.label === undefined ? undefined : phandles.get(node.label);
  if (own !== undefined && ownPhandle(node) === undefined) {
    writeProperty(sink, strings.offsetOf('phandle'), encodeValue({ kind: 'cells', cells: [own] }, phandles));
  }
  for (const child of node.children) writeNode(sink, strings, child, phandles);
  sink.word(FdtToken.END_NODE);
}

function writeProperty(sink: ByteSink, nameOffset: number, value: Uint8Array): void {
  sink.word(FdtToken.PROP);
  sink.word(value.length);
  sink.word(nameOffset);
  sink.append(value);
  sink.align(4);
}

function encodeValue(value: PropertyValue, phandles: ReadonlyMap<string, number>): Uint8Array {
  switch (value.kind) {
    case 'empty':
      return new Uint8Array(0);
    case 'bytes':
      return value.bytes;
    case 'strings':
      return encoder.encode(value.strings.map((s) => `${s}\0`).join(''));
    case 'cells': {
      const sink = new ByteSink();
      for (const cell of value.cells) {
        sink.word(typeof cell === 'number' ? cell : phandles.get(cell.phandleOf)!);
      }
      return sink.bytes();
    }
  }
}

/** The strings block: each property name once. */
class StringBlock {
  readonly sink = new ByteSink();
  private readonly offsets = new Map<string, number>();

  offsetOf(name: string): number {
    let offset = this.offsets.get(name);
    if (offset === undefined) {
      offset = this.sink.length;
      this.offsets.set(name, offset);
      this.sink.append(encoder.encode(`${name}\0`));
    }
    return offset;
  }
}

/** Grows as bytes are appended; words are big-endian, as everything in the blob. */
class ByteSink {
  length = 0;
  private buffer = new Uint8Array(256);

  append(data: Uint8Array): void {
    this.reserve(data.length);
    this.buffer.set(data, this.length);
    this.length += data.length;
  }

  word(value: number): void {
    this.reserve(4);
    new DataView(this.buffer.buffer).setUint32(this.length, value);
    this.length += 4;
  }

  align(alignment: number): void {
    const padding = alignUp(this.length, alignment) - this.length;
    this.reserve(padding);
    this.length += padding;
  }

  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + count));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }
}
