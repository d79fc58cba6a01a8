import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { run } from '../guest/armemu.mjs';
import { bindToVfio, openGroupOnce } from '../guest/host.mjs';
import { assertRefused } from '../guest/refusal.mjs';
import { ADDRESS } from '../guest/topology.mjs';

before(() => bindToVfio(ADDRESS.edu));

test('without interrupt remapping armemu refuses, and does not switch the protection off', async () => {
  await assertRefused(run(ADDRESS.edu), [/interrupt/, /EPERM/, /interrupt remapping/]);
  openGroupOnce(ADDRESS.edu);
  const unsafe = readFileSync('/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts', 'utf8');
  assert.equal(unsafe.trim(), 'N');
});
