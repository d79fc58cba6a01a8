import { describe, expect, it } from 'vitest';
import { DOORBELL, INTX_DISABLE, MASTER, TestBus, TestEndpoint } from './support.ts';

const INTERRUPT_STATUS = 0x0008;

function plugged(device: number, pin: 1 | 2 | 3 | 4, bus = new TestBus()) {
  const endpoint = new TestEndpoint({
    interruptPin: pin,
    powerManagement: true,
    msi: { vectors: 1, is64Bit: true, maskable: false },
  });
  const fn = bus.plug(endpoint, device);
  return { bus, endpoint, fn, setIntx: endpoint.port.setIntx };
}

describe('the interrupt pin', () => {
  it('is routed by device number and pin: the rotation of the device tree of `virt`', () => {
    for (const [device, pin, line] of [
      [1, 1, 1],
      [1, 2, 2],
      [1, 4, 0],
      [2, 1, 2],
      [3, 1, 3],
      [3, 2, 0],
      [4, 1, 0],
      [31, 4, 2],
    ] as const) {
      const { bus, setIntx } = plugged(device, pin);
      setIntx(true);
      expect(bus.lines.map(Number)).toEqual([0, 1, 2, 3].map((n) => (n === line ? 1 : 0)));
      setIntx(false);
      expect(bus.lines).toEqual([false, false, false, false]);
    }
  });

  it('shares its line: the line falls when the last function lets go (wired-OR, PCI 3.0 2.2.6)', () => {
    const bus = new TestBus();
    const a = plugged(1, 1, bus);
    const b = plugged(5, 1, bus);
    const other = plugged(2, 1, bus);
    a.setIntx(true);
    b.setIntx(true);
    other.setIntx(true);
    a.setIntx(true);
    a.setIntx(false);
    expect(bus.lines).toEqual([false, true, true, false]);
    b.setIntx(false);
    expect(bus.lines).toEqual([false, false, true, false]);
    expect(bus.takeLineChanges()).toEqual(['1 high', '2 high', '1 low']);
  });

  it('of a function without one drives nothing', () => {
    const bus = new TestBus();
    const endpoint = new TestEndpoint();
    const fn = bus.plug(endpoint);
    endpoint.port.setIntx(true);
    expect(bus.takeLineChanges()).toEqual([]);
    expect(fn.status & INTERRUPT_STATUS).toBe(0);
  });
});

describe('Interrupt Disable (PCI 3.0 6.2.2)', () => {
  it('keeps the pin down, and leaves Interrupt Status to show what is pending', () => {
    const { bus, fn, setIntx } = plugged(1, 1);
    fn.command = INTX_DISABLE;
    setIntx(true);
    expect(bus.lines[1]).toBe(false);
    expect(fn.status & INTERRUPT_STATUS).toBe(INTERRUPT_STATUS);
    fn.command = 0;
    expect(bus.lines[1]).toBe(true);
    fn.command = INTX_DISABLE;
    expect(bus.lines[1]).toBe(false);
    setIntx(false);
    fn.command = 0;
    expect(bus.lines[1]).toBe(false);
    expect(fn.status & INTERRUPT_STATUS).toBe(0);
  });

  it('does not let software write Interrupt Status', () => {
    const { fn, setIntx } = plugged(1, 1);
    setIntx(true);
    fn.write(6, 0xffff, 2);
    expect(fn.status & INTERRUPT_STATUS).toBe(INTERRUPT_STATUS);
  });
});

describe('with MSI enabled (PCI 3.0 6.8.1.3)', () => {
  it('the function may not use its pin', () => {
    const { bus, endpoint, fn, setIntx } = plugged(1, 1);
    const at = fn.capability(0x05);
    setIntx(true);
    expect(bus.lines[1]).toBe(true);
    fn.write(at + 2, 1, 2);
    expect(endpoint.port.msiEnabled).toBe(true);
    expect(bus.lines[1]).toBe(false);
    fn.write(at + 2, 0, 2);
    expect(endpoint.port.msiEnabled).toBe(false);
    expect(bus.lines[1]).toBe(true);
  });
});

