/** Numbers of the protocols that the user network speaks. */
export const EtherType = { IPV4: 0x0800, ARP: 0x0806 } as const;
export const IpProtocol = { ICMP: 1, TCP: 6, UDP: 17 } as const;

const ETHERNET_HEADER = 14;
export const IPV4_HEADER = 20;
export const UDP_HEADER = 8;
export const TCP_HEADER = 20;
/** Payload of an IPv4 packet in one Ethernet frame. */
export const IPV4_PAYLOAD = 1500 - IPV4_HEADER;

/** An IPv4 address as an unsigned number. */
export type Ipv4 = number;

/** An IPv4 packet whose header was right. The views lie in the frame that it came in. */
export interface Ipv4Packet {
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly protocol: number;
  readonly payload: Uint8Array;
  /** The whole packet, as an ICMP error quotes it. */
  readonly bytes: Uint8Array;
}

export function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

export function long(bytes: Uint8Array, at: number): number {
  return ((word(bytes, at) << 16) | word(bytes, at + 2)) >>> 0;
}

export function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function putLong(bytes: Uint8Array, at: number, value: number): void {
  putWord(bytes, at, value >>> 16);
  putWord(bytes, at + 2, value);
}

/** `10.0.2.15` */
export function addressText(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** @returns undefined when the text is no IPv4 address in dotted notation */
export function parseAddress(text: string): Ipv4 | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1).map(Number);
  return parts.every((part) => part < 256)
    ? parts.reduce((address, part) => address * 256 + part, 0)
    : undefined;
}

/** Sum of 16-bit words, to be folded by {@link checksum} (RFC 1071). */
export function sumWords(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  let sum = initial;
  let at = start;
  for (; at + 1 < end; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
  if (at < end) sum += bytes[at] << 8;
  return sum;
}

/** The Internet checksum of a sum of 16-bit words: 0 for a range that holds its own right checksum. */
export function checksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** Sum of the pseudo header that TCP and UDP checksums cover (RFC 793 3.1, RFC 768). */
export function pseudoHeaderSum(source: Ipv4, destination: Ipv4, protocol: number, length: number): number {
  return (
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length
  );
}

/**
 * @param frame an Ethernet frame of type IPv4
 * @returns undefined for what can't be taken: damaged headers, lengths beyond the frame, fragments
 */
export function parseIpv4(frame: Uint8Array): Ipv4Packet | undefined {
  const start = ETHERNET_HEADER;
  if (frame.length < start + IPV4_HEADER || frame[start] >>> 4 !== 4) return undefined;
  const header = (frame[start] & 15) * 4;
  const total = word(frame, start + 2);
  if (header < IPV4_HEADER || total < header || start + total > frame.length) return undefined;
  if (checksum(sumWords(frame, start, start + header)) !== 0) return undefined;
  // More Fragments, or an offset (RFC 791 3.1).
  if ((word(frame, start + 6) & 0x3fff) !== 0) return undefined;
  return {
    source: long(frame, start + 12),
    destination: long(frame, start + 16),
    protocol: frame[start + 9],
    payload: frame.subarray(start + header, start + total),
    bytes: frame.subarray(start, start + total),
  };
}

/** An Ethernet frame with room for `length` bytes behind its header. */
export function ethernetFrame(
  destination: Uint8Array,
  source: Uint8Array,
  type: number,
  length: number,
): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER + length);
  frame.set(destination);
  frame.set(source, 6);
  putWord(frame, 12, type);
  return frame;
}

/** Writes an IPv4 header without options before a payload of `length` bytes. */
export function putIpv4Header(
  frame: Uint8Array,
  identification: number,
  source: Ipv4,
  destination: Ipv4,
  protocol: number,
  length: number,
): void {
  const at = ETHERNET_HEADER;
  frame[at] = 0x45;
  putWord(frame, at + 2, IPV4_HEADER + length);
  putWord(frame, at + 4, identification);
  // Don't Fragment.
  putWord(frame, at + 6, 0x4000);
  frame[at + 8] = 64;
  frame[at + 9] = protocol;
  putLong(frame, at + 12, source);
  putLong(frame, at + 16, destination);
  putWord(frame, at + 10, checksum(sumWords(frame, at, at + IPV4_HEADER)));
}
