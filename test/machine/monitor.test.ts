import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMachine, edu, type Machine } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const PROMPT = /armemu> $/;
const ENTRY = 0x4001_0000;

let machine: Machine;

beforeAll(async () => {
  machine = await createMachine({ memory: '16M', smp: 2, pci: [edu()] });
  await machine.start();
  await machine.serial.expect(PROMPT);
});

afterAll(async () => {
  await machine.stop();
});

describe('the monitor shows', () => {
  test('the state of the machine and of its CPUs', async () => {
    expect(await machine.monitor('info status')).toBe('running');
    expect(await machine.monitor('info cpus')).toMatch(
      /^\* CPU 0: (on|waits for an interrupt)\n {2}CPU 1: off$/,
    );
  });

  test('registers: core, status, floating point, system control', async () => {
    const text = await machine.monitor('info registers');
    expect(text).toMatch(/^CPU 0: (on|waits)/);
    expect(text).toMatch(/ {2}R12=[0-9a-f]{8} {4}SP=[0-9a-f]{8} {4}LR=/);
    for (const name of ['CPSR', 'SPSR', 'FPSCR', 'SCTLR', 'TTBR0', 'VBAR'])
      expect(text).toMatch(new RegExp(`\\b${name}=`));
  });

  test('what the tables map: the firmware maps addresses to themselves', async () => {
    const text = await machine.monitor('info tlb');
    const ram = /^(40[0-9a-f]{6})-[0-9a-f]{8} -> ([0-9a-f]{8}) rw/m.exec(text);
    expect(ram?.[1]).toBe(ram?.[2]);
    expect(await machine.monitor('info mem')).not.toContain('->');
  });

  test('the memory map, the PCI bus, and the interrupts by the names of their devices', async () => {
    expect(await machine.monitor('info mtree')).toMatch(/^09000000-09000fff uart0$/m);
    expect(await machine.monitor('info mtree')).toMatch(/^40000000-40ffffff RAM$/m);
    expect(await machine.monitor('info pci')).toMatch(
      /00:01\.0 1234:11e8 edu.*\n +BAR 0: memory32, 1 MiB, at 0x1/,
    );
    expect(await machine.monitor('info irq')).toMatch(/^ +33 uart0: enabled/m);
  });

  test('memory by virtual and by physical address, in all formats', async () => {
    const dtb = 0x4000_0000;
    expect(await machine.monitor(`xp /2xw ${dtb}`)).toMatch(/^40000000: 0xedfe0dd0 0x[0-9a-f]{8}$/);
    expect(await machine.monitor('x/4xb 0x40000000')).toBe('40000000: 0xd0 0x0d 0xfe 0xed');
    expect(await machine.monitor('x /1xg 0x40000000')).toMatch(/^40000000: 0x[0-9a-f]{8}edfe0dd0$/);
    expect(await machine.monitor('x /1dh 0x40000000')).toBe('40000000: 3536');
    expect(await machine.monitor('x /1db 0x40000000')).toBe('40000000: -48');
    expect(await machine.monitor('x /1ub 0x40000000')).toBe('40000000: 208');
    expect(await machine.monitor('x /1ob 0x40000001')).toBe('40000001: 015');
    expect(await machine.monitor('x /2c 0x40000000')).toBe("40000000: '\\xd0' '\\x0d'");
    expect((await machine.monitor('x /8xw $sp')).split('\n')).toHaveLength(2);
    machine.memory.write(0x40f0_0000, new TextEncoder().encode('one\0two\0'));
    expect(await machine.monitor('xp /2s 0x40f00000')).toBe('40f00000: "one"\n40f00004: "two"');
    expect(await machine.monitor('xp /1xw 0x09000fe0')).toBe('09000fe0: 0x00000011');
  });

  test('how far there is memory', async () => {
    expect(await machine.monitor('xp /2xw 0x0c000000')).toBe('there is nothing at 0x0c000000');
    expect(await machine.monitor('xp /8xb 0x40fffffc')).toMatch(
      /^40fffffc: (0x\w\w ?){4}\nthere is nothing at 0x41000000$/,
    );
  });
});

describe('the monitor', () => {
  test('stops the machine and lets it go on', async () => {
    await machine.monitor('stop');
    expect(await machine.monitor('info status')).toBe('stopped: stopped');
    const before = machine.instructions;
    machine.serial.write('\r');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(machine.instructions).toBe(before);
    await machine.monitor('c');
    await machine.serial.expect(PROMPT);
  });

  test('refers to the CPU that a person chose', async () => {
    expect(await machine.monitor('cpu 1')).toBe('');
    expect(await machine.monitor('info registers')).toMatch(/^CPU 1: off/);
    expect(await machine.monitor('info mem')).toContain('the MMU of CPU 1 is off');
    expect(await machine.monitor('cpu 2')).toBe("there are CPUs 0 to 1, not '2'");
    await machine.monitor('cpu 0');
  });

  test.each([
    ['', ''],
    ['info regsiters', "did you mean 'info registers'?"],
    ['inf', 'did you mean'],
    ['info', "'info registers'"],
    ['sav x', "did you mean 'save'?"],
    ['xyzzy plugh', "there is no command 'xyzzy'; 'help' lists all"],
    ['x', 'usage: x /FMT ADDRESS'],
    ['x /zz 0', 'write it as in x /8xw'],
    ['x /0xw 0', 'write it as in x /8xw'],
    ['x nowhere', "'nowhere' is no address"],
    ['x $nothing', "'$nothing' is no address"],
    ['x /999999xg 0', 'too many'],
    ['stop now', "'stop' takes no argument"],
    ['save', 'usage: save FILE'],
    ['save x', 'there are no files here'],
    ['screendump', 'usage: screendump FILE'],
    ['screendump x', 'there are no files here'],
  ])("says of '%s' what is wrong: %s", async (line, message) => {
    expect(await machine.monitor(line)).toContain(message);
  });

  test('lists its commands', async () => {
    const help = await machine.monitor('help');
    for (const command of ['info registers', 'x /FMT', 'save FILE', 'system_powerdown', 'quit']) {
      expect(help).toContain(command);
    }
  });

  test('presses the power button', async () => {
    expect(await machine.monitor('system_powerdown')).toBe('');
  });

  test('ends the machine', async () => {
    const bytes = new Uint8Array(Uint32Array.of(a.B_SELF).buffer);
    const other = await createMachine({
      memory: '1M',
      kernel: buildElf([{ physicalAddress: ENTRY, bytes }]),
    });
    expect(await other.monitor('info status')).toBe('not started');
    await other.start();
    expect(await other.monitor('q')).toBe('');
    expect((await other.exited).reason).toBe('stopped');
    expect(await other.monitor('info status')).toBe('ended: stopped');
  });

  test('has its surroundings save and quit where there are any', async () => {
    const calls: string[] = [];
    const host = {
      save: async (file: string) => `saved ${file}`,
      quit: () => void calls.push('quit'),
    };
    expect(await machine.monitor('save my.snap', host)).toBe('saved my.snap');
    await machine.monitor('cpu 1', host);
    expect(await machine.monitor('info cpus', host)).toContain('* CPU 1');
    expect(await machine.monitor('info cpus')).toContain('* CPU 0');
    await machine.monitor('quit', host);
    expect(calls).toEqual(['quit']);
  });
});
