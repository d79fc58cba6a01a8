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

/** A panel behind a display controller, in clocks of its own and in lines (Linux' binding panel-timing). */
export interface PanelTiming {
  readonly clockHz: number;
  readonly width: number;
  readonly height: number;
  readonly horizontal: { readonly frontPorch: number; readonly backPorch: number; readonly sync: number };
  readonly vertical: { readonly frontPorch: number; readonly backPorch: number; readonly sync: number };
}

/** Display controller (ARM DDI 0293). */
export interface Pl111Row extends NamedRow {
  readonly kind: 'pl111';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
  /** Label of the clock CLCDCLK, and its frequency at power on. */
  readonly clock: string;
  readonly frequencyHz: number;
  /** Row of the bus' clock. */
  readonly busClock: string;
  /** What the device tree says of the screen; absent: that there is none. */
  readonly panel?: PanelTiming;
}

/** Keyboard or mouse interface (ARM DDI 0143), and what is plugged into it. */
export interface Pl050Row extends NamedRow {
  readonly kind: 'pl050';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
  /** Row of KMIREFCLK. */
  readonly clock: string;
  readonly busClock: string;
  readonly device: 'keyboard' | 'mouse';
}

/** Audio codec interface (ARM DDI 0173) with an AC'97 codec. */
export interface Pl041Row extends NamedRow {
  readonly kind: 'pl041';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
  /** Row of the bus' clock. */
  readonly busClock: string;
}

/** What people see, hear, type on and plug in. */
export type InputOutputRow = Pl181Row | Lan9118Row | Pl111Row | Pl050Row | Pl041Row;
