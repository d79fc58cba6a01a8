import { UserNetwork, type UserNetworkOptions } from '../../src/net/user-network.ts';
import type { ClockTimer } from '../../src/ports/clock.ts';
import type { HostSockets, HostTcpEvents, HostTcpSocket, NetworkPort } from '../../src/ports/network.ts';

export const GUEST_MAC = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
export const GUEST = '10.0.2.15';
export const ROUTER = '10.0.2.2';

const octets = (address: string): number[] => address.split('.').map(Number);
const be16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value & 0xffff)];
const at16 = (bytes: Uint8Array, at: number): number => bytes[at] * 256 + bytes[at + 1];
const at32 = (bytes: Uint8Array, at: number): number => at16(bytes, at) * 65536 + at16(bytes, at + 2);

/** RFC 1071, written for reading: ones' complement sum of big-endian words, complemented. */
function internetChecksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i] * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return 0xffff - sum;
}

/** A packet that the guest got, taken apart. */
export interface Received {
  readonly type: number;
  readonly frame: Uint8Array;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly payload: Uint8Array;
}

export interface ReceivedSegment {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: string;
  readonly window: number;
  readonly data: string;
}

/** What a test sends as a TCP segment. */
export interface SentSegment {
  readonly from?: number;
  readonly to?: number;
  readonly address?: string;
  readonly flags: string;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly window?: number;
  readonly data?: string | Uint8Array;
  readonly options?: readonly number[];
}

const FLAGS = { F: 1, S: 2, R: 4, P: 8, A: 16 } as const;

/** The host's side of a connection of a test. */
export class FakeSocket implements HostTcpSocket {
  readonly written: Uint8Array[] = [];
  readonly log: string[] = [];
  waiting = 0;
  constructor(
    readonly target: string,
    readonly events: HostTcpEvents,
  ) {}
  get text(): string {
    return this.written.map((bytes) => new TextDecoder().decode(bytes)).join('');
  }
  write(bytes: Uint8Array): number {
    this.written.push(bytes.slice());
    return this.waiting;
  }
  end(): void {
    this.log.push('end');
  }
  destroy(): void {
    this.log.push('destroy');
  }
  pause(): void {
    this.log.push('pause');
  }
  resume(): void {
    this.log.push('resume');
  }
}

/** A user network with sockets of the test's own, and a guest that is driven packet by packet. */
export class GuestOnNetwork implements HostSockets {
  readonly received: Received[] = [];
  readonly tcpSockets: FakeSocket[] = [];
  readonly datagrams: { readonly text: string; readonly to: string }[] = [];
  readonly udpReceivers: ((bytes: Uint8Array, address: string, port: number) => void)[] = [];
  readonly listening = new Map<string, (socket: HostTcpSocket) => HostTcpEvents>();
  readonly closed: string[] = [];
  /** The card has no room while this is true. */
  full = false;
  nowNs = 0;
  private readonly timers: { deadlineNs: number; readonly callback: () => void }[] = [];
  readonly network: UserNetwork;
  private readonly port: NetworkPort;

  constructor(options: UserNetworkOptions = {}) {
    this.network = new UserNetwork(this, options);
    this.port = {
      receive: (frame) => {
        if (!this.full) this.received.push(takeApart(frame.slice()));
        return !this.full;
      },
      clock: {
        nowNs: () => this.nowNs,
        createTimer: (callback) => this.createTimer(callback),
        whenSettled() {},
      },
    };
  }

  async connected(): Promise<this> {
    await this.network.connect(this.port);
    return this;
  }

  /** Lets virtual time pass. */
  advance(ms: number): void {
    this.nowNs += ms * 1e6;
    for (const timer of this.timers) {
      if (timer.deadlineNs > this.nowNs) continue;
      timer.deadlineNs = Number.POSITIVE_INFINITY;
      timer.callback();
    }
  }

  send(type: number, payload: readonly number[]): void {
    this.network.send(Uint8Array.from([...new Array(6).fill(0xff), ...GUEST_MAC, ...be16(type), ...payload]));
  }

  sendIpv4(destination: string, protocol: number, payload: readonly number[], source = GUEST): void {
    const header = [
      0x45,
      0,
      ...be16(20 + payload.length),
      0,
      1,
      0x40,
      0,
      64,
      protocol,
      0,
      0,
      ...octets(source),
      ...octets(destination),
    ];
    const sum = internetChecksum(header);
    header[10] = sum >>> 8;
    header[11] = sum & 255;
    this.send(0x0800, [...header, ...payload]);
  }

