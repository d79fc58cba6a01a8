import { describe, expect, it } from 'vitest';
import type { FakeDeviceModel } from './fake-binding.ts';
import { cardConfig } from './fake-config.ts';
import { A, command, fakeMachine, Rig, readAll } from './passthrough-rig.ts';

let rig: Rig;

const ONES = [0xff, 0xffff, 0xffffffff, 0xffff_ffff_ffff_ffffn];
const IO = 1;
const MEMORY = 2;
const BUS_MASTER = 4;

function filled(size: number, first: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = first + i;
  return bytes;
}

function card(changes: Partial<FakeDeviceModel> = {}): FakeDeviceModel {
  return {
    config: cardConfig().bytes,
    bars: [filled(0x20000, 0), filled(0x4000, 0x80), undefined, filled(32, 0x10)],
    mappable: { 0: [{ offset: 0, size: 0x20000 }], 1: [{ offset: 0, size: 0x4000 }] },
    irqs: [1, 4, 5, 1, 1],
    ...changes,
  };
}

describe('BARs of a real device', () => {
  it('are read by one mapped access of the width of the guest', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY);
    rig.binding.accesses.length = 0;
    expect(readAll(endpoint, 0, 8)).toEqual([0x08, 0x0908, 0x0b0a0908, 0x0f0e_0d0c_0b0a_0908n]);
    expect(rig.binding.accesses).toEqual([
      'mapped read8 +0x8',
      'mapped read16 +0x8',
      'mapped read32 +0x8',
      'mapped read64 +0x8',
    ]);
  });

  it('are written by one mapped access of the width of the guest', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY);
    rig.binding.accesses.length = 0;
    endpoint.writeBar(0, 0x10, 4, 0xcafef00d);
    endpoint.writeBar(0, 0x14, 2, 0x1234);
    endpoint.writeBar(0, 0x16, 1, 0x56);
    endpoint.writeBar64(0, 0x18, 0x8877665544332211n);
    expect(rig.binding.accesses).toEqual([
      'mapped write32 +0x10',
      'mapped write16 +0x14',
      'mapped write8 +0x16',
      'mapped write64 +0x18',
    ]);
    expect(endpoint.readBar64(0, 0x10)).toBe(0x1756_1234_cafe_f00dn);
  });

  it('go through the kernel where they can not be mapped: I/O, and what a sparse area leaves out', async () => {
    rig = new Rig({ [A]: card({ mappable: { 0: [{ offset: 0x1000, size: 0x1000 }] } }) });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY | IO);
    rig.binding.accesses.length = 0;
    expect(endpoint.readBar(3, 4, 2)).toBe(0x1514);
    expect(endpoint.readBar(0, 0xffc, 4)).toBe(0xfffefdfc);
    expect(endpoint.readBar(0, 0x1000, 4)).toBe(0x03020100);
    expect(endpoint.readBar(0, 0x2000, 1)).toBe(0);
    expect(endpoint.readBar64(0, 0x2000)).toBe(0x0706_0504_0302_0100n);
    expect(rig.binding.accesses).toEqual([
      'read bar3+0x4 2',
      'read bar0+0xffc 4',
      'mapped read32 +0x0',
      'read bar0+0x2000 1',
      'read bar0+0x2000 4',
      'read bar0+0x2004 4',
    ]);
  });

  it('take an unaligned access through the kernel, which splits it', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY);
    rig.binding.accesses.length = 0;
    expect(endpoint.readBar(0, 1, 4)).toBe(0x04030201);
    expect(rig.binding.accesses).toEqual(['read bar0+0x1 4']);
  });

  it("never reach the device's MSI-X table and pending bits, but the registers beside them", async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY);
    rig.binding.accesses.length = 0;
    // Five vectors: the table is bytes 0 to 0x4f of BAR 1, the pending bits 0x2000 to 0x2007.
    for (const offset of [0, 0x4c, 0x2000, 0x2004]) {
      expect(endpoint.readBar(1, offset, 4)).toBe(0xffffffff);
      endpoint.writeBar(1, offset, 4, 0);
    }
    expect(rig.binding.accesses).toEqual([]);
    expect(endpoint.readBar(1, 0x50, 4)).toBe(0xd3d2d1d0);
    expect(endpoint.readBar(1, 0x2008, 4)).toBe(0x8b8a8988);
    expect(rig.binding.accesses).toEqual(['mapped read32 +0x50', 'mapped read32 +0x2008']);
  });

  it('read as all ones and take no write while decoding is off', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    const silent = () => {
      rig.binding.accesses.length = 0;
      expect(readAll(endpoint, 0, 0)).toEqual(ONES);
      endpoint.writeBar(0, 0, 4, 0);
      endpoint.writeBar64(0, 0, 0n);
      expect(rig.binding.accesses).toEqual([]);
    };
    silent();
    command(endpoint, MEMORY);
    expect(endpoint.readBar(0, 0, 4)).toBe(0x03020100);
    command(endpoint, 0);
    silent();
  });

  it('follow the real command register, not the wish of the guest', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    rig.binding.failing.set('pwrite', 'EIO');
    command(endpoint, MEMORY);
    expect(readAll(endpoint, 0, 0)).toEqual(ONES);
  });

  it('answer on a virtual function, whose MEM bit reads 0', async () => {
    const config = cardConfig().bytes;
    rig = new Rig(
      { [A]: card({ config }) },
      { [A]: { driver: 'vfio-pci', group: 7, virtualFunction: true } },
    );
    const { endpoint } = await rig.plugged();
    const { writeValue } = rig.binding;
    // The bit reads 0 whatever is written to it.
    Object.assign(rig.binding, {
      writeValue: (descriptor: number, offset: number, size: 1 | 2 | 4 | 8, value: number | bigint) => {
        writeValue(descriptor, offset, size, value);
        config[4] &= ~MEMORY;
      },
    });
    command(endpoint, MEMORY);
    expect(config[4] & MEMORY).toBe(0);
    expect(endpoint.readBar(0, 0, 4)).toBe(0x03020100);
    command(endpoint, 0);
    expect(readAll(endpoint, 0, 0)).toEqual(ONES);
  });

  it('read as all ones in D3, and answer again in D0 with the command register written anew', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY | BUS_MASTER);
    rig.binding.calls.length = 0;
    endpoint.configChanged({ kind: 'power', state: 3 });
    expect(rig.binding.calls[0]).toBe('config[0xcc]=0x3');
    expect(readAll(endpoint, 0, 0)).toEqual(ONES);
    rig.binding.calls.length = 0;
    endpoint.configChanged({ kind: 'power', state: 0 });
    expect(rig.binding.calls).toEqual(['config[0xcc]=0x0', 'config[0x4]=0x6']);
    expect(endpoint.readBar(0, 0, 4)).toBe(0x03020100);
  });

  it('read as all ones when the kernel reports an error', async () => {
    rig = new Rig({ [A]: card({ mappable: {} }) });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY);
    rig.binding.failing.set('pread', 'EIO');
    rig.binding.failing.set('pwrite', 'EIO');
    expect(readAll(endpoint, 0, 0)).toEqual(ONES);
    endpoint.writeBar(0, 0, 4, 1);
  });

  it('that do not exist read as all ones', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY);
    expect(readAll(endpoint, 5, 0)).toEqual(ONES);
    endpoint.writeBar(5, 0, 4, 1);
  });

  it('read as all ones after the device was closed', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY);
    await endpoint.close();
    expect(readAll(endpoint, 0, 0)).toEqual(ONES);
    endpoint.writeBar(0, 0, 4, 1);
    command(endpoint, MEMORY);
    endpoint.configChanged({ kind: 'msi', enabled: true, vectors: 1 });
    endpoint.reset();
    endpoint.service();
    expect(endpoint.readConfig(0x40, 2)).toBe(0xffff);
    expect(endpoint.writeConfig(0x40, 4, 0)).toBe(true);
  });
});

