import { cellsOf, type FdtNode } from '../../src/boot/fdt-reader.ts';

/** One place where our tree is not the reference. `property` is absent where the whole node is meant. */
export interface TreeDifference {
  readonly path: string;
  readonly property?: string;
  readonly what: 'missing' | 'extra' | 'different';
}

/** Which cells of a property are phandles: the first index, and the distance to the next (Infinity: only one). */
const PHANDLE_CELLS: Readonly<Record<string, readonly [first: number, stride: number]>> = {
  'interrupt-parent': [0, Infinity],
  'interrupt-map': [4, 10],
  'msi-map': [1, 4],
  'iommu-map': [1, 4],
  clocks: [0, 1],
  cpu: [0, Infinity],
  gpios: [0, 3],
};

/** Every difference between two trees. Phandles are equal when they mean nodes of the same path. */
export function differences(ours: FdtNode, reference: FdtNode): TreeDifference[] {
  const found: TreeDifference[] = [];
  const ourNames = phandlePaths(ours);
  const referenceNames = phandlePaths(reference);
  const visit = (a: FdtNode, b: FdtNode, path: string): void => {
    for (const property of union(a.properties.keys(), b.properties.keys())) {
      // The number itself is the writer's choice; that references meet their node is compared below.
      if (property === 'phandle') continue;
      const [x, y] = [a.properties.get(property), b.properties.get(property)];
      if (!x || !y) found.push({ path: path || '/', property, what: x ? 'extra' : 'missing' });
      else if (canonical(property, x, ourNames) !== canonical(property, y, referenceNames)) {
        found.push({ path: path || '/', property, what: 'different' });
      }
    }
    const [aChildren, bChildren] = [byName(a), byName(b)];
    for (const name of union(aChildren.keys(), bChildren.keys())) {
      const [x, y] = [aChildren.get(name), bChildren.get(name)];
      if (x && y) visit(x, y, `${path}/${name}`);
      else found.push({ path: `${path}/${name}`, what: x ? 'extra' : 'missing' });
    }
  };
  visit(ours, reference, '');
  return found;
}

function canonical(property: string, value: Uint8Array, paths: ReadonlyMap<number, string>): string {
  const phandles = PHANDLE_CELLS[property];
  if (!phandles) return value.join(' ');
  const [first, stride] = phandles;
  return cellsOf(value)
    .map((cell, i) => {
      const isPhandle = i >= first && (stride === Infinity ? i === first : (i - first) % stride === 0);
      return isPhandle ? (paths.get(cell) ?? `dangling ${cell}`) : cell;
    })
    .join(' ');
}

function phandlePaths(root: FdtNode): Map<number, string> {
  const paths = new Map<number, string>();
  const visit = (node: FdtNode, path: string): void => {
    const own = node.properties.get('phandle');
    if (own) paths.set(cellsOf(own)[0], path);
    for (const child of node.children) visit(child, `${path}/${child.name}`);
  };
  visit(root, '');
  return paths;
}

function byName(node: FdtNode): Map<string, FdtNode> {
  return new Map(node.children.map((child) => [child.name, child]));
}

function union(a: Iterable<string>, b: Iterable<string>): Set<string> {
  return new Set([...a, ...b]);
}
