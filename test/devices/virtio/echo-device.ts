import type { VirtioDevice, VirtioPort } from '../../../src/devices/virtio/virtio-device.ts';

/** Writes what it reads, inverted, into the chain's writable part; counts what happens to it. */
export class EchoDevice implements VirtioDevice {
  readonly name = 'virtio-echo';
  readonly deviceId = 4;
  readonly features: bigint;
  readonly queueSizes = [8, 4];
  readonly config = Uint8Array.of(0x11, 0x22, 0x33, 0x44, 0x55);
  port!: VirtioPort;
  startedWith: bigint | undefined;
  resets = 0;
  handled = 0;
  configWrites: string[] = [];

  constructor(features = 0b101n) {
    this.features = features;
  }

  connect(port: VirtioPort): void {
    this.port = port;
  }

  start(features: bigint): void {
    this.startedWith = features;
  }

  notify(queue: number): void {
    this.port.queues[queue].drain((chain) => {
      this.handled++;
      const bytes = new Uint8Array(Math.min(chain.readableBytes, chain.writableBytes, 4096));
      chain.read(0, bytes);
      chain.write(
        0,
        bytes.map((byte) => ~byte),
      );
      this.port.queues[queue].push(chain, bytes.length);
      return true;
    });
  }

  writeConfig(offset: number, size: number, value: number): void {
    this.configWrites.push(`${offset} ${size} ${value}`);
  }

  reset(): void {
    this.resets++;
    this.startedWith = undefined;
  }

  saveState(): number {
    return this.handled;
  }

  restoreState(handled: number): void {
    this.handled = handled;
  }
}
