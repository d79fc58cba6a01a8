/** What a real device may do with a piece of RAM, as bits. */
export const DmaRight = { Read: 1, Write: 2 } as const;

/** A BAR of a real device, which the host's IOMMU may let other real devices reach. One object for each BAR. */
export interface BarMemory {
  /** For messages: `BAR 0 of 0000:01:00.0`. */
  readonly name: string;
}

/** A part of a BAR. */
export interface BarPages {
  readonly memory: BarMemory;
  /** Bytes from the start of the BAR: a multiple of 4 KiB. */
  readonly offset: number;
  /** Bytes: a multiple of 4 KiB. */
  readonly size: number;
}

/**
 * An IOMMU context of the host: what is mapped in it is all that the devices before it can reach. Nothing here throws for what
 * a guest does.
 */
export interface HostMappings {
  /** How many mappings the host takes. */
  readonly limit: number;
  /**
   * Lets the devices reach RAM. The piece overlaps none that is mapped already.
   * @param iova address for the devices, a multiple of 4 KiB, as all are
   * @param ramOffset bytes from the start of RAM
   * @param rights {@link DmaRight}: a device that reads only, or writes only, needs the one alone
   * @returns undefined when it is done; else why the host refuses it, and what helps
   */
  map(iova: number, size: number, ramOffset: number, rights: number): string | undefined;
  /**
   * Lets the devices reach a part of a BAR; absent: they reach RAM alone. The host does not notice when the BAR's device stops to
   * answer: the mapping has to be gone before.
   * @returns as `map`
   */
  mapBar?(iova: number, pages: BarPages, rights: number): string | undefined;
  /**
   * Takes away one piece, as it was mapped. The devices don't reach it any more when this returns.
   * @returns undefined when it is done; else what the host said: the devices may still reach it
   */
  unmap(iova: number, size: number): string | undefined;
  /** Takes away everything. @returns as `unmap` */
  unmapAll(): string | undefined;
}
