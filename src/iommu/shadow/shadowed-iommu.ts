import type { StreamContext } from '../stream-context.ts';

/** Told by an SMMU what its software does to it. */
export interface IommuListener {
  /** Software accesses a register: before it sees anything, or changes anything. */
  beforeAccess(): void;
  /** What streams see may have changed by the registers; before the access that did so is complete. */
  changed(): void;
}

/** An SMMU that the host's IOMMU can follow. */
export interface ShadowedIommu {
  /** What the stream sees of memory, as registers are now; equal values are equal views. */
  contextOf(streamId: number): StreamContext;
  /** The one listener. */
  listen(listener: IommuListener): void;
}
