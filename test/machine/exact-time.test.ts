import { afterEach, describe, expect, test } from 'vitest';
import { createMachine, type EndpointPort, type Machine, type PciEndpoint } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const VECTORS = RAM + 0x2_0000;
const DATA = RAM + 0x8_0000;
const CPU_ON = 0x8400_0003;
const POWER_OFF = [...a.mov32(0, 0x8400_0008), a.hvc(0)];
const GICD = 0x0800_0000;
const GICC = 0x0801_0000;
const UART = 0x0900_0000;
/** INTID of the virtual timer: PPI 11. */
const TIMER_INTID = 27;
/** Virtual time of one instruction, and of one count of the generic timer, in nanoseconds. */
const INSTRUCTION = 10;
const COUNT = 16;

const CNTV_CTL = [14, 0, 3, 1] as const;
const CNTV_TVAL = [14, 0, 3, 0] as const;
const SCTLR_RESET_VBAR = [12, 0, 0, 0] as const;

const machines: Machine[] = [];

interface Program {
  readonly code: readonly number[];
  /** Code of the IRQ vector. */
  readonly irq?: readonly number[];
  readonly smp?: number;
  readonly pci?: readonly PciEndpoint[];
}

async function make({ code, irq = [a.B_SELF], smp = 1, pci = [] }: Program): Promise<Machine> {
  const bytes = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
  const kernel = buildElf([
    { physicalAddress: ENTRY, bytes: bytes(code) },
    { physicalAddress: VECTORS + 0x18, bytes: bytes(irq) },
  ]);
  const machine = await createMachine({ memory: '1M', kernel, smp, pci, clock: 'instructions' });
  machines.push(machine);
  return machine;
}

async function run(program: Program): Promise<Machine> {
  const machine = await make(program);
  await machine.start();
  await machine.exited;
  return machine;
}

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

/** What CNTVCT reads when so many instructions have run before it. */
const countAfter = (instructions: number): number => Math.floor((instructions * INSTRUCTION) / COUNT);

const nops = (n: number): number[] => Array.from({ length: n }, () => a.NOP);
const store = (address: number, value: number): number[] => [
  ...a.mov32(8, address),
  ...a.mov32(9, value),
  a.str(9, 8),
];

describe('the counting clock', () => {
  test('a read of CNTVCT sees exactly the instructions before it, wherever in a block it is', async () => {
    const code = [...a.mov32(8, DATA), a.mrrc(0, 1, 1, 14), ...nops(9), a.mrrc(2, 3, 1, 14)];
    code.push(...nops(30), a.mrrc(4, 5, 1, 14), a.str(0, 8), a.str(2, 8, 4), a.str(4, 8, 8), ...POWER_OFF);
    const machine = await run({ code });
    expect([0, 4, 8].map((at) => machine.memory.readWord(DATA + at))).toEqual([2, 12, 43].map(countAfter));
  });

  test('in a loop of many slices, too: each round takes as long as its instructions', async () => {
    const code = [...a.mov32(8, DATA), ...a.mov32(6, 16_000), a.mrrc(0, 1, 1, 14)];
    const loop = code.length;
    code.push(a.NOP, a.subsImm(6, 6, 1), a.b(loop + 2, loop, a.NE));
    code.push(a.mrrc(2, 3, 1, 14), a.str(0, 8), a.str(2, 8, 4), ...POWER_OFF);
    const machine = await run({ code });
    expect(machine.memory.readWord(DATA)).toBe(countAfter(4));
    expect(machine.memory.readWord(DATA + 4)).toBe(countAfter(5 + 3 * 16_000));
  });

  test('a timer interrupts at the first instruction at which its time has come', async () => {
    const code = [...a.mov32(0, VECTORS), a.mcr(0, ...SCTLR_RESET_VBAR)];
    code.push(...store(GICD, 1), ...store(GICD + 0x100, 1 << TIMER_INTID), ...store(GICC + 4, 0xff));
    code.push(...store(GICC, 1), a.cpsie(2), a.movw(6, 0));
    // 100 counts are 160 instructions: far less than a slice is long.
    code.push(
      a.mrrc(4, 5, 1, 14),
      a.movw(1, 100),
      a.mcr(1, ...CNTV_TVAL),
      a.movw(1, 1),
      a.mcr(1, ...CNTV_CTL),
    );
    const loop = code.length;
    code.push(a.addImm(6, 6, 1), a.NOP, a.NOP, a.NOP, a.NOP, a.b(loop + 5, loop));
    const irq = [
      a.mrrc(0, 1, 1, 14),
      ...a.mov32(8, DATA),
      a.str(6, 8),
      a.str(14, 8, 4),
      a.str(0, 8, 8),
      ...POWER_OFF,
    ];
    const machine = await run({ code, irq });
    const armedAt = loop - 3;
    const due = Math.ceil(((countAfter(armedAt) + 100) * COUNT) / INSTRUCTION);
    const inLoop = due - loop;
    expect(machine.memory.readWord(DATA)).toBe(Math.ceil(inLoop / 6));
    // LR of an interrupt is 4 beyond the instruction that would have been next.
    expect(machine.memory.readWord(DATA + 4)).toBe(ENTRY + 4 * (loop + (inLoop % 6)) + 4);
    expect(machine.memory.readWord(DATA + 8)).toBe(countAfter(due));
  });

  test('an SGI to another CPU takes effect after the instruction that sent it', async () => {
    // CPU 1 waits in WFI, then notes the time; CPU 0 sends in the middle of a block and computes on.
    const other = 40;
    const code = [...a.mov32(0, CPU_ON), a.movw(1, 1), ...a.mov32(2, ENTRY + 4 * other), a.hvc(0)];
    code.push(...store(GICD, 1), ...nops(2), a.YIELD, ...a.mov32(8, GICD + 0xf00), ...a.mov32(9, 2 << 16));
    const sent = code.length;
    code.push(a.str(9, 8), ...nops(10), a.b(sent + 11, sent + 1));
    expect(code.length).toBeLessThan(other);
    while (code.length < other) code.push(a.NOP);
    code.push(...store(GICC + 4, 0xff), ...store(GICC, 1), a.WFI, a.mrrc(0, 1, 1, 14), ...a.mov32(8, DATA));
    code.push(a.str(0, 8), ...POWER_OFF);
    const machine = await run({ code, smp: 2 });
    const setUp = 11;
    // All that CPU 0 ran up to and with the store, and all that CPU 1 ran up to and with WFI.
    expect(machine.memory.readWord(DATA)).toBe(countAfter(sent + 1 + setUp));
  });

  test('text that answers a pattern comes at the same instruction each time', async () => {
    // Sends a prompt, waits for a character, notes the time.
    const code = [...a.mov32(8, UART), a.movw(0, 0x3e), a.str(0, 8)];
    const wait = code.length;
    code.push(a.ldr(1, 8, 0x18), 0xe3110010, a.b(wait + 2, wait, a.NE));
    code.push(
      a.ldr(2, 8),
      a.mrrc(4, 5, 1, 14),
      ...a.mov32(8, DATA),
      a.str(2, 8),
      a.str(4, 8, 4),
      ...POWER_OFF,
    );
    const results: (readonly number[])[] = [];
    for (let i = 0; i < 2; i++) {
      const machine = await make({ code });
      machine.serial.answer(/>$/, 'x');
      await machine.start();
      await machine.exited;
      results.push(
        [DATA, DATA + 4].map((at) => machine.memory.readWord(at)),
        [machine.instructions],
      );
    }
    expect(results[0]).toEqual([0x78, countAfter(8)]);
    expect(results.slice(2)).toEqual(results.slice(0, 2));
  });
});

