import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { hostSockets } from '../../src/host/sockets.ts';
import type { HostTcpEvents, HostTcpSocket, HostUdpSocket } from '../../src/ports/network.ts';

/** Events as promises, each resolved once. */
function recorder() {
  const log: string[] = [];
  let text = '';
  const waiters: { readonly when: () => boolean; readonly resolve: () => void }[] = [];
  const note = (event: string): void => {
    log.push(event);
    for (const { when, resolve } of waiters) if (when()) resolve();
  };
  const events: HostTcpEvents = {
    connected: () => note('connected'),
    data: (bytes) => {
      text += new TextDecoder().decode(bytes);
      note('data');
    },
    drained: () => note('drained'),
    ended: () => note('ended'),
    failed: () => note('failed'),
  };
  const until = (when: () => boolean): Promise<void> =>
    when() ? Promise.resolve() : new Promise((resolve) => waiters.push({ when, resolve }));
  return { events, log, until, text: () => text };
}

test('a connection carries bytes both ways, and each direction ends by itself', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes;
    });
    socket.on('end', () => socket.end(`got ${received}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { events, log, until, text } = recorder();
  const socket = hostSockets.connectTcp('127.0.0.1', (server.address() as AddressInfo).port, events);
  await until(() => log.includes('connected'));
  socket.write(new TextEncoder().encode('hello'));
  socket.end();
  await until(() => log.includes('ended'));
  expect(text()).toBe('got hello');
  expect(log).not.toContain('failed');
  server.close();
});

test('a port where nobody listens fails; after destroy nothing comes any more', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const { events, log, until } = recorder();
  hostSockets.connectTcp('127.0.0.1', port, events);
  await until(() => log.includes('failed'));
  const dropped = recorder();
  hostSockets.connectTcp('127.0.0.1', port, dropped.events).destroy();
  const later = recorder();
  hostSockets.connectTcp('127.0.0.1', port, later.events);
  await later.until(() => later.log.includes('failed'));
  expect(dropped.log).toEqual([]);
});

test('a port that is listened at gives each client, held back until it is wanted', async () => {
  const { events, log, until, text } = recorder();
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  await expect(hostSockets.listenTcp('127.0.0.1', port, () => events)).rejects.toThrow(/EADDRINUSE/);
  probe.close();
  await once(probe, 'close');
  let accepted: HostTcpSocket | undefined;
  const stop = await hostSockets.listenTcp('127.0.0.1', port, (socket) => {
    accepted = socket;
    return events;
  });
  const client = connect(port, '127.0.0.1');
  client.write('from a client');
  await once(client, 'connect');
  while (accepted === undefined) await new Promise((resolve) => setImmediate(resolve));
  expect(text()).toBe('');
  accepted.resume();
  await until(() => log.includes('data'));
  expect(text()).toBe('from a client');
  accepted.write(new TextEncoder().encode('answer'));
  const [bytes] = await once(client, 'data');
  expect(String(bytes)).toBe('answer');
  client.destroy();
  accepted.destroy();
  stop();
});

test('a datagram goes to and fro', async () => {
  const answers: string[] = [];
  let wake = (): void => {};
  const answered = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let echo: HostUdpSocket | undefined;
  let port = 40_000;
  while (echo === undefined) {
    port++;
    echo = await hostSockets
      .openUdp('127.0.0.1', port, (bytes, address, from) => echo?.send(bytes, address, from))
      .catch(() => undefined);
  }
  const socket = await hostSockets.openUdp('127.0.0.1', 0, (bytes) => {
    answers.push(new TextDecoder().decode(bytes));
    wake();
  });
  socket.send(new TextEncoder().encode('ping'), '127.0.0.1', port);
  await answered;
  expect(answers).toEqual(['ping']);
  socket.close();
  socket.close();
  echo.close();
});
