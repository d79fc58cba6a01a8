/** Where progress is shown: standard error. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A line that counts up to 100 % in place, on a terminal; nothing elsewhere. */
export class ProgressLine {
  private readonly output: ProgressOutput;
  private readonly what: string;
  private shown = -1;

  /** @param what what is done, such as `saving 'vm.snap'` */
  constructor(output: ProgressOutput, what: string) {
    this.output = output;
    this.what = what;
  }

  /** @param done from 0 to 1 */
  update(done: number): void {
    const percent = Math.floor(done * 100);
    if (this.output.isTTY !== true || percent === this.shown) return;
    this.shown = percent;
    this.output.write(`\rarmemu: ${this.what}: ${percent} %`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.shown >= 0) this.output.write('\r\x1b[K');
    this.shown = -1;
  }
}
