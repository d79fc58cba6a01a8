import { SYS } from '../devices/vexpress-sysreg.ts';
import { type DeviceRow, spi, type VirtioMmioRow } from './board.ts';
import type { PanelTiming } from './input-output-rows.ts';
import type { ConfigEntry } from './vexpress-rows.ts';

const MIB = 2 ** 20;

/** Where a memory map has the chip selects of the static memory bus, and the peripherals' place in the last of them. */
export interface MotherboardMap {
  /** Two banks of NOR flash, 64 MiB each. */
  readonly flash: readonly [number, number];
  readonly sram: number;
  readonly videoRam: number;
  readonly sysreg: number;
  /** Whether the screen hangs on the motherboard's display controller. */
  readonly screen: boolean;
  /** Address of another peripheral by its number on the bus, which is the same in both maps from 4 on. */
  peripheral(number: number): number;
}

/** What the motherboard's configuration bus reaches; what has no value can't be read on QEMU either. */
const MOTHERBOARD_CONFIG: readonly ConfigEntry[] = [
  oscillator('oscclk0', 0, 50_000_000, [25_000_000, 60_000_000]),
  oscillator('oscclk1', 1, 23_750_000, [23_750_000, 65_000_000]),
  oscillator('oscclk2', 2, 24_000_000, [24_000_000, 24_000_000]),
  { name: 'volt-vio', function: 'volt', device: 0, value: 3_300_000, label: 'VIO' },
  { name: 'temp-mcc', function: 'temp', device: 0, label: 'MCC' },
  { name: 'reset', function: 'reset', device: 0 },
  { name: 'muxfpga', function: 'muxfpga', device: 0, writable: true },
  { name: 'shutdown', function: 'shutdown', device: 0, writable: true },
  { name: 'reboot', function: 'reboot', device: 0, writable: true },
  { name: 'dvimode', function: 'dvimode', device: 0, writable: true },
];

/**
 * A panel of 640 by 480 pixels. The real boards have a DVI transmitter in its place, whose monitor has to tell its sizes, and of
 * which Debian's driver for the display controller knows nothing.
 */
export const VGA: PanelTiming = {
  clockHz: 25_175_000,
  width: 640,
  height: 480,
  horizontal: { frontPorch: 16, backPorch: 48, sync: 96 },
  vertical: { frontPorch: 10, backPorch: 33, sync: 2 },
};

/** Numbers of the virtio-mmio transports' interrupts, which the real boards leave free: as QEMU has them. */
const VIRTIO_SPI = 40;

/** What neither the real boards nor Linux' device trees for them have. */
export const ADDITIONS = ['virtio-mmio', 'gic-v2m', 'smmu-v2', 'pcie-host'] as const;

