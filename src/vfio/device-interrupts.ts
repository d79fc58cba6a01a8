import type { EndpointPort } from '../pci/endpoint.ts';
import type { EndpointHost } from '../pci/host-device.ts';
import type { VfioDevice } from './device.ts';
import { type InterruptPump, isNativeError, type VfioBinding } from './native-binding.ts';
import * as abi from './vfio-abi.ts';

/** Bits of an endpoint's first pending word; the words after it have one bit for each MSI or MSI-X vector. */
export const PendingBit = { INTX: 1 << 0, ERROR: 1 << 1, REMOVAL: 1 << 2 } as const;

/**
 * MSI-X vectors that are connected at once, so that the guest sees their pending bits before it unmasks them. Later
 * ones (a device may have 2048, a host hardly) are connected when they are first unmasked; a message before that stays
 * pending in the device and comes then.
 */
const EAGER_VECTORS = 64;

/** One eventfd that the interrupt thread watches. */
interface Source {
  readonly eventfd: number;
  readonly id: number;
}

/** Which kind the device uses; VFIO has one at a time. */
type Mode = 'none' | 'intx' | 'msi' | 'msix';

const indexOf = {
  intx: abi.PCI_INTX_IRQ_INDEX,
  msi: abi.PCI_MSI_IRQ_INDEX,
  msix: abi.PCI_MSIX_IRQ_INDEX,
} as const;

/**
 * A real device's interrupts, from the host's eventfds to the guest's bus.
 *
 * The interrupt thread sets bits in the endpoint's pending words; `deliver`, on the CPU thread, hands them to the bus,
 * which knows the guest's masks and pending bits. The device's own vectors stay unmasked on the host.
 */
export class DeviceInterrupts {
  private readonly binding: VfioBinding;
  private readonly device: VfioDevice;
  private readonly pump: InterruptPump;
  private readonly host: EndpointHost;
  private readonly words: Int32Array;
  private readonly firstWord: number;
  private readonly conditions: Source[] = [];
  private readonly vectors = new Map<number, Source>();
  /** MSI-X vectors that the guest has unmasked; it may do so before it enables MSI-X. */
  private readonly unmasked = new Set<number>();
  private intx: Source | undefined;
  private kind: Mode = 'none';
  /** Vectors that the host gave for MSI-X; the others can't be connected. */
  private msixGranted = 0;

  constructor(binding: VfioBinding, device: VfioDevice, pump: InterruptPump, host: EndpointHost) {
    this.binding = binding;
    this.device = device;
    this.pump = pump;
    this.host = host;
    this.words = new Int32Array(host.memory.buffer, host.pendingWordsOffset, host.pendingWordCount);
    this.firstWord = host.pendingWordsOffset;
    this.words.fill(0);
  }

  /** The kind in use. */
  get mode(): Mode {
    return this.kind;
  }

  /** Connects the device's error and removal requests. */
  watchConditions(): void {
    for (const [index, bit] of [
      [abi.PCI_ERR_IRQ_INDEX, PendingBit.ERROR],
      [abi.PCI_REQ_IRQ_INDEX, PendingBit.REMOVAL],
    ] as const) {
      if (this.device.irqInfo(index).count === 0) continue;
      const source = this.open(`${this.device.address} condition ${index}`, 0, bit);
      this.conditions.push(source);
      this.device.connectIrqs(index, 0, [source.eventfd]);
    }
  }

  /**
   * How many MSI vectors the host gives, up to `wanted`; many hosts give one only. Asked by enabling them once, before
   * the guest runs.
   */
  probeMsi(wanted: number): number {
    let count = wanted;
    while (count > 0) {
      const granted = this.tryConnect(abi.PCI_MSI_IRQ_INDEX, new Array<number>(count).fill(-1));
      if (granted === count) {
        this.device.disableIrqs(abi.PCI_MSI_IRQ_INDEX);
        return count;
      }
      count = Math.min(granted, count - 1);
    }
    return 0;
  }

  /** Pin interrupts, where the device has them. */
  useIntx(): void {
    this.off();
    if (this.device.irqInfo(abi.PCI_INTX_IRQ_INDEX).count === 0) return;
    this.intx = this.open(`${this.device.address} INTx`, 0, PendingBit.INTX);
    this.device.connectIrqs(abi.PCI_INTX_IRQ_INDEX, 0, [this.intx.eventfd]);
    this.kind = 'intx';
  }

  useMsi(count: number): void {
    this.off();
    const eventfds = Array.from({ length: count }, (_, vector) => this.openVector(vector).eventfd);
    const granted = this.tryConnect(abi.PCI_MSI_IRQ_INDEX, eventfds);
    if (granted === count) this.kind = 'msi';
    else {
      this.closeVectors();
      this.host.warn(
        `${this.device.address}: the host gives ${granted} of ${count} MSI vectors; its interrupts stay off`,
      );
    }
  }

