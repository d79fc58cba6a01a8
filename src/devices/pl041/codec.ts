import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';

/** Registers of an AC'97 codec (AC '97 Component Specification 2.3, 5.8; LM4549 datasheet). */
const Codec = {
  Reset: 0x00,
  PowerDown: 0x26,
  ExtendedAudioId: 0x28,
  VendorId1: 0x7c,
  VendorId2: 0x7e,
} as const;
/** ADC, DAC, analog and reference are ready (PowerDown 3 to 0). */
const READY = 0x000f;

/** Registers of an LM4549 that are not zero after a reset. */
const RESET: readonly (readonly [register: number, value: number])[] = [
  [Codec.Reset, 0x0d50],
  [0x02, 0x8008],
  [0x04, 0x8000],
  [0x06, 0x8000],
  [0x0c, 0x8008],
  [0x0e, 0x8008],
  [0x10, 0x8808],
  [0x12, 0x8808],
  [0x14, 0x8808],
  [0x16, 0x8808],
  [0x18, 0x8808],
  [0x1c, 0x8000],
  [0x22, 0x0101],
  [Codec.PowerDown, READY],
  // Variable rates.
  [Codec.ExtendedAudioId, 0x0001],
  [0x2c, 48_000],
  [0x32, 48_000],
  [Codec.VendorId1, 0x4e53],
  [Codec.VendorId2, 0x4331],
];
const READ_ONLY: readonly number[] = [Codec.ExtendedAudioId, Codec.VendorId1, Codec.VendorId2];

/** An LM4549, to which nothing is connected: its registers keep what is written. */
export class Ac97Codec implements Saveable<Uint16Array> {
  readonly #registers = new Uint16Array(64);

  constructor() {
    this.reset();
  }

  reset(): void {
    this.#registers.fill(0);
    for (const [register, value] of RESET) this.#registers[register / 2] = value;
  }

  saveState(): Uint16Array {
    return copyPlain(this.#registers);
  }

  restoreState(saved: Uint16Array): void {
    assignPlain(this.#registers, saved, 'the codec');
  }

  /** @param register an even number below 128 */
  read(register: number): number {
    return this.#registers[(register >>> 1) & 63];
  }

  write(register: number, value: number): void {
    if (register === Codec.Reset) this.reset();
    else if (register === Codec.PowerDown) this.#registers[register / 2] = (value & 0xfff0) | READY;
    else if (!READ_ONLY.includes(register)) this.#registers[(register >>> 1) & 63] = value;
  }
}
