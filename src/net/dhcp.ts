import { type Ipv4, long, putLong } from './packet.ts';

export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;

const BOOTREQUEST = 1;
const BOOTREPLY = 2;
const FIXED_BYTES = 236;
const MAGIC = 0x6382_5363;
/** Where a BOOTP reply's options end at least (RFC 1542 2.1). */
const REPLY_BYTES = 300;
const LEASE_SECONDS = 86_400;

/** Message types (RFC 2132 9.6). */
const Message = { DISCOVER: 1, OFFER: 2, REQUEST: 3, ACK: 5, NAK: 6, INFORM: 8 } as const;

/** Options (RFC 2132). */
const Option = {
  PAD: 0,
  SUBNET_MASK: 1,
  ROUTER: 3,
  NAME_SERVER: 6,
  REQUESTED_ADDRESS: 50,
  LEASE_TIME: 51,
  MESSAGE_TYPE: 53,
  SERVER: 54,
  END: 255,
} as const;

/** What a client is told. */
export interface DhcpNetwork {
  readonly server: Ipv4;
  readonly mask: Ipv4;
  readonly router: Ipv4;
  readonly nameServer: Ipv4;
  /** First and last address that is given away. */
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/** A DHCP server (RFC 2131) that gives each hardware address the same lease each time. */
export class DhcpServer {
  private readonly network: DhcpNetwork;
  private readonly leases = new Map<string, Ipv4>();

  constructor(network: DhcpNetwork) {
    this.network = network;
  }

  /**
   * @param request the data of a datagram to the server's port
   * @returns the answer's data, or undefined when there is none; `address` is the client's, 0 when it gets none
   */
  answer(request: Uint8Array): { readonly reply: Uint8Array; readonly address: Ipv4 } | undefined {
    if (request.length < FIXED_BYTES + 4 || request[0] !== BOOTREQUEST) return undefined;
    // Ethernet addresses only.
    if (request[1] !== 1 || request[2] !== 6 || long(request, FIXED_BYTES) !== MAGIC) return undefined;
    const options = parseOptions(request.subarray(FIXED_BYTES + 4));
    const type = options.get(Option.MESSAGE_TYPE)?.[0];
    const chosen = addressOption(options, Option.SERVER);
    if (chosen !== undefined && chosen !== this.network.server) return undefined;
    if (type === Message.INFORM) {
      return { reply: this.reply(request, Message.ACK, 0), address: long(request, 12) };
    }
    const address = this.lease(request.subarray(28, 34));
    if (address === undefined) return undefined;
    if (type === Message.DISCOVER) return { reply: this.reply(request, Message.OFFER, address), address };
    if (type !== Message.REQUEST) return undefined;
    // Selecting and rebooting clients name the address in an option, renewing ones in ciaddr (RFC 2131 4.3.2).
    const wanted = addressOption(options, Option.REQUESTED_ADDRESS) ?? long(request, 12);
    if (wanted !== address) return { reply: this.reply(request, Message.NAK, 0), address: 0 };
    return { reply: this.reply(request, Message.ACK, address), address };
  }

  private lease(mac: Uint8Array): Ipv4 | undefined {
    const key = mac.join(':');
    const known = this.leases.get(key);
    if (known !== undefined) return known;
    const address = this.network.first + this.leases.size;
    if (address > this.network.last) return undefined;
    this.leases.set(key, address);
    return address;
  }

  private reply(request: Uint8Array, type: number, address: Ipv4): Uint8Array {
    const { server, mask, router, nameServer } = this.network;
    const bytes = new Uint8Array(REPLY_BYTES);
    bytes[0] = BOOTREPLY;
    bytes[1] = 1;
    bytes[2] = 6;
    // Transaction, flags, relay agent and hardware address come back.
    bytes.set(request.subarray(4, 8), 4);
    bytes.set(request.subarray(10, 12), 10);
    bytes.set(request.subarray(24, 44), 24);
    putLong(bytes, 16, address);
    putLong(bytes, 20, type === Message.NAK ? 0 : server);
    putLong(bytes, FIXED_BYTES, MAGIC);
    let at = FIXED_BYTES + 4;
    const option = (code: number, value: number): void => {
      bytes[at] = code;
      bytes[at + 1] = 4;
      putLong(bytes, at + 2, value);
      at += 6;
    };
    bytes.set([Option.MESSAGE_TYPE, 1, type], at);
    at += 3;
    option(Option.SERVER, server);
    if (type !== Message.NAK) {
      if (address !== 0) option(Option.LEASE_TIME, LEASE_SECONDS);
      option(Option.SUBNET_MASK, mask);
      option(Option.ROUTER, router);
      option(Option.NAME_SERVER, nameServer);
    }
    bytes[at] = Option.END;
    return bytes;
  }
}

function parseOptions(bytes: Uint8Array): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length && bytes[at] !== Option.END; ) {
    if (bytes[at] === Option.PAD) {
      at++;
      continue;
    }
    const end = at + 2 + (bytes[at + 1] ?? 0);
    if (end > bytes.length) break;
    options.set(bytes[at], bytes.subarray(at + 2, end));
    at = end;
  }
  return options;
}

function addressOption(options: ReadonlyMap<number, Uint8Array>, code: number): Ipv4 | undefined {
  const value = options.get(code);
  return value?.length === 4 ? long(value, 0) : undefined;
}
