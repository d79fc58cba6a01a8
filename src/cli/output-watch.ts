import { explain } from '../host/files.ts';
import { ExitCode, SIGNAL_EXIT_CODES } from './exit-codes.ts';

/** What is left of the output has this long to get out after a signal. */
const LAST_OUTPUT_MS = 500;

/** Standard output: what `process.stdout` is. */
interface WatchedOutput {
  write(chunk: string, written: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Whose reader went away (`armemu list | head -1`) is told nothing, as by any other command. */
const readerIsGone = (error: Error): boolean => 'code' in error && error.code === 'EPIPE';

/** The exit code of a command that its output was refused to. */
export function exitCodeOfLostOutput(error: Error): number {
  return readerIsGone(error) ? ExitCode.brokenPipe : ExitCode.outputLost;
}

/** Watches the command's output from its first byte to its last, so that lost output never passes for success. */
export class OutputWatch {
  private readonly output: WatchedOutput;
  private lost: Error | undefined;

  constructor(output: WatchedOutput) {
    this.output = output;
    output.on('error', (error) => {
      this.lost ??= error;
    });
  }

  /**
   * Waits until the last byte is out: a pipe is written behind our back.
   * @param exitCode what the command came to
   * @param say takes what a person must know of the output
   * @returns the exit code to leave with
   */
  async end(exitCode: number, say: (text: string) => void): Promise<number> {
    await new Promise<void>((resolve) => {
      // Who sent a signal does not wait for a reader that stands still.
      if (Object.values(SIGNAL_EXIT_CODES).includes(exitCode)) setTimeout(resolve, LAST_OUTPUT_MS);
      this.output.write('', resolve);
    });
    if (this.lost === undefined) return exitCode;
    if (!readerIsGone(this.lost)) {
      const [reason] = explain(this.lost);
      say(
        `armemu: can't write to standard output: ${reason}; the rest is lost\n  make room there, or send it elsewhere\n`,
      );
    }
    return exitCode === ExitCode.ok ? exitCodeOfLostOutput(this.lost) : exitCode;
  }
}
