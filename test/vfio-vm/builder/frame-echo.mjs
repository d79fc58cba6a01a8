import { createServer } from 'node:net';

/** The type of the frames of programs/device-io.c, where a frame has it. */
const ETHERNET_TYPE = 0x88b5;
const TYPE_AT = 12;
/** QEMU's stream of frames has the length of each before it, big-endian. */
const LENGTH = 4;

/**
 * The other end of a network card's cable: sends back what has the type of the tests, and swallows the rest.
 * @param {string} path of the UNIX socket that QEMU connects to
 * @returns {Promise<() => void>} closes it
 */
export async function openFrameEcho(path) {
  const server = createServer((socket) => {
    let rest = Buffer.alloc(0);
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= LENGTH) {
        const end = LENGTH + rest.readUInt32BE(0);
        if (rest.length < end) return;
        const isOurs = end >= LENGTH + TYPE_AT + 2 && rest.readUInt16BE(LENGTH + TYPE_AT) === ETHERNET_TYPE;
        if (isOurs) socket.write(rest.subarray(0, end));
        rest = rest.subarray(end);
      }
    });
    // QEMU ends when the test does.
    socket.on('error', () => {});
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return () => server.close();
}
