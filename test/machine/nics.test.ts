import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { macsOf } from '../../src/machine/nic-options.ts';
import type { NetworkBackend, NetworkPort } from '../../src/ports/network.ts';

class Plug implements NetworkBackend {
  readonly name = 'plug';
  readonly log: string[] = [];
  port: NetworkPort | undefined;
  refuses = false;
  async connect(port: NetworkPort): Promise<void> {
    if (this.refuses) throw new Error('no such port');
    this.port = port;
    this.log.push('connected');
  }
  send(): void {}
  async close(): Promise<void> {
    this.log.push('closed');
  }
}

describe('network cards of a machine', () => {
  it('are plugged in when it is made, and unplugged at its end, on both buses', async () => {
    const networks = [new Plug(), new Plug()];
    const machine = await createMachine({
      memory: '16M',
      nics: [{ network: networks[0] }, { network: networks[1], bus: 'pci' }],
    });
    expect(machine.pciDevices().map(({ name }) => name)).toContain('virtio-net');
    await machine.stop();
    for (const { log } of networks) expect(log).toEqual(['connected', 'closed']);
  });

  it('that can not be plugged in leave no machine, and the others unplugged', async () => {
    const networks = [new Plug(), new Plug()];
    networks[1].refuses = true;
    await expect(
      createMachine({ memory: '16M', nics: networks.map((network) => ({ network })) }),
    ).rejects.toThrow('no such port');
    expect(networks[0].log).toEqual(['connected', 'closed']);
  });

  it('take no frame before the guest has a driver', async () => {
    const network = new Plug();
    const machine = await createMachine({ memory: '16M', nics: [{ network }] });
    expect(network.port?.receive(new Uint8Array(60))).toBe(false);
    await machine.stop();
  });

  it("have QEMU's addresses where none are given, counted up, and no two the same", () => {
    const network = new Plug();
    expect(macsOf([{ network }, { network }]).map((mac) => mac[5])).toEqual([0x56, 0x57]);
    expect([...macsOf([{ network, mac: '02:00:00:00:00:FF' }])[0]]).toEqual([2, 0, 0, 0, 0, 255]);
    expect(() => macsOf([{ network }, { network, mac: '52:54:00:12:34:56' }])).toThrow(/card 2/);
  });

  it.each(['52:54:00:12:34', '01:00:00:00:00:00', '52-54-00-12-34-56', 'xx:54:00:12:34:56'])(
    'refuse the address %s',
    async (mac) => {
      await expect(createMachine({ nics: [{ network: new Plug(), mac }] })).rejects.toThrow(
        /no address of a card/,
      );
    },
  );

  it('are refused with the counting clock, and twice in one network', async () => {
    const network = new Plug();
    await expect(createMachine({ clock: 'instructions', nics: [{ network }] })).rejects.toThrow(
      /counting clock/,
    );
    await expect(
      createMachine({ nics: [{ network }, { network, mac: '02:00:00:00:00:01' }] }),
    ).rejects.toThrow(/twice/);
  });
});
