import { describe, expect, it } from 'vitest';
import { FakeSocket, GuestOnNetwork, type ReceivedSegment } from './guest.ts';

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A connection of the guest to 192.0.2.1:80, open: the guest's next number is 1001, ours is in `next`. */
async function opened(options: readonly number[] = [2, 4, 0x05, 0xb4]) {
  const guest = await new GuestOnNetwork().connected();
  guest.sendTcp({ flags: 'S', sequence: 1000, options });
  const [socket] = guest.tcpSockets;
  socket.events.connected();
  const [answer] = guest.takeSegments();
  const next = (answer.sequence + 1) >>> 0;
  guest.sendTcp({ flags: 'A', sequence: 1001, acknowledgment: next });
  guest.take();
  return { guest, socket, answer, next };
}

const short = ({ flags, data }: ReceivedSegment): string => `${flags}${data === '' ? '' : ` ${data}`}`;

describe('a connection that the guest opens (RFC 9293 3.5)', () => {
  it('is answered when the host has connected, not before', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendTcp({ flags: 'S', sequence: 1000 });
    guest.sendTcp({ flags: 'S', sequence: 1000 });
    expect(guest.take()).toEqual([]);
    expect(guest.tcpSockets.map(({ target }) => target)).toEqual(['192.0.2.1:80']);
    guest.tcpSockets[0].events.connected();
    expect(guest.takeSegments()).toMatchObject([{ flags: 'SA', acknowledgment: 1001 }]);
  });

  it('is refused when nobody listens', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendTcp({ flags: 'S', sequence: 1000 });
    guest.tcpSockets[0].events.failed();
    expect(guest.takeSegments()).toMatchObject([{ flags: 'RA', sequence: 0, acknowledgment: 1001 }]);
  });

  it("reaches the host's own 127.0.0.1 by the router, and nothing by the network's empty addresses", async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendTcp({ flags: 'S', address: '10.0.2.2' });
    expect(guest.tcpSockets[0].target).toBe('127.0.0.1:80');
    guest.sendTcp({ flags: 'S', address: '10.0.2.99' });
    guest.sendTcp({ flags: 'S', address: '127.0.0.1' });
    expect(guest.takeSegments().map(short)).toEqual(['RA', 'RA']);
  });

  it('that is unknown, such as one from before a restore, is reset (RFC 9293 3.10.7.1)', async () => {
    const guest = await new GuestOnNetwork().connected();
    guest.sendTcp({ flags: 'A', sequence: 7, acknowledgment: 4711, data: 'x' });
    expect(guest.takeSegments()).toMatchObject([{ flags: 'R', sequence: 4711 }]);
    guest.sendTcp({ flags: 'R', sequence: 7 });
    expect(guest.take()).toEqual([]);
  });

  it('is one of 512 at most', async () => {
    const guest = await new GuestOnNetwork().connected();
    for (let port = 1; port <= 513; port++) guest.sendTcp({ flags: 'S', from: port });
    expect(guest.tcpSockets).toHaveLength(512);
    expect(guest.takeSegments().map(short)).toEqual(['RA']);
  });
});

describe('what the guest sends', () => {
  it('goes to the host in order, once, and is acknowledged', async () => {
    const { guest, socket, next } = await opened();
    const send = (sequence: number, data: string): void =>
      guest.sendTcp({ flags: 'A', sequence, acknowledgment: next, data });
    send(1001, 'abc');
    await settled();
    expect(guest.takeSegments()).toMatchObject([{ flags: 'A', acknowledgment: 1004 }]);
    // Lost: 1004. Later data is asked for again.
    send(1007, 'ghi');
    expect(guest.takeSegments()).toMatchObject([{ acknowledgment: 1004 }]);
    send(1002, 'bcdef');
    send(1007, 'ghi');
    await settled();
    expect(socket.text).toBe('abcdefghi');
    expect(guest.takeSegments().at(-1)).toMatchObject({ acknowledgment: 1010 });
  });

  it('waits while the host does not take it: the window closes, and opens again', async () => {
    const { guest, socket, next } = await opened();
    socket.waiting = 70_000;
    guest.sendTcp({ flags: 'A', sequence: 1001, acknowledgment: next, data: 'x' });
    await settled();
    expect(guest.takeSegments()).toMatchObject([{ window: 0 }]);
    socket.waiting = 0;
    socket.events.drained();
    expect(guest.takeSegments()).toMatchObject([{ flags: 'A', window: 0xffff }]);
  });

  it('has a scaled window when both ends scale (RFC 7323 2)', async () => {
    const { guest, next } = await opened([2, 4, 0x05, 0xb4, 1, 3, 3, 7]);
    guest.sendTcp({ flags: 'A', sequence: 1001, acknowledgment: next, data: 'x' });
    await settled();
    expect(guest.takeSegments()).toMatchObject([{ window: (256 * 1024) >> 3 }]);
  });
});

