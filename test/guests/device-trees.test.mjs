// The kernel's own device trees of the Versatile Express boards, as a machine hands them to its guest.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cellsOf, nodeAt, readFdt, stringsOf } from '../../dist/boot/fdt-reader.js';
import { COMMAND, guestPath, scratchDirectory } from './guests.mjs';

const BOARDS = [
  { machine: 'vexpress-a9', dtb: 'vexpress-v2p-ca9.dtb', cells: 1 },
  { machine: 'vexpress-a15', dtb: 'vexpress-v2p-ca15-tc1.dtb', cells: 2 },
];

function stock(dtb) {
  const images = guestPath('linux-image-armmp/usr/lib');
  return join(images, readdirSync(images)[0], dtb);
}

/** The tree that a guest gets, or what the command says against it. */
function adapt(t, machine, dtb) {
  const file = join(scratchDirectory(t), 'guest.dtb');
  const args = `run -M ${machine} -smp 1 -m 512 -append quiet`.split(' ');
  const { status, stderr } = spawnSync(
    process.execPath,
    [COMMAND, ...args, '-dtb', stock(dtb), '--dump-dtb', file],
    { encoding: 'utf8' },
  );
  return { status, stderr, root: status === 0 ? readFdt(readFileSync(file)).root : undefined };
}

const compatible = (node) => stringsOf(node.properties.get('compatible') ?? new Uint8Array(0));

for (const { machine, dtb, cells } of BOARDS) {
  test(`${machine} adds PCIe, the MSI frame and virtio slots to ${dtb}, behind all that it has`, (t) => {
    const { status, stderr, root } = adapt(t, machine, dtb);
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    const theirs = readFdt(readFileSync(stock(dtb))).root;
    const isMemory = ({ name }) => name.startsWith('memory@');
    const kept = theirs.children.filter((node) => !isMemory(node));
    const changed = ['chosen', 'cpus'];
    for (const node of kept.filter(({ name }) => !changed.includes(name))) {
      assert.deepEqual(nodeAt(root, node.name), node);
    }
    const added = root.children.slice(1 + kept.length);
    assert.deepEqual(added.map((node) => compatible(node)[0]).sort(), [
      'arm,gic-v2m-frame',
      'pci-host-ecam-generic',
      ...new Array(4).fill('virtio,mmio'),
    ]);
    const [memory] = root.children.filter(isMemory);
    assert.equal(cellsOf(memory.properties.get('reg')).at(-1), 512 * 2 ** 20);
    assert.equal(cellsOf(memory.properties.get('reg')).length, 2 * cells);
    assert.deepEqual(stringsOf(nodeAt(root, '/chosen').properties.get('bootargs')), ['quiet']);
    const second = nodeAt(root, '/cpus').children.find(({ name }) => name === 'cpu@1');
    assert.deepEqual(stringsOf(second.properties.get('status')), ['fail']);
  });

  test(`${machine} connects PCI to the GIC of ${dtb}, which has no address cells`, (t) => {
    const { root } = adapt(t, machine, dtb);
    const find = (name) => root.children.find((node) => compatible(node).includes(name));
    const [bridge, frame] = [find('pci-host-ecam-generic'), find('arm,gic-v2m-frame')];
    const [gic] = cellsOf(root.properties.get('interrupt-parent'));
    // For each of four devices and pins: PCI address and pin, the GIC, and an SPI of three cells.
    const map = cellsOf(bridge.properties.get('interrupt-map'));
    assert.equal(map.length, 16 * (3 + 1 + 1 + 3));
    for (let i = 0; i < 16; i++) assert.deepEqual(map.slice(i * 8 + 4, i * 8 + 6), [gic, 0]);
    const [own] = cellsOf(frame.properties.get('phandle'));
    assert.equal(cellsOf(bridge.properties.get('msi-map'))[1], own);
    // Linux looks for frames behind the GIC's node only.
    const names = root.children.map(({ name }) => name);
    const controller = root.children.find((node) => node.properties.has('interrupt-controller'));
    assert.ok(names.indexOf(frame.name) > names.indexOf(controller.name));
  });
}

test('the tree of the other board is refused, with the machine that it is for', (t) => {
  const { status, stderr } = adapt(t, 'vexpress-a9', 'vexpress-v2p-ca15-tc1.dtb');
  assert.equal(status, 2);
  assert.match(
    stderr,
    /is the device tree of vexpress-a15 .*, and the machine is vexpress-a9\n {2}give .*--machine vexpress-a15/,
  );
});

test('the tree of a board that armemu does not have is taken with a warning', (t) => {
  const { status, stderr } = adapt(t, 'vexpress-a9', 'vexpress-v2p-ca5s.dtb');
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /^armemu: warning: .* is for "arm,vexpress,v2p-ca5s", and vexpress-a9 is "arm,vexpress,v2p-ca9"/,
  );
});
