import { describe, expect, test } from 'vitest';
import { GR0 } from '../../../src/iommu/smmu-v2/registers.ts';
import type { ShadowMapping } from '../../../src/ports/shadow-observer.ts';
import { IOVA, PAGE_RO, page, TABLES, translating } from './long-tables.ts';
import { barAt, barText, mappingText, PlainHost, RAM, RAM_SIZE, RW, ShadowRig, STREAM } from './rig.ts';

const { L1, L2, L3 } = TABLES;
const BLOCK_RW = 0x441n;
const BAR = 0x1000_0000;
const A = { name: 'BAR 0 of a' };
const B = { name: 'BAR 2 of b' };

const at = (index: number): number => IOVA + 0x1000 * index;

describe('a leaf at the BAR of a real device', () => {
  test('is mapped while that device answers there, whichever comes first, and needs no new store', () => {
    const { rig, host } = translating();
    page(rig, 0, BAR + 0x1000);
    page(rig, 1, RAM);
    rig.barrier();
    const ram = mappingText(at(1), 0x1000, RAM, RW);
    expect(host.list).toEqual([ram]);
    const text = barText(at(0), 0x1000, A.name, 0x1000, RW);
    rig.place(barAt(BAR, 0x4000, A));
    expect(host.list).toEqual([text, ram]);
    rig.place();
    expect(host.list).toEqual([ram]);
    rig.place(barAt(BAR, 0x4000, A));
    expect(host.list).toEqual([text, ram]);
    page(rig, 0, 0, 0n);
    rig.barrier();
    expect(host.list).toEqual([ram]);
    expect(rig.warnings).toEqual([]);
  });

  test('has the rights that the tables give', () => {
    const { rig, host } = translating();
    rig.place(barAt(BAR, 0x1000, A));
    page(rig, 0, BAR, PAGE_RO);
    rig.barrier();
    expect(host.list).toEqual([barText(at(0), 0x1000, A.name, 0, 1)]);
    page(rig, 0, BAR);
    rig.barrier();
    expect(host.list).toEqual([barText(at(0), 0x1000, A.name, 0, RW)]);
    expect(rig.shadow.statistics.gaps).toBe(1);
  });

  test('follows it: what was there is unmapped before anything else is mapped', () => {
    const { rig, host } = translating();
    page(rig, 0, BAR);
    page(rig, 1, BAR + 0x10_0000);
    rig.place(barAt(BAR, 0x1000, A));
    host.calls.length = 0;
    rig.place(barAt(BAR + 0x10_0000, 0x1000, A));
    expect(host.calls).toEqual([
      `unmap ${at(0).toString(16)}+1000`,
      `map ${barText(at(1), 0x1000, A.name, 0, RW)}`,
    ]);
  });

  test('is another one when another BAR is in its place, or another part of the same one', () => {
    const { rig, host } = translating();
    page(rig, 0, BAR);
    rig.place(barAt(BAR, 0x2000, A));
    rig.place(barAt(BAR, 0x2000, B));
    expect(host.list).toEqual([barText(at(0), 0x1000, B.name, 0, RW)]);
    rig.place(barAt(BAR - 0x1000, 0x2000, B));
    expect(host.list).toEqual([barText(at(0), 0x1000, B.name, 0x1000, RW)]);
    host.calls.length = 0;
    rig.place(barAt(BAR - 0x1000, 0x2000, B));
    expect(host.calls).toEqual([]);
  });

  test('that is larger is mapped for each part that a device answers, and RAM in it stays mapped when one goes', () => {
    const { rig, host } = translating();
    rig.double(L1, BLOCK_RW);
    rig.double(L1 + 8, BigInt(RAM) | BLOCK_RW);
    const [first, second] = [barAt(BAR + 0x1000, 0x2000, A), barAt(BAR + 0x20_0000, 0x10_0000, B)];
    rig.place(first, second);
    const texts = [
      barText(BAR + 0x1000, 0x2000, A.name, 0, RW),
      barText(BAR + 0x20_0000, 0x10_0000, B.name, 0, RW),
      mappingText(RAM, RAM_SIZE, RAM, RW),
    ];
    expect(host.list).toEqual(texts);
    host.calls.length = 0;
    rig.place(second);
    expect(host.calls).toEqual([`unmap ${(BAR + 0x1000).toString(16)}+2000`]);
    rig.place(first, second);
    expect(host.list).toEqual(texts);
    expect(host.calls.length).toBe(2);
  });

  test('is the BAR’s own device’s to reach, too, and every device’s whose tables have it', () => {
    const { rig, host } = translating();
    const other = rig.device(undefined, 0x10);
    rig.route(1, 0x10, 0);
    page(rig, 0, BAR);
    rig.place(barAt(BAR, 0x1000, A));
    const text = barText(at(0), 0x1000, A.name, 0, RW);
    expect([host.list, other.host.list]).toEqual([[text], [text]]);
    rig.place();
    expect([host.list, other.host.list]).toEqual([[], []]);
  });

  test('is told to who observes, with its guest physical address', () => {
    const seen: ShadowMapping[] = [];
    const rig = new ShadowRig({ mapped: (mapping) => seen.push(mapping), unmapped: (m) => seen.push(m) });
    rig.double(L1 + 8 * (IOVA >>> 30), BigInt(L2 | 3));
    rig.double(L2, BigInt(L3 | 3));
    page(rig, 0, BAR);
    rig.attachLong(L1);
    rig.device();
    rig.place(barAt(BAR, 0x1000, A));
    rig.place();
    const mapping = { streams: [STREAM], iova: IOVA, size: 0x1000, physical: BAR, read: true, write: true };
    expect(seen).toEqual([mapping, mapping]);
  });

  test('counts for the mappings that the host takes', () => {
    const { rig, device } = translating(new PlainHost(1));
    page(rig, 0, RAM);
    page(rig, 1, BAR);
    rig.barrier();
    expect(device.stops).toBe(0);
    rig.place(barAt(BAR, 0x1000, A));
    expect(device.stops).toBe(1);
    expect(rig.warnings).toEqual([expect.stringMatching(/stopped: the guest maps more than 1 pieces/)]);
  });
});

