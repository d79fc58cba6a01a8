import type { FwCfgConfig } from '../devices/fw-cfg.ts';
import type { GenericTimer } from '../devices/generic-timer.ts';
import type { GicV2, GicV2CpuOutputs } from '../devices/gic-v2.ts';
import type { GicV3 } from '../devices/gic-v3.ts';
import type { GpioKey } from '../devices/gpio-key.ts';
import type { Lan9118, Lan9118Config } from '../devices/lan9118/lan9118.ts';
import type { Pl011 } from '../devices/pl011.ts';
import type { Pl031 } from '../devices/pl031.ts';
import type { Pl061 } from '../devices/pl061.ts';
import type { Pl111 } from '../devices/pl111/pl111.ts';
import type { Pl181 } from '../devices/pl181.ts';
import type { Ps2Keyboard } from '../devices/ps2/keyboard.ts';
import type { SdCardConfig } from '../devices/sd/sd-card.ts';
import type { VirtioDevice } from '../devices/virtio/virtio-device.ts';
import { MessagePassage } from '../iommu/message-passage.ts';
import type { ShadowedIommu } from '../iommu/shadow/shadowed-iommu.ts';
import type { SmmuV2 } from '../iommu/smmu-v2/smmu-v2.ts';
import type { SmmuV3 } from '../iommu/smmu-v3/smmu-v3.ts';
import type { StreamTarget } from '../iommu/stream.ts';
import type { BusDecorator } from '../pci/bus-decorator.ts';
import type { HostBridge } from '../pci/host-bridge.ts';
import type { Clock, WallClock } from '../ports/clock.ts';
import type { DirectReads } from '../ports/direct-reads.ts';
import type { FlashFile } from '../ports/flash-file.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import type { DeviceLog, MmioDevice, Requester } from '../ports/mmio.ts';
import type { Drainable, PlainValue, Saveable } from '../ports/saveable.ts';
import type {
  AddressRange,
  BoardDescription,
  DeviceKind,
  InterruptInput,
  PsciConduit,
  RowOf,
} from './board.ts';
import { doorbellOf, streamsTo } from './dma-paths.ts';

/** The physical address space that a board's devices are mapped into, and that its bus masters reach. */
export interface BoardMemory {
  /** @throws an error that names both ranges when it overlaps what is mapped already. */
  map(base: number, size: number, device: MmioDevice, name: string): void;
  /** Storage that CPUs read directly, for the device that is mapped at this range, and perhaps from `alias` on, too. */
  directReads(base: number, size: number, alias?: number): DirectReads;
  isRam(address: number): boolean;
  readBytes(address: number, into: Uint8Array, requester: Requester): boolean;
  writeBytes(address: number, from: Uint8Array, requester: Requester): boolean;
}

/** The far end of a UART's line. */
export interface SerialBackend {
  /** A byte that the guest sent. */
  transmit(byte: number): void;
  /** The UART has room for a byte after it had none. */
  readyToReceive(): void;
  /** The UART of this line, once it exists. */
  connect(receiver: { receive(bytes: Uint8Array): number }): void;
}

/** What is put between a board's parts, where somebody looks at what passes there. */
export interface BoardDecorator extends BusDecorator {
  /** What bus masters access in place of memory: an SMMU. */
  translating?(target: StreamTarget): StreamTarget;
  /** Memory as the accesses that an SMMU has translated reach it. */
  translated?(target: StreamTarget): StreamTarget;
}

/** What a board's devices do to the machine as a whole. */
export interface BoardPower {
  off(): void;
  reset(): void;
}

/** What a board is assembled with. */
export interface BoardParts {
  readonly memory: BoardMemory;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: DeviceLog;
  /** What firmware finds in the configuration device; absent: nothing. */
  readonly fwCfg?: Pick<FwCfgConfig, 'items' | 'files'>;
  /** What keeps the contents of the flash banks, in their order; a bank without one begins as zeros. */
  readonly flashFiles?: readonly (FlashFile | undefined)[];
  /** Devices for the board's virtio-mmio transports; the first gets the transport of the highest address, as QEMU's does. */
  readonly virtio?: readonly VirtioDevice[];
  /** What the board's Ethernet card is plugged into, and its address; absent: nothing, and QEMU's. */
  readonly ethernet?: Pick<Lan9118Config, 'network' | 'mac'>;
  /** What is in the board's SD card; absent: there is no card in the slot. */
  readonly sd?: Omit<SdCardConfig, 'clock'>;
  /** What a device switches off or resets the machine by; absent: nothing happens then. */
  readonly power?: BoardPower;
  /** Interrupt wires into each CPU: as many as the machine has CPUs. */
  readonly cpus: readonly GicV2CpuOutputs[];
  /** Absent: nothing is between the parts. */
  readonly decorator?: BoardDecorator | undefined;
  /** The far end of the UART that is called `name` in the board's table. */
  serial(name: string): SerialBackend;
}

