import { afterEach, describe, expect, test } from 'vitest';
import { ArmemuError, OptionError, SnapshotError } from '../../../src/errors.ts';
import { createMachine, type EndpointPort, edu, type PciEndpoint } from '../../../src/index.ts';
import type { HostAttachedEndpoint } from '../../../src/pci/host-device.ts';
import * as a from '../../arm/assembler.ts';
import { disturbed, ENTRY, makeTwins, program, RAM, stopAll } from './twins.ts';

const DATA = RAM + 0x8_0000;
const CONFIGURATION = 0x3f00_0000 + (1 << 15);
const BAR = 0x1000_0000;
const FLASH = 0x0400_0000;
const CPU_ON = 0x8400_0003;
const POWER_OFF = [...a.mov32(0, 0x8400_0008), a.hvc(0)];
/** Both engines are the reference: what they differ in is a fault of the comparison. */
const SAME = ['interpreter', 'interpreter'] as const;
const store = (address: number, value: number): number[] => [
  ...a.mov32(8, address),
  ...a.mov32(9, value),
  a.str(9, 8),
];

afterEach(stopAll);

describe('the embedded firmware, which uses everything that is there, is the same in both engines', () => {
  test.each([
    ['with one CPU', 1],
    ['with two CPUs', 2],
  ])('%s', async (_what, smp) => {
    const options = { smp, memory: '32M', append: 'selftest', semihosting: true } as const;
    const alone = await createMachine({
      ...options,
      clock: 'instructions',
      pci: [edu({ dmaMask: -1 >>> 0 })],
    });
    await alone.start();
    await alone.exited;
    const machine = await makeTwins({ ...options, pci: [edu({ dmaMask: -1 >>> 0 })] }, SAME);
    const passed = machine.serial.expect(/SELFTEST PASS/, { timeout: '60s' });
    await machine.start();
    await passed;
    expect((await machine.exited).reason).toBe('poweroff');
    // A comparison is no disturbance: the run is the one that the first engine has alone.
    expect(machine.instructions).toBe(alone.instructions);
  });
});

/** A write to its BAR is an address to send two instructions to; its answer is what CPUs read there. */
class Sender implements PciEndpoint {
  readonly name = 'sender';
  readonly description = {
    vendorId: 0x1234,
    deviceId: 3,
    classCode: 0xff0000,
    bars: [{ index: 0, kind: 'memory32', size: 4096 }],
  } as const;
  private port: EndpointPort | undefined;
  private reads = 0;
  attach(port: EndpointPort): void {
    this.port = port;
  }
  detach(): void {}
  reset(): void {}
  /** Another value each time: asked twice it would show. */
  readBar(): number {
    return ++this.reads;
  }
  writeBar(_bar: number, _offset: number, _size: number, address: number): void {
    const words = Uint32Array.of(a.movw(4, 7), a.bx(14));
    this.port?.dma.write(address, new Uint8Array(words.buffer));
  }
}

