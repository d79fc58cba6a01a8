import type { Saveable } from '../../ports/saveable.ts';

/** Answers to the host (IBM PS/2 Hardware Interface Technical Reference, keyboard and auxiliary device). */
export const Answer = { ACK: 0xfa, TEST_PASSED: 0xaa, RESEND: 0xfe, ECHO: 0xee } as const;

/** Bytes that a device keeps for a host that does not read. */
const QUEUE_BYTES = 64;

export type Ps2QueueState = {
  readonly queue: readonly number[];
  /** The command that waits for its argument; 0: none does. */
  readonly pending: number;
  readonly last: number;
};

/** A device at the other end of a PS/2 wire: what it sends, in order, and a command that may have an argument. */
export abstract class Ps2Device {
  #queue: number[] = [];
  #pending = 0;
  #last = 0;
  #ready: () => void = () => {};

  /** @param ready told when there is a byte to read */
  connect(ready: () => void): void {
    this.#ready = ready;
  }

  get hasByte(): boolean {
    return this.#queue.length > 0;
  }

  /** The next byte, or the last one again. */
  read(): number {
    this.#last = this.#queue.shift() ?? this.#last;
    return this.#last;
  }

  /** A byte from the host: a command, or the argument of the one before. */
  write(byte: number): void {
    const command = this.#pending;
    this.#pending = 0;
    if (command !== 0) {
      this.argument(command, byte);
    } else if (byte === Answer.RESEND) {
      this.send(this.#last);
    } else {
      // A command ends whatever was being sent.
      this.#queue = [];
      this.command(byte);
    }
  }

  /** Power on. */
  protected clear(): void {
    this.#queue = [];
    this.#pending = 0;
    this.#last = 0;
  }

  /** The next byte from the host belongs to this command. */
  protected expectArgument(command: number): void {
    this.#pending = command;
    this.send(Answer.ACK);
  }

  /** @returns false when there is no room: the bytes are lost together */
  protected send(...bytes: readonly number[]): boolean {
    if (this.#queue.length + bytes.length > QUEUE_BYTES) return false;
    this.#queue.push(...bytes);
    this.#ready();
    return true;
  }

  protected get queueState(): Ps2QueueState {
    return { queue: [...this.#queue], pending: this.#pending, last: this.#last };
  }

  protected set queueState({ queue, pending, last }: Ps2QueueState) {
    if (queue.length > QUEUE_BYTES || !queue.every((byte) => Number.isInteger(byte))) {
      throw new RangeError('the state of a PS/2 device is none');
    }
    this.#queue = [...queue];
    this.#pending = pending;
    this.#last = last;
  }

  protected abstract command(command: number): void;
  protected abstract argument(command: number, value: number): void;
}

/** A device that a PS/2 controller can have, with what is saved of it. */
export type AnyPs2Device = Ps2Device & Saveable<Ps2State> & { reset(): void };

/** What is saved of a device: its queue, and numbers of its own. */
export type Ps2State = {
  readonly queue: Ps2QueueState;
  readonly registers: { readonly [name: string]: number };
};
