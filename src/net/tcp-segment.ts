import type { EthernetLink } from './ethernet-link.ts';
import {
  checksum,
  IpProtocol,
  type Ipv4,
  type Ipv4Packet,
  long,
  pseudoHeaderSum,
  putLong,
  putWord,
  sumWords,
  TCP_HEADER,
  word,
} from './packet.ts';

export const TcpFlag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

/** Kinds of options (RFC 793 3.1, RFC 7323 2.2). */
const Option = { END: 0, NO_OPERATION: 1, MAXIMUM_SEGMENT_SIZE: 2, WINDOW_SCALE: 3 } as const;

/** A segment whose header and checksum were right. */
export interface Segment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  /** As it stands in the header. */
  readonly window: number;
  /** Of a SYN; undefined when it has no such option. */
  readonly maximumSegmentSize: number | undefined;
  readonly windowScale: number | undefined;
  readonly data: Uint8Array;
}

/** The two ends of a connection, the guest's and the one that stands for the host. */
export interface TcpEnds {
  readonly guest: Ipv4;
  readonly guestPort: number;
  readonly remote: Ipv4;
  readonly remotePort: number;
}

/** A header to send. */
export interface SegmentHeader {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  /** A SYN says these; `windowScale` undefined leaves that option out. */
  readonly synOptions?: { readonly maximumSegmentSize: number; readonly windowScale: number | undefined };
}

export function parseSegment(packet: Ipv4Packet): Segment | undefined {
  const { payload, source, destination } = packet;
  if (payload.length < TCP_HEADER) return undefined;
  const header = (payload[12] >>> 4) * 4;
  if (header < TCP_HEADER || header > payload.length) return undefined;
  const sum = pseudoHeaderSum(source, destination, IpProtocol.TCP, payload.length);
  if (checksum(sumWords(payload, 0, payload.length, sum)) !== 0) return undefined;
  let maximumSegmentSize: number | undefined;
  let windowScale: number | undefined;
  for (let at = TCP_HEADER; at < header && payload[at] !== Option.END; ) {
    if (payload[at] === Option.NO_OPERATION) {
      at++;
      continue;
    }
    const length = payload[at + 1];
    if (at + 1 >= header || length < 2 || at + length > header) break;
    if (payload[at] === Option.MAXIMUM_SEGMENT_SIZE && length === 4)
      maximumSegmentSize = word(payload, at + 2);
    if (payload[at] === Option.WINDOW_SCALE && length === 3) windowScale = Math.min(14, payload[at + 2]);
    at += length;
  }
  return {
    sourcePort: word(payload, 0),
    destinationPort: word(payload, 2),
    sequence: long(payload, 4),
    acknowledgment: long(payload, 8),
    flags: payload[13] & 0x3f,
    window: word(payload, 14),
    maximumSegmentSize,
    windowScale,
    data: payload.subarray(header),
  };
}

/**
 * Sends a segment to the guest.
 * @param fill writes `length` bytes of data at the given offset of the frame
 * @returns false when it was lost
 */
export function sendSegment(
  link: EthernetLink,
  ends: TcpEnds,
  header: SegmentHeader,
  length = 0,
  fill: (frame: Uint8Array, at: number) => void = () => {},
): boolean {
  const { synOptions } = header;
  const optionBytes = synOptions === undefined ? 0 : synOptions.windowScale === undefined ? 4 : 8;
  const headerBytes = TCP_HEADER + optionBytes;
  const total = headerBytes + length;
  return link.sendIpv4(ends.remote, ends.guest, IpProtocol.TCP, total, (frame, at) => {
    putWord(frame, at, ends.remotePort);
    putWord(frame, at + 2, ends.guestPort);
    putLong(frame, at + 4, header.sequence);
    putLong(frame, at + 8, header.acknowledgment);
    frame[at + 12] = (headerBytes / 4) << 4;
    frame[at + 13] = header.flags;
    putWord(frame, at + 14, header.window);
    if (synOptions !== undefined) {
      frame.set([Option.MAXIMUM_SEGMENT_SIZE, 4], at + TCP_HEADER);
      putWord(frame, at + TCP_HEADER + 2, synOptions.maximumSegmentSize);
      if (synOptions.windowScale !== undefined) {
        frame.set([Option.NO_OPERATION, Option.WINDOW_SCALE, 3, synOptions.windowScale], at + TCP_HEADER + 4);
      }
    }
    fill(frame, at + headerBytes);
    const sum = pseudoHeaderSum(ends.remote, ends.guest, IpProtocol.TCP, total);
    putWord(frame, at + 16, checksum(sumWords(frame, at, frame.length, sum)));
  });
}

/** Answers a segment that belongs to no connection (RFC 793 3.4, reset generation). */
export function refuseSegment(link: EthernetLink, ends: TcpEnds, segment: Segment): void {
  if ((segment.flags & TcpFlag.RST) !== 0) return;
  if ((segment.flags & TcpFlag.ACK) !== 0) {
    sendSegment(link, ends, {
      sequence: segment.acknowledgment,
      acknowledgment: 0,
      flags: TcpFlag.RST,
      window: 0,
    });
    return;
  }
  const length =
    segment.data.length +
    ((segment.flags & TcpFlag.SYN) !== 0 ? 1 : 0) +
    ((segment.flags & TcpFlag.FIN) !== 0 ? 1 : 0);
  sendSegment(link, ends, {
    sequence: 0,
    acknowledgment: (segment.sequence + length) >>> 0,
    flags: TcpFlag.RST | TcpFlag.ACK,
    window: 0,
  });
}
