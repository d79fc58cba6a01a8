import { PassthroughError } from '../errors.ts';
import { type IommuInfo, parseIommuInfo } from './info-chains.ts';
import type { RegionMapping, VfioBinding } from './native-binding.ts';
import * as abi from './vfio-abi.ts';

/** An IOMMU context of the host: what is mapped here is all that the devices of its group can reach. */
export class Container {
  readonly descriptor: number;
  private readonly binding: VfioBinding;

  private constructor(binding: VfioBinding, descriptor: number) {
    this.binding = binding;
    this.descriptor = descriptor;
  }

  /**
   * Opens a container. It has no IOMMU before a group joined it and `enable` was called.
   * @param path `/dev/vfio/vfio`
   */
  static open(binding: VfioBinding, path: string): Container {
    const container = new Container(binding, binding.open(path));
    try {
      const version = binding.containerApiVersion(container.descriptor);
      const typed = binding.containerCheckExtension(container.descriptor, abi.TYPE1v2_IOMMU) !== 0;
      if (version !== abi.API_VERSION || !typed)
        throw new PassthroughError(
          version !== abi.API_VERSION
            ? `${path} speaks version ${version} of the VFIO interface; armemu knows version ${abi.API_VERSION}.`
            : `The VFIO driver behind ${path} has no type 1 (v2) IOMMU.`,
          'Load it: modprobe vfio_iommu_type1  (x86, Arm), or use another host kernel.',
        );
      return container;
    } catch (error) {
      container.close();
      throw error;
    }
  }

  /** Makes the IOMMU context, once the first group has joined. */
  enable(): IommuInfo {
    this.binding.containerSetIommu(this.descriptor, abi.TYPE1v2_IOMMU);
    return parseIommuInfo(this.binding.containerIommuInfo(this.descriptor));
  }

  /** Lets devices access `bytes` at I/O virtual address `iova`. Pins the pages. */
  map(iova: number, bytes: Uint8Array, flags: number = abi.DMA_MAP_FLAG_READ | abi.DMA_MAP_FLAG_WRITE): void {
    this.binding.containerMapDma(this.descriptor, bytes, iova, flags);
  }

  /** Lets devices access a part of a mapped BAR. The kernel takes it while its device answers, and never notices when that ends. */
  mapRegion(iova: number, mapping: RegionMapping, offset: number, size: number, flags: number): void {
    mapping.mapDma(this.descriptor, offset, size, iova, flags);
  }

  /**
   * Takes away whole mappings; devices don't reach them when it returns, and the pages are not pinned by them any more.
   * @returns the bytes that were mapped
   */
  unmap(iova: number, size: number): number {
    return this.binding.containerUnmapDma(this.descriptor, iova, size);
  }

  /** Whether the kernel can take away all mappings at once (Linux 5.12). */
  canUnmapAll(): boolean {
    return this.binding.containerCheckExtension(this.descriptor, abi.UNMAP_ALL) !== 0;
  }

  unmapAll(): void {
    this.binding.containerUnmapAll(this.descriptor);
  }

  /** Ends the context when its last group has left: mappings go, pages are unpinned. */
  close(): void {
    this.binding.close(this.descriptor);
  }
}
