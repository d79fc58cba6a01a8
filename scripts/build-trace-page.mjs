// Builds what is in each page of `armemu trace`: node scripts/build-trace-page.mjs [FOLDER]
// FOLDER (default: dist/trace-page) gets one script without imports and one style sheet.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = process.argv[2] ?? join(root, 'dist/trace-page');
const styles = ['uplot/dist/uPlot.min.css', 'slickgrid/dist/styles/css/slick.grid.css'];
const { resolve } = createRequire(import.meta.url);

const result = await build({
  root,
  configFile: false,
  logLevel: 'warn',
  build: {
    write: false,
    target: 'es2022',
    modulePreload: false,
    rollupOptions: {
      input: join(root, 'src/trace-page/main.ts'),
      output: { format: 'es', inlineDynamicImports: true },
    },
  },
});
const chunks = result.output.filter(({ type }) => type === 'chunk');
if (chunks.length !== 1 || chunks[0].imports.length > 0) throw new Error('the page must be one script');

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'page.js'), chunks[0].code);
const own = readFileSync(join(root, 'src/trace-page/style.css'), 'utf8');
writeFileSync(
  join(folder, 'page.css'),
  [...styles.map((path) => readFileSync(resolve(path), 'utf8')), own].join('\n'),
);
