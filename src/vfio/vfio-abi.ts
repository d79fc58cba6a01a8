/** Numbers of `linux/vfio.h` that src/vfio uses, in the header's own names without the VFIO_ prefix. */
export const API_VERSION = 0;
export const TYPE1v2_IOMMU = 3;
export const UNMAP_ALL = 9;

export const GROUP_FLAGS_VIABLE = 1 << 0;

export const DMA_MAP_FLAG_READ = 1 << 0;
export const DMA_MAP_FLAG_WRITE = 1 << 1;

export const DEVICE_FLAGS_RESET = 1 << 0;
export const DEVICE_FLAGS_PCI = 1 << 1;

export const REGION_INFO_FLAG_READ = 1 << 0;
export const REGION_INFO_FLAG_WRITE = 1 << 1;
export const REGION_INFO_FLAG_MMAP = 1 << 2;
export const REGION_INFO_FLAG_CAPS = 1 << 3;
export const REGION_INFO_CAP_SPARSE_MMAP = 1;
export const REGION_INFO_CAP_MSIX_MAPPABLE = 3;

/** Regions 0 to 5 are the BARs. */
export const PCI_CONFIG_REGION_INDEX = 7;

export const PCI_INTX_IRQ_INDEX = 0;
export const PCI_MSI_IRQ_INDEX = 1;
export const PCI_MSIX_IRQ_INDEX = 2;
export const PCI_ERR_IRQ_INDEX = 3;
export const PCI_REQ_IRQ_INDEX = 4;

export const IRQ_INFO_EVENTFD = 1 << 0;
export const IRQ_INFO_NORESIZE = 1 << 3;

export const IRQ_SET_DATA_NONE = 1 << 0;
export const IRQ_SET_DATA_EVENTFD = 1 << 2;
export const IRQ_SET_ACTION_UNMASK = 1 << 4;
export const IRQ_SET_ACTION_TRIGGER = 1 << 5;

export const IOMMU_INFO_PGSIZES = 1 << 0;
export const IOMMU_INFO_CAPS = 1 << 1;
export const IOMMU_TYPE1_INFO_CAP_IOVA_RANGE = 1;
export const IOMMU_TYPE1_INFO_DMA_AVAIL = 3;
