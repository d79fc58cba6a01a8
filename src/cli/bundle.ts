import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const HERE = dirname(fileURLToPath(import.meta.url));
/** What scripts/bundle-command.mjs writes; the name has the hash of what is in it. */
const BUNDLE = /^command-[0-9a-f]{16}\.bundle$/;

type Exports = typeof import('./command.ts');
/** How Node calls a CommonJS module. */
type Wrapper = (
  exports: Partial<Exports>,
  require: NodeJS.Require,
  module: object,
  filename: string,
  dirname: string,
) => void;

/** All modules of the command, as one script. */
export interface BundledCommand {
  readonly exports: Exports;
  /** Whether V8 has taken the bytecode of an earlier run. */
  readonly compiledBefore: boolean;
  /** What V8 has compiled of it until now, to be written to {@link codeCachePath}. */
  codeCache(): Buffer;
}

/**
 * Where V8's bytecode of a bundle is kept. V8 itself knows only how long a script was that it has compiled; therefore the name of a
 * bundle, and with it this one, changes with each of its bytes. It takes no bytecode of another version, or with other flags.
 */
export function codeCachePath(bundle: string): string {
  return `${bundle}-${process.version}-${process.arch}.code`;
}

/** @returns the path of the bundle that `npm run build` has made; undefined where there is none */
export function bundlePath(): string | undefined {
  const name = readdirSync(HERE).find((file) => BUNDLE.test(file));
  return name === undefined ? undefined : join(HERE, name);
}

/**
 * Loads the bundle, as far as possible from V8's bytecode of an earlier run: compiling all of the command's JavaScript costs more than
 * all else that its start takes. To be called after V8 was told its flags, which its bytecode depends on.
 * @returns undefined where there is no bundle, or only a part of it: the modules that it is made of serve as well
 */
export function bundledCommand(): BundledCommand | undefined {
  const filename = bundlePath();
  const script = filename === undefined ? undefined : scriptOf(filename);
  if (filename === undefined || script === undefined) return undefined;
  const exports: Partial<Exports> = {};
  const wrapper = script.runInThisContext() as Wrapper;
  wrapper(exports, createRequire(filename), { exports }, filename, HERE);
  return {
    exports: exports as Exports,
    compiledBefore: script.cachedDataRejected === false,
    codeCache: () => script.createCachedData(),
  };
}

function scriptOf(filename: string): Script | undefined {
  const source = readOptional(filename)?.toString('latin1');
  if (source === undefined) return undefined;
  try {
    return new Script(source, { filename, cachedData: readOptional(codeCachePath(filename)) });
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readOptional(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
