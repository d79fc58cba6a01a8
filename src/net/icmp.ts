import type { EthernetLink } from './ethernet-link.ts';
import { checksum, IpProtocol, type Ipv4, type Ipv4Packet, putWord, sumWords } from './packet.ts';

const ECHO_REPLY = 0;
const DESTINATION_UNREACHABLE = 3;
const ECHO_REQUEST = 8;
const HEADER = 8;

/** Codes of Destination Unreachable (RFC 792, RFC 1812 5.2.7.1). */
export const Unreachable = { HOST: 1, PORT: 3, PROHIBITED: 13 } as const;

/**
 * Answers echo requests to the network's own addresses. To others nothing can be sent without an administrator's rights:
 * the guest is told so.
 */
export function handleIcmp(link: EthernetLink, packet: Ipv4Packet, isOurs: (address: Ipv4) => boolean): void {
  const { payload, source, destination } = packet;
  if (payload.length < HEADER || checksum(sumWords(payload, 0, payload.length)) !== 0) return;
  if (payload[0] !== ECHO_REQUEST) return;
  if (!isOurs(destination)) {
    sendUnreachable(link, packet, destination, Unreachable.PROHIBITED);
    return;
  }
  link.sendIpv4(destination, source, IpProtocol.ICMP, payload.length, (frame, at) => {
    frame.set(payload, at);
    frame[at] = ECHO_REPLY;
    putWord(frame, at + 2, 0);
    putWord(frame, at + 2, checksum(sumWords(frame, at, frame.length)));
  });
}

/** Tells the sender of a packet that it did not arrive: header and first eight bytes come back (RFC 792). */
export function sendUnreachable(link: EthernetLink, packet: Ipv4Packet, from: Ipv4, code: number): void {
  const header = packet.bytes.length - packet.payload.length;
  const quoted = packet.bytes.subarray(0, header + 8);
  link.sendIpv4(from, packet.source, IpProtocol.ICMP, HEADER + quoted.length, (frame, at) => {
    frame[at] = DESTINATION_UNREACHABLE;
    frame[at + 1] = code;
    frame.set(quoted, at + HEADER);
    putWord(frame, at + 2, checksum(sumWords(frame, at, frame.length)));
  });
}
