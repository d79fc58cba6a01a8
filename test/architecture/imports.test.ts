import { describe, expect, test } from 'vitest';
import { importsOf, type SourceImport, sourceFiles, sourceImports } from './source-imports.ts';

/** `ports` (the interfaces between parts) and `errors` lie below everything. */
const BELOW = ['ports', 'errors.ts'];

/** What each folder of `src/` may import, beside itself and `BELOW`. The arrows of docs/architecture.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  ports: [],
  memory: [],
  vmsa: ['memory'],
  translator: ['memory'],
  arm: ['translator', 'vmsa', 'memory'],
  // Virtio devices are PCI endpoints too.
  devices: ['pci'],
  pci: ['iommu'],
  iommu: ['vmsa', 'memory'],
  boot: [],
  trace: ['pci', 'iommu'],
  // Runs in a browser: `scripts/build-trace-page.mjs` makes one script of it.
  'trace-page': ['trace'],
  snapshot: [],
  debug: [],
  semihosting: [],
  net: [],
  boards: ['devices', 'pci', 'iommu', 'arm', 'boot', 'memory'],
  machine: [
    'snapshot',
    'debug',
    'semihosting',
    'net',
    'trace',
    'boards',
    'devices',
    'pci',
    'iommu',
    'arm',
    'boot',
    'translator',
    'vmsa',
    'memory',
  ],
  host: ['machine', 'net', 'boot', 'pci', 'trace'],
  vfio: ['pci', 'host'],
  'index.ts': ['machine', 'trace', 'net', 'boards', 'boot', 'pci', 'devices', 'memory', 'arm'],
  cli: ['index.ts', 'machine', 'trace', 'boards', 'boot', 'pci', 'devices', 'host', 'vfio'],
};

/** Packages of npm, and who may import them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli'],
  uplot: ['trace-page'],
  slickgrid: ['trace-page'],
};

/** Folders that may import Node's own modules: the rest runs in a browser too. */
const NODE_ONLY = ['cli', 'host', 'vfio'];

const folderOf = (path: string): string => path.split('/')[0];
const imports = sourceImports();

function text({ from, specifier }: SourceImport): string {
  return `${from} imports ${specifier}`;
}

test('every folder of src/ has its place in the table', () => {
  const unknown = new Set(
    sourceFiles()
      .map(folderOf)
      .filter((folder) => !(folder in MAY_IMPORT)),
  );
  expect([...unknown]).toEqual([]);
});

test('arrows point one way', () => {
  const wrong = imports.filter(({ from, target }) => {
    if (target === undefined) return false;
    const [home, there] = [folderOf(from), folderOf(target)];
    return there !== home && !BELOW.includes(there) && !MAY_IMPORT[home]?.includes(there);
  });
  expect(wrong.map(text)).toEqual([]);
});

test('only cli, host and vfio import modules of Node', () => {
  const wrong = imports.filter(
    ({ from, specifier }) => specifier.startsWith('node:') && !NODE_ONLY.includes(folderOf(from)),
  );
  expect(wrong.map(text)).toEqual([]);
});

test('modules of Node are named with their prefix, packages are the ones that the project chose', () => {
  const wrong = imports.filter(
    ({ from, specifier, target }) =>
      target === undefined &&
      !specifier.startsWith('node:') &&
      !PACKAGES[specifier]?.includes(folderOf(from)),
  );
  expect(wrong.map(text)).toEqual([]);
});

test('armemu/vfio is loaded only when it is needed', () => {
  const wrong = imports.filter(
    ({ from, target, typeOnly, dynamic }) =>
      target !== undefined &&
      folderOf(target) === 'vfio' &&
      folderOf(from) !== 'vfio' &&
      !typeOnly &&
      !dynamic,
  );
  expect(wrong.map(text)).toEqual([]);
});

test('relative imports name the .ts file, and it is there', () => {
  const files = new Set(sourceFiles());
  const wrong = imports.filter(({ target }) => target !== undefined && !files.has(target));
  expect(wrong.map(text)).toEqual([]);
});

test('no file needs itself to be loaded first', () => {
  const needs = new Map<string, string[]>();
  for (const { from, target, typeOnly, dynamic } of imports) {
    if (target && !typeOnly && !dynamic) needs.set(from, [...(needs.get(from) ?? []), target]);
  }
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (path.includes(file) || done.has(file)) return;
    for (const next of needs.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of needs.keys()) visit(file, []);
  expect(cycles).toEqual([]);
});

describe('the reader of imports', () => {
  test('sees imports over several lines, re-exports, side effects, types and dynamic imports', () => {
    const code = [
      "import {\n  a,\n  b,\n} from '../ports/clock.ts';",
      "export * from './x.ts';",
      "import './y.ts';",
      "import type { T } from 'node:fs';",
      "const v = await import('../vfio/index.ts');",
      "/* import { no } from './no.ts'; */",
    ].join('\n');
    expect(importsOf('machine/a.ts', code)).toMatchObject([
      { target: 'ports/clock.ts', typeOnly: false, dynamic: false },
      { target: 'machine/x.ts' },
      { target: 'machine/y.ts' },
      { specifier: 'node:fs', target: undefined, typeOnly: true },
      { target: 'vfio/index.ts', dynamic: true },
    ]);
  });
});
