import { describe, expect, it } from 'vitest';
import { GICD } from '../../src/devices/gic-v2-distributor.ts';
import { GICV2M, GicV2m } from '../../src/devices/gic-v2m.ts';
import { GicFixture } from './gic-v2-fixture.ts';

const BASE = 80;
const COUNT = 64;

/** The frame of QEMU's virt board: SPIs 48 to 111. */
function frame() {
  const gic = new GicFixture().enableAll();
  const lines = Array.from({ length: COUNT }, (_, n) => gic.gic.spi(BASE - 32 + n));
  const pending = (intid: number) => gic.bit(GICD.ISPENDR, intid);
  for (let intid = BASE; intid < BASE + COUNT; intid++) {
    gic.setEdge(intid, true);
  }
  return { pending, v2m: new GicV2m({ baseIntid: BASE, lines }) };
}

describe('GICv2m (Server Base System Architecture, appendix E)', () => {
  it('tells its first INTID and the number of its interrupts in MSI_TYPER', () => {
    const { v2m } = frame();
    expect(v2m.read(GICV2M.MSI_TYPER)).toBe(0x00500040);
  });

  it('identifies itself as QEMU does', () => {
    const { v2m } = frame();
    expect(v2m.read(GICV2M.MSI_IIDR)).toBe(0x05100000);
    expect(v2m.read(GICV2M.MSI_SETSPI_NS)).toBe(0);
  });

  it.each([4, 2] as const)('makes the SPI pending that a %i-byte write to MSI_SETSPI_NS names', (size) => {
    const { v2m, pending } = frame();
    v2m.write(GICV2M.MSI_SETSPI_NS, size, 143);
    expect(pending(143)).toBe(1);
    expect(pending(142)).toBe(0);
    v2m.write(GICV2M.MSI_SETSPI_NS, size, 80);
    expect(pending(80)).toBe(1);
  });

  it('ignores messages for interrupts that are not its own, bytes, and other registers', () => {
    const { v2m, pending } = frame();
    v2m.write(GICV2M.MSI_SETSPI_NS, 4, 79);
    v2m.write(GICV2M.MSI_SETSPI_NS, 4, 144);
    v2m.write(GICV2M.MSI_SETSPI_NS, 1, 81);
    v2m.write(GICV2M.MSI_TYPER, 4, 81);
    expect([79, 144, 81].map(pending)).toEqual([0, 0, 0]);
  });
});
