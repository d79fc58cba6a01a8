import { type GicV2mRow, type PcieHostRow, type SmmuV2Row, spi } from './board.ts';

// What the real boards lack and both have here: PCIe, its message frame, an SMMU. Each board says where there is room.

const MIB = 2 ** 20;

/** Messages of the PCI functions. @param firstSpi behind those that the board's devices have */
export function messageFrame(base: number, firstSpi: number): GicV2mRow {
  return {
    kind: 'gic-v2m',
    name: 'v2m',
    parent: 'gic',
    range: { base, size: 0x1000 },
    firstSpi,
    spiCount: 64,
  };
}

/**
 * @param memory bottom of the window for memory BARs, 1007 MiB
 * @param ecam bottom of the configuration space of 16 buses; the I/O ports are right below
 */
export function pcieHost(memory: number, ecam: number): PcieHostRow {
  return {
    kind: 'pcie-host',
    name: 'pcie',
    ecam: { base: ecam, size: 16 * MIB },
    memoryWindow: { base: memory, size: 0x3eff_0000 },
    ioWindow: { base: ecam - 0x1_0000, size: 0x1_0000 },
    interrupts: [spi(52), spi(53), spi(54), spi(55)],
    msiController: 'v2m',
  };
}

/** @param firstContext SPI of context bank 0 */
export function smmuBeforePcie(base: number, firstContext: number): SmmuV2Row {
  return {
    kind: 'smmu-v2',
    name: 'smmu',
    range: { base, size: 0x1_0000 },
    globalInterrupt: spi(56),
    contextInterrupts: Array.from({ length: 8 }, (_unused, n) => spi(firstContext + n)),
  };
}
