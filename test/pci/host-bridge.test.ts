import { describe, expect, it } from 'vitest';
import { EndpointError } from '../../src/errors.ts';
import { edu } from '../../src/pci/edu.ts';
import type { BarDescription, FunctionDescription } from '../../src/pci/endpoint.ts';
import { firstThatDoesNotFit } from '../../src/pci/window-fit.ts';
import {
  cpu,
  DOORBELL,
  INTX_DISABLE,
  MASTER,
  MEMORY,
  MEMORY_WINDOW,
  TestBus,
  TestEndpoint,
} from './support.ts';

const memoryBar = (size: number): Partial<FunctionDescription> => ({
  bars: [{ index: 0, kind: 'memory64', size }],
});

describe('ECAM (PCIe 3.0 7.2.2)', () => {
  it('has the host bridge at 00:00.0, a function without BARs', () => {
    const { bridge } = new TestBus();
    expect(bridge.ecam.read(0, 4, cpu)).toBe(0x00081b36);
    expect(bridge.ecam.read(8, 4, cpu)).toBe(0x06000000);
    expect(bridge.ecam.read(0x2c, 4, cpu)).toBe(0x11001af4);
    bridge.ecam.write(0x10, 4, 0xffffffff, cpu);
    expect(bridge.ecam.read(0x10, 4, cpu)).toBe(0);
  });

  it('reads all ones, in every width, where no function is: other devices, functions and buses', () => {
    const bus = new TestBus();
    bus.plug(new TestEndpoint(), 3);
    for (const [busNumber, device, fn] of [
      [0, 1, 0],
      [0, 3, 1],
      [0, 0, 7],
      [1, 0, 0],
      [1, 3, 0],
      [15, 31, 7],
    ]) {
      const offset = (busNumber << 20) | (device << 15) | (fn << 12);
      expect(bus.bridge.ecam.read(offset, 4, cpu)).toBe(0xffffffff);
      expect(bus.bridge.ecam.read(offset, 2, cpu)).toBe(0xffff);
      expect(bus.bridge.ecam.read(offset, 1, cpu)).toBe(0xff);
      bus.bridge.ecam.write(offset, 4, 0, cpu);
    }
    expect(bus.bridge.ecam.read(3 << 15, 4, cpu)).toBe(0x1234abcd);
  });

  it('reads all ones across the end of a function', () => {
    const bus = new TestBus();
    const fn = bus.plug(new TestEndpoint({ pcie: true }));
    expect(fn.read(0xffd, 4)).toBe(0xffffffff);
    fn.write(0xffd, 0, 4);
  });
});

