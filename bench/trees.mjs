// node bench/trees.mjs [options] NAME=DIRECTORY ...: built trees of armemu beside each other, in turns. Did a change make a boot of Linux
// or a workload in it cheaper?
import { availableParallelism } from 'node:os';
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
  --pairs             each of the others at the same time as the first, each of the two on a CPU of its own, which they exchange
                      from round to round; prints ratios with their standard error. Other work on the host meets both alike
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
  const command = `${directory}/dist/cli/main.js`;
  const on = (cpu) => armemuCommand({ node, command, nodeOptions, cpu });
  return { name, emulator: on(undefined), onCpu: [on(0), on(1)], least: new Map() };
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      work: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '2' },
      pairs: { type: 'boolean', default: false },
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
  if (values.pairs && (positionals.length < 2 || rounds < 2)) {
    throw new UsageError('--pairs: two trees and two rounds at least');
  }
  if (values.pairs && availableParallelism() < 2) throw new UsageError('--pairs: this host has one CPU only');
  const work = values.work.map(readWork);
  return { ...values, rounds, work, trees: positionals.map((text) => readTree(text, values.node)) };
}

function note({ name, least }, what, seconds) {
  least.set(what, Math.min(least.get(what) ?? seconds, seconds));
  process.stderr.write(`${name} ${what} ${seconds.toFixed(2)}\n`);
}

/** @returns {Promise<Map<string, number>>} seconds of CPU time by what was run */
async function measure(emulator, { login, work }) {
  // They read dist/, of which armemuCommand says what to do when it is not there.
  const { bootUntil, bootWorkloads, debianGuest, LOGIN, runWorkload, workloadsGuest } = await import(
    './qemu/measures.mjs'
  );
  const seconds = new Map();
  const add = (what, { cpuMs }) => seconds.set(what, cpuMs / 1000);
  if (login) {
    const { process, sample } = await bootUntil(emulator, debianGuest(), LOGIN);
    process.stop();
    add('login', sample);
  }
  const { process, sample } = await bootWorkloads(emulator, workloadsGuest());
  add('init', sample);
  for (const one of work) add(`${one.name}:${one.rounds}`, await runWorkload(process, one, 1));
  process.stop();
  return seconds;
}

/** @returns {{ ratio: number, error: number }} geometric mean, and its standard error as a part of it */
function meanOf(ratios) {
  const logs = ratios.map(Math.log);
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const squares = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { ratio: Math.exp(mean), error: Math.sqrt(squares / (logs.length - 1) / logs.length) };
}

async function inPairs({ trees: [first, ...others], rounds, json, ...options }) {
  const results = [];
  for (const other of others) {
    const ratios = new Map();
    for (let round = 0; round < rounds; round++) {
      const [before, after] = await Promise.all(
        [first, other].map(({ onCpu }, i) => measure(onCpu[(i + round) & 1], options)),
      );
      for (const [what, seconds] of after) {
        ratios.set(what, [...(ratios.get(what) ?? []), seconds / before.get(what)]);
        process.stderr.write(
          `${first.name} ${before.get(what).toFixed(2)}  ${other.name} ${seconds.toFixed(2)}  ${what}\n`,
        );
      }
    }
    for (const [what, all] of ratios) results.push({ what, of: other.name, by: first.name, ...meanOf(all) });
  }
  if (json) console.log(JSON.stringify(results));
  else
    for (const { what, of, by, ratio, error } of results)
      console.log(`${what.padEnd(18)} ${of} / ${by}  ${ratio.toFixed(3)} ± ${error.toFixed(3)}`);
}

async function main(options) {
  const { trees, rounds } = options;
  if (options.pairs) return inPairs(options);
  for (let round = 0; round < rounds; round++) {
    for (const tree of round % 2 === 0 ? trees : trees.toReversed())
      for (const [what, seconds] of await measure(tree.emulator, options)) note(tree, what, seconds);
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
