import type { InputOutputRow } from './input-output-rows.ts';
import type { VexpressRow } from './vexpress-rows.ts';

/** How an interrupt input is triggered; the numbers of the device tree binding `arm,gic` (third cell, bits 3:0). */
export const TRIGGER_CELLS = { 'edge-rising': 1, 'level-high': 4 } as const;

/** One interrupt input of the board's GIC. */
export interface InterruptInput {
  /** Shared (SPI) or private to each CPU (PPI). */
  readonly kind: 'spi' | 'ppi';
  /** Number within its kind, from 0: SPI 1 is interrupt ID 33, PPI 14 is interrupt ID 30 (IHI 0048B 2.2.1). */
  readonly number: number;
  readonly trigger: keyof typeof TRIGGER_CELLS;
}

/** A range of guest physical addresses. */
export interface AddressRange {
  readonly base: number;
  /** In bytes. */
  readonly size: number;
}

/** What every row has. */
export interface NamedRow {
  /** Unique on the board; other rows and messages refer to the device by it. */
  readonly name: string;
}

/** Generic Interrupt Controller, architecture version 2 (IHI 0048B). */
export interface GicV2Row extends NamedRow {
  readonly kind: 'gic-v2';
  readonly compatible: string;
  readonly distributor: AddressRange;
  readonly cpuInterface: AddressRange;
  /** Number of SPIs, a multiple of 32. */
  readonly spis: number;
}

/** Generic Interrupt Controller, architecture version 3 (IHI 0069), reached by system registers, with one ITS. */
export interface GicV3Row extends NamedRow {
  readonly kind: 'gic-v3';
  readonly distributor: AddressRange;
  /** Room for the Redistributors: 128 KiB for each CPU, one after the other. */
  readonly redistributors: AddressRange;
  /** Number of SPIs, a multiple of 32. */
  readonly spis: number;
}

/** Interrupt Translation Service: a store to it raises an LPI (IHI 0069 chapter 5). */
export interface ItsRow extends NamedRow {
  readonly kind: 'gic-v3-its';
  /** Row of the GIC that it belongs to. */
  readonly parent: string;
  readonly range: AddressRange;
}

/** GICv2m frame: a store to it raises an SPI (SBSA 3.0, appendix E). */
export interface GicV2mRow extends NamedRow {
  readonly kind: 'gic-v2m';
  /** Row of the GIC that it belongs to. */
  readonly parent: string;
  readonly range: AddressRange;
  readonly firstSpi: number;
  readonly spiCount: number;
}

/** Generic timer of each CPU (ARM DDI 0406C chapter B8). */
export interface GenericTimerRow extends NamedRow {
  readonly kind: 'generic-timer';
  readonly compatible: string;
  /** CNTFRQ, in hertz. */
  readonly frequencyHz: number;
  readonly interrupts: {
    readonly securePhysical: InterruptInput;
    readonly nonSecurePhysical: InterruptInput;
    readonly virtual: InterruptInput;
    readonly hypervisor: InterruptInput;
  };
}

/** PrimeCell UART (DDI 0183G). */
export interface Pl011Row extends NamedRow {
  readonly kind: 'pl011';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
  /** Row of the clock that drives UARTCLK and PCLK. */
  readonly clock: string;
}

/** PrimeCell real time clock (DDI 0224C). */
export interface Pl031Row extends NamedRow {
  readonly kind: 'pl031';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
  readonly clock: string;
}

/** System MMU of version 2 (IHI 0062) for the bus masters whose rows name it. */
export interface SmmuV2Row extends NamedRow {
  readonly kind: 'smmu-v2';
  readonly range: AddressRange;
  readonly globalInterrupt: InterruptInput;
  /** One for each context bank. */
  readonly contextInterrupts: readonly InterruptInput[];
}

/** System MMU of version 3 (IHI 0070) for the bus masters whose rows name it. */
export interface SmmuV3Row extends NamedRow {
  readonly kind: 'smmu-v3';
  readonly range: AddressRange;
  /** Edge-triggered. The one of the PRI queue is for the device tree: there is no such queue. */
  readonly interrupts: {
    readonly eventQueue: InterruptInput;
    readonly priQueue: InterruptInput;
    readonly commandSync: InterruptInput;
    readonly globalError: InterruptInput;
  };
}

/** Generic PCIe host bridge: configuration space by ECAM (PCI Express Base 3.0, 7.2.2). */
export interface PcieHostRow extends NamedRow {
  readonly kind: 'pcie-host';
  /** 1 MiB for each bus, from bus 0. */
  readonly ecam: AddressRange;
  /** Window for memory BARs; bus addresses equal CPU addresses. */
  readonly memoryWindow: AddressRange;
  /** Window for I/O BARs; its first byte is I/O port 0. */
  readonly ioWindow: AddressRange;
  /** Inputs of INTA to INTD of device 0; device n is rotated by n. */
  readonly interrupts: readonly [InterruptInput, InterruptInput, InterruptInput, InterruptInput];
  /** Row of the frame that MSIs go to. */
  readonly msiController: string;
  /** What the functions' DMA goes through; absent: nothing. */
  readonly iommu?: {
    /** Row of the SMMU; a function's stream ID is its requester ID. */
    readonly smmu: string;
    /** Addresses that the guest may have the functions use: `dma-ranges`. */
    readonly dmaWindow: AddressRange;
    /** The device tree says that DMA is coherent. */
    readonly announcesCoherence: boolean;
  };
}

