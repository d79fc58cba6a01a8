import type { AccessSize } from '../ports/mmio.ts';
import { allOnes } from './bar-target.ts';
import { Bars } from './bars.ts';
import { Msi } from './capabilities/msi.ts';
import { Msix } from './capabilities/msix.ts';
import { PciExpress } from './capabilities/pci-express.ts';
import { PowerManagement } from './capabilities/power-management.ts';
import {
  type Capability,
  type CapabilityHost,
  ForeignCapability,
  type MessageSource,
  type PlacedCapability,
  placeCapabilities,
} from './capability.ts';
import { ConfigRegisters, ConfigWrite } from './config-registers.ts';
import type { FunctionDescription, PciEndpoint } from './endpoint.ts';
import { CONVENTIONAL_SIZE, Command, EXTENDED_SIZE, Header, Status } from './registers.ts';

const COMMAND_WRITABLE =
  Command.IO_SPACE |
  Command.MEMORY_SPACE |
  Command.BUS_MASTER |
  Command.SERR_ENABLE |
  Command.INTERRUPT_DISABLE;

const STATUS_ONE_CLEARS =
  Status.MASTER_DATA_PARITY_ERROR |
  Status.SIGNALED_TARGET_ABORT |
  Status.RECEIVED_TARGET_ABORT |
  Status.RECEIVED_MASTER_ABORT |
  Status.SIGNALED_SYSTEM_ERROR |
  Status.DETECTED_PARITY_ERROR;

/** What a configuration space tells its function. */
export interface ConfigSpaceHost extends CapabilityHost {
  /** A base address register was written. */
  barsMoved(): void;
}

/** The part of an endpoint that answers for bytes that the bus does not own. */
export type ForeignConfig = Pick<PciEndpoint, 'readConfig' | 'writeConfig' | 'interruptPending'>;

/**
 * A function's configuration space: header, base address registers and capability list of its description
 * (PCI 3.0 chapter 6; PCIe 3.0 chapter 7 for a function with a PCI Express capability, which has 4096 bytes;
 * others have 256 and read as all ones beyond).
 */
export class ConfigSpace {
  readonly registers = new ConfigRegisters();
  readonly bars: Bars;
  readonly msi: Msi | undefined;
  readonly msix: Msix | undefined;
  /** The capability list, in its order. */
  readonly capabilities: readonly PlacedCapability[];
  private readonly powerManagement: PowerManagement | undefined;
  private readonly size: number;
  private readonly host: ConfigSpaceHost;
  private readonly foreign: ForeignConfig;
  private command = 0;

  /** @throws EndpointError when the description breaks a rule of PCI. */
  constructor(name: string, description: FunctionDescription, host: ConfigSpaceHost, foreign: ForeignConfig) {
    this.host = host;
    this.foreign = foreign;
    this.size = description.pcie === true ? EXTENDED_SIZE : CONVENTIONAL_SIZE;
    this.defineHeader(description);
    this.bars = new Bars(name, description.bars, this.registers);

    const places = description.capabilityOffsets ?? {};
    const list: Capability[] = [];
    if (description.powerManagement === true) {
      this.powerManagement = new PowerManagement(host, places.powerManagement);
      list.push(this.powerManagement);
    }
    if (description.msi !== undefined) {
      this.msi = new Msi(host, name, description.msi, places.msi);
      list.push(this.msi);
    }
    if (description.msix !== undefined) {
      this.msix = new Msix(host, name, description, description.msix);
      list.push(this.msix);
    }
    if (description.pcie === true) {
      const room = roomAt(places.pcie, description);
      list.push(new PciExpress(host, description.functionLevelReset === true, places.pcie, room));
    }
    for (const extra of description.extraCapabilities ?? []) list.push(new ForeignCapability(extra));
    this.capabilities = placeCapabilities(name, list, this.registers);
    if (this.capabilities.length > 0) {
      this.registers.define(Header.STATUS, 2, Status.CAPABILITIES_LIST, 0, STATUS_ONE_CLEARS);
    }
  }

  get memoryEnabled(): boolean {
    return (this.command & Command.MEMORY_SPACE) !== 0;
  }

  get ioEnabled(): boolean {
    return (this.command & Command.IO_SPACE) !== 0;
  }

  get busMaster(): boolean {
    return (this.command & Command.BUS_MASTER) !== 0;
  }

  get intxDisabled(): boolean {
    return (this.command & Command.INTERRUPT_DISABLE) !== 0;
  }

  /** D0 or D3hot. */
  get powerState(): 0 | 3 {
    return this.powerManagement?.powerState ?? 0;
  }

  /** MSI-X or MSI, whichever software enabled. Both at once is a software error (PCI 3.0 6.8.2); MSI-X wins then. */
  get messages(): MessageSource | undefined {
    if (this.msix?.enabled === true) return this.msix;
    return this.msi?.enabled === true ? this.msi : undefined;
  }

