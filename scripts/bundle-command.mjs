// Makes one file (and a few for what is loaded late) of the modules that the command is built of: node scripts/bundle-command.mjs [DIST]
// Loading each of some 250 modules by itself costs more CPU time than all else that a start takes.
import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = resolve(process.argv[2] ?? join(root, 'dist'));

await build({
  root,
  configFile: false,
  publicDir: false,
  logLevel: 'warn',
  build: {
    ssr: true,
    target: 'node20',
    outDir: dist,
    emptyOutDir: false,
    rollupOptions: {
      input: { 'cli/main': join(dist, 'cli/main.js') },
      // At the depth of the modules that they are made of: these find other files of the package from where they are.
      output: { entryFileNames: '[name].js', chunkFileNames: 'cli/bundled-[name].js' },
    },
  },
});
// It maps the module that was here before.
rmSync(join(dist, 'cli/main.js.map'), { force: true });
