import type { AddressRange, InterruptInput, NamedRow } from './board.ts';

/** Multimedia card interface (ARM DDI 0205) with the slot for the machine's SD card. */
export interface Pl181Row extends NamedRow {
  readonly kind: 'pl181';
  readonly range: AddressRange;
  /** MCIINTR0 and MCIINTR1. */
  readonly interrupts: readonly [InterruptInput, InterruptInput];
  /** Row of MCLK, from which the card's clock is made, at most as fast as this. */
  readonly clock: string;
  readonly maxFrequencyHz: number;
  /** Row of the bus' clock. */
  readonly busClock: string;
  /** Label of the GPIO controller whose line 0 is the slot's card switch, and line 1 that of write protection. */
  readonly switches?: string;
  /** Label of the regulator of the card's supply. */
  readonly supply?: string;
}

/** Ethernet controller (SMSC LAN9118) on a bus of 32 bits. */
export interface Lan9118Row extends NamedRow {
  readonly kind: 'lan9118';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
  /** Label of the regulator of its supplies. */
  readonly supply?: string;
}

/** What people see, hear, type on and plug in. */
export type InputOutputRow = Pl181Row | Lan9118Row;
