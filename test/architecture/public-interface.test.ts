import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sourceImports } from './source-imports.ts';

const SOURCE = new URL('../../src/', import.meta.url);
const FACES = ['index.ts', 'host/index.ts', 'vfio/index.ts'];
/** What Node gives to every module without an import. */
const GLOBALS_OF_NODE = /\b(?:process|Buffer|require|module|__dirname|__filename|global)\s*[.([]/;

const imports = sourceImports();

function textOf(file: string): string {
  return readFileSync(new URL(file, SOURCE), 'utf8');
}

function withoutCommentsAndStrings(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*|'(?:[^'\\\n]|\\.)*'/g, '');
}

/** Every file that is loaded, sooner or later, with a file of `src/`. */
function reachableFrom(face: string): Set<string> {
  const reached = new Set([face]);
  for (const file of reached) {
    for (const { from, target, typeOnly } of imports) {
      if (from === file && target !== undefined && !typeOnly) reached.add(target);
    }
  }
  return reached;
}

test('nothing that the library loads needs Node', () => {
  const files = reachableFrom('index.ts');
  expect(files.size).toBeGreaterThan(100);
  const packages = imports.filter(({ from, target, typeOnly }) => files.has(from) && !target && !typeOnly);
  expect(packages.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
  const globals = [...files].filter((file) => GLOBALS_OF_NODE.test(withoutCommentsAndStrings(textOf(file))));
  expect(globals).toEqual([]);
});

/** Names that a file exports from others, with the file that declares each. */
function reExports(face: string): [name: string, file: string][] {
  const found: [string, string][] = [];
  for (const [, names, specifier] of textOf(face).matchAll(/export (?:type )?\{([^}]+)\} from '([^']+)'/g)) {
    const file = new URL(specifier, new URL(face, 'file:///')).pathname.slice(1);
    for (const name of names.split(',')) {
      const plain = name.trim().replace(/^type /, '');
      if (plain !== '') found.push([plain, file]);
    }
  }
  return found;
}

test.each(FACES)('every export of %s has a docstring', (face) => {
  const exported = reExports(face);
  for (const [, name] of textOf(face).matchAll(/^export function (\w+)/gm)) exported.push([name, face]);
  expect(exported.length).toBeGreaterThan(1);
  const bare = exported.filter(([name, file]) => {
    const declared = new RegExp(
      `\\*/\\nexport (?:abstract )?(?:async )?(?:class|function|interface|type|const) ${name}\\b`,
    );
    return !declared.test(textOf(file));
  });
  expect(bare).toEqual([]);
});
