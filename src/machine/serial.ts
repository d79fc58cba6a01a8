import { ExpectTimeoutError } from '../errors.ts';
import type { Saveable } from '../ports/saveable.ts';
import { parseDuration } from './units.ts';

/** The receiving side of a UART, as a serial port feeds it. */
export interface SerialReceiver {
  /** Takes as many bytes from the start of `bytes` as its FIFO has room for, and says how many. */
  receive(bytes: Uint8Array): number;
}

/** How long `expect` waits. */
export interface ExpectOptions {
  /** Text such as `60s`, or milliseconds of the host's time; 30 s by default. */
  readonly timeout?: string | number;
}

interface Answer {
  readonly pattern: RegExp;
  readonly data: string | Uint8Array;
}

interface Expectation {
  readonly pattern: RegExp;
  readonly resolve: (match: RegExpExecArray) => void;
  readonly reject: (error: Error) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Characters of output that `expect` can look back on, at least. */
const KEPT_CHARACTERS = 2 ** 20;
/** Characters at the end of the output that an answer's pattern may match. */
const ANSWER_CHARACTERS = 256;
/** Characters of output that a failed `expect` shows. */
const TAIL_CHARACTERS = 400;

/** Bytes on their way to the guest. */
export type SerialPortState = { readonly input: Uint8Array };

/**
 * The far end of a guest's serial line: what a person or a program at the other side of the cable does with it.
 */
export class SerialPort implements Saveable<SerialPortState> {
  private receiver: SerialReceiver | undefined;
  private readonly listeners = new Set<(bytes: Uint8Array) => void>();
  private readonly drainWaiters: (() => void)[] = [];
  private readonly expectations: Expectation[] = [];
  private readonly decoder = new TextDecoder();
  private input = new Uint8Array(0);
  private output = new Uint8Array(256);
  private outputLength = 0;
  private flushQueued = false;
  /** Output that no `expect` has matched yet. */
  private unmatched = '';
  private recent = '';
  private closed = false;
  private readonly answers: Answer[] = [];
  private answerTail = '';
  /** Runs what it is given at the next instruction of the guest. */
  private soon: (action: () => void) => void = (action) => action();

  /** Plugs the cable in: bytes written from now on, and before, go to this UART. */
  connect(receiver: SerialReceiver): void {
    this.receiver = receiver;
    this.readyToReceive();
  }

  /** @internal The machine says what runs an action at the next instruction. */
  defer(soon: (action: () => void) => void): void {
    this.soon = soon;
  }

