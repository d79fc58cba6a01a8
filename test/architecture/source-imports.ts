import { readdirSync, readFileSync } from 'node:fs';

/** One import or re-export of a source file. */
export interface SourceImport {
  /** Path under `src/`. */
  readonly from: string;
  /** As written. */
  readonly specifier: string;
  /** Path under `src/` for a relative import, otherwise undefined. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
  /** `import('...')` */
  readonly dynamic: boolean;
}

const SOURCE = new URL('../../src/', import.meta.url);
const STATIC = /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\('([^']+)'\)/g;

/** Paths under `src/` of every source file. */
export function sourceFiles(): string[] {
  return readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts'));
}

/** Every import of every source file. */
export function sourceImports(): SourceImport[] {
  return sourceFiles().flatMap((from) => importsOf(from, readFileSync(new URL(from, SOURCE), 'utf8')));
}

/** The imports that the text of a file makes. */
export function importsOf(from: string, text: string): SourceImport[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '');
  return [
    ...[...code.matchAll(STATIC)].map((m) => describe(from, m[2], m[1] !== undefined, false)),
    ...[...code.matchAll(DYNAMIC)].map((m) => describe(from, m[1], false, true)),
  ];
}

function describe(from: string, specifier: string, typeOnly: boolean, dynamic: boolean): SourceImport {
  const target = specifier.startsWith('.')
    ? new URL(specifier, new URL(from, 'file:///')).pathname.slice(1)
    : undefined;
  return { from, specifier, target, typeOnly, dynamic };
}
