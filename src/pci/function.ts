import { StreamPort, type StreamTarget } from '../iommu/stream.ts';
import type { Clock } from '../ports/clock.ts';
import type { DmaPort } from '../ports/dma.ts';
import type { AccessSize, Requester } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { PlainValue, Saveable } from '../ports/saveable.ts';
import type { DecodedRange } from './address-decoder.ts';
import { allOnes, type BarTarget } from './bar-target.ts';
import type { BusDecorator, SendMessage } from './bus-decorator.ts';
import type { MessageKind } from './capability.ts';
import { ConfigSpace, type ConfigSpaceHost } from './config-space.ts';
import type { ConfigChange, EndpointPort, PciEndpoint } from './endpoint.ts';
import { pendingSize, tableSize } from './msix-table.ts';

/** What a bus gives to a function on it. */
export interface FunctionBus {
  readonly clock: Clock;
  /** What the function's DMA and its interrupt messages go to. */
  readonly memory: StreamTarget;
  readonly decorator: BusDecorator | undefined;
  /** The function decodes other addresses than before. Its endpoint is told of what changed after this. */
  decodingChanged(): void;
  /** The function drives its interrupt pin, or stops to. Only called when that changes. */
  pinChanged(fn: PciFunction, asserted: boolean): void;
}

/** The bus's side of a function. The arrays are live: restoring writes into them. */
export type FunctionState = {
  readonly config: Uint8Array;
  readonly msixEntries: Uint8Array | undefined;
  readonly msixPending: Uint8Array | undefined;
  /** Level of the pin as the endpoint wants it. */
  intx: boolean;
};

/** The bus's side of a function, and what its endpoint saves of itself. */
export type FunctionSavedState = { readonly bus: FunctionState; readonly endpoint: PlainValue };

const INTX_EOI: ConfigChange = { kind: 'intx-eoi' };
const FUNCTION_RESET: ConfigChange = { kind: 'function-reset' };

/** One function on the bus: an endpoint with its configuration space and its way to memory and interrupts. */
export class PciFunction implements BarTarget, ConfigSpaceHost, Saveable<FunctionSavedState> {
  readonly endpoint: PciEndpoint;
  /** Requester ID: bus << 8 | device << 3 | function. */
  readonly bdf: number;
  readonly config: ConfigSpace;
  readonly state: FunctionState;
  private readonly bus: FunctionBus;
  private readonly stream: StreamPort;
  private readonly message = new Uint8Array(4);
  private readonly send: SendMessage;
  private attached = false;
  private pinAsserted = false;

  /** @throws EndpointError when the endpoint's description breaks a rule of PCI. */
  constructor(endpoint: PciEndpoint, bdf: number, bus: FunctionBus) {
    this.endpoint = endpoint;
    this.bdf = bdf;
    this.bus = bus;
    this.stream = new StreamPort(bdf, bus.memory);
    const send: SendMessage = (_kind, _vector, address, data) => this.writeMessage(address, data);
    this.send = bus.decorator?.messages?.(bdf, send) ?? send;
    this.config = new ConfigSpace(endpoint.name, endpoint.description, this, endpoint);
    this.state = {
      config: this.config.registers.bytes,
      msixEntries: this.config.msix?.table.entries,
      msixPending: this.config.msix?.table.pending,
      intx: false,
    };
  }

  /** Connects the endpoint. */
  attach(): void {
    this.attached = true;
    this.endpoint.attach(this.createPort());
  }

  /** Takes the endpoint off the bus: it can drive nothing any more. */
  detach(): void {
    this.setIntx(false);
    this.attached = false;
    this.endpoint.detach();
  }

  /** Bus reset or function-level reset (PCIe 3.0 6.6.2). */
  reset(): void {
    this.state.intx = false;
    this.config.reset();
    this.updatePin();
    this.bus.decodingChanged();
    this.endpoint.reset();
    this.endpoint.configChanged?.(FUNCTION_RESET);
  }

  saveState(): FunctionSavedState {
    return { bus: copyPlain(this.state), endpoint: this.endpoint.saveState?.() };
  }

  /** The pin's level is the interrupt router's to restore; the endpoint is told of nothing but its own state. */
  restoreState({ bus, endpoint }: FunctionSavedState): void {
    assignPlain(this.state, bus, `the PCI function of ${this.endpoint.name}`);
    this.config.refresh();
    this.pinAsserted = this.pinLevel();
    this.endpoint.restoreState?.(endpoint);
  }

  /** Whether the function's interrupt pin is asserted. */
  get drivesPin(): boolean {
    return this.pinAsserted;
  }

  /** The guest's interrupt controller finished the interrupt that this function's pin drives. */
  endOfInterrupt(): void {
    if (this.pinAsserted) this.endpoint.configChanged?.(INTX_EOI);
  }

