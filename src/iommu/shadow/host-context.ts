import { type BarPages, DmaRight, type HostMappings } from '../../ports/host-mappings.ts';
import type { ShadowMapping, ShadowObserver } from '../../ports/shadow-observer.ts';
import type { Domain, LeafTaker } from './domain.ts';
import type { Leaf } from './leaf-store.ts';
import type { TablePages } from './table-pages.ts';

/** A real device whose DMA the guest's SMMU decides. */
export interface ShadowedDevice {
  /** For messages. */
  readonly name: string;
  readonly streamId: number;
  /** What it reaches: one object for all devices that the host can't tell apart. */
  readonly mappings: HostMappings;
  /** Ends its DMA, for good. */
  stop(): void;
}

/** A device, and whether the guest lets it master the bus. */
export interface AttachedDevice {
  readonly device: ShadowedDevice;
  busMaster: boolean;
}

/** What the contexts of the host have in common. */
export interface HostContextParts {
  readonly ramBase: number;
  readonly tables: TablePages;
  readonly observer: ShadowObserver | undefined;
  readonly counters: { maps: number; unmaps: number };
}

/** A context of the host's IOMMU, with one device or more, which has the leaves of one domain. */
export class HostContext implements LeafTaker {
  readonly devices = new Set<AttachedDevice>();
  readonly mappings: HostMappings;
  /** What it has now; undefined: nothing. */
  domain: Domain | undefined;
  /** Why it is not used any more: its devices are stopped. */
  refusal: string | undefined;
  /** The first BAR that the host refused, and why: for a person. */
  barRefusal: string | undefined;
  private readonly parts: HostContextParts;
  /** Leaves that the host has. */
  private readonly has = new Set<Leaf>();

  constructor(mappings: HostMappings, parts: HostContextParts) {
    this.mappings = mappings;
    this.parts = parts;
  }

  /** Takes a domain in place of the one that it has. */
  enter(domain: Domain | undefined): void {
    if (this.domain === domain) return;
    this.leave();
    if (domain === undefined || this.refusal !== undefined) return;
    this.domain = domain;
    domain.takers.add(this);
    for (const leaf of domain.leaves) {
      if (this.refusal !== undefined) return;
      this.map(leaf);
    }
  }

  map(leaf: Leaf): void {
    if (this.refusal !== undefined) return;
    if (leaf.pages !== undefined) {
      this.mapBar(leaf, leaf.pages);
      return;
    }
    const { tables, ramBase } = this.parts;
    const { iova, size, rights } = leaf;
    const ramOffset = leaf.physical - ramBase;
    const isWritable = (rights & DmaRight.Write) !== 0;
    if (isWritable) tables.willBeWritable(ramOffset, size);
    const refusal = this.mappings.map(iova, size, ramOffset, rights);
    if (refusal === undefined) {
      this.mapped(leaf);
      return;
    }
    if (isWritable) tables.notWritable(ramOffset, size);
    this.refuse(refusal);
  }

  unmap(leaf: Leaf): void {
    if (!this.has.has(leaf)) return;
    const refusal = this.mappings.unmap(leaf.iova, leaf.size);
    if (refusal !== undefined) this.refuse(refusal);
    else this.unmapped(leaf);
  }

  /** Ends the DMA of all its devices, and takes everything from them. */
  refuse(reason: string): void {
    if (this.refusal !== undefined) return;
    this.refusal = reason;
    for (const { device } of this.devices) device.stop();
    this.leave();
  }

  /** A device that can't reach another one may still do all of its work: what is refused here stops nobody. */
  private mapBar(leaf: Leaf, pages: BarPages): void {
    const { mappings } = this;
    if (mappings.mapBar === undefined) return;
    const refusal = mappings.mapBar(leaf.iova, pages, leaf.rights);
    if (refusal === undefined) {
      this.mapped(leaf);
      return;
    }
    const { name } = pages.memory;
    this.barRefusal ??= `can't reach ${name}, which the guest maps at 0x${leaf.iova.toString(16)}, and does all else: ${refusal}`;
  }

  private mapped(leaf: Leaf): void {
    const { observer, counters } = this.parts;
    counters.maps++;
    this.has.add(leaf);
    observer?.mapped(this.mappingOf(leaf));
  }

  private leave(): void {
    this.domain?.takers.delete(this);
    this.domain = undefined;
    if (this.has.size === 0) return;
    const refusal = this.mappings.unmapAll();
    for (const leaf of this.has) this.unmapped(leaf);
    if (refusal !== undefined) this.refuse(refusal);
  }

  private unmapped(leaf: Leaf): void {
    const { tables, observer, counters, ramBase } = this.parts;
    counters.unmaps++;
    this.has.delete(leaf);
    if (leaf.pages === undefined && (leaf.rights & DmaRight.Write) !== 0) {
      tables.notWritable(leaf.physical - ramBase, leaf.size);
    }
    observer?.unmapped(this.mappingOf(leaf));
  }

  private mappingOf({ iova, size, physical, rights }: Leaf): ShadowMapping {
    return {
      streams: [...this.devices].map(({ device }) => device.streamId),
      iova,
      size,
      physical,
      read: (rights & DmaRight.Read) !== 0,
      write: (rights & DmaRight.Write) !== 0,
    };
  }
}
