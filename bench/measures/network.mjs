/** A network card of a Linux guest: TCP with a server on the host, by virtio-net and the user network, beside QEMU. */
import { startByteServer } from '../tools/byte-server.mjs';
import { median } from '../tools/clocks.mjs';
import {
  armemuLinux,
  MIB,
  qemuLinux,
  reference,
  stopGuests,
  timed,
  whyNoLinux,
} from '../tools/linux-guests.mjs';

export const name = 'network';
export const title = 'TCP with the host by virtio-net and the user network, nc in Linux';

const SIZE_MIB = 4;
/** Of each, after one in which both translators do their work. */
const SAMPLES = 1;
const UP = 'ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0';

const COMMANDS = {
  'host to guest': ({ send }) => `nc 10.0.2.2 ${send} < /dev/null > /tmp/got; stat -c %s /tmp/got`,
  'guest to host': ({ take }) =>
    `dd if=/dev/zero bs=64k count=${SIZE_MIB * 16} 2>/dev/null | nc 10.0.2.2 ${take}`,
};

async function throughput(guest, command) {
  const samples = [];
  for (let i = 0; i <= SAMPLES; i++) {
    const times = await timed(guest, command);
    const received = Number(times.output || SIZE_MIB * MIB);
    if (received !== SIZE_MIB * MIB) throw new Error(`${command} brought ${times.output}`);
    if (i > 0) samples.push(times);
  }
  return {
    wall: (SIZE_MIB * 1000) / median(samples.map(({ wall }) => wall)),
    cpu: (SIZE_MIB * 1000) / median(samples.map(({ cpu }) => cpu)),
  };
}

export async function measure() {
  const notMeasured = whyNoLinux();
  if (notMeasured !== undefined) return { notMeasured };
  const guests = { ours: await armemuLinux(), qemu: await qemuLinux() };
  const server = await startByteServer(SIZE_MIB * MIB);
  try {
    for (const guest of Object.values(guests)) await guest?.shell.run(UP);
    const rows = [];
    for (const [what, command] of Object.entries(COMMANDS)) {
      const ours = await throughput(guests.ours, command(server));
      const qemu = guests.qemu && (await throughput(guests.qemu, command(server)));
      rows.push({
        what,
        'MiB/s': ours.wall,
        'MiB per s of CPU time': ours.cpu,
        ...(qemu ? { 'QEMU, MiB/s': qemu.wall, 'QEMU, MiB per s of CPU time': qemu.cpu } : {}),
      });
    }
    return { value: rows[0]['MiB/s'], unit: 'MiB/s on the wall', details: { reference: reference() }, rows };
  } finally {
    server.stop();
  }
}

export const finish = stopGuests;
