import type { ConfigFunction } from '../devices/vexpress-sysreg.ts';
import type { AddressRange, InterruptInput, NamedRow } from './board.ts';

/** Dual timer (ARM DDI 0271). */
export interface Sp804Row extends NamedRow {
  readonly kind: 'sp804';
  readonly range: AddressRange;
  /** Of both timers. */
  readonly interrupt: InterruptInput;
  /** Row of the clock that both count. */
  readonly clock: string;
  /** Row of the bus' clock. */
  readonly busClock: string;
}

/** Watchdog (ARM DDI 0270). */
export interface Sp805Row extends NamedRow {
  readonly kind: 'sp805';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
  /** Row of the clock that it counts. */
  readonly clock: string;
  readonly busClock: string;
}

/** System registers of the Versatile Express motherboard (ARM DUI 0447). */
export interface VexpressSysregRow extends NamedRow {
  readonly kind: 'vexpress-sysreg';
  readonly range: AddressRange;
  /** SYS_PROCID0. */
  readonly procId: number;
  /** Row of the controller whose slot's switches SYS_MCI shows. */
  readonly cardSlot: string;
}

/** Something on a configuration bus. */
export interface ConfigEntry {
  /** Of its node. */
  readonly name: string;
  readonly function: ConfigFunction;
  /** Number among those of its function. */
  readonly device: number;
  /** What it reads; absent: reading it is an error. Hz of an oscillator, microvolts of a voltage. */
  readonly value?: number;
  readonly writable?: true;
  readonly label?: string;
  /** Lowest and highest frequency of an oscillator in Hz. */
  readonly frequencies?: readonly [number, number];
}

/** What the configuration bus reaches on one board (ARM DUI 0447 4.4.18). */
export interface VexpressConfigBusRow extends NamedRow {
  readonly kind: 'vexpress-config-bus';
  /** Row of the system registers. */
  readonly bridge: string;
  /** 0 for the motherboard, 1 for the daughterboard. */
  readonly site: 0 | 1;
  readonly entries: readonly ConfigEntry[];
}

/** Lamps on the system registers' SYS_LED: part of the device tree only. */
export interface VexpressLedsRow extends NamedRow {
  readonly kind: 'vexpress-leds';
  /** Row of the system registers. */
  readonly sysreg: string;
  /** What lights each of the lamps, in Linux' words. */
  readonly triggers: readonly string[];
}

/** Snoop Control Unit of a Cortex-A9 MPCore (ARM DDI 0407). */
export interface A9ScuRow extends NamedRow {
  readonly kind: 'a9-scu';
  readonly range: AddressRange;
}

/** Private timers and watchdogs of a Cortex-A9 MPCore. */
export interface A9PrivateTimersRow extends NamedRow {
  readonly kind: 'a9-private-timers';
  readonly range: AddressRange;
  /** Row of PERIPHCLK. */
  readonly clock: string;
  readonly timer: InterruptInput;
  readonly watchdog: InterruptInput;
}

/** Global timer of a Cortex-A9 MPCore. */
export interface A9GlobalTimerRow extends NamedRow {
  readonly kind: 'a9-global-timer';
  readonly range: AddressRange;
  /** Row of PERIPHCLK. */
  readonly clock: string;
  readonly interrupt: InterruptInput;
}

/** Level 2 cache controller (ARM DDI 0246). */
export interface L2c310Row extends NamedRow {
  readonly kind: 'l2c-310';
  readonly range: AddressRange;
  readonly interrupt: InterruptInput;
}

/** Performance monitors of the CPUs: part of the device tree only, their registers are in cp15. */
export interface PmuRow extends NamedRow {
  readonly kind: 'pmu';
  readonly compatible: string;
  /** One for each CPU that the board can have. */
  readonly interrupts: readonly InterruptInput[];
}

/** Memory beside the machine's RAM: static RAM, a frame buffer. */
export interface StaticRamRow extends NamedRow {
  readonly kind: 'static-ram';
  readonly range: AddressRange;
  /** Of its node; absent: it has none. */
  readonly compatible?: readonly string[];
}

/**
 * A boot ROM in which all CPUs but the first wait for an interrupt, and go on where a register tells them once it is not
 * zero: how CPUs are started on boards without PSCI.
 */
export interface HoldingPenRow extends NamedRow {
  readonly kind: 'holding-pen';
  readonly range: AddressRange;
  /** Address of the register. */
  readonly startRegister: number;
}

/** A supply of fixed voltage: part of the device tree only. */
export interface FixedRegulatorRow extends NamedRow {
  readonly kind: 'fixed-regulator';
  readonly microvolts: number;
  /** As the board's manual calls it. */
  readonly label: string;
}

/** Devices of the Versatile Express boards. */
export type VexpressRow =
  | Sp804Row
  | Sp805Row
  | VexpressSysregRow
  | VexpressConfigBusRow
  | VexpressLedsRow
  | A9ScuRow
  | A9PrivateTimersRow
  | A9GlobalTimerRow
  | L2c310Row
  | PmuRow
  | FixedRegulatorRow
  | StaticRamRow
  | HoldingPenRow;
