/** What a Linux costs that waits for a key. */
import { setTimeout as sleep } from 'node:timers/promises';
import { wallMs } from '../tools/clocks.mjs';
import { armemuLinux, qemuLinux, reference, stopGuests, whyNoLinux } from '../tools/linux-guests.mjs';

export const name = 'idle';
export const title = 'CPU use of an idle Linux at its prompt';
export const goal = 'at most 3 % of one core';

/** The kernel's work after a boot comes to its end. */
const SETTLE_MS = 10_000;
const MEASURED_MS = 5000;

async function percentOf(guest) {
  await sleep(SETTLE_MS);
  const start = { cpu: guest.cpuMs(), wall: wallMs() };
  await sleep(MEASURED_MS);
  return (100 * (guest.cpuMs() - start.cpu)) / (wallMs() - start.wall);
}

export async function measure() {
  const notMeasured = whyNoLinux();
  if (notMeasured !== undefined) return { notMeasured };
  const value = await percentOf(await armemuLinux());
  const qemu = await qemuLinux();
  return {
    value,
    unit: '% of one core',
    met: value <= 3,
    details: { ...(qemu ? { 'QEMU, %': await percentOf(qemu) } : {}), reference: reference() },
  };
}

export const finish = stopGuests;