  /**
   * Writes `data` when the guest's output matches: at the very instruction after the character that completed the match,
   * so that with the counting clock the guest gets it at the same instruction each time. (What is written after `expect`
   * comes when the event loop gets to it.) Answers are given in the order of these calls, each once.
   * @param pattern tried after each character, on the last 256 since the previous answer; bytes count as Latin-1
   */
  answer(pattern: RegExp, data: string | Uint8Array): void {
    this.answers.push({ pattern: new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')), data });
  }

  /** Sends text (as UTF-8) or bytes to the guest. They wait here until the guest's UART has room, in order. */
  write(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    const queued = new Uint8Array(this.input.length + bytes.length);
    queued.set(this.input);
    queued.set(bytes, this.input.length);
    this.input = queued;
    this.readyToReceive();
  }

  saveState(): SerialPortState {
    return { input: this.input.slice() };
  }

  /** The guest's UART is restored before. Bytes written since then come after the saved ones. */
  restoreState({ input }: SerialPortState): void {
    if (!(input instanceof Uint8Array)) throw new RangeError('the saved input of the serial port is none');
    const later = this.input;
    this.input = new Uint8Array(0);
    this.write(input);
    this.write(later);
  }

  /** Bytes written that the guest's UART has not taken yet. */
  get pendingInput(): number {
    return this.input.length;
  }

  /** Resolves when the guest's UART has taken everything that was written, or the machine has ended. */
  drained(): Promise<void> {
    if (this.input.length === 0 || this.closed) return Promise.resolve();
    return new Promise((resolve) => this.drainWaiters.push(resolve));
  }

  /**
   * Calls back with what the guest sends, some bytes at a time.
   * @returns a function that ends it
   */
  onData(callback: (bytes: Uint8Array) => void): () => void {
    this.listeners.add(callback);
    return () => this.listeners.delete(callback);
  }

  /**
   * Waits until the guest's output matches. Looks at output that no earlier `expect` has matched; what is up to the end
   * of the match is then done with.
   * @throws ExpectTimeoutError with the end of the output, when time is over or the machine ends first
   */
  expect(pattern: RegExp, options: ExpectOptions = {}): Promise<RegExpExecArray> {
    const timeout = options.timeout ?? '30s';
    const milliseconds = parseDuration(timeout, 'timeout');
    return new Promise((resolve, reject) => {
      const expectation: Expectation = {
        // A sticky or global pattern would remember a position in another text.
        pattern: new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')),
        resolve,
        reject,
        timer: setTimeout(() => {
          this.expectations.splice(this.expectations.indexOf(expectation), 1);
          reject(this.expectError(pattern, `did not come within ${milliseconds} ms`));
        }, milliseconds),
      };
      this.expectations.push(expectation);
      this.flush();
      this.matchExpectations();
      if (this.closed) this.failExpectations();
    });
  }

  /** A byte from the guest's UART. Listeners hear of it when the current slice of guest time is over. */
  transmit(byte: number): void {
    if (this.outputLength === this.output.length) {
      const grown = new Uint8Array(this.output.length * 2);
      grown.set(this.output);
      this.output = grown;
    }
    this.output[this.outputLength++] = byte;
    if (this.answers.length > 0) this.matchAnswer(byte);
    if (!this.flushQueued) {
      this.flushQueued = true;
      queueMicrotask(() => this.flush());
    }
  }

  /** The guest's UART has room again. */
  readyToReceive(): void {
    while (this.receiver && this.input.length > 0) {
      const taken = this.receiver.receive(this.input);
      if (taken === 0) return;
      this.input = this.input.subarray(taken);
    }
    if (this.input.length === 0) this.wakeDrainWaiters();
  }

  /** Hands on what was sent so far. */
  flush(): void {
    this.flushQueued = false;
    if (this.outputLength === 0) return;
    const bytes = this.output.slice(0, this.outputLength);
    this.outputLength = 0;
    const text = this.decoder.decode(bytes, { stream: true });
    this.unmatched += text;
    // Cut in large pieces: each cut copies what is kept.
    if (this.unmatched.length > 2 * KEPT_CHARACTERS) this.unmatched = this.unmatched.slice(-KEPT_CHARACTERS);
    this.recent = (this.recent + text).slice(-TAIL_CHARACTERS);
    for (const listener of this.listeners) listener(bytes);
    this.matchExpectations();
  }

  /** The machine has ended: nothing more will come or be taken. */
  close(): void {
    this.flush();
    this.closed = true;
    this.failExpectations();
    this.wakeDrainWaiters();
  }

  private matchAnswer(byte: number): void {
    this.answerTail = (this.answerTail + String.fromCharCode(byte)).slice(-ANSWER_CHARACTERS);
    const [{ pattern, data }] = this.answers;
    if (!pattern.test(this.answerTail)) return;
    this.answers.shift();
    this.answerTail = '';
    this.soon(() => this.write(data));
  }

  private matchExpectations(): void {
    while (this.expectations.length > 0) {
      const [first] = this.expectations;
      const match = first.pattern.exec(this.unmatched);
      if (!match) return;
      this.unmatched = this.unmatched.slice(match.index + match[0].length);
      this.expectations.shift();
      clearTimeout(first.timer);
      first.resolve(match);
    }
  }

  private failExpectations(): void {
    for (const { pattern, reject, timer } of this.expectations.splice(0)) {
      clearTimeout(timer);
      reject(this.expectError(pattern, 'did not come before the machine ended'));
    }
  }

  private wakeDrainWaiters(): void {
    for (const resolve of this.drainWaiters.splice(0)) resolve();
  }

  private expectError(pattern: RegExp, what: string): ExpectTimeoutError {
    const tail = this.recent === '' ? 'the guest sent nothing' : `the output ends with:\n${this.recent}`;
    return new ExpectTimeoutError(`${pattern} ${what}; ${tail}`);
  }
}
