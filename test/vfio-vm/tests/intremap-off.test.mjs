import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { run, runArmemu } from '../guest/armemu.mjs';
import { check, command } from '../guest/command.mjs';
import { bindToVfio, openGroupOnce } from '../guest/host.mjs';
import { assertRefused } from '../guest/refusal.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const UNSAFE = '/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts';

before(() => bindToVfio(ADDRESS.edu));

test('without interrupt remapping armemu refuses, and does not switch the protection off', async () => {
  await assertRefused(run(ADDRESS.edu), [/interrupt/, /EPERM/, /interrupt remapping/]);
  openGroupOnce(ADDRESS.edu);
  assert.equal(readFileSync(UNSAFE, 'utf8').trim(), 'N');
});

test('`armemu vfio check` sees that there is none, and `list` says so', async () => {
  const { code, devices } = await check(ADDRESS.edu);
  assert.equal(code, 1);
  const { interrupts } = devices[0];
  assert.equal(interrupts.outcome, 'fail');
  assert.deepEqual(interrupts.sources, ['/proc/interrupts', UNSAFE]);
  assert.match(interrupts.fact, /shows no interrupt remapping/);
  assert.match(interrupts.remedy, /intremap=off .* nointremap .* armemu never sets allow_unsafe_interrupts/);
  assert.match((await command('vfio', 'list')).output, /^0000:01:00\.0 .* no interrupt remapping /m);
});

test('what the owner of the host accepts is a warning, and a guest gets the device', async () => {
  writeFileSync(UNSAFE, 'Y');
  try {
    const { code, devices } = await check(ADDRESS.edu, '--memory', '32M');
    assert.equal(code, 0);
    assert.equal(devices[0].interrupts.outcome, 'warning');
    assert.match(devices[0].interrupts.remedy, /use guests that you trust/);
    const { code: end, output } = await runArmemu([...run(ADDRESS.edu), '--memory', '32M']);
    assert.match(output, /SELFTEST PASS/);
    assert.equal(end, 0, output);
  } finally {
    writeFileSync(UNSAFE, 'N');
  }
});
