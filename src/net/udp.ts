import type { HostSockets, HostUdpSocket } from '../ports/network.ts';
import type { EthernetLink } from './ethernet-link.ts';
import {
  addressText,
  checksum,
  IPV4_PAYLOAD,
  IpProtocol,
  type Ipv4,
  type Ipv4Packet,
  parseAddress,
  pseudoHeaderSum,
  putWord,
  sumWords,
  UDP_HEADER,
  word,
} from './packet.ts';

/** A UDP datagram whose header and checksum were right. */
export interface Datagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly data: Uint8Array;
}

/** Host sockets at once; the one that was quiet for longest makes room. */
const MAX_FLOWS = 256;
/** A flow is forgotten after this long without a datagram (RFC 4787 4.3 asks for two minutes or more). */
const IDLE_NS = 120e9;
/** Remote ends that one flow remembers under another address. */
const MAX_ALIASES = 64;

/** What a guest's socket is on the host. */
interface Flow {
  readonly socket: Promise<HostUdpSocket | undefined>;
  /** Remote ends that the guest knows by another address, such as the name server: `address:port` of the host. */
  readonly aliases: Map<string, Ipv4>;
  usedNs: number;
}

export function parseUdp(packet: Ipv4Packet): Datagram | undefined {
  const { payload, source, destination } = packet;
  if (payload.length < UDP_HEADER) return undefined;
  const length = word(payload, 4);
  if (length < UDP_HEADER || length > payload.length) return undefined;
  // A checksum of zero is none (RFC 768).
  if (word(payload, 6) !== 0) {
    const sum = pseudoHeaderSum(source, destination, IpProtocol.UDP, length);
    if (checksum(sumWords(payload, 0, length, sum)) !== 0) return undefined;
  }
  return {
    sourcePort: word(payload, 0),
    destinationPort: word(payload, 2),
    data: payload.subarray(UDP_HEADER, length),
  };
}

/** Sends a datagram to the guest; one that does not fit into a frame is lost. */
export function sendUdp(
  link: EthernetLink,
  source: Ipv4,
  sourcePort: number,
  destination: Ipv4,
  destinationPort: number,
  data: Uint8Array,
): void {
  const length = UDP_HEADER + data.length;
  if (length > IPV4_PAYLOAD) return;
  link.sendIpv4(source, destination, IpProtocol.UDP, length, (frame, at) => {
    putWord(frame, at, sourcePort);
    putWord(frame, at + 2, destinationPort);
    putWord(frame, at + 4, length);
    frame.set(data, at + UDP_HEADER);
    const sum = pseudoHeaderSum(source, destination, IpProtocol.UDP, length);
    // A computed checksum of zero is sent as all ones (RFC 768).
    putWord(frame, at + 6, checksum(sumWords(frame, at, frame.length, sum)) || 0xffff);
  });
}

/** What the translation needs to know of the network around it. */
export interface UdpRoutes {
  readonly link: EthernetLink;
  readonly sockets: HostSockets;
  nowNs(): number;
  /** The host's address behind an address that the guest sends to; undefined when nothing is there. */
  hostAddress(destination: Ipv4, port: number): string | undefined;
}

/** Translates the guest's datagrams to sockets of the host: one for each port of the guest, whatever it sends to. */
export class UdpTranslation {
  private readonly routes: UdpRoutes;
  /** By the guest's address and port, in the order of their last use. */
  private readonly flows = new Map<string, Flow>();

  constructor(routes: UdpRoutes) {
    this.routes = routes;
  }

  /** @returns false when there is nobody at the destination */
  send(packet: Ipv4Packet, datagram: Datagram): boolean {
    const { destinationPort } = datagram;
    const address = this.routes.hostAddress(packet.destination, destinationPort);
    if (address === undefined) return false;
    const flow = this.flowOf(packet.source, datagram.sourcePort);
    if (address !== addressText(packet.destination) && flow.aliases.size < MAX_ALIASES) {
      flow.aliases.set(`${address}:${destinationPort}`, packet.destination);
    }
    const data = datagram.data.slice();
    flow.socket.then((socket) => socket?.send(data, address, destinationPort));
    return true;
  }

  close(): void {
    for (const flow of this.flows.values()) closeFlow(flow);
    this.flows.clear();
  }

  private flowOf(guest: Ipv4, port: number): Flow {
    const { flows, routes } = this;
    const key = `${guest}:${port}`;
    const now = routes.nowNs();
    const known = flows.get(key);
    flows.delete(key);
    for (const [oldest, flow] of flows) {
      if (flows.size < MAX_FLOWS && now - flow.usedNs < IDLE_NS) break;
      flows.delete(oldest);
      closeFlow(flow);
    }
    const flow = known ?? this.open(guest, port);
    flow.usedNs = now;
    flows.set(key, flow);
    return flow;
  }

  private open(guest: Ipv4, port: number): Flow {
    const { link, sockets } = this.routes;
    const aliases = new Map<string, Ipv4>();
    const socket = sockets
      .openUdp('0.0.0.0', 0, (data, address, remotePort) => {
        const source = aliases.get(`${address}:${remotePort}`) ?? parseAddress(address);
        if (source !== undefined) sendUdp(link, source, remotePort, guest, port, data);
      })
      // No socket to be had: the datagrams are lost, as datagrams may be.
      .catch(() => undefined);
    return { socket, aliases, usedNs: 0 };
  }
}

function closeFlow(flow: Flow): void {
  flow.socket.then((socket) => socket?.close());
}