describe('what comes from outside reaches both engines at the same instruction', () => {
  test('a transfer by a bus master within a slice, over code that has run; reads that count', async () => {
    const start = [
      ...store(CONFIGURATION + 0x10, BAR),
      ...store(CONFIGURATION + 4, 6),
      ...store(DATA, a.movw(4, 1)),
      ...store(DATA + 4, a.bx(14)),
    ];
    const call = [...a.mov32(5, DATA), a.movReg(14, 15), a.bx(5)];
    const code = [...start, ...call, a.movReg(6, 4), ...store(BAR, DATA), ...call, a.ldr(7, 8), a.ldr(8, 8)];
    code.push(...POWER_OFF);
    const kernel = program(code);
    const machine = await makeTwins({ memory: '1M', kernel, pci: [new Sender()] }, SAME);
    await machine.start();
    expect((await machine.exited).reason).toBe('poweroff');
    const { registers } = machine.cpus[0] ?? { registers: [] };
    expect([registers[6], registers[4], registers[7], registers[8]]).toEqual([1, 7, 1, 2]);
  });

  test('another CPU that PSCI switches on, with exclusives between them', async () => {
    const other = 24;
    const code = [...a.mov32(0, CPU_ON), a.movw(1, 1), ...a.mov32(2, ENTRY + 4 * other), a.hvc(0)];
    code.push(...a.mov32(8, DATA));
    const wait = code.length;
    code.push(a.ldr(1, 8), a.cmpImm(1, 200), a.b(wait + 2, wait, a.NE), ...POWER_OFF);
    while (code.length < other) code.push(a.NOP);
    code.push(...a.mov32(8, DATA), a.movw(6, 200));
    const loop = code.length;
    code.push(a.ldrex(1, 8), a.addImm(1, 1, 1), a.strex(2, 1, 8), a.cmpImm(2, 0));
    code.push(a.b(loop + 4, loop, a.NE), a.subsImm(6, 6, 1), a.b(loop + 6, loop, a.NE), a.WFI);
    expect(await disturbed(code, undefined, { smp: 2 })).toBe('poweroff');
  });

  test.each([2, 3] as const)(
    "a timer's interrupt by a GICv%i, at which time is looked up",
    async (gicVersion) => {
      const VECTORS = ENTRY + 0x800;
      const [GICD, GICC, GICR] = [0x0800_0000, 0x0801_0000, 0x080a_0000];
      const code = [...a.mov32(0, VECTORS), a.mcr(0, 12, 0, 0, 0), ...store(GICD, gicVersion === 2 ? 1 : 3)];
      if (gicVersion === 2) {
        code.push(...store(GICD + 0x100, 1 << 27), ...store(GICC + 4, 0xff), ...store(GICC, 1));
      } else {
        code.push(...store(GICR + 0x14, 0), ...store(GICR + 0x1_0080, 0xffff_ffff));
        code.push(...store(GICR + 0x1_0100, 1 << 27), a.movw(0, 0xff), a.mcr(0, 4, 0, 6, 0));
        code.push(a.movw(0, 1), a.mcr(0, 12, 0, 12, 7));
      }
      const acknowledge =
        gicVersion === 2 ? [...a.mov32(8, GICC), a.ldr(5, 8, 0xc)] : [a.mrc(5, 12, 0, 12, 0)];
      code.push(a.cpsie(2), a.movw(1, 5000), a.mcr(1, 14, 0, 3, 0), a.movw(1, 1), a.mcr(1, 14, 0, 3, 1));
      code.push(a.addImm(6, 6, 1), a.b(1, 0));
      while (code.length < (VECTORS + 0x18 - ENTRY) / 4) code.push(a.NOP);
      code.push(a.mrrc(2, 3, 1, 14), ...acknowledge, ...POWER_OFF);
      const machine = await makeTwins({ memory: '1M', kernel: program(code), gicVersion }, SAME);
      await machine.start();
      expect((await machine.exited).reason).toBe('poweroff');
      expect(machine.cpus[0]?.registers[5]).toBe(27);
      expect(machine.cpus[0]?.registers[2]).toBeGreaterThanOrEqual(5000);
    },
  );

  test('a reset: system registers of several words are the new ones on both sides', async () => {
    const PMXEVTYPER = [9, 0, 13, 1] as const;
    const code = [a.movw(1, 0x11), a.mcr(1, ...PMXEVTYPER), a.mrc(2, ...PMXEVTYPER), ...POWER_OFF];
    expect(await disturbed(code, undefined)).toBe('poweroff');
    const report = await disturbed(code, {
      after: 2,
      apply: ({ engine }) => {
        engine.cpus[0]?.regs.PMXEVTYPER.fill(0x12, 0, 1);
      },
    });
    expect(report).toMatch(/CPU 0 {2}PMXEVTYPER0 +0x00000011 +0x00000012/);
  });

  test('flash that a guest erases, programs and runs', async () => {
    const both = (command: number): number => command * 0x1_0001;
    const command = (...commands: number[]): number[] => commands.flatMap((c) => store(FLASH, both(c)));
    const code = [
      ...command(0x20, 0xd0, 0x40),
      ...store(FLASH, a.movw(4, 5)),
      ...store(FLASH + 4, both(0x40)),
    ];
    code.push(
      ...store(FLASH + 4, a.bx(14)),
      ...command(0xff),
      ...a.mov32(5, FLASH),
      a.movReg(14, 15),
      a.bx(5),
    );
    const machine = await makeTwins({ memory: '1M', kernel: program([...code, ...POWER_OFF]) }, SAME);
    await machine.start();
    expect((await machine.exited).reason).toBe('poweroff');
    expect(machine.cpus[0]?.registers[4]).toBe(5);
  });

  test('flash that has contents from the beginning, where the CPU starts', async () => {
    const words = new Uint32Array(0x400).fill(a.NOP);
    words.set([...a.mov32(0, 0x8400_0008), a.hvc(0)], 0x3f0);
    const machine = await makeTwins({ memory: '1M', bios: new Uint8Array(words.buffer) }, SAME);
    await machine.start();
    expect((await machine.exited).reason).toBe('poweroff');
    expect(machine.instructions).toBe(0x3f3);
  });

  test('what semihosting writes into RAM, and its results', async () => {
    const call = (operation: number): number[] => [a.movw(0, operation), a.svc(0x12_3456)];
    const SYS_READC = 7;
    const SYS_GET_CMDLINE = 0x15;
    const code = [...store(DATA, DATA + 0x100), ...store(DATA + 4, 64), ...a.mov32(1, DATA)];
    code.push(...call(SYS_GET_CMDLINE), ...a.mov32(8, DATA), a.ldr(5, 8, 0x100), ...call(SYS_READC));
    code.push(a.movReg(6, 0), ...POWER_OFF);
    const semihosting = { commandLine: 'spam', input: () => Uint8Array.of(0x41) };
    const machine = await makeTwins({ memory: '1M', kernel: program(code), semihosting }, SAME);
    await machine.start();
    expect((await machine.exited).reason).toBe('poweroff');
    expect(machine.cpus[0]?.registers.slice(5, 7)).toEqual([0x6d617073, 0x41]);
  });

  test('what the user of the library writes between slices', async () => {
    const code = [...a.mov32(8, DATA), a.ldr(1, 8), a.cmpImm(1, 3), a.b(4, 2, a.NE), ...POWER_OFF];
    const machine = await makeTwins({ memory: '1M', kernel: program(code) }, SAME);
    await machine.start();
    await new Promise((resolve) => setTimeout(resolve, 20));
    machine.cpus[0]?.setRegister(4, 0x1234);
    machine.memory.writeWord(DATA, 3);
    expect((await machine.exited).reason).toBe('poweroff');
    expect(machine.cpus[0]?.registers[4]).toBe(0x1234);
  });
});

