import { describe, expect, it } from 'vitest';
import type { AccessSize } from '../../src/ports/mmio.ts';
import { ConfigMap, findCapabilities } from '../../src/vfio/config-map.ts';
import { ConfigBuilder } from './fake-config.ts';

/** A device whose configuration space can be read and written, with a record of what reached it. */
function mapOf(config: ConfigBuilder, hidden: { offset: number; length: number }[] = []) {
  const map = new ConfigMap(config.bytes, hidden);
  const view = new DataView(config.bytes.buffer);
  const writes: string[] = [];
  const device = (offset: number, size: AccessSize) =>
    size === 4
      ? view.getUint32(offset, true)
      : size === 2
        ? view.getUint16(offset, true)
        : view.getUint8(offset);
  return {
    writes,
    read: (offset: number, size: AccessSize) => map.read(offset, size, device),
    write: (offset: number, size: AccessSize, value: number) =>
      map.write(offset, size, value, (at, width, part) =>
        writes.push(`${at.toString(16)}:${width}=${part.toString(16)}`),
      ),
  };
}

/** The list of extended capabilities as a guest walks it. */
function extendedList(read: (offset: number, size: AccessSize) => number): string[] {
  const list: string[] = [];
  for (let offset = 0x100; offset !== 0; ) {
    const header = read(offset, 4);
    if (header === 0) break;
    list.push(`${(header & 0xffff).toString(16)}@${offset.toString(16)}`);
    offset = header >>> 20;
  }
  return list;
}

describe('the capability list', () => {
  it('is walked in its order, and ends where it loops', () => {
    const config = new ConfigBuilder().capability(1, 0x80, []).capability(5, 0x40, []);
    config.bytes[0x41] = 0x80;
    expect(findCapabilities(config.bytes)).toEqual([
      { id: 1, offset: 0x80 },
      { id: 5, offset: 0x40 },
    ]);
  });

  it('is empty without the Capabilities List bit in the status register', () => {
    const config = new ConfigBuilder().capability(1, 0x80, []);
    config.bytes[0x06] = 0;
    expect(findCapabilities(config.bytes)).toEqual([]);
  });
});

describe('what of a real configuration space a guest reaches', () => {
  it('device-specific registers, with the access as it is', () => {
    const { read, write, writes } = mapOf(new ConfigBuilder().set(0x44, 4, 0x12345678));
    expect(read(0x44, 4)).toBe(0x12345678);
    expect(read(0x46, 2)).toBe(0x1234);
    write(0x44, 4, 0xcafe);
    write(0x47, 1, 0x12);
    expect(writes).toEqual(['44:4=cafe', '47:1=12']);
  });

  it('not the hidden capabilities: they read as zero and take no write', () => {
    const { read, write, writes } = mapOf(
      new ConfigBuilder().set(0x50, 4, 0xffffffff).set(0x54, 4, 0x5555aaaa),
      [{ offset: 0x50, length: 6 }],
    );
    expect(read(0x50, 4)).toBe(0);
    expect(read(0x54, 4)).toBe(0x55550000);
    write(0x50, 4, 1);
    write(0x54, 4, 0x12345678);
    expect(writes).toEqual(['56:1=34', '57:1=12']);
  });

  it('not the header: it is the bus that shows it', () => {
    const { read, write, writes } = mapOf(new ConfigBuilder().set(0x04, 2, 7));
    expect(read(0x04, 2)).toBe(0);
    write(0x04, 2, 7);
    expect(writes).toEqual([]);
  });

  it.each([
    ['ARI', 0x0e],
    ['ATS', 0x0f],
    ['SR-IOV', 0x10],
    ['PRI', 0x13],
    ['Resizable BAR', 0x15],
    ['PASID', 0x1b],
  ])('not %s: it is taken out of the list and its registers read as zero', (_name, id) => {
    const config = new ConfigBuilder()
      .extended(0x01, 2, 0x100, [1, 2, 3, 4])
      .extended(id, 1, 0x150, [0xff, 0xff, 0xff, 0xff])
      .extended(0x03, 1, 0x180, [5, 6, 7, 8]);
    const { read, write, writes } = mapOf(config);
    expect(extendedList(read)).toEqual(['1@100', '3@180']);
    expect(read(0x150, 4)).toBe(0);
    expect(read(0x154, 4)).toBe(0);
    expect(read(0x104, 4)).toBe(0x04030201);
    expect(read(0x184, 4)).toBe(0x08070605);
    write(0x154, 4, 1);
    expect(writes).toEqual([]);
  });

  it('keeps the versions of the visible capabilities', () => {
    const { read } = mapOf(new ConfigBuilder().extended(0x01, 2, 0x100).extended(0x10, 1, 0x150));
    expect(read(0x100, 4)).toBe(0x00020001);
    expect(read(0x102, 2)).toBe(0x0002);
    expect(read(0x100, 1)).toBe(0x01);
  });

  it('leaves a null capability where the first one is hidden, and nothing where all are', () => {
    expect(mapOf(new ConfigBuilder().extended(0x10, 1, 0x100).extended(0x03, 1, 0x180)).read(0x100, 4)).toBe(
      0x18000000,
    );
    expect(mapOf(new ConfigBuilder().extended(0x10, 1, 0x100)).read(0x100, 4)).toBe(0);
  });

  it('does not let a guest write the links of the list', () => {
    const { write, writes } = mapOf(new ConfigBuilder().extended(0x01, 2, 0x100));
    write(0x100, 4, 0xffffffff);
    expect(writes).toEqual([]);
  });

  it('hides registers after a capability of known length no further than its end', () => {
    const { read } = mapOf(new ConfigBuilder().extended(0x0f, 1, 0x100).set(0x108, 4, 0x77));
    expect(read(0x104, 4)).toBe(0);
    expect(read(0x108, 4)).toBe(0x77);
  });
});
