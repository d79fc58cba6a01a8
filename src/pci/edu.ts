import type { ClockTimer } from '../ports/clock.ts';
import type { AccessSize } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';
import { ALL_ONES_64 } from './bar-target.ts';
import type { EndpointPort, FunctionDescription, PciEndpoint } from './endpoint.ts';

/** Options of {@link edu}. */
export interface EduOptions {
  /** DMA addresses are cut to these bits; QEMU's `dma_mask`. Default 28 bits, as there. */
  readonly dmaMask?: number | bigint;
  /** Virtual nanoseconds that a factorial or a transfer takes. Default 10,000 (QEMU's transfers take 100 ms). */
  readonly latencyNs?: number;
}

/** Register offsets in BAR 0, in the words of QEMU's `docs/specs/edu`. */
const Register = {
  IDENTIFICATION: 0x00,
  LIVENESS: 0x04,
  FACTORIAL: 0x08,
  STATUS: 0x20,
  INTERRUPT_STATUS: 0x24,
  INTERRUPT_RAISE: 0x60,
  INTERRUPT_ACKNOWLEDGE: 0x64,
  DMA_SOURCE: 0x80,
  DMA_DESTINATION: 0x88,
  DMA_COUNT: 0x90,
  DMA_COMMAND: 0x98,
} as const;

/** Registers from here on are 64 bits wide. */
const WIDE_REGISTERS = 0x80;
/** Version 1.0, and "edu". */
const IDENTIFICATION = 0x010000ed;

const STATUS_COMPUTING = 0x01;
const STATUS_INTERRUPT_AFTER_FACTORIAL = 0x80;

const DMA_START = 1n;
const DMA_TO_MEMORY = 2n;
const DMA_INTERRUPT = 4n;

const FACTORIAL_INTERRUPT = 0x001;
const DMA_DONE_INTERRUPT = 0x100;

/** The buffer is at this address for transfers only; the BAR does not show it. */
const BUFFER_ADDRESS = 0x40000n;
const BUFFER_SIZE = 4096;

const DESCRIPTION: FunctionDescription = {
  vendorId: 0x1234,
  deviceId: 0x11e8,
  revision: 0x10,
  classCode: 0x00ff00,
  subsystemVendorId: 0x1af4,
  subsystemId: 0x1100,
  bars: [{ index: 0, kind: 'memory32', size: 1 << 20 }],
  interruptPin: 1,
  msi: { vectors: 1, is64Bit: true, maskable: false },
};

/** Everything that `edu` is; plain data. */
export type EduState = {
  /** What was written to the liveness register, inverted. */
  liveness: number;
  factorial: number;
  status: number;
  interruptStatus: number;
  source: bigint;
  destination: bigint;
  count: bigint;
  command: bigint;
  readonly buffer: Uint8Array;
};

/** The registers, and when what runs will be done. */
export type EduSavedState = {
  readonly registers: EduState;
  readonly factorialNs: number;
  readonly dmaNs: number;
};

/**
 * A software endpoint with the registers of QEMU's educational device (1234:11e8): identification, liveness,
 * factorials, DMA both ways through a buffer of 4 KiB, one MSI or INTA. Drivers for that device drive this one.
 *
 * Differs where QEMU 7.2 ends the whole emulator: a transfer outside the buffer moves nothing and completes.
 */
export function edu(
  options: EduOptions = {},
): PciEndpoint & Saveable<EduSavedState> & { readonly state: EduState } {
  return new Edu(options);
}

class Edu implements PciEndpoint, Saveable<EduSavedState> {
  readonly name = 'edu';
  readonly description = DESCRIPTION;
  readonly state: EduState = {
    liveness: 0,
    factorial: 0,
    status: 0,
    interruptStatus: 0,
    source: 0n,
    destination: 0n,
    count: 0n,
    command: 0n,
    buffer: new Uint8Array(BUFFER_SIZE),
  };
  private readonly dmaMask: bigint;
  private readonly latencyNs: number;
  private port: EndpointPort | undefined;
  private factorialTimer: ClockTimer | undefined;
  private dmaTimer: ClockTimer | undefined;

  constructor(options: EduOptions) {
    this.dmaMask = BigInt.asUintN(64, BigInt(options.dmaMask ?? 0x0fff_ffff));
    this.latencyNs = options.latencyNs ?? 10_000;
  }

  attach(port: EndpointPort): void {
    this.port = port;
    this.factorialTimer = port.clock.createTimer(() => this.factorialDone());
    this.dmaTimer = port.clock.createTimer(() => this.dmaDone());
  }

  detach(): void {
    this.factorialTimer?.cancel();
    this.dmaTimer?.cancel();
    this.port = undefined;
  }

  reset(): void {
    this.factorialTimer?.cancel();
    this.dmaTimer?.cancel();
    const { state } = this;
    state.liveness = state.factorial = state.status = state.interruptStatus = 0;
    state.source = state.destination = state.count = state.command = 0n;
    state.buffer.fill(0);
    this.port?.setIntx(false);
  }

  saveState(): EduSavedState {
    return {
      registers: copyPlain(this.state),
      factorialNs: this.factorialTimer?.deadlineNs ?? Number.POSITIVE_INFINITY,
      dmaNs: this.dmaTimer?.deadlineNs ?? Number.POSITIVE_INFINITY,
    };
  }

