import type { TraceCategory, TraceDevice } from './events.ts';

/** What an event can be, by the number that rows have for it. */
export const EVENT_KINDS = [
  ['mmio', 'read'],
  ['mmio', 'write'],
  ['config', 'read'],
  ['config', 'write'],
  ['irq', 'raise'],
  ['irq', 'lower'],
  ['irq', 'msi'],
  ['irq', 'msix'],
  ['dma', 'read'],
  ['dma', 'write'],
  ['iommu', 'map'],
  ['iommu', 'unmap'],
  ['iommu', 'translate'],
  ['iommu', 'fault'],
] as const satisfies readonly (readonly [TraceCategory, string])[];

/** Bits of a row's flags. */
export const RowFlag = {
  /** An access that did not reach memory in whole. */
  FAILED: 1,
  READ: 2,
  WRITE: 4,
  HAS_VALUE: 8,
  HAS_PHYSICAL: 16,
  HAS_ADDRESS: 32,
} as const;

/**
 * Columns of a packed trace, a number for each event:
 * `time` ns since the first machine was made, `instructions` within its machine, `kind` index of {@link EVENT_KINDS},
 * `device` and `place` indexes of the page's lists, `address` IOVA, message address or offset of a register, `size` bytes,
 * `valueLow` and `valueHigh` words of a register's or message's contents, `physical`, and `flags`.
 */
export const COLUMN_NAMES = [
  'time',
  'instructions',
  'kind',
  'device',
  'place',
  'address',
  'size',
  'valueLow',
  'valueHigh',
  'physical',
  'flags',
] as const;

/** Name of a column. */
export type ColumnName = (typeof COLUMN_NAMES)[number];

/** One machine of a trace: a guest that rebooted had several. */
export interface PageMachine {
  readonly machine: string;
  readonly categories: readonly TraceCategory[];
  readonly iommu: boolean;
  /** Where its time begins in the trace's, in nanoseconds. */
  readonly startNs: number;
  /** Its first event. */
  readonly startRow: number;
}

/** What a row accesses, beside an address: a register, a pin, a vector. */
export interface PagePlace {
  /** `BAR0`, `config`, or nothing. */
  readonly space: string;
  /** Name by a standard, or nothing. */
  readonly name: string;
}

/** All of a page that is not in the columns. */
export interface PageInfo {
  /** Of the trace's file. */
  readonly title: string;
  readonly events: number;
  readonly machines: readonly PageMachine[];
  readonly devices: readonly TraceDevice[];
  readonly places: readonly PagePlace[];
  /** Bytes of each column, in the order of {@link COLUMN_NAMES}, one after the other. */
  readonly columnBytes: readonly number[];
}
