import { describe, expect, it } from 'vitest';
import type { FunctionDescription } from '../../src/pci/endpoint.ts';
import type { AccessSize } from '../../src/ports/mmio.ts';
import { INTX_DISABLE, IO, MASTER, MEMORY, RAM_BASE, TestBus, TestEndpoint } from './support.ts';

const everything: Partial<FunctionDescription> = {
  revision: 7,
  classCode: 0x010802,
  subsystemVendorId: 0x1111,
  subsystemId: 0x2222,
  interruptPin: 2,
  bars: [{ index: 0, kind: 'memory64', size: 0x4000 }],
  powerManagement: true,
  pcie: true,
  functionLevelReset: true,
  msi: { vectors: 4, is64Bit: true, maskable: true },
  msix: { vectors: 3, tableBar: 0, tableOffset: 0x2000, pbaBar: 0, pbaOffset: 0x3000 },
  extraCapabilities: [{ id: 0x09, bytes: Uint8Array.of(5, 0xaa, 0xbb) }],
};

function plugged(description: Partial<FunctionDescription> = everything) {
  const bus = new TestBus();
  const endpoint = new TestEndpoint(description);
  return { bus, endpoint, fn: bus.plug(endpoint) };
}

describe('the header (PCI 3.0 6.1)', () => {
  it('identifies the function', () => {
    const { fn } = plugged();
    expect(fn.read(0x00)).toBe(0x1234abcd);
    expect(fn.read(0x08)).toBe(0x01080207);
    expect(fn.read(0x0e, 1)).toBe(0);
    expect(fn.read(0x2c)).toBe(0x22221111);
    expect(fn.read(0x3c)).toBe(0x0200);
  });

  it('reads the same in bytes, words and dwords', () => {
    const { fn } = plugged();
    for (let at = 0; at < 0x100; at += 4) {
      const bytes = [0, 1, 2, 3].map((i) => fn.read(at + i, 1));
      expect(fn.read(at)).toBe(bytes.reduceRight((value, byte) => value * 256 + byte, 0));
      expect(fn.read(at + 2, 2)).toBe(bytes[3] * 256 + bytes[2]);
    }
  });

  it('takes writes to the interrupt line and the cache line size, which are for software only', () => {
    const { fn } = plugged();
    fn.write(0x3c, 0xffff, 2);
    fn.write(0x0c, 0xffffffff);
    expect(fn.read(0x3c)).toBe(0x02ff);
    expect(fn.read(0x0c)).toBe(0x000000ff);
  });

  it('keeps its read-only registers whatever is written', () => {
    const { fn } = plugged();
    const readOnly = [0x00, 0x08, 0x28, 0x2c, 0x30, 0x34, 0x38];
    const before = readOnly.map((at) => fn.read(at));
    for (const at of readOnly) fn.write(at, 0xffffffff);
    expect(readOnly.map((at) => fn.read(at))).toEqual(before);
  });
});

describe('the command register (PCI 3.0 6.2.2)', () => {
  it('is zero after reset and holds only the bits that the function has', () => {
    const { fn } = plugged();
    expect(fn.read(4, 2)).toBe(0);
    fn.command = 0xffff;
    expect(fn.read(4, 2)).toBe(0x0507);
  });

  it('reports each change of itself, and only changes', () => {
    const { endpoint, fn } = plugged();
    fn.command = MEMORY | MASTER;
    fn.command = MEMORY | MASTER;
    fn.write(5, INTX_DISABLE >> 8, 1);
    expect(endpoint.takeChanges()).toEqual([
      { kind: 'command', memory: true, io: false, busMaster: true, intxDisabled: false },
      { kind: 'command', memory: true, io: false, busMaster: true, intxDisabled: true },
    ]);
    fn.command = IO;
    expect(endpoint.takeChanges()).toEqual([
      { kind: 'command', memory: false, io: true, busMaster: false, intxDisabled: false },
    ]);
  });
});

