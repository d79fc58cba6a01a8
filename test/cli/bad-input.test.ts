import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PassthroughError } from '../../src/errors.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { FakeWorld } from './fake-io.ts';

const directory = temporaryFolder();
const disk = join(directory, 'disk.img');
writeFileSync(disk, new Uint8Array(512));

/** Runs a command that must be refused before any machine is made; gives what it says. */
async function refusal(...argv: string[]): Promise<string> {
  const world = new FakeWorld();
  expect(await world.run(...argv)).toBe(2);
  expect(world.machines).toEqual([]);
  expect(world.stdout.text).toBe('');
  expect(world.stderr.text).not.toMatch(/^\s+at /m);
  return world.stderr.text;
}

describe('a wrong command line ends with code 2, before a guest starts, and says what is right', () => {
  test.each<[string[], string]>([
    [
      ['run', '--machine', 'vert'],
      "armemu: unknown machine 'vert'; did you mean 'virt'?\n  there are: virt, vexpress-a9, vexpress-a15\n",
    ],
    [
      ['run', '--cpu', 'cortex-a9'],
      "armemu: unknown cpu 'cortex-a9'; did you mean 'cortex-a15'?\n  there is: cortex-a15\n",
    ],
    [
      ['run', '-m', '512X'],
      "armemu: memory: '512X' has the unknown unit 'X'\n  write memory as in 512M, 1G or 0x20000000; units are B, K, M and G\n",
    ],
    [
      ['run', '--memory', '4G'],
      'armemu: memory: 4 GiB is more than virt can have\n  its memory map has room for 3 GiB of RAM: --memory 3072M\n',
    ],
    [['run', '--smp', 'two'], "armemu: --smp: 'two' is no whole number\n  write it in digits: --smp 2\n"],
    [['run', '--smp', '9'], "armemu: smp: virt can't have 9 CPUs\n  give it a whole number from 1 to 8\n"],
    [['run', '--clock', 'sun'], "armemu: unknown clock 'sun'\n  there are: host, instructions\n"],
    [
      ['run', '--engine', 'lookstep'],
      "armemu: unknown engine 'lookstep'; did you mean 'lockstep'?\n  there are: wasm, interpreter, lockstep\n",
    ],
    [
      ['run', '--engine', 'lockstep', '--vfio', '0000:01:00.0'],
      "armemu: --vfio: an engine in lockstep is for comparing, and can't be had with it\n  leave out --vfio, or take another --engine\n",
    ],
    [
      ['run', '--engine', 'lockstep', '--gdb', '1234'],
      "armemu: --gdb: an engine in lockstep is for comparing, and can't be had with it\n  leave out --gdb, or take another --engine\n",
    ],
    [
      ['run', '--engine', 'lockstep', '--clock', 'host'],
      'armemu: engine: lockstep counts instructions, and the clock is to follow the host\n  leave --clock out, or write --clock instructions\n',
    ],
    [
      ['run', '--log', 'everything'],
      "armemu: --log: unknown item 'everything'\n  there are: guest_errors, unimp\n",
    ],
    [['run', '--kernal', 'a.elf'], "armemu: unknown option '--kernal'\n  (Did you mean --kernel?)\n"],
    [['run', '--xyzzy'], "armemu: unknown option '--xyzzy'\n  see 'armemu run --help'\n"],
    [
      ['run', '--memory'],
      "armemu: option '-m, --memory <size>' argument missing\n  see 'armemu run --help'\n",
    ],
    [['frobnicate'], "armemu: unknown command 'frobnicate'\n  see 'armemu --help'\n"],
    [['rum'], "armemu: unknown command 'rum'\n  (Did you mean run?)\n"],
    [
      ['run', 'a.elf'],
      "armemu: 'a.elf' is one word too many for 'armemu run'\n  a kernel is given as --kernel a.elf; see 'armemu run --help'\n",
    ],
    [
      ['vfio', 'list', '0000:01:00.0'],
      "armemu: '0000:01:00.0' is one word too many for 'armemu vfio list'\n  see 'armemu vfio list --help'\n",
    ],
    [
      ['run', '--initrd', 'initrd.img'],
      'armemu: --initrd initrd.img: there is no guest that takes it\n  give its kernel, too: --kernel FILE\n',
    ],
    [
      ['run', '--restore', disk],
      `armemu: snapshot '${disk}': this is no snapshot of armemu\n  name a file that 'armemu run --save' wrote\n`,
    ],
    [
      ['run', '--share', `path=${disk},tag=x`],
      `armemu: can't share the folder '${disk}': it is no folder\n  name a folder\n`,
    ],
    [['list', 'virt'], "armemu: 'virt' is one word too many for 'armemu list'\n  see 'armemu list --help'\n"],
  ])('%j', async (argv, message) => {
    expect(await refusal(...argv)).toBe(message);
  });

  test('no subcommand: the help', async () => {
    expect(await refusal()).toContain('Usage: armemu [options] [command]');
  });
});

describe('a kernel that can not be read is refused by its path', () => {
  test('where there is no file', async () => {
    const path = join(directory, 'missing.elf');
    expect(await refusal('run', '--kernel', path)).toBe(
      `armemu: can't read the kernel '${path}': there is no such file\n  check the path; a relative one starts at the current directory\n`,
    );
  });

  test('where it is a directory', async () => {
    expect(await refusal('run', '--kernel', directory)).toContain('it is a directory');
  });
});

describe('a file that can not be written', () => {
  test('is refused by its path', async () => {
    const path = join(directory, 'nowhere', 'virt.dtb');
    expect(await refusal('run', '--dump-dtb', path)).toContain(
      `armemu: can't write '${path}': there is no folder '${join(directory, 'nowhere')}'`,
    );
  });

  test('by --save, before the guest has worked for hours', async () => {
    const path = join(directory, 'nowhere', 'a.snap');
    expect(await refusal('run', '--save', path)).toContain(`can't write '${path}': there is no folder`);
    expect(await refusal('run', '--save', directory)).toContain('it is a directory');
  });

  test('when a part of its path is a file', async () => {
    writeFileSync(join(directory, 'file'), '');
    expect(await refusal('run', '--dump-dtb', join(directory, 'file', 'x'))).toContain(
      'a part of the path is a file',
    );
  });
});

test('a device of the host that is not ready is code 2 with the remedy on its own lines', async () => {
  const world = new FakeWorld();
  world.beforeCreate = () => {
    throw new PassthroughError('0000:01:00.0 is bound to e1000e', 'run this:\n  driverctl set-override ...');
  };
  expect(await world.run('run', '--vfio', '0000:01:00.0')).toBe(2);
  expect(world.stderr.text).toBe(
    'armemu: 0000:01:00.0 is bound to e1000e\n  run this:\n    driverctl set-override ...\n',
  );
});

test('a fault of the emulator is another code, and shows where it was', async () => {
  const world = new FakeWorld();
  world.beforeCreate = () => {
    throw new TypeError('oops');
  };
  expect(await world.run('run')).toBe(70);
  expect(world.stderr.text).toMatch(/armemu: internal error, please report it\nTypeError: oops\n\s+at /);
});
