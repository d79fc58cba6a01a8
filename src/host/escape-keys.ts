/** What a key after Ctrl-A asks for. */
export type EscapeAction = 'leave' | 'help' | 'monitor';

const CTRL_A = 0x01;

const ACTIONS: Readonly<Record<string, EscapeAction>> = {
  x: 'leave',
  X: 'leave',
  '\x18': 'leave',
  h: 'help',
  H: 'help',
  '?': 'help',
  c: 'monitor',
  C: 'monitor',
  '\x03': 'monitor',
};

/** Keys after Ctrl-A, as QEMU's `-nographic` has them. */
export const ESCAPE_HELP = [
  'Ctrl-A h       this help',
  'Ctrl-A c       to the monitor, and back to the guest',
  'Ctrl-A x       leave',
  'Ctrl-A Ctrl-A  send Ctrl-A',
].join('\r\n');

/** Takes the escape sequences out of what a person types. */
export class EscapeKeys {
  private escaped = false;

  /**
   * Takes keys up to the first that asks for something.
   * @returns bytes for the guest, what the person asked for then, and the keys after that
   */
  take(typed: Uint8Array): {
    readonly bytes: Uint8Array;
    readonly action: EscapeAction | undefined;
    readonly rest: Uint8Array;
  } {
    const bytes: number[] = [];
    for (const [index, byte] of typed.entries()) {
      if (!this.escaped) {
        if (byte === CTRL_A) this.escaped = true;
        else bytes.push(byte);
        continue;
      }
      this.escaped = false;
      const key = String.fromCharCode(byte);
      if (byte === CTRL_A) bytes.push(CTRL_A);
      const action = ACTIONS[key];
      if (action !== undefined) {
        return { bytes: Uint8Array.from(bytes), action, rest: typed.subarray(index + 1) };
      }
    }
    return { bytes: Uint8Array.from(bytes), action: undefined, rest: typed.subarray(typed.length) };
  }
}