describe('lockstep is refused with', () => {
  const engine = 'lockstep';
  const real: HostAttachedEndpoint = Object.assign(new Sender(), {
    name: '0000:01:00.0',
    prepare: async () => {},
    service: () => {},
    close: async () => {},
  });

  test.each([
    ['the clock of the host', { engine, clock: 'host' }, /lockstep counts instructions.*clock.*host/],
    ['a real device', { engine, pci: [real] }, /lockstep can't run with the real device 0000:01:00\.0/],
  ] as const)('%s', async (_what, options, message) => {
    await expect(createMachine(options)).rejects.toThrow(OptionError);
    await expect(createMachine(options)).rejects.toThrow(message);
  });

  test('a snapshot, to go on from or to make, and with a debugger', async () => {
    const saved = await createMachine({ memory: '1M', kernel: program([a.B_SELF]), clock: 'instructions' });
    const restore = await saved.save();
    await saved.stop();
    await expect(createMachine({ engine, restore })).rejects.toThrow(/lockstep begins where a guest begins/);
    const machine = await makeTwins({ memory: '1M', kernel: program([a.B_SELF]) }, SAME);
    await expect(machine.save()).rejects.toThrow(SnapshotError);
    expect(() => machine.connectDebugger(() => {})).toThrow(ArmemuError);
    expect(() => machine.connectDebugger(() => {})).toThrow(/lockstep/);
  });

  test('nothing that it can have: the clock counts instructions by itself', async () => {
    const machine = await createMachine({ memory: '1M', kernel: program(POWER_OFF), engine });
    await machine.start();
    expect((await machine.exited).reason).toBe('poweroff');
    expect(machine.instructions).toBe(3);
  });
});
