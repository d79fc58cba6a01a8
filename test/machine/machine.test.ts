import { afterEach, describe, expect, test } from 'vitest';
import {
  createMachine,
  type EndpointPort,
  edu,
  GuestMemoryError,
  type Machine,
  type MachineOptions,
  type PciEndpoint,
} from '../../src/index.ts';
import { buildElf } from '../boot/elf-builder.ts';

const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const PROMPT = /armemu> $/;

const machines: Machine[] = [];

async function make(options: MachineOptions): Promise<Machine> {
  const machine = await createMachine({ memory: '16M', ...options });
  machines.push(machine);
  return machine;
}

async function boot(options: MachineOptions = {}): Promise<Machine> {
  const machine = await make(options);
  await machine.start();
  return machine;
}

/** A program of A32 instructions at ENTRY. */
function program(...words: number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  words.forEach((word, i) => {
    new DataView(bytes.buffer).setUint32(i * 4, word, true);
  });
  return buildElf([{ physicalAddress: ENTRY, bytes }]);
}

const B_SELF = 0xeafffffe;
const WFI = 0xe320f003;
/** ADD R0, R0, #1 and back to it. */
const COUNTING = program(0xe2800001, 0xeafffffd);
const SLEEPING = program(WFI, 0xeafffffd);

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

describe('the embedded firmware', () => {
  test('passes its self-test on one CPU and on two, and gives exit code 0', async () => {
    for (const smp of [1, 2]) {
      const machine = await make({
        smp,
        append: 'selftest',
        semihosting: true,
        pci: [edu({ dmaMask: 0xffff_ffff })],
      });
      let output = '';
      machine.serial.onData((bytes) => {
        output += new TextDecoder().decode(bytes);
      });
      await machine.start();
      expect(await machine.exited, output).toMatchObject({ code: 0 });
      expect(output).toMatch(/SELFTEST PASS/);
      expect(output).not.toMatch(/\[fail\]/);
    }
  });

  test('fails its self-test with exit code 1 on a device whose DMA address bits do not reach RAM', async () => {
    const machine = await boot({
      append: 'selftest',
      semihosting: true,
      pci: [edu({ dmaMask: 0x0fff_ffff })],
    });
    await machine.serial.expect(/\[fail\].*DMA[^\n]*data differs/);
    expect(await machine.exited).toEqual({ reason: 'semihosting', code: 1 });
  });

  test('does the same each time with the counting clock, to the instruction', async () => {
    const runs = [];
    for (let i = 0; i < 2; i++) {
      const machine = await make({
        clock: 'instructions',
        append: 'selftest',
        semihosting: true,
        pci: [edu({ dmaMask: 0xffff_ffff })],
      });
      let output = '';
      machine.serial.onData((bytes) => {
        output += new TextDecoder().decode(bytes);
      });
      await machine.start();
      await machine.exited;
      runs.push({ output, instructions: machine.instructions });
    }
    expect(runs[1]).toEqual(runs[0]);
  });

  test('answers a single key while it sleeps at its prompt', async () => {
    const { serial } = await boot();
    await serial.expect(PROMPT);
    serial.write('x');
    await serial.expect(/^x/);
  });

  test('ends the machine by PSCI: poweroff and reset', async () => {
    for (const [command, reason] of [
      ['poweroff', 'poweroff'],
      ['reboot', 'reset'],
    ]) {
      const machine = await boot();
      await machine.serial.expect(PROMPT);
      machine.serial.write(`${command}\r`);
      expect(await machine.exited).toEqual({ reason, code: 0 });
    }
  });

  test('gives an exit code by semihosting where that is allowed', async () => {
    const machine = await boot({ semihosting: true });
    await machine.serial.expect(PROMPT);
    machine.serial.write('poweroff 42\r');
    expect(await machine.exited).toEqual({ reason: 'semihosting', code: 42 });
  });
});

