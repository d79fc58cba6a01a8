import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { Armemu, runArmemu } from '../guest/armemu.mjs';
import { bindToVfio } from '../guest/host.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const FILE = '/tmp/nvme.jsonl';
const DRIVE = '00:01.0';
const QUEUES = '0x80000000';
const WINDOW = '0x90000000';

/** Every line of the trace. */
let records;

before(async () => {
  bindToVfio(ADDRESS.nvme);
  const machine = ['run', '--machine', 'virt,iommu=smmuv2', '--append', 'shell'];
  const armemu = new Armemu([...machine, '--vfio', ADDRESS.nvme, '--trace', `all=${FILE}`]);
  await armemu.prompt();
  for (const command of [
    `smmu attach ${DRIVE} aarch64`,
    `smmu nvme ${QUEUES}`,
    `smmu map ${DRIVE} ${WINDOW} 0x1000 0x42000000 rw`,
    ...Array.from({ length: 20 }, (_unused, block) => `nvme store ${WINDOW} ${block}`),
    `smmu protect ${DRIVE} ${WINDOW} 0x1000 ro`,
    `nvme fetch ${WINDOW} 30`,
    `smmu unmap ${DRIVE} ${WINDOW} 0x1000`,
  ]) {
    await armemu.command(command);
  }
  armemu.write('poweroff\r');
  assert.equal(await armemu.ended, 0);
  records = readFileSync(FILE, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
});

const eventsOf = (category) => records.slice(1).filter((event) => event.category === category);

test('a trace says first which machine and which real device it is of', () => {
  const [{ format, machine, devices }] = records;
  assert.deepEqual([format, machine], ['armemu-trace', 'virt,iommu=smmuv2']);
  const drive = devices.find(({ address }) => address === DRIVE);
  assert.equal(drive.name, `vfio ${ADDRESS.nvme}`);
  assert.equal(drive.classCode, '0x10802');
  assert.equal(drive.bars[0].size, 16384);
});

test('it has what the host lets the drive reach, when the guest maps it, protects it and takes it away', () => {
  const window = eventsOf('iommu').filter(({ iova }) => iova === WINDOW);
  assert.deepEqual(
    window.map(({ op, size, physical, rights, device }) => [op, size, physical, rights, device]),
    [
      ['map', 4096, '0x42000000', 'rw', DRIVE],
      ['unmap', 4096, '0x42000000', 'rw', DRIVE],
      ['map', 4096, '0x42000000', 'r', DRIVE],
      ['unmap', 4096, '0x42000000', 'r', DRIVE],
    ],
  );
  assert.ok(eventsOf('iommu').some(({ op, iova }) => op === 'map' && iova === QUEUES));
});

test('each command is a doorbell, an interrupt and a doorbell, between mapping and unmapping', () => {
  const from = records.findIndex(({ op, iova }) => op === 'map' && iova === WINDOW);
  const to = records.findLastIndex(({ op, iova }) => op === 'unmap' && iova === WINDOW);
  const between = records.slice(from, to);
  const doorbells = between.filter(({ bar, offset }) => bar === 0 && Number(offset) >= 0x1000);
  const interrupts = between.filter(({ op }) => op === 'msix');
  assert.ok(interrupts.length >= 20, `${interrupts.length} interrupts`);
  assert.ok(doorbells.length >= 42, `${doorbells.length} doorbells`);
  const first = between.indexOf(doorbells[0]);
  const message = between.indexOf(interrupts[0]);
  assert.ok(first < message && message < between.indexOf(doorbells[1]));
  for (const [i, { ns }] of records.slice(2).entries()) assert.ok(ns >= records[i + 1].ns);
});

test('it has the configuration of the drive', () => {
  const written = eventsOf('config').filter(({ op, device }) => op === 'write' && device === DRIVE);
  assert.ok(written.some(({ offset }) => offset === '0x10'));
  assert.ok(written.some(({ offset, value }) => offset === '0x4' && (Number(value) & 6) === 6));
});

test('armemu trace says what is in it, and makes a page', async () => {
  const { code, output } = await runArmemu(['trace', FILE, '--json', '--output', '/tmp/nvme.html']);
  assert.equal(code, 0, output);
  const summary = JSON.parse(output.slice(output.indexOf('{')));
  assert.equal(summary.events, records.length - 1);
  assert.equal(summary.devices.find(({ address }) => address === DRIVE).counts['iommu map'] >= 3, true);
  assert.match(readFileSync('/tmp/nvme.html', 'utf8'), /^<!doctype html>/);
});
