import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { attribute, bindToVfio, devicesOf, driverOf, groupOf } from '../guest/host.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const IDENTITY = {
  edu: 0x1234_11e8,
  nvme: 0x1b36_0010,
  e1000e: 0x8086_10d3,
  virtioNet: 0x1af4_1041,
  sharedA: 0x1234_11e8,
  sharedB: 0x1af4_1041,
  edu2: 0x1234_11e8,
};

for (const [name, identity] of Object.entries(IDENTITY)) {
  test(`the host VM has ${name} at ${ADDRESS[name]}`, () => {
    assert.equal(
      (attribute(ADDRESS[name], 'vendor') * 0x10000 + attribute(ADDRESS[name], 'device')) >>> 0,
      identity,
    );
  });
}

for (const name of ['edu', 'nvme', 'e1000e', 'virtioNet', 'edu2']) {
  test(`${name} is alone in its IOMMU group, binds to vfio-pci, and its group opens`, () => {
    const address = ADDRESS[name];
    const group = groupOf(address);
    assert.deepEqual(devicesOf(group), [address]);
    bindToVfio(address);
    assert.equal(driverOf(address), 'vfio-pci');
    closeSync(openSync(`/dev/vfio/${group}`, 'r+'));
  });
}

test('two functions of one slot share their IOMMU group, and the host drives the second', () => {
  assert.deepEqual(devicesOf(groupOf(ADDRESS.sharedA)), [ADDRESS.sharedA, ADDRESS.sharedB]);
  assert.equal(driverOf(ADDRESS.sharedB), 'virtio-pci');
});

test('no thread of the host VM replaces WebAssembly that another runs: QEMU could miss it', () => {
  // (func (param i32) (result i32) local.get 0), exported as f, in V8's baseline code however often it has run.
  const script = `
    const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 32, 0, 11];
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes))).exports;
    for (let i = 0; i < 20000; i++) f(i);
    setTimeout(() => console.log(%IsLiftoffFunction(f)), 500);`;
  const flags = ['--allow-natives-syntax', '--wasm-tiering-budget=1000'];
  assert.equal(
    execFileSync(process.execPath, [...flags, '-e', script])
      .toString()
      .trim(),
    'true',
  );
});
