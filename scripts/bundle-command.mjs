// Makes one script of the modules that the command is built of, and lets Node compile it beforehand: node scripts/bundle-command.mjs [DIST]
// Loading each of some 250 modules by itself costs more CPU time than all else that a start takes, and compiling them half of the rest.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = resolve(process.argv[2] ?? join(root, 'dist'));
const cli = join(dist, 'cli');

for (const name of readdirSync(cli)) if (/^(command-.*\.bundle|bundled-)/.test(name)) rmSync(join(cli, name));
await build({
  root,
  configFile: false,
  publicDir: false,
  logLevel: 'warn',
  esbuild: { charset: 'ascii' },
  build: {
    ssr: true,
    target: 'node20',
    outDir: dist,
    emptyOutDir: false,
    rollupOptions: {
      input: { 'cli/bundled-command': join(cli, 'command.js') },
      // At the depth of the modules that it is made of: these find other files of the package from where they are.
      output: { format: 'cjs', entryFileNames: '[name].cjs', inlineDynamicImports: true },
    },
  },
});

const module = join(cli, 'bundled-command.cjs');
const source = readFileSync(module, 'latin1');
// It is read as Latin-1, which V8 needs no decoding for.
if (/[^\0-\x7f]/.test(source)) throw new Error('the bundle is not ASCII');
const script = `(function (exports, require, module, __filename, __dirname) {${source}\n})\n`;
const hash = createHash('sha256').update(script).digest('hex').slice(0, 16);
const bundle = join(cli, `command-${hash}.bundle`);
// In one step: a command that starts meanwhile finds all of it, or the modules that it is made of.
writeFileSync(`${bundle}.new`, script);
renameSync(`${bundle}.new`, bundle);
rmSync(module);
try {
  execFileSync(process.execPath, [join(root, 'scripts/compile-bundle.mjs'), dist], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 120_000,
  });
} catch (error) {
  // It works without: V8 compiles it at each start then.
  console.error(
    `bundle-command: the default guest did not end well (${error.message}), so that the command will start slower`,
  );
  console.error('  remedy: node dist/cli/main.js run shows what is wrong with it');
}
