/**
 * A bus master's way to memory. Addresses are the bus's own (guest physical without an IOMMU), up to 2^53.
 * Every transfer says whether it reached memory in whole; a failed one may have moved a part.
 */
export interface DmaPort {
  read(address: number, into: Uint8Array): boolean;
  write(address: number, from: Uint8Array): boolean;
}
