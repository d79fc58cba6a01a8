import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { ExitCode } from '../../src/cli/exit-codes.ts';
import { tracePage } from '../../src/cli/trace-page-file.ts';
import { readTraceFile } from '../../src/host/read-trace-file.ts';
import { Trace } from '../../src/trace-page/trace.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { nvmeLines } from '../trace-page/nvme-trace.mjs';
import { FakeWorld } from './fake-io.ts';

let world: FakeWorld;
let folder: string;
let file: string;

beforeEach(async () => {
  world = new FakeWorld();
  folder = temporaryFolder();
  file = join(folder, 'a.jsonl');
  await writeFile(file, `${nvmeLines(3000).join('\n')}\n`);
});

describe('armemu trace', () => {
  test('prints what is in a trace as JSON', async () => {
    expect(await world.run('trace', file, '--json')).toBe(ExitCode.ok);
    const summary = JSON.parse(world.stdout.text);
    expect(summary).toMatchObject({ events: 3000, machines: [{ machine: 'virt,iommu=smmuv2', startNs: 0 }] });
    expect(summary.devices[0]).toMatchObject({ address: '00:01.0', counts: { 'config write': 3 } });
  });

  test('does not replace the trace by its page', async () => {
    expect(await world.run('trace', file, '--output', file)).toBe(ExitCode.badInput);
    expect(world.stderr.text).toContain(`the page would replace the trace '${file}'`);
  });

  test.each<[string, string, RegExp]>([
    ['an empty file', '', /'.*a\.jsonl' is empty\n/],
    ['no trace', 'hello\n', /is no trace: it begins with 'hello'\n {2}make one: armemu run --trace/],
    ['another version', nvmeLines(1)[0].replace('"version":1', '"version":9'), /a trace of version 9/],
    [
      'one cut short',
      nvmeLines(9).join('\n').slice(0, -20),
      /line 10 of '.*' is no record: .*\n.*sed -i '\$d' FILE/,
    ],
    ['gigabytes of something else', 'x'.repeat(3_000_000), /is no trace/],
  ])('refuses %s', async (_what, text, message) => {
    await writeFile(file, text);
    expect(await world.run('trace', file, '--json')).toBe(ExitCode.badInput);
    expect(world.stderr.text).toMatch(message);
    expect(world.stdout.text).toBe('');
  });

  test('refuses a file that is too large for a page, without reading it', async () => {
    await truncate(file, 3 * 2 ** 30);
    expect(await world.run('trace', file, '--json')).toBe(ExitCode.badInput);
    expect(world.stderr.text).toMatch(/has 3\.0 GiB, and a page can hold a trace of 1 GiB\n {2}trace fewer/);
  });

  test('refuses files that are not there', async () => {
    expect(await world.run('trace', join(folder, 'b'), '--json')).toBe(ExitCode.badInput);
    expect(await world.run('trace', folder, '--json')).toBe(ExitCode.badInput);
    expect(world.stderr.text).toMatch(/there is no such file[\s\S]*it is a directory/);
  });

  test('reads lines that are in two pieces of the file', async () => {
    const lines = nvmeLines(20_000);
    await writeFile(file, lines.join('\n'));
    expect((await readTraceFile(file)).events).toBe(20_000);
  });
});

test('a page holds the trace, and nothing that the trace says can end an element', async () => {
  const evil = '</script><script>alert(1)</script>';
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll('"name":"edu"', `"name":"${evil}"`));
  const { info, columns } = (await readTraceFile(file)).finish('<b>.jsonl');
  const html = await tracePage({ script: 'const s = "</script>";', style: 'p {}' }, info, columns);
  expect(html.match(/<\/script>/g)).toHaveLength(3);
  expect(html).toContain('<title>&lt;b>.jsonl - armemu trace</title>');
  expect(html).not.toMatch(/https?:/);
  const text = (id: string) => new RegExp(`id="${id}">([^<]*)<`).exec(html)?.[1] ?? '';
  const kept = new Trace(
    JSON.parse(text('trace-info')),
    inflateRawSync(Buffer.from(text('trace-columns'), 'base64')),
  );
  expect(kept.length).toBe(3000);
  expect(kept.deviceText(1)).toBe(`00:02.0 ${evil}`);
  expect([...kept.time]).toEqual(
    nvmeLines(3000)
      .slice(1)
      .map((line) => JSON.parse(line).ns),
  );
});
