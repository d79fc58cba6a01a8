import { test } from 'node:test';
import { run } from '../guest/armemu.mjs';
import { assertRefused } from '../guest/refusal.mjs';
import { ADDRESS } from '../guest/topology.mjs';

test('without an IOMMU armemu refuses, and says how to switch it on', async () => {
  for (const address of [ADDRESS.edu, ADDRESS.virtioNet]) {
    await assertRefused(run(address), [/no IOMMU/, /intel_iommu=on/]);
  }
});
