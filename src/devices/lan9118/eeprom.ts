import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';

/** EPC command of E2P_CMD (LAN9118 datasheet 5.3.23). */
const Operation = { READ: 0, EWDS: 1, EWEN: 2, WRITE: 3, WRAL: 4, ERASE: 5, ERAL: 6, RELOAD: 7 } as const;
const SIZE = 128;
/** The first byte of an EEPROM that holds an address (3.8). */
const SIGNATURE = 0xa5;

export type EepromState = { readonly bytes: Uint8Array; writable: boolean; data: number };

/** The serial EEPROM beside the chip, which holds the card's address. What a guest writes to it is lost at the end. */
export class Eeprom implements Saveable<EepromState> {
  readonly state: EepromState = { bytes: new Uint8Array(SIZE).fill(0xff), writable: false, data: 0 };

  /** @param mac six bytes */
  constructor(mac: Uint8Array) {
    this.state.bytes[0] = SIGNATURE;
    this.state.bytes.set(mac, 1);
  }

  saveState(): EepromState {
    return copyPlain(this.state);
  }

  restoreState(saved: EepromState): void {
    assignPlain(this.state, saved, 'the EEPROM');
  }

  /** The address that the chip loads after a reset; undefined where there is none. */
  get mac(): Uint8Array | undefined {
    const { bytes } = this.state;
    return bytes[0] === SIGNATURE ? bytes.slice(1, 7) : undefined;
  }

  /**
   * Carries out a command.
   * @returns whether it was RELOAD
   */
  run(operation: number, address: number): boolean {
    const { state } = this;
    const at = address % SIZE;
    switch (operation) {
      case Operation.READ:
        state.data = state.bytes[at];
        break;
      case Operation.EWDS:
      case Operation.EWEN:
        state.writable = operation === Operation.EWEN;
        break;
      case Operation.WRITE:
        this.#store(at, at + 1, state.data);
        break;
      case Operation.WRAL:
        this.#store(0, SIZE, state.data);
        break;
      case Operation.ERASE:
        this.#store(at, at + 1, 0xff);
        break;
      case Operation.ERAL:
        this.#store(0, SIZE, 0xff);
        break;
    }
    return operation === Operation.RELOAD;
  }

  #store(start: number, end: number, value: number): void {
    if (this.state.writable) this.state.bytes.fill(value, start, end);
  }
}
