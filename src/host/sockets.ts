import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { createServer, connect as netConnect, type Socket } from 'node:net';
import { UserNetwork, type UserNetworkOptions } from '../net/user-network.ts';
import type { HostSockets, HostTcpEvents, HostTcpSocket, HostUdpSocket } from '../ports/network.ts';

/** Ports that are being listened at are told to clients that come in one go. */
const BACKLOG = 64;

function tcpSocket(socket: Socket, events: () => HostTcpEvents): HostTcpSocket {
  let given = false;
  socket.setNoDelay(true);
  socket.on('data', (bytes) => events().data(bytes));
  socket.on('drain', () => events().drained());
  socket.on('end', () => events().ended());
  // What comes after the guest has dropped the connection is nobody's.
  socket.on('error', () => {
    if (!given) events().failed();
  });
  return {
    write(bytes) {
      if (socket.destroyed) return 0;
      socket.write(bytes.slice());
      return socket.writableLength;
    },
    end: () => void socket.end(),
    destroy: () => {
      given = true;
      socket.destroy();
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  };
}

/** The host's sockets as a network of {@link UserNetwork} uses them. */
export const hostSockets: HostSockets = {
  connectTcp(address, port, events) {
    const socket = netConnect({ host: address, port, allowHalfOpen: true });
    socket.once('connect', () => events.connected());
    return tcpSocket(socket, () => events);
  },

  listenTcp(address, port, accept) {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        const events: HostTcpEvents = accept(tcpSocket(socket, () => events));
      });
      server.once('error', reject);
      server.listen({ host: address, port, backlog: BACKLOG, exclusive: true }, () => {
        server.removeListener('error', reject);
        // One client's failure to connect is not the port's.
        server.on('error', () => {});
        resolve(() => void server.close());
      });
    });
  },

  openUdp(address, port, received) {
    return new Promise<HostUdpSocket>((resolve, reject) => {
      const socket = createSocket('udp4');
      socket.once('error', reject);
      socket.on('message', (bytes, from) => received(bytes, from.address, from.port));
      socket.bind({ address, port, exclusive: true }, () => {
        socket.removeListener('error', reject);
        socket.on('error', () => {});
        let open = true;
        resolve({
          // A datagram that can't be sent is lost, as datagrams may be.
          send: (bytes, to, toPort) => {
            if (open) socket.send(bytes, toPort, to, () => {});
          },
          close: () => {
            if (open) socket.close();
            open = false;
          },
        });
      });
    });
  },

  nameServers: () =>
    getServers()
      .map((server) => server.replace(/:\d+$/, ''))
      .filter((server) => /^[\d.]+$/.test(server)),
};

/**
 * A network for a guest's card over the host's sockets: `nics: [{ network: userNetwork() }]`.
 * @throws OptionError for a forwarded port that has not the right form
 */
export function userNetwork(options: UserNetworkOptions = {}): UserNetwork {
  return new UserNetwork(hostSockets, options);
}
