import type { Clock } from '../../ports/clock.ts';
import type { InterruptLine } from '../../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../../ports/mmio.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { Channel, ChannelInterrupt, type ChannelState } from './channel.ts';
import { Ac97Codec } from './codec.ts';

/** Registers (ARM DDI 0173 table 3-1). */
export const AACI = {
  /** Of channel 1; the others follow, {@link CHANNEL_BYTES} apart. */
  RXCR: 0x00,
  TXCR: 0x04,
  SR: 0x08,
  ISR: 0x0c,
  IE: 0x10,
  SL1RX: 0x50,
  SL1TX: 0x54,
  SL2RX: 0x58,
  SL2TX: 0x5c,
  SL12RX: 0x60,
  SL12TX: 0x64,
  SLFR: 0x68,
  SLISTAT: 0x6c,
  SLIEN: 0x70,
  INTCLR: 0x74,
  MAINCR: 0x78,
  RESET: 0x7c,
  SYNC: 0x80,
  ALLINTS: 0x84,
  MAINFR: 0x88,
  /** Of channel 1, 32 bytes that all are its FIFO; the others follow. */
  DR: 0x90,
  DREnd: 0x110,
  /** AACIPeriphID0 to 3 and AACIPCellID0 to 3 follow each other. */
  PeriphID0: 0xfe0,
} as const;

export const CHANNEL_BYTES = 0x14;
const CHANNELS = 4;
const FIFO_WINDOW = 0x20;

/** AACISLFR, AACISLISTAT and AACISLIEN (3.3.12): received data are there, and data to be sent are gone. */
export const SlotFlag = {
  RXV1: 0x040,
  TXE1: 0x080,
  RXV2: 0x100,
  TXE2: 0x200,
  RXV12: 0x400,
  TXE12: 0x800,
} as const;
const ALWAYS_EMPTY = SlotFlag.TXE1 | SlotFlag.TXE2 | SlotFlag.TXE12;
/** AACIMAINCR (3.3.16). */
export const MainControl = { IE: 1, WRITABLE: 0x3ff } as const;
/** AACISL1TX: the command reads; the register is in bits 18 to 12. */
const SLOT1_READ = 0x8_0000;

/** Part 0x041 by Arm in revision 0; the fourth byte tells how deep the FIFOs are, as QEMU's on these boards. */
const IDENTIFICATION = [0x41, 0x10, 0x04, 0x29, 0x0d, 0xf0, 0x05, 0xb1] as const;

export interface Pl041Config {
  readonly clock: Clock;
  /** AACIINTR, the combined interrupt. */
  readonly interrupt: InterruptLine;
}

export type Pl041Registers = {
  slot1Received: number;
  slot2Received: number;
  slot2Sent: number;
  slotFlags: number;
  slotEnables: number;
  mainControl: number;
  reset: number;
  sync: number;
};

export type Pl041State = {
  readonly registers: Pl041Registers;
  readonly channels: readonly ChannelState[];
  readonly codec: Uint16Array;
};

/** PrimeCell Advanced Audio CODEC Interface PL041 (ARM DDI 0173) with an AC'97 codec that makes no sound. */
export class Pl041 implements MmioDevice, Saveable<Pl041State> {
  readonly #registers: Pl041Registers = resetRegisters();
  readonly #channels: readonly Channel[];
  readonly #codec = new Ac97Codec();
  readonly #config: Pl041Config;
  readonly #log: DeviceLog;

  constructor(config: Pl041Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#channels = Array.from({ length: CHANNELS }, () => new Channel(config.clock, () => this.#drive()));
  }

