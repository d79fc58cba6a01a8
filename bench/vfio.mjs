// npm run bench:vfio [-- options]: what real devices do in the host VM of npm run test:vfio, for one guest in armemu and in QEMU.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { median, quantile } from './tools/clocks.mjs';
import { runInVm } from './tools/host-vm.mjs';
import { machineData } from './tools/machine-data.mjs';

const QEMU = '/usr/bin/qemu-system-arm';
/** Its ROM images are not needed, its program is: the reference of every ratio. */
const REFERENCE = 'QEMU, vfio-pci';
const BARE = "the host's ioctls alone";
const USAGE = `usage: npm run bench:vfio -- [options]
  --rounds N      start each emulator so many times, in turns (default 3)
  --samples N     so many samples of each workload in a round (default 4)
  --scale X       so much of each workload (default 1)
  --engine NAME   armemu's: interpreter or wasm (default: armemu's own)
  --json          one JSON object instead of text
Minutes; it needs what npm run test:vfio needs, and qemu-system-arm.`;

class UsageError extends Error {}

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      samples: { type: 'string', default: '4' },
      scale: { type: 'string', default: '1' },
      engine: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  for (const name of ['rounds', 'samples']) {
    if (!/^[1-9]\d*$/.test(values[name]))
      throw new UsageError(`--${name} wants a number, not ${values[name]}`);
  }
  if (!(Number(values.scale) > 0)) throw new UsageError(`--scale wants a number, not ${values.scale}`);
  if (values.engine !== undefined && !/^[a-z]+$/.test(values.engine))
    throw new UsageError(`there is no engine ${values.engine}`);
  return values;
}

/** For each workload what everybody reached, and by how much that is the reference's. */
function tabulate(rates) {
  const workloads = [...new Set(Object.values(rates).flatMap(Object.keys))];
  return workloads.map((workload) => {
    const measured = Object.entries(rates).filter(([, byWorkload]) => workload in byWorkload);
    const reference = measured.find(([subject]) => subject === REFERENCE || subject === BARE);
    const base = reference && median(reference[1][workload]);
    const subjects = measured.map(([subject, { [workload]: samples }]) => ({
      subject,
      perSecond: median(samples),
      least: quantile(samples, 0),
      most: quantile(samples, 1),
      ratio: base === undefined ? undefined : median(samples) / base,
    }));
    return { workload, reference: reference?.[0], subjects };
  });
}

const number = (value) =>
  value === undefined ? '' : value >= 100 ? String(Math.round(value)) : value.toPrecision(3);

function printTable({ workload, reference, subjects }) {
  console.log(`\n${workload}, per second${reference === undefined ? '' : ` (ratio: to ${reference})`}`);
  const rows = subjects.map(({ subject, perSecond, least, most, ratio }) => [
    subject,
    number(perSecond),
    `${number(least)} to ${number(most)}`,
    number(ratio),
  ]);
  const table = [['', 'median', 'least to most', 'ratio'], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table)
    console.log(
      `  ${row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ')}`,
    );
}

async function main(options) {
  if (!existsSync(QEMU)) {
    console.error(`bench:vfio: there is no ${QEMU}\n  remedy: apt-get install qemu-system-arm`);
    return 2;
  }
  const machine = machineData();
  const { rounds, samples, scale, engine } = options;
  const command = `node test/vfio-vm/bench-dma.mjs --rounds ${rounds} --samples ${samples} --scale ${Number(scale)}${engine === undefined ? '' : ` --engine ${engine}`}`;
  const { output, waited } = await runInVm(command, ['--program', QEMU]);
  const line = /^.*bench-dma: (\{.*\})/m.exec(output);
  if (line === null) {
    console.error(`bench:vfio: nothing was measured\n${output.trim().slice(-2000)}`);
    return 1;
  }
  const results = tabulate(JSON.parse(line[1]));
  const document = {
    machine: { ...machine, loadAverageAtEnd: machineData().loadAverage },
    settings: {
      rounds: Number(rounds),
      samples: Number(samples),
      scale: Number(scale),
      engine: engine ?? 'default',
    },
    // What the VM takes for time of its own: a measure of other work on this machine, and in these figures.
    vmWaitedForCpu: waited,
    results,
  };
  if (options.json) {
    console.log(JSON.stringify(document, null, 2));
    return 0;
  }
  console.log('Real devices in the host VM');
  for (const [key, value] of Object.entries(document.machine)) console.log(`  ${key}: ${value}`);
  console.log(
    `  the VM's threads waited for a CPU: ${waited === undefined ? 'unknown' : `${Math.round(waited * 100)} % of the time`}`,
  );
  for (const result of results) printTable(result);
  return 0;
}

try {
  const options = readOptions();
  if (options.help) console.log(USAGE);
  else process.exitCode = await main(options);
} catch (error) {
  if (!(error instanceof UsageError) && !error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(`bench:vfio: ${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
