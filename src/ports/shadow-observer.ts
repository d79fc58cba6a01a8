/** What real devices can, or could, reach: one leaf of the guest's tables, in RAM or a BAR of a real device, or all of RAM. */
export interface ShadowMapping {
  /** Stream IDs of the devices: bus << 8 | device << 3 | function of the guest's PCI. */
  readonly streams: readonly number[];
  /** Address for the devices, in bytes. */
  readonly iova: number;
  readonly size: number;
  /** Guest physical address. */
  readonly physical: number;
  readonly read: boolean;
  readonly write: boolean;
}

/** Told of each change of what real devices behind an emulated SMMU reach, when the host's IOMMU has made it. */
export interface ShadowObserver {
  mapped(mapping: ShadowMapping): void;
  unmapped(mapping: ShadowMapping): void;
}

/** What has been done so that the host's IOMMU follows the guest's SMMU. Counts since the machine was made. */
export interface ShadowStatistics {
  /** Mappings made in the host's IOMMU. */
  readonly maps: number;
  /** Mappings taken from it one by one, or all at once when a device's context changed. */
  readonly unmaps: number;
  /**
   * Mappings that were taken away and made anew with other rights or another size: between the two the device could not
   * reach what both allow, because VFIO can't replace a mapping.
   */
  readonly gaps: number;
  /** Descriptors whose stores were looked at. */
  readonly dirtyDescriptors: number;
  /** Devices that were stopped because the host refused a mapping, or because they can't be kept apart. */
  readonly refused: number;
}
