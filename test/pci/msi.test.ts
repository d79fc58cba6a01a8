import { describe, expect, it } from 'vitest';
import { EndpointError } from '../../src/errors.ts';
import type { FunctionDescription } from '../../src/pci/endpoint.ts';
import { DOORBELL, MASTER, RAM_BASE, TestBus, TestEndpoint } from './support.ts';

type MsiDescription = NonNullable<FunctionDescription['msi']>;

const CONTROL = 2;
const ENABLE = 1;

/** An endpoint with MSI whose message goes to the doorbell with data 0x50, enabled for `allocate` vectors. */
function withMsi(msi: MsiDescription, allocate = 1) {
  const bus = new TestBus();
  const endpoint = new TestEndpoint({ msi, interruptPin: 1 });
  const fn = bus.plug(endpoint);
  const at = fn.capability(0x05);
  const data = msi.is64Bit ? 12 : 8;
  fn.command = MASTER;
  fn.write(at + 4, DOORBELL);
  fn.write(at + data, 0x50, 2);
  fn.write(at + CONTROL, (Math.log2(allocate) << 4) | ENABLE, 2);
  endpoint.takeChanges();
  return {
    bus,
    endpoint,
    fn,
    at,
    mask: at + data + 4,
    pending: at + data + 8,
    signal: endpoint.port.signalMsi,
  };
}

const plain: MsiDescription = { vectors: 1, is64Bit: true, maskable: false };
const four: MsiDescription = { vectors: 4, is64Bit: true, maskable: true };

describe('the MSI capability (PCI 3.0 6.8.1)', () => {
  it.each([
    [{ vectors: 1, is64Bit: false, maskable: false }, 0x0000],
    [{ vectors: 1, is64Bit: true, maskable: false }, 0x0080],
    [{ vectors: 8, is64Bit: false, maskable: true }, 0x0106],
    [{ vectors: 32, is64Bit: true, maskable: true }, 0x018a],
  ])('states vectors, address width and masking of %o in message control', (msi, control) => {
    const fn = new TestBus().plug(new TestEndpoint({ msi }));
    expect(fn.read(fn.capability(0x05) + CONTROL, 2)).toBe(control);
  });

  it.each([
    [{ vectors: 2, is64Bit: false, maskable: false }, [0x0073_0005, 0xfffffffc, 0x0000ffff]],
    [
      { vectors: 4, is64Bit: true, maskable: true },
      [0x01f5_0005, 0xfffffffc, 0xffffffff, 0x0000ffff, 0x0000000f, 0x00000000],
    ],
  ])('has the writable bits of the format for %o', (msi, expected) => {
    const fn = new TestBus().plug(new TestEndpoint({ msi }));
    const at = fn.capability(0x05);
    for (let i = 0; i < expected.length; i++) fn.write(at + 4 * i, 0xffffffff);
    expect(expected.map((_, i) => fn.read(at + 4 * i))).toEqual(expected);
  });

  it('refuses a number of vectors that is no power of two up to 32', () => {
    for (const vectors of [0, 3, 64]) {
      expect(() => new TestBus().plug(new TestEndpoint({ msi: { ...plain, vectors } }))).toThrow(
        EndpointError,
      );
    }
  });
});

