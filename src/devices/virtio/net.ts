import type { Clock, ClockTimer } from '../../ports/clock.ts';
import { MAX_FRAME_BYTES, type NetworkBackend, type NetworkPort } from '../../ports/network.ts';
import { type VirtioDevice, VirtioDeviceId, type VirtioPort } from './virtio-device.ts';

/** Feature bits (Virtio 1.1 5.1.3). */
const NetFeature = { MTU: 1n << 3n, MAC: 1n << 5n, STATUS: 1n << 16n } as const;

/** Offsets in the configuration space (5.1.4). */
const Config = { mac: 0, status: 6, mtu: 10, LENGTH: 12 } as const;
const LINK_UP = 1;
const MTU = 1500;

const RECEIVE_QUEUE = 0;
const TRANSMIT_QUEUE = 1;
const QUEUE_SIZE = 256;
/** virtio_net_hdr with num_buffers, as all devices of version 1 have it (5.1.6). */
const HEADER_BYTES = 12;
const NUM_BUFFERS = 10;
const SHORTEST_FRAME = 14;
/** Frames that wait for buffers of the driver; what comes then is lost, as on a real card. */
const MAX_WAITING = 512;

/** What a network card is made with. */
export interface VirtioNetConfig {
  readonly network: NetworkBackend;
  /** Six bytes. */
  readonly mac: Uint8Array;
  readonly clock: Clock;
}

/** Frames on their way to the guest. */
export type VirtioNetState = { readonly waiting: readonly Uint8Array[] };

/** Network card (Virtio 1.1 5.1): one pair of queues, no offloads. */
export class VirtioNet implements VirtioDevice, NetworkPort {
  readonly name = 'virtio-net';
  readonly deviceId = VirtioDeviceId.NETWORK;
  readonly features = NetFeature.MAC | NetFeature.STATUS | NetFeature.MTU;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(Config.LENGTH);
  readonly clock: Clock;
  private readonly network: NetworkBackend;
  /** Frames reach the guest between its instructions, and not while the machine stands still. */
  private readonly delivery: ClockTimer;
  private port!: VirtioPort;
  private started = false;
  private waiting: Uint8Array[] = [];

  constructor(config: VirtioNetConfig) {
    this.network = config.network;
    this.clock = config.clock;
    this.delivery = config.clock.createTimer(() => this.deliver());
    this.config.set(config.mac, Config.mac);
    const view = new DataView(this.config.buffer);
    view.setUint16(Config.status, LINK_UP, true);
    view.setUint16(Config.mtu, MTU, true);
  }

  connect(port: VirtioPort): void {
    this.port = port;
  }

  start(): void {
    this.started = true;
    this.deliver();
  }

  notify(queue: number): void {
    if (queue === RECEIVE_QUEUE) this.deliver();
    else this.transmit();
  }

  reset(): void {
    this.started = false;
    this.waiting = [];
    this.delivery.cancel();
  }

  /** A frame from the network. A card that the driver has not started takes none. */
  receive(frame: Uint8Array): boolean {
    if (!this.started || this.waiting.length >= MAX_WAITING || frame.length > MAX_FRAME_BYTES) return false;
    const packet = new Uint8Array(HEADER_BYTES + frame.length);
    packet[NUM_BUFFERS] = 1;
    packet.set(frame, HEADER_BYTES);
    this.waiting.push(packet);
    this.delivery.arm(this.clock.nowNs());
    return true;
  }

  saveState(): VirtioNetState {
    return { waiting: this.waiting.map((packet) => packet.slice()) };
  }

  restoreState({ waiting }: VirtioNetState): void {
    if (waiting.length > MAX_WAITING) throw new RangeError(`${waiting.length} frames wait in a network card`);
    this.waiting = waiting.map((packet) => packet.slice());
  }

  private deliver(): void {
    const queue = this.port.queues[RECEIVE_QUEUE];
    let delivered = 0;
    while (delivered < this.waiting.length) {
      const chain = queue.pop();
      if (chain === undefined) break;
      const packet = this.waiting[delivered++];
      // 5.1.6.3.1: a buffer has room for the largest frame; one that has not loses it.
      const fits = chain.writableBytes >= packet.length;
      if (fits && !chain.write(0, packet)) return;
      queue.push(chain, fits ? packet.length : 0);
    }
    if (delivered === 0) return;
    this.waiting.splice(0, delivered);
    queue.signal();
  }

  private transmit(): void {
    const queue = this.port.queues[TRANSMIT_QUEUE];
    queue.drain((chain) => {
      const length = chain.readableBytes - HEADER_BYTES;
      // Others than Ethernet frames are nobody's: the buffer comes back.
      if (length >= SHORTEST_FRAME && length <= MAX_FRAME_BYTES) {
        const frame = new Uint8Array(length);
        if (!chain.read(HEADER_BYTES, frame)) return false;
        this.network.send(frame);
      }
      queue.push(chain, 0);
      return true;
    });
  }
}
