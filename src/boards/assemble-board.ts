import { CfiFlash } from '../devices/cfi-flash.ts';
import { FwCfg, type FwCfgConfig } from '../devices/fw-cfg.ts';
import { GenericTimer } from '../devices/generic-timer.ts';
import { GicV2, type GicV2CpuOutputs } from '../devices/gic-v2.ts';
import { GicV2m } from '../devices/gic-v2m.ts';
import { GicV3, REDISTRIBUTOR_SIZE } from '../devices/gic-v3.ts';
import { GpioKey } from '../devices/gpio-key.ts';
import { Pl011 } from '../devices/pl011.ts';
import { Pl031 } from '../devices/pl031.ts';
import { Pl061 } from '../devices/pl061.ts';
import type { VirtioDevice } from '../devices/virtio/virtio-device.ts';
import { VirtioMmio } from '../devices/virtio/virtio-mmio.ts';
import { MessagePassage } from '../iommu/message-passage.ts';
import { SmmuV2 } from '../iommu/smmu-v2/smmu-v2.ts';
import { StreamPort, type StreamTarget } from '../iommu/stream.ts';
import { HostBridge } from '../pci/host-bridge.ts';
import type { IntxLines } from '../pci/interrupt-router.ts';
import type { Clock, WallClock } from '../ports/clock.ts';
import type { DirectReads } from '../ports/direct-reads.ts';
import type { DmaPort } from '../ports/dma.ts';
import type { FlashFile } from '../ports/flash-file.ts';
import type { InterruptLine } from '../ports/interrupt-line.ts';
import type { DeviceLog, MmioDevice, Requester } from '../ports/mmio.ts';
import type { Drainable, PlainValue, Saveable } from '../ports/saveable.ts';
import {
  type AddressRange,
  type BoardDescription,
  type DeviceKind,
  type DeviceRow,
  type InterruptInput,
  interruptId,
  type PsciConduit,
  type RowOf,
} from './board.ts';
import { doorbellOf, streamsTo } from './dma-paths.ts';

/** The physical address space that a board's devices are mapped into, and that its bus masters reach. */
export interface BoardMemory {
  /** @throws an error that names both ranges when it overlaps what is mapped already. */
  map(base: number, size: number, device: MmioDevice, name: string): void;
  /** Storage that CPUs read directly, for the device that is mapped at this range. */
  directReads(base: number, size: number): DirectReads;
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
  /** Interrupt wires into each CPU: as many as the machine has CPUs. */
  readonly cpus: readonly GicV2CpuOutputs[];
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
  /** The instruction that calls PSCI; undefined where the board has none. */
  readonly psci: PsciConduit | undefined;
  /** Every part with a state, by the name of its row in the table. Those that others drive come after their drivers. */
  readonly saveables: ReadonlyMap<string, Saveable<PlainValue> & Partial<Drainable>>;
  /** The button that asks the guest to switch itself off; undefined where the board has none. */
  readonly powerButton: GpioKey | undefined;
  /** System reset: every device to its state at power on. */
  reset(): void;
}

/**
 * Builds the devices of a board's table.
 * @throws RangeError when the table has no interrupt controller or no host bridge, or names a row that is not there
 * @throws MemoryMapError when two of its ranges overlap
 */
export function assembleBoard(description: BoardDescription, parts: BoardParts): Board {
  return new Assembly(description, parts).finish();
}

/** A board while it is being built: what rows that come later refer to. */
class Assembly {
  readonly description: BoardDescription;
  readonly parts: BoardParts;
  readonly gic: GicV2 | GicV3;
  readonly uarts = new Map<string, Pl011>();
  timers: readonly GenericTimer[] = [];
  rtc: Pl031 | undefined;
  hostBridge: HostBridge | undefined;
  psci: PsciConduit | undefined;
  readonly gpios = new Map<string, Pl061>();
  readonly keys = new Map<string, GpioKey>();
  readonly smmus = new Map<string, SmmuV2>();
  private readonly saveables = new Map<string, Saveable<PlainValue> & Partial<Drainable>>();

  /** Devices that nobody asks for, for a reset. */
  readonly others: { reset(): void }[] = [];

  constructor(description: BoardDescription, parts: BoardParts) {
    this.description = description;
    this.parts = parts;
    // The wires of all others lead to it.
    this.gic = makeGic(description, parts);
    for (const row of description.devices) this.build(row);
  }

  finish(): Board {
    const { description, gic, timers, uarts, rtc, hostBridge, psci } = this;
    if (!hostBridge) throw new RangeError(`the table of ${description.name} has no PCIe host bridge`);
    const reset = (): void => {
      for (const device of this.others) device.reset();
      for (const device of [gic, ...timers, ...uarts.values(), hostBridge]) device.reset();
      rtc?.reset();
    };
    // The interrupt controller's own levels count, whatever its inputs' drivers did while they were restored.
    this.keep(description.interruptController, gic);
    const powerButton = this.keys.get(description.powerButton ?? '');
    const { saveables } = this;
    return { description, gic, timers, uarts, rtc, hostBridge, psci, saveables, powerButton, reset };
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
    const memory = streamsTo(this.parts.memory);
    if (row.iommu === undefined) return memory;
    const { smmu: name } = row.iommu;
    const smmu = this.smmus.get(name);
    if (!smmu) throw new RangeError(`the table has no smmu-v2 called '${name}' before '${row.name}'`);
    return new MessagePassage(doorbellOf(this.description, row.msiController), memory, smmu.upstream);
  }