/** The devices of the motherboard V2M-P1 (ARM DUI 0447), which both Versatile Express boards have. */
export function motherboard(map: MotherboardMap, procId: number): readonly DeviceRow[] {
  const at = (number: number) => ({ base: map.peripheral(number), size: 0x1000 });
  return [
    { kind: 'fixed-clock', name: 'clk24mhz', frequencyHz: 24_000_000, outputName: 'v2m:clk24mhz' },
    { kind: 'fixed-clock', name: 'refclk1mhz', frequencyHz: 1_000_000, outputName: 'v2m:refclk1mhz' },
    { kind: 'fixed-clock', name: 'refclk32khz', frequencyHz: 32_768, outputName: 'v2m:refclk32khz' },
    {
      kind: 'vexpress-sysreg',
      name: 'sysreg',
      range: { base: map.sysreg, size: 0x1000 },
      procId,
      cardSlot: 'mmci',
    },
    { kind: 'vexpress-config-bus', name: 'mcc', bridge: 'sysreg', site: 0, entries: MOTHERBOARD_CONFIG },
    { kind: 'fixed-regulator', name: 'fixed-regulator-0', microvolts: 3_300_000, label: '3V3' },
    {
      kind: 'pl181',
      name: 'mmci',
      range: at(0x05),
      interrupts: [spi(9), spi(10)],
      clock: 'clk24mhz',
      maxFrequencyHz: 12_000_000,
      busClock: 'clk24mhz',
      switches: 'sysreg sys_mci',
      supply: 'fixed-regulator-0',
    },
    {
      kind: 'lan9118',
      name: 'ethernet',
      // In the chip select of the video RAM.
      range: { base: map.videoRam + 32 * MIB, size: 0x1_0000 },
      interrupt: spi(15),
      supply: 'fixed-regulator-0',
    },
    { kind: 'pl041', name: 'aaci', range: at(0x04), interrupt: spi(11), busClock: 'clk24mhz' },
    ...(['keyboard', 'mouse'] as const).map(
      (device, n): DeviceRow => ({
        kind: 'pl050',
        name: device,
        device,
        range: at(0x06 + n),
        interrupt: spi(12 + n),
        clock: 'clk24mhz',
        busClock: 'clk24mhz',
      }),
    ),
    {
      kind: 'pl111',
      name: 'clcd',
      range: at(0x1f),
      interrupt: spi(14),
      clock: 'mcc oscclk1',
      frequencyHz: 23_750_000,
      busClock: 'clk24mhz',
      ...(map.screen && { panel: VGA }),
    },
    {
      kind: 'vexpress-leds',
      name: 'leds',
      sysreg: 'sysreg',
      triggers: ['heartbeat', 'mmc0', 'cpu0', 'cpu1', 'cpu2', 'cpu3', 'cpu4', 'cpu5'],
    },
    ...[0, 1, 2, 3].map(
      (n): DeviceRow => ({
        kind: 'pl011',
        name: `uart${n}`,
        range: at(0x09 + n),
        interrupt: spi(5 + n),
        clock: 'clk24mhz',
      }),
    ),
    {
      kind: 'sp805',
      name: 'watchdog',
      range: at(0x0f),
      interrupt: spi(0),
      clock: 'refclk32khz',
      busClock: 'clk24mhz',
    },
    ...[0, 1].map(
      (n): DeviceRow => ({
        kind: 'sp804',
        name: `timer${n}`,
        range: at(0x11 + n),
        interrupt: spi(2 + n),
        clock: 'refclk1mhz',
        busClock: 'clk24mhz',
      }),
    ),
    { kind: 'pl031', name: 'rtc', range: at(0x17), interrupt: spi(4), clock: 'clk24mhz' },
    {
      kind: 'cfi-flash',
      name: 'flash',
      banks: map.flash.map((base) => ({ base, size: 64 * MIB })),
      alias: { base: 0, size: 64 * MIB },
      blockSize: 256 * 1024,
    },
    {
      kind: 'static-ram',
      name: 'psram',
      range: { base: map.sram, size: 32 * MIB },
      compatible: ['arm,vexpress-psram', 'mtd-ram'],
    },
    { kind: 'static-ram', name: 'vram', range: { base: map.videoRam, size: 8 * MIB } },
    {
      kind: 'holding-pen',
      name: 'pen',
      // Behind the static RAM in the same chip select.
      range: { base: map.sram + 32 * MIB, size: 0x1000 },
      startRegister: map.sysreg + SYS.FLAGS,
    },
    ...Array.from(
      { length: 4 },
      (_unused, n): VirtioMmioRow => ({
        kind: 'virtio-mmio',
        name: `virtio-mmio ${n}`,
        range: { base: map.peripheral(0x13) + 0x200 * n, size: 0x200 },
        interrupt: { kind: 'spi', number: VIRTIO_SPI + n, trigger: 'edge-rising' },
      }),
    ),
  ];
}

/** An oscillator of a configuration bus: its number, what it runs at, the lowest and the highest, in Hz. */
export function oscillator(
  name: string,
  device: number,
  value: number,
  frequencies: readonly [number, number],
): ConfigEntry {
  return { name, function: 'osc', device, value, writable: true, frequencies };
}
