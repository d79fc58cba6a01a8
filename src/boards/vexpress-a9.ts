import { behindSmmu } from './behind-smmu.ts';
import { type BoardDescription, ppi, spi } from './board.ts';
import { ADDITIONS, motherboard, oscillator, VGA } from './vexpress-motherboard.ts';
import { messageFrame, pcieHost, smmuBeforePcie } from './vexpress-pcie.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** PERIPHBASE of the Cortex-A9 MPCore (ARM DUI 0448 table 3-2). */
const PRIVATE = 0x1e00_0000;

const RAM = { base: 0x6000_0000, defaultSize: 512 * MIB, maxSize: 1 * GIB };

const plain: BoardDescription = {
  name: 'vexpress-a9',
  model: 'V2P-CA9',
  compatible: ['arm,vexpress,v2p-ca9', 'arm,vexpress'],
  addressCells: 1,
  sizeCells: 1,
  cpuModels: [{ name: 'cortex-a9', compatible: 'arm,cortex-a9' }],
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
      compatible: 'arm,cortex-a9-gic',
      distributor: { base: PRIVATE + 0x1000, size: 0x1000 },
      cpuInterface: { base: PRIVATE + 0x100, size: 0x100 },
      // The real board has 64; the others are the PCI functions' messages and the SMMU's.
      spis: 160,
    },
    messageFrame(0x5002_0000, 64),
    { kind: 'fixed-clock', name: 'periphclk', frequencyHz: 100_000_000, outputName: 'periphclk' },
    { kind: 'a9-scu', name: 'scu', range: { base: PRIVATE, size: 0x100 } },
    {
      kind: 'a9-global-timer',
      name: 'global-timer',
      range: { base: PRIVATE + 0x200, size: 0x20 },
      clock: 'periphclk',
      interrupt: ppi(11),
    },
    {
      kind: 'a9-private-timers',
      name: 'private-timers',
      range: { base: PRIVATE + 0x600, size: 0x40 },
      clock: 'periphclk',
      timer: ppi(13),
      watchdog: ppi(14),
    },
    { kind: 'l2c-310', name: 'L2', range: { base: PRIVATE + 0xa000, size: 0x1000 }, interrupt: spi(43) },
    {
      kind: 'pmu',
      name: 'pmu',
      compatible: 'arm,cortex-a9-pmu',
      interrupts: [spi(60), spi(61), spi(62), spi(63)],
    },
    ...motherboard(
      {
        flash: [0x4000_0000, 0x4400_0000],
        sram: 0x4800_0000,
        videoRam: 0x4c00_0000,
        sysreg: 0x1000_0000,
        screen: false,
        peripheral: (number) => 0x1000_0000 + number * 0x1000,
      },
      0x0c00_0191,
    ),
    {
      kind: 'pl111',
      name: 'tile-clcd',
      range: { base: 0x1002_0000, size: 0x1000 },
      interrupt: spi(44),
      clock: 'dcc clcdclk',
      frequencyHz: 23_750_000,
      busClock: 'clk24mhz',
      panel: VGA,
    },
    {
      kind: 'vexpress-config-bus',
      name: 'dcc',
      bridge: 'sysreg',
      site: 1,
      entries: [
        oscillator('extsaxiclk', 0, 45_000_000, [30_000_000, 50_000_000]),
        oscillator('clcdclk', 1, 23_750_000, [10_000_000, 80_000_000]),
        oscillator('tcrefclk', 2, 66_670_000, [33_000_000, 100_000_000]),
        ...(
          [
            ['volt-vd10', 'VD10', 1_000_000],
            ['volt-vd10-s2', 'VD10_S2', 1_000_000],
            ['volt-vd10-s3', 'VD10_S3', 1_000_000],
            ['volt-vcc1v8', 'VCC1V8', 1_800_000],
            ['volt-ddr2vtt', 'DDR2VTT', 900_000],
            ['volt-vcc3v3', 'VCC3V3', 3_300_000],
          ] as const
        ).map(([name, label, value], device) => ({ name, function: 'volt', device, value, label }) as const),
        { name: 'amp-vd10-s2', function: 'amp', device: 0, label: 'VD10_S2' },
        { name: 'amp-vd10-s3', function: 'amp', device: 1, label: 'VD10_S3' },
        { name: 'power-vd10-s2', function: 'power', device: 0, label: 'PVD10_S2' },
        { name: 'power-vd10-s3', function: 'power', device: 1, label: 'PVD10_S3' },
      ],
    },
    // The real board has no PCI; its map is free here (between RAM and the bus to a second daughterboard).
    pcieHost(0xa000_0000, 0xdf00_0000),
  ],
};

/**
 * Versatile Express with a CoreTile Express A9x4 (ARM DUI 0448) in the legacy memory map: addresses and interrupts as QEMU
 * has them, and a PCIe host bridge, which neither has. Without or with an SMMU before it.
 */
export const vexpressA9: BoardDescription = {
  ...plain,
  withSmmuV2: behindSmmu(plain, smmuBeforePcie(0x5000_0000, 128), { base: RAM.base, size: RAM.maxSize }),
};
