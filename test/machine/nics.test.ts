import { describe, expect, it } from 'vitest';
import type { BoardDescription } from '../../src/boards/board.ts';
import { vexpressA9 } from '../../src/boards/vexpress-a9.ts';
import { virt } from '../../src/boards/virt.ts';
import { createMachine } from '../../src/index.ts';
import { macsOf, type NicOptions, withModels } from '../../src/machine/nic-options.ts';
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

describe("the board's own card", () => {
  const models = (board: BoardDescription, ...nics: readonly Partial<NicOptions>[]) =>
    withModels(
      board,
      nics.map((nic) => ({ network: new Plug(), ...nic })),
    ).map(({ model }) => model);

  it('takes the first network that names neither model nor bus', () => {
    expect(models(vexpressA9, { bus: 'pci' }, {}, {})).toEqual(['virtio', 'lan9118', 'virtio']);
    expect(models(vexpressA9, {}, { model: 'lan9118' })).toEqual(['virtio', 'lan9118']);
    expect(models(vexpressA9, { model: 'virtio' })).toEqual(['virtio']);
    expect(models(virt, {})).toEqual(['virtio']);
  });

  it('is one, and only there where the board has it', () => {
    expect(() => models(virt, { model: 'lan9118' })).toThrow(/virt has no lan9118/);
    expect(() => models(vexpressA9, { model: 'lan9118' }, { model: 'lan9118' })).toThrow(/has one lan9118/);
    expect(() => models(vexpressA9, { model: 'lan9118', bus: 'pci' })).toThrow(/not on a bus/);
    expect(() => models(virt, { model: 'ne2k' as 'virtio' })).toThrow(/there is no card 'ne2k'/);
  });

  it('is plugged in, has its address, and is unplugged at the end', async () => {
    const network = new Plug();
    const nics = [{ network, mac: '02:00:00:00:00:07' }];
    const machine = await createMachine({
      machine: 'vexpress-a9',
      memory: '16M',
      bios: new Uint8Array(64),
      nics,
    });
    const mac = (register: number): string => `xp /1xw 0x4e0000${register.toString(16)}`;
    expect(await machine.monitor(mac(0x50))).toContain('01180001');
    expect(network.log).toEqual(['connected']);
    expect(network.port?.receive(new Uint8Array(60))).toBe(false);
    await machine.stop();
    expect(network.log).toEqual(['connected', 'closed']);
  });
});
