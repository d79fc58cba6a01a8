/** A TCP server in a process of its own, so that its CPU time is not the emulator's: sends bytes, or takes them. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(import.meta.url);

/**
 * @param {number} bytes what the port `send` gives to whoever connects; the port `take` reads all and then closes
 * @returns {Promise<{ send: number, take: number, stop: () => void }>} ports at 127.0.0.1
 */
export async function startByteServer(bytes) {
  const child = fork(FILE, [String(bytes)]);
  const [ports] = await once(child, 'message');
  return { ...ports, stop: () => child.kill() };
}

async function serve(bytes) {
  const contents = Buffer.alloc(bytes, 0xa5);
  const listen = async (onConnection) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      // A guest that goes away early is the measure's affair.
      socket.on('error', () => {});
      onConnection(socket);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server.address().port;
  };
  const send = await listen((socket) => {
    socket.resume();
    socket.end(contents);
  });
  const take = await listen((socket) => {
    socket.resume();
    socket.on('end', () => socket.end());
  });
  process.send({ send, take });
  process.once('disconnect', () => process.exit());
}

if (process.argv[1] === FILE) await serve(Number(process.argv[2]));