describe('the status register (PCI 3.0 6.2.3)', () => {
  it('has the capabilities bit when there is a list, and not otherwise', () => {
    expect(plugged().fn.status).toBe(0x0010);
    const { fn } = plugged({});
    expect(fn.status).toBe(0);
    expect(fn.read(0x34, 1)).toBe(0);
  });

  it('shows a DMA that reached nothing as received master abort, until software writes 1 to the bit', () => {
    const { endpoint, fn } = plugged();
    fn.command = MASTER;
    expect(endpoint.port.dma.read(0x100, new Uint8Array(4))).toBe(false);
    expect(fn.status).toBe(0x2010);
    fn.write(6, 0xdfff, 2);
    expect(fn.status).toBe(0x2010);
    fn.write(6, 0x2000, 2);
    expect(fn.status).toBe(0x0010);
  });

  it('keeps a bit that a read-modify-write of the command register carries along as zero', () => {
    const { endpoint, fn } = plugged();
    fn.command = MASTER;
    endpoint.port.dma.write(0x100, new Uint8Array(4));
    fn.write(4, MASTER);
    expect(fn.status).toBe(0x2010);
  });
});

describe('bus master (PCI 3.0 6.2.2)', () => {
  it('off: a transfer fails and moves nothing', () => {
    const { bus, endpoint, fn } = plugged();
    bus.memory.ram.fill(0x55);
    const buffer = new Uint8Array(4);
    expect(endpoint.port.dma.read(RAM_BASE, buffer)).toBe(false);
    expect(endpoint.port.dma.write(RAM_BASE, buffer)).toBe(false);
    expect(buffer).toEqual(new Uint8Array(4));
    expect(bus.memory.ram[0]).toBe(0x55);
    expect(bus.memory.streams).toEqual([]);
    expect(fn.status).toBe(0x0010);
  });

  it('on: a transfer reaches memory under the requester ID', () => {
    const { bus, endpoint, fn } = plugged();
    fn.command = MASTER;
    expect(endpoint.port.dma.write(RAM_BASE + 8, Uint8Array.of(1, 2, 3))).toBe(true);
    const back = new Uint8Array(3);
    expect(endpoint.port.dma.read(RAM_BASE + 8, back)).toBe(true);
    expect([...back]).toEqual([1, 2, 3]);
    expect(bus.memory.streams).toEqual([0x08, 0x08]);
  });

  it('addresses that no bus has fail', () => {
    const { bus, endpoint, fn } = plugged();
    fn.command = MASTER;
    for (const address of [-4, Number.NaN, 0.5, 2 ** 60, Number.POSITIVE_INFINITY]) {
      expect(endpoint.port.dma.write(address, new Uint8Array(4))).toBe(false);
    }
    expect(bus.memory.streams).toEqual([]);
  });
});

describe('the capability list (PCI 3.0 6.7)', () => {
  it('has every capability of the description once, dword-aligned, in ascending order, and ends', () => {
    const found = plugged().fn.capabilities();
    expect(found.map((c) => c.id)).toEqual([0x01, 0x05, 0x11, 0x10, 0x09]);
    for (const { offset } of found) expect(offset % 4).toBe(0);
    expect(found.map((c) => c.offset)).toEqual(found.map((c) => c.offset).sort((a, b) => a - b));
  });

  it('puts a capability where the endpoint wants it', () => {
    const { fn } = plugged({
      ...everything,
      capabilityOffsets: { powerManagement: 0xc8, msi: 0xd0, msix: 0xf0, pcie: 0x40 },
      extraCapabilities: [{ id: 0x09, bytes: Uint8Array.of(5), offset: 0xb0 }],
    });
    expect(fn.capabilities()).toEqual([
      { id: 0x10, offset: 0x40 },
      { id: 0x09, offset: 0xb0 },
      { id: 0x01, offset: 0xc8 },
      { id: 0x05, offset: 0xd0 },
      { id: 0x11, offset: 0xf0 },
    ]);
  });

  it('moves a capability whose wanted place is taken, in the header, or not dword-aligned', () => {
    const { fn } = plugged({
      ...everything,
      capabilityOffsets: { powerManagement: 0x80, msi: 0x84, msix: 0x10, pcie: 0xb2 },
    });
    const found = fn.capabilities();
    expect(found.map((c) => c.id).sort()).toEqual([0x01, 0x05, 0x09, 0x10, 0x11].sort());
    expect(found.find((c) => c.id === 0x01)?.offset).toBe(0x80);
    for (const { offset } of found) {
      expect(offset).toBeGreaterThanOrEqual(0x40);
      expect(offset % 4).toBe(0);
    }
  });

  it('shortens PCI Express to version 1 where a real device has no more room for it', () => {
    const { fn } = plugged({
      pcie: true,
      powerManagement: true,
      functionLevelReset: true,
      msi: { vectors: 1, is64Bit: true, maskable: false },
      capabilityOffsets: { powerManagement: 0xc8, msi: 0xd0, pcie: 0xe0 },
    });
    expect(fn.capabilities().map((c) => c.offset)).toEqual([0xc8, 0xd0, 0xe0]);
    expect(fn.read(0xe2, 2)).toBe(0x0091);
    expect(fn.read(0xe4)).toBe(0x1000_8000);
  });

  it('refuses more than there is room for', () => {
    const extraCapabilities = [{ id: 0x09, bytes: new Uint8Array(150) }];
    expect(() => plugged({ ...everything, extraCapabilities })).toThrow(
      /no room for capability 9 of 152 bytes/,
    );
  });

  it('shows a capability of the endpoint as it is, read-only', () => {
    const { fn } = plugged();
    const at = fn.capability(0x09);
    fn.write(at, 0xffffffff);
    expect(fn.read(at)).toBe(0xaa050009);
    expect(fn.read(at + 4, 1)).toBe(0xbb);
  });
});

