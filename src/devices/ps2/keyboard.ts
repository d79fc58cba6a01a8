import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { Answer, Ps2Device, type Ps2State } from './ps2-device.ts';

/** Commands of the host. */
const Command = {
  SET_LEDS: 0xed,
  ECHO: 0xee,
  SCAN_CODE_SET: 0xf0,
  IDENTIFY: 0xf2,
  TYPEMATIC: 0xf3,
  ENABLE: 0xf4,
  DISABLE: 0xf5,
  DEFAULTS: 0xf6,
  RESET: 0xff,
} as const;
/** MF II keyboard without a translation before it. */
const IDENTITY = [0xab, 0x83] as const;

/** A keyboard of scan code set 2 with 101 or 102 keys. */
export class Ps2Keyboard extends Ps2Device implements Saveable<Ps2State> {
  readonly #registers = { enabled: 1, leds: 0, scanCodeSet: 2, typematic: 0x2b };

  reset(): void {
    this.clear();
    this.#defaults();
  }

  /**
   * A key goes down, or up.
   * @param scanCodes as the keyboard sends them, in set 2: `1c` and `f0 1c` for the key A
   * @returns false when the guest does not listen, or has not read what came before
   */
  press(scanCodes: Iterable<number>): boolean {
    return this.#registers.enabled !== 0 && this.send(...scanCodes);
  }

  saveState(): Ps2State {
    return { queue: this.queueState, registers: copyPlain(this.#registers) };
  }

  restoreState({ queue, registers }: Ps2State): void {
    assignPlain(this.#registers, registers, 'the keyboard');
    this.queueState = queue;
  }

  protected override command(command: number): void {
    switch (command) {
      case Command.SET_LEDS:
      case Command.SCAN_CODE_SET:
      case Command.TYPEMATIC:
        this.expectArgument(command);
        return;
      case Command.ECHO:
        this.send(Answer.ECHO);
        return;
      case Command.IDENTIFY:
        this.send(Answer.ACK, ...IDENTITY);
        return;
      case Command.RESET:
        this.#defaults();
        this.send(Answer.ACK, Answer.TEST_PASSED);
        return;
      case Command.DISABLE:
      case Command.DEFAULTS:
        this.#defaults();
        this.#registers.enabled = command === Command.DISABLE ? 0 : 1;
        break;
      case Command.ENABLE:
        this.#registers.enabled = 1;
        break;
      default:
        // 0xf7 to 0xfd are about set 3.
        if (command < 0xf7 || command > 0xfd) {
          this.send(Answer.RESEND);
          return;
        }
    }
    this.send(Answer.ACK);
  }

  protected override argument(command: number, value: number): void {
    const own = this.#registers;
    if (command === Command.SET_LEDS) own.leds = value & 7;
    if (command === Command.TYPEMATIC) own.typematic = value & 0x7f;
    this.send(Answer.ACK);
    if (command !== Command.SCAN_CODE_SET) return;
    if (value === 0) this.send(own.scanCodeSet);
    else if (value <= 3) own.scanCodeSet = value;
  }

  #defaults(): void {
    Object.assign(this.#registers, { enabled: 1, leds: 0, scanCodeSet: 2, typematic: 0x2b });
  }
}
