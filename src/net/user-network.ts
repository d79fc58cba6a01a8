import { OptionError } from '../errors.ts';
import type { ClockTimer } from '../ports/clock.ts';
import type { HostSockets, HostTcpEvents, NetworkBackend, NetworkPort } from '../ports/network.ts';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpServer } from './dhcp.ts';
import { EthernetLink } from './ethernet-link.ts';
import { type HostForward, parseHostForward } from './host-forward.ts';
import { handleIcmp, sendUnreachable, Unreachable } from './icmp.ts';
import { addressText, EtherType, IpProtocol, type Ipv4, type Ipv4Packet, parseIpv4, word } from './packet.ts';
import { TcpTranslation } from './tcp.ts';
import { parseUdp, sendUdp, UdpTranslation } from './udp.ts';
import { UdpForward } from './udp-forward.ts';

/** The network's addresses, as QEMU's user network has them. */
const NETWORK = 0x0a00_0200;
const MASK = 0xffff_ff00;
const ROUTER = NETWORK + 2;
const NAME_SERVER = NETWORK + 3;
const FIRST_GUEST = NETWORK + 15;
const LAST_GUEST = NETWORK + 254;
const EVERYONE = 0xffff_ffff;
const DNS_PORT = 53;

/** Settings of a {@link UserNetwork}. */
export interface UserNetworkOptions {
  /** Ports of the host that lead to the guest, in QEMU's form: `tcp:127.0.0.1:2222-:22`. */
  readonly hostForward?: readonly string[];
}

/**
 * A network of the guest's own, 10.0.2.0/24, that reaches the outside through sockets of the host: no rights are needed, and
 * nobody outside sees the guest. The router 10.0.2.2 is the host itself (its 127.0.0.1), 10.0.2.3 the host's name server;
 * DHCP gives the guest 10.0.2.15. TCP and UDP over IPv4; echo requests are answered by the router alone.
 */
export class UserNetwork implements NetworkBackend {
  readonly name = 'user network';
  private readonly sockets: HostSockets;
  private readonly forwards: readonly HostForward[];
  private readonly link = new EthernetLink(isOurs);
  private readonly dhcp = new DhcpServer({
    server: ROUTER,
    mask: MASK,
    router: ROUTER,
    nameServer: NAME_SERVER,
    first: FIRST_GUEST,
    last: LAST_GUEST,
  });
  private readonly tcp: TcpTranslation;
  private readonly udp: UdpTranslation;
  private readonly udpForwards: UdpForward[] = [];
  private readonly listeners: (() => void)[] = [];
  private port: NetworkPort | undefined;
  private timer: ClockTimer | undefined;

  /** @throws OptionError for a forwarded port that has not the right form */
  constructor(sockets: HostSockets, options: UserNetworkOptions = {}) {
    this.sockets = sockets;
    this.forwards = (options.hostForward ?? []).map(parseHostForward);
    const routes = {
      link: this.link,
      sockets,
      router: ROUTER,
      nowNs: () => this.port?.clock.nowNs() ?? 0,
      hostAddress: (destination: Ipv4, port: number) => this.hostAddress(destination, port),
      schedule: () => this.schedule(),
    };
    this.tcp = new TcpTranslation(routes);
    this.udp = new UdpTranslation(routes);
  }

  /** @throws OptionError when a forwarded port can't be had */
  async connect(port: NetworkPort): Promise<void> {
    this.port = port;
    this.link.connect(port);
    this.timer = port.clock.createTimer(() => {
      this.tcp.timeOut();
      this.schedule();
    });
    try {
      for (const forward of this.forwards) await this.forward(forward);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  send(frame: Uint8Array): void {
    const type = word(frame, 12);
    if (type === EtherType.ARP) this.link.handleArp(frame);
    if (type !== EtherType.IPV4) return;
    const packet = parseIpv4(frame);
    if (packet === undefined) return;
    const source = frame.subarray(6, 12);
    if ((packet.source & MASK) >>> 0 === NETWORK) this.link.learn(packet.source, source);
    switch (packet.protocol) {
      case IpProtocol.ICMP:
        handleIcmp(this.link, packet, isOurs);
        break;
      case IpProtocol.UDP:
        this.sendDatagram(packet);
        break;
      case IpProtocol.TCP:
        this.tcp.receive(packet);
        break;
    }
  }

  async close(): Promise<void> {
    this.tcp.close();
    this.udp.close();
    for (const forward of this.udpForwards.splice(0)) forward.close();
    for (const stop of this.listeners.splice(0)) stop();
    this.timer?.cancel();
    this.link.disconnect();
    this.port = undefined;
  }

  private sendDatagram(packet: Ipv4Packet): void {
    const datagram = parseUdp(packet);
    if (datagram === undefined) return;
    const { destination } = packet;
    if (
      datagram.destinationPort === DHCP_SERVER_PORT &&
      (destination === EVERYONE || destination === ROUTER)
    ) {
      const answer = this.dhcp.answer(datagram.data);
      if (answer === undefined) return;
      // The client may have no address yet, so everyone hears the answer (RFC 2131 4.1).
      sendUdp(this.link, ROUTER, DHCP_SERVER_PORT, EVERYONE, DHCP_CLIENT_PORT, answer.reply);
      return;
    }
    if (this.udpForwards.some((forward) => forward.reply(packet, datagram))) return;
    if (!this.udp.send(packet, datagram)) sendUnreachable(this.link, packet, ROUTER, Unreachable.HOST);
  }

  /** The host's side of an address: the router is the host, the name server one of the host's. */
  private hostAddress(destination: Ipv4, port: number): string | undefined {
    if (destination === ROUTER) return '127.0.0.1';
    if (destination === NAME_SERVER) return port === DNS_PORT ? this.sockets.nameServers()[0] : undefined;
    // The rest of the network is empty; multicast, broadcast, loopback and 0/8 lead nowhere.
    const first = destination >>> 24;
    if ((destination & MASK) >>> 0 === NETWORK || first === 0 || first === 127 || first >= 224)
      return undefined;
    return addressText(destination);
  }

  private async forward(forward: HostForward): Promise<void> {
    const { protocol, hostAddress, hostPort, guestPort } = forward;
    const guest = forward.guest || FIRST_GUEST;
    try {
      if (protocol === 'udp') {
        const addresses = { link: this.link, router: ROUTER, guest, guestPort };
        this.udpForwards.push(await UdpForward.open(this.sockets, hostAddress, hostPort, addresses));
        return;
      }
      const stop = await this.sockets.listenTcp(hostAddress, hostPort, (socket) => {
        const connection = this.tcp.accept(guest, guestPort, socket);
        if (connection !== undefined) return connection;
        socket.destroy();
        return NOBODY;
      });
      this.listeners.push(stop);
    } catch (error) {
      throw new OptionError(
        `the host's ${protocol} port ${hostAddress}:${hostPort} can't be forwarded: ${(error as Error).message}`,
        'take another port: it is in use, or needs an administrator when it is below 1024',
      );
    }
  }

  private schedule(): void {
    const deadline = this.tcp.deadlineNs;
    if (deadline === Number.POSITIVE_INFINITY) this.timer?.cancel();
    else this.timer?.arm(deadline);
  }
}

/** A socket that was given up at once. */
const NOBODY: HostTcpEvents = { connected() {}, data() {}, drained() {}, ended() {}, failed() {} };

function isOurs(address: Ipv4): boolean {
  return address === ROUTER || address === NAME_SERVER;
}
