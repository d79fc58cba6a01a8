/** Layout of a flattened device tree blob (Devicetree Specification 0.4, chapter 5). */
export const FDT_MAGIC = 0xd00dfeed;
/** Version that is written, and the oldest that a reader of it must understand. */
export const FDT_VERSION = 17;
export const FDT_LAST_COMPATIBLE_VERSION = 16;

/** Byte offsets of the header's big-endian words (5.2). */
export const FdtHeader = {
  magic: 0,
  totalsize: 4,
  off_dt_struct: 8,
  off_dt_strings: 12,
  off_mem_rsvmap: 16,
  version: 20,
  last_comp_version: 24,
  boot_cpuid_phys: 28,
  size_dt_strings: 32,
  size_dt_struct: 36,
  bytes: 40,
} as const;

/** Tokens of the structure block (5.4.1). */
export const FdtToken = { BEGIN_NODE: 1, END_NODE: 2, PROP: 3, NOP: 4, END: 9 } as const;

/** A range that the operating system must not use: the memory reservation block (5.3). */
export interface MemoryReservation {
  readonly address: number;
  readonly size: number;
}

/** Bytes of one entry of the memory reservation block; the list ends with one of zeros. */
export const RESERVATION_BYTES = 16;

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
