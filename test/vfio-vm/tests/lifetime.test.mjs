import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Armemu, run, runArmemu } from '../guest/armemu.mjs';
import { bindToVfio, openGroupOnce, realConfig } from '../guest/host.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const COMMAND = 0x04;
const BUS_MASTER = 1 << 2;
const COMMAND_LINE = [...run(ADDRESS.edu), '--memory', '32M'];

before(() => bindToVfio(ADDRESS.edu));

function assertDeviceGivenBack() {
  openGroupOnce(ADDRESS.edu);
  assert.equal(realConfig(ADDRESS.edu, COMMAND) & BUS_MASTER, 0, 'the device may still do DMA');
}

async function startToPrompt() {
  const armemu = new Armemu(COMMAND_LINE, { terminal: true });
  await armemu.prompt();
  return armemu;
}

async function assertWorks() {
  const { code, output } = await runArmemu(COMMAND_LINE);
  assert.match(output, /SELFTEST PASS/);
  assert.equal(code, 0, output);
}

test('armemu run --vfio without a terminal runs the self-test on the real device and exits with 0', async () => {
  const { code, output } = await runArmemu(COMMAND_LINE);
  assert.match(output, /00:01\.0 {2}1234:11e8/);
  for (const check of ['DMA', 'endpoint MSI', 'endpoint INTx']) {
    assert.match(output, new RegExp(`\\[ ok \\] 00:01\\.0 ${check}`));
  }
  assert.match(output, /SELFTEST PASS/);
  assert.equal(code, 0, output);
  assertDeviceGivenBack();
});

test('at a terminal a person lists the device, drives it, and powers off', async () => {
  const armemu = await startToPrompt();
  assert.match(await armemu.command('lspci'), /00:01\.0 {2}1234:11e8/);
  assert.match(await armemu.command('edu dma 4092'), /\[ ok \] .*4092 bytes to the device and back, equal/);
  armemu.write('poweroff\r');
  assert.equal(await armemu.ended, 0);
  assertDeviceGivenBack();
});

test('Ctrl-A x leaves, and gives the device back', async () => {
  const armemu = await startToPrompt();
  armemu.write('\x01x');
  assert.equal(await armemu.ended, 0);
  assertDeviceGivenBack();
});

test('the guest restarts itself, with a fresh device, and armemu goes on', async () => {
  const armemu = await startToPrompt();
  armemu.write('reboot\r');
  assert.match(await armemu.prompt(), /\[ ok \] 00:01\.0 endpoint MSI/);
  assert.match(await armemu.command('edu dma 64'), /equal/);
  armemu.write('\x01x');
  assert.equal(await armemu.ended, 0);
  assertDeviceGivenBack();
});

test('after SIGKILL in the middle of DMA the same device works again at once', async () => {
  const armemu = await startToPrompt();
  armemu.write('dma\r');
  await armemu.expect(/\[ ok \]/);
  await armemu.kill();
  openGroupOnce(ADDRESS.edu);
  await assertWorks();
});

/**
 * Milliseconds after its start. Node alone takes half a second here, the library two, and the prompt comes after five to
 * twenty, so these fall on everything that can be half done.
 */
const MOMENTS = {
  SIGTERM: [0, 200, 500, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 7000],
  SIGINT: [300, 1700, 2700, 6000],
  SIGHUP: [2200],
};
const EXIT_CODES = { SIGINT: [130, 'SIGINT'], SIGTERM: [143, 'SIGTERM'], SIGHUP: [129, 'SIGHUP'] };

for (const [signal, moments] of Object.entries(MOMENTS)) {
  test(`${signal} at any moment of the start ends armemu and frees the device`, async () => {
    for (const moment of moments) {
      const armemu = new Armemu(COMMAND_LINE);
      await sleep(moment);
      armemu.signal(signal);
      const code = await armemu.ended;
      // A fast machine may have reached the end of the self-test.
      assert.ok([0, ...EXIT_CODES[signal]].includes(code), `${code} after ${moment} ms\n${armemu.output}`);
      assert.doesNotMatch(armemu.output, /internal error|at .*\.js:\d+/);
      assertDeviceGivenBack();
    }
  });
}

for (const [what, command, seen] of [
  ['at the prompt', '', /armemu> /],
  ['during DMA', 'dma\r', /\[ ok \]/],
  ['during interrupts', 'irq\r', /endpoint MSI/],
  ['while the guest sleeps', 'wfi 600000\r', /wfi 600000/],
  ['while the guest computes', 'bench all 100000000\r', /bench all/],
]) {
  test(`SIGTERM ${what} resets the device and frees it`, async () => {
    const armemu = new Armemu(COMMAND_LINE, { terminal: true });
    await armemu.prompt();
    armemu.write(command || '\r');
    await armemu.expect(seen);
    armemu.signal('SIGTERM');
    assert.equal(await armemu.ended, 143);
    assertDeviceGivenBack();
  });
}

test('after all of this the device still passes the self-test', assertWorks);