describe('an MSI', () => {
  it('is a write of the data word to the address, under the requester ID', () => {
    const { bus, signal } = withMsi(plain);
    expect(signal(0)).toBe(true);
    expect(bus.memory.messages).toEqual([0x50]);
    expect(bus.memory.streams).toEqual([8]);
  });

  it('goes to memory when software says so', () => {
    const { bus, fn, at, signal } = withMsi(plain);
    fn.write(at + 4, RAM_BASE + 0x10);
    signal(0);
    expect([...bus.memory.ram.subarray(0x10, 0x14)]).toEqual([0x50, 0, 0, 0]);
  });

  it('uses the upper address', () => {
    const { bus, fn, at, signal } = withMsi(plain);
    fn.write(at + 8, 1);
    signal(0);
    expect(bus.memory.messages).toEqual([]);
    expect(fn.status & 0x2000).toBe(0x2000);
  });

  it('is not sent while MSI is disabled', () => {
    const { bus, endpoint, fn, at, signal } = withMsi(plain);
    fn.write(at + CONTROL, 0, 2);
    expect(endpoint.port.msiEnabled).toBe(false);
    expect(signal(0)).toBe(false);
    expect(bus.memory.messages).toEqual([]);
  });

  it('is not sent, nor later, while bus master is off', () => {
    const { bus, fn, signal } = withMsi(four, 4);
    fn.command = 0;
    expect(signal(0)).toBe(false);
    fn.command = MASTER;
    expect(bus.memory.messages).toEqual([]);
  });

  it('has the vector in the low bits of the data, as many as were allocated', () => {
    const { bus, fn, at, signal } = withMsi(four, 4);
    fn.write(at + 12, 0x53, 2);
    for (let vector = 0; vector < 4; vector++) signal(vector);
    expect(bus.memory.messages).toEqual([0x50, 0x51, 0x52, 0x53]);
  });

  it('shares fewer messages than the function has vectors', () => {
    const { bus, signal } = withMsi(four, 2);
    for (let vector = 0; vector < 4; vector++) signal(vector);
    expect(bus.memory.messages).toEqual([0x50, 0x51, 0x50, 0x51]);
  });

  it('can not be allocated more often than the function has vectors', () => {
    const { endpoint, fn, at } = withMsi(four);
    fn.write(at + CONTROL, (7 << 4) | ENABLE, 2);
    expect(endpoint.takeChanges()).toEqual([{ kind: 'msi', enabled: true, vectors: 4 }]);
  });

  it('of a vector that the function does not have is refused', () => {
    const { bus, signal } = withMsi(four, 4);
    expect(signal(4)).toBe(false);
    expect(signal(-1)).toBe(false);
    expect(bus.memory.messages).toEqual([]);
  });
});

describe('per-vector masking (PCI 3.0 6.8.1.7, 6.8.1.8)', () => {
  it('holds a masked vector back as pending and sends it once when it is unmasked', () => {
    const { bus, fn, mask, pending, signal } = withMsi(four, 4);
    fn.write(mask, 0b0100);
    expect(signal(2)).toBe(true);
    expect(signal(2)).toBe(true);
    expect(signal(1)).toBe(true);
    expect(bus.memory.messages).toEqual([0x51]);
    expect(fn.read(pending)).toBe(0b0100);
    fn.write(mask, 0);
    expect(bus.memory.messages).toEqual([0x51, 0x52]);
    expect(fn.read(pending)).toBe(0);
  });

  it('keeps what is pending until the function may master the bus again', () => {
    const { bus, fn, mask, pending, signal } = withMsi(four, 4);
    fn.write(mask, 0b0001);
    signal(0);
    fn.command = 0;
    fn.write(mask, 0);
    expect(bus.memory.messages).toEqual([]);
    expect(fn.read(pending)).toBe(1);
    fn.command = MASTER;
    expect(bus.memory.messages).toEqual([0x50]);
  });

  it('keeps what is pending while MSI is disabled, and sends it once MSI is on again', () => {
    const { bus, fn, at, mask, signal } = withMsi(four, 4);
    fn.write(mask, 0b0001);
    signal(0);
    fn.write(at + CONTROL, 0, 2);
    fn.write(mask, 0);
    expect(bus.memory.messages).toEqual([]);
    fn.write(at + CONTROL, (2 << 4) | ENABLE, 2);
    expect(bus.memory.messages).toEqual([0x50]);
  });

  it('tells the endpoint which vectors changed', () => {
    const { endpoint, fn, mask } = withMsi(four, 4);
    fn.write(mask, 0b1010);
    fn.write(mask, 0b0010);
    expect(endpoint.takeChanges()).toEqual([
      { kind: 'vector', vector: 1, masked: true },
      { kind: 'vector', vector: 3, masked: true },
      { kind: 'vector', vector: 3, masked: false },
    ]);
  });

  it('works with 32 vectors', () => {
    const { bus, fn, mask, pending, signal } = withMsi({ vectors: 32, is64Bit: false, maskable: true }, 32);
    fn.write(mask, 0xffffffff);
    signal(31);
    expect(fn.read(pending)).toBe(0x80000000);
    fn.write(mask, 0x7fffffff);
    expect(bus.memory.messages).toEqual([0x40 | 31]);
  });
});
