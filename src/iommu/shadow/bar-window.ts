import type { BarPages } from '../../ports/host-mappings.ts';

/** A part of a real device's BAR, where the guest has put it. */
export interface PlacedPages extends BarPages {
  /** Guest physical address of its first byte. */
  readonly physical: number;
}

/** The BARs of real devices, as the guest has them in its address space. */
export interface BarWindow {
  /** Guest physical address of the first byte that a BAR can have, and how many bytes follow. */
  readonly base: number;
  readonly size: number;
  /** What of a range of guest physical addresses, whole pages, the real devices answer at present and the host's IOMMU may take. */
  pagesIn(from: number, to: number): readonly PlacedPages[];
}
