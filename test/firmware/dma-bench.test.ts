import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BehindHostIommu } from './behind-host-iommu.ts';
import { Prompt } from './prompt.ts';
import { SoftwareNvme } from './software-nvme.ts';

const IMAGE = readFileSync(new URL('../../firmware/prebuilt/dma-bench.elf', import.meta.url));

test('the guest of npm run bench:vfio reads a drive at its own addresses and behind the SMMU, and edits its tables', async () => {
  const device = new BehindHostIommu(new SoftwareNvme(new Uint8Array(64 * 4096)));
  const prompt = await Prompt.of({
    machine: 'virt,iommu=smmuv2',
    memory: '64M',
    kernel: IMAGE,
    pci: [device],
  });
  expect(await prompt.command('reads 20')).toMatch(/^reads: 20 in \d+ us, \d+ per second$/m);
  for (const format of ['short', 'long', 'aarch64']) {
    await prompt.command(`translate ${format}`);
    expect(await prompt.command('reads 40 15')).toMatch(/^reads: 40 in /m);
    const before = prompt.machine.shadowStatistics()?.maps ?? 0;
    expect(await prompt.command('edits 20')).toMatch(/^edits: 20 in /m);
    // Each second one is a mapping, and one makes the table.
    expect((prompt.machine.shadowStatistics()?.maps ?? 0) - before).toBe(11);
  }
  await prompt.stop();
  expect([device.stops, device.iommu.blocked]).toEqual([0, 0]);
}, 120_000);
