import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeAt, readFdt, stringsOf } from '../../src/boot/fdt-reader.ts';
import type { EndSignal } from '../../src/cli/command-io.ts';
import { createMachine, edu, SnapshotError } from '../../src/index.ts';
import type { MachineOptions, SnapshotImage } from '../../src/machine/options.ts';
import { buildElf } from '../boot/elf-builder.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { type FakeMachine, FakeWorld } from './fake-io.ts';

const directory = temporaryFolder();
const kernelPath = join(directory, 'kernel.elf');
writeFileSync(kernelPath, 'an ELF file, for all that the command knows');

/** Options of the machine that a command line makes. */
async function optionsOf(world: FakeWorld, ...argv: string[]): Promise<MachineOptions> {
  expect(await world.run(...argv)).toBe(0);
  return world.machines[0].options;
}

function endpointNames(options: MachineOptions): string[] {
  return (options.pci ?? []).map((endpoint) => endpoint.name);
}

describe('armemu run', () => {
  test('hands the options of the command line to the library', async () => {
    const argv =
      '-M virt --cpu cortex-a15 --smp 2 -m 1G --clock instructions --engine wasm --append hello'.split(' ');
    const options = await optionsOf(new FakeWorld(), 'run', ...argv, '--kernel', kernelPath);
    expect(options).toMatchObject({
      machine: 'virt',
      cpu: 'cortex-a15',
      smp: 2,
      memory: '1G',
      clock: 'instructions',
      engine: 'wasm',
      append: 'hello',
      semihosting: false,
    });
    expect(options.kernel).toMatchObject({ name: `kernel '${kernelPath}'` });
  });

  test('reads the files of a Linux guest', async () => {
    const files = ['--kernel', '--initrd', '--dtb'].flatMap((option) => [option, kernelPath]);
    const refused = new FakeWorld();
    expect(await refused.run('run', ...files, '--dump-dtb', join(directory, 'out.dtb'))).toBe(2);
    expect(refused.stderr.text).toContain(`device tree '${kernelPath}' is no flattened device tree`);
    const options = await optionsOf(new FakeWorld(), 'run', ...files);
    expect(options.initrd).toMatchObject({ name: `initrd '${kernelPath}'` });
    expect(options.dtb).toMatchObject({ name: `device tree '${kernelPath}'` });
  });

  test('with the embedded firmware and a pipe runs the self-test, whose result is the exit code', async () => {
    const world = new FakeWorld();
    world.guest = (machine) => machine.exit('semihosting', 1);
    expect(await world.run('run')).toBe(1);
    expect(world.machines[0].options).toMatchObject({ append: 'selftest', semihosting: true });
    expect(world.machines[0].options.kernel).toBeUndefined();
  });

  test('does not run the self-test at a terminal, with a kernel, or with --append', async () => {
    const world = new FakeWorld();
    world.stdin.isTTY = true;
    expect(await optionsOf(world, 'run')).not.toHaveProperty('append');
    expect(await optionsOf(new FakeWorld(), 'run', '--kernel', kernelPath)).not.toHaveProperty('append');
    expect(await optionsOf(new FakeWorld(), 'run', '--append', '')).toMatchObject({
      append: '',
      semihosting: true,
    });
  });

  test.each<[string[], string[]]>([
    [[], ['edu']],
    [['--no-edu'], []],
    [['--kernel', kernelPath], []],
    [['--kernel', kernelPath, '--edu'], ['edu']],
    [
      ['--vfio', '0000:01:00.0', '--vfio', '02:00.0'],
      ['vfio 0000:01:00.0', 'vfio 02:00.0'],
    ],
    [
      ['--vfio', '0000:01:00.0', '--edu'],
      ['edu', 'vfio 0000:01:00.0'],
    ],
  ])('%j plugs %j', async (argv, names) => {
    expect(endpointNames(await optionsOf(new FakeWorld(), 'run', ...argv))).toEqual(names);
  });

  test('loads armemu/vfio only for --vfio', async () => {
    const world = new FakeWorld();
    await world.run('run');
    expect(world.vfioAddresses).toEqual([]);
  });

  test('shows what the guest sends, up to its last byte', async () => {
    const world = new FakeWorld();
    world.guest = (machine) => {
      machine.print('hello\n');
      machine.exit('poweroff');
    };
    expect(await world.run('run')).toBe(0);
    expect(world.stdout.text).toBe('hello\n');
  });

  test('feeds a pipe to a guest that does not test itself', async () => {
    const world = new FakeWorld();
    world.guest = () => {
      setImmediate(() => {
        world.stdin.type('lspci\n');
        world.machines[0].exit('poweroff');
      });
    };
    await world.run('run', '--append', '');
    expect(world.machines[0].input).toBe('lspci\n');
  });

  test('restarts a guest that resets, with endpoints made anew, or ends with --no-reboot', async () => {
    const world = new FakeWorld();
    world.guest = (machine) => machine.exit(world.machines.length < 3 ? 'reset' : 'poweroff');
    expect(await world.run('run')).toBe(0);
    expect(world.machines).toHaveLength(3);
    expect(world.machines[0].calls).toEqual(['start', 'stop']);
    expect(world.machines[0].options.pci?.[0]).not.toBe(world.machines[1].options.pci?.[0]);

    const once = new FakeWorld();
    once.guest = (machine) => machine.exit('reset');
    expect(await once.run('run', '--no-reboot')).toBe(0);
    expect(once.machines).toHaveLength(1);
  });

  test('prints warnings always, and what devices report with --log, each message once', async () => {
    const world = new FakeWorld();
    world.guest = ({ options }) => {
      options.warn?.('0000:01:00.0 was removed');
      for (let i = 0; i < 3; i++) options.log?.unimplemented('PL011: DMA');
      options.log?.guestError('not asked for');
      world.machines[0].exit('poweroff');
    };
    await world.run('run', '--log', 'unimp');
    expect(world.stderr.text).toBe('armemu: warning: 0000:01:00.0 was removed\narmemu: unimp: PL011: DMA\n');
  });

  test('passes on the code that the guest gives by semihosting', async () => {
    const world = new FakeWorld();
    world.guest = (machine) => machine.exit('semihosting', 42);
    expect(await world.run('run', '--kernel', kernelPath, '--semihosting')).toBe(42);
  });
});