describe('plugging endpoints in', () => {
  it('chooses the lowest free device number, and takes the one that is asked for', () => {
    const { bridge } = new TestBus();
    expect(bridge.plug(new TestEndpoint(), 2)).toBe('00:02.0');
    expect(bridge.plug(new TestEndpoint())).toBe('00:01.0');
    expect(bridge.plug(new TestEndpoint())).toBe('00:03.0');
    expect(bridge.plug(new TestEndpoint(), 31)).toBe('00:1f.0');
  });

  it('refuses a number that is taken, impossible, or the host bridge, and a bus that is full', () => {
    const { bridge } = new TestBus();
    bridge.plug(new TestEndpoint({}, 'first'), 4);
    expect(() => bridge.plug(new TestEndpoint(), 4)).toThrow(/first is at 00:04.0/);
    for (const device of [0, 32, -1, 1.5])
      expect(() => bridge.plug(new TestEndpoint(), device)).toThrow(EndpointError);
    for (let i = 0; i < 30; i++) bridge.plug(new TestEndpoint());
    expect(() => bridge.plug(new TestEndpoint())).toThrow(/no free slot/);
  });

  it('refuses the same endpoint twice', () => {
    const { bridge } = new TestBus();
    const endpoint = edu();
    bridge.plug(endpoint);
    expect(() => bridge.plug(endpoint)).toThrow(EndpointError);
  });

  it('refuses a BAR that no place in the window holds, with BAR, window and remedy', () => {
    const { bridge } = new TestBus();
    let error: unknown;
    try {
      bridge.plug(new TestEndpoint(memoryBar(2 ** 34), 'gpu'));
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(EndpointError);
    expect((error as EndpointError).message).toMatch(/gpu.*16 GiB.*0x10000000-0x3efeffff/);
    expect((error as EndpointError).remedy).toMatch(/resizable BAR/);
    expect(bridge.describeBus()).toHaveLength(1);
  });

  it('refuses 512 MiB, which would fit the window unaligned only, and a third 256 MiB', () => {
    const { bridge } = new TestBus();
    expect(() => bridge.plug(new TestEndpoint(memoryBar(2 ** 29)))).toThrow(EndpointError);
    bridge.plug(new TestEndpoint(memoryBar(2 ** 28)));
    bridge.plug(new TestEndpoint(memoryBar(2 ** 28)));
    expect(() => bridge.plug(new TestEndpoint(memoryBar(2 ** 28)))).toThrow(
      /beside those of the other devices/,
    );
  });

  it('refuses I/O BARs beyond the I/O window', () => {
    const { bridge } = new TestBus();
    expect(() => bridge.plug(new TestEndpoint({ bars: [{ index: 0, kind: 'io', size: 0x2_0000 }] }))).toThrow(
      /I\/O/,
    );
  });

  it('finds room for small BARs in the gaps between large ones', () => {
    const window = { base: 0x1800, size: 0x2000 };
    expect(firstThatDoesNotFit([0x800, 0x1000, 0x800], window)).toBeUndefined();
    expect(firstThatDoesNotFit([0x800, 0x1000, 0x800, 0x10], window)).toBe(0x10);
    expect(firstThatDoesNotFit([0x2000], window)).toBe(0x2000);
    expect(firstThatDoesNotFit([0x1000, 0x2000], { base: 0x2000, size: 0x3000 })).toBeUndefined();
  });
});

describe('what the bus decodes', () => {
  function decoding() {
    const bus = new TestBus();
    const endpoint = new TestEndpoint({
      bars: [{ index: 0, kind: 'memory32', size: 0x4000 }],
      msix: { vectors: 2, tableBar: 0, tableOffset: 0x1000, pbaBar: 0, pbaOffset: 0x2000 },
      pcie: true,
      functionLevelReset: true,
      powerManagement: true,
    });
    const fn = bus.plug(endpoint);
    const log: string[] = [];
    bus.bridge.whenDecodingChanged(() => {
      const [first] = bus.bridge.memoryRanges(MEMORY_WINDOW.base, MEMORY_WINDOW.base + MEMORY_WINDOW.size);
      log.push(`${first?.start.toString(16)}, told of ${endpoint.changes.length}, ${endpoint.resets} resets`);
    });
    fn.write(0x10, 0x1010_0000);
    fn.command = MEMORY;
    return { bus, endpoint, fn, log };
  }

  it('is listed by bus address, without an endpoint where the bus itself answers for it', () => {
    const { bus, endpoint } = decoding();
    const list = (start: number, end: number) =>
      bus.bridge
        .memoryRanges(start, end)
        .map((range) => [range.start, range.end, range.base, range.endpoint === endpoint]);
    const base = 0x1010_0000;
    const first = [base, base + 0x1000, base, true];
    const table = [base + 0x1000, base + 0x1020, base, false];
    expect(list(0, 2 ** 32)).toEqual([
      first,
      table,
      [base + 0x1020, base + 0x2000, base, true],
      [base + 0x2000, base + 0x2008, base, false],
      [base + 0x2008, base + 0x4000, base, true],
    ]);
    expect(list(base, base + 0x1000)).toEqual([first]);
    expect(list(base + 0xfff, base + 0x1001)).toEqual([first, table]);
    expect(list(base - 0x1000, base)).toEqual([]);
    expect(list(base + 0x4000, base + 0x5000)).toEqual([]);
  });

  it('is told to a listener before the endpoint hears why it is less: decoding off, D3hot, a reset', () => {
    const { bus, fn, log } = decoding();
    fn.write(0x10, 0x1020_0000);
    fn.command = 0;
    fn.command = MEMORY;
    fn.write(fn.capability(0x01) + 4, 3, 2);
    fn.write(fn.capability(0x01) + 4, 0, 2);
    bus.bridge.reset();
    expect(log).toEqual([
      'undefined, told of 0, 0 resets',
      '10100000, told of 0, 0 resets',
      '10200000, told of 1, 0 resets',
      'undefined, told of 1, 0 resets',
      '10200000, told of 2, 0 resets',
      'undefined, told of 3, 0 resets',
      '10200000, told of 4, 0 resets',
      // The bridge's own function, and this one.
      '10200000, told of 5, 0 resets',
      'undefined, told of 5, 0 resets',
    ]);
  });
});

describe('unplugging an endpoint', () => {
  it('leaves all ones behind, lowers its pin and cuts its way to memory', () => {
    const bus = new TestBus();
    const endpoint = new TestEndpoint({ ...memoryBar(0x1000), interruptPin: 1 });
    const fn = bus.plug(endpoint);
    fn.write(0x10, 0x1000_0000);
    fn.command = MEMORY | MASTER;
    const { port } = endpoint;
    port.setIntx(true);
    bus.bridge.unplug(endpoint);
    expect(fn.read(0)).toBe(0xffffffff);
    expect(bus.readMemory(0x1000_0000)).toBe(0xffffffff);
    expect(bus.lines).toEqual([false, false, false, false]);
    port.setIntx(true);
    expect(bus.lines).toEqual([false, false, false, false]);
    expect(port.dma.read(0x4000_0000, new Uint8Array(4))).toBe(false);
    expect(port.signalMsi(0)).toBe(false);
    expect(endpoint.accesses).toEqual(['detach']);
  });

  it('frees its device number', () => {
    const { bridge } = new TestBus();
    const endpoint = new TestEndpoint();
    bridge.plug(endpoint);
    bridge.unplug(endpoint);
    bridge.unplug(endpoint);
    expect(bridge.plug(endpoint)).toBe('00:01.0');
  });
});

describe('a reset', () => {
  const description: Partial<FunctionDescription> = {
    bars: [{ index: 0, kind: 'memory32', size: 0x4000 }],
    interruptPin: 1,
    pcie: true,
    functionLevelReset: true,
    powerManagement: true,
    msix: { vectors: 2, tableBar: 0, tableOffset: 0, pbaBar: 0, pbaOffset: 0x1000 },
  };

  function busy() {
    const bus = new TestBus();
    const endpoint = new TestEndpoint(description);
    const fn = bus.plug(endpoint);
    const fresh = Array.from({ length: 1024 }, (_, i) => fn.read(4 * i));
    fn.write(0x10, 0x1000_0000);
    fn.write(0x3c, 0x55, 1);
    fn.command = MEMORY | MASTER;
    fn.write(fn.capability(0x11) + 2, 0x8000, 2);
    bus.writeMemory(0x1000_0000, DOORBELL);
    bus.writeMemory(0x1000_0010 + 12, 0);
    endpoint.port.signalMsi(0);
    endpoint.port.setIntx(true);
    endpoint.takeChanges();
    const untouched = () => Array.from({ length: 1024 }, (_, i) => fn.read(4 * i));
    const devctl = fn.capability(0x10) + 8;
    return { bus, endpoint, fn, fresh, untouched, devctl };
  }

  it('of the bus puts configuration, table and endpoint back to their state after power on', () => {
    const { bus, endpoint, fn, fresh, untouched } = busy();
    bus.bridge.reset();
    expect(untouched()).toEqual(fresh);
    expect(endpoint.resets).toBe(1);
    expect(endpoint.takeChanges()).toEqual([{ kind: 'function-reset' }]);
    expect(bus.readMemory(0x1000_0000)).toBe(0xffffffff);
    expect(bus.lines).toEqual([false, false, false, false]);
    fn.write(0x10, 0x1000_0000);
    fn.command = MEMORY;
    expect([0, 12, 0x1c, 0x1000].map((at) => bus.readMemory(0x1000_0000 + at))).toEqual([0, 1, 1, 0]);
  });

  it('of the function by Initiate Function Level Reset does the same (PCIe 3.0 6.6.2)', () => {
    const { endpoint, fn, fresh, untouched, devctl } = busy();
    fn.write(devctl, fn.read(devctl, 2) | 0x8000, 2);
    expect(untouched()).toEqual(fresh);
    expect(endpoint.resets).toBe(1);
    expect(endpoint.takeChanges()).toEqual([{ kind: 'function-reset' }]);
  });

  it('leads out of D3hot', () => {
    const { bus, endpoint, fn } = busy();
    fn.write(fn.capability(0x01) + 4, 3, 2);
    bus.bridge.reset();
    fn.write(0x10, 0x1000_0000);
    fn.command = MEMORY;
    bus.readMemory(0x1000_2000);
    expect(endpoint.accesses).toEqual([`read 0 ${0x2000} 4`]);
  });

  it('is not offered by a function that can not do it', () => {
    const bus = new TestBus();
    const endpoint = new TestEndpoint({ pcie: true });
    const fn = bus.plug(endpoint);
    const at = fn.capability(0x10);
    expect(fn.read(at + 4) & 0x1000_0000).toBe(0);
    fn.write(at + 8, 0xffff, 2);
    expect(fn.read(at + 8, 2)).toBe(0x78ff);
    expect(endpoint.resets).toBe(0);
  });
});

describe('the PCI Express capability (PCIe 3.0 7.8)', () => {
  it('is that of a root complex integrated endpoint with no link', () => {
    const fn = new TestBus().plug(new TestEndpoint({ pcie: true, functionLevelReset: true }));
    const at = fn.capability(0x10);
    expect(fn.read(at + 2, 2)).toBe(0x0092);
    expect(fn.read(at + 4)).toBe(0x1000_8000);
    expect(fn.read(at + 8)).toBe(0x2810);
    for (let offset = 0x0c; offset < 0x3c; offset += 4) expect(fn.read(at + offset)).toBe(0);
  });
});

describe('the listing of the bus', () => {
  it('shows what is there and how the guest configured it, as plain data', () => {
    const bus = new TestBus();
    const bars: BarDescription[] = [
      { index: 0, kind: 'memory64', size: 0x1000, prefetchable: true },
      { index: 2, kind: 'io', size: 64 },
    ];
    const fn = bus.plug(
      new TestEndpoint({ bars, interruptPin: 3, powerManagement: true, revision: 9 }, 'card'),
      5,
    );
    fn.write(0x10, 0x1000_1000);
    fn.command = MEMORY | MASTER | INTX_DISABLE;
    const [bridge, card] = bus.bridge.describeBus();
    expect(bridge).toMatchObject({ address: '00:00.0', vendorId: 0x1b36, classCode: 0x060000, bars: [] });
    expect(card).toEqual({
      address: '00:05.0',
      name: 'card',
      vendorId: 0xabcd,
      deviceId: 0x1234,
      revision: 9,
      classCode: 0x020000,
      subsystemVendorId: 0,
      subsystemId: 0,
      interruptPin: 3,
      busMaster: true,
      powerState: 0,
      bars: [
        { index: 0, kind: 'memory64', prefetchable: true, size: 0x1000, address: 0x1000_1000, enabled: true },
        { index: 2, kind: 'io', prefetchable: false, size: 64, address: 0, enabled: false },
      ],
      capabilities: [{ id: 1, offset: 0x40 }],
    });
    expect(JSON.parse(JSON.stringify(card))).toEqual(card);
  });
});

describe('a saved state', () => {
  it('that is put into a fresh bus makes it answer as the saved one', () => {
    const description: Partial<FunctionDescription> = {
      bars: [{ index: 0, kind: 'memory32', size: 0x2000 }],
      interruptPin: 1,
      msix: { vectors: 2, tableBar: 0, tableOffset: 0, pbaBar: 0, pbaOffset: 0x1000 },
    };
    const [saved, restored] = [new TestBus(), new TestBus()];
    const endpoint = new TestEndpoint(description);
    const fn = saved.plug(endpoint);
    fn.write(0x10, MEMORY_WINDOW.base);
    fn.command = MEMORY | MASTER;
    saved.writeMemory(MEMORY_WINDOW.base, DOORBELL);
    saved.writeMemory(MEMORY_WINDOW.base + 8, 0x99);
    fn.write(fn.capability(0x11) + 2, 0x8000, 2);
    endpoint.port.signalMsi(0);
    endpoint.port.setIntx(true);

    restored.plug(new TestEndpoint(description));
    restored.bridge.restoreState(saved.bridge.saveState());

    expect(restored.readMemory(MEMORY_WINDOW.base + 8)).toBe(0x99);
    restored.writeMemory(MEMORY_WINDOW.base + 12, 0);
    expect(restored.memory.messages).toEqual([0x99]);
  });

  it('knows which pins are asserted, so that a wire falls with the last of them', () => {
    const make = () => [new TestEndpoint({ interruptPin: 1 }), new TestEndpoint({ interruptPin: 1 })];
    const [saved, restored] = [new TestBus(), new TestBus()];
    const endpoints = make();
    for (const [i, endpoint] of endpoints.entries()) saved.bridge.plug(endpoint, 1 + 4 * i);
    for (const endpoint of endpoints) endpoint.port.setIntx(true);
    const others = make();
    for (const [i, endpoint] of others.entries()) restored.bridge.plug(endpoint, 1 + 4 * i);
    restored.bridge.restoreState(saved.bridge.saveState());
    expect(restored.takeLineChanges()).toEqual([]);
    others[0].port.setIntx(false);
    expect(restored.takeLineChanges()).toEqual([]);
    others[1].port.setIntx(false);
    expect(restored.takeLineChanges()).toHaveLength(1);
  });

  it('of a bus with a function that is missing now is refused', () => {
    const [saved, restored] = [new TestBus(), new TestBus()];
    saved.plug(new TestEndpoint({}));
    expect(() => restored.bridge.restoreState(saved.bridge.saveState())).toThrow(
      'no PCI function at 00:01.0',
    );
    restored.plug(new TestEndpoint({}));
    restored.plug(new TestEndpoint({}));
    expect(() => restored.bridge.restoreState(saved.bridge.saveState())).not.toThrow();
  });
});