describe('the real command register', () => {
  it('follows IO, MEM, MASTER and interrupt disable; its other bits stay', async () => {
    rig = new Rig({ [A]: card({ config: cardConfig().set(0x04, 2, 0x0140).bytes }) });
    const { endpoint } = await rig.plugged();
    command(endpoint, 0x407);
    expect(rig.binding.calls).toEqual(['config[0x4]=0x547']);
    command(endpoint, MEMORY);
    expect(rig.binding.calls[1]).toBe('config[0x4]=0x142');
  });

  it('has bus mastering off until the guest sets it: no DMA before that', async () => {
    const config = cardConfig().set(0x04, 2, BUS_MASTER).bytes;
    rig = new Rig({ [A]: card({ config }) });
    const { endpoint } = await rig.plugged();
    expect(config[4] & BUS_MASTER).toBe(0);
    command(endpoint, MEMORY);
    expect(config[4] & BUS_MASTER).toBe(0);
    command(endpoint, MEMORY | BUS_MASTER);
    expect(config[4] & BUS_MASTER).toBe(BUS_MASTER);
  });
});

describe('configuration space that is not the business of the bus', () => {
  it('is the register of the device, hidden parts excepted', async () => {
    const config = cardConfig()
      .set(0x44, 4, 0x11223344)
      .extended(0x01, 2, 0x100, [1, 2, 3, 4])
      .extended(0x10, 1, 0x140, [9, 9, 9, 9]);
    rig = new Rig({ [A]: card({ config: config.bytes }) });
    const { endpoint } = await rig.plugged();
    expect(endpoint.readConfig(0x44, 4)).toBe(0x11223344);
    expect(endpoint.readConfig(0xd2, 2)).toBe(0);
    expect(endpoint.readConfig(0x100, 4)).toBe(0x00020001);
    expect(endpoint.readConfig(0x104, 4)).toBe(0x04030201);
    expect(endpoint.readConfig(0x144, 4)).toBe(0);
    expect(endpoint.writeConfig(0x44, 2, 0xbeef)).toBe(true);
    expect(endpoint.writeConfig(0xd2, 2, 1)).toBe(true);
    expect(rig.binding.calls).toEqual(['config[0x44]=0xbeef']);
  });
});

