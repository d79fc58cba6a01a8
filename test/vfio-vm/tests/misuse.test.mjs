import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Armemu, run } from '../guest/armemu.mjs';
import { Firmware } from '../guest/firmware.mjs';
import { bindToVfio, driverOf, openGroupOnce } from '../guest/host.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const COMMAND = 0x04;
const MEMORY_AND_BUS_MASTER = 0x6;
const ALL_ONES = 0xffff_ffff;
const CAP_POWER_MANAGEMENT = 0x01;
const CAP_MSIX = 0x11;
const D3_HOT = 3;

let firmware;
let edu;
let e1000e;
let nvme;

before(async () => {
  for (const name of ['edu', 'e1000e', 'nvme']) bindToVfio(ADDRESS[name]);
  firmware = await Firmware.boot([ADDRESS.edu, ADDRESS.e1000e, ADDRESS.nvme]);
  const functions = await firmware.functions();
  [edu, e1000e, nvme] = ['00:01.0', '00:02.0', '00:03.0'].map((bdf) => functions.get(bdf));
});

after(async () => {
  await firmware?.stop();
});

test('with memory decoding off a BAR reads as all ones and takes no writes; with it on again the device answers', async () => {
  const register = edu.bars.get(0).cpu;
  await firmware.setWord(register + 4, 0x1111);
  await firmware.config('00:01.0', COMMAND, MEMORY_AND_BUS_MASTER & ~2);
  assert.equal(await firmware.word(register), ALL_ONES);
  await firmware.setWord(register + 4, 0x2222);
  await firmware.config('00:01.0', COMMAND, MEMORY_AND_BUS_MASTER);
  assert.equal(await firmware.word(register), 0x010000ed);
  assert.equal(await firmware.word(register + 4), ~0x1111 >>> 0);
});

test('in D3hot a BAR reads as all ones; back in D0 the device answers', async () => {
  const STATUS = 0x8;
  const register = e1000e.bars.get(0).cpu + STATUS;
  const control = e1000e.capabilities.get(CAP_POWER_MANAGEMENT) + 4;
  await firmware.config('00:02.0', COMMAND, MEMORY_AND_BUS_MASTER);
  assert.notEqual(await firmware.word(register), ALL_ONES);
  await firmware.config('00:02.0', control, D3_HOT);
  assert.equal(await firmware.word(register), ALL_ONES);
  await firmware.config('00:02.0', control, 0);
  await firmware.config('00:02.0', COMMAND, MEMORY_AND_BUS_MASTER);
  assert.notEqual(await firmware.word(register), ALL_ONES);
});

test('an address of the window where no BAR is reads as all ones', async () => {
  const ends = [edu, e1000e, nvme].flatMap(({ bars }) =>
    [...bars.values()].map(({ cpu, size }) => cpu + size),
  );
  assert.equal(
    await firmware.word(Math.max(...ends.filter((end) => end > 0x1000_0000)) + 0x10_0000),
    ALL_ONES,
  );
});

test('nonsense in the MSI-X table harms nobody', async () => {
  assert.match(await firmware.command('nvme identify'), /MSI-X/);
  const control = nvme.capabilities.get(CAP_MSIX);
  const printed = await firmware.command(`cfg 00:03.0 0x${(control + 4).toString(16)}`);
  const location = Number.parseInt(/: ([0-9a-f]{8})/.exec(printed)[1], 16);
  const table = nvme.bars.get(location & 7).cpu + (location & ~7);
  for (const [entry, words] of [
    [0, [0xffff_fffc, 0xffff_ffff, 0xffff_ffff, 0]],
    [1, [0x0000_0004, 0, 0xdead_beef, 0xffff_fffe]],
    [2, [0x0900_0000, 0, 0x41, 0]],
  ]) {
    for (const [index, word] of words.entries()) await firmware.setWord(table + entry * 16 + index * 4, word);
  }
  // Its completions now signal vector 1, whose message goes nowhere.
  assert.match(await firmware.verdict('nvme read 3'), /a completion, but no interrupt/);
  await firmware.command('edu dma 64');
});

test('the host takes a running device back: the guest reads all ones and goes on', async () => {
  bindToVfio(ADDRESS.edu2);
  const armemu = new Armemu([...run(ADDRESS.edu2), '--memory', '32M'], { terminal: true });
  await armemu.prompt();
  const [, bar] = /cpu 0x([0-9a-f]+)/.exec(await armemu.command('lspci -v'));
  assert.match(await armemu.command(`md 0x${bar} 1`), /010000ed/);
  // The write waits in the kernel until armemu has let the device go.
  const unbinding = spawn('/bin/sh', ['-c', `echo ${ADDRESS.edu2} > /sys/bus/pci/drivers/vfio-pci/unbind`]);
  const unbound = new Promise((resolve) => unbinding.once('close', resolve));
  await armemu.expect(/The host asks for 0000:06:00\.0 back/);
  assert.equal(await unbound, 0);
  assert.equal(driverOf(ADDRESS.edu2), undefined);
  assert.match(await armemu.command(`md 0x${bar} 1`), /ffffffff/);
  armemu.write('poweroff\r');
  assert.equal(await armemu.ended, 0);
  bindToVfio(ADDRESS.edu2);
  openGroupOnce(ADDRESS.edu2);
});
