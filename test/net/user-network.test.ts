import { describe, expect, it } from 'vitest';
import { parseHostForward } from '../../src/net/host-forward.ts';
import { GUEST, GUEST_MAC, GuestOnNetwork, ROUTER } from './guest.ts';

const ROUTER_MAC = [0x52, 0x55, 0x0a, 0, 2, 2];
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** A DHCP message of the guest (RFC 2131 2): options after the fixed part. */
function dhcp(options: readonly number[], ciaddr: readonly number[] = [0, 0, 0, 0]): Uint8Array {
  const message = new Uint8Array(240 + options.length + 1);
  message.set([1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
  message.set(ciaddr, 12);
  message.set(GUEST_MAC, 28);
  message.set([0x63, 0x82, 0x53, 0x63], 236);
  message.set([...options, 255], 240);
  return message;
}

/** Options of an answer by their codes. */
function optionsOf(payload: Uint8Array): Record<number, number[]> {
  const options: Record<number, number[]> = {};
  for (let at = 8 + 240; payload[at] !== 255; at += 2 + payload[at + 1]) {
    options[payload[at]] = [...payload.subarray(at + 2, at + 2 + payload[at + 1])];
  }
  return options;
}

describe('ARP (RFC 826)', () => {
  const request = (target: readonly number[]): number[] => [
    0,
    1,
    8,
    0,
    6,
    4,
    0,
    1,
    ...GUEST_MAC,
    10,
    0,
    2,
    15,
    0,
    0,
    0,
    0,
    0,
    0,
    ...target,
  ];

  it('answers for the router and the name server', async () => {
    const guest = await new GuestOnNetwork().connected();
    for (const last of [2, 3]) {
      guest.send(0x0806, request([10, 0, 2, last]));
      const [{ frame }] = guest.take();
      expect([...frame.subarray(0, 12)]).toEqual([...GUEST_MAC, ...ROUTER_MAC]);
      expect([...frame.subarray(20, 42)]).toEqual([
        0,
        2,
        ...ROUTER_MAC,
        10,
        0,
        2,
        last,
        ...GUEST_MAC,
        10,
        0,
        2,
        15,
      ]);
    }
  });

  it('stays silent for everybody else, so that a probe for a free address finds it free', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.send(0x0806, request([10, 0, 2, 15]));
    guest.send(0x0806, request([10, 0, 2, 77]));
    guest.send(0x0806, [0, 1, 8, 0, 6, 4, 0, 1]);
    expect(guest.take()).toEqual([]);
  });
});

describe('DHCP (RFC 2131)', () => {
  it('offers and gives 10.0.2.15 with router, mask and name server', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendUdp(68, '255.255.255.255', 67, dhcp([53, 1, 1]), '0.0.0.0');
    const [offer] = guest.take();
    expect(offer.destination).toBe('255.255.255.255');
    expect([...offer.payload.subarray(8 + 4, 8 + 8)]).toEqual([0xde, 0xad, 0xbe, 0xef]);
    expect([...offer.payload.subarray(8 + 16, 8 + 20)]).toEqual([10, 0, 2, 15]);
    expect(optionsOf(offer.payload)).toMatchObject({ 53: [2], 54: [10, 0, 2, 2] });
    guest.sendUdp(
      68,
      '255.255.255.255',
      67,
      dhcp([53, 1, 3, 54, 4, 10, 0, 2, 2, 50, 4, 10, 0, 2, 15]),
      '0.0.0.0',
    );
    const [acknowledgment] = guest.take();
    expect(optionsOf(acknowledgment.payload)).toEqual({
      53: [5],
      54: [10, 0, 2, 2],
      51: [0, 1, 0x51, 0x80],
      1: [255, 255, 255, 0],
      3: [10, 0, 2, 2],
      6: [10, 0, 2, 3],
    });
  });

  it('refuses an address that is not the client’s, and leaves other servers’ clients alone', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendUdp(68, '255.255.255.255', 67, dhcp([53, 1, 3, 50, 4, 10, 0, 2, 99]), '0.0.0.0');
    expect(optionsOf(guest.take()[0].payload)[53]).toEqual([6]);
    guest.sendUdp(68, '255.255.255.255', 67, dhcp([53, 1, 3, 54, 4, 192, 168, 0, 1]), '0.0.0.0');
    guest.sendUdp(68, '255.255.255.255', 67, dhcp([53, 200, 3]), '0.0.0.0');
    guest.sendUdp(68, '255.255.255.255', 67, new Uint8Array(20), '0.0.0.0');
    expect(guest.take()).toEqual([]);
  });
});

