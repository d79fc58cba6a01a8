import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Firmware } from '../guest/firmware.mjs';
import { attribute, barSizes, bindToVfio, enableVirtualFunctions, realConfig } from '../guest/host.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const COMMAND = 0x04;
const MEMORY = 1 << 1;
const BUS_MASTER = 1 << 2;
/** Controller Status (NVMe 1.4, 3.1.6). */
const CSTS = 0x1c;
/** What it says while nobody has given queues to the virtual function: Controller Fatal Status (8.5.3). */
const OFFLINE = 1 << 1;

let firmware;
let bar;

before(async () => {
  enableVirtualFunctions(ADDRESS.physicalFunction, 1);
  bindToVfio(ADDRESS.virtualFunction);
  firmware = await Firmware.boot([ADDRESS.virtualFunction]);
  bar = (await firmware.functions()).get('00:01.0').bars.get(0);
});

after(async () => {
  await firmware?.stop();
});

test('a virtual function, which has no IDs of its own, shows those that the host knows', async () => {
  assert.equal(realConfig(ADDRESS.virtualFunction, 0), 0xffff);
  assert.equal(attribute(ADDRESS.virtualFunction, 'vendor'), 0x1b36);
  assert.equal((await firmware.functions()).get('00:01.0').id, '1b36:0010');
});

test('a virtual function, whose real BARs read as zero, has BARs of the size that the host knows', () => {
  assert.equal(bar.size, barSizes(ADDRESS.virtualFunction)[0]);
});

test('a virtual function answers although its memory enable bit reads as zero, as far as the guest has set that bit', async () => {
  await firmware.config('00:01.0', COMMAND, MEMORY | BUS_MASTER);
  assert.equal(await firmware.word(bar.cpu + CSTS), OFFLINE);
  await firmware.config('00:01.0', COMMAND, BUS_MASTER);
  assert.equal(await firmware.word(bar.cpu + CSTS), 0xffff_ffff);
  await firmware.config('00:01.0', COMMAND, MEMORY | BUS_MASTER);
  assert.equal(await firmware.word(bar.cpu + CSTS), OFFLINE);
});
