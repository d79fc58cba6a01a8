import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FORBIDDEN } from './topology.mjs';

const DEVICES = '/sys/bus/pci/devices';

/** @param {string} address @returns {string | undefined} the name of the driver that has the device */
export function driverOf(address) {
  const link = `${DEVICES}/${address}/driver`;
  return existsSync(link) ? basename(readlinkSync(link)) : undefined;
}

/** @param {string} address @returns {string | undefined} the number of its IOMMU group */
export function groupOf(address) {
  const link = `${DEVICES}/${address}/iommu_group`;
  return existsSync(link) ? basename(readlinkSync(link)) : undefined;
}

/** @param {string} group @returns {string[]} the addresses of its devices */
export const devicesOf = (group) => readdirSync(`/sys/kernel/iommu_groups/${group}/devices`).sort();

/** Gives a device to a driver; an empty name lets the kernel choose. */
export function bindTo(address, driver) {
  writeFileSync(`${DEVICES}/${address}/driver_override`, `${driver}\n`);
  if (driverOf(address) !== undefined) writeFileSync(`${DEVICES}/${address}/driver/unbind`, address);
  writeFileSync('/sys/bus/pci/drivers_probe', address);
}

/** @param {string} address */
export const bindToVfio = (address) => bindTo(address, 'vfio-pci');

/** A number of a device's sysfs attribute, as `vendor` or `device`. */
export const attribute = (address, name) =>
  Number(readFileSync(`${DEVICES}/${address}/${name}`, 'utf8').trim());

/**
 * Opens the device's IOMMU group and closes it again: it succeeds only when nobody holds the group.
 * @throws EBUSY when somebody does
 */
export function openGroupOnce(address) {
  closeSync(openSync(`/dev/vfio/${groupOf(address)}`, 'r+'));
}

/** The kernel's log so far. */
export const kernelLog = () => execFileSync('/bin/dmesg').toString();

/** Waits until a line that matches is added to the kernel's log; the IOMMU's faults are reported some time later. */
export async function expectKernelLog(before, pattern) {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const added = kernelLog().slice(before.length);
    if (pattern.test(added)) return;
    if (Date.now() > deadline) throw new Error(`the kernel's log has no ${pattern}:\n${added}`);
    await sleep(100);
  }
}

/** What /proc/interrupts counts for interrupts of this device, by its line there. */
export function interruptCounts(address) {
  const lines = readFileSync('/proc/interrupts', 'utf8').split('\n');
  const counts = {};
  for (const line of lines.filter((text) => text.includes(`(${address})`))) {
    const fields = line.trim().split(/\s+/);
    const numbers = fields.slice(1).filter((field) => /^\d+$/.test(field));
    counts[/vfio-\S+/.exec(line)[0]] = numbers.reduce((sum, field) => sum + Number(field), 0);
  }
  return counts;
}

/** Memory of the host that nobody but a stray DMA would touch. */
export const forbiddenMemory = {
  read(offset, length) {
    const bytes = new Uint8Array(length);
    const file = openSync('/dev/mem', 'r');
    readSync(file, bytes, 0, length, FORBIDDEN.address + offset);
    closeSync(file);
    return bytes;
  },
  write(offset, bytes) {
    const file = openSync('/dev/mem', 'r+');
    writeSync(file, bytes, 0, bytes.length, FORBIDDEN.address + offset);
    closeSync(file);
  },
};

/** Sizes of BAR 0 to 5 as the host's kernel sees them; 0 for none. */
export function barSizes(address) {
  const lines = readFileSync(`${DEVICES}/${address}/resource`, 'utf8').split('\n').slice(0, 6);
  return lines.map((line) => {
    const [start, end] = line.split(' ').map(Number);
    return end === 0 ? 0 : end - start + 1;
  });
}

/** A 16-bit register of the device's real configuration space. */
export function realConfig(address, offset) {
  return readFileSync(`${DEVICES}/${address}/config`).readUInt16LE(offset);
}

/**
 * The highest counts of this device's interrupts while something runs: the kernel forgets them when the device changes
 * over to another kind of interrupt.
 * @param {string} address @param {() => Promise<unknown>} work
 * @returns {Promise<Record<string, number>>} by name, `vfio-msi[0](ADDRESS)`
 */
export async function peakInterruptCounts(address, work) {
  const peaks = {};
  const look = () => {
    for (const [name, count] of Object.entries(interruptCounts(address))) {
      peaks[name] = Math.max(peaks[name] ?? 0, count);
    }
  };
  const timer = setInterval(look, 10);
  try {
    await work();
    look();
  } finally {
    clearInterval(timer);
  }
  return peaks;
}

/** Takes a device's driver away. */
export function unbind(address) {
  writeFileSync(`${DEVICES}/${address}/driver/unbind`, address);
}

/** Switches the SR-IOV virtual functions of a device on, without a driver of the host for them. */
export function enableVirtualFunctions(address, count) {
  writeFileSync(`${DEVICES}/${address}/sriov_drivers_autoprobe`, '0');
  writeFileSync(`${DEVICES}/${address}/sriov_numvfs`, String(count));
}
