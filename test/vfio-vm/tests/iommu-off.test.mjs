import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { run } from '../guest/armemu.mjs';
import { asRoot } from '../guest/as-user.mjs';
import { check, command } from '../guest/command.mjs';
import { assertRefused } from '../guest/refusal.mjs';
import { ADDRESS } from '../guest/topology.mjs';

test('without an IOMMU armemu refuses, and says how to switch it on', async () => {
  for (const address of [ADDRESS.edu, ADDRESS.virtioNet]) {
    await assertRefused(run(address), [/no IOMMU/, /intel_iommu=on/]);
  }
});

test('`armemu vfio check` names the word of the command line, and the commands that change it', async () => {
  const { code, devices } = await check(ADDRESS.edu);
  assert.equal(code, 1);
  const { iommu, driver } = devices[0];
  assert.match(iommu.fact, /no IOMMU.*The kernel was told so: intel_iommu=off/);
  assert.match(iommu.remedy, /sed -i .*intel_iommu=off.*intel_iommu=on/);
  assert.equal(driver.fact, "it depends on 'iommu'");
  // Restarting this host would start it as it is; the edit is looked at instead.
  writeFileSync('/tmp/grub', 'GRUB_CMDLINE_LINUX="quiet intel_iommu=off"\n');
  asRoot(/sed -i .*(?= && update-grub)/.exec(iommu.remedy)[0].replace('/etc/default/grub', '/tmp/grub'));
  assert.equal(readFileSync('/tmp/grub', 'utf8'), 'GRUB_CMDLINE_LINUX="intel_iommu=on quiet "\n');
});

test('`list` says of each device that there is none, and `bind` binds none', async () => {
  const { code, output } = await command('vfio', 'list');
  assert.equal(code, 0);
  assert.match(output, /^0000:01:00\.0 .* no IOMMU /m);
  const { code: refused, errors } = await command('vfio', 'bind', ADDRESS.edu);
  assert.equal(refused, 2);
  assert.match(errors, /no IOMMU.*\n.*intel_iommu=on/s);
});
