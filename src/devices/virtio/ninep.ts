import type { ShareBackend } from '../../ports/share.ts';
import { NinePServer, type NinePState } from './ninep-server.ts';
import { type VirtioDevice, VirtioDeviceId, type VirtioPort } from './virtio-device.ts';

/** The configuration space has the mount tag (Virtio 1.1 leaves this device to QEMU and Linux: VIRTIO_9P_MOUNT_TAG). */
const MOUNT_TAG = 1n;
/** A message of the client is never longer than the largest that is agreed on. */
const MAX_REQUEST = 256 * 1024;

/** What a 9P device is made with. */
export interface VirtioNinePConfig {
  readonly share: ShareBackend;
  /** What the guest mounts it by. */
  readonly tag: string;
  /** Wall-clock time in nanoseconds since 1970. */
  nowNs(): bigint;
}

/** 9P transport device: a shared folder, by the 9P2000.L protocol. */
export class VirtioNineP implements VirtioDevice {
  readonly name = 'virtio-9p';
  readonly deviceId = VirtioDeviceId.NINEP;
  readonly features = MOUNT_TAG;
  readonly queueSizes = [128];
  readonly config: Uint8Array;
  private readonly server: NinePServer;
  private port!: VirtioPort;

  constructor({ share, tag, nowNs }: VirtioNinePConfig) {
    const bytes = new TextEncoder().encode(tag);
    this.config = new Uint8Array(2 + bytes.length);
    this.config.set([bytes.length & 0xff, bytes.length >> 8]);
    this.config.set(bytes, 2);
    this.server = new NinePServer(share, nowNs);
  }

  connect(port: VirtioPort): void {
    this.port = port;
  }

  start(): void {}

  notify(number: number): void {
    const queue = this.port.queues[number];
    queue.drain((chain) => {
      const request = new Uint8Array(Math.min(chain.readableBytes, MAX_REQUEST));
      if (!chain.read(0, request)) return false;
      const answer = this.server.answer(request, chain.writableBytes);
      if (answer === undefined) {
        this.port.fail('a 9P message without room for its header or for an answer');
        return false;
      }
      if (!chain.write(0, answer)) return false;
      queue.push(chain, answer.length);
      return true;
    });
  }

  reset(): void {
    this.server.reset();
  }

  saveState(): NinePState {
    return this.server.saveState();
  }

  restoreState(state: NinePState): void {
    this.server.restoreState(state);
  }
}
