import { createServer, type Server, type Socket } from 'node:net';
import { ArmemuError, OptionError } from '../errors.ts';

/** A machine that a debugger can be connected to. */
export interface DebuggableMachine {
  connectDebugger(send: (bytes: Uint8Array) => void): { receive(bytes: Uint8Array): void; close(): void };
}

/** Where to listen. */
export interface SocketAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** Nobody but this host's own users gets in, unless another address is given. */
const DEFAULT_HOST = '127.0.0.1';

const REASONS: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  EADDRINUSE: ['somebody listens there already', 'give another port'],
  EACCES: ['no permission', 'give a port of 1024 or more'],
  EADDRNOTAVAIL: ['this host has no such address', 'leave the address out, or give one of this host'],
  ENOTFOUND: ['there is no host of that name', 'leave the name out, or give an address of this host'],
};

/**
 * Reads `[host:]port`, also as QEMU has it: `tcp:[host]:port`. An IPv6 address stands in brackets.
 * @throws OptionError when it is none
 */
export function parseSocketAddress(text: string, option: string): SocketAddress {
  const parts = /^(?:tcp:)?(?:(\[[0-9a-f:.]+\]|[^:[\]]*):)?(\d{1,5})$/i.exec(text);
  const port = Number(parts?.[2]);
  if (!parts || port > 65535) {
    throw new OptionError(
      `${option}: '${text}' is no address`,
      `write ${option} 1234 or ${option} 127.0.0.1:1234`,
    );
  }
  const host = parts[1]?.replace(/[[\]]/g, '');
  return { host: host === undefined || host === '' ? DEFAULT_HOST : host, port };
}

/** A port on which debuggers connect to a machine, one at a time. */
export class GdbSocket {
  /** Where it listens: `127.0.0.1:1234`. */
  readonly address: string;
  private readonly server: Server;
  private machine: DebuggableMachine | undefined;
  private socket: Socket | undefined;

  private constructor(server: Server, address: string) {
    this.server = server;
    this.address = address;
    server.on('connection', (socket) => this.accept(socket));
  }

  /** @throws ArmemuError when it can't listen there */
  static listen({ host, port }: SocketAddress): Promise<GdbSocket> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true });
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const [what, remedy] = REASONS[cause.code ?? ''] ?? [cause.message, 'give another address'];
        reject(new ArmemuError(`can't listen for a debugger at ${host}:${port}: ${what}`, remedy, { cause }));
      });
      server.listen(port, host, () => {
        const bound = server.address();
        const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
        resolve(new GdbSocket(server, `${host.includes(':') ? `[${host}]` : host}:${actual}`));
      });
    });
  }

  /** The machine that debuggers are connected to from now on. */
  serve(machine: DebuggableMachine): void {
    this.machine = machine;
  }

  /** Closes the port, and the connection that there is. */
  close(): void {
    this.server.close();
    this.socket?.end();
  }

  private accept(socket: Socket): void {
    // A connection that breaks off is closed; there is nobody to tell.
    socket.on('error', () => socket.destroy());
    if (this.socket !== undefined || this.machine === undefined) {
      socket.destroy();
      return;
    }
    const connection = this.machine.connectDebugger((bytes) => void socket.write(bytes));
    this.socket = socket;
    socket.on('data', (bytes) => connection.receive(bytes));
    socket.on('close', () => {
      this.socket = undefined;
      connection.close();
    });
  }
}
