import { describe, expect, it } from 'vitest';
import { StreamPort, type StreamTarget } from '../../src/iommu/stream.ts';
import type { Requester } from '../../src/ports/mmio.ts';

describe('a stream port', () => {
  it('passes accesses on unchanged, as a non-secure, unprivileged master with its stream ID', () => {
    const seen: [string, number, number, Requester][] = [];
    const target: StreamTarget = {
      read: (address, into, requester) => seen.push(['read', address, into.length, requester]) > 0,
      write: (address, from, requester) => seen.push(['write', address, from.length, requester]) > 0,
    };
    const port = new StreamPort(0x0108, target);
    expect(port.read(0x4000_0000, new Uint8Array(8))).toBe(true);
    expect(port.write(2 ** 40, new Uint8Array(2))).toBe(true);
    const requester = { kind: 'stream', cpu: 0, streamId: 0x0108, secure: false, privileged: false };
    expect(seen).toEqual([
      ['read', 0x4000_0000, 8, requester],
      ['write', 2 ** 40, 2, requester],
    ]);
  });

  it('can have a translation between itself and memory, chosen by stream', () => {
    const memory = new Uint8Array(32);
    const physical: StreamTarget = {
      read(address, into) {
        into.set(memory.subarray(address, address + into.length));
        return true;
      },
      write: () => false,
    };
    const translating: StreamTarget = {
      read: (address, into, requester) =>
        requester.streamId === 8 && physical.read(address - 0x1000, into, requester),
      write: () => false,
    };
    memory[4] = 77;
    const byte = new Uint8Array(1);
    expect(new StreamPort(8, translating).read(0x1004, byte)).toBe(true);
    expect(byte[0]).toBe(77);
    expect(new StreamPort(16, translating).read(0x1004, byte)).toBe(false);
  });
});
