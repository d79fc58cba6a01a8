// npm run bench:qemu [-- options]: armemu's command beside qemu-system-arm on the same guests, by CPU time.
import { parseArgs } from 'node:util';
import { BOOTS, GROUPS, KERNELS, OTHERS, SETS, WORKLOADS } from './qemu/workloads.mjs';
import { armemuCommand, MissingError, qemuCommand } from './tools/emulators.mjs';
import { machineData } from './tools/machine-data.mjs';

const NAMES = [
  ...GROUPS,
  ...KERNELS.flatMap(({ name }) => [name, ...SETS.map((set) => `${name}-${set}`)]),
  ...WORKLOADS.map(({ name }) => name),
  ...BOOTS,
  ...OTHERS,
];
const USAGE = `usage: npm run bench:qemu -- [options]
  --only NAME     only this workload, group or measure (repeatable):
                  ${NAMES.join(', ')}
  --rounds N      how often armemu and QEMU run in turns (default: 5)
  --scale F       this share of the usual work, such as 0.01: to try the command, not for figures
  --engine NAME   armemu's engine: interpreter or wasm
  --node PATH     another Node for armemu (node scripts/fetch-node.mjs 24 fetches one and prints its path)
  --json          one JSON document instead of text`;

class UsageError extends Error {}

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '5' },
      scale: { type: 'string', default: '1' },
      engine: { type: 'string' },
      node: { type: 'string', default: process.execPath },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = values.only.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no workload ${unknown}`);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError('--rounds: a whole number from 1');
  const scale = Number(values.scale);
  if (!(scale > 0)) throw new UsageError('--scale: a number above 0');
  return { ...values, rounds, scale };
}

/** What it does now, on one line of the terminal. */
function progress() {
  const { stderr } = process;
  if (!stderr.isTTY) return { say: () => {}, end: () => {} };
  const clear = '\r\x1b[K';
  return { say: (text) => stderr.write(`${clear}${text}`), end: () => stderr.write(clear) };
}

async function main(options) {
  const { rounds, scale, only, node, engine } = options;
  const emulators = { ours: armemuCommand({ node, engine }), qemu: qemuCommand() };
  // They read dist/, of which armemuCommand says what to do when it is not there.
  const measures = await import('./qemu/measures.mjs');
  const { measureGrowth, measureInterpreter, measureNewCode, measureStartUp } = await import(
    './qemu/others.mjs'
  );
  const { judge, report } = await import('./qemu/report.mjs');

  const { say, end } = progress();
  const wants = (...names) => only.length === 0 || names.some((name) => only.includes(name));
  const context = { emulators, rounds, scale, node, wants, say };
  const machine = machineData();
  // All of them first: what is missing is said before anything is measured.
  const linux = measures.linuxRows(context);
  const login = measures.loginRow(context);
  const kernels = await measures.kernelRows(context);
  for (let round = 0; round < rounds; round++) {
    const inRound = { ...context, say: (text) => say(`round ${round + 1} of ${rounds}: ${text}`) };
    await measures.measureKernels(kernels, round, inRound);
    if (linux !== undefined) await measures.measureLinux(linux, round, inRound);
    if (login !== undefined) await measures.measureLogin(login, round, inRound);
  }
  const others = {};
  if (wants('start-up')) others.startUp = await measureStartUp(context);
  if (wants('interpreter')) others.interpreter = await measureInterpreter(context);
  if (wants('new-code')) others.newCode = await measureNewCode(context);
  if (wants('growth')) others.growth = await measureGrowth(context);
  end();

  const rows = [
    ...kernels.map(({ row }) => row),
    ...(linux === undefined ? [] : linux.workloads.map(({ row }) => row)),
    ...[linux?.boot, login?.row].filter((row) => row !== undefined),
  ].map((row) => row.result());
  const document = {
    machine: { ...machine, loadAverageAtEnd: machineData().loadAverage },
    emulators: { ours: emulators.ours.version, qemu: emulators.qemu.version },
    settings: { rounds, scale, engine: engine ?? 'default' },
    rows,
    bounds: judge(rows),
    others,
  };
  console.log(options.json ? JSON.stringify(document, null, 2) : report(document));
  return rows.some(({ errors }) => errors.length > 0) ? 1 : 0;
}

try {
  const options = readOptions();
  if (options.help) console.log(USAGE);
  // No waiting for what an emulator that was killed has left open.
  else process.exit(await main(options));
} catch (error) {
  if (error instanceof MissingError) console.error(`bench:qemu: ${error.message}\n  remedy: ${error.remedy}`);
  else if (error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS'))
    console.error(`bench:qemu: ${error.message}\n${USAGE}`);
  else throw error;
  process.exit(2);
}