  private build<K extends DeviceKind>(row: RowOf<K> & DeviceRow): void {
    const build: (row: RowOf<K>, assembly: Assembly) => void = BUILDERS[row.kind as K];
    build(row, this);
  }
}

/** The GIC that every interrupt of the table goes to. */
function makeGic(description: BoardDescription, { cpus, memory, log }: BoardParts): GicV2 | GicV3 {
  for (const row of description.devices) {
    if (row.name !== description.interruptController) continue;
    if (row.kind === 'gic-v2') return new GicV2({ interruptCount: 32 + row.spis, cpus }, log);
    if (row.kind !== 'gic-v3') continue;
    const requester: Requester = { kind: 'stream', cpu: 0, streamId: 0, secure: false, privileged: true };
    // Its tables are in RAM; led to a device's registers, it would change things in the midst of its own work.
    const isRam = (address: number, length: number): boolean =>
      memory.isRam(address) && memory.isRam(address + length - 1);
    const tables: DmaPort = {
      read: (address, into) => isRam(address, into.length) && memory.readBytes(address, into, requester),
      write: (address, from) => isRam(address, from.length) && memory.writeBytes(address, from, requester),
    };
    return new GicV3({ interruptCount: 32 + row.spis, cpus, memory: tables }, log);
  }
  throw new RangeError(
    `the table of ${description.name} has no GIC called '${description.interruptController}'`,
  );
}

type Builders = { readonly [K in DeviceKind]: (row: RowOf<K>, assembly: Assembly) => void };

