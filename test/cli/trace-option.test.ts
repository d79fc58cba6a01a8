import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ExitCode } from '../../src/cli/exit-codes.ts';
import { parseTrace } from '../../src/cli/trace-option.ts';
import { smallDisk } from '../host/small-disk.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { FakeWorld } from './fake-io.ts';

vi.mock('node:fs', async (original) => (await import('../host/small-disk.ts')).onSmallDisk(await original()));

describe('--trace', () => {
  test.each([
    ['irq', ['irq'], 'armemu-trace.jsonl'],
    ['mmio,dma', ['dma', 'mmio'], 'armemu-trace.jsonl'],
    ['all=a=b.jsonl', ['iommu', 'dma', 'irq', 'mmio', 'config'], 'a=b.jsonl'],
  ])('%s', (flag, categories, path) => {
    expect(parseTrace(flag)).toEqual({ categories, path });
  });

  test.each([
    ['pins', "there is no category 'pins'"],
    ['', "there is no category ''"],
    ['trace.jsonl', "there is no category 'trace.jsonl'"],
    ['irq=', 'no file behind the ='],
  ])('%s is refused', (flag, message) => {
    expect(() => parseTrace(flag)).toThrow(message);
  });
});

describe('armemu run --trace', () => {
  let world: FakeWorld;
  let folder: string;

  beforeEach(async () => {
    world = new FakeWorld();
    folder = temporaryFolder();
  });

  afterEach(() => {
    smallDisk.room = Number.POSITIVE_INFINITY;
  });

  test('writes what all machines of the run report, and says how to see it', async () => {
    const file = join(folder, 'a.jsonl');
    const header = { format: 'armemu-trace' };
    const event = { category: 'irq' };
    world.guest = (machine) => {
      for (const record of [header, event]) machine.options.trace?.sink(record as never);
      machine.exit(world.machines.length === 1 ? 'reset' : 'poweroff');
    };
    expect(await world.run('run', '--trace', `irq,mmio=${file}`)).toBe(ExitCode.ok);
    expect(world.machines[0].options.trace?.categories).toEqual(['irq', 'mmio']);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([header, event, header, event]);
    expect(world.stderr.text).toBe(
      `armemu: trace: 4 records in ${file}; to see them: armemu trace ${file}\n`,
    );
  });

  test('is written after a signal, too', async () => {
    const file = join(folder, 'a.jsonl');
    world.guest = (machine) => {
      machine.options.trace?.sink({ format: 'armemu-trace' } as never);
      world.signals.emit('SIGTERM');
    };
    await world.run('run', '--trace', `irq=${file}`);
    expect(await readFile(file, 'utf8')).toBe('{"format":"armemu-trace"}\n');
  });

  test('is refused before a guest runs where it can’t be written', async () => {
    expect(await world.run('run', '--trace', `irq=${folder}`)).toBe(ExitCode.badInput);
    expect(world.stderr.text).toContain("can't write the trace");
    expect(world.machines).toHaveLength(0);
  });

  test('ends with an error when a part of it is missing', async () => {
    world.guest = (machine) => {
      machine.options.trace?.sink({ format: 'armemu-trace' } as never);
      machine.exit('poweroff');
    };
    smallDisk.room = 0;
    const file = join(folder, 'a.jsonl');
    expect(await world.run('run', '--trace', `irq=${file}`)).toBe(ExitCode.badInput);
    expect(world.stderr.text).toContain('the disk is full; its last 1 records are missing');
  });
});
