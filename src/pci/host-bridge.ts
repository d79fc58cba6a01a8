import { EndpointError } from '../errors.ts';
import type { StreamTarget } from '../iommu/stream.ts';
import type { Clock } from '../ports/clock.ts';
import type { AccessSize, MmioDevice } from '../ports/mmio.ts';
import type { Saveable } from '../ports/saveable.ts';
import { AddressDecoder, type DecodedRange } from './address-decoder.ts';
import { allOnes } from './bar-target.ts';
import type { BusDecorator, PinChanged } from './bus-decorator.ts';
import { describeFunctions, type FunctionListing } from './describe-bus.ts';
import type { FunctionDescription, PciEndpoint } from './endpoint.ts';
import { type FunctionBus, type FunctionSavedState, PciFunction } from './function.ts';
import { InterruptRouter, type IntxLines } from './interrupt-router.ts';
import { formatBdf, makeBdf } from './registers.ts';
import { firstThatDoesNotFit } from './window-fit.ts';

/** Addresses of one of the bridge's windows, on the bus. */
export interface BusWindow {
  /** Bus address of the window's first byte: what the guest writes into BARs, not where the CPU sees it. */
  readonly base: number;
  /** Bytes. */
  readonly size: number;
}

/** What a board says about its host bridge. */
export interface HostBridgeConfig {
  readonly clock: Clock;
  /** What bus masters reach: physical memory, or an SMMU before it. */
  readonly memory: StreamTarget;
  readonly memoryWindow: BusWindow;
  readonly ioWindow: BusWindow;
  readonly intx: IntxLines;
  /** Between the bus and its parts; absent: nothing. */
  readonly decorator?: BusDecorator | undefined;
}

/** The bus: a function's state for each device number, undefined where there is none. */
export type HostBridgeState = { readonly functions: readonly (FunctionSavedState | undefined)[] };

/** ECAM (PCIe 3.0 7.2.2): bus in offset bits 20 and up, device in 19:15, function in 14:12, register in 11:0. */
const FUNCTION_SHIFT = 12;
const REGISTER_MASK = 0xfff;
const DEVICES = 32;

/** The generic host bridge has no registers of its own; its function on the bus only says that it is there. */
const HOST_BRIDGE: FunctionDescription = {
  vendorId: 0x1b36,
  deviceId: 0x0008,
  classCode: 0x060000,
  subsystemVendorId: 0x1af4,
  subsystemId: 0x1100,
  bars: [],
};

/**
 * The generic PCI Express host bridge of the device tree's `pci-host-ecam-generic`: configuration space by ECAM, a
 * window to memory space, one to I/O space, four interrupt wires. Functions sit on bus 0, one for each device number.
 *
 * A board maps `ecam`, `memoryWindow` and `ioWindow` where it wants them.
 */
export class HostBridge implements Saveable<HostBridgeState> {
  readonly ecam: MmioDevice;
  readonly memoryWindow: MmioDevice;
  readonly ioWindow: MmioDevice;
  private readonly config: HostBridgeConfig;
  private readonly functions: (PciFunction | undefined)[] = new Array<PciFunction | undefined>(DEVICES).fill(
    undefined,
  );
  private readonly memoryDecoder: AddressDecoder;
  private readonly ioDecoder: AddressDecoder;
  private readonly router: InterruptRouter;
  private readonly bus: FunctionBus;
  private decodingListener: (() => void) | undefined;

  constructor(config: HostBridgeConfig) {
    this.config = config;
    this.memoryDecoder = new AddressDecoder(config.memoryWindow.base, config.memoryWindow.size);
    this.ioDecoder = new AddressDecoder(config.ioWindow.base, config.ioWindow.size);
    this.memoryWindow = this.memoryDecoder;
    this.ioWindow = this.ioDecoder;
    this.router = new InterruptRouter(config.intx);
    const { decorator } = config;
    const ecam: MmioDevice = {
      read: (offset, size) => this.readConfig(offset, size),
      write: (offset, size, value) => this.writeConfig(offset, size, value),
    };
    this.ecam = decorator?.ecam?.(ecam) ?? ecam;
    const pinChanged: PinChanged = (fn, asserted) => {
      const line = pinLine(fn);
      if (line !== undefined) this.router.pinChanged(line, asserted);
    };
    this.bus = {
      clock: config.clock,
      memory: config.memory,
      decorator,
      decodingChanged: () => this.updateDecoders(),
      pinChanged: decorator?.pins?.(pinChanged) ?? pinChanged,
    };
    this.functions[0] = new PciFunction(hostBridgeEndpoint(), 0, this.bus);
  }

