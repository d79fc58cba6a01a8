import { describe, expect, test } from 'vitest';
import { TraceError } from '../../src/errors.ts';
import { COLUMN_NAMES, EVENT_KINDS } from '../../src/trace/page-data.ts';
import { TraceReader } from '../../src/trace/read-trace.ts';
import { summaryOf, summaryText } from '../../src/trace/summary.ts';
import { nvmeLines } from '../trace-page/nvme-trace.mjs';
import { pageOf } from './page-of.ts';
import { tracedMachine } from './traced-machine.ts';

function lineWith(change: object): string {
  const [, , event] = nvmeLines(2);
  return JSON.stringify({ ...JSON.parse(event), ...change });
}

const HEADER = nvmeLines(1)[0];
const EVENT = nvmeLines(1)[1];

describe('a trace that is read', () => {
  test('has in its columns what its lines say', () => {
    const lines = nvmeLines(2000);
    const trace = pageOf(lines);
    expect(trace.length).toBe(2000);
    lines.slice(1).forEach((line, row) => {
      const event = JSON.parse(line);
      expect([trace.time[row], trace.instructions[row]]).toEqual([event.ns, event.instructions]);
      expect(trace.info.devices[trace.device[row]].address).toBe(event.device);
      expect([trace.category(row), trace.op(row)]).toEqual([event.category, event.op]);
      expect(trace.addressText(row)).toBe(event.offset ?? event.iova ?? event.address ?? '');
      const value = event.value ?? event.data ?? '';
      expect(trace.valueText(row).replace(/^0x0*(?=.)/, '0x')).toBe(value);
      expect(trace.physicalText(row)).toBe(event.physical ?? '');
      if (event.size !== undefined) expect(trace.size[row]).toBe(event.size);
    });
  });

  test('takes what the machine writes, of every kind', async () => {
    const { fn, machine, records } = await tracedMachine(undefined, { machine: 'virt,iommu=smmuv2' });
    machine.memory.writeWord(0x3f00_8004, 6);
    fn.port!.dma.write(0x4000_0ff0, new Uint8Array(32));
    fn.port!.setIntx(true);
    const trace = pageOf(records.map((record) => JSON.stringify(record)));
    const kinds = Array.from(trace.kind, (kind) => EVENT_KINDS[kind].join(' '));
    expect(kinds).toEqual(['config write', 'iommu translate', 'iommu translate', 'dma write', 'irq raise']);
    expect(trace.info.places[trace.place[0]]).toEqual({ space: 'config', name: 'COMMAND, STATUS' });
    expect(trace.info.places[trace.place[4]].name).toBe('INTB');
    expect(COLUMN_NAMES).toHaveLength(trace.info.columnBytes.length);
  });

  test('goes on in time where a guest that rebooted got a new machine', () => {
    const trace = pageOf([HEADER, lineWith({ ns: 1000 }), HEADER, lineWith({ ns: 5 })]);
    expect([...trace.time]).toEqual([1000, 1005]);
    expect(trace.info.machines.map(({ startNs }) => startNs)).toEqual([0, 1000]);
    expect(trace.info.devices).toHaveLength(2);
  });

  test('has a summary', () => {
    const reader = new TraceReader('the trace');
    for (const line of nvmeLines(5000)) reader.add(line);
    const summary = summaryOf(reader);
    expect(summary.events).toBe(5000);
    expect(summary.devices[0].counts['config write']).toBe(3);
    const all = summary.devices.flatMap(({ counts }) => Object.values(counts));
    expect(all.reduce((a, b) => a + b)).toBe(5000);
    expect(summaryText(summary)).toMatch(
      /^5,000 events in 0\.\d{3} s of virtual time\n {2}00:01\.0 vfio 0000:01:00\.0: 2 config read, /,
    );
  });
});

describe('what is no trace', () => {
  test.each<[string, readonly string[], string]>([
    ['nothing', [], 'the trace is empty'],
    ['only a header', [HEADER], 'has no event of iommu, dma, irq, mmio, config'],
    ['text', ['Hello'], "the trace is no trace: it begins with 'Hello'"],
    ['other JSON', ['{"a":1}'], 'the trace is no trace'],
    ['a number', ['1'], 'the trace is no trace'],
    ['bytes', ['\u0000\u0001ELF'], "it begins with '??ELF'"],
    ['events without a header', [EVENT], 'the trace is no trace'],
    [
      'another version',
      [HEADER.replace('"version":1', '"version":2')],
      'is a trace of version 2, and this armemu shows version 1',
    ],
    [
      'a header without devices',
      ['{"format":"armemu-trace","version":1}'],
      'line 1 of the trace is no record',
    ],
    ['a line that is cut short', [HEADER, EVENT, EVENT.slice(0, 40)], 'line 3 of the trace is no record'],
    ['an unknown operation', [HEADER, lineWith({ op: 'burn' })], 'line 2 of the trace is no record'],
    ['a value that is no number', [HEADER, lineWith({ value: '0xg' })], 'is no record'],
    ['an address that is no number', [HEADER, lineWith({ offset: 'x' })], 'is no record'],
    ['an address below zero', [HEADER, lineWith({ offset: '-1' })], 'is no record'],
    ['no time', [HEADER, lineWith({ ns: 'now' })], 'is no record'],
    ['a list', [HEADER, '[]'], 'is no record'],
    [
      'rights that are none',
      [HEADER, lineWith({ category: 'iommu', op: 'map', iova: '0x0', rights: 3 })],
      'is no record',
    ],
  ])('%s', (_what, lines, message) => {
    let thrown: unknown;
    try {
      pageOf(lines);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(TraceError);
    expect((thrown as TraceError).message).toContain(message);
    expect((thrown as TraceError).remedy).toBeTruthy();
  });
});