describe('a software endpoint of the user', () => {
  /** Counts the reads of its register; a write to it is a guest address to send a greeting to. docs/library.md has it, too. */
  class Greeter implements PciEndpoint {
    readonly name = 'greeter';
    readonly description = {
      vendorId: 0x1234,
      deviceId: 0x0001,
      classCode: 0xff0000,
      bars: [{ index: 0, kind: 'memory32', size: 4096 }],
      interruptPin: 1,
    } as const;
    reads = 0;
    port: EndpointPort | undefined;

    attach(port: EndpointPort): void {
      this.port = port;
    }

    detach(): void {
      this.port = undefined;
    }

    reset(): void {
      this.reads = 0;
    }

    readBar(): number {
      return ++this.reads;
    }

    writeBar(_bar: number, _offset: number, _size: number, address: number): void {
      this.port?.dma.write(address, new TextEncoder().encode('hello'));
    }
  }

  test('is listed by the guest, answers at its BAR, and reaches RAM as a bus master', async () => {
    const machine = await boot({ pci: [new Greeter()] });
    const { serial } = machine;
    await serial.expect(/00:01\.0 {2}1234:0001/);
    await serial.expect(PROMPT);
    const bar = machine.pciDevices()[1].bars[0].address.toString(16);
    serial.write(`md 0x${bar} 1\r`);
    await serial.expect(/: 00000001\r?\n/);
    await serial.expect(PROMPT);
    // Bus master off, then on with memory decoding.
    for (const [command, arrived] of [
      [2, [0, 0, 0, 0, 0]],
      [6, [...new TextEncoder().encode('hello')]],
    ] as const) {
      serial.write(`cfg 00:01.0 4 ${command} .w\r`);
      await serial.expect(PROMPT);
      serial.write(`mw 0x${bar} 0x40800000\r`);
      await serial.expect(PROMPT);
      expect([...machine.memory.read(RAM + 0x80_0000, 5)]).toEqual(arrived);
    }
  });
});

describe('a machine', () => {
  test('has its device tree at the start of RAM', async () => {
    const machine = await make({ kernel: COUNTING });
    const blob = machine.deviceTree();
    expect(machine.memory.read(RAM, blob.length)).toEqual(blob);
  });

  test('starts at the entry point, in A32 or Thumb state', async () => {
    const machine = await make({ kernel: COUNTING });
    expect(machine.cpus[0].registers[15]).toBe(ENTRY);
    const thumb = buildElf([{ physicalAddress: ENTRY, bytes: Uint8Array.of(0xfe, 0xe7) }], {
      entry: ENTRY + 1,
    });
    const other = await make({ kernel: thumb });
    expect(other.cpus[0].pc).toBe(ENTRY);
    expect((other.cpus[0].cpsr >>> 5) & 1).toBe(1);
  });

  test('lets timers of its process run while its guest computes', async () => {
    const machine = await boot({ kernel: program(B_SELF) });
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(machine.instructions).toBeGreaterThan(0);
  });

  test('stands still while it is paused, and goes on', async () => {
    const machine = await boot({ kernel: COUNTING });
    const counted = () => machine.cpus[0].registers[0];
    const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
    await turn();
    machine.pause();
    await turn();
    const before = counted();
    expect(before).toBeGreaterThan(0);
    await turn();
    expect(counted()).toBe(before);
    machine.resume();
    while (counted() === before) await turn();
  });

  test('runs what was written into its memory, over code that it ran before', async () => {
    const machine = await boot({ kernel: program(B_SELF) });
    await new Promise((resolve) => setTimeout(resolve, 5));
    // MOV R7, #1; B .
    machine.memory.write(ENTRY, Uint8Array.of(0x01, 0x70, 0xa0, 0xe3, 0xfe, 0xff, 0xff, 0xea));
    while (machine.cpus[0].registers[7] !== 1) await new Promise((resolve) => setTimeout(resolve, 1));
  });

  test('can be stopped while it computes, sleeps, is paused, or was never started', async () => {
    const computing = await boot({ kernel: COUNTING });
    const sleeping = await boot({ kernel: SLEEPING });
    const paused = await boot({ kernel: COUNTING });
    paused.pause();
    const fresh = await make({ kernel: COUNTING });
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const machine of [computing, sleeping, paused, fresh]) {
      expect(await machine.stop()).toEqual({ reason: 'stopped', code: 0 });
      expect(await machine.exited).toEqual({ reason: 'stopped', code: 0 });
    }
  });

  test('names the address where there is neither RAM nor a device', async () => {
    const { memory } = await make({ kernel: COUNTING });
    expect(() => memory.read(0x0f00_0000, 4)).toThrow(GuestMemoryError);
    expect(() => memory.write(0x4100_0000, Uint8Array.of(1))).toThrow('no memory or device at 0x41000000');
    expect(memory.readWord(0x0900_0fe0)).toBe(0x11);
  });
});