  sendUdp(from: number, to: string, toPort: number, data: Uint8Array | string, source = GUEST): void {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    const length = 8 + bytes.length;
    const datagram = [...be16(from), ...be16(toPort), ...be16(length), 0, 0, ...bytes];
    const sum =
      internetChecksum([...octets(source), ...octets(to), 0, 17, ...be16(length), ...datagram]) || 0xffff;
    datagram[6] = sum >>> 8;
    datagram[7] = sum & 255;
    this.sendIpv4(to, 17, datagram, source);
  }

  sendTcp(segment: SentSegment): void {
    const {
      from = 40000,
      to = 80,
      address = '192.0.2.1',
      sequence = 0,
      acknowledgment = 0,
      window = 0xffff,
    } = segment;
    const data =
      typeof segment.data === 'string'
        ? new TextEncoder().encode(segment.data)
        : (segment.data ?? new Uint8Array());
    const options = segment.options ?? [];
    const flags = [...segment.flags].reduce((bits, flag) => bits | FLAGS[flag as keyof typeof FLAGS], 0);
    const bytes = [
      ...be16(from),
      ...be16(to),
      ...be32(sequence),
      ...be32(acknowledgment),
      ((20 + options.length) / 4) << 4,
      flags,
      ...be16(window),
      0,
      0,
      0,
      0,
      ...options,
      ...data,
    ];
    const sum = internetChecksum([
      ...octets(GUEST),
      ...octets(address),
      0,
      6,
      ...be16(bytes.length),
      ...bytes,
    ]);
    bytes[16] = sum >>> 8;
    bytes[17] = sum & 255;
    this.sendIpv4(address, 6, bytes);
  }

  /** What came since the last call. */
  take(): Received[] {
    return this.received.splice(0);
  }

  takeSegments(): ReceivedSegment[] {
    return this.take()
      .filter(({ protocol }) => protocol === 6)
      .map(({ payload }) => ({
        sequence: at32(payload, 4),
        acknowledgment: at32(payload, 8),
        flags: Object.entries(FLAGS)
          .filter(([, bit]) => (payload[13] & bit) !== 0)
          .map(([name]) => name)
          .join(''),
        window: at16(payload, 14),
        data: new TextDecoder().decode(payload.subarray((payload[12] >>> 4) * 4)),
      }));
  }

  connectTcp(address: string, port: number, events: HostTcpEvents): HostTcpSocket {
    const socket = new FakeSocket(`${address}:${port}`, events);
    this.tcpSockets.push(socket);
    return socket;
  }

  async listenTcp(
    address: string,
    port: number,
    accept: (socket: HostTcpSocket) => HostTcpEvents,
  ): Promise<() => void> {
    const key = `${address}:${port}`;
    if (port === 1) throw new Error('listen EACCES');
    this.listening.set(key, accept);
    return () => this.closed.push(key);
  }

  async openUdp(
    address: string,
    port: number,
    received: (bytes: Uint8Array, address: string, port: number) => void,
  ) {
    const name = `udp ${address}:${port} ${this.udpReceivers.push(received)}`;
    return {
      send: (bytes: Uint8Array, to: string, toPort: number) => {
        this.datagrams.push({ text: new TextDecoder().decode(bytes), to: `${to}:${toPort}` });
      },
      close: () => void this.closed.push(name),
    };
  }

  nameServers(): readonly string[] {
    return ['198.51.100.53'];
  }

  private createTimer(callback: () => void): ClockTimer {
    const timer = { deadlineNs: Number.POSITIVE_INFINITY, callback };
    this.timers.push(timer);
    return {
      arm: (deadlineNs) => {
        timer.deadlineNs = deadlineNs;
      },
      cancel: () => {
        timer.deadlineNs = Number.POSITIVE_INFINITY;
      },
      get deadlineNs() {
        return timer.deadlineNs;
      },
    };
  }
}

/** Checks each length and checksum on the way. */
function takeApart(frame: Uint8Array): Received {
  const type = at16(frame, 12);
  if (type !== 0x0800) {
    return { type, frame, source: '', destination: '', protocol: -1, payload: frame.subarray(14) };
  }
  const header = frame.subarray(14, 34);
  const payload = frame.subarray(34);
  if (at16(header, 2) !== 20 + payload.length) throw new Error('an IPv4 packet with a wrong length');
  if (internetChecksum([...header]) !== 0) throw new Error('an IPv4 header with a wrong checksum');
  const protocol = header[9];
  const pseudo = [...header.subarray(12, 20), 0, protocol, ...be16(payload.length)];
  const sum = internetChecksum([...(protocol === 1 ? [] : pseudo), ...payload]);
  if (sum !== 0) throw new Error(`a packet of protocol ${protocol} with a wrong checksum`);
  return {
    type,
    frame,
    protocol,
    payload,
    source: header.subarray(12, 16).join('.'),
    destination: header.subarray(16, 20).join('.'),
  };
}