describe('the pending interrupt in Status (PCI 3.0 6.2.3)', () => {
  it("is the real device's, also while its pin is disabled or masked", async () => {
    const config = cardConfig();
    rig = new Rig({ [A]: card({ config: config.bytes }) });
    const { endpoint } = await rig.plugged();
    command(endpoint, MEMORY | 0x400);
    expect(endpoint.interruptPending()).toBe(false);
    config.set(0x06, 2, 0x0018);
    expect(endpoint.interruptPending()).toBe(true);
    await endpoint.close();
    expect(endpoint.interruptPending()).toBe(false);
  });
});

describe('a reset of the function', () => {
  it('stops interrupts and DMA, resets the device, and starts with pin interrupts again', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, port } = await rig.plugged();
    command(endpoint, MEMORY | BUS_MASTER);
    endpoint.configChanged({ kind: 'msi', enabled: true, vectors: 2 });
    rig.binding.calls.length = 0;
    endpoint.reset();
    endpoint.configChanged({ kind: 'function-reset' });
    expect(rig.binding.calls.filter((call) => !call.startsWith('close(eventfd'))).toEqual([
      'deviceSetIrqs(1, 0, 0, off)',
      'config[0x4]=0x0',
      'deviceReset()',
      'deviceSetIrqs(0, 0, 1, E)',
    ]);
    expect(port.levels.at(-1)).toBe(false);
    expect(readAll(endpoint, 0, 0)).toEqual(ONES);
  });

  it('that the device refuses is a warning, not the end', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, machine } = await rig.plugged();
    rig.binding.failing.set('deviceReset', 'EIO');
    endpoint.reset();
    expect(machine.warnings[0]).toContain('was not reset');
  });
});

describe('a device that is lost', () => {
  it('by a fatal error is stopped, reset, closed and reported', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, machine } = await rig.plugged();
    command(endpoint, MEMORY);
    expect(rig.binding.signal(3)).toBe(true);
    endpoint.service();
    expect(machine.lost).toHaveLength(1);
    expect(machine.lost[0]).toContain(`error: ${A} reported a fatal error`);
    expect(machine.warnings).toEqual([]);
    expect(rig.binding.leaks).toEqual([]);
    expect(readAll(endpoint, 0, 0)).toEqual(ONES);
  });

  it('because the host wants it back is reset and closed at once, its group free', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint, machine } = await rig.plugged();
    expect(rig.binding.signal(4)).toBe(true);
    endpoint.service();
    endpoint.service();
    expect(machine.lost).toHaveLength(1);
    expect(machine.lost[0]).toContain('removal: The host asks');
    expect(rig.binding.leaks).toEqual([]);
    expect(rig.vfio.holdsDevice(A)).toBe(false);
    await endpoint.close();
  });

  it('is a warning to a machine that asks for no more', async () => {
    rig = new Rig({ [A]: card() });
    const machine = fakeMachine();
    const { deviceLost: _, ...host } = machine.host;
    const { endpoint } = await rig.plugged(A, { ...machine, host });
    rig.binding.signal(3);
    endpoint.service();
    expect(machine.warnings[0]).toContain('fatal error');
  });

  it('can be taken again', async () => {
    rig = new Rig({ [A]: card() });
    const { endpoint } = await rig.plugged();
    rig.binding.signal(4);
    endpoint.service();
    const again = rig.endpoint(A);
    await again.prepare(fakeMachine().host);
    expect(again.description.vendorId).toBe(0x8086);
  });
});
