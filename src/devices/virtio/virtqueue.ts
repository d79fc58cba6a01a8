import type { DmaPort } from '../../ports/dma.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { type ChainOwner, DescriptorChain } from './descriptor-chain.ts';

/** Descriptors of one chain, those of an indirect table included: bounds what a guest can make us keep for a request. */
export const MAX_CHAIN_LENGTH = 1024;
/** Bytes of one chain (Virtio 1.1 2.6.5). */
const MAX_CHAIN_BYTES = 2 ** 32;

const DESCRIPTOR_BYTES = 16;

/** Descriptor flags (Virtio 1.1 2.6.5). */
const DESC_F_NEXT = 1;
const DESC_F_WRITE = 2;
const DESC_F_INDIRECT = 4;
/** Flag of the available ring: the driver wants no interrupts (2.6.7). */
const AVAIL_F_NO_INTERRUPT = 1;

/** What a queue is connected to. */
export interface QueueHost extends ChainOwner {
  readonly dma: DmaPort;
  /** VIRTIO_F_RING_EVENT_IDX was negotiated. */
  readonly eventIndex: boolean;
  /** VIRTIO_F_RING_INDIRECT_DESC was negotiated. */
  readonly indirect: boolean;
  /** DRIVER_OK, and the device needs no reset. */
  readonly running: boolean;
  /** Puts the device into the state in which it needs a reset. */
  fail(reason: string): void;
  /** Interrupts the driver for the used ring of this queue. */
  interrupt(queue: number): void;
}

/** A queue as it is saved. */
export type VirtqueueState = {
  size: number;
  ready: boolean;
  descriptorTable: number;
  availableRing: number;
  usedRing: number;
  nextAvailable: number;
  nextUsed: number;
  /** Value of `nextUsed` when the driver was last asked about. */
  signalledUsed: number;
  /** What stands in the used ring's avail_event. */
  availableEvent: number;
};

/**
 * A split virtqueue, the device's side (Virtio 1.1 2.6). A ring that breaks a rule puts the device into the state in
 * which it needs a reset; no ring can make this throw, loop or keep more than {@link MAX_CHAIN_LENGTH} descriptors.
 */
export class Virtqueue implements Saveable<VirtqueueState> {
  readonly index: number;
  readonly maxSize: number;
  readonly state: VirtqueueState;
  private readonly host: QueueHost;
  private readonly scratch = new Uint8Array(DESCRIPTOR_BYTES);
  private readonly view = new DataView(this.scratch.buffer);
  /** Chains of an earlier life of the queue are not the driver's any more. */
  private epoch = 0;
  private draining = false;

  constructor(index: number, maxSize: number, host: QueueHost) {
    this.index = index;
    this.maxSize = maxSize;
    this.host = host;
    this.state = emptyQueue(maxSize);
  }

  /** The driver switches the queue on or off. A size that no queue can have leaves it off. */
  setReady(ready: boolean): void {
    const { state } = this;
    this.epoch++;
    state.nextAvailable = state.nextUsed = state.signalledUsed = state.availableEvent = 0;
    state.ready = ready && isQueueSize(state.size, this.maxSize);
  }

  /** Back to the state after power on. */
  reset(): void {
    this.epoch++;
    Object.assign(this.state, emptyQueue(this.maxSize));
  }

  /** True while a chain that `pop` gave can still be answered. */
  isCurrent(chain: DescriptorChain): boolean {
    return chain.epoch === this.epoch && this.host.running && this.state.ready;
  }

  /** The next request, or undefined when there is none, the queue is off, or the device needs a reset. */
  pop(): DescriptorChain | undefined {
    const { state, host } = this;
    if (!state.ready || !host.running) return undefined;
    const index = this.readWord(state.availableRing + 2);
    if (index < 0) return undefined;
    const waiting = (index - state.nextAvailable) & 0xffff;
    if (waiting === 0) {
      this.publishAvailableEvent();
      return undefined;
    }
    if (waiting > state.size) return this.broken(`its available index jumped to ${index}`);
    const head = this.readWord(state.availableRing + 4 + 2 * (state.nextAvailable & (state.size - 1)));
    if (head < 0) return undefined;
    state.nextAvailable = (state.nextAvailable + 1) & 0xffff;
    return this.chainAt(head);
  }

  /**
   * Requests that wait now, one after the other. A driver can't add any while its CPU waits for us, so what is more than a
   * queue can hold comes from a ring that lies in a buffer of its own, and waits for the next notification.
   * @param handle answers the chain by `push`, now or later; returns false to stop
   */
  drain(handle: (chain: DescriptorChain) => boolean): void {
    if (this.draining) return;
    this.draining = true;
    try {
      for (let i = 0; i < this.state.size; i++) {
        const chain = this.pop();
        if (chain === undefined || !handle(chain)) break;
      }
    } finally {
      this.draining = false;
    }
    this.signal();
  }

  /** A chain that was popped before a machine was saved, by its head; undefined when the ring is broken. */
  chainAt(head: number): DescriptorChain | undefined {
    const { state } = this;
    if (head >= state.size) return this.broken(`there is no descriptor ${head}`);
    const chain = new DescriptorChain(head, this.epoch, this.host);
    return this.followTable(chain, state.descriptorTable, state.size, head, true) ? chain : undefined;
  }

  /**
   * Gives a request back to the driver. `signal` tells the driver.
   * @param written bytes that the device wrote into the chain's writable part, from its start
   */
  push(chain: DescriptorChain, written: number): void {
    if (!this.isCurrent(chain)) return;
    const { state, host, view, scratch } = this;
    view.setUint32(0, chain.head, true);
    view.setUint32(4, written, true);
    const entry = state.usedRing + 4 + 8 * (state.nextUsed & (state.size - 1));
    if (!host.dma.write(entry, scratch.subarray(0, 8))) {
      this.broken('its used ring is not in memory');
      return;
    }
    state.nextUsed = (state.nextUsed + 1) & 0xffff;
    this.writeWord(state.usedRing + 2, state.nextUsed);
  }

