/** The phandle of the node that carries this label, filled in when the tree is written. */
export interface PhandleReference {
  readonly phandleOf: string;
}

/** One 32-bit cell of a property. */
export type Cell = number | PhandleReference;

/** A property's value, in the forms that the Devicetree Specification (2.2.4) gives it. */
export type PropertyValue =
  | { readonly kind: 'cells'; readonly cells: readonly Cell[] }
  | { readonly kind: 'strings'; readonly strings: readonly string[] }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'empty' };

/** A node of a device tree before it is flattened. */
export interface DeviceTreeNode {
  /** `name@unit-address`; empty for the root. */
  readonly name: string;
  /** What `phandle()` refers to; unique in the tree. */
  readonly label?: string;
  readonly properties: Readonly<Record<string, PropertyValue>>;
  readonly children: readonly DeviceTreeNode[];
}

/** A property of 32-bit cells, big-endian in the flattened tree. */
export function cells(...values: readonly Cell[]): PropertyValue {
  return { kind: 'cells', cells: values };
}

/** A string list; one string is a list of one. */
export function strings(...values: readonly string[]): PropertyValue {
  return { kind: 'strings', strings: values };
}

/** Raw bytes. */
export function bytes(value: Uint8Array): PropertyValue {
  return { kind: 'bytes', bytes: value };
}

/** A property whose presence is its value, such as `dma-coherent`. */
export const flag: PropertyValue = { kind: 'empty' };

/** Refers to the node with this label. */
export function phandle(label: string): PhandleReference {
  return { phandleOf: label };
}

/**
 * A number as `count` cells, the most significant first (`#address-cells`, `#size-cells`).
 * @param value 0 to 2^53 - 1
 */
export function wideCells(value: number, count: number): number[] {
  const out: number[] = [];
  for (let rest = value, i = 0; i < count; i++) {
    out.unshift(rest % 2 ** 32);
    rest = Math.floor(rest / 2 ** 32);
  }
  return out;
}

/** Hexadecimal unit address as node names have it: no prefix, no leading zeros. */
export function unitAddress(address: number): string {
  return address.toString(16);
}
