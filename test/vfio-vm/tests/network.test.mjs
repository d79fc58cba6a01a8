import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Firmware } from '../guest/firmware.mjs';
import { barSizes, bindToVfio } from '../guest/host.mjs';
import { ADDRESS, MAC } from '../guest/topology.mjs';

/** The devices of one machine, in the order of the guest's bus. */
const DEVICES = [
  { name: 'e1000e', id: '8086:10d3' },
  { name: 'virtioNet', id: '1af4:1041' },
  { name: 'edu', id: '1234:11e8' },
  { name: 'edu2', id: '1234:11e8' },
];

let firmware;

before(async () => {
  for (const { name } of DEVICES) bindToVfio(ADDRESS[name]);
  // One file of tests is left to the interpreter.
  firmware = await Firmware.boot(
    DEVICES.map(({ name }) => ADDRESS[name]),
    { engine: 'interpreter' },
  );
});

after(async () => {
  await firmware?.stop();
});

for (const [index, { name, id }] of DEVICES.entries()) {
  test(`${name} is one of the PCI devices of the guest, with BARs as large as the real ones`, async () => {
    const found = (await firmware.functions()).get(`00:0${index + 1}.0`);
    assert.equal(found.id, id);
    const sizes = [0, 1, 2, 3, 4, 5].map((bar) => found.bars.get(bar)?.size ?? 0);
    assert.deepEqual(sizes, barSizes(ADDRESS[name]));
  });
}

test('the MAC addresses of e1000e and virtio-net are read through their BARs', async () => {
  const printed = await firmware.command('mac');
  assert.match(printed, new RegExp(`e1000e +MAC ${MAC.e1000e}`));
  assert.match(printed, new RegExp(`virtio-net +MAC ${MAC.virtioNet}`));
});

test('four devices of four groups work in one machine: DMA, MSI and INTx of both edu', () => {
  for (const device of ['00:03.0', '00:04.0']) {
    for (const check of ['DMA', 'endpoint MSI', 'endpoint INTx']) {
      assert.match(firmware.banner, new RegExp(`\\[ ok \\] ${device}.*${check}`));
    }
  }
  assert.doesNotMatch(firmware.banner, /\[fail\]/);
});