describe('however it ends, the machine is stopped and the terminal as it was', () => {
  function interactive(): FakeWorld {
    const world = new FakeWorld();
    world.stdin.isTTY = true;
    return world;
  }

  function isTidy(world: FakeWorld): boolean {
    const listeners = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => world.signals.listenerCount(signal));
    return (
      world.machines.every((machine) => machine.calls.includes('stop')) &&
      !world.stdin.rawMode &&
      world.stdin.listenerCount('data') === 0 &&
      listeners.every((count) => count === 0)
    );
  }

  test('Ctrl-A x', async () => {
    const world = interactive();
    world.guest = () => setImmediate(() => world.stdin.type('\x01x'));
    expect(await world.run('run')).toBe(0);
    expect(isTidy(world)).toBe(true);
  });

  test.each<[EndSignal, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])('%s gives exit code %i', async (signal, code) => {
    const world = interactive();
    world.guest = () => world.signals.emit(signal);
    expect(await world.run('run')).toBe(code);
    expect(isTidy(world)).toBe(true);
  });

  test('a signal while the machine is still being made: its devices are given back', async () => {
    const world = interactive();
    world.beforeCreate = async () => {
      world.signals.emit('SIGTERM');
    };
    expect(await world.run('run')).toBe(143);
    expect(world.machines[0].calls).toEqual(['stop']);
    expect(isTidy(world)).toBe(true);
  });

  test('a failure of the emulator', async () => {
    const world = interactive();
    let raw = false;
    world.guest = (machine) => {
      raw = world.stdin.rawMode;
      machine.fail(new Error('broken'));
    };
    expect(await world.run('run')).toBe(70);
    expect(raw).toBe(true);
    expect(isTidy(world)).toBe(true);
  });

  test('a reader of the output that went away', async () => {
    const world = new FakeWorld();
    const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    world.guest = () => world.stdout.emit('error', gone);
    expect(await world.run('run')).toBe(141);
    expect(isTidy(world)).toBe(true);
  });

  test('a disk that is full of its output', async () => {
    const world = new FakeWorld();
    const full = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
    world.guest = () => world.stdout.emit('error', full);
    expect(await world.run('run')).toBe(74);
    expect(isTidy(world)).toBe(true);
  });
});

