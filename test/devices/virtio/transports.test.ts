import { describe, expect, test } from 'vitest';
import { VirtioFeature } from '../../../src/devices/virtio/virtio-device.ts';
import { VirtioMmioRegister as Mmio } from '../../../src/devices/virtio/virtio-mmio.ts';
import { cpu } from '../../pci/support.ts';
import {
  MmioRegisters,
  negotiate,
  PciRegisters,
  QueueDriver,
  RAM_BASE,
  type Registers,
  startedQueue,
} from './driver.ts';
import { EchoDevice } from './echo-device.ts';

const { VERSION_1, RING_EVENT_IDX, RING_INDIRECT_DESC } = VirtioFeature;
const NEEDS_RESET = 64;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const TRANSPORTS: readonly (readonly [string, (device: EchoDevice) => Registers])[] = [
  ['virtio-mmio', (device) => new MmioRegisters(device)],
  ['virtio-pci with INTx', (device) => new PciRegisters(device)],
  ['virtio-pci with MSI-X', (device) => new PciRegisters(device, true)],
];

describe.each(TRANSPORTS)('%s', (_name, make) => {
  function made() {
    const device = new EchoDevice();
    return { device, registers: make(device) };
  }

  test('offers the features of its device, the rings’ and VERSION_1', () => {
    const { registers } = made();
    expect(registers.offeredFeatures()).toBe(0b101n | VERSION_1 | RING_EVENT_IDX | RING_INDIRECT_DESC);
  });

  test('keeps FEATURES_OK off for a feature that was not offered', () => {
    const { registers } = made();
    registers.status = 3;
    registers.acceptFeatures(0b111n | VERSION_1);
    registers.status = 11;
    expect(registers.status).toBe(3);
  });

  test('keeps FEATURES_OK off for a legacy driver, which does not know VERSION_1', () => {
    const { registers } = made();
    registers.status = 3;
    registers.acceptFeatures(0b1n);
    registers.status = 11;
    expect(registers.status).toBe(3);
  });

  test('starts its device with the negotiated features at DRIVER_OK, and not before', () => {
    const { device, registers } = made();
    negotiate(registers, 0b100n);
    expect(device.startedWith).toBeUndefined();
    registers.status = 15;
    expect(device.startedWith).toBe(0b100n | VERSION_1);
  });

  test('does not start a device whose driver skipped FEATURES_OK', () => {
    const { device, registers } = made();
    registers.status = 7;
    expect(registers.status).toBe(3);
    expect(device.startedWith).toBeUndefined();
  });

  test('moves a request through a queue and interrupts the driver', () => {
    const { registers } = made();
    const queue = startedQueue(registers);
    const head = queue.add([bytes(1, 2, 3), bytes(4)], [2, 8]);
    queue.notify();
    expect(queue.takeUsed()).toEqual([{ head, written: 4, bytes: bytes(254, 253, 252, 251) }]);
    expect(registers.takeInterrupts()).toEqual(['queue']);
    expect(registers.takeInterrupts()).toEqual([]);
  });

  test('serves its second queue too, of its own size', () => {
    const { registers } = made();
    negotiate(registers, 0n);
    expect(registers.maxQueueSize(1)).toBe(4);
    expect(registers.maxQueueSize(2)).toBe(0);
    const queue = new QueueDriver(registers, 1, 4, RAM_BASE + 0x4000);
    registers.status = 15;
    queue.add([bytes(0)], [1]);
    queue.notify();
    expect(queue.takeUsed()).toMatchObject([{ written: 1, bytes: bytes(255) }]);
  });

  test('goes round its rings many times, past index 65535', () => {
    const { registers } = made();
    const queue = startedQueue(registers, RING_EVENT_IDX);
    for (let i = 0; i < 66_000; i++) {
      queue.add([bytes(i & 0xff)], [1]);
      if (i % 3 !== 2) continue;
      queue.notify();
      if (queue.takeUsed().length !== 3) throw new Error(`request ${i} was lost`);
    }
    expect(registers.status & NEEDS_RESET).toBe(0);
  });

  test('ignores notifications before DRIVER_OK, of queues that are off, and of queues that are not there', () => {
    const { device, registers } = made();
    negotiate(registers, 0n);
    const queue = new QueueDriver(registers, 0, 8);
    queue.add([bytes(1)], [1]);
    queue.notify();
    registers.status = 15;
    registers.notify(1);
    registers.notify(77);
    expect(device.handled).toBe(0);
    queue.notify();
    expect(device.handled).toBe(1);
  });

  test.each([0, 3, 16])('leaves a queue of %i entries off', (size) => {
    const { registers } = made();
    negotiate(registers, 0n);
    registers.setUpQueue(0, size, RAM_BASE, RAM_BASE + 0x100, RAM_BASE + 0x200);
    expect(registers.isReady(0)).toBe(false);
  });

  test('shows the configuration space of its device in all widths, and zero behind its end', () => {
    const { registers } = made();
    expect(registers.readConfig(0, 4)).toBe(0x44332211);
    expect(registers.readConfig(1, 1)).toBe(0x22);
    expect(registers.readConfig(2, 2)).toBe(0x4433);
    expect(registers.readConfig(4, 4)).toBe(0x55);
    expect(registers.readConfig(0x80, 4)).toBe(0);
  });

  test('hands writes of the configuration space to its device', () => {
    const { device, registers } = made();
    registers.writeConfig(2, 1, 7);
    expect(device.configWrites).toEqual(['2 1 7']);
  });

  test('interrupts for a changed configuration, with another generation', () => {
    const { device, registers } = made();
    startedQueue(registers);
    const before = registers.configGeneration;
    device.port.configChanged();
    expect(registers.configGeneration).not.toBe(before);
    expect(registers.takeInterrupts()).toEqual(['config']);
  });

  test('goes back to its beginning when the driver writes status 0', () => {
    const { device, registers } = made();
    const queue = startedQueue(registers);
    queue.add([bytes(1)], [1]);
    queue.notify();
    const resets = device.resets;
    registers.status = 0;
    expect(registers.status).toBe(0);
    expect(device.resets).toBe(resets + 1);
    expect(registers.isReady(0)).toBe(false);
    expect(registers.takeInterrupts().filter((cause) => cause === 'config')).toEqual([]);
    const again = startedQueue(registers);
    again.add([bytes(9)], [1]);
    again.notify();
    expect(again.takeUsed()).toMatchObject([{ bytes: bytes(246) }]);
  });

  test('says that it needs a reset when the driver breaks a rule, interrupts, and does nothing until then', () => {
    const { device, registers } = made();
    const queue = startedQueue(registers);
    queue.offer(200);
    queue.notify();
    expect(registers.status & NEEDS_RESET).toBe(NEEDS_RESET);
    expect(registers.takeInterrupts()).toEqual(['config']);
    expect(registers.log.errors.at(-1)).toContain('there is no descriptor 200');
    queue.notify();
    expect(device.handled).toBe(0);
    const again = startedQueue(registers);
    expect(registers.status).toBe(15);
    again.add([bytes(1)], [1]);
    again.notify();
    expect(device.handled).toBe(1);
  });

  test('drops the answer to a request from before a reset', () => {
    const { device, registers } = made();
    const queue = startedQueue(registers);
    queue.add([bytes(1)], [1]);
    const chain = device.port.queues[0].pop()!;
    const again = startedQueue(registers);
    expect(device.port.queues[0].isCurrent(chain)).toBe(false);
    device.port.queues[0].push(chain, 1);
    expect(again.takeUsed()).toEqual([]);
  });
});

