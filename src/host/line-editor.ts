const BACKSPACE = [0x08, 0x7f];
const CTRL_C = 0x03;
const CTRL_U = 0x15;
const ENTER = [0x0d, 0x0a];
const MAX_LINE = 1024;

/** Puts keys of a terminal in raw mode together to lines. */
export class LineEditor {
  private line: number[] = [];

  /** @returns what the terminal is to show, and the lines that were finished */
  take(keys: Uint8Array): { readonly echo: string; readonly lines: readonly string[] } {
    let echo = '';
    const lines: string[] = [];
    for (const key of keys) {
      if (ENTER.includes(key)) {
        lines.push(new TextDecoder().decode(Uint8Array.from(this.line)));
        this.line = [];
        echo += '\r\n';
      } else if (BACKSPACE.includes(key)) {
        if (this.line.pop() !== undefined) echo += '\b \b';
      } else if (key === CTRL_C || key === CTRL_U) {
        echo += '\b \b'.repeat(this.line.length);
        this.line = [];
      } else if (key >= 0x20 && this.line.length < MAX_LINE) {
        this.line.push(key);
        echo += String.fromCharCode(key);
      }
    }
    return { echo, lines };
  }
}
