import { type VirtioDevice, VirtioDeviceId, type VirtioPort } from './virtio-device.ts';

/** The queues of port 0 (Virtio 1.1 5.3.2). */
const RECEIVE = 0;
const TRANSMIT = 1;
/** A request is read in pieces of this many bytes. */
const PIECE_BYTES = 4096;

/** What a console is connected to. */
export interface VirtioConsoleConfig {
  /** Bytes that the guest sent. */
  transmit(bytes: Uint8Array): void;
  /** The guest has given buffers to receive into. */
  onReceiveSpace?(): void;
}

/** Console device with one port and no control queues (Virtio 1.1 5.3); Linux calls it hvc0. */
export class VirtioConsole implements VirtioDevice {
  readonly name = 'virtio-console';
  readonly deviceId = VirtioDeviceId.CONSOLE;
  readonly features = 0n;
  readonly queueSizes = [64, 64];
  readonly config = new Uint8Array(12);
  private readonly far: VirtioConsoleConfig;
  private port!: VirtioPort;

  constructor(far: VirtioConsoleConfig) {
    this.far = far;
  }

  connect(port: VirtioPort): void {
    this.port = port;
  }

  start(): void {}

  notify(queue: number): void {
    if (queue === TRANSMIT) this.send();
    else this.far.onReceiveSpace?.();
  }

  reset(): void {}

  saveState(): null {
    return null;
  }

  restoreState(): void {}

  /** Gives bytes to the guest. @returns how many it had room for */
  receive(bytes: Uint8Array): number {
    const queue = this.port.queues[RECEIVE];
    let taken = 0;
    if (bytes.length === 0) return 0;
    queue.drain((chain) => {
      const part = bytes.subarray(taken, taken + chain.writableBytes);
      if (!chain.write(0, part)) return false;
      queue.push(chain, part.length);
      taken += part.length;
      return taken < bytes.length;
    });
    return taken;
  }

  private send(): void {
    const queue = this.port.queues[TRANSMIT];
    queue.drain((chain) => {
      for (let done = 0; done < chain.readableBytes; done += PIECE_BYTES) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, chain.readableBytes - done));
        if (!chain.read(done, piece)) return false;
        this.far.transmit(piece);
      }
      queue.push(chain, 0);
      return true;
    });
  }
}