  /** @param vectors size of the guest's MSI-X table */
  useMsix(vectors: number): void {
    if (this.kind === 'msix') return;
    this.off();
    // Without dynamic allocation (Linux before 6.5) the first call fixes how many vectors there can be: take all, also
    // those that are connected later.
    const { noResize } = this.device.irqInfo(abi.PCI_MSIX_IRQ_INDEX);
    const eager = Math.min(vectors, EAGER_VECTORS);
    let count = noResize ? vectors : eager;
    const eventfds = Array.from({ length: eager }, (_, vector) => this.openVector(vector).eventfd);
    while (count > 0) {
      const chosen = Array.from({ length: count }, (_, vector) => eventfds[vector] ?? -1);
      const granted = this.tryConnect(abi.PCI_MSIX_IRQ_INDEX, chosen);
      if (granted === count) break;
      this.host.warn(`${this.device.address}: the host gives ${granted} of ${count} MSI-X vectors`);
      count = Math.min(granted, count - 1);
    }
    if (count === 0) {
      this.closeVectors();
      return;
    }
    this.kind = 'msix';
    this.msixGranted = noResize ? count : vectors;
    for (const vector of this.unmasked) this.connectVector(vector);
  }

  /** The guest changed an MSI-X vector's mask. Masking is the bus's business; a late vector is connected at its first unmask. */
  vectorMaskChanged(vector: number, masked: boolean): void {
    if (masked) {
      this.unmasked.delete(vector);
      return;
    }
    this.unmasked.add(vector);
    if (this.kind === 'msix') this.connectVector(vector);
  }

  /** The guest's interrupt controller finished with the pin: the device may raise it again. */
  intxDone(): void {
    if (this.kind === 'intx') this.device.unmaskIntx();
  }

  /** Hands what the thread reported to the bus. @returns the device's conditions: PendingBit.ERROR and REMOVAL */
  deliver(port: EndpointPort | undefined): number {
    const conditions = this.words[0] === 0 ? 0 : Atomics.exchange(this.words, 0, 0);
    if (conditions & PendingBit.INTX && this.kind === 'intx') port?.setIntx(true);
    if (this.vectors.size === 0) return conditions;
    for (let word = 1; word < this.words.length; word++) {
      if (this.words[word] === 0) continue;
      let bits = Atomics.exchange(this.words, word, 0);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        port?.signalMsi((word - 1) * 32 + bit);
      }
    }
    return conditions;
  }

  /** Disables the kind in use; what it had pending is dropped. */
  off(): void {
    const { kind } = this;
    this.kind = 'none';
    if (kind !== 'none') this.device.disableIrqs(indexOf[kind]);
    if (this.intx) this.closeSource(this.intx);
    this.intx = undefined;
    this.closeVectors();
    Atomics.and(this.words, 0, ~PendingBit.INTX);
  }

  /** After a reset of the guest's function: all vectors are masked again. */
  forgetMasks(): void {
    this.unmasked.clear();
  }

  close(): void {
    this.off();
    for (const source of this.conditions) this.closeSource(source);
    this.conditions.length = 0;
    this.words.fill(0);
  }

  private connectVector(vector: number): void {
    if (this.vectors.has(vector) || vector >= this.msixGranted) return;
    const source = this.openVector(vector);
    try {
      this.device.connectIrqs(abi.PCI_MSIX_IRQ_INDEX, vector, [source.eventfd]);
    } catch (error) {
      if (!isNativeError(error)) throw error;
      this.vectors.delete(vector);
      this.closeSource(source);
      this.host.warn(`${this.device.address}: MSI-X vector ${vector} can't be connected: ${error.message}`);
    }
  }

  /** @returns the vectors granted: all, fewer, or 0 when the kernel refuses */
  private tryConnect(index: number, eventfds: readonly number[]): number {
    try {
      const available = this.device.connectIrqs(index, 0, eventfds);
      return available === 0 ? eventfds.length : available;
    } catch (error) {
      if (!isNativeError(error)) throw error;
      return 0;
    }
  }

  private openVector(vector: number): Source {
    const source = this.open(
      `${this.device.address} vector ${vector}`,
      1 + (vector >>> 5),
      1 << (vector & 31),
    );
    this.vectors.set(vector, source);
    return source;
  }

  private open(description: string, word: number, bits: number): Source {
    const eventfd = this.binding.eventfdCreate(description);
    return { eventfd, id: this.pump.add(eventfd, this.firstWord + 4 * word, bits >>> 0) };
  }

  private closeSource(source: Source): void {
    this.pump.remove(source.id);
    this.binding.close(source.eventfd);
  }

  private closeVectors(): void {
    for (const source of this.vectors.values()) this.closeSource(source);
    this.vectors.clear();
    for (let word = 1; word < this.words.length; word++) Atomics.store(this.words, word, 0);
  }
}