/** A transport for a virtio device on the memory bus (Virtio 1.1 4.2); empty unless the machine has a device for it. */
export interface VirtioMmioRow extends NamedRow {
  readonly kind: 'virtio-mmio';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
}

/** Power State Coordination Interface (ARM DEN 0022). */
export interface PsciRow extends NamedRow {
  readonly kind: 'psci';
  readonly conduit: PsciConduit;
}

/** Banks of NOR flash with Intel's command set (JEDEC JESD68.01): two 16-bit devices side by side each. */
export interface CfiFlashRow extends NamedRow {
  readonly kind: 'cfi-flash';
  readonly banks: readonly AddressRange[];
  /** The first bank is here, too. */
  readonly alias?: AddressRange;
  /** Bytes that one erasure takes, both devices together. */
  readonly blockSize: number;
}

/** PrimeCell GPIO (ARM DDI 0190). */
export interface Pl061Row extends NamedRow {
  readonly kind: 'pl061';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
  readonly clock: string;
}

/** A push button on a line of a GPIO. */
export interface GpioKeyRow extends NamedRow {
  readonly kind: 'gpio-key';
  /** Row of the GPIO, and the line there. */
  readonly gpio: string;
  readonly line: number;
  readonly label: string;
  /** Linux' number of the key. */
  readonly code: number;
}

/** QEMU's firmware configuration device. */
export interface FwCfgRow extends NamedRow {
  readonly kind: 'fw-cfg';
  readonly range: AddressRange;
}

/** A clock of fixed frequency: part of the device tree only. */
export interface FixedClockRow extends NamedRow {
  readonly kind: 'fixed-clock';
  readonly frequencyHz: number;
  readonly outputName: string;
}

/** The instruction that calls PSCI. */
export type PsciConduit = 'hvc' | 'smc';

/** One device of a board. */
export type DeviceRow =
  | GicV2Row
  | GicV2mRow
  | GicV3Row
  | ItsRow
  | GenericTimerRow
  | SmmuV2Row
  | SmmuV3Row
  | Pl011Row
  | Pl031Row
  | PcieHostRow
  | VirtioMmioRow
  | PsciRow
  | CfiFlashRow
  | Pl061Row
  | GpioKeyRow
  | FwCfgRow
  | FixedClockRow
  | InputOutputRow
  | VexpressRow;

/** Kinds of device, as the tables name them. */
export type DeviceKind = DeviceRow['kind'];

/** The row type of one kind. */
export type RowOf<K extends DeviceKind> = Extract<DeviceRow, { readonly kind: K }>;

/** A CPU that a board can have. */
export interface CpuModel {
  readonly name: string;
  /** Device tree `compatible`. */
  readonly compatible: string;
}

/**
 * A board: everything that tells it from another one. The memory map (`assembleBoard`) and the device tree
 * (`deviceTreeOfBoard`) both come from this, so they can't disagree.
 */
export interface BoardDescription {
  readonly name: string;
  /** Root properties of the device tree. */
  readonly model: string;
  readonly compatible: readonly string[];
  /** Cells of an address and of a size in the root's `reg` properties. */
  readonly addressCells: 1 | 2;
  readonly sizeCells: 1 | 2;
  /** The first is the default. */
  readonly cpuModels: readonly CpuModel[];
  readonly maxCpus: number;
  readonly ram: { readonly base: number; readonly defaultSize: number; readonly maxSize: number };
  /** Physical base of the CPUs' private peripherals: CBAR. */
  readonly privatePeripherals: number;
  /**
   * What an access of a CPU to an address without a device does: an external abort, or nothing (it reads as zero), as on the
   * boards whose kernels look for what QEMU has not.
   */
  readonly absent: 'abort' | 'zero';
  /** Row of the GIC that every interrupt of the table goes to. */
  readonly interruptController: string;
  /** Row of the UART that is the guest's console. */
  readonly console: string;
  /** Row of the button that asks the guest to switch itself off. */
  readonly powerButton?: string;
  readonly devices: readonly DeviceRow[];
  /**
   * Kinds of rows that the real board does not have, so that neither have the device trees that others made for it: a given
   * tree gets nodes for them.
   */
  readonly additions?: readonly DeviceKind[];
  /** The same board with a GICv3, where it can have one. */
  readonly withGicV3?: BoardDescription;
  /** The same board with an SMMUv2 before its PCI functions, where it can have one. */
  readonly withSmmuV2?: BoardDescription;
  /** The same board with an SMMUv3 there. */
  readonly withSmmuV3?: BoardDescription;
}

/** Whether the DMA of a board's PCI functions is translated. */
export function hasIommu(board: BoardDescription): boolean {
  return board.devices.some((row) => row.kind === 'pcie-host' && row.iommu !== undefined);
}

/** A level-triggered shared interrupt. */
export function spi(number: number): InterruptInput {
  return { kind: 'spi', number, trigger: 'level-high' };
}

/** A level-triggered interrupt of each CPU. */
export function ppi(number: number): InterruptInput {
  return { kind: 'ppi', number, trigger: 'level-high' };
}

/** Interrupt ID in the GIC: 16 SGIs, 16 PPIs, then the SPIs (IHI 0048B 2.2.1). */
export function interruptId(input: InterruptInput): number {
  return input.number + (input.kind === 'spi' ? 32 : 16);
}
