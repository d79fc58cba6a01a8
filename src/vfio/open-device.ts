import { PassthroughError } from '../errors.ts';
import type { ConfigChange, EndpointPort, FunctionDescription } from '../pci/endpoint.ts';
import type { EndpointHost } from '../pci/host-device.ts';
import { Header } from '../pci/registers.ts';
import type { BarPages, HostMappings } from '../ports/host-mappings.ts';
import type { AccessSize } from '../ports/mmio.ts';
import { checkDevice } from './checks.ts';
import type { ConfigMap } from './config-map.ts';
import { VfioDevice } from './device.ts';
import { DeviceInterrupts, PendingBit } from './device-interrupts.ts';
import { Command, quiesce, resetDevice, updateCommand } from './device-reset.ts';
import { isNativeError } from './native-binding.ts';
import { RealBar, type TrappedRange } from './real-bar.ts';
import { describeRealFunction } from './real-description.ts';
import * as abi from './vfio-abi.ts';
import type { VfioHost } from './vfio-host.ts';

const POWER_STATE = 3;

/** MSI-X table and pending bits of a description, as ranges of one BAR. */
function trappedRanges(description: FunctionDescription, bar: number): TrappedRange[] {
  const { msix } = description;
  if (msix === undefined) return [];
  return [
    { bar: msix.tableBar, offset: msix.tableOffset, size: msix.vectors * 16 },
    { bar: msix.pbaBar, offset: msix.pbaOffset, size: Math.ceil(msix.vectors / 64) * 8 },
  ].filter((range) => range.bar === bar);
}

function mapBars(device: VfioDevice, description: FunctionDescription): (RealBar | undefined)[] {
  const bars = new Array<RealBar | undefined>(6).fill(undefined);
  try {
    for (const { index } of description.bars)
      bars[index] = new RealBar(device, device.bars[index], trappedRanges(description, index));
    return bars;
  } catch (error) {
    for (const bar of bars) bar?.close();
    throw error;
  }
}

/** A real device while it is open: its BARs, its interrupts, and its command register and power state as they are. */
export class OpenDevice {
  readonly description: FunctionDescription;
  readonly interrupts: DeviceInterrupts;
  /** By BAR number; undefined where the device has none. */
  readonly bars: readonly (RealBar | undefined)[];
  /** What its DMA reaches. */
  readonly mappings: HostMappings;
  /** Whether the device answers accesses to its BARs: decoding on (memory or I/O) and in D0. */
  answers = false;
  /** Whether memory BARs are among what it answers, so that other devices may be let in. */
  private decodesMemory = false;
  private readonly device: VfioDevice;
  private readonly host: EndpointHost;
  private readonly vfio: VfioHost;
  private readonly configMap: ConfigMap;
  private readonly powerControl: number | undefined;
  private readonly virtualFunction: boolean;
  private readonly releases: readonly (() => void)[];
  /** What the guest has in its command register. */
  private command: number = 0;
  private powerState = 0;
  /** Bus mastering stays off. */
  private stopped = false;

  private constructor(
    vfio: VfioHost,
    host: EndpointHost,
    device: VfioDevice,
    mappings: HostMappings,
    virtualFunction: boolean,
    interrupts: DeviceInterrupts,
    releases: readonly (() => void)[],
  ) {
    this.vfio = vfio;
    this.host = host;
    this.device = device;
    this.mappings = mappings;
    this.virtualFunction = virtualFunction;
    this.interrupts = interrupts;
    this.releases = releases;
    const real = describeRealFunction(
      device.address,
      device.readWholeConfig(),
      device.bars,
      {
        intx: device.irqInfo(abi.PCI_INTX_IRQ_INDEX).count > 0,
        msi: interrupts.probeMsi(device.irqInfo(abi.PCI_MSI_IRQ_INDEX).count),
        msix: device.irqInfo(abi.PCI_MSIX_IRQ_INDEX).count,
      },
      device.resettable,
    );
    this.description = real.description;
    this.configMap = real.configMap;
    this.powerControl = real.powerControl;
    this.bars = mapBars(device, this.description);
  }

  /**
   * Checks the host, opens group and device, resets the device, and maps its BARs and guest RAM.
   * @throws PassthroughError; nothing stays open or mapped
   */
  static open(vfio: VfioHost, address: string, host: EndpointHost): OpenDevice {
    const { ramBase, ramSize, mmioWindow: window } = host;
    const others = vfio.devicesOf(host.memory).filter((other) => other !== address);
    const guest = { ramBase, ramSize, window, others, ...vfio.pinningFor(address, host.memory, ramSize) };
    const facts = checkDevice(vfio.facts, address, guest);
    const { binding } = vfio;
    const releases: (() => void)[] = [];
    try {
      const ram = new Uint8Array(host.memory.buffer, host.ramOffset, host.ramSize);
      const group = vfio.acquireGroup(facts.group, address, {
        memory: host.memory,
        bytes: ram,
        base: host.ramBase,
        behindIommu: host.behindIommu === true,
      });
      releases.push(() => vfio.releaseGroup(group));
      const pump = vfio.acquirePump(host);
      releases.push(() => vfio.releasePump(host));
      const descriptor = group.openDevice(address);
      releases.push(() => binding.close(descriptor));
      const device = new VfioDevice(binding, descriptor, address);
      quiesce(device);
      const notReset = resetDevice(device, vfio);
      if (notReset !== undefined)
        host.warn(
          `${address} could not be reset (${notReset}; ways of the kernel: ${facts.resetMethods.join(', ') || 'none'}); the guest finds it as its last user left it`,
        );
      const interrupts = new DeviceInterrupts(binding, device, pump, host);
      releases.push(() => interrupts.close());
      const { virtualFunction } = facts;
      const open = new OpenDevice(vfio, host, device, group.mappings, virtualFunction, interrupts, releases);
      releases.push(() => open.closeBars());
      interrupts.watchConditions();
      return open;
    } catch (error) {
      for (const release of releases.reverse()) release();
      throw isNativeError(error) ? unexpected(address, error) : error;
    }
  }