describe('what the host sends', () => {
  it('comes in segments of the size that the guest asked for', async () => {
    const { guest, socket } = await opened([2, 4, 0, 100]);
    socket.events.data(new Uint8Array(250).fill(0x41));
    expect(guest.takeSegments().map(({ data }) => data.length)).toEqual([100, 100, 50]);
  });

  it('comes no faster than the window of the guest; a closed one is probed', async () => {
    const { guest, socket, next } = await opened();
    guest.sendTcp({ flags: 'A', sequence: 1001, acknowledgment: next, window: 4 });
    socket.events.data(bytes('abcdef'));
    expect(guest.takeSegments().map(short)).toEqual(['A abcd']);
    guest.sendTcp({ flags: 'A', sequence: 1001, acknowledgment: next + 4, window: 0 });
    expect(guest.take()).toEqual([]);
    guest.advance(301);
    expect(guest.takeSegments().map(short)).toEqual(['A e']);
    guest.sendTcp({ flags: 'A', sequence: 1001, acknowledgment: next + 5, window: 100 });
    expect(guest.takeSegments().map(short)).toEqual(['PA f']);
  });

  it('comes again when the guest does not acknowledge it, ever more seldom, and then the connection is given up', async () => {
    const { guest, socket } = await opened();
    socket.events.data(bytes('hello'));
    guest.take();
    const waits = [];
    for (let ms = 0; ms < 200_000 && socket.log.length === 0; ms += 100) {
      guest.advance(100);
      const segments = guest.takeSegments();
      if (segments.length > 0) waits.push([ms + 100, short(segments[0])]);
    }
    expect(waits.slice(0, 3)).toEqual([
      [300, 'PA hello'],
      [900, 'PA hello'],
      [2100, 'PA hello'],
    ]);
    expect(waits.at(-1)?.[1]).toBe('RA');
    expect(socket.log).toEqual(['destroy']);
  });

  it('is sent again at once after three acknowledgments of the same number (RFC 5681 3.2)', async () => {
    const { guest, socket, next } = await opened([2, 4, 0, 100]);
    socket.events.data(new Uint8Array(300).fill(0x41));
    guest.take();
    for (let i = 0; i < 3; i++) guest.sendTcp({ flags: 'A', sequence: 1001, acknowledgment: next });
    expect(guest.takeSegments()[0]).toMatchObject({ sequence: next });
  });

  it('that a full card lost comes later', async () => {
    const { guest, socket } = await opened();
    guest.full = true;
    socket.events.data(bytes('hello'));
    guest.full = false;
    guest.advance(301);
    expect(guest.takeSegments().map(short)).toEqual(['PA hello']);
  });

  it('is held back on the host while much of it waits', async () => {
    const { guest, socket, next } = await opened();
    socket.events.data(new Uint8Array(300_000));
    expect(socket.log).toEqual(['pause']);
    let acknowledged = next;
    for (let i = 0; i < 10 && socket.log.length < 2; i++) {
      acknowledged += guest.takeSegments().reduce((sum, { data }) => sum + data.length, 0);
      guest.sendTcp({ flags: 'A', sequence: 1001, acknowledgment: acknowledged });
    }
    expect(socket.log).toEqual(['pause', 'resume']);
  });
});

