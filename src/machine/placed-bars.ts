import type { BarWindow, PlacedPages } from '../iommu/shadow/bar-window.ts';
import type { HostBridge } from '../pci/host-bridge.ts';
import type { HostAttachedEndpoint } from '../pci/host-device.ts';

const PAGE = 4096;

/** The BARs of a machine's real devices, where its bus decodes them now. */
export class PlacedBars implements BarWindow {
  readonly base: number;
  readonly size: number;
  private readonly bridge: HostBridge;
  private readonly endpoints: readonly HostAttachedEndpoint[];

  /**
   * @param window the bridge's memory window: an address in it is the same on the bus and for the CPU
   * @param endpoints the real devices; may grow
   */
  constructor(
    window: { readonly base: number; readonly size: number },
    bridge: HostBridge,
    endpoints: readonly HostAttachedEndpoint[],
  ) {
    this.base = window.base;
    this.size = window.size;
    this.bridge = bridge;
    this.endpoints = endpoints;
  }

  pagesIn(from: number, to: number): PlacedPages[] {
    const found: PlacedPages[] = [];
    for (const { start, end, base, bar, endpoint } of this.bridge.memoryRanges(from, to)) {
      const real = this.endpoints.find((other) => other === endpoint);
      for (const { memory, offset, size } of real?.barPages?.(bar) ?? []) {
        const first = Math.ceil(Math.max(from, start, base + offset) / PAGE) * PAGE;
        const last = Math.floor(Math.min(to, end, base + offset + size) / PAGE) * PAGE;
        if (first < last) found.push({ physical: first, memory, offset: first - base, size: last - first });
      }
    }
    return found;
  }
}
