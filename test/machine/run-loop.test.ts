import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import {
  createMachine,
  type EndpointPort,
  type Machine,
  type MachineOptions,
  type PciEndpoint,
} from '../../src/index.ts';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import type { EndpointHost, HostAttachedEndpoint } from '../../src/pci/host-device.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const DATA = RAM + 0x8_0000;
const CPU_ON = 0x8400_0003;
const SYSTEM_OFF = 0x8400_0008;

const machines: Machine[] = [];

async function make(code: readonly number[], options: MachineOptions = {}): Promise<Machine> {
  const bytes = new Uint8Array(Uint32Array.from(code).buffer);
  const kernel = buildElf([{ physicalAddress: ENTRY, bytes }]);
  const machine = await createMachine({ memory: '1M', kernel, ...options });
  machines.push(machine);
  return machine;
}

async function boot(code: readonly number[], options: MachineOptions = {}): Promise<Machine> {
  const machine = await make(code, options);
  await machine.start();
  return machine;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

const COUNTING = [a.addImm(0, 0, 1), a.b(1, 0)];
const SLEEPING = [a.WFI, a.addImm(7, 7, 1), a.b(2, 0)];
const POWER_OFF = [...a.mov32(0, SYSTEM_OFF), a.hvc(0)];

describe('the event loop', () => {
  test('turns while the guest computes without an end', async () => {
    const machine = await boot(COUNTING);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    while (ticks < 30) await sleep(1);
    clearInterval(timer);
    expect(machine.instructions).toBeGreaterThan(1000);
  });

  test('turns while two machines compute in one process, and both get on', async () => {
    const [first, second] = [await boot(COUNTING), await boot(COUNTING)];
    for (let round = 0; round < 3; round++) {
      const before = [first, second].map(({ cpus }) => cpus[0]!.registers[0]!);
      await until(() => [first, second].every(({ cpus }, i) => cpus[0]!.registers[0] !== before[i]));
    }
    await first.stop();
    const after = first.instructions;
    const before = second.instructions;
    await until(() => second.instructions > before);
    expect(first.instructions).toBe(after);
  });

  test('turns while a guest without vectors takes one abort after the other', async () => {
    await boot([a.UDF]);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    while (ticks < 10) await sleep(1);
    clearInterval(timer);
  });
});

describe('an idle machine', () => {
  const IDLE_MS = 400;
  /** Far above what a sleeping machine takes, far below what a spinning one does: a leak check, no measurement. */
  const GENEROUS_SHARE = 0.5;

  async function shareOfCpu(): Promise<number> {
    const before = process.cpuUsage();
    await sleep(IDLE_MS);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / IDLE_MS;
  }

  test('uses no CPU in WFI', async () => {
    const machine = await boot(SLEEPING);
    await sleep(20);
    const before = machine.instructions;
    expect(await shareOfCpu()).toBeLessThan(GENEROUS_SHARE);
    expect(machine.instructions).toBe(before);
  });

  test('uses next to no CPU in a loop of WFE, where it looks again now and then', async () => {
    const machine = await boot([a.WFE, a.b(1, 0)]);
    await sleep(20);
    const before = machine.instructions;
    expect(await shareOfCpu()).toBeLessThan(GENEROUS_SHARE);
    expect(machine.instructions).toBeGreaterThan(before);
    expect(machine.instructions - before).toBeLessThan(10_000);
  });

  test('uses no CPU when it is paused, and when it was switched off', async () => {
    const paused = await boot(COUNTING);
    paused.pause();
    await boot([...a.mov32(0, 0x8400_0002), a.hvc(0), a.B_SELF]);
    await sleep(20);
    expect(await shareOfCpu()).toBeLessThan(GENEROUS_SHARE);
  });
});

/** Arms a timer of the machine's clock when the test says so, and counts. */
class Alarm implements PciEndpoint {
  readonly name = 'alarm';
  readonly description = { vendorId: 0x1234, deviceId: 2, classCode: 0xff0000, bars: [] } as const;
  port: EndpointPort | undefined;
  rings = 0;

  attach(port: EndpointPort): void {
    this.port = port;
  }

  detach(): void {
    this.port = undefined;
  }

  reset(): void {}

  readBar(): number {
    return 0;
  }

  writeBar(): void {}

  ringIn(ns: number): void {
    const { clock } = this.port!;
    clock.createTimer(() => this.rings++).arm(clock.nowNs() + ns);
  }
}

describe('a sleeping machine wakes', () => {
  test('for a timer that is armed while it sleeps without any', async () => {
    const alarm = new Alarm();
    await boot(SLEEPING, { pci: [alarm] });
    await sleep(20);
    alarm.ringIn(1e6);
    await until(() => alarm.rings === 1);
  });

  test('for a timer that is due before the one it sleeps for', async () => {
    const alarm = new Alarm();
    await boot(SLEEPING, { pci: [alarm] });
    alarm.ringIn(3600e9);
    await sleep(20);
    alarm.ringIn(1e6);
    await until(() => alarm.rings === 1);
  });

  test('with the counting clock at once: time jumps to the timer', async () => {
    const alarm = new Alarm();
    await boot(SLEEPING, { pci: [alarm], clock: 'instructions' });
    await sleep(5);
    alarm.ringIn(3600e9);
    await until(() => alarm.rings === 1);
  });

  /** Stands for a real device: a native thread sets the event word and wakes the machine only when that sleeps. */
  class FakeHostDevice extends Alarm implements HostAttachedEndpoint {
    readonly hostAttached = true as const;
    attachment: EndpointHost | undefined;
    served = 0;

    async prepare(attachment: EndpointHost): Promise<void> {
      this.attachment = attachment;
    }

    service(): void {
      this.served++;
    }

    async close(): Promise<void> {}
  }

  test('for a native thread, whenever that comes: no wake-up is lost', async () => {
    const device = new FakeHostDevice();
    // Between a WFI and the next a guest of one CPU has nothing to do, so that the machine is about to sleep all the time.
    await boot(SLEEPING, { pci: [device] });
    const { memory, eventWordOffset, sleepingWordOffset, wake } = device.attachment!;
    expect([eventWordOffset, sleepingWordOffset]).toEqual([
      MemoryLayout.eventWord,
      MemoryLayout.sleepingWord,
    ]);
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       const words = new Int32Array(workerData.buffer);
       parentPort.on('message', (n) => {
         for (let spin = (n * 7919) % 3000; spin > 0; spin--) Atomics.load(words, workerData.event);
         Atomics.store(words, workerData.event, 1);
         const sleeps = Atomics.load(words, workerData.sleeping) !== 0;
         parentPort.postMessage(sleeps);
       });`,
      {
        eval: true,
        workerData: {
          buffer: memory.buffer,
          event: eventWordOffset >>> 2,
          sleeping: sleepingWordOffset >>> 2,
        },
      },
    );
    worker.on('message', (sleeps: boolean) => {
      if (sleeps) wake();
    });
    for (let n = 0; n < 300; n++) {
      const before = device.served;
      worker.postMessage(n);
      await until(() => device.served > before);
    }
    await worker.terminate();
  });
});

describe('several CPUs', () => {
  /** Takes a spin lock with LDREX, STREX and WFE, counts, gives it back with SEV; `rounds` times. */
  function spinlockProgram(cpus: number, rounds: number): number[] {
    const code: number[] = [];
    const start = 40;
    // CPU 0 switches the others on; each starts at `start` with its number in R0.
    for (let cpu = 1; cpu < cpus; cpu++) {
      code.push(
        ...a.mov32(0, CPU_ON),
        a.movw(1, cpu),
        ...a.mov32(2, ENTRY + 4 * start),
        a.movw(3, cpu),
        a.hvc(0),
      );
    }
    code.push(a.movw(0, 0), a.b(code.length + 1, start));
    while (code.length < start) code.push(a.NOP);
    code.push(...a.mov32(8, DATA), ...a.mov32(9, rounds));
    const take = code.length;
    // R8: lock, then counter at +4, then a word for each CPU from +0x20 on.
    code.push(a.ldrex(1, 8), a.cmpImm(1, 0));
    code.push(a.b(take + 2, take + 5, a.EQ), a.WFE, a.b(take + 4, take));
    code.push(a.movw(2, 1), a.strex(3, 2, 8), a.cmpImm(3, 0), a.b(take + 8, take, a.NE), a.DMB);
    // The counter is read and written apart, with time in between for another CPU to get it wrong.
    code.push(a.ldr(4, 8, 4), a.YIELD, a.addImm(4, 4, 1), a.str(4, 8, 4), a.DMB);
    code.push(a.movw(2, 0), a.str(2, 8), a.SEV, a.subsImm(9, 9, 1), a.b(take + 19, take, a.NE));
    const done = code.length;
    // Each CPU tells that it is done; CPU 0 waits for all.
    code.push(
      a.movw(5, 1),
      0xe0886100,
      a.str(5, 6, 0x20),
      a.cmpImm(0, 0),
      a.b(done + 4, done + 7, a.EQ),
      a.WFI,
      a.b(done + 6, done + 5),
    );
    const wait = code.length;
    for (let cpu = 0; cpu < cpus; cpu++) {
      const at = code.length;
      code.push(a.ldr(1, 8, 0x20 + 4 * cpu), a.cmpImm(1, 1), a.b(at + 2, wait, a.NE));
    }
    code.push(...POWER_OFF);
    return code;
  }

  test.each([
    ['the host clock', 'host'],
    ['the counting clock', 'instructions'],
  ] as const)('exclude one another by LDREX, STREX, WFE and SEV: %s', async (_name, clock) => {
    const [cpus, rounds] = [4, 500];
    const machine = await boot(spinlockProgram(cpus, rounds), { smp: cpus, clock });
    expect(await machine.exited).toEqual({ reason: 'poweroff', code: 0 });
    expect(machine.memory.readWord(DATA + 4)).toBe(cpus * rounds);
  });

  test('run the same number of instructions each time with the counting clock', async () => {
    const counts: number[] = [];
    for (let i = 0; i < 2; i++) {
      const machine = await boot(spinlockProgram(3, 50), { smp: 3, clock: 'instructions' });
      await machine.exited;
      counts.push(machine.instructions);
    }
    expect(counts[0]).toBe(counts[1]);
  });

  test('that wait in WFI leave all turns to the others', async () => {
    const code = spinlockProgram(2, 1);
    const machine = await boot(code, { smp: 2 });
    await machine.exited;
    expect(machine.cpus.map(({ power }) => power)).toEqual(['off', 'off']);
  });
});

describe('start, pause, resume, stop', () => {
  test('a machine that was paused before its start stands still until it is resumed', async () => {
    const machine = await make(COUNTING);
    machine.pause();
    await sleep(5);
    expect(machine.instructions).toBe(0);
    machine.resume();
    await machine.start();
    await until(() => machine.instructions > 0);
  });

  test('start goes on after a pause', async () => {
    const machine = await boot(COUNTING);
    machine.pause();
    await sleep(5);
    const before = machine.instructions;
    await sleep(5);
    expect(machine.instructions).toBe(before);
    await machine.start();
    await until(() => machine.instructions > before);
  });

  test('start twice runs one loop, and after the end none', async () => {
    const machine = await boot(POWER_OFF);
    await machine.start();
    await machine.exited;
    const { instructions } = machine;
    expect(instructions).toBe(3);
    await machine.start();
    await sleep(5);
    expect(machine.instructions).toBe(instructions);
  });

  test('stop at any moment, twice, and from an endpoint in the middle of a slice', async () => {
    class Stopper extends Alarm {
      machine: Machine | undefined;
      closed = 0;
      override ringIn(ns: number): void {
        const { clock } = this.port!;
        clock.createTimer(() => void this.machine?.stop()).arm(clock.nowNs() + ns);
      }
    }
    for (const delay of [0, 0.1, 1, 3]) {
      const stopper = new Stopper();
      const machine = await boot(COUNTING, { pci: [stopper] });
      stopper.machine = machine;
      stopper.ringIn(delay * 1e6);
      expect(await machine.exited).toEqual({ reason: 'stopped', code: 0 });
      expect(await machine.stop()).toEqual({ reason: 'stopped', code: 0 });
      expect(await machine.stop()).toEqual({ reason: 'stopped', code: 0 });
    }
  });

  test('an endpoint that throws ends the machine with its error, not the process', async () => {
    class Broken extends Alarm {
      override ringIn(ns: number): void {
        const { clock } = this.port!;
        const fail = (): void => {
          throw new Error('the endpoint is broken');
        };
        clock.createTimer(fail).arm(clock.nowNs() + ns);
      }
    }
    const broken = new Broken();
    const machine = await boot(COUNTING, { pci: [broken] });
    machines.pop();
    broken.ringIn(1);
    await expect(machine.exited).rejects.toThrow('the endpoint is broken');
  });

  test('200 machines one after the other leave nothing behind', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const made: WeakRef<Machine>[] = [];
    const run = async (): Promise<void> => {
      const machine = await boot(COUNTING);
      machines.pop();
      made.push(new WeakRef(machine));
      await machine.stop();
    };
    for (let i = 0; i < 200; i++) await run();
    await sleep(1);
    collectGarbage();
    expect(made.filter((machine) => machine.deref() !== undefined).length).toBeLessThan(5);
  });
});