  restoreState({ registers, factorialNs, dmaNs }: EduSavedState): void {
    assignPlain(this.state, registers, 'edu');
    this.factorialTimer?.arm(factorialNs);
    this.dmaTimer?.arm(dmaNs);
  }

  readBar(_bar: number, offset: number, size: AccessSize): number {
    // Accesses of 1 and 2 bytes are not the device's: QEMU reads them as zero.
    return size === 4 ? Number(this.readRegister(offset) & 0xffff_ffffn) : 0;
  }

  readBar64(_bar: number, offset: number): bigint {
    return offset < WIDE_REGISTERS ? ALL_ONES_64 : this.readRegister(offset);
  }

  writeBar(_bar: number, offset: number, size: AccessSize, value: number): void {
    if (size !== 4) return;
    if (offset < WIDE_REGISTERS) this.writeNarrow(offset, value >>> 0);
    else this.writeWide(offset, BigInt(value >>> 0));
  }

  writeBar64(_bar: number, offset: number, value: bigint): void {
    if (offset >= WIDE_REGISTERS) this.writeWide(offset, BigInt.asUintN(64, value));
  }

  private readRegister(offset: number): bigint {
    const { state } = this;
    switch (offset) {
      case Register.IDENTIFICATION:
        return BigInt(IDENTIFICATION);
      case Register.LIVENESS:
        return BigInt(state.liveness);
      case Register.FACTORIAL:
        return BigInt(state.factorial);
      case Register.STATUS:
        return BigInt(state.status);
      case Register.INTERRUPT_STATUS:
        return BigInt(state.interruptStatus);
      case Register.DMA_SOURCE:
        return state.source;
      case Register.DMA_DESTINATION:
        return state.destination;
      case Register.DMA_COUNT:
        return state.count;
      case Register.DMA_COMMAND:
        return state.command;
      default:
        return ALL_ONES_64;
    }
  }

  private writeNarrow(offset: number, value: number): void {
    const { state } = this;
    switch (offset) {
      case Register.LIVENESS:
        state.liveness = ~value >>> 0;
        break;
      case Register.FACTORIAL:
        if ((state.status & STATUS_COMPUTING) !== 0) break;
        state.factorial = value;
        state.status |= STATUS_COMPUTING;
        this.startTimer(this.factorialTimer);
        break;
      case Register.STATUS:
        state.status = (state.status & STATUS_COMPUTING) | (value & STATUS_INTERRUPT_AFTER_FACTORIAL);
        break;
      case Register.INTERRUPT_RAISE:
        this.raise(value);
        break;
      case Register.INTERRUPT_ACKNOWLEDGE:
        state.interruptStatus = (state.interruptStatus & ~value) >>> 0;
        if (state.interruptStatus === 0) this.port?.setIntx(false);
        break;
      default:
    }
  }

  private writeWide(offset: number, value: bigint): void {
    const { state } = this;
    // The registers are the transfer's own while it runs.
    if ((state.command & DMA_START) !== 0n) return;
    switch (offset) {
      case Register.DMA_SOURCE:
        state.source = value;
        break;
      case Register.DMA_DESTINATION:
        state.destination = value;
        break;
      case Register.DMA_COUNT:
        state.count = value;
        break;
      case Register.DMA_COMMAND:
        if ((value & DMA_START) === 0n) break;
        state.command = value;
        this.startTimer(this.dmaTimer);
        break;
      default:
    }
  }

  private startTimer(timer: ClockTimer | undefined): void {
    if (this.port !== undefined) timer?.arm(this.port.clock.nowNs() + this.latencyNs);
  }

  private factorialDone(): void {
    const { state } = this;
    state.factorial = factorialModulo32(state.factorial);
    state.status &= ~STATUS_COMPUTING;
    if ((state.status & STATUS_INTERRUPT_AFTER_FACTORIAL) !== 0) this.raise(FACTORIAL_INTERRUPT);
  }

  private dmaDone(): void {
    const { state } = this;
    const toMemory = (state.command & DMA_TO_MEMORY) !== 0n;
    const inBuffer = (toMemory ? state.source : state.destination) - BUFFER_ADDRESS;
    const fits = inBuffer >= 0n && inBuffer + state.count <= BigInt(BUFFER_SIZE);
    if (fits && state.count > 0n) {
      const from = Number(inBuffer);
      const bytes = state.buffer.subarray(from, from + Number(state.count));
      const address = Number((toMemory ? state.destination : state.source) & this.dmaMask);
      if (toMemory) this.port?.dma.write(address, bytes);
      else this.port?.dma.read(address, bytes);
    }
    state.command &= ~DMA_START;
    if ((state.command & DMA_INTERRUPT) !== 0n) this.raise(DMA_DONE_INTERRUPT);
  }

  /** Seen on QEMU: raising nothing sends another MSI as long as anything is unacknowledged. */
  private raise(bits: number): void {
    const { state, port } = this;
    state.interruptStatus = (state.interruptStatus | bits) >>> 0;
    if (state.interruptStatus === 0 || port === undefined) return;
    if (port.msiEnabled) port.signalMsi(0);
    else port.setIntx(true);
  }
}

/** n! in 32 bits. From 34 on every factorial is a multiple of 2^32, so the guest can't make this long. */
function factorialModulo32(n: number): number {
  if (n >= 34) return 0;
  let product = 1;
  for (let factor = 2; factor <= n; factor++) product = Math.imul(product, factor);
  return product >>> 0;
}
