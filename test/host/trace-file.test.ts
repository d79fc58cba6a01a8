import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TraceError } from '../../src/errors.ts';
import { TraceFile } from '../../src/host/trace-file.ts';
import type { TraceEvent, TraceHeader } from '../../src/trace/events.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { smallDisk } from './small-disk.ts';

vi.mock('node:fs', async (original) => (await import('./small-disk.ts')).onSmallDisk(await original()));

const HEADER: TraceHeader = {
  format: 'armemu-trace',
  version: 1,
  machine: 'virt',
  categories: ['irq'],
  iommu: false,
  devices: [],
};
const EVENT: TraceEvent = {
  ns: 1,
  instructions: 2,
  device: '00:01.0',
  category: 'irq',
  op: 'raise',
  pin: 'INTA',
};

let folder: string;
const warnings: string[] = [];
const warn = (message: string): void => void warnings.push(message);

beforeEach(() => {
  folder = temporaryFolder();
  warnings.length = 0;
});

afterEach(() => {
  smallDisk.room = Number.POSITIVE_INFINITY;
});

test('a trace has a line for each record, in their order, in place of what was in the file', () => {
  const path = join(folder, 'a.jsonl');
  writeFileSync(path, 'something else\n'.repeat(10));
  const trace = new TraceFile(path, warn);
  for (const record of [HEADER, EVENT, { ...EVENT, ns: 3 }]) trace.sink(record);
  trace.close();
  const lines = readFileSync(path, 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.map((line) => JSON.parse(line))).toEqual([HEADER, EVENT, { ...EVENT, ns: 3 }]);
  expect(trace.records).toBe(3);
});

test('a long trace is written while it grows', () => {
  const path = join(folder, 'a.jsonl');
  const trace = new TraceFile(path, warn);
  trace.sink(HEADER);
  for (let i = 0; i < 30_000; i++) trace.sink(EVENT);
  const before = readFileSync(path).length;
  expect(before).toBeGreaterThan(2 ** 20);
  trace.close();
  expect(readFileSync(path).length).toBe(
    30_000 * (JSON.stringify(EVENT).length + 1) + JSON.stringify(HEADER).length + 1,
  );
});

test('a file that can’t be is refused before there is a guest', () => {
  expect(() => new TraceFile(join(folder, 'none', 'a.jsonl'), warn)).toThrow(TraceError);
  expect(() => new TraceFile(folder, warn)).toThrow(/can't write the trace .*: it is a directory/);
});

test('a full disk is said at once and at the end, with what is missing', () => {
  const file = join(folder, 'a.jsonl');
  const trace = new TraceFile(file, warn);
  const header = `${JSON.stringify(HEADER)}\n`;
  smallDisk.room = header.length + 10;
  trace.sink(HEADER);
  for (let i = 0; i < 20_000; i++) trace.sink(EVENT);
  expect(warnings).toEqual([
    `can't write the trace '${file}': the disk is full; the guest goes on without it (free some space, or name a file on another disk)`,
  ]);
  expect(trace.records).toBe(1);
  expect(() => trace.close()).toThrow(
    `can't write the trace '${file}': the disk is full; its last 20000 records are missing`,
  );
  expect(warnings).toHaveLength(1);
  // Not the 10 bytes of a line that had no end.
  expect(readFileSync(file, 'utf8')).toBe(header);
});