  /** @param offset 0 to 4095; what lies beyond the function's space reads as all ones. */
  read(offset: number, size: AccessSize): number {
    if (offset + size > this.size) return allOnes(size);
    if (
      this.foreign.interruptPending !== undefined &&
      offset <= Header.STATUS &&
      Header.STATUS < offset + size
    ) {
      this.setInterruptStatus(this.foreign.interruptPending());
    }
    const owned = this.ownedBytes(offset, size);
    if (owned === size) return this.registers.read(offset, size);
    if (owned === 0) return this.readForeign(offset, size);
    let value = 0;
    for (let at = offset + size - 1; at >= offset; at--) {
      value =
        (value << 8) | (this.registers.isOwned(at) ? this.registers.read(at, 1) : this.readForeign(at, 1));
    }
    return value >>> 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset + size > this.size) return;
    const owned = this.ownedBytes(offset, size);
    if (owned === 0) {
      this.writeForeign(offset, size, value);
      return;
    }
    for (let i = 0; i < size && owned < size; i++) {
      if (!this.registers.isOwned(offset + i)) this.writeForeign(offset + i, 1, (value >>> (8 * i)) & 0xff);
    }
    this.registers.write(offset, size, value);
    this.act(new ConfigWrite(offset, size, value));
  }

  /** Bus reset or function-level reset: every register has its initial contents again. Notifies nobody. */
  reset(): void {
    this.registers.reset();
    this.msix?.table.reset();
    this.refresh();
  }

  /** Derives anew what is derived from the registers, after a saved state was put back. */
  refresh(): void {
    this.command = this.registers.read(Header.COMMAND, 2);
    for (const { capability } of this.capabilities) capability.refresh();
    this.msix?.table.refresh();
  }

  /** Status bit 3: an interrupt of the pin is pending in the function, whether it may show it or not (PCI 3.0 6.2.3). */
  setInterruptStatus(pending: boolean): void {
    this.registers.update(Header.STATUS, 2, Status.INTERRUPT_STATUS, pending ? Status.INTERRUPT_STATUS : 0);
  }

  /** Status bit 13: a transaction of the function ended in a master abort (PCI 3.0 6.2.3). */
  setReceivedMasterAbort(): void {
    this.registers.update(Header.STATUS, 2, 0, Status.RECEIVED_MASTER_ABORT);
  }

  private act(write: ConfigWrite): void {
    if (write.touches(Header.COMMAND, 2)) this.commandWritten();
    if (write.touches(Header.BASE_ADDRESS_0, 24)) this.host.barsMoved();
    for (const { capability, offset } of this.capabilities) {
      if (write.touches(offset, capability.length)) capability.written(write);
    }
  }

  private commandWritten(): void {
    const command = this.registers.read(Header.COMMAND, 2);
    if (command === this.command) return;
    this.command = command;
    this.host.changed({
      kind: 'command',
      memory: this.memoryEnabled,
      io: this.ioEnabled,
      busMaster: this.busMaster,
      intxDisabled: this.intxDisabled,
    });
  }

  private ownedBytes(offset: number, size: AccessSize): number {
    let owned = 0;
    for (let at = offset; at < offset + size; at++) if (this.registers.isOwned(at)) owned++;
    return owned;
  }

  private readForeign(offset: number, size: AccessSize): number {
    const answer = this.foreign.readConfig?.(offset, size);
    return answer === undefined ? this.registers.read(offset, size) : (answer & allOnes(size)) >>> 0;
  }

  private writeForeign(offset: number, size: AccessSize, value: number): void {
    // What the endpoint does not take is dropped: nothing there is writable on the bus's side.
    this.foreign.writeConfig?.(offset, size, value);
  }

  private defineHeader(description: FunctionDescription): void {
    const r = this.registers;
    for (let at = 0; at < 0x40; at += 4) r.define(at, 4, 0);
    r.define(Header.VENDOR_ID, 2, description.vendorId);
    r.define(Header.DEVICE_ID, 2, description.deviceId);
    r.define(Header.COMMAND, 2, 0, COMMAND_WRITABLE);
    r.define(Header.STATUS, 2, 0, 0, STATUS_ONE_CLEARS);
    r.define(Header.REVISION_ID, 1, description.revision ?? 0);
    r.define(Header.CLASS_CODE, 1, description.classCode);
    r.define(Header.CLASS_CODE + 1, 2, description.classCode >>> 8);
    // PCIe 3.0 7.5.1.3: writable for legacy software, without effect.
    r.define(Header.CACHE_LINE_SIZE, 1, 0, 0xff);
    r.define(Header.SUBSYSTEM_VENDOR_ID, 2, description.subsystemVendorId ?? 0);
    r.define(Header.SUBSYSTEM_ID, 2, description.subsystemId ?? 0);
    r.define(Header.INTERRUPT_LINE, 1, 0, 0xff);
    r.define(Header.INTERRUPT_PIN, 1, description.interruptPin ?? 0);
  }
}

/** Bytes from a place that the endpoint asks for to the next one, or to the end. */
function roomAt(offset: number | undefined, description: FunctionDescription): number {
  if (offset === undefined) return CONVENTIONAL_SIZE;
  const extras = (description.extraCapabilities ?? []).map((extra) => extra.offset);
  const wanted = [...Object.values(description.capabilityOffsets ?? {}), ...extras];
  const following = wanted.filter((other) => other !== undefined && other > offset);
  return Math.min(CONVENTIONAL_SIZE, ...following.map(Number)) - offset;
}
