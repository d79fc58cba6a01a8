import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { TraceError } from '../errors.ts';
import type { TraceRecord } from '../trace/events.ts';
import { explain } from './files.ts';

/** Characters that wait for the file at most, and how long they do while less comes. */
const BUFFERED = 1 << 20;
const FLUSH_MS = 1000;

/**
 * A trace's file: one JSON line for each record. A disk that is slow makes the guest wait, so that nothing is lost and nothing
 * piles up. One that fails ends the trace, not the guest: it is said at once, and again when the file is closed.
 */
export class TraceFile {
  readonly path: string;
  private readonly file: number;
  private readonly warn: (message: string) => void;
  private readonly timer: NodeJS.Timeout;
  private lines = '';
  /** Bytes that the file has in whole lines. */
  private written = 0;
  private taken = 0;
  private lost = 0;
  private failure: TraceError | undefined;

  /**
   * Makes the file, or empties it.
   * @param warn told when it can't be written any more
   * @throws TraceError when there can be no such file
   */
  constructor(path: string, warn: (message: string) => void) {
    this.path = path;
    this.warn = warn;
    try {
      this.file = openSync(path, 'w');
    } catch (error) {
      throw this.cannotWrite(error);
    }
    this.timer = setInterval(() => this.flush(), FLUSH_MS).unref();
  }

  /** Records that are in the file, or on their way there. */
  get records(): number {
    return this.taken - this.lost;
  }

  /** What a machine's option `trace` takes. */
  readonly sink = (record: TraceRecord): void => {
    this.taken++;
    if (this.failure !== undefined) {
      this.lost++;
      return;
    }
    this.lines += `${JSON.stringify(record)}\n`;
    if (this.lines.length >= BUFFERED) this.flush();
  };

  /** @throws TraceError when records are missing in the file */
  close(): void {
    clearInterval(this.timer);
    this.flush();
    try {
      closeSync(this.file);
    } catch (error) {
      this.failure ??= this.cannotWrite(error);
    }
    if (this.failure === undefined) return;
    const { message, remedy } = this.failure;
    throw new TraceError(`${message}; its last ${this.lost} records are missing`, remedy);
  }

  private flush(): void {
    const { lines } = this;
    this.lines = '';
    if (lines === '' || this.failure !== undefined) return;
    const bytes = Buffer.from(lines);
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.file, bytes, done);
      this.written += done;
    } catch (error) {
      this.fail(error, bytes, done);
    }
  }

  /** Whole lines stay in the file, so that it can be shown as far as it goes. */
  private fail(error: unknown, bytes: Buffer, done: number): void {
    const whole = bytes.subarray(0, done).lastIndexOf('\n') + 1;
    this.lost += bytes.subarray(whole).reduce((lines, byte) => lines + (byte === 0x0a ? 1 : 0), 0);
    try {
      ftruncateSync(this.file, this.written + whole);
    } catch {
      // A pipe or a terminal has got what it has got.
    }
    this.failure = this.cannotWrite(error);
    const { message, remedy } = this.failure;
    this.warn(`${message}; the guest goes on without it (${remedy})`);
  }

  private cannotWrite(cause: unknown): TraceError {
    const [reason, remedy] = explain(cause);
    return new TraceError(`can't write the trace '${this.path}': ${reason}`, remedy, { cause });
  }
}
