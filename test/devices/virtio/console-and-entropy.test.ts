import { describe, expect, test } from 'vitest';
import { VirtioConsole } from '../../../src/devices/virtio/console.ts';
import { hostEntropy, repeatableEntropy, VirtioEntropy } from '../../../src/devices/virtio/entropy.ts';
import { MmioRegisters, negotiate, QueueDriver, RAM_BASE, startedQueue } from './driver.ts';

describe('the console', () => {
  function made() {
    const sent: number[] = [];
    let space = 0;
    const device = new VirtioConsole({
      transmit: (bytes) => sent.push(...bytes),
      onReceiveSpace: () => space++,
    });
    const registers = new MmioRegisters(device);
    negotiate(registers, 0n);
    const receive = new QueueDriver(registers, 0, 4, RAM_BASE, 0x4000);
    const transmit = new QueueDriver(registers, 1, 4, RAM_BASE + 0x4000, 0x8000);
    registers.status = 15;
    return { device, registers, receive, transmit, sent, asked: () => space };
  }

  test('sends what the driver puts into its transmit queue, in order and however long', () => {
    const { transmit, sent } = made();
    const long = Uint8Array.from({ length: 5000 }, (_unused, i) => i);
    transmit.add([Uint8Array.of(1, 2), Uint8Array.of(3)], []);
    transmit.add([long], []);
    transmit.notify();
    expect(sent).toEqual([1, 2, 3, ...long]);
    expect(transmit.takeUsed()).toHaveLength(2);
  });

  test('fills the driver’s buffers, and takes no more than they hold', () => {
    const { device, receive, registers } = made();
    expect(device.receive(Uint8Array.of(1))).toBe(0);
    receive.add([], [2]);
    receive.add([], [2]);
    expect(device.receive(Uint8Array.of(1, 2, 3))).toBe(3);
    expect(receive.takeUsed().map(({ bytes }) => [...bytes])).toEqual([[1, 2], [3]]);
    expect(registers.takeInterrupts()).toEqual(['queue']);
    expect(device.receive(Uint8Array.of(4))).toBe(0);
  });

  test('asks for input when the driver gives it buffers', () => {
    const { receive, asked } = made();
    receive.add([], [1]);
    receive.notify();
    expect(asked()).toBe(1);
  });
});

describe('the entropy device', () => {
  test('fills what the driver gives it, 4 KiB at most', () => {
    const queue = startedQueue(new MmioRegisters(new VirtioEntropy(hostEntropy())));
    queue.add([], [64, 64]);
    queue.add([], [0x3000]);
    queue.notify();
    const [first, second] = queue.takeUsed();
    expect(first.written).toBe(128);
    expect(second.written).toBe(4096);
    expect(new Set(first.bytes).size).toBeGreaterThan(40);
  });

  test('gives the same numbers in each run where that was asked for, and goes on with them after a restore', () => {
    const ask = (registers: MmioRegisters): number[] => {
      const queue = startedQueue(registers);
      queue.add([], [16]);
      queue.notify();
      return [...queue.takeUsed()[0].bytes];
    };
    const one = new VirtioEntropy(repeatableEntropy());
    const other = new VirtioEntropy(repeatableEntropy());
    const registers = new MmioRegisters(one);
    const first = ask(registers);
    expect(ask(new MmioRegisters(other))).toEqual(first);
    const saved = one.saveState();
    const restored = new VirtioEntropy(repeatableEntropy());
    restored.restoreState(saved);
    const second = ask(registers);
    expect(ask(new MmioRegisters(restored))).toEqual(second);
    expect(second).not.toEqual(first);
  });

  test('refuses the state of another source', () => {
    const state = new VirtioEntropy(repeatableEntropy()).saveState();
    expect(() => new VirtioEntropy(hostEntropy()).restoreState(state)).toThrow('another source');
  });
});