  /** Interrupts the driver if it wants to know of what was pushed since the last call (Virtio 1.1 2.6.7). */
  signal(): void {
    const { state, host } = this;
    if (!state.ready || !host.running || state.signalledUsed === state.nextUsed) return;
    const before = state.signalledUsed;
    state.signalledUsed = state.nextUsed;
    if (host.eventIndex) {
      const event = this.readWord(state.availableRing + 4 + 2 * state.size);
      if (event < 0) return;
      // 2.6.7.1: the entry with that index was among those written.
      if (((state.nextUsed - event - 1) & 0xffff) >= ((state.nextUsed - before) & 0xffff)) return;
    } else {
      const flags = this.readWord(state.availableRing);
      if (flags < 0 || (flags & AVAIL_F_NO_INTERRUPT) !== 0) return;
    }
    host.interrupt(this.index);
  }

  saveState(): VirtqueueState {
    return { ...this.state };
  }

  restoreState(state: VirtqueueState): void {
    if (!isQueueSize(state.size, this.maxSize) && state.ready) {
      throw new RangeError(`virtqueue ${this.index} can't have ${state.size} entries`);
    }
    this.epoch++;
    Object.assign(this.state, state);
  }

  /** With the event index, the driver notifies of the entry after this one, and of no other (Virtio 1.1 2.6.10). */
  private publishAvailableEvent(): void {
    const { state } = this;
    if (!this.host.eventIndex || state.availableEvent === state.nextAvailable) return;
    state.availableEvent = state.nextAvailable;
    this.writeWord(state.usedRing + 4 + 8 * state.size, state.nextAvailable);
  }

  /** Adds the descriptors from `first` on. @returns false when a rule is broken. */
  private followTable(
    chain: DescriptorChain,
    table: number,
    count: number,
    first: number,
    direct: boolean,
  ): boolean {
    const { host, scratch, view } = this;
    for (let i = first, followed = 0; ; followed++) {
      if (followed === count) return this.isBroken('a chain of descriptors has a loop');
      if (chain.segments === MAX_CHAIN_LENGTH) return this.isBroken('a chain of descriptors is too long');
      if (!host.dma.read(table + i * DESCRIPTOR_BYTES, scratch)) {
        return this.isBroken('a descriptor table is not in memory');
      }
      const address = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
      const length = view.getUint32(8, true);
      const flags = view.getUint16(12, true);
      i = view.getUint16(14, true);
      if ((flags & DESC_F_INDIRECT) !== 0) return this.followIndirect(chain, address, length, flags, direct);
      if (!this.add(chain, address, length, flags)) return false;
      if ((flags & DESC_F_NEXT) === 0) return true;
      if (i >= count) return this.isBroken(`there is no descriptor ${i}`);
    }
  }

  /** 2.6.5.3: only the last descriptor of the ring's own table refers to an indirect one, which has no further below it. */
  private followIndirect(
    chain: DescriptorChain,
    table: number,
    length: number,
    flags: number,
    direct: boolean,
  ): boolean {
    if (!this.host.indirect || !direct || (flags & DESC_F_NEXT) !== 0) {
      return this.isBroken('an indirect descriptor where none may be');
    }
    const count = length / DESCRIPTOR_BYTES;
    if (count === 0 || !Number.isInteger(count)) {
      return this.isBroken(`a descriptor table of ${length} bytes`);
    }
    return this.followTable(chain, table, count, 0, false);
  }

  private add(chain: DescriptorChain, address: number, length: number, flags: number): boolean {
    if (length === 0) return this.isBroken('a buffer of no bytes');
    if (chain.readableBytes + chain.writableBytes + length > MAX_CHAIN_BYTES) {
      return this.isBroken('the buffers of a chain have more than 4 GiB');
    }
    if ((flags & DESC_F_WRITE) !== 0) {
      chain.addWritable(address, length);
      return true;
    }
    // 2.6.4.2: what the device writes comes after what it reads.
    if (chain.writableBytes > 0) return this.isBroken('a buffer to read after one to write');
    chain.addReadable(address, length);
    return true;
  }

  /** @returns -1 when it is not in memory; the device then needs a reset. */
  private readWord(address: number): number {
    if (!this.host.dma.read(address, this.scratch.subarray(0, 2))) {
      this.broken('its available ring is not in memory');
      return -1;
    }
    return this.view.getUint16(0, true);
  }

  private writeWord(address: number, value: number): void {
    this.view.setUint16(0, value, true);
    if (!this.host.dma.write(address, this.scratch.subarray(0, 2))) {
      this.broken('its used ring is not in memory');
    }
  }

  private isBroken(reason: string): false {
    this.broken(reason);
    return false;
  }

  private broken(reason: string): undefined {
    this.host.fail(`virtqueue ${this.index}: ${reason}`);
  }
}

function emptyQueue(maxSize: number): VirtqueueState {
  return {
    size: maxSize,
    ready: false,
    descriptorTable: 0,
    availableRing: 0,
    usedRing: 0,
    nextAvailable: 0,
    nextUsed: 0,
    signalledUsed: 0,
    availableEvent: 0,
  };
}

/** A power of two (Virtio 1.1 2.6). */
function isQueueSize(size: number, maxSize: number): boolean {
  return Number.isInteger(size) && size > 0 && size <= maxSize && (size & (size - 1)) === 0;
}
