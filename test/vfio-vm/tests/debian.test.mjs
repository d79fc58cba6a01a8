// Debian's unmodified kernels, booted and saved outside, find real devices in slots that were empty, and their own drivers
// use them.
import assert from 'node:assert/strict';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMachine } from 'armemu';
import { vfio } from 'armemu/vfio';
import { GuestShell } from '../../guests/guests.mjs';
import { bindTo, bindToVfio, interruptCounts, kernelLog } from '../guest/host.mjs';
import { SAVED_GUESTS } from '../guest/saved-guests.mjs';
import { ADDRESS, MAC } from '../guest/topology.mjs';

const MIB = 2 ** 20;
const COPIED_MIB = 64;
/** Out, and back again. */
const SENT_MIB = 8;
/** Where the guest's PCI bus has the devices. */
const [NVME, E1000E] = ['00:01.0', '00:02.0'];

/** The drive, as the host's own driver has it. @param {(file: number) => T} use @returns {Promise<T>} @template T */
async function onHostsDrive(flags, use) {
  bindTo(ADDRESS.nvme, 'nvme');
  const drive = '/dev/nvme0n1';
  for (let tries = 0; tries < 400 && !existsSync(drive); tries++) await sleep(50);
  const file = openSync(drive, flags);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

/** @param {number} half of the drive, 0 or 1 */
function readHalf(file, half) {
  const bytes = Buffer.alloc(COPIED_MIB * MIB);
  for (let at = 0; at < bytes.length; at += MIB) readSync(file, bytes, at, MIB, half * bytes.length + at);
  return bytes;
}

/** Fletcher's checksum of 32-bit words, as programs/device-io.c prints it. */
function checksum(bytes) {
  let [first, second] = [0, 0];
  for (const word of new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)) {
    first = (first + word) | 0;
    second = (second + first) | 0;
  }
  return [first, second].map((sum) => (sum >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Counts of what passed over a guest's bus. */
class TraceCounts {
  #counts = new Map();

  take({ op, device, iova, physical }) {
    const what = op === 'map' && iova === physical ? 'identity' : op;
    this.#counts.set(`${device} ${what}`, this.of(device, what) + 1);
  }

  of(device, what) {
    return this.#counts.get(`${device} ${what}`) ?? 0;
  }
}

/** What the drive holds before any guest. */
let content;

before(async () => {
  content = await onHostsDrive('r', (file) => readHalf(file, 0));
});

for (const [name, { flavour, machine: board, append }] of Object.entries(SAVED_GUESTS)) {
  const behindSmmu = board.includes('iommu');
  const byPin = append.includes('nomsi');

  describe(`Debian's ${flavour} on ${board}, ${append || 'with MSI'}`, () => {
    const counts = new TraceCounts();
    let machine;
    let shell;
    let output = '';
    let hostLog;

    before(async () => {
      // The copy of the guest before must not pass for this one's.
      await onHostsDrive('r+', (file) => {
        const blank = Buffer.alloc(MIB, 0xa5);
        for (let at = 0; at < COPIED_MIB; at++) writeSync(file, blank, 0, MIB, (COPIED_MIB + at) * MIB);
        fsyncSync(file);
      });
      for (const address of [ADDRESS.nvme, ADDRESS.e1000e]) bindToVfio(address);
      hostLog = kernelLog();
      machine = await createMachine({
        restore: { name, bytes: readFileSync(`/armemu/with/${name}.snapshot`) },
        // Under TCG compiling takes longer than what it saves; what V8 learns of the interpreter the next guest has, too.
        engine: 'interpreter',
        pci: [vfio(ADDRESS.nvme), vfio(ADDRESS.e1000e)],
        trace: { categories: ['iommu', 'irq'], sink: (event) => counts.take(event) },
      });
      const decoder = new TextDecoder();
      machine.serial.onData((bytes) => {
        output = (output + decoder.decode(bytes, { stream: true })).slice(-4000);
      });
      await machine.start();
      shell = new GuestShell(machine.serial);
    });

    after(async () => {
      await machine?.stop();
    });

    /** Runs a command in the guest; with what the console showed, should it fail. */
    async function run(command) {
      try {
        return await shell.run(command);
      } catch (error) {
        throw new Error(`${error.message}\n${output}`);
      }
    }

    test('a rescan finds the drive and the network card, and their drivers take them', async () => {
      await run('echo 1 > /sys/bus/pci/rescan');
      await run('until [ -b /dev/nvme0n1 ] && [ -d /sys/class/net/eth0 ]; do sleep 1; done');
      const groups = behindSmmu ? '/sys/class/iommu/* /sys/kernel/iommu_groups/*/devices/*' : '';
      const found = await run(
        `ls -d /sys/bus/pci/drivers/*/0000:* ${groups}; cat /sys/class/net/eth0/address`,
      );
      assert.match(found, new RegExp(`/drivers/nvme/0000:${NVME}\n`));
      assert.match(found, new RegExp(`/drivers/e1000e/0000:${E1000E}\n`));
      assert.match(found, new RegExp(`^${MAC.e1000e}\n`, 'm'));
      if (!behindSmmu) return;
      assert.match(found, /\/iommu\/smmu\.0x0*9050000\n/);
      for (const device of [NVME, E1000E])
        assert.match(found, new RegExp(`/iommu_groups/\\d+/devices/0000:${device}\n`));
    });

    test(`${COPIED_MIB} MiB of the drive are read with the right checksum, and written behind them`, async () => {
      const printed = await run(`device-io copy /dev/nvme0n1 ${COPIED_MIB}`);
      assert.equal(printed, `copied ${checksum(content)}\n`);
    });

    test(`${SENT_MIB} MiB go out over e1000e and come back with the same checksum`, async () => {
      await run('ip link set eth0 mtu 9000 && ip link set eth0 up');
      await run('until [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do sleep 1; done');
      const printed = await run(`device-io frames eth0 ${SENT_MIB}`);
      const [, sent, received] = /^sent (\w{16})\nreceived (\w{16})\n$/.exec(printed) ?? assert.fail(printed);
      assert.equal(received, sent);
      const counters = await run(
        'cat /sys/class/net/eth0/statistics/rx_bytes /sys/class/net/eth0/statistics/tx_bytes',
      );
      for (const counter of counters.trim().split('\n'))
        assert.ok(Number(counter) >= SENT_MIB * MIB, counter);
    });

    test(`their interrupts came ${byPin ? 'over the pins' : 'as messages'}`, () => {
      for (const device of [NVME, E1000E]) {
        const messages = counts.of(device, 'msi') + counts.of(device, 'msix');
        const [used, unused] = byPin
          ? [counts.of(device, 'raise'), messages]
          : [messages, counts.of(device, 'raise')];
        assert.ok(used > 100, `${device}: ${used}`);
        assert.equal(unused, 0);
      }
      const onHost = Object.entries({ ...interruptCounts(ADDRESS.nvme), ...interruptCounts(ADDRESS.e1000e) });
      const kind = byPin ? /^vfio-intx/ : /^vfio-msix?\[/;
      const used = onHost.filter(([, count]) => count > 0);
      assert.ok(used.length >= 2 && used.every(([source]) => kind.test(source)), JSON.stringify(onHost));
    });

    if (behindSmmu) {
      test("the host's IOMMU followed the guest's tables, whose addresses are not the physical ones", () => {
        for (const device of [NVME, E1000E]) {
          const mapped = counts.of(device, 'map');
          assert.ok(mapped > 1000, `${device}: ${mapped} mappings`);
        }
      });
    }

    test('no DMA was stopped and nothing timed out, in the host and in the guest', async () => {
      assert.doesNotMatch(kernelLog().slice(hostLog.length), /DMAR: .*fault addr/);
      const log = await run('dmesg');
      assert.doesNotMatch(
        log,
        /arm-smmu.*(fault|timed out)|nvme.*(timeout|I\/O error)|NETDEV WATCHDOG|nobody cared/,
      );
    });

    test('the host finds the copy on the drive, byte for byte', async () => {
      await machine.stop();
      const copy = await onHostsDrive('r', (file) => readHalf(file, 1));
      assert.ok(copy.equals(content));
    });
  });
}
