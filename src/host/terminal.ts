import { ESCAPE_HELP, type EscapeAction, EscapeKeys } from './escape-keys.ts';
import { LineEditor } from './line-editor.ts';

/** Standard input as a terminal or a pipe: what `process.stdin` is. */
export interface InputStream {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  on(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown;
  off(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** Standard output: what `process.stdout` is. */
export interface OutputStream {
  write(chunk: Uint8Array | string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** The far end of a guest's serial line, as the terminal needs it. */
export interface SerialLine {
  write(data: Uint8Array): void;
  drained(): Promise<void>;
  readonly pendingInput: number;
  onData(callback: (bytes: Uint8Array) => void): () => void;
}

/** What the terminal tells its owner. */
export interface TerminalEvents {
  /** Ctrl-A x. */
  leave(): void;
  /** The reader of our output is slow: hold the guest until `outputDrained`. */
  outputFull?(): void;
  outputDrained?(): void;
  /** A line that was typed into the monitor. @returns what to show. Absent: there is no monitor. */
  monitor?(line: string): Promise<string>;
}

const PROMPT = '(armemu) ';

/** Input that waits for the guest beyond this many bytes is left in the pipe. */
const INPUT_LIMIT = 4096;

/**
 * Joins standard input and output to a guest's serial line. A terminal is put into raw mode, so that every key but
 * Ctrl-A goes to the guest; a pipe is read only as fast as the guest takes it.
 */
export class Terminal {
  private readonly input: InputStream;
  private readonly output: OutputStream;
  private readonly events: TerminalEvents;
  private readonly keys = new EscapeKeys();
  private line: SerialLine | undefined;
  private endOutput: (() => void) | undefined;
  private reading = false;
  private outputBlocked = false;
  /** While keys go to the monitor. */
  private editor: LineEditor | undefined;

  constructor(input: InputStream, output: OutputStream, events: TerminalEvents) {
    this.input = input;
    this.output = output;
    this.events = events;
  }

  /** True when standard input is a person. */
  get isInteractive(): boolean {
    return this.input.isTTY === true;
  }

  /** Shows what the guest sends. Ends what was connected before. */
  connectOutput(line: SerialLine): void {
    this.disconnect();
    this.line = line;
    this.endOutput = line.onData((bytes) => this.show(bytes));
  }

  /** Starts to read standard input for the guest; a terminal goes into raw mode until `restore`. */
  startInput(): void {
    if (this.reading) return;
    this.reading = true;
    if (this.isInteractive) this.input.setRawMode?.(true);
    this.input.on('data', this.onInput);
    this.input.resume();
  }

  /** Stops reading, and leaves the terminal as it was found. Can be called at any time, any number of times. */
  restore(): void {
    this.disconnect();
    if (!this.reading) return;
    this.reading = false;
    this.input.off('data', this.onInput);
    this.input.pause();
    if (this.isInteractive) this.input.setRawMode?.(false);
  }

  private disconnect(): void {
    this.endOutput?.();
    this.endOutput = undefined;
    this.line = undefined;
  }

  private show(bytes: Uint8Array | string): void {
    if (this.output.write(bytes) || this.outputBlocked) return;
    this.outputBlocked = true;
    this.events.outputFull?.();
    this.output.once('drain', () => {
      this.outputBlocked = false;
      this.events.outputDrained?.();
    });
  }

  private readonly onInput = (chunk: Uint8Array | string): void => {
    const typed = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
    if (!this.isInteractive) {
      this.send(typed);
      return;
    }
    for (let left = typed; left.length > 0; ) {
      const { bytes, action, rest } = this.keys.take(left);
      if (this.editor === undefined) this.send(bytes);
      else this.edit(this.editor, bytes);
      if (action !== undefined) this.act(action);
      // What is typed after leaving is for nobody.
      left = action === 'leave' ? new Uint8Array(0) : rest;
    }
  };

  private act(action: EscapeAction): void {
    if (action === 'leave') this.events.leave();
    else if (action === 'help') this.show(`\r\n${ESCAPE_HELP}\r\n`);
    else if (this.editor !== undefined || this.events.monitor === undefined) {
      if (this.editor !== undefined) this.show('\r\n');
      this.editor = undefined;
    } else {
      this.editor = new LineEditor();
      this.show(
        `\r\narmemu monitor: 'help' lists the commands, Ctrl-A c leads back to the guest\r\n${PROMPT}`,
      );
    }
  }

  private edit(editor: LineEditor, keys: Uint8Array): void {
    const { echo, lines } = editor.take(keys);
    this.show(echo);
    for (const line of lines) {
      void this.events.monitor?.(line).then(
        (output) => this.answer(output),
        (error: unknown) => this.answer(String(error)),
      );
    }
  }

  private answer(output: string): void {
    if (output !== '') this.show(`${output.replaceAll('\n', '\r\n')}\r\n`);
    if (this.editor !== undefined) this.show(PROMPT);
  }

  private send(bytes: Uint8Array): void {
    const { line } = this;
    if (!line || bytes.length === 0) return;
    line.write(bytes);
    if (line.pendingInput <= INPUT_LIMIT) return;
    this.input.pause();
    void line.drained().then(() => {
      if (this.reading) this.input.resume();
    });
  }
}
