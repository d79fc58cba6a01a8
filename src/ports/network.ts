import type { Clock } from './clock.ts';

/** The guest's network card as the network sees it. */
export interface NetworkPort {
  /**
   * Gives the guest a frame: Ethernet without preamble and check sequence, 14 to {@link MAX_FRAME_BYTES} bytes. It is
   * copied.
   * @returns false when the card has no room for it: the frame is lost
   */
  receive(frame: Uint8Array): boolean;
  /** The machine's time. */
  readonly clock: Clock;
}

/** What a guest's network card is plugged into. */
export interface NetworkBackend {
  /** For messages and listings: `'user network'`. */
  readonly name: string;
  /** Plugs the card in. Called once, before anything else. @throws when it cannot start, with a remedy */
  connect(port: NetworkPort): Promise<void>;
  /** A frame from the guest, 14 to {@link MAX_FRAME_BYTES} bytes. Never throws; the bytes are the caller's afterwards. */
  send(frame: Uint8Array): void;
  /** Pulls the plug: gives back everything of the host. */
  close(): Promise<void>;
}

/** The card was plugged in with an Ethernet header and 1500 bytes behind it. */
export const MAX_FRAME_BYTES = 1514;

/** A TCP connection of the host. Callbacks come from the event loop, never during a call. */
export interface HostTcpSocket {
  /** @returns bytes that wait to be sent, these included */
  write(bytes: Uint8Array): number;
  /** Sends what waits, then the end of the stream. */
  end(): void;
  /** Drops the connection; no callback comes any more. */
  destroy(): void;
  /** Holds back, or gives on, what the other side sends. */
  pause(): void;
  resume(): void;
}

/** What happens to a TCP connection of the host. */
export interface HostTcpEvents {
  connected(): void;
  data(bytes: Uint8Array): void;
  /** What waited to be sent has been sent. */
  drained(): void;
  /** The other side sends no more. */
  ended(): void;
  /** The connection is gone, or never came to be. */
  failed(): void;
}

/** A UDP socket of the host. */
export interface HostUdpSocket {
  send(bytes: Uint8Array, address: string, port: number): void;
  close(): void;
}

/** The host's sockets, IPv4. Addresses are in dotted notation. */
export interface HostSockets {
  connectTcp(address: string, port: number, events: HostTcpEvents): HostTcpSocket;
  /**
   * Listens for TCP connections.
   * @param accept gives the events of the new connection, which is connected
   * @returns ends the listening
   * @throws when the port is taken or not allowed
   */
  listenTcp(
    address: string,
    port: number,
    accept: (socket: HostTcpSocket) => HostTcpEvents,
  ): Promise<() => void>;
  /** @param port 0: any. @throws when the port is taken or not allowed */
  openUdp(
    address: string,
    port: number,
    received: (bytes: Uint8Array, address: string, port: number) => void,
  ): Promise<HostUdpSocket>;
  /** Addresses of the host's name servers that speak IPv4. */
  nameServers(): readonly string[];
}