describe('--save', () => {
  const path = (name: string): string => join(directory, name);

  test('saves the machine when the person leaves, before it is stopped', async () => {
    const world = new FakeWorld();
    world.stdin.isTTY = true;
    world.stderr.isTTY = true;
    world.guest = () => setImmediate(() => world.stdin.type('\x01x'));
    expect(await world.run('run', '--save', path('a.snap'))).toBe(0);
    expect(world.machines[0].calls.slice(0, 3)).toEqual(['start', 'save', 'stop']);
    expect(readFileSync(path('a.snap'), 'utf8')).toBe('snapshot');
    expect(world.stderr.text).toContain(`saving '${path('a.snap')}': 50 %`);
    expect(world.stderr.text).toContain(`saved '${path('a.snap')}', 8 bytes\n`);
  });

  test('saves it at a signal, without a progress line where there is no terminal', async () => {
    const world = new FakeWorld();
    world.guest = () => world.signals.emit('SIGTERM');
    expect(await world.run('run', '--save', path('b.snap'))).toBe(143);
    expect(readFileSync(path('b.snap'), 'utf8')).toBe('snapshot');
    expect(world.stderr.text).not.toContain('%');
  });

  test('says that nothing was saved when the guest ends by itself', async () => {
    const world = new FakeWorld();
    expect(await world.run('run', '--save', path('c.snap'))).toBe(0);
    expect(world.stderr.text).toContain('nothing was saved');
    expect(() => readFileSync(path('c.snap'))).toThrow();
  });

  test('gives exit code 2 and stops the machine when it fails, and leaves an older file as it was', async () => {
    const world = new FakeWorld();
    writeFileSync(path('d.snap'), 'older');
    world.guest = (machine) => {
      machine.saveError = new SnapshotError('no');
      world.signals.emit('SIGINT');
    };
    expect(await world.run('run', '--save', path('d.snap'))).toBe(2);
    expect(world.machines[0].calls).toContain('stop');
    expect(readFileSync(path('d.snap'), 'utf8')).toBe('older');
  });

  test('is refused with --vfio before anything is opened', async () => {
    const world = new FakeWorld();
    expect(await world.run('run', '--save', path('e.snap'), '--vfio', '0000:01:00.0')).toBe(2);
    expect(world.vfioAddresses).toEqual([]);
    expect(world.stderr.text).toContain('leave out --save or --vfio');
  });
});