  /** The ranges of one address space that the function claims now, in order of precedence. */
  decodedRanges(space: 'memory' | 'io'): DecodedRange[] {
    const enabled = space === 'io' ? this.config.ioEnabled : this.config.memoryEnabled;
    // PM 1.2 5.4.1: in D3hot a function answers configuration accesses only.
    if (!enabled || this.config.powerState !== 0) return [];
    const { msix } = this.endpoint.description;
    const ranges: DecodedRange[] = [];
    for (const { description, address } of this.config.bars.places()) {
      if ((description.kind === 'io') !== (space === 'io')) continue;
      const bar = description.index;
      const add = (own: BarTarget, offset: number, size: number) => {
        const target = this.bus.decorator?.barTarget?.(this.bdf, own) ?? own;
        const start = address + offset;
        const endpoint = own === this ? this.endpoint : undefined;
        ranges.push({ start, end: start + size, base: address, bar, target, endpoint });
      };
      const table = this.config.msix?.table;
      if (msix !== undefined && table !== undefined) {
        if (msix.tableBar === bar) add(table.tableTarget, msix.tableOffset, tableSize(msix));
        if (msix.pbaBar === bar) add(table.pendingTarget, msix.pbaOffset, pendingSize(msix));
      }
      add(this, 0, description.size);
    }
    return ranges;
  }

  readBar(bar: number, offset: number, size: AccessSize, requester: Requester): number {
    const value = this.endpoint.readBar(bar, offset, size, requester);
    return size === 4 ? value >>> 0 : value & allOnes(size);
  }

  writeBar(bar: number, offset: number, size: AccessSize, value: number, requester: Requester): void {
    this.endpoint.writeBar(bar, offset, size, value, requester);
  }

  readBar64(bar: number, offset: number, requester: Requester): bigint {
    const { endpoint } = this;
    if (endpoint.readBar64 !== undefined)
      return BigInt.asUintN(64, endpoint.readBar64(bar, offset, requester));
    const low = this.readBar(bar, offset, 4, requester);
    return (BigInt(this.readBar(bar, offset + 4, 4, requester)) << 32n) | BigInt(low);
  }

  writeBar64(bar: number, offset: number, value: bigint, requester: Requester): void {
    const { endpoint } = this;
    if (endpoint.writeBar64 !== undefined) {
      endpoint.writeBar64(bar, offset, value, requester);
      return;
    }
    endpoint.writeBar(bar, offset, 4, Number(value & 0xffff_ffffn), requester);
    endpoint.writeBar(bar, offset + 4, 4, Number((value >> 32n) & 0xffff_ffffn), requester);
  }

  barsMoved(): void {
    this.bus.decodingChanged();
  }

  changed(change: ConfigChange): void {
    if (change.kind === 'command' || change.kind === 'power') {
      this.bus.decodingChanged();
      // Messages that became pending while the function might not send them.
      this.config.messages?.deliverPending();
    }
    this.updatePin();
    this.endpoint.configChanged?.(change);
  }

  functionLevelReset(): void {
    this.reset();
  }

  mayMaster(): boolean {
    return this.attached && this.config.busMaster && this.config.powerState === 0;
  }

  sendMessage(kind: MessageKind, vector: number, address: number, data: number): void {
    this.send(kind, vector, address, data);
  }

  private writeMessage(address: number, data: number): void {
    for (let i = 0; i < 4; i++) this.message[i] = data >>> (8 * i);
    // A posted write: the function is not told what became of it, only its status register is.
    this.dmaWrite(address, this.message);
  }

  private setIntx(level: boolean): void {
    if (!this.attached || (this.endpoint.description.interruptPin ?? 0) === 0) return;
    this.state.intx = level;
    this.updatePin();
  }

  private signalMsi(vector: number): boolean {
    return this.mayMaster() && this.config.messages?.signal(vector) === true;
  }

  /**
   * The pin shows what is pending only while Interrupt Disable is 0 (PCI 3.0 6.2.2), neither MSI nor MSI-X is on
   * (6.8.1.3, 6.8.2.3), and in D0.
   */
  private pinLevel(): boolean {
    const { config, state } = this;
    return state.intx && !config.intxDisabled && config.messages === undefined && config.powerState === 0;
  }

  private updatePin(): void {
    this.config.setInterruptStatus(this.state.intx);
    const asserted = this.pinLevel();
    if (asserted === this.pinAsserted) return;
    this.pinAsserted = asserted;
    this.bus.pinChanged(this, asserted);
  }

  private dmaRead(address: number, into: Uint8Array): boolean {
    if (!this.mayMaster()) return false;
    const done = this.stream.read(address, into);
    if (!done) this.config.setReceivedMasterAbort();
    return done;
  }

  private dmaWrite(address: number, from: Uint8Array): boolean {
    if (!this.mayMaster()) return false;
    const done = this.stream.write(address, from);
    if (!done) this.config.setReceivedMasterAbort();
    return done;
  }

  private createPort(): EndpointPort {
    const fn = this;
    const dma: DmaPort = {
      read: (address, into) => fn.dmaRead(address, into),
      write: (address, from) => fn.dmaWrite(address, from),
    };
    return {
      clock: this.bus.clock,
      dma: this.bus.decorator?.dma?.(this.bdf, dma) ?? dma,
      setIntx: (level) => fn.setIntx(level),
      signalMsi: (vector) => fn.signalMsi(vector),
      get msiEnabled() {
        return fn.config.messages !== undefined;
      },
    };
  }
}
