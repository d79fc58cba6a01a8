/** What a key after Ctrl-A asks for. */
export type EscapeAction = 'leave' | 'help';

const CTRL_A = 0x01;

/** Keys after Ctrl-A, as QEMU's `-nographic` has them. */
export const ESCAPE_HELP = [
  'Ctrl-A h       this help',
  'Ctrl-A x       leave',
  'Ctrl-A Ctrl-A  send Ctrl-A',
].join('\r\n');

/** Takes the escape sequences out of what a person types. */
export class EscapeKeys {
  private escaped = false;

  /**
   * @returns bytes for the guest, and what the person asked for, in order. Keys after `leave` are left out.
   */
  take(typed: Uint8Array): { readonly bytes: Uint8Array; readonly actions: readonly EscapeAction[] } {
    const bytes: number[] = [];
    const actions: EscapeAction[] = [];
    for (const byte of typed) {
      if (!this.escaped) {
        if (byte === CTRL_A) this.escaped = true;
        else bytes.push(byte);
        continue;
      }
      this.escaped = false;
      switch (String.fromCharCode(byte)) {
        case 'x':
        case 'X':
        case '\x18':
          actions.push('leave');
          return { bytes: Uint8Array.from(bytes), actions };
        case 'h':
        case 'H':
        case '?':
          actions.push('help');
          break;
        case '\x01':
          bytes.push(CTRL_A);
          break;
      }
    }
    return { bytes: Uint8Array.from(bytes), actions };
  }
}