describe('the end of an interrupt', () => {
  it('is told to the functions that drive the line, and to no others', () => {
    const bus = new TestBus();
    const driving = plugged(1, 1, bus);
    const quiet = plugged(5, 1, bus);
    const disabled = plugged(9, 1, bus);
    const elsewhere = plugged(2, 1, bus);
    disabled.fn.command = INTX_DISABLE;
    for (const { setIntx } of [driving, disabled, elsewhere]) setIntx(true);
    for (const { endpoint } of [driving, quiet, disabled, elsewhere]) endpoint.takeChanges();
    bus.bridge.intxEndOfInterrupt(1);
    expect(driving.endpoint.takeChanges()).toEqual([{ kind: 'intx-eoi' }]);
    expect(quiet.endpoint.takeChanges()).toEqual([]);
    expect(disabled.endpoint.takeChanges()).toEqual([]);
    expect(elsewhere.endpoint.takeChanges()).toEqual([]);
  });

  it('lets an endpoint lower its pin and raise it again, which the line shows', () => {
    const bus = new TestBus();
    const { endpoint, setIntx } = plugged(1, 1, bus);
    endpoint.configChanged = (change) => {
      if (change.kind !== 'intx-eoi') return;
      setIntx(false);
      setIntx(true);
    };
    setIntx(true);
    bus.bridge.intxEndOfInterrupt(1);
    expect(bus.takeLineChanges()).toEqual(['1 high', '1 low', '1 high']);
  });
});

describe('D3hot (PCI Power Management 1.2)', () => {
  const D3HOT = 3;

  it('is entered and left by PowerState, and reported', () => {
    const { endpoint, fn } = plugged(1, 1);
    const pmcsr = fn.capability(0x01) + 4;
    fn.write(pmcsr, D3HOT, 2);
    expect(fn.read(pmcsr, 2) & 3).toBe(3);
    fn.write(pmcsr, D3HOT, 2);
    fn.write(pmcsr, 0, 2);
    expect(endpoint.takeChanges()).toEqual([
      { kind: 'power', state: 3 },
      { kind: 'power', state: 0 },
    ]);
  });

  it('a write of a state that is not supported is discarded (3.2.4)', () => {
    const { endpoint, fn } = plugged(1, 1);
    const pmcsr = fn.capability(0x01) + 4;
    for (const state of [1, 2]) fn.write(pmcsr, state, 2);
    expect(fn.read(pmcsr, 2) & 3).toBe(0);
    fn.write(pmcsr, D3HOT, 2);
    fn.write(pmcsr, 1, 2);
    expect(fn.read(pmcsr, 2) & 3).toBe(3);
    expect(endpoint.takeChanges()).toEqual([{ kind: 'power', state: 3 }]);
  });

  it('lets the function answer configuration accesses only: no BAR, no DMA, no interrupt (5.4.1)', () => {
    const bus = new TestBus();
    const endpoint = new TestEndpoint({
      interruptPin: 1,
      powerManagement: true,
      bars: [
        { index: 0, kind: 'memory32', size: 0x1000 },
        { index: 1, kind: 'io', size: 16 },
      ],
    });
    const fn = bus.plug(endpoint);
    fn.write(0x10, 0x1000_0000);
    fn.write(0x14, 0x1000);
    fn.command = 7;
    endpoint.port.setIntx(true);
    fn.write(fn.capability(0x01) + 4, D3HOT, 2);
    expect(bus.readMemory(0x1000_0000)).toBe(0xffffffff);
    expect(bus.readIo(0x1000)).toBe(0xffffffff);
    expect(endpoint.port.dma.read(0x4000_0000, new Uint8Array(4))).toBe(false);
    expect(bus.lines[1]).toBe(false);
    expect(fn.read(0)).toBe(0x1234abcd);
    expect(endpoint.accesses).toEqual([]);
  });

  it('keeps the configuration, since No_Soft_Reset is set (3.2.4)', () => {
    const { bus, endpoint, fn } = plugged(1, 1);
    const pm = fn.capability(0x01);
    const msi = fn.capability(0x05);
    fn.command = MASTER;
    fn.write(msi + 4, DOORBELL);
    fn.write(msi + 12, 0x51, 2);
    fn.write(msi + 2, 1, 2);
    fn.write(pm + 4, D3HOT, 2);
    expect(endpoint.port.signalMsi(0)).toBe(false);
    fn.write(pm + 4, 0, 2);
    expect(fn.read(pm + 4, 2)).toBe(0x0008);
    expect(endpoint.port.signalMsi(0)).toBe(true);
    expect(bus.memory.messages).toEqual([0x51]);
    expect(endpoint.resets).toBe(0);
  });
});