describe('virtio-mmio', () => {
  test('identifies itself as version 2 of QEMU', () => {
    const registers = new MmioRegisters(new EchoDevice());
    expect(registers.read(Mmio.MagicValue)).toBe(0x74726976);
    expect(registers.read(Mmio.Version)).toBe(2);
    expect(registers.read(Mmio.DeviceID)).toBe(4);
    expect(registers.read(Mmio.VendorID)).toBe(0x554d4551);
  });

  test('shows device ID 0 where no device is, and nothing else', () => {
    const registers = new MmioRegisters();
    expect(registers.read(Mmio.MagicValue)).toBe(0x74726976);
    expect(registers.read(Mmio.Version)).toBe(2);
    expect(registers.read(Mmio.DeviceID)).toBe(0);
    registers.status = 1;
    expect(registers.status).toBe(0);
    expect(registers.read(Mmio.Config)).toBe(0);
  });

  test('holds its interrupt until every cause is acknowledged', () => {
    const device = new EchoDevice();
    const registers = new MmioRegisters(device);
    const queue = startedQueue(registers);
    queue.add([bytes(1)], [1]);
    queue.notify();
    device.port.configChanged();
    expect(registers.line).toBe(true);
    expect(registers.read(Mmio.InterruptStatus)).toBe(3);
    registers.write(Mmio.InterruptACK, 1);
    expect(registers.line).toBe(true);
    registers.write(Mmio.InterruptACK, 2);
    expect(registers.line).toBe(false);
  });

  test('has registers of 32 bits only', () => {
    const registers = new MmioRegisters(new EchoDevice());
    expect(registers.read(Mmio.MagicValue, 1)).toBe(0);
    registers.write(Mmio.Status, 1, 1);
    expect(registers.status).toBe(0);
  });

  test('has no shared memory: lengths and bases are all ones', () => {
    const registers = new MmioRegisters(new EchoDevice());
    expect([0xb0, 0xb4, 0xb8, 0xbc].map((offset) => registers.read(offset))).toEqual(
      Array(4).fill(0xffff_ffff),
    );
  });

  test('does not let a queue be changed while it is ready', () => {
    const registers = new MmioRegisters(new EchoDevice());
    const queue = startedQueue(registers);
    registers.write(Mmio.QueueDescLow, 0);
    queue.add([bytes(5)], [1]);
    queue.notify();
    expect(queue.takeUsed()).toMatchObject([{ bytes: bytes(250) }]);
  });

  test('does not hear what a bus master writes: a ring over its registers drives nothing', () => {
    const device = new EchoDevice();
    const registers = new MmioRegisters(device);
    const queue = startedQueue(registers);
    queue.add([bytes(1)], [1]);
    registers.mmio.write(Mmio.QueueNotify, 4, 0, { ...cpu, kind: 'stream' });
    expect(device.handled).toBe(0);
  });
});

