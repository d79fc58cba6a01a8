import { expect, it } from 'vitest';
import { Hub } from '../../src/net/hub.ts';
import type { NetworkPort } from '../../src/ports/network.ts';

const clock = {
  nowNs: () => 0,
  createTimer: () => ({ arm() {}, cancel() {}, deadlineNs: 0 }),
  whenSettled() {},
};

function card(): NetworkPort & { readonly got: Uint8Array[] } {
  const got: Uint8Array[] = [];
  return { got, clock, receive: (frame) => got.push(frame.slice()) > 0 };
}

it('a hub gives each frame to every other card, and to no unplugged one', async () => {
  const hub = new Hub('a');
  const cards = [card(), card(), card()];
  const sockets = cards.map(() => hub.socket());
  for (const [i, socket] of sockets.entries()) await socket.connect(cards[i]);
  const frame = new Uint8Array(60).fill(7);
  sockets[0].send(frame);
  expect(cards.map(({ got }) => got.length)).toEqual([0, 1, 1]);
  expect(cards[1].got[0]).toEqual(frame);
  await sockets[2].close();
  sockets[1].send(frame);
  expect(cards.map(({ got }) => got.length)).toEqual([1, 1, 1]);
});
