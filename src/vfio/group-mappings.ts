import { type BarPages, DmaRight, type HostMappings } from '../ports/host-mappings.ts';
import type { Container } from './container.ts';
import type { IommuInfo } from './info-chains.ts';
import { isNativeError, type NativeError } from './native-binding.ts';
import { RealBar } from './real-bar.ts';
import { hex } from './sizes.ts';
import * as abi from './vfio-abi.ts';

/** What the kernel takes before Linux 5.10, which does not say (the default of its parameter dma_entry_limit). */
const DEFAULT_LIMIT = 65535;

const PARAMETERS = '/sys/module/vfio_iommu_type1/parameters';

/** Guest RAM in the container of a group, piece by piece: what the devices behind an emulated SMMU reach. */
export class GroupMappings implements HostMappings {
  readonly limit: number;
  private readonly container: Container;
  private readonly ram: Uint8Array;
  private readonly info: IommuInfo;
  private readonly unmapsAll: boolean;
  /** What is mapped, by address, where the kernel can't take away all at once. */
  private readonly pieces = new Map<number, number>();
  private closed = false;

  /**
   * @param ram guest RAM, page-aligned
   * @param unmapsAll the kernel can take away all mappings at once
   */
  constructor(container: Container, ram: Uint8Array, info: IommuInfo, unmapsAll: boolean) {
    this.container = container;
    this.ram = ram;
    this.info = info;
    this.limit = info.mappingsAvailable ?? DEFAULT_LIMIT;
    this.unmapsAll = unmapsAll;
  }

  map(iova: number, size: number, ramOffset: number, rights: number): string | undefined {
    if (this.closed) return undefined;
    return this.attempt(
      (error) => this.explainMap(iova, size, error),
      () => {
        this.container.map(iova, this.ram.subarray(ramOffset, ramOffset + size), flagsOf(rights));
        if (!this.unmapsAll) this.pieces.set(iova, size);
        return undefined;
      },
    );
  }

  mapBar(iova: number, { memory, offset, size }: BarPages, rights: number): string | undefined {
    if (this.closed) return undefined;
    if (!(memory instanceof RealBar)) return 'it is no BAR of a device of VFIO';
    return this.attempt(
      (error) => this.explainMapBar(iova, size, error),
      () => {
        memory.mapInto(this.container, iova, offset, size, flagsOf(rights));
        if (!this.unmapsAll) this.pieces.set(iova, size);
        return undefined;
      },
    );
  }

  unmap(iova: number, size: number): string | undefined {
    if (this.closed) return undefined;
    return this.attempt(explainUnmap, () => {
      const unmapped = this.container.unmap(iova, size);
      this.pieces.delete(iova);
      return unmapped === size ? undefined : `the host unmapped ${unmapped} bytes of ${size} at ${hex(iova)}`;
    });
  }

  unmapAll(): string | undefined {
    if (this.closed) return undefined;
    return this.attempt(explainUnmap, () => {
      if (this.unmapsAll) this.container.unmapAll();
      for (const [iova, size] of this.pieces) this.container.unmap(iova, size);
      this.pieces.clear();
      return undefined;
    });
  }

  /** The container is gone, and everything with it. */
  close(): void {
    this.closed = true;
  }

  private attempt(
    explain: (error: NativeError) => string,
    action: () => string | undefined,
  ): string | undefined {
    try {
      return action();
    } catch (error) {
      if (!isNativeError(error)) throw error;
      return explain(error);
    }
  }

  private explainMapBar(iova: number, size: number, error: NativeError): string {
    const { iovaRanges } = this.info;
    const isKept = iovaRanges?.every(({ start, end }) => iova < start || iova + size - 1 > end) === true;
    return error.code === 'EFAULT' || (error.code === 'EINVAL' && !isKept)
      ? `the host's kernel does not let one device reach another's registers (${error.message}); let the guest's devices exchange data in RAM, or use a kernel whose vfio_iommu_type1 does, as Linux 6.1's`
      : this.explainMap(iova, size, error);
  }

  private explainMap(iova: number, size: number, { code, message }: NativeError): string {
    const range = `${hex(iova)}-${hex(iova + size - 1)}`;
    switch (code) {
      case 'ENOSPC':
        return `the host's IOMMU takes no more than ${this.limit} mappings for it; as root, before armemu starts: echo ${4 * this.limit} > ${PARAMETERS}/dma_entry_limit`;
      case 'ENOMEM':
        return 'the limit of locked memory is too small for what the guest maps, or the host has too little free memory; in the shell, before armemu starts: sudo prlimit --memlock=unlimited --pid $$';
      case 'EINVAL': {
        const ranges = this.info.iovaRanges?.map(({ start, end }) => `${hex(start)}-${hex(end)}`);
        return `the guest maps ${range}, which the host's IOMMU keeps for itself or does not have${ranges ? ` (it takes ${ranges.join(', ')})` : ''}; keep the guest's software off these addresses`;
      }
      default:
        return `${range} can't be mapped: ${message}; the kernel's log may say more`;
    }
  }
}

function flagsOf(rights: number): number {
  return (
    ((rights & DmaRight.Read) !== 0 ? abi.DMA_MAP_FLAG_READ : 0) |
    ((rights & DmaRight.Write) !== 0 ? abi.DMA_MAP_FLAG_WRITE : 0)
  );
}

function explainUnmap({ message }: NativeError): string {
  return `a mapping can't be taken back: ${message}; the kernel's log may say more`;
}
