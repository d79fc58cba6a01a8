// Runs the command's default guest, and keeps the bytecode of what V8 has compiled until its end: node scripts/compile-bundle.mjs DIST
// Other versions of Node do without, until the command is built with them.
import { renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const cli = (name) => import(pathToFileURL(join(resolve(process.argv[2]), 'cli', name)).href);
const { tuneHostCompiler } = await cli('host-compiler.js');
const { bundledCommand, bundlePath, codeCachePath } = await cli('bundle.js');

tuneHostCompiler();
const command = bundledCommand();
const path = codeCachePath(bundlePath());
process.on('exit', (code) => {
  if (code !== 0) return;
  // In one step: a command that starts meanwhile reads all of it, or nothing.
  writeFileSync(`${path}.new`, command.codeCache());
  renameSync(`${path}.new`, path);
});
process.argv.splice(2, process.argv.length, 'run');
await command.exports.runCommand();