  /** Parts of a BAR that other devices can reach at present. */
  barPages(bar: number): readonly BarPages[] {
    return this.decodesMemory ? (this.bars[bar]?.pages ?? []) : [];
  }

  /** The guest wrote its command register: the real one follows. */
  setCommand(change: Extract<ConfigChange, { kind: 'command' }>): void {
    const { host } = this;
    if (change.busMaster) host.busMasterChanged?.(true);
    this.command =
      (change.io ? Command.IO : 0) |
      (change.memory ? Command.MEMORY : 0) |
      (change.busMaster ? Command.BUS_MASTER : 0) |
      (change.intxDisabled ? Command.INTX_DISABLE : 0);
    if (!change.memory) this.withdrawBars();
    this.forwardCommand();
    if (!change.busMaster) host.busMasterChanged?.(false);
  }

  /** Ends the device's DMA, for good. */
  stopBusMaster(): void {
    this.stopped = true;
    this.writeCommand();
  }

  setPowerState(state: 0 | 1 | 2 | 3): void {
    if (this.powerControl === undefined) return;
    const { device, powerControl } = this;
    if (state !== 0) this.withdrawBars();
    this.guarded(() => {
      const old = device.readConfig(powerControl, 2);
      device.writeConfig(powerControl, 2, (old & ~POWER_STATE) | state);
      this.powerState = device.readConfig(powerControl, 2) & POWER_STATE;
    });
    // Coming back to D0 may have reset the function, its command register too (PM 1.2 5.4, No_Soft_Reset).
    this.forwardCommand();
  }

  /** A reset that the guest asked for. Its own configuration is back at its initial state already. */
  reset(): void {
    this.command = 0;
    this.powerState = 0;
    this.answers = false;
    this.withdrawBars();
    this.guarded(() => {
      quiesce(this.device);
      const notReset = resetDevice(this.device, this.vfio);
      if (notReset !== undefined) this.host.warn(`${this.device.address} was not reset: ${notReset}`);
    });
    this.host.busMasterChanged?.(false);
  }

  readConfig(offset: number, size: AccessSize): number {
    return this.configMap.read(offset, size, (at, width) => {
      const value = this.guarded(() => this.device.readConfig(at, width));
      return value ?? (width === 4 ? 0xffffffff : width === 2 ? 0xffff : 0xff);
    });
  }

  /** The real device's Status register; zero when it can't be read. */
  readStatus(): number {
    return this.guarded(() => this.device.readConfig(Header.STATUS, 2)) ?? 0;
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.configMap.write(offset, size, value, (at, width, part) =>
      this.guarded(() => this.device.writeConfig(at, width, part)),
    );
  }

  /** Delivers interrupts. @returns whether the device failed, or the host wants it back */
  deliver(port: EndpointPort | undefined): { failed: boolean; wanted: boolean } {
    const conditions = this.interrupts.deliver(port);
    return {
      failed: (conditions & PendingBit.ERROR) !== 0,
      wanted: (conditions & PendingBit.REMOVAL) !== 0,
    };
  }

  /** Stops and resets the device and gives everything back, whatever the device says to it. */
  close(): void {
    this.answers = false;
    this.withdrawBars();
    this.guarded(() => quiesce(this.device));
    this.guarded(() => this.interrupts.off());
    this.guarded(() => resetDevice(this.device, this.vfio));
    for (const release of [...this.releases].reverse()) this.guarded(release);
  }

  private closeBars(): void {
    for (const bar of this.bars) bar?.close();
  }

  private forwardCommand(): void {
    const real = this.writeCommand();
    // A virtual function always decodes memory; its real bit reads 0 (SR-IOV 1.1 3.4.1.3).
    const decoding = this.virtualFunction ? this.command : real;
    this.answers = this.powerState === 0 && (decoding & (Command.MEMORY | Command.IO)) !== 0;
    const decodesMemory = this.answers && (decoding & Command.MEMORY) !== 0;
    if (decodesMemory === this.decodesMemory) return;
    this.decodesMemory = decodesMemory;
    this.host.barsChanged?.();
  }

  /** @returns what the real command register reads then; 0 when it can't be written */
  private writeCommand(): number {
    const mask = Command.IO | Command.MEMORY | Command.BUS_MASTER | Command.INTX_DISABLE;
    const allowed = this.stopped ? ~Command.BUS_MASTER : mask;
    return this.guarded(() => updateCommand(this.device, mask, this.command & allowed)) ?? 0;
  }

  /** Other devices reach its BARs no more when this returns: the host's IOMMU does not notice when a BAR goes. */
  private withdrawBars(): void {
    if (!this.decodesMemory) return;
    this.decodesMemory = false;
    this.host.barsChanged?.();
  }

  /** What a guest does must not end the emulator when the real device refuses it. */
  private guarded<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!isNativeError(error)) throw error;
      this.host.warn(`${this.device.address}: ${error.message}`);
      return undefined;
    }
  }
}

function unexpected(
  address: string,
  cause: Error & { operation: string; path: string; code: string },
): PassthroughError {
  return new PassthroughError(
    `${address} can't be opened: ${cause.message}.`,
    `The kernel's log says more: dmesg | grep -i -e vfio -e ${address}`,
    { cause },
  );
}
