/** The frame of the gdb remote serial protocol: `$data#checksum`, with `}` before bytes that have a meaning of their own. */

const DOLLAR = 0x24;
const HASH = 0x23;
const ESCAPE = 0x7d;
const STAR = 0x2a;
const ESCAPE_BIT = 0x20;
/** Ctrl-C, outside of packets: stop the machine. */
const INTERRUPT = 0x03;
const ACKNOWLEDGED = 0x2b;
const NOT_ACKNOWLEDGED = 0x2d;

/** A packet from gdb never needs to be longer; what is longer is dropped. */
export const PACKET_SIZE = 0x8000;

/** What came in. */
export type Incoming =
  | { readonly kind: 'packet'; readonly data: Uint8Array }
  | { readonly kind: 'interrupt' | 'damaged' | 'resend' };

/** Takes packets out of a stream of bytes, however that is cut. */
export class PacketReader {
  private data: number[] | undefined;
  private checksum = 0;
  private escaped = false;
  /** Digits of the checksum that came so far; undefined before the `#`. */
  private digits: string | undefined;

  /** Calls back for each thing that is complete. */
  feed(bytes: Uint8Array, found: (incoming: Incoming) => void): void {
    for (const byte of bytes) {
      if (this.digits !== undefined) this.takeDigit(byte, found);
      else if (this.data === undefined) this.outside(byte, found);
      else this.inside(byte);
    }
  }

  private outside(byte: number, found: (incoming: Incoming) => void): void {
    if (byte === DOLLAR) this.begin();
    else if (byte === INTERRUPT) found({ kind: 'interrupt' });
    else if (byte === NOT_ACKNOWLEDGED) found({ kind: 'resend' });
  }

  private begin(): void {
    this.data = [];
    this.checksum = 0;
    this.escaped = false;
  }

  private inside(byte: number): void {
    if (byte === HASH) {
      this.digits = '';
      return;
    }
    // A packet was cut off: the next one begins.
    if (byte === DOLLAR) {
      this.begin();
      return;
    }
    this.checksum = (this.checksum + byte) & 0xff;
    if (byte === ESCAPE && !this.escaped) {
      this.escaped = true;
      return;
    }
    if ((this.data as number[]).length <= PACKET_SIZE) {
      this.data?.push(this.escaped ? byte ^ ESCAPE_BIT : byte);
    }
    this.escaped = false;
  }

  private takeDigit(byte: number, found: (incoming: Incoming) => void): void {
    this.digits += String.fromCharCode(byte);
    if (this.digits?.length !== 2) return;
    const data = Uint8Array.from(this.data as number[]);
    const good = /^[0-9a-f]{2}$/i.test(this.digits) && Number.parseInt(this.digits, 16) === this.checksum;
    this.data = undefined;
    this.digits = undefined;
    found(good && data.length <= PACKET_SIZE ? { kind: 'packet', data } : { kind: 'damaged' });
  }
}

/** The frame around an answer. */
export function packet(text: string): Uint8Array {
  const out: number[] = [DOLLAR];
  let checksum = 0;
  const put = (byte: number): void => {
    out.push(byte);
    checksum = (checksum + byte) & 0xff;
  };
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i) & 0xff;
    if (byte === DOLLAR || byte === HASH || byte === ESCAPE || byte === STAR) {
      put(ESCAPE);
      put(byte ^ ESCAPE_BIT);
    } else {
      put(byte);
    }
  }
  out.push(HASH, ...checksum.toString(16).padStart(2, '0').split('').map(codeOf));
  return Uint8Array.from(out);
}

export const ACKNOWLEDGE = Uint8Array.of(ACKNOWLEDGED);
export const REJECT = Uint8Array.of(NOT_ACKNOWLEDGED);

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @returns undefined for what are no pairs of hexadecimal digits */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

function codeOf(character: string): number {
  return character.charCodeAt(0);
}
