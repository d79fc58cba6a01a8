import { describe, expect, test } from 'vitest';
import { VirtioNet } from '../../../src/devices/virtio/net.ts';
import { HostClock } from '../../../src/machine/clock.ts';
import type { NetworkBackend } from '../../../src/ports/network.ts';
import { MmioRegisters, negotiate, PciRegisters, QueueDriver, RAM_BASE, type Registers } from './driver.ts';

const MAC = Uint8Array.of(0x52, 0x54, 0, 1, 2, 3);
const HEADER = 12;

class Wire implements NetworkBackend {
  readonly name = 'wire';
  readonly sent: Uint8Array[] = [];
  async connect(): Promise<void> {}
  send(frame: Uint8Array): void {
    this.sent.push(frame.slice());
  }
  async close(): Promise<void> {}
}

class Card {
  readonly wire = new Wire();
  readonly clock = new HostClock(() => 0);
  readonly device = new VirtioNet({ network: this.wire, mac: MAC, clock: this.clock });
  readonly registers: Registers;
  readonly receive: QueueDriver;
  readonly transmit: QueueDriver;

  constructor(make: (device: VirtioNet) => Registers = (device) => new MmioRegisters(device)) {
    this.registers = make(this.device);
    negotiate(this.registers, 0xff_ffffn);
    this.receive = new QueueDriver(this.registers, 0, 8, RAM_BASE, 0x6000);
    this.transmit = new QueueDriver(this.registers, 1, 8, RAM_BASE + 0x6000, 0x4000);
  }

  started(): this {
    this.registers.status = 15;
    return this;
  }

  /** A frame from the network reaches the guest between two instructions. */
  arrive(frame: Uint8Array): boolean {
    const taken = this.device.receive(frame);
    this.clock.runDue();
    return taken;
  }
}

const frameOf = (length: number, fill = 0x5a): Uint8Array => new Uint8Array(length).fill(fill);

describe.each([
  ['virtio-mmio', (device: VirtioNet) => new MmioRegisters(device)],
  ['virtio-pci with MSI-X', (device: VirtioNet) => new PciRegisters(device, true)],
] as const)('a network card (Virtio 1.1 5.1) by %s', (_name, make) => {
  test('has the address that it was given, and its link is up', () => {
    const { registers } = new Card(make);
    expect([0, 1, 2, 3, 4, 5].map((at) => registers.readConfig(at, 1))).toEqual([...MAC]);
    expect(registers.readConfig(6, 2)).toBe(1);
    expect(registers.readConfig(10, 2)).toBe(1500);
  });

  test('sends a frame without its header, from any number of buffers', () => {
    const { registers, transmit, wire } = new Card(make).started();
    transmit.add([new Uint8Array(HEADER), frameOf(14, 1), frameOf(46, 2)], []);
    transmit.add([new Uint8Array(HEADER + 60).fill(3)], []);
    transmit.notify();
    expect(wire.sent.map((frame) => [frame.length, frame[0], frame[20]])).toEqual([
      [60, 1, 2],
      [60, 3, 3],
    ]);
    expect(transmit.takeUsed().map(({ written }) => written)).toEqual([0, 0]);
    expect(registers.takeInterrupts()).toContain('queue');
  });

  test('gives a frame to the driver with a header that counts one buffer', () => {
    const card = new Card(make).started();
    card.receive.add([], [HEADER + 1514]);
    expect(card.arrive(frameOf(60))).toBe(true);
    const [{ bytes }] = card.receive.takeUsed();
    expect([...bytes.subarray(0, HEADER)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(bytes.subarray(HEADER)).toEqual(frameOf(60));
    expect(card.registers.takeInterrupts()).toContain('queue');
  });
});

describe('frames for the guest', () => {
  test('wait for buffers in their order, 512 at most', () => {
    const card = new Card().started();
    for (let i = 0; i < 512; i++) expect(card.arrive(frameOf(60, i & 255))).toBe(true);
    expect(card.arrive(frameOf(60))).toBe(false);
    card.receive.add([], [HEADER + 1514]);
    card.receive.add([], [HEADER + 1514]);
    card.receive.notify();
    expect(card.receive.takeUsed().map(({ bytes }) => bytes[HEADER])).toEqual([0, 1]);
    expect(card.arrive(frameOf(60))).toBe(true);
  });

  test('are not taken before the driver is ready, nor after a reset', () => {
    const card = new Card();
    expect(card.arrive(frameOf(60))).toBe(false);
    card.started();
    expect(card.arrive(frameOf(60))).toBe(true);
    card.registers.status = 0;
    expect(card.arrive(frameOf(60))).toBe(false);
    expect(card.device.saveState().waiting).toEqual([]);
  });

  test('that are larger than the buffer are lost, the buffer is not', () => {
    const card = new Card().started();
    card.receive.add([], [40]);
    card.arrive(frameOf(60));
    expect(card.receive.takeUsed()).toMatchObject([{ written: 0 }]);
    expect(card.arrive(frameOf(1515))).toBe(false);
  });

  test('do not reach the guest while its time stands still', () => {
    const card = new Card().started();
    card.receive.add([], [HEADER + 1514]);
    card.device.receive(frameOf(60));
    expect(card.receive.takeUsed()).toEqual([]);
    card.clock.runDue();
    expect(card.receive.takeUsed()).toHaveLength(1);
  });

  test('that wait are saved and restored', () => {
    const card = new Card().started();
    card.arrive(frameOf(60, 7));
    const other = new Card();
    other.device.restoreState(structuredClone(card.device.saveState()));
    other.started();
    other.receive.add([], [HEADER + 1514]);
    other.receive.notify();
    expect(other.receive.takeUsed()[0].bytes[HEADER]).toBe(7);
  });
});

test('what is no Ethernet frame is not sent, and its buffer comes back', () => {
  const { transmit, wire } = new Card().started();
  for (const length of [1, HEADER, HEADER + 13, HEADER + 1515]) transmit.add([new Uint8Array(length)], []);
  transmit.notify();
  expect(wire.sent).toEqual([]);
  expect(transmit.takeUsed()).toHaveLength(4);
});
