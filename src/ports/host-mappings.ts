/** What a real device may do with a piece of RAM, as bits. */
export const DmaRight = { Read: 1, Write: 2 } as const;

/**
 * An IOMMU context of the host: what is mapped in it is all of RAM that the devices before it can reach. Nothing here throws
 * for what a guest does.
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
   * Takes away one piece, as it was mapped. The devices don't reach it any more when this returns.
   * @returns undefined when it is done; else what the host said: the devices may still reach it
   */
  unmap(iova: number, size: number): string | undefined;
  /** Takes away everything. @returns as `unmap` */
  unmapAll(): string | undefined;
}
