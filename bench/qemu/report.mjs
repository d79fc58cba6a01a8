/** What the comparison prints. */
import { BOUNDS } from './workloads.mjs';

/**
 * Judges what was measured completely.
 * @param {{ name: string, ratio?: number }[]} rows
 */
export function judge(rows) {
  const ratios = new Map(rows.map(({ name, ratio }) => [name, ratio]));
  return BOUNDS.filter(({ of }) => of.every((name) => ratios.get(name) !== undefined)).map(
    ({ title, of, by, must, aim }) => {
      const ratio = by(of.map((name) => ratios.get(name)));
      return { title, ratio, must, aim, met: ratio >= must, aimMet: ratio >= aim };
    },
  );
}

const number = (value, digits = 3) =>
  value === undefined
    ? ''
    : Math.abs(value) >= 10 ** (digits - 1)
      ? String(Math.round(value))
      : String(Number(value.toPrecision(digits)));

/** Rows of cells as lines, the first column to the left. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`.trimEnd(),
  );
}

const spread = (values) => `${number(Math.min(...values))} to ${number(Math.max(...values))}`;

function workloadLines(rows) {
  const head = [
    '',
    'ratio',
    'least to most',
    'armemu s',
    'QEMU s',
    'armemu MIPS',
    'QEMU MIPS',
    'armemu MiB',
    'QEMU MiB',
  ];
  const measured = rows.filter(({ ratio }) => ratio !== undefined);
  const cells = measured.map(({ name, ratio, ratios, ours, qemu }) => [
    name,
    number(ratio),
    spread(ratios),
    number(ours.seconds),
    number(qemu.seconds),
    number(ours.mips),
    number(qemu.mips),
    number(ours.peakMiB),
    number(qemu.peakMiB),
  ]);
  const errors = rows.flatMap(({ name, errors }) => errors.map((error) => `  ${name}: FAILED: ${error}`));
  return [...(cells.length === 0 ? [] : table([head, ...cells])), ...errors];
}

function boundLines(bounds) {
  if (bounds.length === 0) return [];
  const verdict = ({ met, aimMet }) => (aimMet ? 'aim met' : met ? 'met' : 'MISSED');
  return table([
    ['', 'ratio', 'must', 'aim', ''],
    ...bounds.map((bound) => [
      bound.title,
      number(bound.ratio),
      String(bound.must),
      String(bound.aim),
      verdict(bound),
    ]),
  ]);
}

function growthLines(growth) {
  const names = Object.keys(growth[0]).filter((name) => !['memoryMiB', 'smp'].includes(name));
  return table([
    ['RAM, CPUs', ...names.flatMap((name) => [`${name}: ratio`, 'armemu s', 'MiB', 'QEMU s', 'MiB'])],
    ...growth.map((row) => [
      `${row.memoryMiB} MiB, ${row.smp}`,
      ...names.flatMap((name) => {
        const { ratio, ours, qemu } = row[name];
        return [ratio, ours.seconds, ours.peakMiB, qemu?.seconds, qemu?.peakMiB].map((value) =>
          number(value),
        );
      }),
    ]),
  ]);
}

/** @param {object} document what `--json` prints @returns {string} the same for people */
export function report({ machine, emulators, settings, rows, bounds, others }) {
  const lines = ["armemu beside QEMU: ratios of CPU time (QEMU's / armemu's), over 1 is armemu faster"];
  for (const [key, value] of Object.entries(machine)) lines.push(`  ${key}: ${value}`);
  lines.push(`  armemu: ${emulators.ours}`, `  QEMU: ${emulators.qemu}`);
  lines.push(`  rounds: ${settings.rounds}`);
  if (settings.scale !== 1) lines.push(`  scale: ${settings.scale}; the figures are those of a try only`);
  const add = (title, more) => {
    if (more.length > 0) lines.push('', title, ...more);
  };
  add('Workloads: medians; seconds of CPU time; peak of resident memory', workloadLines(rows));
  add('Bounds', boundLines(bounds));
  const { startUp, interpreter, newCode, growth } = others;
  if (startUp !== undefined)
    add('Start-up', [
      `  createMachine to the first guest instruction: ${number(startUp.milliseconds)} ms (under ${startUp.mustBeUnder})`,
      `  from the start of the process: ${number(startUp.fromStartOfProcess)} ms`,
    ]);
  if (interpreter !== undefined)
    add('Interpreter', [
      `  ${number(interpreter.mips)} MIPS (geometric mean of the kernels)`,
      `  ${Object.entries(interpreter.kernels)
        .map(([name, mips]) => `${name} ${number(mips)}`)
        .join(', ')}`,
    ]);
  if (newCode !== undefined)
    add('New code, µs for each guest instruction', [
      `  armemu compiles it in ${number(newCode.compiling)} (under ${newCode.mustBeUnder}), on the wall`,
      `  CPU time, with what runs slowly before: armemu ${number(newCode.ours)}, QEMU ${number(newCode.qemu)}` +
        ` (${newCode.instructions} instructions, each executed ${newCode.calls} times)`,
    ]);
  if (growth !== undefined) add('Growth with RAM and CPUs', growthLines(growth));
  return lines.join('\n');
}
