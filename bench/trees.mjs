// node bench/trees.mjs [options] NAME=DIRECTORY ...: built trees of armemu beside each other, in turns. Did a change make a boot of Linux
// or a workload in it cheaper?
import { parseArgs } from 'node:util';
import { WORKLOADS } from './qemu/workloads.mjs';
import { armemuCommand, MissingError } from './tools/emulators.mjs';

const NAMES = WORKLOADS.map(({ name }) => name);
const USAGE = `usage: node bench/trees.mjs [options] NAME=DIRECTORY[,NODE-OPTION ...] ...
  boots the trees that were built in these directories in turns, and prints the least CPU time of each in seconds, and its part of
  the first one's; for example: --work pipe:20000 before=../before after=. lazy=.,--wasm-lazy-compilation
  --work NAME:ROUNDS  after the boot, so many rounds of this workload (repeatable): ${NAMES.join(', ')}
  --login             a Debian to its login, too
  --rounds N          how often (default: 2)
  --node PATH         another Node
  --json              one JSON document instead of text`;

class UsageError extends Error {}

function readWork(text) {
  const [, name, rounds] = /^([\w-]+):([1-9]\d*)$/.exec(text) ?? [];
  if (!NAMES.includes(name))
    throw new UsageError(`--work ${text} is no workload and its rounds, as pipe:20000 is`);
  return { name, rounds: Number(rounds) };
}

function readTree(text, node) {
  const [, name, directory, options] = /^([^=,]+)=([^,]+)(?:,(.*))?$/.exec(text) ?? [];
  if (name === undefined) throw new UsageError(`${text} is no NAME=DIRECTORY`);
  const nodeOptions = options === undefined ? [] : options.split(',');
  const emulator = armemuCommand({ node, command: `${directory}/dist/cli/main.js`, nodeOptions });
  return { name, emulator, least: new Map() };
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      work: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '2' },
      login: { type: 'boolean', default: false },
      node: { type: 'string', default: process.execPath },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError('--rounds: a whole number from 1');
  if (positionals.length === 0) throw new UsageError('which trees? NAME=DIRECTORY for each');
  const work = values.work.map(readWork);
  return { ...values, rounds, work, trees: positionals.map((text) => readTree(text, values.node)) };
}

function note({ name, least }, what, { cpuMs }) {
  const seconds = cpuMs / 1000;
  least.set(what, Math.min(least.get(what) ?? seconds, seconds));
  process.stderr.write(`${name} ${what} ${seconds.toFixed(2)}\n`);
}

async function measure(tree, { login, work }) {
  // They read dist/, of which armemuCommand says what to do when it is not there.
  const { bootUntil, bootWorkloads, debianGuest, LOGIN, runWorkload, workloadsGuest } = await import(
    './qemu/measures.mjs'
  );
  if (login) {
    const { process, sample } = await bootUntil(tree.emulator, debianGuest(), LOGIN);
    process.stop();
    note(tree, 'login', sample);
  }
  const { process, sample } = await bootWorkloads(tree.emulator, workloadsGuest());
  note(tree, 'init', sample);
  for (const one of work) note(tree, `${one.name}:${one.rounds}`, await runWorkload(process, one, 1));
  process.stop();
}

async function main(options) {
  const { trees, rounds } = options;
  for (let round = 0; round < rounds; round++) {
    for (const tree of round % 2 === 0 ? trees : trees.toReversed()) await measure(tree, options);
  }
  if (options.json) {
    console.log(
      JSON.stringify(trees.map(({ name, least }) => ({ name, seconds: Object.fromEntries(least) }))),
    );
    return;
  }
  for (const [what, first] of trees[0].least) {
    const cells = trees.map(({ name, least }) => {
      const seconds = least.get(what);
      return `${name} ${seconds.toFixed(2)} (${(seconds / first).toFixed(2)})`;
    });
    console.log(`${what.padEnd(18)} ${cells.join('  ')}`);
  }
}

try {
  const options = readOptions();
  if (options === undefined) console.log(USAGE);
  else process.exit(await main(options));
} catch (error) {
  if (error instanceof MissingError)
    console.error(`bench/trees: ${error.message}\n  remedy: ${error.remedy}`);
  else if (error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS'))
    console.error(`bench/trees: ${error.message}\n${USAGE}`);
  else throw error;
  process.exit(2);
}
