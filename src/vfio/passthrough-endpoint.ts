import { PassthroughError } from '../errors.ts';
import type { ConfigChange, EndpointPort, FunctionDescription } from '../pci/endpoint.ts';
import type { EndpointHost, HostAttachedEndpoint, HostDma } from '../pci/host-device.ts';
import { Status } from '../pci/registers.ts';
import type { BarPages } from '../ports/host-mappings.ts';
import type { AccessSize } from '../ports/mmio.ts';
import { OpenDevice } from './open-device.ts';
import type { VfioHost } from './vfio-host.ts';

function allOnes(size: AccessSize): number {
  return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
}

/**
 * A real PCI device of the host as an endpoint of the guest's bus.
 *
 * The bus shows configuration header, BARs and standard capabilities; this class follows what the guest does there
 * with the real device. Without an open device (before `prepare`, after a failure, a removal or `close`) BARs read as
 * all ones and writes are dropped.
 */
export class PassthroughEndpoint implements HostAttachedEndpoint {
  readonly name: string;
  private readonly address: string;
  private readonly vfio: VfioHost;
  private host: EndpointHost | undefined;
  private port: EndpointPort | undefined;
  private device: OpenDevice | undefined;
  private shown: FunctionDescription | undefined;

  /** @param address in sysfs's spelling */
  constructor(address: string, vfio: VfioHost) {
    this.address = address;
    this.name = `vfio ${address}`;
    this.vfio = vfio;
  }

  /** @throws PassthroughError before `prepare`: the real device is not known then */
  get description(): FunctionDescription {
    if (this.shown === undefined)
      throw new PassthroughError(
        `${this.address} has not been opened yet.`,
        'Call prepare() first; createMachine does it for the endpoints in its pci list.',
      );
    return this.shown;
  }

  get hostDma(): HostDma | undefined {
    const { device, host } = this;
    if (device === undefined || host?.behindIommu !== true) return undefined;
    return { mappings: device.mappings, stop: () => device.stopBusMaster() };
  }

  barPages(bar: number): readonly BarPages[] {
    return this.device?.barPages(bar) ?? [];
  }

  async prepare(host: EndpointHost): Promise<void> {
    this.vfio.claim(this.address, host.memory);
    try {
      this.device = OpenDevice.open(this.vfio, this.address, host);
    } catch (error) {
      this.vfio.unclaim(this.address);
      throw error;
    }
    this.host = host;
    this.shown = this.device.description;
  }

  attach(port: EndpointPort): void {
    this.port = port;
    this.device?.interrupts.useIntx();
  }

  detach(): void {
    this.device?.interrupts.off();
    this.port = undefined;
  }

  reset(): void {
    const { device } = this;
    if (device === undefined) return;
    device.interrupts.off();
    device.interrupts.forgetMasks();
    this.port?.setIntx(false);
    device.reset();
    if (this.port !== undefined) device.interrupts.useIntx();
  }

  readBar(bar: number, offset: number, size: AccessSize): number {
    const { device } = this;
    if (device === undefined || !device.answers) return allOnes(size);
    this.host?.beforeAccess?.();
    return device.bars[bar]?.read(offset, size) ?? allOnes(size);
  }

  writeBar(bar: number, offset: number, size: AccessSize, value: number): void {
    const { device } = this;
    if (!device?.answers) return;
    this.host?.beforeAccess?.();
    device.bars[bar]?.write(offset, size, value);
  }

  readBar64(bar: number, offset: number): bigint {
    const { device } = this;
    const ones = 0xffff_ffff_ffff_ffffn;
    if (device?.answers) this.host?.beforeAccess?.();
    return device?.answers ? (device.bars[bar]?.read64(offset) ?? ones) : ones;
  }

  writeBar64(bar: number, offset: number, value: bigint): void {
    const { device } = this;
    if (!device?.answers) return;
    this.host?.beforeAccess?.();
    device.bars[bar]?.write64(offset, value);
  }

  configChanged(change: ConfigChange): void {
    const { device } = this;
    if (device === undefined) return;
    this.host?.beforeAccess?.();
    switch (change.kind) {
      case 'command':
        device.setCommand(change);
        break;
      case 'power':
        device.setPowerState(change.state);
        break;
      case 'msi':
        if (change.enabled) {
          this.port?.setIntx(false);
          device.interrupts.useMsi(change.vectors);
        } else if (device.interrupts.mode === 'msi') device.interrupts.useIntx();
        break;
      case 'msix':
        if (change.enabled) {
          this.port?.setIntx(false);
          device.interrupts.useMsix(this.shown?.msix?.vectors ?? 0);
        } else if (device.interrupts.mode === 'msix') device.interrupts.useIntx();
        break;
      case 'vector':
        device.interrupts.vectorMaskChanged(change.vector, change.masked);
        break;
      case 'intx-eoi':
        this.port?.setIntx(false);
        device.interrupts.intxDone();
        break;
      case 'function-reset':
        // `reset()` did it already.
        break;
    }
  }

  readConfig(offset: number, size: AccessSize): number | undefined {
    if (this.device === undefined) return allOnes(size);
    this.host?.beforeAccess?.();
    return this.device.readConfig(offset, size);
  }

  /** The device's own Status: it shows the interrupt that INTx disable, or the host's mask, keeps from the pin. */
  interruptPending(): boolean {
    return this.device !== undefined && (this.device.readStatus() & Status.INTERRUPT_STATUS) !== 0;
  }

  writeConfig(offset: number, size: AccessSize, value: number): boolean {
    this.host?.beforeAccess?.();
    this.device?.writeConfig(offset, size, value);
    return true;
  }

  service(): void {
    const { device } = this;
    if (device === undefined) return;
    const { failed, wanted } = device.deliver(this.port);
    if (wanted) this.lose('removal', `The host asks for ${this.address} back; it has been reset and closed.`);
    else if (failed)
      this.lose(
        'error',
        `${this.address} reported a fatal error; it has been stopped and closed. See the host's log.`,
      );
  }

  async close(): Promise<void> {
    this.closeDevice();
  }

  private lose(reason: 'error' | 'removal', message: string): void {
    const { host } = this;
    this.port?.setIntx(false);
    this.closeDevice();
    if (host?.deviceLost) host.deviceLost(reason, message);
    else host?.warn(message);
  }

  private closeDevice(): void {
    const { device } = this;
    if (device === undefined) return;
    this.device = undefined;
    try {
      device.close();
    } finally {
      this.vfio.unclaim(this.address);
    }
  }
}
