import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { ExitCode } from '../../src/cli/exit-codes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { FAKE_STATISTICS, FakeWorld } from './fake-io.ts';

let world: FakeWorld;
let folder: string;

beforeEach(async () => {
  world = new FakeWorld();
  folder = temporaryFolder();
});

describe('--stats', () => {
  test('prints on standard error when the guest has ended', async () => {
    expect(await world.run('run', '--stats')).toBe(ExitCode.ok);
    const { text } = world.stderr;
    for (const part of [
      "engine 'wasm'",
      /guest instructions +2,000,000\n/,
      /by regions +1,500,000 \(75\.00 %\)/,
      /blocks +20 translated, 2 invalidated, 1 flushes/,
      /regions +3 in 1 modules/,
      /bytes of WebAssembly +1,234/,
      /build, compile +1\.3 ms, 2\.5 ms/,
      /thrown away +1 invalidated, 0 evictions/,
      /entries of regions +150, 10,000 instructions each/,
      /came back for +100 interrupted, 10 lookup, 12 resync, 20 wait, 8 slow/,
      /went on after +5 resync, 4 raise, 3 fault/,
      /TLB misses +7 first level, 6 second level/,
      /11 loads, 12 stores, 13 exclusives \(interpreter\)\n +21 loads, 22 stores, 23 exclusives \(regions\)/,
      /helper calls +coprocessorRead: 30 \(interpreter\), 0 \(regions\)\n +writeCpsr: 1 \(interpreter\), 2 \(regions\)/,
      /vector calls +vadd\.f32: 9 \(regions\)/,
    ]) {
      expect(text).toMatch(part);
    }
    expect(world.stdout.text).toBe('');
  });

  test('prints JSON, for each machine of a guest that reboots', async () => {
    world.guest = (machine) => machine.exit(world.machines.length === 1 ? 'reset' : 'poweroff');
    await world.run('run', '--stats=json');
    const [first, second] = world.stderr.text.split(/(?<=^\}\n)/m);
    expect(JSON.parse(first)).toEqual(FAKE_STATISTICS);
    expect(JSON.parse(second)).toEqual(FAKE_STATISTICS);
  });

  test('has what was done for real devices behind an SMMU', async () => {
    world.guest = (machine) => {
      machine.shadow = { maps: 3000, unmaps: 4, gaps: 5, dirtyDescriptors: 6, refused: 1 };
      machine.exit('poweroff');
    };
    await world.run('run', '--stats');
    expect(world.stderr.text).toMatch(
      /host IOMMU +3,000 mapped, 4 unmapped, 5 gaps\n +6 descriptors looked at, 1 devices stopped/,
    );
  });

  test('prints after a signal, too', async () => {
    world.guest = () => world.signals.emit('SIGTERM');
    await world.run('run', '--stats');
    expect(world.stderr.text).toMatch(/guest instructions/);
  });

  test('is silent when nobody asks, and refuses other formats', async () => {
    await world.run('run');
    expect(world.stderr.text).toBe('');
    expect(await world.run('run', '--stats=xml')).toBe(ExitCode.badInput);
    expect(world.stderr.text).toMatch(/'xml' is no format/);
    expect(world.machines).toHaveLength(1);
  });
});

describe('--profile', () => {
  test('writes folded stacks or a file of speedscope, by the end of its name', async () => {
    const map = join(folder, 'System.map');
    await writeFile(map, '40010000 T start\n40010100 D data\n');
    for (const name of ['a.folded', 'a.txt']) {
      expect(await world.run('run', '--profile', join(folder, name), '--symbols', map)).toBe(ExitCode.ok);
      expect(await readFile(join(folder, name), 'utf8')).toBe('CPU 0;kernel;start 70\n');
    }
    const json = join(folder, 'a.speedscope.json');
    await world.run('run', '--profile', json, '--symbols', map);
    expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({
      shared: { frames: [{ name: 'kernel' }, { name: 'start' }] },
      profiles: [{ weights: [70] }],
    });
  });

  test('adds up the machines of a guest that reboots', async () => {
    const file = join(folder, 'a.folded');
    world.guest = (machine) => machine.exit(world.machines.length === 1 ? 'reset' : 'poweroff');
    await world.run('run', '--profile', file);
    expect(await readFile(file, 'utf8')).toBe('CPU 0;kernel;0x40010xxx 140\n');
    expect(world.machines[0].calls.slice(0, 2)).toEqual(['profile', 'start']);
  });

  test('refuses a file that can not be written before a machine is made', async () => {
    expect(await world.run('run', '--profile', join(folder, 'none', 'a.json'))).toBe(ExitCode.badInput);
    expect(world.stderr.text).toMatch(/can't write '.*none.a\.json': there is no folder/);
    expect(world.machines).toEqual([]);
  });

  test('refuses files of unknown kinds, and symbols for nothing, before a machine is made', async () => {
    expect(await world.run('run', '--profile', 'a.pprof')).toBe(ExitCode.badInput);
    expect(await world.run('run', '--symbols', 'a.elf')).toBe(ExitCode.badInput);
    expect(world.stderr.text).toMatch(/'a\.pprof' says no format/);
    expect(world.stderr.text).toMatch(/--symbols: there is no profile/);
    const missing = join(folder, 'none');
    expect(await world.run('run', '--profile', 'a.json', '--symbols', missing)).not.toBe(ExitCode.ok);
    expect(world.stderr.text).toMatch(/can't read the symbols/);
    expect(world.machines).toHaveLength(0);
  });
});
