// A real device behind the guest's SMMU: what its tables give reaches the device's DMA, and nothing else does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Firmware } from '../guest/firmware.mjs';
import { bindToVfio } from '../guest/host.mjs';
import { ADDRESS } from '../guest/topology.mjs';

test("the firmware's own checks pass with the real edu, whose faults only the host sees", async (t) => {
  bindToVfio(ADDRESS.edu);
  const firmware = await Firmware.boot([ADDRESS.edu], { machine: 'virt,iommu=smmuv2' });
  t.after(() => firmware.stop());
  assert.doesNotMatch(firmware.banner, /\[fail\]/);
  const printed = await firmware.command('smmu check');
  assert.doesNotMatch(printed, /\[fail\]/);
  for (const format of ['short', 'long', 'aarch64']) {
    assert.match(printed, new RegExp(`SMMU ${format} write after unmap +blocked; no fault reported`));
    assert.match(printed, new RegExp(`SMMU ${format} MSI +byte for byte`));
  }
});
