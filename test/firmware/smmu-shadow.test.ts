import { expect, test } from 'vitest';
import { edu } from '../../src/index.ts';
import { BehindHostIommu } from './behind-host-iommu.ts';
import { Prompt } from './prompt.ts';
import { SoftwareNvme } from './software-nvme.ts';

test.each([
  ['virt,iommu=smmuv2', ['short', 'long', 'aarch64']],
  ['virt,iommu=smmuv3', ['long', 'aarch64']],
] as const)(
  '%s: the firmware’s checks pass with devices whose DMA only a host’s IOMMU translates',
  async (machine, formats) => {
    const drive = Uint8Array.from(
      { length: 64 * 4096 },
      (_unused, i) => i * 7 + (i >> 8) * 13 + (i >> 12) * 31,
    );
    const devices = [
      new BehindHostIommu(edu({ dmaMask: 0xffff_ffff })),
      new BehindHostIommu(new SoftwareNvme(drive)),
    ];
    const prompt = await Prompt.of({ machine, memory: '64M', pci: devices });
    const printed = await prompt.command('smmu check');
    const { maps = 0, unmaps = 0, gaps = 0, refused } = prompt.machine.shadowStatistics() ?? {};
    await prompt.stop();
    expect(printed).not.toMatch(/\[fail\]/);
    for (const format of formats) {
      for (const name of ['mapped', 'remapped', 'read from read-only page', 'writable again', 'block']) {
        expect(printed).toMatch(new RegExp(`\\[ ok \\] 00:01.0 SMMU ${format} ${name} +byte for byte`));
      }
      for (const name of ['queues', 'mapped', 'remapped']) {
        expect(printed).toMatch(new RegExp(`\\[ ok \\] 00:02.0 SMMU ${format} ${name} +byte for byte`));
      }
      for (const name of [
        'write to read-only page',
        'write after unmap',
        'physical address',
        'refused stream',
      ]) {
        // The host tells nobody what it has stopped.
        expect(printed).toMatch(
          new RegExp(`\\[ ok \\] 00:01.0 SMMU ${format} ${name} +blocked; no fault reported`),
        );
      }
    }
    expect(devices.map(({ stops }) => stops)).toEqual([0, 0]);
    for (const { iommu } of devices) expect(iommu.blocked).toBeGreaterThan(5);
    expect(maps).toBeGreaterThan(30);
    expect(unmaps).toBeGreaterThan(30);
    // A page that becomes read-only, and writable again.
    expect(gaps).toBeGreaterThanOrEqual(2);
    expect(refused).toBe(0);
  },
  120_000,
);
