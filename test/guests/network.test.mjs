// Networks that need no rights: two machines of one process on a hub, and a port of the host that leads to a guest.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { userNetwork } from '../../dist/host/index.js';
import { Hub } from '../../dist/index.js';
import { GuestShell, linuxGuest, PATIENCE, startMachine } from './guests.mjs';

async function linux(t, network, mac) {
  const { kernel, initrd } = linuxGuest('armmp');
  const machine = await startMachine(t, {
    machine: 'virt',
    memory: '256M',
    kernel: { name: kernel, bytes: readFileSync(kernel) },
    initrd: { name: initrd, bytes: readFileSync(initrd) },
    append: 'console=ttyAMA0 quiet',
    nics: [{ network, ...(mac && { mac }) }],
  });
  await machine.serial.expect(/guest: ready/, { timeout: PATIENCE });
  return new GuestShell(machine.serial);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

test('two machines on a hub reach each other by their addresses', async (t) => {
  const hub = new Hub('test');
  const [one, two] = await Promise.all([
    linux(t, hub.socket(), '02:00:00:00:00:01'),
    linux(t, hub.socket(), '02:00:00:00:00:02'),
  ]);
  await one.run('ip addr add 192.168.7.1/24 dev eth0; ip link set eth0 up');
  await two.run('ip addr add 192.168.7.2/24 dev eth0; ip link set eth0 up');
  assert.match(await one.run('ping -c 3 -W 60 192.168.7.2'), /3 packets received/);
  assert.match(await two.run('arp -n 192.168.7.1'), /02:00:00:00:00:01/i);
});

test('a forwarded port of the host leads to a server in the guest; the guest reaches a server of the host', async (t) => {
  const port = await freePort();
  const shell = await linux(t, userNetwork({ hostForward: [`tcp:127.0.0.1:${port}-:5000`] }));
  await shell.run(
    'ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.2.2',
  );
  assert.match(await shell.run('ping -c 1 -W 60 10.0.2.2'), /1 packets received/);

  await shell.run('(echo hello from the guest | nc -l -p 5000 > /tmp/received) & true');
  await shell.run('until netstat -ltn | grep -q :5000; do sleep 0.2; done');
  const client = connect(port, '127.0.0.1');
  client.end('hello from the host\n');
  let received = '';
  client.on('data', (bytes) => {
    received += bytes;
  });
  await once(client, 'close');
  assert.equal(received, 'hello from the guest\n');
  assert.equal(await shell.run('sleep 1; cat /tmp/received'), 'hello from the host\n');

  const bytes = Buffer.alloc(1 << 20, 'armemu ');
  const server = createServer((socket) => socket.end(bytes)).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const sum = await shell.run(`nc 10.0.2.2 ${server.address().port} < /dev/null | md5sum`);
  assert.equal(sum.split(' ')[0], createHash('md5').update(bytes).digest('hex'));
});