/** The devices of a board, wired to each other and mapped. */
export interface Board {
  readonly description: BoardDescription;
  readonly gic: GicV2 | GicV3;
  /** One for each CPU. */
  readonly timers: readonly GenericTimer[];
  /** By their names in the table. */
  readonly uarts: ReadonlyMap<string, Pl011>;
  readonly rtc: Pl031 | undefined;
  readonly hostBridge: HostBridge;
  /** The board's own network card; undefined where it has none. */
  readonly ethernet: Lan9118 | undefined;
  /** In the order of the table. */
  readonly displays: readonly Pl111[];
  /** Undefined where the board has none. */
  readonly keyboard: Ps2Keyboard | undefined;
  /** What the host bridge's functions have before them; undefined: nothing. */
  readonly iommu: ShadowedIommu | undefined;
  /** The instruction that calls PSCI; undefined where the board has none. */
  readonly psci: PsciConduit | undefined;
  /** Where all CPUs but the first wait to be started; undefined where they are off. */
  readonly holdingPen: number | undefined;
  /** Every part with a state, by the name of its row in the table. Those that others drive come after their drivers. */
  readonly saveables: ReadonlyMap<string, Saveable<PlainValue> & Partial<Drainable>>;
  /** The button that asks the guest to switch itself off; undefined where the board has none. */
  readonly powerButton: GpioKey | undefined;
  /** System reset: every device to its state at power on. */
  reset(): void;
}

/** A board while it is being built: what rows that come later refer to. */
export class Assembly {
  readonly description: BoardDescription;
  readonly parts: BoardParts;
  readonly gic: GicV2 | GicV3;
  readonly uarts = new Map<string, Pl011>();
  timers: readonly GenericTimer[] = [];
  rtc: Pl031 | undefined;
  hostBridge: HostBridge | undefined;
  psci: PsciConduit | undefined;
  holdingPen: number | undefined;
  readonly gpios = new Map<string, Pl061>();
  readonly keys = new Map<string, GpioKey>();
  ethernet: Lan9118 | undefined;
  readonly displays: Pl111[] = [];
  keyboard: Ps2Keyboard | undefined;
  readonly cardSlots = new Map<string, Pl181>();
  readonly smmus = new Map<string, SmmuV2 | SmmuV3>();
  private readonly saveables = new Map<string, Saveable<PlainValue> & Partial<Drainable>>();
  /** Devices that nobody asks for, for a reset. */
  readonly others: { reset(): void }[] = [];

  /** @param gic the wires of all others lead to it */
  constructor(description: BoardDescription, parts: BoardParts, gic: GicV2 | GicV3) {
    this.description = description;
    this.parts = parts;
    this.gic = gic;
  }

  finish(): Board {
    const { description, gic, timers, uarts, rtc, hostBridge, saveables } = this;
    if (!hostBridge) throw new RangeError(`the table of ${description.name} has no PCIe host bridge`);
    const reset = (): void => {
      for (const device of this.others) device.reset();
      for (const device of [gic, ...timers, ...uarts.values(), hostBridge]) device.reset();
      rtc?.reset();
    };
    // The interrupt controller's own levels count, whatever its inputs' drivers did while they were restored.
    this.keep(description.interruptController, gic);
    const powerButton = this.keys.get(description.powerButton ?? '');
    const bridge = description.devices.find((row) => row.kind === 'pcie-host');
    return {
      description,
      gic,
      timers,
      uarts,
      rtc,
      hostBridge,
      ethernet: this.ethernet,
      displays: this.displays,
      keyboard: this.keyboard,
      iommu: this.smmus.get(bridge?.iommu?.smmu ?? ''),
      psci: this.psci,
      holdingPen: this.holdingPen,
      saveables,
      powerButton,
      reset,
    };
  }

  /** Makes a device's state a part of the saved machine. */
  keep(name: string, device: Saveable<PlainValue> & Partial<Drainable>): void {
    this.saveables.set(name, device);
  }

  row<K extends DeviceKind>(kind: K, name: string): RowOf<K> {
    const found = this.description.devices.find(
      (row): row is RowOf<K> => row.kind === kind && row.name === name,
    );
    if (!found) throw new RangeError(`the table of ${this.description.name} has no ${kind} called '${name}'`);
    return found;
  }

  map(range: AddressRange, device: MmioDevice, name: string): void {
    this.parts.memory.map(range.base, range.size, device, name);
  }

  spi(input: InterruptInput): InterruptLine {
    return this.gic.spi(input.number);
  }

  /** What the DMA of a host bridge's functions goes to. */
  streamTarget(row: RowOf<'pcie-host'>): StreamTarget {
    if (row.iommu === undefined) return streamsTo(this.parts.memory);
    const memory = this.translatedTarget();
    const { smmu: name } = row.iommu;
    const smmu = this.smmus.get(name);
    if (!smmu) throw new RangeError(`the table has no SMMU called '${name}' before '${row.name}'`);
    const target = new MessagePassage(doorbellOf(this.description, row.msiController), memory, smmu.upstream);
    return this.parts.decorator?.translating?.(target) ?? target;
  }

  /** What an SMMU's translated accesses go to. */
  translatedTarget(): StreamTarget {
    const { memory, decorator } = this.parts;
    const target = streamsTo(memory);
    return decorator?.translated?.(target) ?? target;
  }
}

/** Functions that make the devices of some kinds of row. */
export type Builders<K extends DeviceKind> = {
  readonly [Kind in K]: (row: RowOf<Kind>, assembly: Assembly) => void;
};
