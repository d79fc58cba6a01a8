import type { DmaPort } from '../ports/dma.ts';
import type { Requester } from '../ports/mmio.ts';

/**
 * What a bus master's accesses go to, one step further downstream: physical memory (RAM and devices, such as the
 * doorbell of a GICv2m), or an SMMU that looks up `requester.streamId`, translates and passes on to the next.
 * Both sides of an SMMU look the same, so that one can be put between without a port knowing.
 */
export interface StreamTarget {
  /** @returns false when the access did not reach memory in whole; a part may have been read. */
  read(address: number, into: Uint8Array, requester: Requester): boolean;
  /** @returns false when the access did not reach memory in whole; a part may have been written. */
  write(address: number, from: Uint8Array, requester: Requester): boolean;
}

/**
 * The DMA port of one stream: every access carries its stream ID (IHI 0062 2.2: the identifier by which an SMMU
 * tells the masters apart; for PCI the requester ID).
 */
export class StreamPort implements DmaPort {
  readonly requester: Requester;
  private readonly target: StreamTarget;

  /** @param streamId 0 to 0xffff for PCI: bus << 8 | device << 3 | function. */
  constructor(streamId: number, target: StreamTarget) {
    this.requester = { kind: 'stream', cpu: 0, streamId, secure: false, privileged: false };
    this.target = target;
  }

  read(address: number, into: Uint8Array): boolean {
    return isBusAddress(address) && this.target.read(address, into, this.requester);
  }

  write(address: number, from: Uint8Array): boolean {
    return isBusAddress(address) && this.target.write(address, from, this.requester);
  }
}

/** Endpoints compute addresses from what a guest wrote: what no number holds exactly reaches no memory either. */
function isBusAddress(address: number): boolean {
  return address >= 0 && Number.isSafeInteger(address);
}
