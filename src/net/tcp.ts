import type { HostSockets, HostTcpSocket } from '../ports/network.ts';
import type { EthernetLink } from './ethernet-link.ts';
import type { Ipv4, Ipv4Packet } from './packet.ts';
import { TcpConnection, type TcpSurroundings } from './tcp-connection.ts';
import { parseSegment, refuseSegment, type TcpEnds, TcpFlag } from './tcp-segment.ts';

/** Connections at once; one more is refused. */
const MAX_CONNECTIONS = 512;
/** Ports that clients of the host seem to come from. */
const FIRST_PORT = 49152;
const PORTS = 0x10000 - FIRST_PORT;

/** What the translation needs to know of the network around it. */
export interface TcpRoutes {
  readonly link: EthernetLink;
  readonly sockets: HostSockets;
  nowNs(): number;
  /** The network's address that clients of the host seem to have. */
  readonly router: Ipv4;
  /** The host's address behind an address that the guest connects to; undefined when nothing is there. */
  hostAddress(destination: Ipv4, port: number): string | undefined;
  /** Asks to be called (`timeOut`) at the earliest deadline, which has changed. */
  schedule(): void;
}

/** Carries the guest's TCP connections on to sockets of the host, and the other way round. */
export class TcpTranslation {
  private readonly routes: TcpRoutes;
  private readonly connections = new Map<string, TcpConnection>();
  private readonly around: TcpSurroundings;
  private nextPort = 0;
  private sequence = 0x1000;

  constructor(routes: TcpRoutes) {
    this.routes = routes;
    this.around = {
      link: routes.link,
      nowNs: () => routes.nowNs(),
      schedule: () => routes.schedule(),
      closed: (connection) => this.connections.delete(keyOf(connection.ends)),
    };
  }

  /** A packet of the guest. */
  receive(packet: Ipv4Packet): void {
    const segment = parseSegment(packet);
    if (segment === undefined) return;
    const ends: TcpEnds = {
      guest: packet.source,
      guestPort: segment.sourcePort,
      remote: packet.destination,
      remotePort: segment.destinationPort,
    };
    const known = this.connections.get(keyOf(ends));
    if (known !== undefined) {
      known.receive(segment);
      return;
    }
    const opens = (segment.flags & (TcpFlag.SYN | TcpFlag.ACK | TcpFlag.RST)) === TcpFlag.SYN;
    const { link, sockets } = this.routes;
    const address = opens ? this.routes.hostAddress(ends.remote, ends.remotePort) : undefined;
    if (address === undefined || this.connections.size >= MAX_CONNECTIONS) {
      refuseSegment(link, ends, segment);
      return;
    }
    this.add(ends).openedByGuest(segment, (events) => sockets.connectTcp(address, ends.remotePort, events));
  }

  /** A client of the host has connected to a forwarded port. @returns undefined when it can't be taken */
  accept(guest: Ipv4, guestPort: number, socket: HostTcpSocket): TcpConnection | undefined {
    const ends = this.endsForClient(guest, guestPort);
    if (ends === undefined) return undefined;
    const connection = this.add(ends);
    connection.openedByHost(socket);
    return connection;
  }

  /** Earliest time at which a connection wants to be called. */
  get deadlineNs(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { deadlineNs } of this.connections.values()) earliest = Math.min(earliest, deadlineNs);
    return earliest;
  }

  /** Calls the connections whose time has come. */
  timeOut(): void {
    const now = this.routes.nowNs();
    for (const connection of [...this.connections.values()]) {
      if (connection.deadlineNs <= now) connection.timeOut();
    }
  }

  /** Ends every connection. */
  close(): void {
    for (const connection of [...this.connections.values()]) connection.reset();
  }

  private add(ends: TcpEnds): TcpConnection {
    // A new connection of the same ends must not take old segments for its own.
    this.sequence = (this.sequence + 0x10_0000) >>> 0;
    const connection = new TcpConnection(ends, this.sequence, this.around);
    this.connections.set(keyOf(ends), connection);
    return connection;
  }

  private endsForClient(guest: Ipv4, guestPort: number): TcpEnds | undefined {
    if (this.connections.size >= MAX_CONNECTIONS) return undefined;
    for (;;) {
      const remotePort = FIRST_PORT + this.nextPort;
      this.nextPort = (this.nextPort + 1) % PORTS;
      const ends = { guest, guestPort, remote: this.routes.router, remotePort };
      if (!this.connections.has(keyOf(ends))) return ends;
    }
  }
}

function keyOf(ends: TcpEnds): string {
  return `${ends.guest}:${ends.guestPort}:${ends.remote}:${ends.remotePort}`;
}
