import type { EndpointPort, PciEndpoint } from '../../src/index.ts';

/** An endpoint without registers that does what a test says, by its `port`: DMA, messages. */
export class BusMaster implements PciEndpoint {
  readonly name: string = 'master';
  readonly description = {
    vendorId: 0x1234,
    deviceId: 4,
    classCode: 0xff0000,
    bars: [],
    msi: { vectors: 1, is64Bit: true, maskable: false },
  } as const;
  port: EndpointPort | undefined;

  attach(port: EndpointPort): void {
    this.port = port;
  }

  detach(): void {}
  reset(): void {}
  readBar(): number {
    return 0;
  }
  writeBar(): void {}
  saveState(): null {
    return null;
  }
  restoreState(): void {}
}
