import type { MessageKind } from '../pci/capability.ts';

/** What a trace can be of. */
export const TRACE_CATEGORIES = ['iommu', 'dma', 'irq', 'mmio', 'config'] as const;

/** One of {@link TRACE_CATEGORIES}. */
export type TraceCategory = (typeof TRACE_CATEGORIES)[number];

/** What the first line of a trace says that it is. */
export const TRACE_FORMAT = 'armemu-trace';

/** Grows when a reader of older traces would misunderstand newer ones. New fields alone do not make it grow. */
export const TRACE_VERSION = 1;

/** Addresses, offsets and contents: `0x` and lower-case hexadecimal digits, without leading zeros. */
export type Hex = `0x${string}`;

/** A PCI function of the traced machine, as it was when it was plugged in. */
export interface TraceDevice {
  /** `bus:device.function`, as in the events. */
  readonly address: string;
  readonly name: string;
  readonly vendorId: Hex;
  readonly deviceId: Hex;
  /** 24 bits: base class, sub-class, programming interface. */
  readonly classCode: Hex;
  readonly bars: readonly {
    readonly index: number;
    readonly kind: 'memory32' | 'memory64' | 'io';
    /** Bytes. */
    readonly size: number;
  }[];
  /** Those of configuration space, in the order of their list. */
  readonly capabilities: readonly { readonly id: number; readonly offset: number; readonly length: number }[];
  readonly msix?: {
    readonly vectors: number;
    readonly tableBar: number;
    readonly tableOffset: number;
    readonly pbaBar: number;
    readonly pbaOffset: number;
  };
}

/** The first record of a trace, and of each further machine in it: a guest that reboots gets a new one. */
export interface TraceHeader {
  readonly format: typeof TRACE_FORMAT;
  readonly version: typeof TRACE_VERSION;
  /** As the option `machine` says it. */
  readonly machine: string;
  readonly categories: readonly TraceCategory[];
  /** Whether an SMMU translates the DMA of the functions. */
  readonly iommu: boolean;
  readonly devices: readonly TraceDevice[];
}

interface EventBase {
  /** Virtual nanoseconds since the machine was made. */
  readonly ns: number;
  /** Guest instructions run before, by all CPUs; exact with the clock `instructions`. */
  readonly instructions: number;
  /** PCI address of the function. */
  readonly device: string;
}

/** A CPU accessed a register in a BAR of a device, or its MSI-X table. */
export interface RegisterEvent extends EventBase {
  readonly category: 'mmio';
  readonly op: 'read' | 'write';
  readonly bar: number;
  /** From the start of the BAR. */
  readonly offset: Hex;
  /** Bytes. */
  readonly size: 1 | 2 | 4 | 8;
  readonly value: Hex;
}

/** A CPU accessed configuration space. Where no function is, reads are all ones. */
export interface ConfigEvent extends EventBase {
  readonly category: 'config';
  readonly op: 'read' | 'write';
  readonly offset: Hex;
  /** Bytes. */
  readonly size: 1 | 2 | 4;
  readonly value: Hex;
}

/** The function's interrupt pin changed as the bus sees it. */
export interface PinEvent extends EventBase {
  readonly category: 'irq';
  readonly op: 'raise' | 'lower';
  readonly pin: 'INTA' | 'INTB' | 'INTC' | 'INTD';
}

/** The function sent an interrupt message. */
export interface MessageEvent extends EventBase {
  readonly category: 'irq';
  readonly op: MessageKind;
  readonly vector: number;
  /** As the function knows it: before translation. */
  readonly address: Hex;
  readonly data: Hex;
}

/** An emulated function read or wrote memory. What a real one does is seen by nobody. */
export interface DmaEvent extends EventBase {
  readonly category: 'dma';
  readonly op: 'read' | 'write';
  /** As the function knows it: a physical address where there is no SMMU, or it is off. */
  readonly iova: Hex;
  /** Bytes. */
  readonly size: number;
  /** Where the first byte was in physical memory. Only behind an SMMU, and only if it was reached. */
  readonly physical?: Hex;
  /** All of it, where it is not in one piece: addresses and bytes. */
  readonly pieces?: readonly (readonly [Hex, number])[];
  /** It did not reach memory in whole: bus mastering is off, the SMMU refused it, or there is no memory. */
  readonly failed?: true;
}

/** What a function may do to memory. */
export type TraceRights = 'r' | 'w' | 'rw';

/**
 * What a function reaches. `map` and `unmap`: the host's IOMMU was changed so, for a real device. `translate`: the SMMU
 * translated an emulated function's access so for the first time, or otherwise than before; its tables say it at each access.
 */
export interface MappingEvent extends EventBase {
  readonly category: 'iommu';
  readonly op: 'map' | 'unmap' | 'translate';
  readonly iova: Hex;
  /** Bytes. */
  readonly size: number;
  readonly physical: Hex;
  /** With `translate` what the access did. */
  readonly rights: TraceRights;
}

/** The SMMU refused an access of an emulated function from this address on. */
export interface FaultEvent extends EventBase {
  readonly category: 'iommu';
  readonly op: 'fault';
  readonly iova: Hex;
  /** Bytes that were left to move. */
  readonly size: number;
  readonly rights: 'r' | 'w';
}

/** One event. */
export type TraceEvent =
  | RegisterEvent
  | ConfigEvent
  | PinEvent
  | MessageEvent
  | DmaEvent
  | MappingEvent
  | FaultEvent;

/** A line of a trace: `JSON.stringify` of one of these. */
export type TraceRecord = TraceHeader | TraceEvent;

/** What `createMachine` needs to trace. */
export interface TraceOptions {
  /** Absent: all of them. */
  readonly categories?: readonly TraceCategory[];
  /** Gets every record at once, the header first; what it throws ends the machine. */
  readonly sink: (record: TraceRecord) => void;
}

/** As traces write addresses and contents. */
export function hex(value: number | bigint): Hex {
  return `0x${value.toString(16)}`;
}
