import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { Answer, Ps2Device, type Ps2State } from './ps2-device.ts';

/** Commands of the host. */
const Command = {
  SCALING_1: 0xe6,
  SCALING_2: 0xe7,
  RESOLUTION: 0xe8,
  STATUS: 0xe9,
  STREAM: 0xea,
  READ: 0xeb,
  REMOTE: 0xf0,
  IDENTIFY: 0xf2,
  SAMPLE_RATE: 0xf3,
  ENABLE: 0xf4,
  DISABLE: 0xf5,
  DEFAULTS: 0xf6,
  RESET: 0xff,
} as const;

/** Mice with a wheel (3), and with five buttons (4), show that they are by these sample rates in a row. */
const SECRETS: readonly { readonly id: number; readonly rates: readonly [number, number, number] }[] = [
  { id: 3, rates: [200, 100, 80] },
  { id: 4, rates: [200, 200, 80] },
];
/** Bit 3 of a packet's first byte is always set. */
const PACKET = 0x08;

/** A mouse that lies still. */
export class Ps2Mouse extends Ps2Device implements Saveable<Ps2State> {
  readonly #registers = defaults();

  reset(): void {
    this.clear();
    Object.assign(this.#registers, defaults());
  }

  saveState(): Ps2State {
    return { queue: this.queueState, registers: copyPlain(this.#registers) };
  }

  restoreState({ queue, registers }: Ps2State): void {
    assignPlain(this.#registers, registers, 'the mouse');
    this.queueState = queue;
  }

  protected override command(command: number): void {
    const own = this.#registers;
    switch (command) {
      case Command.RESOLUTION:
      case Command.SAMPLE_RATE:
        this.expectArgument(command);
        return;
      case Command.STATUS: {
        const flags = (own.remote << 6) | (own.enabled << 5) | (own.scaling << 4);
        this.send(Answer.ACK, flags, own.resolution, own.rate);
        return;
      }
      case Command.READ:
        this.send(Answer.ACK, PACKET, 0, 0, ...(own.id === 0 ? [] : [0]));
        return;
      case Command.IDENTIFY:
        this.send(Answer.ACK, own.id);
        return;
      case Command.RESET:
        Object.assign(own, defaults());
        this.send(Answer.ACK, Answer.TEST_PASSED, own.id);
        return;
      case Command.SCALING_1:
      case Command.SCALING_2:
        own.scaling = command - Command.SCALING_1;
        break;
      case Command.STREAM:
      case Command.REMOTE:
        own.remote = command === Command.REMOTE ? 1 : 0;
        break;
      case Command.ENABLE:
      case Command.DISABLE:
        own.enabled = command === Command.ENABLE ? 1 : 0;
        break;
      case Command.DEFAULTS:
        Object.assign(own, { ...defaults(), id: own.id });
        break;
      default:
        this.send(Answer.RESEND);
        return;
    }
    this.send(Answer.ACK);
  }

  protected override argument(command: number, value: number): void {
    const own = this.#registers;
    if (command === Command.RESOLUTION) {
      own.resolution = value & 3;
    } else {
      const rates = [own.rateBefore, own.rate, value];
      own.id = SECRETS.find((secret) => secret.rates.every((rate, i) => rate === rates[i]))?.id ?? own.id;
      own.rateBefore = own.rate;
      own.rate = value;
    }
    this.send(Answer.ACK);
  }
}

function defaults() {
  return { enabled: 0, remote: 0, scaling: 0, resolution: 2, rate: 100, rateBefore: 0, id: 0 };
}
