// The real edu in the slot of boards that never had one: the firmware's own tests of it pass, by poll, MSI and INTx.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runArmemu } from '../guest/armemu.mjs';
import { bindToVfio } from '../guest/host.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const CHECKS = [
  'edu identification',
  'DMA \\(poll\\)',
  'DMA \\(MSI\\)',
  'DMA \\(INTx\\)',
  'endpoint MSI',
  'endpoint INTx',
  'bus master off',
];

for (const machine of ['vexpress-a9', 'vexpress-a15', 'vexpress-a9,iommu=smmuv2']) {
  test(`the real edu in the slot of ${machine}: DMA, MSI and INTx`, async () => {
    bindToVfio(ADDRESS.edu);
    const { code, output } = await runArmemu([
      ...['run', '--machine', machine, '--memory', '64M', '--vfio', ADDRESS.edu, '--append', 'selftest'],
    ]);
    for (const check of CHECKS) assert.match(output, new RegExp(`\\[ ok \\] 00:01\\.0 ${check} `));
    assert.match(output, /SELFTEST PASS/);
    assert.equal(code, 0, output);
  });
}