/** Does work on the host when it is written to; BAR 0 reads as what it gave, 0 before. */
class HostWorker implements PciEndpoint {
  readonly name = 'worker';
  readonly description = {
    vendorId: 0x1234,
    deviceId: 3,
    classCode: 0xff0000,
    bars: [{ index: 0, kind: 'memory32', size: 4096 }],
  } as const;
  port: EndpointPort | undefined;
  attach(port: EndpointPort): void {
    this.port = port;
  }
  detach(): void {}
  reset(): void {}
  readBar(): number {
    return 0;
  }
  writeBar(): void {}
}

describe('work of the host', () => {
  const LATENCY = 30_000;

  test.each([
    ['done long before', 0],
    ['done long after', 30],
  ])('is complete at its virtual time: %s', async (_name, hostMs) => {
    const worker = new HostWorker();
    const code = [a.addImm(0, 0, 1), a.b(1, 0)];
    const machine = await make({ code, pci: [worker] });
    const clock = worker.port!.clock;
    const at: number[] = [];
    const done = new Promise<void>((resolve) => {
      clock.whenSettled(new Promise((settle) => setTimeout(settle, hostMs)), LATENCY, () => {
        at.push(clock.nowNs(), machine.instructions);
        resolve();
      });
    });
    await machine.start();
    await done;
    expect(at).toEqual([LATENCY, LATENCY / INSTRUCTION]);
  });

  test('that fails is complete too, and stop does not wait for work that never ends', async () => {
    const worker = new HostWorker();
    const machine = await make({ code: [a.B_SELF], pci: [worker] });
    const { clock } = worker.port!;
    const failed = new Promise<void>((resolve) => {
      clock.whenSettled(Promise.reject(new Error('disk on fire')), LATENCY, resolve);
    });
    await machine.start();
    await failed;
    clock.whenSettled(new Promise(() => {}), LATENCY, () => {});
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await machine.stop()).reason).toBe('stopped');
  });

  test('that is due keeps what comes after it waiting: the order is the same whatever the host does', async () => {
    const worker = new HostWorker();
    const machine = await make({ code: [a.B_SELF], pci: [worker] });
    const { clock } = worker.port!;
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      clock.whenSettled(new Promise((settle) => setTimeout(settle, 20)), 1000, () => order.push('slow'));
      clock.createTimer(() => order.push('timer')).arm(2000);
      clock.whenSettled(Promise.resolve(), 3000, () => {
        order.push('quick');
        resolve();
      });
      void machine.start();
    });
    expect(order).toEqual(['slow', 'timer', 'quick']);
  });

  test('that is waited for while an interrupt is pending leaves the event loop its turns', async () => {
    const worker = new HostWorker();
    const machine = await make({ code: [a.B_SELF], pci: [worker] });
    const { clock } = worker.port!;
    const done = new Promise<void>((resolve) => {
      clock
        .createTimer(() => {
          machine.memory.writeWord(GICD, 1);
          machine.memory.writeWord(GICC + 4, 0xff);
          machine.memory.writeWord(GICC, 1);
          // An SGI to CPU 0 itself.
          machine.memory.writeWord(GICD + 0xf00, 2 << 24);
        })
        .arm(1000);
      clock.whenSettled(new Promise((settle) => setTimeout(settle, 20)), 1000, resolve);
    });
    await machine.start();
    await done;
  });
});