describe('the monitor and gdb', () => {
  test('quit in the monitor ends the session, save writes a file', async () => {
    const world = new FakeWorld();
    world.stdin.isTTY = true;
    const file = join(directory, 'monitor.snap');
    world.guest = () => setImmediate(() => world.stdin.type(`\x01csave ${file}\r`));
    const running = world.run('run');
    while (!world.stdout.text.includes(`saved '${file}'`))
      await new Promise((resolve) => setTimeout(resolve, 1));
    expect(readFileSync(file, 'utf8')).toBe('snapshot');
    world.stdin.type('quit\r');
    expect(await running).toBe(0);
  });

  test('--gdb listens on this host only, and connects whoever comes to the machine', async () => {
    const world = new FakeWorld();
    world.guest = () => {};
    const running = world.run('run', '--gdb', '0', '--stopped');
    const address = async (): Promise<RegExpExecArray> => {
      for (;;) {
        const found = /target remote 127\.0\.0\.1:(\d+)/.exec(world.stderr.text);
        if (found !== null && world.machines.length > 0) return found;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const socket = connect(Number((await address())[1]), '127.0.0.1');
    const echoed = new Promise((resolve) => socket.once('data', (bytes) => resolve(bytes.toString())));
    socket.write('$?#3f');
    expect(await echoed).toBe('$?#3f');
    world.signals.emit('SIGTERM');
    expect(await running).toBe(143);
    socket.destroy();
    expect(world.machines[0].calls).toContain('connectDebugger');
  });

  test.each([
    ['no port', "--gdb: 'no port' is no address"],
    ['99999', "'99999' is no address"],
    ['192.0.2.1:1234', 'this host has no such address'],
  ])('--gdb %s gives exit code 2: %s', async (address, message) => {
    const world = new FakeWorld();
    expect(await world.run('run', '--gdb', address)).toBe(2);
    expect(world.stderr.text).toContain(message);
  });
});

describe('--semihosting', () => {
  test('takes a folder for the program', async () => {
    const options = await optionsOf(
      new FakeWorld(),
      'run',
      '--kernel',
      kernelPath,
      '--semihosting',
      `folder=${directory}`,
    );
    expect(options.semihosting).toHaveProperty('folder');
    const plain = await optionsOf(new FakeWorld(), 'run', '--kernel', kernelPath, '--semihosting');
    expect(plain.semihosting).toBe(true);
  });

  test.each([
    ['folder=/no/such/folder', 'there is no such file'],
    ['dir=x', 'write --semihosting or --semihosting folder=DIR'],
  ])('%s gives exit code 2', async (value, message) => {
    const world = new FakeWorld();
    expect(await world.run('run', '--semihosting', value)).toBe(2);
    expect(world.stderr.text).toContain(message);
  });
});

describe('--restore', () => {
  async function snapshotFile(name: string, options: MachineOptions): Promise<string> {
    const machine = await createMachine({ memory: '1M', ...options });
    const file = join(directory, name);
    writeFileSync(file, await machine.save());
    await machine.stop();
    return file;
  }

  /** B . */
  const kernel = buildElf([{ physicalAddress: 0x4008_0000, bytes: Uint8Array.of(0xfe, 0xff, 0xff, 0xea) }]);

  test('hands the snapshot to the machine, with the endpoint that it had, and its input', async () => {
    const file = await snapshotFile('f.snap', { kernel, pci: [edu()] });
    const world = new FakeWorld();
    world.guest = (machine) => {
      world.stdin.type('x');
      machine.exit('poweroff');
    };
    expect(await world.run('run', '--restore', file)).toBe(0);
    const [{ options, input }] = world.machines;
    const restore = options.restore as SnapshotImage;
    expect(restore.name).toBe(`snapshot '${file}'`);
    expect(Buffer.compare(restore.bytes, readFileSync(file))).toBe(0);
    expect(options.pci?.map(({ name }) => name)).toEqual(['edu']);
    expect(options).not.toHaveProperty('append');
    expect(options).not.toHaveProperty('memory');
    expect(input).toBe('x');
  });

  test('of a guest that is reset then needs what it started from', async () => {
    const file = await snapshotFile('g.snap', { kernel, smp: 2 });
    const kernelFile = join(directory, 'kernel.elf');
    writeFileSync(kernelFile, kernel);
    const resetOnce = (world: FakeWorld) => (machine: FakeMachine) =>
      machine.exit(world.machines.length === 1 ? 'reset' : 'poweroff');
    const without = new FakeWorld();
    without.guest = resetOnce(without);
    expect(await without.run('run', '--restore', file)).toBe(2);
    expect(without.stderr.text).toContain('give --kernel');
    const withKernel = new FakeWorld();
    withKernel.guest = resetOnce(withKernel);
    expect(await withKernel.run('run', '--restore', file, '--kernel', kernelFile)).toBe(0);
    const [, second] = withKernel.machines;
    expect(second.options).not.toHaveProperty('restore');
    expect(second.options).toMatchObject({ smp: 2, memory: 2 ** 20 });
  });

  test.each([
    ['that is missing', undefined, "can't read the snapshot"],
    ['that is none', 'hello', 'no snapshot of armemu'],
  ])('of a file %s gives exit code 2', async (_what, contents, message) => {
    const file = join(directory, 'h.snap');
    if (contents !== undefined) writeFileSync(file, contents);
    const world = new FakeWorld();
    expect(await world.run('run', '--restore', file)).toBe(2);
    expect(world.machines).toEqual([]);
    expect(world.stderr.text).toContain(message);
  });
});

describe('--dump-dtb', () => {
  test('writes the device tree and makes no machine', async () => {
    const world = new FakeWorld();
    const path = join(directory, 'virt.dtb');
    expect(await world.run('run', '--smp', '2', '--append', 'quiet', '--dump-dtb', path)).toBe(0);
    expect(world.machines).toEqual([]);
    const { root } = readFdt(readFileSync(path));
    expect(nodeAt(root, '/cpus/cpu@1')).toBeDefined();
    expect(stringsOf(nodeAt(root, '/chosen')!.properties.get('bootargs')!)).toEqual(['quiet']);
  });
});

describe('armemu list', () => {
  test('shows the machines with their memory map', async () => {
    const world = new FakeWorld();
    expect(await world.run('list')).toBe(0);
    expect(world.stdout.text).toContain('virt: up to 8 CPUs (cortex-a15)');
    expect(world.stdout.text).toContain('0x09000000-0x09000fff  uart0: PL011 UART, SPI 1');
  });

  test('--json gives the same as data', async () => {
    const world = new FakeWorld();
    expect(await world.run('list', '--json')).toBe(0);
    expect(JSON.parse(world.stdout.text)).toMatchObject([
      { name: 'virt', maxCpus: 8 },
      { name: 'vexpress-a9', maxCpus: 4 },
      { name: 'vexpress-a15', maxCpus: 4 },
    ]);
  });
});

test('armemu --version is that of the package', async () => {
  const world = new FakeWorld();
  expect(await world.run('--version')).toBe(0);
  expect(world.stdout.text).toMatch(/^\d+\.\d+\.\d+\n$/);
});