describe('virtio-pci', () => {
  test('has QEMU’s IDs: 1af4 and 1040 plus the device type, revision 1', () => {
    const { function: fn } = new PciRegisters(new EchoDevice());
    expect(fn.read(0)).toBe(0x1044_1af4);
    expect(fn.read(8, 1)).toBe(1);
    expect(fn.read(0x2c)).toBe(0x1100_1af4);
  });

  test('has the five capabilities of Virtio 1.1 4.1.4 and MSI-X with a vector for each queue and one more', () => {
    const { function: fn, places } = new PciRegisters(new EchoDevice());
    expect([...places.keys()].sort()).toEqual([1, 2, 3, 4, 5]);
    const msix = fn.capability(0x11);
    expect((fn.read(msix + 2, 2) & 0x7ff) + 1).toBe(3);
  });

  test('holds INTA until its ISR status is read', () => {
    const registers = new PciRegisters(new EchoDevice());
    const queue = startedQueue(registers);
    queue.add([bytes(1)], [1]);
    queue.notify();
    expect(registers.bus.lines).toContain(true);
    registers.takeInterrupts();
    expect(registers.bus.lines).not.toContain(true);
  });

  test('sends each queue its own vector, and none where the driver chose none', () => {
    const registers = new PciRegisters(new EchoDevice(), true);
    const queue = startedQueue(registers);
    queue.add([bytes(1)], [1]);
    queue.notify();
    expect(registers.memory.messages.splice(0)).toEqual([101]);
    registers.write(0x16, 0, 2);
    registers.write(0x1a, 0xffff, 2);
    queue.add([bytes(1)], [1]);
    queue.notify();
    expect(registers.memory.messages).toEqual([]);
    expect(registers.bus.lines).not.toContain(true);
  });

  test('refuses a vector that its table has not: it reads back as none', () => {
    const registers = new PciRegisters(new EchoDevice());
    registers.write(0x10, 2, 2);
    expect(registers.read(0x10, 2)).toBe(2);
    registers.write(0x10, 3, 2);
    expect(registers.read(0x10, 2)).toBe(0xffff);
  });

  test('shows its registers through configuration space as well', () => {
    const { function: fn } = new PciRegisters(new EchoDevice());
    const window = fn
      .capabilities()
      .find(({ id, offset }) => id === 9 && fn.read(offset + 3, 1) === 5)!.offset;
    fn.write(window + 4, 4, 1);
    fn.write(window + 8, 0x12);
    fn.write(window + 12, 2);
    expect(fn.read(window + 16, 2)).toBe(2);
    fn.write(window + 8, 0x2000);
    fn.write(window + 12, 4);
    expect(fn.read(window + 16)).toBe(0x44332211);
  });

  test('reaches no memory while bus mastering is off, and needs a reset then', () => {
    const registers = new PciRegisters(new EchoDevice());
    const queue = startedQueue(registers);
    registers.function.command = 2;
    queue.add([bytes(1)], [1]);
    queue.notify();
    expect(registers.status & NEEDS_RESET).toBe(NEEDS_RESET);
  });
});
