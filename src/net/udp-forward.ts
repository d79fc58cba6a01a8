import type { HostSockets, HostUdpSocket } from '../ports/network.ts';
import type { EthernetLink } from './ethernet-link.ts';
import type { Ipv4, Ipv4Packet } from './packet.ts';
import { type Datagram, sendUdp } from './udp.ts';

/** Ports that clients of the host seem to come from, and how many of them are remembered. */
const FIRST_PORT = 49152;
const MAX_CLIENTS = 256;

/** Where a forwarded port leads. */
export interface ForwardTarget {
  readonly link: EthernetLink;
  readonly router: Ipv4;
  readonly guest: Ipv4;
  readonly guestPort: number;
}

/** A UDP port of the host whose clients reach the guest; each seems to be another port of the router. */
export class UdpForward {
  private readonly target: ForwardTarget;
  private socket: HostUdpSocket | undefined;
  /** By the client's address and port on the host; the position in `clients` is its port at the router. */
  private readonly indexes = new Map<string, number>();
  private readonly clients: { readonly address: string; readonly port: number }[] = [];
  private next = 0;

  private constructor(target: ForwardTarget) {
    this.target = target;
  }

  /** @throws when the port can't be had */
  static async open(
    sockets: HostSockets,
    address: string,
    port: number,
    target: ForwardTarget,
  ): Promise<UdpForward> {
    const forward = new UdpForward(target);
    forward.socket = await sockets.openUdp(address, port, (bytes, from, fromPort) => {
      const index = forward.indexOf(from, fromPort);
      const { link, router, guest, guestPort } = target;
      sendUdp(link, router, FIRST_PORT + index, guest, guestPort, bytes);
    });
    return forward;
  }

  /** @returns true when the datagram is the guest's answer to a client of this port */
  reply(packet: Ipv4Packet, datagram: Datagram): boolean {
    const { router, guest, guestPort } = this.target;
    if (packet.source !== guest || packet.destination !== router || datagram.sourcePort !== guestPort)
      return false;
    const client = this.clients[datagram.destinationPort - FIRST_PORT];
    if (client === undefined) return false;
    this.socket?.send(datagram.data.slice(), client.address, client.port);
    return true;
  }

  close(): void {
    this.socket?.close();
  }

  private indexOf(address: string, port: number): number {
    const key = `${address}:${port}`;
    const known = this.indexes.get(key);
    if (known !== undefined) return known;
    const index = this.next;
    this.next = (this.next + 1) % MAX_CLIENTS;
    const replaced = this.clients[index];
    if (replaced !== undefined) this.indexes.delete(`${replaced.address}:${replaced.port}`);
    this.clients[index] = { address, port };
    this.indexes.set(key, index);
    return index;
  }
}
