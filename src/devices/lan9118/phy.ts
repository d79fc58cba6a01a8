import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';

/** Registers of the PHY inside the chip (LAN9118 datasheet 5.5; IEEE 802.3 22.2.4). */
const PHY = {
  BasicControl: 0,
  BasicStatus: 1,
  Identifier1: 2,
  Identifier2: 3,
  Advertisement: 4,
  PartnerAbility: 5,
  Expansion: 6,
  ModeStatus: 17,
  SpecialModes: 18,
  SpecialControl: 27,
  InterruptSource: 29,
  InterruptMask: 30,
  SpecialStatus: 31,
} as const;

/** BasicControl (5.5.1). */
const BasicControl = {
  RESET: 0x8000,
  LOOPBACK: 0x4000,
  AUTONEG: 0x1000,
  RESTART_AUTONEG: 0x0200,
  WRITABLE: 0x7d80,
} as const;

/** 10 and 100 Mbit/s in both duplexes, able to negotiate; then: it has, and the link is up (5.5.2). */
const CAPABILITIES = 0x7809;
const NEGOTIATED = 0x20;
const LINK_UP = 0x04;
/** The far end can all that this one can, and has acknowledged. */
const PARTNER = 0x45e1;
const ADVERTISED = 0x01e1;
const PARTNER_NEGOTIATES = 1;
/** ENERGYON: there is a signal on the line (5.5.8). */
const ENERGY_ON = 2;
/** Auto-negotiation is done, at 100 Mbit/s full duplex (5.5.13). */
const SPEED_AND_DUPLEX = 0x1058;
/** InterruptSource: ENERGYON, and auto-negotiation complete (5.5.11). */
const NEGOTIATION_DONE = 0xc0;
/** Its address on the management bus (3.6.2). */
export const PHY_ADDRESS = 1;

export type PhyState = {
  control: number;
  advertisement: number;
  special: number;
  source: number;
  mask: number;
};

/** The PHY, on a line that is always up: auto-negotiation is done as soon as it is asked for. */
export class Phy implements Saveable<PhyState> {
  readonly state: PhyState = { control: 0, advertisement: 0, special: 0, source: 0, mask: 0 };

  constructor() {
    this.reset();
  }

  reset(): void {
    const control = 0x2000 | BasicControl.AUTONEG;
    Object.assign(this.state, { control, advertisement: ADVERTISED, special: 0, source: 0, mask: 0 });
  }

  saveState(): PhyState {
    return copyPlain(this.state);
  }

  restoreState(saved: PhyState): void {
    assignPlain(this.state, saved, 'the PHY');
  }

  /** What is sent comes back. */
  get loopback(): boolean {
    return (this.state.control & BasicControl.LOOPBACK) !== 0;
  }

  get interrupt(): boolean {
    return (this.state.source & this.state.mask) !== 0;
  }

  read(register: number): number {
    const { state } = this;
    switch (register) {
      case PHY.BasicControl:
        return state.control;
      case PHY.BasicStatus:
        return CAPABILITIES | (this.loopback ? 0 : LINK_UP) | (this.#negotiates ? NEGOTIATED : 0);
      case PHY.Identifier1:
        return 0x0007;
      case PHY.Identifier2:
        return 0xc0d1;
      case PHY.Advertisement:
        return state.advertisement;
      case PHY.PartnerAbility:
        return this.#negotiates ? PARTNER : 0;
      case PHY.Expansion:
        return this.#negotiates ? PARTNER_NEGOTIATES : 0;
      case PHY.ModeStatus:
        return ENERGY_ON;
      case PHY.SpecialModes:
        // All capable, auto-negotiation on.
        return 0xe0 | PHY_ADDRESS;
      case PHY.SpecialControl:
        return state.special;
      case PHY.InterruptSource: {
        const { source } = state;
        state.source = 0;
        return source;
      }
      case PHY.InterruptMask:
        return state.mask;
      case PHY.SpecialStatus:
        return SPEED_AND_DUPLEX;
      default:
        return 0;
    }
  }

  write(register: number, value: number): void {
    const { state } = this;
    switch (register) {
      case PHY.BasicControl:
        if (value & BasicControl.RESET) {
          this.reset();
          return;
        }
        state.control = value & BasicControl.WRITABLE & ~BasicControl.RESTART_AUTONEG;
        if (this.#negotiates && value & BasicControl.RESTART_AUTONEG) state.source |= NEGOTIATION_DONE;
        return;
      case PHY.Advertisement:
        state.advertisement = (value & 0x2de0) | 1;
        return;
      case PHY.SpecialControl:
        state.special = value & 0xffff;
        return;
      case PHY.InterruptMask:
        state.mask = value & 0xff;
        return;
    }
  }

  get #negotiates(): boolean {
    return (this.state.control & BasicControl.AUTONEG) !== 0;
  }
}
