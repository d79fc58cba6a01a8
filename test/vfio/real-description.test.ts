import { describe, expect, it } from 'vitest';
import { PassthroughError } from '../../src/errors.ts';
import type { RegionInfo } from '../../src/vfio/info-chains.ts';
import { describeRealFunction } from '../../src/vfio/real-description.ts';
import { type ConfigBuilder, cardConfig } from './fake-config.ts';

function regions(...sizes: number[]): RegionInfo[] {
  return [0, 1, 2, 3, 4, 5].map((index) => ({
    index,
    flags: 3,
    size: sizes[index] ?? 0,
    offset: 0,
    mappable: [],
  }));
}

const ALL = { intx: true, msi: 32, msix: 2048 };

function described(config: ConfigBuilder = cardConfig(), interrupts = ALL, resettable = true) {
  return describeRealFunction(
    '0000:01:00.0',
    config.bytes,
    regions(0x20000, 0x4000, 0, 32),
    interrupts,
    resettable,
  );
}

describe('a real function as the guest sees it', () => {
  it('has the identity of the device', () => {
    expect(described().description).toMatchObject({
      vendorId: 0x8086,
      deviceId: 0x10d3,
      revision: 3,
      classCode: 0x020000,
      subsystemVendorId: 0x8086,
      subsystemId: 0x1234,
      interruptPin: 2,
      pcie: true,
      powerManagement: true,
      functionLevelReset: true,
    });
  });

  it('has its BARs with the sizes of the regions; a 64-bit BAR takes two registers', () => {
    expect(described().description.bars).toEqual([
      { index: 0, kind: 'memory32', prefetchable: false, size: 0x20000 },
      { index: 1, kind: 'memory64', prefetchable: true, size: 0x4000 },
      { index: 3, kind: 'io', size: 32 },
    ]);
  });

  it('keeps the standard capabilities where the device has them', () => {
    expect(described().description.capabilityOffsets).toEqual({
      powerManagement: 0xc8,
      msi: 0xd0,
      msix: 0xa0,
      pcie: 0xe0,
    });
  });

  it('has as many MSI vectors as the device and the host have, a power of two', () => {
    expect(described().description.msi).toEqual({ vectors: 4, is64Bit: true, maskable: true });
    expect(described(cardConfig(), { ...ALL, msi: 3 }).description.msi?.vectors).toBe(2);
    expect(described(cardConfig(), { ...ALL, msi: 0 }).description.msi).toBeUndefined();
  });

  it('has the MSI-X table and pending bits where the device has them', () => {
    expect(described().description.msix).toEqual({
      vectors: 5,
      tableBar: 1,
      tableOffset: 0,
      pbaBar: 1,
      pbaOffset: 0x2000,
    });
    expect(described(cardConfig(), { ...ALL, msix: 0 }).description.msix).toBeUndefined();
  });

  it('has no pin when the host can not deliver it, and offers no function-level reset that can not be carried out', () => {
    expect(described(cardConfig(), { ...ALL, intx: false }).description.interruptPin).toBe(0);
    expect(described(cardConfig(), ALL, false).description.functionLevelReset).toBe(false);
  });

  it("shows vendor-specific capabilities and product data at the device's places, no others", () => {
    const config = cardConfig()
      .capability(0x09, 0x40, [8, 0x11, 0x22, 0x33, 0x44, 0x55])
      .capability(0x03, 0x50, [0, 0, 1, 2, 3, 4])
      .capability(0x13, 0x60, [6, 3, 0, 0]);
    expect(described(config).description.extraCapabilities).toEqual([
      { id: 0x09, offset: 0x40, bytes: Uint8Array.of(8, 0x11, 0x22, 0x33, 0x44, 0x55) },
      { id: 0x03, offset: 0x50, bytes: Uint8Array.of(0, 0, 1, 2, 3, 4) },
    ]);
  });

  it('refuses a bridge by its header type', () => {
    expect(() => described(cardConfig().set(0x0e, 1, 0x81))).toThrow(PassthroughError);
  });
});
