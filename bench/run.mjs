// npm run bench [-- options]: what armemu's speed is on this machine, each measure beside its reference.
import { parseArgs } from 'node:util';
import { machineData } from './tools/machine-data.mjs';

const MEASURES = ['interpreter', 'translation-context', 'bar-read', 'start-up', 'interrupt'];
const GUEST_MEASURES = ['linux-boot', 'idle', 'snapshot', 'disk', 'network'];
const KNOWN = [...MEASURES, ...GUEST_MEASURES, 'vm'];
const USAGE = `usage: npm run bench -- [options]
  --only NAME   only this measure (repeatable):
                ${KNOWN.join(', ')}
  --guests      instead the measures on Linux, booted once: ${GUEST_MEASURES.join(', ')}
                (minutes; needs npm run test:guests -- --prepare)
  --vm          also the interrupt in the host VM of npm run test:vfio (a minute; needs what that needs)
  --json        one JSON object instead of text`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      vm: { type: 'boolean', default: false },
      guests: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  // A process of their own: what V8 has compiled for other guests would be in a boot's figure.
  const usual = values.guests ? GUEST_MEASURES : MEASURES;
  const names = values.only ?? [...usual, ...(values.vm ? ['vm'] : [])];
  const unknown = names.find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) throw new TypeError(`there is no measure ${unknown}`);
  return { ...values, names };
}

const rounded = (value) => (Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));

function shown(value) {
  if (Array.isArray(value)) return value.map(shown).join(', ');
  return typeof value === 'number' ? rounded(value) : value;
}

function printResult({ title, goal, notMeasured, value, unit, met, details, rows }) {
  console.log(`\n${title}`);
  if (goal !== undefined) console.log(`  goal: ${goal}`);
  if (notMeasured !== undefined) {
    console.log(`  NOT MEASURED: ${notMeasured}`);
    return;
  }
  console.log(`  ${rounded(value)} ${unit}${met === undefined ? '' : met ? ': met' : ': MISSED'}`);
  for (const [what, figure] of Object.entries(details ?? {})) console.log(`  ${what}: ${shown(figure)}`);
  if (rows === undefined) return;
  const table = [
    Object.keys(rows[0]),
    ...rows.map((row) => Object.values(row).map((cell) => String(shown(cell)))),
  ];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table)
    console.log(
      `    ${row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ')}`,
    );
}

async function main(options) {
  const machine = machineData();
  if (!options.json) {
    console.log('armemu benchmarks');
    for (const [key, value] of Object.entries(machine)) console.log(`  ${key}: ${shown(value)}`);
  }
  const results = [];
  const modules = [];
  try {
    for (const name of options.names) {
      const module = await import(`./measures/${name}.mjs`);
      modules.push(module);
      const result = { name, title: module.title, goal: module.goal, ...(await module.measure()) };
      results.push(result);
      if (!options.json) printResult(result);
    }
  } finally {
    // Guests that several measures share.
    for (const module of modules) await module.finish?.();
  }
  const loadAverageAtEnd = machineData().loadAverage;
  if (options.json)
    console.log(JSON.stringify({ machine: { ...machine, loadAverageAtEnd }, results }, null, 2));
  else console.log(`\n  load average at the end: ${shown(loadAverageAtEnd)}`);
}

try {
  const options = readOptions();
  if (options.help) console.log(USAGE);
  else await main(options);
} catch (error) {
  if (!(error instanceof TypeError) || !('code' in error || /measure/.test(error.message))) throw error;
  console.error(`bench: ${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
