import { sizeText } from '../machine/units.ts';
import type { CheckResult } from '../vfio/checks.ts';
import type { DriverChange } from '../vfio/driver-binding.ts';
import type { CheckedDevice, ListedDevice } from '../vfio/host-devices.ts';

const TITLES = ['ADDRESS', 'DRIVER', 'GROUP', 'RESET', 'BARS', 'READY', 'NAME'];

/** A line for each device. */
export function deviceTable(devices: readonly ListedDevice[]): string {
  if (devices.length === 0) return 'This host has no PCI devices.\n';
  const rows = [TITLES, ...devices.map(cells)];
  const widths = TITLES.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => cell.padEnd(widths[column])).join('  ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

function cells(device: ListedDevice): string[] {
  const { group, groupMembers, bars, missing } = device;
  const others = groupMembers.length === 0 ? '' : ` with ${groupMembers.join(' ')}`;
  return [
    device.address,
    device.driver ?? '-',
    group === undefined ? '-' : `${group}${others}`,
    device.resetMethods.join(',') || '-',
    bars.map(({ kind, size }) => `${sizeText(size)}${kind === 'io' ? ' (I/O)' : ''}`).join(', ') || '-',
    missing ?? 'ready',
    `${device.name}${device.virtualFunction ? ' (virtual function)' : ''}`,
  ];
}

/** All checks of a device, with facts, their sources and remedies. */
export function checkText({ address, ready, checks }: CheckedDevice): string {
  return [`${address}: ${ready ? 'ready' : 'not ready'}`, ...checks.flatMap(resultLines), ''].join('\n');
}

function resultLines({ outcome, title, fact, sources, remedy }: CheckResult): string[] {
  const word = outcome === 'fail' ? 'FAIL' : outcome;
  return [
    `  ${word.padEnd(7)}  ${title}: ${fact}`,
    ...sources.map((source) => `${' '.repeat(11)}(${source})`),
    ...(remedy?.split('\n').map((line) => `${' '.repeat(11)}${line}`) ?? []),
  ];
}

/** What was done to a device's driver; with `dryRun`, the shell commands that do it. */
export function changeText(change: DriverChange, dryRun: boolean): string {
  const { address, from, to, steps } = change;
  if (steps.length === 0) return `${dryRun ? '# ' : ''}${address}: bound to ${from} already\n`;
  if (dryRun) return steps.map((step) => `${step.command}\n`).join('');
  return `${address}: ${from ?? 'no driver'} -> ${to ?? 'no driver'}\n`;
}
