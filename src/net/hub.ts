import type { NetworkBackend, NetworkPort } from '../ports/network.ts';

/** An Ethernet hub: each frame goes to every other card on it. Joins machines of one process. */
export class Hub {
  readonly name: string;
  private readonly ports = new Set<NetworkPort>();

  constructor(name: string) {
    this.name = name;
  }

  /** One more socket of the hub, for one card. */
  socket(): NetworkBackend {
    const { name, ports } = this;
    let own: NetworkPort | undefined;
    return {
      name: `hub '${name}'`,
      connect: async (port) => {
        own = port;
        ports.add(port);
      },
      send: (frame) => {
        for (const port of ports) if (port !== own) port.receive(frame);
      },
      close: async () => {
        if (own !== undefined) ports.delete(own);
      },
    };
  }
}
