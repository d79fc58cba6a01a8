import { describe, expect, test } from 'vitest';
import { AddressScale } from '../../src/trace-page/address-scale.ts';
import { mappingsOf } from '../../src/trace-page/mappings.ts';
import { type Filter, filterRows, sortRows } from '../../src/trace-page/selection.ts';
import { EventRows, eventDetails, totalRows } from '../../src/trace-page/tables.ts';
import { exactTime, timeText } from '../../src/trace-page/texts.ts';
import { pageOf } from '../trace/page-of.ts';
import { nvmeLines } from './nvme-trace.mjs';

const trace = pageOf(nvmeLines(20_000));
const ALL: Filter = {
  device: undefined,
  categories: new Set(['mmio', 'config', 'irq', 'dma', 'iommu']),
  text: '',
  from: trace.startNs,
  to: trace.endNs,
};
const nameOf = (row: number) => trace.info.places[trace.place[row]].name;

describe('rows', () => {
  test('are all of them without a filter', () => {
    expect(filterRows(trace, ALL)).toEqual(Uint32Array.from({ length: 20_000 }, (_unused, row) => row));
  });

  test('of a device, of categories, of a time', () => {
    const from = trace.time[5000];
    const to = trace.time[6000];
    const rows = filterRows(trace, { ...ALL, device: 0, categories: new Set(['irq', 'mmio']), from, to });
    const wanted = [...trace.time.keys()].filter(
      (row) =>
        trace.device[row] === 0 &&
        ['irq', 'mmio'].includes(trace.category(row)) &&
        trace.time[row] >= from &&
        trace.time[row] <= to,
    );
    expect([...rows]).toEqual(wanted);
  });

  test.each([
    ['csts', 6],
    ['CC write', 2],
    ['0x10400', 1],
    ['asq', 1],
    ['nothing-like-it', 0],
  ])("with '%s': %i", (text, count) => {
    expect(filterRows(trace, { ...ALL, text })).toHaveLength(count);
  });

  test.each([
    'time',
    'device',
    'category',
    'op',
    'register',
    'address',
    'size',
    'value',
    'physical',
  ] as const)('sort by %s, up and down', (key) => {
    const shown = key === 'time' || key === 'register' ? undefined : key;
    const rows = filterRows(trace, { ...ALL, to: trace.time[3000] });
    const text = (row: number): string | number => {
      if (shown === undefined) return key === 'time' ? row : nameOf(row) || '~';
      if (shown === 'category') return trace.category(row);
      if (shown === 'op') return trace.op(row);
      if (shown === 'value') return trace.valueHigh[row] * 2 ** 32 + trace.valueLow[row];
      return trace[shown][row];
    };
    for (const ascending of [true, false]) {
      sortRows(trace, rows, key, ascending);
      const keys = [...rows].map(text);
      const wrong = keys.findIndex(
        (value, i) => i > 0 && (ascending ? keys[i - 1] > value : keys[i - 1] < value),
      );
      expect(wrong).toBe(-1);
    }
  });
});

describe('the tables', () => {
  test('show an event with the name of its register', () => {
    const row = [...trace.time.keys()].find((at) => nameOf(at) === 'CSTS') ?? 0;
    const cells = new EventRows(trace, Uint32Array.of(row)).cells(0);
    expect(cells).toMatchObject({
      device: '00:01.0 vfio 0000:01:00.0',
      category: 'mmio',
      op: 'read',
      register: 'CSTS',
      address: 'BAR0 0x1c',
      size: '4',
      value: '0x00000000',
    });
    expect(eventDetails(trace, row).map(([, text]) => text)).toContain('CSTS');
  });

  test('add up what happened to each register', () => {
    const totals = totalRows(trace, filterRows(trace, ALL));
    const counts = totals.list.map(({ row, count }) => [nameOf(row), trace.op(row), count]);
    expect(counts).toContainEqual(['CSTS', 'read', 6]);
    const doorbells = counts.filter(([name]) => /^[SC]Q[12][TH]DBL$/.test(String(name)));
    expect(doorbells).toHaveLength(4);
    expect(totals.list.reduce((sum, { count }) => sum + count, 0)).toBe(20_000);
    totals.sort('count', true);
    const sorted = totals.list.map(({ count }) => count);
    expect(sorted).toEqual([...sorted].sort((a, b) => a - b));
  });
});

describe('mappings', () => {
  test('last from map to unmap', () => {
    const maps = nvmeLines(20_000).filter((line) => line.includes('"op":"map"')).length;
    const unmaps = nvmeLines(20_000).filter((line) => line.includes('"op":"unmap"')).length;
    const mappings = mappingsOf(trace).filter(({ kind }) => kind === 'map');
    expect(mappings).toHaveLength(maps);
    expect(mappings.filter(({ ended }) => ended)).toHaveLength(unmaps);
    for (const { from, to } of mappings) expect(from).toBeLessThanOrEqual(to);
  });

  test('by use last until the same page leads elsewhere, and no longer than their machine', () => {
    const [header] = nvmeLines(1);
    const use = (ns: number, physical: string, rights: string) =>
      JSON.stringify({
        ns,
        instructions: 0,
        device: '00:01.0',
        category: 'iommu',
        op: 'translate',
        iova: '0x1000',
        size: 4096,
        physical,
        rights,
      });
    const lines = [
      header,
      use(1, '0x5000', 'r'),
      use(2, '0x5000', 'w'),
      use(3, '0x6000', 'r'),
      header,
      use(9, '0x7000', 'r'),
    ];
    const list = mappingsOf(pageOf(lines));
    expect(list.map(({ physical, rights, from, to, ended }) => [physical, rights, from, to, ended])).toEqual([
      [0x5000, 'rw', 1, 3, true],
      [0x6000, 'r', 3, 3, true],
      [0x7000, 'r', 12, 12, false],
    ]);
  });
});

describe('the scale of addresses', () => {
  const scale = new AddressScale([
    [0xfff0_0000, 0x1_0000_0000],
    [0x1000, 0x2000],
    [0x2000, 0x10_0000],
  ]);

  test('cuts out what nobody uses', () => {
    expect(scale.clusters.map(({ start, end }) => [start, end])).toEqual([
      [0x1000, 0x10_0000],
      [0xfff0_0000, 0x1_0000_0000],
    ]);
    expect(scale.length).toBeLessThan(0x22_0000);
    for (const address of [0x1000, 0x5_0000, 0xfff0_0000, 0xffff_f000]) {
      expect(scale.toAddress(scale.toShown(address))).toBe(address);
    }
    expect(scale.toShown(0x8000_0000)).toBe(scale.toShown(0x10_0000));
  });

  test('has ticks in order, each in what is used', () => {
    const ticks = scale.ticks(0, scale.length, 10);
    expect(ticks.length).toBeGreaterThan(4);
    expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
    expect(new Set(ticks.map((tick) => scale.toAddress(tick))).size).toBe(ticks.length);
  });

  test('is of nothing, too', () => {
    const empty = new AddressScale([]);
    expect([empty.toShown(5), empty.toAddress(5), empty.ticks(0, 10, 5)]).toEqual([0, 0, []]);
  });
});

test('times are as exact as what is looked at', () => {
  expect(timeText(1_500_000_000, 1e8)).toBe('1.5 s');
  expect(timeText(1_234_567, 1000)).toBe('1.235 ms');
  expect(exactTime(1_234_567_891)).toBe('1.234 567 891');
});