describe('ICMP (RFC 792)', () => {
  const echo = [8, 0, 0xe6, 0xd3, 0x12, 0x34, 0, 1, 0xff, 0xf0, 0, 1];
  const withSum = (bytes: number[]): number[] => {
    const copy = [...bytes];
    copy[2] = copy[3] = 0;
    let sum = 0;
    for (let i = 0; i < copy.length; i += 2) sum += copy[i] * 256 + copy[i + 1];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    copy[2] = (0xffff - sum) >>> 8;
    copy[3] = (0xffff - sum) & 255;
    return copy;
  };

  it('echo requests to the router come back', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendIpv4(ROUTER, 1, withSum(echo));
    const [reply] = guest.take();
    expect([reply.source, reply.destination, reply.payload[0]]).toEqual([ROUTER, GUEST, 0]);
    expect([...reply.payload.subarray(4)]).toEqual(echo.slice(4));
  });

  it('echo requests to others are prohibited, and the guest is told so', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendIpv4('192.0.2.1', 1, withSum(echo));
    const [reply] = guest.take();
    expect([...reply.payload.subarray(0, 2)]).toEqual([3, 13]);
    // The quoted header names the destination.
    expect([...reply.payload.subarray(8 + 16, 8 + 20)]).toEqual([192, 0, 2, 1]);
  });
});

describe('UDP', () => {
  it('goes out by one socket for each port of the guest, and answers come back from whom they were sent', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendUdp(5000, '192.0.2.7', 9, 'one');
    guest.sendUdp(5000, '192.0.2.8', 9, 'two');
    await settled();
    expect(guest.datagrams).toEqual([
      { text: 'one', to: '192.0.2.7:9' },
      { text: 'two', to: '192.0.2.8:9' },
    ]);
    expect(guest.udpReceivers).toHaveLength(1);
    guest.udpReceivers[0](new TextEncoder().encode('answer'), '192.0.2.8', 9);
    const [answer] = guest.take();
    expect([answer.source, answer.destination, text(answer.payload.subarray(8))]).toEqual([
      '192.0.2.8',
      GUEST,
      'answer',
    ]);
    expect([...answer.payload.subarray(0, 4)]).toEqual([0, 9, 5000 >> 8, 5000 & 255]);
  });

  it("10.0.2.3 is the host's name server, 10.0.2.2 the host itself, and both answer under these addresses", async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendUdp(5000, '10.0.2.3', 53, 'query');
    guest.sendUdp(5001, '10.0.2.2', 123, 'time?');
    await settled();
    expect(guest.datagrams.map(({ to }) => to)).toEqual(['198.51.100.53:53', '127.0.0.1:123']);
    guest.udpReceivers[0](new Uint8Array(1), '198.51.100.53', 53);
    guest.udpReceivers[1](new Uint8Array(1), '127.0.0.1', 123);
    expect(guest.take().map(({ source }) => source)).toEqual(['10.0.2.3', '10.0.2.2']);
  });

  it('nobody is at the other addresses of the network: the guest is told so', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendUdp(5000, '10.0.2.77', 9, 'x');
    guest.sendUdp(5000, '10.0.2.3', 54, 'x');
    await settled();
    expect(guest.datagrams).toEqual([]);
    expect(guest.take().map(({ payload }) => [payload[0], payload[1]])).toEqual([
      [3, 1],
      [3, 1],
    ]);
  });

  it('keeps 256 sockets at most, and closes those that were quiet for two minutes', async () => {
    const guest = await new GuestOnNetwork().connected();
    for (let port = 1000; port < 1300; port++) guest.sendUdp(port, '192.0.2.1', 9, 'x');
    await settled();
    expect(guest.closed).toHaveLength(300 - 256);
    guest.advance(121_000);
    guest.sendUdp(1299, '192.0.2.1', 9, 'x');
    await settled();
    expect(guest.closed).toHaveLength(299);
  });

  it('a forwarded port carries datagrams of several clients, each to and fro', async () => {
    const guest = await new GuestOnNetwork({ hostForward: ['udp:127.0.0.1:5353-:53'] }).connected();
    const client = (port: number): void =>
      guest.udpReceivers[0](new TextEncoder().encode(`${port}`), '127.0.0.1', port);
    client(7001);
    client(7002);
    const packets = guest.take();
    expect(packets.map(({ source, payload }) => [source, text(payload.subarray(8))])).toEqual([
      [ROUTER, '7001'],
      [ROUTER, '7002'],
    ]);
    for (const { payload } of packets) guest.sendUdp(53, ROUTER, payload[0] * 256 + payload[1], 'back');
    expect(guest.datagrams.map(({ to }) => to)).toEqual(['127.0.0.1:7001', '127.0.0.1:7002']);
  });
});

