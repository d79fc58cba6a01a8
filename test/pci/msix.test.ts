import { describe, expect, it } from 'vitest';
import { EndpointError } from '../../src/errors.ts';
import type { FunctionDescription } from '../../src/pci/endpoint.ts';
import { DOORBELL, MASTER, MEMORY, TestBus, TestEndpoint } from './support.ts';

const BAR = 0x1000_0000;
const TABLE = BAR + 0x2000;
const PBA = BAR + 0x3000;
const VECTORS = 70;

const msix = { vectors: VECTORS, tableBar: 2, tableOffset: 0x2000, pbaBar: 2, pbaOffset: 0x3000 };
const description: Partial<FunctionDescription> = {
  bars: [{ index: 2, kind: 'memory64', size: 0x4000 }],
  msix,
};

/** MSI-X enabled, BAR 2 at 0x10000000, all vectors masked as after reset; vector n's message is 0x100 + n. */
function withMsix() {
  const bus = new TestBus();
  const endpoint = new TestEndpoint(description);
  const fn = bus.plug(endpoint);
  const at = fn.capability(0x11);
  fn.write(0x18, BAR);
  fn.command = MEMORY | MASTER;
  fn.write(at + 2, 0x8000, 2);
  for (let vector = 0; vector < VECTORS; vector++) {
    bus.writeMemory(TABLE + vector * 16, DOORBELL);
    bus.writeMemory(TABLE + vector * 16 + 8, 0x100 + vector);
  }
  endpoint.takeChanges();
  const setMask = (vector: number, masked: boolean) =>
    bus.writeMemory(TABLE + vector * 16 + 12, masked ? 1 : 0);
  return { bus, endpoint, fn, control: at + 2, setMask, signal: endpoint.port.signalMsi };
}

describe('the MSI-X capability (PCI 3.0 6.8.2)', () => {
  it('states the size of the table less one, and where table and pending bits are', () => {
    const { fn, control } = withMsix();
    expect(fn.read(control, 2)).toBe(0x8000 | (VECTORS - 1));
    expect(fn.read(control + 2)).toBe(0x2002);
    expect(fn.read(control + 6)).toBe(0x3002);
  });

  it('lets software write enable and function mask only', () => {
    const { fn, control } = withMsix();
    fn.write(control, 0xffff, 2);
    fn.write(control + 2, 0xffffffff);
    fn.write(control + 6, 0xffffffff);
    expect(fn.read(control, 2)).toBe(0xc000 | (VECTORS - 1));
    expect(fn.read(control + 2)).toBe(0x2002);
    expect(fn.read(control + 6)).toBe(0x3002);
  });

  it('reports changes of enable and function mask', () => {
    const { endpoint, fn, control } = withMsix();
    fn.write(control, 0xc000, 2);
    fn.write(control, 0xc000, 2);
    fn.write(control, 0, 2);
    expect(endpoint.takeChanges()).toEqual([
      { kind: 'msix', enabled: true, functionMasked: true },
      { kind: 'msix', enabled: false, functionMasked: false },
    ]);
  });

  it.each([
    ['no vectors', { ...msix, vectors: 0 }],
    ['more than 2048 vectors', { ...msix, vectors: 2049 }],
    ['a BAR that is not there', { ...msix, tableBar: 0 }],
    ['a table past the end of its BAR', { ...msix, tableOffset: 0x3ff0 }],
    ['an unaligned table', { ...msix, tableOffset: 0x2004 }],
    ['a pending bit array in the table', { ...msix, pbaOffset: 0x2100 }],
  ])('is refused with %s', (_what, wrong) => {
    expect(() => new TestBus().plug(new TestEndpoint({ ...description, msix: wrong }))).toThrow(
      EndpointError,
    );
  });
});

