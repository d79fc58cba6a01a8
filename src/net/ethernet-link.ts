import type { NetworkPort } from '../ports/network.ts';
import {
  EtherType,
  ethernetFrame,
  IPV4_HEADER,
  type Ipv4,
  long,
  putIpv4Header,
  putLong,
  putWord,
  word,
} from './packet.ts';

/** The network's own Ethernet address: locally administered. */
const ROUTER_MAC = Uint8Array.of(0x52, 0x55, 0x0a, 0x00, 0x02, 0x02);
const BROADCAST = new Uint8Array(6).fill(0xff);
const ARP_BYTES = 28;
/** Guests behind one card, such as a bridge's. */
const MAX_NEIGHBOURS = 256;

/** The wire to the guest: ARP, and IPv4 packets in frames. */
export class EthernetLink {
  private readonly isOurs: (address: Ipv4) => boolean;
  private readonly macs = new Map<Ipv4, Uint8Array>();
  private port: NetworkPort | undefined;
  private identification = 0;

  /** @param isOurs addresses that the network itself answers for */
  constructor(isOurs: (address: Ipv4) => boolean) {
    this.isOurs = isOurs;
  }

  connect(port: NetworkPort): void {
    this.port = port;
  }

  disconnect(): void {
    this.port = undefined;
  }

  /** Notes who is at an address. */
  learn(address: Ipv4, mac: Uint8Array): void {
    if (this.isOurs(address) || (mac[0] & 1) !== 0) return;
    if (!this.macs.has(address) && this.macs.size === MAX_NEIGHBOURS) return;
    this.macs.set(address, mac.slice(0, 6));
  }

  /** Answers a request for one of our addresses (RFC 826). */
  handleArp(frame: Uint8Array): void {
    const at = 14;
    // Ethernet, IPv4, lengths 6 and 4.
    if (frame.length < at + ARP_BYTES || long(frame, at) !== 0x0001_0800 || word(frame, at + 4) !== 0x0604)
      return;
    const sender = long(frame, at + 14);
    const target = long(frame, at + 24);
    const mac = frame.subarray(at + 8, at + 14);
    // A probe has no sender's address (RFC 5227).
    if (sender !== 0) this.learn(sender, mac);
    if (word(frame, at + 6) !== 1 || !this.isOurs(target)) return;
    const reply = ethernetFrame(mac, ROUTER_MAC, EtherType.ARP, ARP_BYTES);
    putLong(reply, at, 0x0001_0800);
    putWord(reply, at + 4, 0x0604);
    putWord(reply, at + 6, 2);
    reply.set(ROUTER_MAC, at + 8);
    putLong(reply, at + 14, target);
    reply.set(mac, at + 18);
    putLong(reply, at + 24, sender);
    this.port?.receive(reply);
  }

  /**
   * Sends a packet to the guest.
   * @param fill writes the payload at the given offset of the frame
   * @returns false when it was lost
   */
  sendIpv4(
    source: Ipv4,
    destination: Ipv4,
    protocol: number,
    length: number,
    fill: (frame: Uint8Array, at: number) => void,
  ): boolean {
    const mac = this.macs.get(destination) ?? BROADCAST;
    const frame = ethernetFrame(mac, ROUTER_MAC, EtherType.IPV4, IPV4_HEADER + length);
    this.identification = (this.identification + 1) & 0xffff;
    putIpv4Header(frame, this.identification, source, destination, protocol, length);
    fill(frame, 14 + IPV4_HEADER);
    return this.port?.receive(frame) ?? false;
  }
}