describe('the end of a connection (RFC 9293 3.6)', () => {
  it('by the guest first: the host may go on sending', async () => {
    const { guest, socket, next } = await opened();
    guest.sendTcp({ flags: 'FA', sequence: 1001, acknowledgment: next, data: 'bye' });
    expect(socket.text).toBe('bye');
    expect(socket.log).toEqual(['end']);
    expect(guest.takeSegments()).toMatchObject([{ flags: 'A', acknowledgment: 1005 }]);
    socket.events.data(bytes('more'));
    socket.events.ended();
    expect(guest.takeSegments().map(short)).toEqual(['PA more', 'FPA']);
    guest.sendTcp({ flags: 'A', sequence: 1005, acknowledgment: next + 5 });
    // Gone, and the host's socket was not cut off.
    guest.sendTcp({ flags: 'A', sequence: 1005, acknowledgment: next + 5, data: 'x' });
    expect(guest.takeSegments().map(short)).toEqual(['R']);
    expect(socket.log).toEqual(['end']);
  });

  it('by the host first: the guest may go on sending', async () => {
    const { guest, socket, next } = await opened();
    socket.events.ended();
    expect(guest.takeSegments().map(short)).toEqual(['FPA']);
    guest.sendTcp({ flags: 'A', sequence: 1001, acknowledgment: next + 1, data: 'last' });
    guest.sendTcp({ flags: 'FA', sequence: 1005, acknowledgment: next + 1 });
    expect(socket.text).toBe('last');
    expect(socket.log).toEqual(['end']);
    guest.take();
    guest.advance(100_000);
    expect(guest.take()).toEqual([]);
  });

  it("by the guest's reset drops the host's socket; one out of the window does not", async () => {
    const { guest, socket } = await opened();
    guest.sendTcp({ flags: 'R', sequence: 500 });
    expect(socket.log).toEqual([]);
    guest.sendTcp({ flags: 'R', sequence: 1001 });
    expect(socket.log).toEqual(['destroy']);
  });

  it("by an error of the host's socket is a reset", async () => {
    const { guest, socket, next } = await opened();
    socket.events.failed();
    expect(guest.takeSegments()).toMatchObject([{ flags: 'RA', sequence: next, acknowledgment: 1001 }]);
  });

  it('comes with the end of the network for every connection', async () => {
    const { guest, socket } = await opened();
    await guest.network.close();
    expect(socket.log).toEqual(['destroy']);
    guest.sendTcp({ flags: 'A', sequence: 1001, data: 'late' });
    expect(guest.takeSegments().map(short)).toEqual(['RA']);
  });
});

describe('a client of the host at a forwarded port', () => {
  async function client() {
    const guest = await new GuestOnNetwork({ hostForward: ['tcp:127.0.0.1:2222-:22'] }).connected();
    const nothing = { connected() {}, data() {}, drained() {}, ended() {}, failed() {} };
    const socket = new FakeSocket('client', nothing);
    const events = guest.listening.get('127.0.0.1:2222')?.(socket);
    if (events === undefined) throw new Error('nobody listens');
    const [{ payload }] = guest.take();
    return { guest, socket, events, from: payload[0] * 256 + payload[1], syn: payload };
  }

  it('connects to the guest by a SYN of the router', async () => {
    const { guest, socket, events, from, syn } = await client();
    expect([syn[2] * 256 + syn[3], syn[13]]).toEqual([22, 2]);
    const sequence = new DataView(syn.buffer, syn.byteOffset).getUint32(4);
    const reply = { from: 22, to: from, address: '10.0.2.2', acknowledgment: sequence + 1 };
    guest.sendTcp({ ...reply, flags: 'SA', sequence: 0xffff_ffff, options: [2, 4, 0x05, 0xb4] });
    expect(guest.takeSegments()).toMatchObject([{ flags: 'A', acknowledgment: 0 }]);
    expect(socket.log).toEqual(['pause', 'resume']);
    guest.sendTcp({ ...reply, flags: 'A', sequence: 0, data: 'SSH-2.0' });
    expect(socket.text).toBe('SSH-2.0');
    events.data(bytes('hello'));
    expect(guest.takeSegments().map(short)).toContain('PA hello');
  });

  it('is dropped when nobody listens in the guest', async () => {
    const { guest, socket, from, syn } = await client();
    const sequence = new DataView(syn.buffer, syn.byteOffset).getUint32(4);
    guest.sendTcp({ flags: 'RA', from: 22, to: from, address: '10.0.2.2', acknowledgment: sequence + 1 });
    expect(socket.log).toEqual(['pause', 'destroy']);
  });
});