describe('the MSI-X table', () => {
  it('has every vector masked after reset', () => {
    const { bus } = withMsix();
    for (let vector = 0; vector < VECTORS; vector++) expect(bus.readMemory(TABLE + vector * 16 + 12)).toBe(1);
  });

  it('is answered by the bus: the endpoint sees the rest of the BAR only', () => {
    const { bus, endpoint } = withMsix();
    expect(endpoint.accesses).toEqual([]);
    bus.readMemory(TABLE + VECTORS * 16);
    bus.readMemory(PBA + 16);
    bus.readMemory(TABLE - 4);
    expect(endpoint.accesses).toEqual([
      `read 2 ${0x2000 + VECTORS * 16} 4`,
      `read 2 ${0x3010} 4`,
      `read 2 ${0x1ffc} 4`,
    ]);
  });

  it('takes accesses of 8 bytes', () => {
    const { bus, setMask, signal } = withMsix();
    bus.writeMemory64(TABLE + 16, 0x1_0000_0000n + BigInt(DOORBELL));
    expect(bus.readMemory64(TABLE + 16)).toBe(0x1_0000_0000n + BigInt(DOORBELL));
    bus.writeMemory64(TABLE + 16, BigInt(DOORBELL));
    bus.writeMemory64(TABLE + 24, 0x77n);
    setMask(0, true);
    signal(1);
    expect(bus.memory.messages).toEqual([0x77]);
  });

  it('moves with its BAR', () => {
    const { bus, fn } = withMsix();
    fn.write(0x18, 0x2000_0000);
    expect(bus.readMemory(TABLE + 8)).toBe(0xffffffff);
    expect(bus.readMemory(0x2000_2008)).toBe(0x100);
  });

  it('survives nonsense: all ones everywhere leaves vectors masked with an address that reaches nothing', () => {
    const { bus, fn, setMask, signal } = withMsix();
    for (let at = TABLE; at < TABLE + VECTORS * 16; at += 4) bus.writeMemory(at, 0xffffffff);
    expect(bus.readMemory(TABLE + 12)).toBe(1);
    setMask(0, false);
    expect(signal(0)).toBe(true);
    expect(bus.memory.messages).toEqual([]);
    expect(fn.status & 0x2000).toBe(0x2000);
  });

  it('ignores writes that are unaligned or narrower than 4 bytes', () => {
    const { bus } = withMsix();
    bus.writeMemory(TABLE + 12, 0, 1);
    bus.writeMemory(TABLE + 12, 0, 2);
    bus.writeMemory(TABLE + 10, 0, 4);
    bus.writeMemory(TABLE + 13, 0, 4);
    expect(bus.readMemory(TABLE + 12)).toBe(1);
    expect(bus.readMemory(TABLE + 8)).toBe(0x100);
    expect(bus.readMemory(TABLE + 8, 2)).toBe(0x100);
    expect(bus.readMemory(TABLE + 9, 1)).toBe(0x01);
  });

  it('clears the low two bits of the address at delivery', () => {
    const { bus, setMask, signal } = withMsix();
    bus.writeMemory(TABLE, DOORBELL | 3);
    setMask(0, false);
    signal(0);
    expect(bus.memory.messages).toEqual([0x100]);
  });
});

describe('an MSI-X vector', () => {
  it('that is unmasked is sent at once, with all 32 bits of its data', () => {
    const { bus, setMask, signal } = withMsix();
    bus.writeMemory(TABLE + 69 * 16 + 8, 0x8000_0001);
    setMask(69, false);
    expect(signal(69)).toBe(true);
    expect(bus.memory.messages).toEqual([0x8000_0001]);
  });

  it('that is masked becomes pending and is sent once when it is unmasked', () => {
    const { bus, setMask, signal } = withMsix();
    signal(65);
    signal(65);
    expect(bus.memory.messages).toEqual([]);
    expect(bus.readMemory64(PBA)).toBe(0n);
    expect(bus.readMemory64(PBA + 8)).toBe(2n);
    setMask(65, false);
    expect(bus.memory.messages).toEqual([0x100 + 65]);
    expect(bus.readMemory64(PBA + 8)).toBe(0n);
    setMask(65, true);
    setMask(65, false);
    expect(bus.memory.messages).toEqual([0x100 + 65]);
  });

  it('waits for the function mask', () => {
    const { bus, fn, control, setMask, signal } = withMsix();
    setMask(3, false);
    fn.write(control, 0xc000, 2);
    signal(3);
    signal(4);
    expect(bus.readMemory(PBA)).toBe(0b11000);
    fn.write(control, 0x8000, 2);
    expect(bus.memory.messages).toEqual([0x103]);
    expect(bus.readMemory(PBA)).toBe(0b10000);
  });

  it('stays pending while MSI-X is disabled or bus master is off', () => {
    const { bus, fn, control, setMask, signal } = withMsix();
    signal(6);
    signal(7);
    fn.write(control, 0, 2);
    setMask(6, false);
    expect(bus.memory.messages).toEqual([]);
    fn.write(control, 0x8000, 2);
    expect(bus.memory.messages).toEqual([0x106]);
    fn.command = MEMORY;
    setMask(7, false);
    expect(bus.readMemory(PBA)).toBe(0x80);
    fn.command = MEMORY | MASTER;
    expect(bus.memory.messages).toEqual([0x106, 0x107]);
  });

  it('is refused while MSI-X is disabled, bus master is off, or there is no such vector', () => {
    const { bus, fn, control, setMask, signal } = withMsix();
    setMask(0, false);
    expect(signal(VECTORS)).toBe(false);
    fn.command = MEMORY;
    expect(signal(0)).toBe(false);
    fn.command = MEMORY | MASTER;
    fn.write(control, 0, 2);
    expect(signal(0)).toBe(false);
    expect(bus.memory.messages).toEqual([]);
  });

  it('tells the endpoint when its mask changes, and only then', () => {
    const { endpoint, setMask } = withMsix();
    setMask(5, true);
    setMask(5, false);
    setMask(5, false);
    setMask(5, true);
    expect(endpoint.takeChanges()).toEqual([
      { kind: 'vector', vector: 5, masked: false },
      { kind: 'vector', vector: 5, masked: true },
    ]);
  });
});

describe('the pending bit array', () => {
  it('can not be written', () => {
    const { bus, signal } = withMsix();
    signal(1);
    bus.writeMemory(PBA, 0xffffffff);
    bus.writeMemory64(PBA, 0n);
    expect(bus.readMemory(PBA)).toBe(2);
  });
});
