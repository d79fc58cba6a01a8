// Built trees of armemu beside each other, in turns: did a change make a boot or a workload of Linux cheaper?
//     node bench/trees.mjs --work pipe:20000 --work fork-exec:500 before=../before after=.
// Prints the least CPU time of each, in seconds, and each tree's by the first one's. A tree may have options of Node behind
// a comma: a=. b=.,--max-lazy
import { parseArgs } from 'node:util';
import { armemuCommand } from './tools/emulators.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    work: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '2' },
    login: { type: 'boolean', default: false },
    node: { type: 'string', default: process.execPath },
  },
});
if (positionals.length === 0)
  throw new Error(
    'usage: bench/trees.mjs [--work NAME:ROUNDS ...] [--login] [--rounds N] NAME=DIRECTORY ...',
  );

const trees = positionals.map((text) => {
  const [, name, rest] = /^([^=]+)=(.*)$/.exec(text);
  const [directory, ...nodeOptions] = rest.split(',');
  const command = `${directory}/dist/cli/main.js`;
  return { name, emulator: armemuCommand({ node: values.node, command, nodeOptions }), least: new Map() };
});
const { bootUntil, bootWorkloads, debianGuest, runWorkload, workloadsGuest } = await import(
  './qemu/measures.mjs'
);

function note({ name, least }, what, { cpuMs }) {
  least.set(what, Math.min(least.get(what) ?? Number.POSITIVE_INFINITY, cpuMs / 1000));
  process.stderr.write(`${name} ${what} ${(cpuMs / 1000).toFixed(2)}\n`);
}

for (let round = 0; round < Number(values.rounds); round++) {
  for (const tree of round % 2 === 0 ? trees : trees.toReversed()) {
    if (values.login) {
      const { process, sample } = await bootUntil(tree.emulator, debianGuest(), /guest login: /);
      process.stop();
      note(tree, 'login', sample);
      if (values.work.length === 0) continue;
    }
    const { process, sample } = await bootWorkloads(tree.emulator, workloadsGuest());
    note(tree, 'init', sample);
    for (const text of values.work) {
      const [name, rounds] = text.split(':');
      note(tree, text, await runWorkload(process, { name, rounds: Number(rounds) }, 1));
    }
    process.stop();
  }
}
for (const [what, first] of trees[0].least) {
  const cells = trees.map(
    ({ name, least }) => `${name} ${least.get(what).toFixed(2)} (${(least.get(what) / first).toFixed(2)})`,
  );
  console.log(`${what.padEnd(18)} ${cells.join('  ')}`);
}