describe('extended configuration space', () => {
  it('of a PCI Express function without extended capabilities starts with a zero header (PCIe 3.0 7.9.1)', () => {
    const { fn } = plugged();
    for (let at = 0x100; at < 0x1000; at += 4) expect(fn.read(at)).toBe(0);
  });

  it('of a conventional function reads as all ones', () => {
    const { fn } = plugged({});
    expect(fn.read(0x100)).toBe(0xffffffff);
    expect(fn.read(0xffc)).toBe(0xffffffff);
    fn.write(0x100, 0);
  });
});

describe('bytes that the endpoint answers itself', () => {
  class Answering extends TestEndpoint {
    readonly written: string[] = [];

    readConfig(offset: number, size: AccessSize): number | undefined {
      return offset === 0xf0 || offset >= 0x100 ? 0xa5a50000 + offset * 16 + size : undefined;
    }

    writeConfig(offset: number, size: AccessSize, value: number): boolean {
      this.written.push(`${offset.toString(16)} ${size} ${value.toString(16)}`);
      return true;
    }
  }

  function answering(description: Partial<FunctionDescription>) {
    const endpoint = new Answering(description);
    return { endpoint, fn: new TestBus().plug(endpoint) };
  }

  it('are those that the bus does not own', () => {
    const { endpoint, fn } = answering({ pcie: true });
    expect(fn.read(0xf0)).toBe(0xa5a50f04);
    expect(fn.read(0xf0, 2)).toBe(0x0f02);
    expect(fn.read(0xf4)).toBe(0);
    expect(fn.read(0x100)).toBe(0xa5a51004);
    fn.write(0xf8, 0x12345678);
    fn.write(0x10, 0x12345678);
    fn.write(0x44, 0x12345678);
    expect(endpoint.written).toEqual(['f8 4 12345678']);
  });

  it('are split off an access that covers bytes of both', () => {
    const { endpoint, fn } = answering({
      extraCapabilities: [{ id: 0x09, bytes: Uint8Array.of(0x12, 0x34), offset: 0x40 }],
    });
    expect(fn.read(0x40)).toBe(0x34120009);
    fn.write(0x40, 0xaabbccdd);
    expect(endpoint.written).toEqual(['42 1 bb', '43 1 aa']);
    expect(fn.read(0x40, 2)).toBe(0x0009);
  });
});

describe('Status bit 3 of an endpoint whose hardware knows it', () => {
  class Pending extends TestEndpoint {
    pending = false;
    interruptPending(): boolean {
      return this.pending;
    }
  }

  it('is asked for at each read of Status, whatever the width, and by no other read', () => {
    const endpoint = new Pending(everything);
    const fn = new TestBus().plug(endpoint);
    endpoint.pending = true;
    expect(fn.read(0x06, 2) & 8).toBe(8);
    endpoint.pending = false;
    expect(fn.read(0x04) & 0x80000).toBe(0);
    endpoint.pending = true;
    expect(fn.read(0x06, 1) & 8).toBe(8);
    endpoint.pending = false;
    fn.read(0x00);
    fn.read(0x08);
    expect(fn.read(0x06, 2) & 8).toBe(0);
  });
});