describe('a stream that is not translated', () => {
  test('reaches RAM, and no BAR', () => {
    const { rig, host } = translating();
    rig.place(barAt(BAR, 0x1000, A));
    rig.set(GR0.sCR0, 0x1c37);
    expect(host.list).toEqual([mappingText(RAM, RAM_SIZE, RAM, RW)]);
  });
});

describe('a host that does not let devices reach each other', () => {
  test('is told of once, and the device goes on with all else', () => {
    const host = new PlainHost();
    host.barRefusal = 'no registers';
    const { rig, device } = translating(host);
    page(rig, 0, BAR);
    page(rig, 1, BAR + 0x1000);
    page(rig, 2, RAM);
    rig.place(barAt(BAR, 0x2000, A));
    expect(rig.warnings).toEqual([
      "device 108 can't reach BAR 0 of a, which the guest maps at 0x80000000, and does all else: no registers",
    ]);
    expect(host.list).toEqual([mappingText(at(2), 0x1000, RAM, RW)]);
    expect([device.stops, rig.shadow.statistics.refused]).toEqual([0, 0]);
    page(rig, 0, RAM + 0x1000);
    rig.barrier();
    rig.place();
    expect(host.list).toEqual([
      mappingText(at(0), 0x1000, RAM + 0x1000, RW),
      mappingText(at(2), 0x1000, RAM, RW),
    ]);
    host.barRefusal = undefined;
    rig.place(barAt(BAR, 0x2000, A));
    expect(host.list[1]).toBe(barText(at(1), 0x1000, A.name, 0x1000, RW));
    expect(rig.warnings.length).toBe(1);
  });

  test('or knows no BARs, has none mapped', () => {
    const host = new PlainHost();
    const { rig } = translating(Object.assign(host, { mapBar: undefined }));
    page(rig, 0, BAR);
    rig.place(barAt(BAR, 0x1000, A));
    rig.place();
    expect([host.calls, rig.warnings]).toEqual([[], []]);
  });

  test('or does not take a BAR back has that device stopped: it could reach what is there next', () => {
    const { rig, device, host } = translating();
    page(rig, 0, BAR);
    rig.place(barAt(BAR, 0x1000, A));
    host.unmapRefusal = 'EINVAL';
    rig.place();
    expect(device.stops).toBe(1);
    expect(rig.warnings).toEqual([expect.stringMatching(/stopped: EINVAL/)]);
  });
});

test('with no leaf where BARs can be, nothing is looked at when they move', () => {
  const { rig, host } = translating();
  page(rig, 0, RAM);
  rig.barrier();
  host.calls.length = 0;
  const { looks } = rig.bars;
  for (let i = 0; i < 1000; i++) rig.place(barAt(BAR + 0x1000 * i, 0x1000, A));
  expect([host.calls, rig.bars.looks - looks]).toEqual([[], 0]);
  page(rig, 1, BAR);
  rig.barrier();
  rig.place();
  expect(rig.bars.looks - looks).toBe(2);
});
