import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain, copyPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';
import type { AnyPs2Device, Ps2State } from './ps2/ps2-device.ts';

/** Registers (ARM DDI 0143 table 3-1). */
export const KMI = {
  CR: 0x00,
  STAT: 0x04,
  DATA: 0x08,
  CLKDIV: 0x0c,
  IR: 0x10,
  /** KMIPeriphID0 to 3 and KMIPCellID0 to 3 follow each other. */
  PeriphID0: 0xfe0,
} as const;

/** KMICR (3.3.1). */
export const KmiControl = { KMIEN: 0x04, TXINTREN: 0x08, RXINTREN: 0x10, WRITABLE: 0x3f } as const;
/** KMISTAT (3.3.2): data and clock line are high while nobody sends. */
export const KmiStatus = { LINES: 0x03, RXPARITY: 0x04, RXFULL: 0x10, TXEMPTY: 0x40 } as const;
/** KMIIR (3.3.5). */
export const KmiInterrupt = { RX: 1, TX: 2 } as const;

/** ARM DDI 0143 3.3.6: part 0x050, designer Arm, revision 0. */
const IDENTIFICATION = [0x50, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;

export interface Pl050Config {
  /** Keyboard or mouse. */
  readonly device: AnyPs2Device;
  /** KMIINTR, the combined interrupt. */
  readonly interrupt: InterruptLine;
}

/** `parity`: the parity bit that came with the last byte. */
export type Pl050Registers = { control: number; divisor: number; data: number; parity: number };
export type Pl050State = { readonly registers: Pl050Registers; readonly device: Ps2State };

/** PrimeCell PS2 Keyboard/Mouse Interface PL050 (ARM DDI 0143). Bytes take no time on the wire. */
export class Pl050 implements MmioDevice, Saveable<Pl050State> {
  readonly #registers: Pl050Registers = resetRegisters();
  readonly #config: Pl050Config;
  readonly #log: DeviceLog;

  constructor(config: Pl050Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    config.device.connect(() => this.#drive());
  }

  reset(): void {
    Object.assign(this.#registers, resetRegisters());
    this.#config.device.reset();
    this.#drive();
  }

  saveState(): Pl050State {
    return { registers: copyPlain(this.#registers), device: this.#config.device.saveState() };
  }

  restoreState({ registers, device }: Pl050State): void {
    assignPlain(this.#registers, registers, 'the PL050');
    this.#config.device.restoreState(device);
  }

  read(offset: number, size: AccessSize): number {
    const value = this.#readRegister(offset & ~3) >>> ((offset & 3) * 8);
    return size === 1 ? value & 0xff : value;
  }

  write(offset: number, size: AccessSize, value: number): void {
    const own = this.#registers;
    switch (offset) {
      case KMI.CR:
        own.control = value & KmiControl.WRITABLE;
        break;
      case KMI.DATA:
        if (own.control & KmiControl.KMIEN) this.#config.device.write(value & 0xff);
        break;
      case KMI.CLKDIV:
        own.divisor = value & 0xf;
        break;
      default:
        this.#log.guestError(
          `PL050: ${size}-byte write to read-only or reserved register 0x${offset.toString(16)}`,
        );
    }
    this.#drive();
  }

  #readRegister(offset: number): number {
    const own = this.#registers;
    switch (offset) {
      case KMI.CR:
        return own.control;
      case KMI.STAT:
        return this.#status();
      case KMI.DATA:
        if (this.#hasByte) this.#take();
        return own.data;
      case KMI.CLKDIV:
        return own.divisor;
      case KMI.IR:
        return this.#interrupts();
      default:
        if (offset >= KMI.PeriphID0) return IDENTIFICATION[(offset - KMI.PeriphID0) >>> 2] ?? 0;
        this.#log.guestError(`PL050: read of reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  #take(): void {
    const own = this.#registers;
    own.data = this.#config.device.read();
    own.parity = oddParity(own.data);
    this.#drive();
  }

  get #hasByte(): boolean {
    return (this.#registers.control & KmiControl.KMIEN) !== 0 && this.#config.device.hasByte;
  }

  #status(): number {
    return (
      KmiStatus.LINES |
      KmiStatus.TXEMPTY |
      (this.#hasByte ? KmiStatus.RXFULL : 0) |
      (this.#registers.parity ? KmiStatus.RXPARITY : 0)
    );
  }

  #interrupts(): number {
    return (this.#hasByte ? KmiInterrupt.RX : 0) | KmiInterrupt.TX;
  }

  #drive(): void {
    const { control } = this.#registers;
    const receive = (control & KmiControl.RXINTREN) !== 0 && this.#hasByte;
    this.#config.interrupt.set(receive || (control & KmiControl.TXINTREN) !== 0);
  }
}

function resetRegisters(): Pl050Registers {
  return { control: 0, divisor: 0, data: 0, parity: 0 };
}

/** The parity bit of a byte: byte and bit have an odd number of ones. */
function oddParity(byte: number): number {
  let parity = 1;
  for (let rest = byte; rest !== 0; rest >>>= 1) parity ^= rest & 1;
  return parity;
}
