// Devices that reach each other: a leaf of the guest's tables at the BAR of another real device, for as long as that answers.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Firmware, SCRATCH } from '../guest/firmware.mjs';
import { bindToVfio, expectKernelLog, kernelLog, realConfig } from '../guest/host.mjs';
import { ADDRESS, MAC } from '../guest/topology.mjs';

const PAGE = 4096;
/** The kernel reports three faults in 5 seconds, by three of ten messages each, and drops the others. */
const [KERNEL_RATE, KERNEL_RATE_LIMIT_MS] = [3, 5500];
const [MASTER, PEER, CARD] = ['00:01.0', '00:02.0', '00:03.0'];
const COMMAND = 0x04;
const [MEMORY, MEMORY_AND_BUS_MASTER] = [0x2, 0x6];
const CAP_POWER_MANAGEMENT = 0x01;
const D3_HOT = 3;
/** Where the first device has a page of RAM, the second one's registers, a card's, and those where they are later. */
const RAM_IOVA = 0x9000_0000;
const PEER_IOVA = 0x9100_0000;
const CARD_IOVA = 0x9200_0000;
const MOVED_IOVA = 0x9300_0000;
/** Registers of edu (QEMU docs/specs/edu): they take accesses of 4 bytes. */
const [IDENTIFICATION, LIVENESS] = [0x00, 0x04];
const EDU = 0x0100_00ed;
/** Receive address low of a card: the first four bytes of its Ethernet address. */
const RECEIVE_ADDRESS = 0x5400;

const hex = (value) => `0x${value.toString(16)}`;

/** Each boots a machine: CI has the first. */
const outsideCi = process.env.ARMEMU_CI === '' ? test : () => {};

/** When the last faults were. */
const faults = [];

/** DMA of the first device to and from the registers of the others. */
class Peers {
  warnings = [];

  /** A guest with the devices, of which the first one is behind the SMMU with a page of RAM. */
  static async boot(t, ...names) {
    for (const name of names) bindToVfio(ADDRESS[name]);
    const peers = new Peers();
    const devices = names.map((name) => ADDRESS[name]);
    peers.firmware = await Firmware.boot(devices, {
      machine: 'virt,iommu=smmuv2',
      warn: (message) => peers.warnings.push(message),
    });
    t.after(() => peers.firmware.stop());
    peers.functions = await peers.firmware.functions();
    peers.bar = peers.functions.get(PEER).bars.get(0).cpu;
    await peers.firmware.command(`smmu attach ${MASTER} long`);
    await peers.map(RAM_IOVA, SCRATCH);
    return peers;
  }

  /** What was written last to the second device. */
  async liveness() {
    return ~(await this.firmware.word(this.bar + LIVENESS)) >>> 0;
  }

  /** What the first device finds at an address. */
  async fetch(iova) {
    this.firmware.write(SCRATCH, new Uint8Array(4));
    await this.firmware.command(`edu fetch ${hex(iova)} 4`);
    await this.firmware.command(`edu store ${hex(RAM_IOVA)} 4`);
    return Buffer.from(this.firmware.read(SCRATCH, 4)).readUInt32LE();
  }

  /** The first device writes a new random number. @returns the number */
  async store(iova) {
    const bytes = randomBytes(4);
    this.firmware.write(SCRATCH + 8, bytes);
    await this.firmware.command(`edu fetch ${hex(RAM_IOVA + 8)} 4`);
    await this.firmware.command(`edu store ${hex(iova)} 4`);
    return bytes.readUInt32LE();
  }

  /** A write that the host's IOMMU stops, as its log says. */
  async forbidden(iova) {
    const earlier = faults.at(-KERNEL_RATE) ?? 0;
    await sleep(Math.max(0, earlier + KERNEL_RATE_LIMIT_MS - Date.now()));
    const log = kernelLog();
    await this.store(iova);
    const page = hex(iova - (iova % PAGE));
    const line = `DMA Write NO_PASID\\] Request device \\[01:00\\.0\\] fault addr ${page} `;
    await expectKernelLog(log, new RegExp(line));
    faults.push(Date.now());
  }

  map(iova, physical, rights = 'rw') {
    return this.firmware.command(`smmu map ${MASTER} ${hex(iova)} ${hex(PAGE)} ${hex(physical)} ${rights}`);
  }
}

