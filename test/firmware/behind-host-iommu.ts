import type { EndpointPort, FunctionDescription, PciEndpoint } from '../../src/index.ts';
import type { ConfigChange } from '../../src/pci/endpoint.ts';
import type { EndpointHost, HostAttachedEndpoint, HostDma } from '../../src/pci/host-device.ts';
import type { DmaPort } from '../../src/ports/dma.ts';
import { DmaRight, type HostMappings } from '../../src/ports/host-mappings.ts';
import type { AccessSize, Requester } from '../../src/ports/mmio.ts';

interface Piece {
  readonly size: number;
  readonly ramOffset: number;
  readonly rights: number;
}

/** A host's IOMMU: what is not mapped in it can't be reached, and nobody is told. */
class HostIommu implements HostMappings {
  readonly limit = 65535;
  readonly pieces = new Map<number, Piece>();
  /** Accesses that were stopped. */
  blocked = 0;

  map(iova: number, size: number, ramOffset: number, rights: number): string | undefined {
    for (const [other, piece] of this.pieces) {
      if (iova < other + piece.size && other < iova + size) throw new Error('EEXIST');
    }
    this.pieces.set(iova, { size, ramOffset, rights });
    return undefined;
  }

  unmap(iova: number, size: number): string | undefined {
    if (this.pieces.get(iova)?.size !== size) throw new Error('EINVAL');
    this.pieces.delete(iova);
    return undefined;
  }

  unmapAll(): string | undefined {
    this.pieces.clear();
    return undefined;
  }

  /** @returns the offset in RAM of an address, or -1; and how many bytes from there are in the same piece */
  find(iova: number, right: number): { offset: number; length: number } {
    for (const [start, { size, ramOffset, rights }] of this.pieces) {
      if (iova < start || iova >= start + size || (rights & right) === 0) continue;
      return { offset: ramOffset + (iova - start), length: start + size - iova };
    }
    this.blocked++;
    return { offset: -1, length: 0 };
  }
}

/**
 * A device in software as a device of the host: its DMA goes through a host's IOMMU straight into RAM, past the emulated SMMU,
 * and is told of no fault.
 */
export class BehindHostIommu implements HostAttachedEndpoint {
  readonly iommu = new HostIommu();
  stops = 0;
  private readonly device: PciEndpoint;
  private host: EndpointHost | undefined;
  private ram: Uint8Array = new Uint8Array(0);

  constructor(device: PciEndpoint) {
    this.device = device;
  }

  get name(): string {
    return this.device.name;
  }

  get description(): FunctionDescription {
    return this.device.description;
  }

  get hostDma(): HostDma {
    return { mappings: this.iommu, stop: () => void this.stops++ };
  }

  async prepare(host: EndpointHost): Promise<void> {
    this.host = host;
    this.ram = new Uint8Array(host.memory.buffer, host.ramOffset, host.ramSize);
  }

  attach(port: EndpointPort): void {
    const { iommu, ram } = this;
    const dma: DmaPort = {
      read: (address, into) => {
        for (let done = 0; done < into.length; ) {
          const { offset, length } = iommu.find(address + done, DmaRight.Read);
          if (offset < 0) return false;
          const count = Math.min(length, into.length - done);
          into.set(ram.subarray(offset, offset + count), done);
          done += count;
        }
        return true;
      },
      write: (address, from) => {
        for (let done = 0; done < from.length; ) {
          const { offset, length } = iommu.find(address + done, DmaRight.Write);
          if (offset < 0) return false;
          const count = Math.min(length, from.length - done);
          ram.set(from.subarray(done, done + count), offset);
          done += count;
        }
        return true;
      },
    };
    this.device.attach({
      clock: port.clock,
      dma,
      setIntx: (level) => port.setIntx(level),
      signalMsi: (vector) => port.signalMsi(vector),
      get msiEnabled() {
        return port.msiEnabled;
      },
    });
  }

  detach(): void {
    this.device.detach();
  }

  reset(): void {
    this.device.reset();
  }

  readBar(bar: number, offset: number, size: AccessSize, requester: Requester): number {
    this.host?.beforeAccess?.();
    return this.device.readBar(bar, offset, size, requester);
  }

  writeBar(bar: number, offset: number, size: AccessSize, value: number, requester: Requester): void {
    this.host?.beforeAccess?.();
    this.device.writeBar(bar, offset, size, value, requester);
  }

  configChanged(change: ConfigChange): void {
    this.device.configChanged?.(change);
  }

  service(): void {}
  async close(): Promise<void> {}
}