  /**
   * Puts an endpoint on the bus; also while the machine runs (the guest finds it at its next rescan).
   * @param device device number, 1 to 31; absent: the lowest free one
   * @returns the address that it got, such as `00:01.0`
   * @throws EndpointError for a description that breaks PCI's rules, a taken or impossible device number, or BARs
   *   that the bridge's windows can't hold
   */
  plug(endpoint: PciEndpoint, device?: number): string {
    if (this.functions.some((fn) => fn?.endpoint === endpoint)) {
      throw new EndpointError(
        `PCI endpoint ${endpoint.name} is on the bus already`,
        'make a second endpoint',
      );
    }
    const slot = this.chooseSlot(endpoint, device);
    const fn = new PciFunction(endpoint, makeBdf(0, slot, 0), this.bus);
    this.checkFit(endpoint);
    this.functions[slot] = fn;
    fn.attach();
    return formatBdf(fn.bdf);
  }

  /** Takes an endpoint off the bus: its addresses read as all ones from now on. Does nothing when it is not there. */
  unplug(endpoint: PciEndpoint): void {
    const slot = this.functions.findIndex((fn) => fn?.endpoint === endpoint);
    const fn = this.functions[slot];
    if (slot <= 0 || fn === undefined) return;
    fn.detach();
    this.functions[slot] = undefined;
    this.updateDecoders();
  }

  /**
   * The machine has ended: the endpoint can drive nothing any more, and is told so. What the guest made of it can still
   * be listed. Does nothing when it is not there.
   */
  detach(endpoint: PciEndpoint): void {
    this.functions.find((fn) => fn?.endpoint === endpoint)?.detach();
  }

  /**
   * What answers in a range of memory addresses on the bus, disjoint and ascending; the first and the last may reach beyond it.
   */
  memoryRanges(start: number, end: number): DecodedRange[] {
    return this.memoryDecoder.rangesIn(start, end);
  }

  /** Calls the one listener when `memoryRanges` has changed, before the endpoint that the change is of is told. */
  whenDecodingChanged(listener: () => void): void {
    this.decodingListener = listener;
  }

  /** Reset of the whole bus. */
  reset(): void {
    for (const fn of this.functions) fn?.reset();
  }

  /**
   * The guest's interrupt controller finished (EOI or deactivation) the interrupt of a wire: endpoints that drive it
   * are told, as a real device's interrupt must be unmasked on the host.
   * @param line 0 to 3
   */
  intxEndOfInterrupt(line: number): void {
    for (const fn of this.functions) {
      if (fn !== undefined && pinLine(fn) === line) fn.endOfInterrupt();
    }
  }

  /** State of each function by its device number. */
  saveState(): HostBridgeState {
    return { functions: this.functions.map((fn) => fn?.saveState()) };
  }

  /** Functions that were not there when the state was saved stay as they are: plugged since. */
  restoreState({ functions }: HostBridgeState): void {
    if (functions.length !== DEVICES) throw new RangeError(`a PCI bus has ${DEVICES} device numbers`);
    for (const [device, state] of functions.entries()) {
      if (state === undefined) continue;
      const fn = this.functions[device];
      if (fn === undefined)
        throw new RangeError(`there is no PCI function at ${formatBdf(makeBdf(0, device, 0))}`);
      fn.restoreState(state);
    }
    const asserting = this.listFunctions().filter((fn) => fn.drivesPin);
    this.router.restored(asserting.map((fn) => pinLine(fn) as number));
    this.updateDecoders();
  }

  /** The functions on the bus, by device number; the host bridge's own is the first. */
  listFunctions(): PciFunction[] {
    return this.functions.filter((fn) => fn !== undefined);
  }