describe('what can not be taken', () => {
  it('damaged, cut, fragmented and foreign frames are dropped', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.send(0x86dd, new Array(60).fill(0));
    guest.send(0x0800, []);
    guest.send(0x0800, [0x45, 0, 0xff, 0xff, ...new Array(16).fill(0)]);
    guest.send(0x0800, [0x4f, 0, 0, 20, ...new Array(16).fill(0)]);
    guest.sendIpv4('192.0.2.1', 6, [1, 2, 3]);
    guest.sendIpv4('192.0.2.1', 17, [0, 1, 0, 2, 0, 99, 0, 0]);
    guest.sendIpv4('192.0.2.1', 17, [0, 1, 0, 2, 0, 8, 0x12, 0x34]);
    guest.sendIpv4('192.0.2.1', 132, [0, 0, 0, 0]);
    await settled();
    expect(guest.take()).toEqual([]);
    expect(guest.datagrams).toEqual([]);
  });
});

describe('forwarded ports', () => {
  it("are written in QEMU's form; without an address only the host itself connects", () => {
    expect(parseHostForward('tcp:127.0.0.1:2222-:22')).toEqual({
      protocol: 'tcp',
      hostAddress: '127.0.0.1',
      hostPort: 2222,
      guest: 0,
      guestPort: 22,
    });
    expect(parseHostForward('::8080-10.0.2.20:80')).toMatchObject({
      protocol: 'tcp',
      hostAddress: '127.0.0.1',
      guest: 0x0a000214,
    });
    expect(parseHostForward('udp:0.0.0.0:53-:53').hostAddress).toBe('0.0.0.0');
  });

  it.each([
    '',
    'tcp:2222-22',
    'sctp::1-:2',
    'tcp::0-:22',
    'tcp::70000-:22',
    'tcp:300.0.0.1:1-:2',
    'tcp::1-:x',
  ])('refuses %j with the form to write', (form) => {
    expect(() => new GuestOnNetwork({ hostForward: [form] })).toThrow(/hostfwd/);
  });

  it('that the host does not give are an error that names the port', async () => {
    await expect(new GuestOnNetwork({ hostForward: ['tcp::1-:22'] }).connected()).rejects.toThrow(
      /tcp port 127\.0\.0\.1:1 can't be forwarded: listen EACCES/,
    );
  });

  it('are given back when the network closes', async () => {
    const guest = await new GuestOnNetwork({ hostForward: ['tcp::2222-:22', 'udp::53-:53'] }).connected();
    guest.sendUdp(5000, '192.0.2.1', 9, 'x');
    await guest.network.close();
    await settled();
    expect(guest.closed.sort()).toEqual(['127.0.0.1:2222', 'udp 0.0.0.0:0 2', 'udp 127.0.0.1:53 1']);
  });
});