  reset(): void {
    Object.assign(this.#registers, resetRegisters());
    for (const channel of this.#channels) channel.reset();
    this.#codec.reset();
    this.#drive();
  }

  saveState(): Pl041State {
    return {
      registers: copyPlain(this.#registers),
      channels: this.#channels.map((channel) => channel.saveState()),
      codec: this.#codec.saveState(),
    };
  }

  restoreState({ registers, channels, codec }: Pl041State): void {
    if (channels.length !== CHANNELS) throw new RangeError(`a PL041 has ${CHANNELS} channels`);
    assignPlain(this.#registers, registers, 'the PL041');
    for (const [i, channel] of this.#channels.entries()) channel.restoreState(channels[i]);
    this.#codec.restoreState(codec);
  }

  read(offset: number, size: AccessSize): number {
    const value = this.#readRegister(offset & ~3) >>> ((offset & 3) * 8);
    return size === 4 ? value >>> 0 : value & (size === 1 ? 0xff : 0xffff);
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || offset & 3) {
      this.#log.guestError(`PL041: ${size}-byte write to 0x${offset.toString(16)}, which takes words`);
      return;
    }
    if (offset < AACI.SL1RX) this.#writeChannel(offset, value);
    else if (offset >= AACI.DR && offset < AACI.DREnd) this.#channelOfFifo(offset).push();
    else this.#writeRegister(offset, value);
    this.#drive();
  }

  #readRegister(offset: number): number {
    const own = this.#registers;
    if (offset < AACI.SL1RX) return this.#readChannel(offset);
    if (offset >= AACI.DR && offset < AACI.DREnd) {
      this.#channelOfFifo(offset).pop();
      this.#drive();
      return 0;
    }
    switch (offset) {
      case AACI.SL1RX:
        own.slotFlags &= ~SlotFlag.RXV1;
        this.#drive();
        return own.slot1Received;
      case AACI.SL2RX:
        own.slotFlags &= ~SlotFlag.RXV2;
        this.#drive();
        return own.slot2Received;
      case AACI.SL2TX:
        return own.slot2Sent;
      case AACI.SLFR:
        return own.slotFlags | ALWAYS_EMPTY;
      case AACI.SLISTAT:
        return (own.slotFlags | ALWAYS_EMPTY) & own.slotEnables;
      case AACI.SLIEN:
        return own.slotEnables;
      case AACI.MAINCR:
        return own.mainControl;
      case AACI.RESET:
        return own.reset;
      case AACI.SYNC:
        return own.sync;
      case AACI.ALLINTS:
        return this.#allInterrupts();
      // The link is never busy; nothing comes in slot 12, and what goes there is gone.
      case AACI.MAINFR:
      case AACI.SL1TX:
      case AACI.SL12RX:
      case AACI.SL12TX:
        return 0;
      default:
        if (offset >= AACI.PeriphID0) return IDENTIFICATION[(offset - AACI.PeriphID0) >>> 2] ?? 0;
        this.#log.guestError(`PL041: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  #writeRegister(offset: number, value: number): void {
    const own = this.#registers;
    switch (offset) {
      case AACI.SL1TX:
        this.#command(value);
        return;
      case AACI.SL2TX:
        own.slot2Sent = value & 0xf_fff0;
        return;
      case AACI.SLIEN:
        own.slotEnables = value & 0x3fff;
        return;
      case AACI.INTCLR:
        for (const [i, channel] of this.#channels.entries()) {
          channel.clear(((value >>> (5 + i)) & 1) !== 0, ((value >>> (1 + i)) & 1) !== 0);
        }
        return;
      case AACI.MAINCR:
        own.mainControl = value & MainControl.WRITABLE;
        return;
      case AACI.RESET:
        own.reset = value & 1;
        if (own.reset === 0) this.#codec.reset();
        return;
      case AACI.SYNC:
        own.sync = value & 1;
        return;
      case AACI.SL12TX:
        return;
      default:
        this.#log.guestError(`PL041: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  /** Slot 1 has the codec's register, slot 2 its value (AC '97 Component Specification 3.2.1). */
  #command(value: number): void {
    const own = this.#registers;
    const register = (value >>> 12) & 0x7f;
    if (!(value & SLOT1_READ)) {
      this.#codec.write(register, own.slot2Sent >>> 4);
      return;
    }
    own.slot1Received = register << 12;
    own.slot2Received = this.#codec.read(register) << 4;
    own.slotFlags |= SlotFlag.RXV1 | SlotFlag.RXV2;
  }

  #readChannel(offset: number): number {
    const channel = this.#channels[Math.floor(offset / CHANNEL_BYTES)];
    switch (offset % CHANNEL_BYTES) {
      case AACI.RXCR:
        return channel.state.rxControl;
      case AACI.TXCR:
        return channel.state.txControl;
      case AACI.SR:
        return channel.status;
      case AACI.ISR:
        return channel.interrupts & channel.state.enables;
      default:
        return channel.state.enables;
    }
  }

  #writeChannel(offset: number, value: number): void {
    const channel = this.#channels[Math.floor(offset / CHANNEL_BYTES)];
    switch (offset % CHANNEL_BYTES) {
      case AACI.RXCR:
        channel.writeControl('rxControl', value);
        return;
      case AACI.TXCR:
        channel.writeControl('txControl', value);
        return;
      case AACI.IE:
        channel.state.enables = value & ChannelInterrupt.ALL;
        return;
      default:
        this.#log.guestError(`PL041: write to read-only register 0x${offset.toString(16)}`);
    }
  }

  #channelOfFifo(offset: number): Channel {
    return this.#channels[Math.floor((offset - AACI.DR) / FIFO_WINDOW)];
  }

  /** Seven bits for each channel, then those of the slots (3.3.19). */
  #allInterrupts(): number {
    const { slotFlags, slotEnables } = this.#registers;
    const ofChannels = this.#channels.reduce(
      (bits, { interrupts, state }, i) => bits | ((interrupts & state.enables) << (7 * i)),
      0,
    );
    return (ofChannels | ((slotFlags | ALWAYS_EMPTY) & slotEnables ? 1 << 28 : 0)) >>> 0;
  }

  #drive(): void {
    for (const channel of this.#channels) channel.arm();
    const enabled = (this.#registers.mainControl & MainControl.IE) !== 0;
    this.#config.interrupt.set(enabled && this.#allInterrupts() !== 0);
  }
}

function resetRegisters(): Pl041Registers {
  return {
    slot1Received: 0,
    slot2Received: 0,
    slot2Sent: 0,
    slotFlags: 0,
    slotEnables: 0,
    mainControl: 0,
    reset: 0,
    sync: 0,
  };
}
