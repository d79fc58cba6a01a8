import { behindSmmu } from './behind-smmu.ts';
import { type BoardDescription, ppi, spi } from './board.ts';
import { ADDITIONS, motherboard, oscillator } from './vexpress-motherboard.ts';
import { messageFrame, pcieHost, smmuBeforePcie } from './vexpress-pcie.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** PERIPHBASE of the Cortex-A15 MPCore (ARM DUI 0604 table 3-2). */
const PRIVATE = 0x2c00_0000;

const RAM = { base: 0x8000_0000, defaultSize: 512 * MIB, maxSize: 2 * GIB };

const plain: BoardDescription = {
  name: 'vexpress-a15',
  model: 'V2P-CA15',
  compatible: ['arm,vexpress,v2p-ca15,tc1', 'arm,vexpress,v2p-ca15', 'arm,vexpress'],
  addressCells: 2,
  sizeCells: 2,
  cpuModels: [{ name: 'cortex-a15', compatible: 'arm,cortex-a15' }],
  maxCpus: 4,
  ram: RAM,
  privatePeripherals: PRIVATE,
  absent: 'zero',
  interruptController: 'gic',
  console: 'uart0',
  additions: ADDITIONS,
  devices: [
    {
      kind: 'gic-v2',
      name: 'gic',
      compatible: 'arm,cortex-a15-gic',
      distributor: { base: PRIVATE + 0x1000, size: 0x1000 },
      cpuInterface: { base: PRIVATE + 0x2000, size: 0x2000 },
      // The real board has 128; the others are the PCI functions' messages.
      spis: 192,
    },
    messageFrame(0x2f02_0000, 128),
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
    {
      kind: 'pmu',
      name: 'pmu',
      compatible: 'arm,cortex-a15-pmu',
      interrupts: [spi(68), spi(69), spi(70), spi(71)],
    },
    ...motherboard(
      {
        flash: [0x0800_0000, 0x0c00_0000],
        sram: 0x1400_0000,
        videoRam: 0x1800_0000,
        sysreg: 0x1c01_0000,
        screen: true,
        peripheral: (number) => 0x1c00_0000 + number * 0x1_0000,
      },
      0x1400_0237,
    ),
    { kind: 'static-ram', name: 'a15sram', range: { base: 0x2e00_0000, size: 0x1_0000 } },
    {
      kind: 'vexpress-config-bus',
      name: 'dcc',
      bridge: 'sysreg',
      site: 1,
      entries: [
        oscillator('oscclk0', 0, 60_000_000, [50_000_000, 60_000_000]),
        oscillator('oscclk4', 4, 40_000_000, [20_000_000, 40_000_000]),
        oscillator('oscclk5', 5, 23_750_000, [23_750_000, 165_000_000]),
        oscillator('oscclk6', 6, 50_000_000, [20_000_000, 50_000_000]),
        oscillator('oscclk7', 7, 60_000_000, [20_000_000, 60_000_000]),
        oscillator('oscclk8', 8, 40_000_000, [40_000_000, 40_000_000]),
        { name: 'volt-cores', function: 'volt', device: 0, value: 900_000, label: 'Cores' },
        { name: 'amp-cores', function: 'amp', device: 0, label: 'Cores' },
        { name: 'temp-dcc', function: 'temp', device: 0, label: 'DCC' },
        { name: 'power-cores', function: 'power', device: 0, label: 'Cores' },
        { name: 'energy', function: 'energy', device: 0, label: 'Cores' },
      ],
    },
    // The real board has no PCI. Its map is free here: 0x30000000 up, and the bus to a second daughterboard at 0x40000000.
    pcieHost(0x4000_0000, 0x3f00_0000),
  ],
};

/** DMA stays clear of 0xfee00000, the place of messages on x86 hosts. */
const DMA_WINDOW = { base: RAM.base, size: 0xfee0_0000 - RAM.base };

/**
 * Versatile Express with a CoreTile Express A15x2 (ARM DUI 0604) in the A-series memory map (RS1): addresses and interrupts
 * as QEMU has them, and a PCIe host bridge, which neither has. Without or with an SMMU before it.
 */
export const vexpressA15: BoardDescription = {
  ...plain,
  withSmmuV2: behindSmmu(plain, smmuBeforePcie(0x2f00_0000, 104), DMA_WINDOW),
};