const BUILDERS: Builders = {
  'gic-v2': (row, assembly) => {
    assembly.map(row.distributor, assembly.gic.distributor, `${row.name} distributor`);
    if (assembly.gic instanceof GicV2) {
      assembly.map(row.cpuInterface, assembly.gic.cpuInterface, `${row.name} CPU interface`);
    }
  },

  'gic-v3': (row, assembly) => {
    const { gic } = assembly;
    if (!(gic instanceof GicV3)) return;
    const size = assembly.parts.cpus.length * REDISTRIBUTOR_SIZE;
    assembly.map(row.distributor, gic.distributor, `${row.name} distributor`);
    assembly.map({ base: row.redistributors.base, size }, gic.redistributors, `${row.name} redistributors`);
  },

  'gic-v3-its': (row, assembly) => {
    if (assembly.gic instanceof GicV3) assembly.map(row.range, assembly.gic.its, row.name);
  },

  'gic-v2m': (row, assembly) => {
    const lines = Array.from({ length: row.spiCount }, (_, i) => assembly.gic.spi(row.firstSpi + i));
    const baseIntid = interruptId({ kind: 'spi', number: row.firstSpi, trigger: 'edge-rising' });
    assembly.map(row.range, new GicV2m({ baseIntid, lines }, assembly.parts.log), row.name);
  },

  'generic-timer': (row, assembly) => {
    const { clock, cpus } = assembly.parts;
    assembly.timers = cpus.map(
      (_, cpu) =>
        new GenericTimer({
          clock,
          frequency: row.frequencyHz,
          physicalLine: assembly.gic.ppi(cpu, row.interrupts.nonSecurePhysical.number),
          virtualLine: assembly.gic.ppi(cpu, row.interrupts.virtual.number),
        }),
    );
    for (const [cpu, timer] of assembly.timers.entries()) assembly.keep(`${row.name} ${cpu}`, timer);
  },

  psci: (row, assembly) => {
    assembly.psci = row.conduit;
  },

  // The device tree tells of it; nothing answers at an address.
  'fixed-clock': () => {},

  pl011: (row, assembly) => {
    const { clock, log } = assembly.parts;
    const line = assembly.parts.serial(row.name);
    const uart = new Pl011(
      {
        clock,
        clockFrequency: assembly.row('fixed-clock', row.clock).frequencyHz,
        interrupt: assembly.spi(row.interrupt),
        transmit: (byte) => line.transmit(byte),
        onReceiveSpace: () => line.readyToReceive(),
      },
      log,
    );
    assembly.uarts.set(row.name, uart);
    assembly.keep(row.name, uart);
    assembly.map(row.range, uart, row.name);
    line.connect({ receive: (bytes) => receiveAll(uart, bytes) });
  },

  pl031: (row, assembly) => {
    const { clock, wallClock, log } = assembly.parts;
    const rtc = new Pl031({ clock, wallClock, interrupt: assembly.spi(row.interrupt) }, log);
    assembly.rtc = rtc;
    assembly.keep(row.name, rtc);
    assembly.map(row.range, rtc, row.name);
  },

  'fw-cfg': (row, assembly) => {
    const { memory, fwCfg, log } = assembly.parts;
    const dma: DmaPort = {
      read: (address, into) => memory.readBytes(address, into, FW_CFG_MASTER),
      write: (address, from) => memory.writeBytes(address, from, FW_CFG_MASTER),
    };
    const device = new FwCfg({ items: fwCfg?.items ?? new Map(), files: fwCfg?.files ?? [], dma }, log);
    assembly.others.push(device);
    assembly.keep(row.name, device);
    assembly.map(row.range, device, row.name);
  },

  pl061: (row, assembly) => {
    const gpio = new Pl061({ interrupt: assembly.spi(row.interrupt) }, assembly.parts.log);
    assembly.gpios.set(row.name, gpio);
    assembly.others.push(gpio);
    assembly.keep(row.name, gpio);
    assembly.map(row.range, gpio, row.name);
  },

  'gpio-key': (row, assembly) => {
    const gpio = assembly.gpios.get(row.gpio);
    if (!gpio) throw new RangeError(`the table has no pl061 called '${row.gpio}' before '${row.name}'`);
    const key = new GpioKey(gpio.input(row.line), assembly.parts.clock);
    assembly.keys.set(row.name, key);
    assembly.others.push(key);
    assembly.keep(row.name, key);
  },

  'cfi-flash': (row, assembly) => {
    const { memory, flashFiles = [], log } = assembly.parts;
    for (const [i, bank] of row.banks.entries()) {
      const reads = memory.directReads(bank.base, bank.size);
      const config = { size: bank.size, blockSize: row.blockSize, reads, file: flashFiles[i] };
      const flash = new CfiFlash(config, log);
      assembly.others.push(flash);
      assembly.keep(`${row.name} ${i}`, flash);
      assembly.map(bank, flash, `${row.name} bank ${i}`);
    }
  },

  'virtio-mmio': (row, assembly) => {
    const { memory, log, virtio = [] } = assembly.parts;
    const rows = assembly.description.devices.filter((other) => other.kind === 'virtio-mmio');
    const device = virtio[rows.length - 1 - rows.indexOf(row)];
    const dma = new StreamPort(0, streamsTo(memory));
    const interrupt = assembly.spi(row.interrupt);
    const transport = new VirtioMmio({ ...(device && { device }), dma, interrupt }, log);
    assembly.others.push(transport);
    assembly.keep(row.name, transport);
    assembly.map(row.range, transport, row.name);
  },

  'smmu-v2': (row, assembly) => {
    const { memory, log } = assembly.parts;
    const word = new Uint8Array(4);
    const view = new DataView(word.buffer);
    const smmu = new SmmuV2(
      {
        downstream: streamsTo(memory),
        // Tables are in RAM; led to a device's registers, a walk would change things in the midst of a device's own work.
        readTable: (address) =>
          memory.isRam(address) && memory.readBytes(address, word, TABLE_WALK)
            ? view.getUint32(0, true)
            : undefined,
        globalInterrupt: assembly.spi(row.globalInterrupt),
        contextInterrupts: row.contextInterrupts.map((input) => assembly.spi(input)),
      },
      log,
    );
    assembly.smmus.set(row.name, smmu);
    assembly.others.push(smmu);
    assembly.keep(row.name, smmu);
    assembly.map(row.range, smmu.registers, row.name);
  },

  'pcie-host': (row, assembly) => {
    const [a, b, c, d] = row.interrupts;
    const intx: IntxLines = [assembly.spi(a), assembly.spi(b), assembly.spi(c), assembly.spi(d)];
    const bridge = new HostBridge({
      clock: assembly.parts.clock,
      memory: assembly.streamTarget(row),
      memoryWindow: row.memoryWindow,
      ioWindow: { base: 0, size: row.ioWindow.size },
      intx,
    });
    row.interrupts.forEach((input, line) => {
      assembly.gic.onEndOfInterrupt(interruptId(input), () => bridge.intxEndOfInterrupt(line));
    });
    assembly.hostBridge = bridge;
    assembly.keep(row.name, bridge);
    assembly.map(row.ecam, bridge.ecam, `${row.name} configuration space`);
    assembly.map(row.memoryWindow, bridge.memoryWindow, `${row.name} memory window`);
    assembly.map(row.ioWindow, bridge.ioWindow, `${row.name} I/O window`);
  },
};

const TABLE_WALK: Requester = { kind: 'stream', cpu: 0, streamId: 0, secure: false, privileged: true };
const FW_CFG_MASTER: Requester = { kind: 'stream', cpu: 0, streamId: 0, secure: false, privileged: true };

/** Bytes of storage that the devices of a board's table keep in the machine's memory. */
export function directStorageOf(description: BoardDescription): number {
  return description.devices
    .filter((row) => row.kind === 'cfi-flash')
    .flatMap((row) => row.banks)
    .reduce((sum, bank) => sum + bank.size, 0);
}

/** Gives a UART as many bytes as it takes. */
function receiveAll(uart: Pl011, bytes: Uint8Array): number {
  let taken = 0;
  while (taken < bytes.length && uart.receive(bytes[taken])) taken++;
  return taken;
}
