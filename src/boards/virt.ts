import { behindSmmu } from './behind-smmu.ts';
import {
  type BoardDescription,
  type DeviceRow,
  type InterruptInput,
  ppi,
  type SmmuV2Row,
  type SmmuV3Row,
  spi,
  type VirtioMmioRow,
} from './board.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

const virtWithGicV2: BoardDescription = {
  name: 'virt',
  model: 'linux,dummy-virt',
  compatible: ['linux,dummy-virt'],
  addressCells: 2,
  sizeCells: 2,
  cpuModels: [{ name: 'cortex-a15', compatible: 'arm,cortex-a15' }],
  // A GICv2 has eight CPU interfaces (IHI 0048B 1.1).
  maxCpus: 8,
  // RAM ends where a 32-bit physical address does.
  ram: { base: 1 * GIB, defaultSize: 512 * MIB, maxSize: 3 * GIB },
  privatePeripherals: 0x0800_0000,
  absent: 'abort',
  interruptController: 'gic',
  console: 'uart0',
  powerButton: 'poweroff',
  devices: [
    {
      kind: 'gic-v2',
      name: 'gic',
      compatible: 'arm,cortex-a15-gic',
      distributor: { base: 0x0800_0000, size: 0x1_0000 },
      cpuInterface: { base: 0x0801_0000, size: 0x1_0000 },
      spis: 256,
    },
    {
      kind: 'gic-v2m',
      name: 'v2m',
      parent: 'gic',
      range: { base: 0x0802_0000, size: 0x1000 },
      firstSpi: 48,
      spiCount: 64,
    },
    {
      kind: 'generic-timer',
      name: 'timer',
      compatible: 'arm,armv7-timer',
      frequencyHz: 62_500_000,
      interrupts: {
        securePhysical: ppi(13),
        nonSecurePhysical: ppi(14),
        virtual: ppi(11),
        hypervisor: ppi(10),
      },
    },
    { kind: 'psci', name: 'psci', conduit: 'hvc' },
    { kind: 'fixed-clock', name: 'apb-pclk', frequencyHz: 24_000_000, outputName: 'clk24mhz' },
    {
      kind: 'pl011',
      name: 'uart0',
      range: { base: 0x0900_0000, size: 0x1000 },
      interrupt: spi(1),
      clock: 'apb-pclk',
    },
    {
      kind: 'pl031',
      name: 'rtc',
      range: { base: 0x0901_0000, size: 0x1000 },
      interrupt: spi(2),
      clock: 'apb-pclk',
    },
    { kind: 'fw-cfg', name: 'fw-cfg', range: { base: 0x0902_0000, size: 0x18 } },
    {
      kind: 'pl061',
      name: 'gpio',
      range: { base: 0x0903_0000, size: 0x1000 },
      interrupt: spi(7),
      clock: 'apb-pclk',
    },
    { kind: 'gpio-key', name: 'poweroff', gpio: 'gpio', line: 3, label: 'GPIO Key Poweroff', code: 116 },
    {
      kind: 'cfi-flash',
      name: 'flash',
      banks: [
        { base: 0, size: 64 * MIB },
        { base: 0x0400_0000, size: 64 * MIB },
      ],
      blockSize: 256 * 1024,
    },
    {
      kind: 'pcie-host',
      name: 'pcie',
      ecam: { base: 0x3f00_0000, size: 16 * MIB },
      memoryWindow: { base: 0x1000_0000, size: 0x2eff_0000 },
      ioWindow: { base: 0x3eff_0000, size: 0x1_0000 },
      interrupts: [spi(3), spi(4), spi(5), spi(6)],
      msiController: 'v2m',
    },
    ...Array.from(
      { length: 32 },
      (_unused, n): VirtioMmioRow => ({
        kind: 'virtio-mmio',
        name: `virtio-mmio ${n}`,
        range: { base: 0x0a00_0000 + 0x200 * n, size: 0x200 },
        interrupt: { kind: 'spi', number: 16 + n, trigger: 'edge-rising' },
      }),
    ),
  ],
};

/** What `gic-version=3` puts in place of the GICv2 and its frame. */
const GIC_V3: readonly DeviceRow[] = [
  {
    kind: 'gic-v3',
    name: 'gic',
    distributor: { base: 0x0800_0000, size: 0x1_0000 },
    redistributors: { base: 0x080a_0000, size: 0xf6_0000 },
    spis: 256,
  },
  { kind: 'gic-v3-its', name: 'its', parent: 'gic', range: { base: 0x0808_0000, size: 0x2_0000 } },
];

const virtWithGicV3: BoardDescription = {
  ...virtWithGicV2,
  devices: [
    ...GIC_V3,
    ...virtWithGicV2.devices
      .filter(({ kind }) => kind !== 'gic-v2' && kind !== 'gic-v2m')
      .map((row) => (row.kind === 'pcie-host' ? { ...row, msiController: 'its' } : row)),
  ],
};

/** What `iommu=smmuv2` adds: at the address of QEMU's SMMUv3. */
const SMMU_V2: SmmuV2Row = {
  kind: 'smmu-v2',
  name: 'smmu',
  range: { base: 0x0905_0000, size: 0x1_0000 },
  globalInterrupt: spi(112),
  contextInterrupts: Array.from({ length: 8 }, (_unused, n) => spi(113 + n)),
};

/** What `iommu=smmuv3` adds: QEMU's, but for interrupts. Those that it has there, SPI 74 to 77, are the GICv2m frame's, too. */
const SMMU_V3: SmmuV3Row = {
  kind: 'smmu-v3',
  name: 'smmu',
  range: { base: 0x0905_0000, size: 0x2_0000 },
  interrupts: {
    eventQueue: edge(112),
    priQueue: edge(113),
    commandSync: edge(114),
    globalError: edge(115),
  },
};

function edge(number: number): InterruptInput {
  return { kind: 'spi', number, trigger: 'edge-rising' };
}

/**
 * Addresses for DMA: those of RAM, so that a guest without a driver for the SMMU, which then is no obstacle, reaches all of
 * it. Linux takes its IOVAs from here, too: clear of the places that MSIs have on hosts, 0xfee00000 on x86 and 0x08000000
 * on Arm.
 */
const DMA_WINDOW = { base: 1 * GIB, size: 0xfee0_0000 - 1 * GIB };

function withSmmus(board: BoardDescription): Pick<BoardDescription, 'withSmmuV2' | 'withSmmuV3'> {
  return {
    withSmmuV2: behindSmmu(board, SMMU_V2, DMA_WINDOW),
    withSmmuV3: behindSmmu(board, SMMU_V3, DMA_WINDOW),
  };
}

/**
 * QEMU's `virt` with its PCI below 4 GiB (`highmem=off`): addresses and interrupts as its device tree has them,
 * which `test/boards/virt-device-tree.test.ts` compares.
 * Cortex-A15 and GICv2, or a GICv3 with an ITS; without or with an SMMU.
 */
export const virt: BoardDescription = {
  ...virtWithGicV2,
  ...withSmmus(virtWithGicV2),
  withGicV3: { ...virtWithGicV3, ...withSmmus(virtWithGicV3) },
};