test('a device reads and writes the registers of another one where its tables have them, while that decodes them', async (t) => {
  const peers = await Peers.boot(t, 'edu', 'edu2');
  const { firmware, bar } = peers;
  // The leaf is there before the registers are.
  await firmware.config(PEER, COMMAND, 0);
  await peers.map(PEER_IOVA, bar);
  await peers.forbidden(PEER_IOVA + LIVENESS);
  await firmware.config(PEER, COMMAND, MEMORY);
  assert.equal(await peers.fetch(PEER_IOVA + IDENTIFICATION), EDU);
  const written = await peers.store(PEER_IOVA + LIVENESS);
  assert.equal(await peers.liveness(), written);
  // What is not mapped: the rest of the BAR, and its guest physical address.
  await peers.forbidden(PEER_IOVA + PAGE);
  await peers.forbidden(bar + LIVENESS);

  // Decoding off: the host's IOMMU stops it; on: nothing has to be mapped again.
  await firmware.config(PEER, COMMAND, 0);
  assert.equal(realConfig(ADDRESS.edu2, COMMAND) & MEMORY, 0);
  await peers.forbidden(PEER_IOVA + LIVENESS);
  await firmware.config(PEER, COMMAND, MEMORY_AND_BUS_MASTER);
  assert.equal(await peers.liveness(), written);
  assert.equal(await peers.fetch(PEER_IOVA + IDENTIFICATION), EDU);
  await firmware.command(`smmu unmap ${MASTER} ${hex(PEER_IOVA)} ${hex(PAGE)}`);
  await peers.forbidden(PEER_IOVA + LIVENESS);
  assert.equal(await peers.liveness(), written);
  assert.deepEqual(peers.warnings, []);
  assert.equal(firmware.machine.shadowStatistics().refused, 0);
});

outsideCi(
  'rights, a BAR that moves, a card that sleeps, and a device that the host takes back',
  async (t) => {
    const peers = await Peers.boot(t, 'edu', 'edu2', 'e1000e');
    const { firmware, functions, bar } = peers;
    await peers.map(PEER_IOVA, bar, 'ro');
    await peers.forbidden(PEER_IOVA + LIVENESS);
    assert.equal(await peers.fetch(PEER_IOVA + IDENTIFICATION), EDU);
    await firmware.command(`smmu protect ${MASTER} ${hex(PEER_IOVA)} ${hex(PAGE)} rw`);
    const written = await peers.store(PEER_IOVA + LIVENESS);
    assert.equal(await peers.liveness(), written);

    // The BAR goes elsewhere, where a leaf waits for it, and comes back.
    const elsewhere = bar + 0x1000_0000;
    await peers.map(MOVED_IOVA, elsewhere);
    await firmware.command(`bar ${PEER} 0 ${hex(elsewhere)}`);
    await peers.forbidden(PEER_IOVA + LIVENESS);
    assert.equal(await peers.fetch(MOVED_IOVA + IDENTIFICATION), EDU);
    await firmware.command(`bar ${PEER} 0 ${hex(bar)}`);
    await peers.forbidden(MOVED_IOVA + LIVENESS);
    assert.equal(await peers.liveness(), written);
    const again = await peers.store(PEER_IOVA + LIVENESS);
    assert.equal(await peers.liveness(), again);

    const cardBar = functions.get(CARD).bars.get(0).cpu;
    const address = Number.parseInt(MAC.e1000e.split(':').slice(0, 4).reverse().join(''), 16);
    const power = functions.get(CARD).capabilities.get(CAP_POWER_MANAGEMENT) + 4;
    await peers.map(CARD_IOVA, cardBar + RECEIVE_ADDRESS - (RECEIVE_ADDRESS % PAGE));
    const receiveAddress = CARD_IOVA + (RECEIVE_ADDRESS % PAGE);
    assert.equal(await peers.fetch(receiveAddress), address);
    await firmware.config(CARD, power, D3_HOT);
    await peers.forbidden(receiveAddress);
    await firmware.config(CARD, power, 0);
    await firmware.config(CARD, COMMAND, MEMORY);
    assert.equal(await peers.fetch(receiveAddress), address);

    // The write waits in the kernel until armemu has let the device go.
    assert.deepEqual(peers.warnings, []);
    const unbinding = spawn('/bin/sh', ['-c', `echo ${ADDRESS.edu2} > /sys/bus/pci/drivers/vfio-pci/unbind`]);
    assert.equal(await new Promise((resolve) => unbinding.once('close', resolve)), 0);
    assert.match(peers.warnings.join('\n'), /^The host asks for 0000:06:00\.0 back[^\n]*$/);
    await peers.forbidden(PEER_IOVA + LIVENESS);
    assert.equal(await peers.fetch(receiveAddress), address);
    bindToVfio(ADDRESS.edu2);
  },
);