  /** What is on the bus and how the guest configured it, as plain data for listings. */
  describeBus(): FunctionListing[] {
    return describeFunctions(this.listFunctions());
  }

  private readConfig(offset: number, size: AccessSize): number {
    const fn = this.functionAt(offset);
    return fn === undefined ? allOnes(size) : fn.config.read(offset & REGISTER_MASK, size);
  }

  private writeConfig(offset: number, size: AccessSize, value: number): void {
    this.functionAt(offset)?.config.write(offset & REGISTER_MASK, size, value);
  }

  private functionAt(offset: number): PciFunction | undefined {
    const bdf = offset >>> FUNCTION_SHIFT;
    return (bdf & 7) === 0 ? this.functions[bdf >> 3] : undefined;
  }

  /** The lower device number wins where BARs overlap, and then the lower BAR. */
  private updateDecoders(): void {
    const functions = this.listFunctions();
    this.memoryDecoder.setRanges(functions.flatMap((fn) => fn.decodedRanges('memory')));
    this.ioDecoder.setRanges(functions.flatMap((fn) => fn.decodedRanges('io')));
    this.decodingListener?.();
  }

  private chooseSlot(endpoint: PciEndpoint, device: number | undefined): number {
    if (device === undefined) {
      const free = this.functions.indexOf(undefined);
      if (free < 0) {
        throw new EndpointError(
          `no free slot for PCI endpoint ${endpoint.name}: all ${DEVICES} device numbers of bus 0 are taken`,
          'give the machine fewer PCI devices',
        );
      }
      return free;
    }
    if (!Number.isInteger(device) || device < 1 || device >= DEVICES) {
      throw new EndpointError(
        `PCI endpoint ${endpoint.name} can't have device number ${device}`,
        `use a number from 1 to ${DEVICES - 1}; 0 is the host bridge`,
      );
    }
    const there = this.functions[device];
    if (there !== undefined) {
      throw new EndpointError(
        `PCI endpoint ${endpoint.name} can't have device number ${device}: ${there.endpoint.name} is at ${formatBdf(there.bdf)}`,
        'use another number, or none: the bus chooses a free one',
      );
    }
    return device;
  }

  private checkFit(newcomer: PciEndpoint): void {
    const endpoints = [...this.listFunctions().map((fn) => fn.endpoint), newcomer];
    for (const space of ['memory', 'I/O'] as const) {
      const window = space === 'memory' ? this.config.memoryWindow : this.config.ioWindow;
      const sizesOf = (e: PciEndpoint) =>
        e.description.bars.filter((b) => (b.kind === 'io') === (space === 'I/O')).map((b) => b.size);
      const tooLarge = firstThatDoesNotFit(endpoints.flatMap(sizesOf), window);
      if (tooLarge === undefined) continue;
      const alone = firstThatDoesNotFit(sizesOf(newcomer), window) !== undefined;
      const range = `0x${window.base.toString(16)}-0x${(window.base + window.size - 1).toString(16)}`;
      throw new EndpointError(
        `PCI endpoint ${newcomer.name}: its ${space} BARs (${sizesOf(newcomer).map(formatSize).join(', ')}) do not fit ` +
          `into this board's PCI ${space} window ${range}${alone ? '' : ' beside those of the other devices'}`,
        alone
          ? 'make the BAR smaller on the host (resizable BAR, in the firmware setup or by resource*_resize in sysfs)'
          : 'give the machine fewer PCI devices',
      );
    }
  }
}

function pinLine(fn: PciFunction): number | undefined {
  const { interruptPin } = fn.endpoint.description;
  return interruptPin === undefined || interruptPin === 0
    ? undefined
    : InterruptRouter.lineOf((fn.bdf >> 3) & 31, interruptPin);
}

function formatSize(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  const unit = Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${bytes / 2 ** (10 * unit)} ${units[unit]}`;
}

function hostBridgeEndpoint(): PciEndpoint {
  return {
    name: 'host bridge',
    description: HOST_BRIDGE,
    attach() {},
    detach() {},
    reset() {},
    readBar: (_bar, _offset, size) => allOnes(size),
    writeBar() {},
  };
}
