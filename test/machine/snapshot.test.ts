import { afterEach, describe, expect, test } from 'vitest';
import { assembleBoard } from '../../src/boards/assemble-board.ts';
import { virt } from '../../src/boards/virt.ts';
import {
  createMachine,
  type EndpointPort,
  edu,
  type Machine,
  type MachineOptions,
  type PciEndpoint,
  type PlainValue,
  SnapshotError,
} from '../../src/index.ts';
import { InstructionClock } from '../../src/machine/clock.ts';
import { MachineMemory } from '../../src/memory/machine-memory.ts';
import { PageWatches } from '../../src/memory/page-watches.ts';
import { PhysicalMemory } from '../../src/memory/physical-memory.ts';
import type { DiskBackend } from '../../src/ports/disk.ts';
import { silentLog } from '../../src/ports/mmio.ts';
import { decodePlain, encodePlain } from '../../src/snapshot/plain-codec.ts';
import { SnapshotReader, writeSnapshot } from '../../src/snapshot/snapshot-file.ts';
import * as a from '../arm/assembler.ts';
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

async function restored(restore: Uint8Array, options: MachineOptions = {}): Promise<Machine> {
  const machine = await createMachine({ restore, ...options });
  machines.push(machine);
  return machine;
}

function bareMetal(...words: number[]): Uint8Array {
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  return buildElf([{ physicalAddress: ENTRY, bytes }]);
}

const COUNTING = bareMetal(a.addImm(0, 0, 1), a.b(1, 0));

function outputOf(machine: Machine): () => string {
  let output = '';
  machine.serial.onData((bytes) => {
    output += new TextDecoder().decode(bytes);
  });
  return () => output;
}

/** What making a machine fails with. */
async function refusal(options: MachineOptions): Promise<unknown> {
  try {
    machines.push(await createMachine(options));
  } catch (error) {
    return error;
  }
  return 'it was made';
}

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

/** Runs to the machine's end. @returns all that the continuation shows. */
async function continuation(machine: Machine): Promise<object> {
  const output = outputOf(machine);
  await machine.start();
  const exit = await machine.exited;
  return { output: output(), exit, instructions: machine.instructions };
}

describe('with the counting clock, a restored machine', () => {
  test.each([1, 2])(
    'with %i CPUs goes on exactly as the one that was saved: the self-test, three times',
    async (smp) => {
      const options: MachineOptions = {
        smp,
        clock: 'instructions',
        append: 'selftest',
        semihosting: true,
      };
      const saved = await make({ ...options, pci: [edu({ dmaMask: 0xffff_ffff })] });
      const output = outputOf(saved);
      await saved.start();
      await saved.serial.expect(/\[ ok \][^\n]*\n[^\n]*\[ ok \]/);
      const snapshot = await saved.save();
      const before = output().length;
      expect((await saved.exited).code).toBe(0);
      const expected = {
        output: output().slice(before),
        exit: await saved.exited,
        instructions: saved.instructions,
      };
      expect(expected.output).toContain('SELFTEST PASS');
      for (let i = 0; i < 3; i++) {
        const machine = await restored(snapshot, { semihosting: true, pci: [edu({ dmaMask: 0xffff_ffff })] });
        expect(await continuation(machine)).toEqual(expected);
      }
    },
  );

  test('gives the same snapshot again', async () => {
    const saved = await make({ kernel: COUNTING, clock: 'instructions' });
    await saved.start();
    while (saved.instructions < 100_000) await new Promise((resolve) => setTimeout(resolve, 1));
    const snapshot = await saved.save();
    expect(Buffer.compare(await (await restored(snapshot)).save(), snapshot)).toBe(0);
  });
});

describe('a restored machine', () => {
  test('is what the saved one was at that moment, and goes on by itself', async () => {
    const saved = await make({ kernel: COUNTING });
    await saved.start();
    while (saved.cpus[0].registers[0] === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    saved.pause();
    const snapshot = await saved.save();
    const [{ registers, cpsr }] = saved.cpus;
    const machine = await restored(snapshot);
    expect(machine.cpus[0].registers).toEqual(registers);
    expect(machine.cpus[0].cpsr).toBe(cpsr);
    expect(machine.instructions).toBe(saved.instructions);
    expect(machine.deviceTree()).toEqual(saved.deviceTree());
    expect(Buffer.compare(machine.memory.read(RAM, 16 << 20), saved.memory.read(RAM, 16 << 20))).toBe(0);
    await machine.start();
    while (machine.cpus[0].registers[0] === registers[0])
      await new Promise((resolve) => setTimeout(resolve, 1));
    expect(saved.cpus[0].registers).toEqual(registers);
  });

  test('answers at the prompt, also to what was typed before it was saved', async () => {
    const saved = await make({ pci: [edu()] });
    await saved.start();
    await saved.serial.expect(PROMPT);
    saved.pause();
    saved.serial.write('lspci\rhelp\rlspci\r');
    const machine = await restored(await saved.save(), { pci: [edu()] });
    await machine.start();
    await machine.serial.expect(/00:01\.0[\s\S]*00:01\.0/);
    machine.serial.write('poweroff\r');
    expect(await machine.exited).toEqual({ reason: 'poweroff', code: 0 });
  });

  test('can be saved and restored again and again', async () => {
    let machine = await make({});
    await machine.start();
    await machine.serial.expect(PROMPT);
    for (let i = 0; i < 3; i++) {
      machine = await restored(await machine.save());
      await machine.start();
      machine.serial.write('\r');
      await machine.serial.expect(PROMPT);
    }
  });

  test('takes an endpoint more in a slot that was empty, which the guest finds at its next look', async () => {
    const saved = await make({ pci: [edu()] });
    await saved.start();
    await saved.serial.expect(PROMPT);
    const machine = await restored(await saved.save(), { pci: [edu(), edu()] });
    await machine.start();
    machine.serial.write('cfg 00:02.0 0\r');
    await machine.serial.expect(/11e81234/i);
  });
});

/** Remembers one number; what it does not remember is no matter. */
class Counter implements PciEndpoint {
  readonly name = 'counter';
  readonly description: PciEndpoint['description'];
  count = 0;
  drained = 0;

  constructor(size = 4096) {
    this.description = {
      vendorId: 0x1234,
      deviceId: 7,
      classCode: 0xff0000,
      bars: [{ index: 0, kind: 'memory32', size }],
    };
  }

  attach(_port: EndpointPort): void {}
  detach(): void {}
  reset(): void {}
  readBar(): number {
    return this.count;
  }
  writeBar(): void {}
  async drain(): Promise<void> {
    this.drained++;
  }
  saveState(): PlainValue {
    return { count: this.count };
  }
  restoreState(state: PlainValue): void {
    this.count = (state as { count: number }).count;
  }
}

describe('an endpoint of the user', () => {
  test('is drained, then saved and restored with the machine', async () => {
    const counter = new Counter();
    counter.count = 41;
    const saved = await make({ kernel: COUNTING, pci: [counter] });
    const snapshot = await saved.save();
    expect(counter.drained).toBe(1);
    const copy = new Counter();
    await restored(snapshot, { pci: [copy] });
    expect(copy.count).toBe(41);
  });

  test('that has no state to give keeps its machine from being saved', async () => {
    const mute = Object.assign(new Counter(), { saveState: undefined });
    const machine = await make({ kernel: COUNTING, pci: [mute as unknown as PciEndpoint] });
    await expect(machine.save()).rejects.toThrow("the PCI endpoint counter can't be saved");
    const real = Object.assign(new Counter(), {
      prepare: async () => {},
      service: () => {},
      close: async () => {},
    });
    const bound = await make({ kernel: COUNTING, pci: [real] });
    await expect(bound.save()).rejects.toThrow("a device of the host can't be saved");
  });
});

describe('a save is refused', () => {
  test('after the end of the machine, and while another is under way', async () => {
    const machine = await make({ kernel: COUNTING });
    const first = machine.save();
    await expect(machine.save()).rejects.toThrow(SnapshotError);
    await first;
    await machine.stop();
    await expect(machine.save()).rejects.toThrow('a machine that has ended');
  });

  test('when the machine is stopped meanwhile', async () => {
    const machine = await make({ kernel: COUNTING });
    const saving = machine.save();
    await machine.stop();
    await expect(saving).rejects.toThrow(SnapshotError);
  });

  test('and the machine goes on as before: paused, or running', async () => {
    const machine = await make({ kernel: COUNTING });
    machine.pause();
    await machine.start();
    machine.pause();
    await machine.save();
    const before = machine.instructions;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(machine.instructions).toBe(before);
    machine.resume();
    while (machine.instructions === before) await new Promise((resolve) => setTimeout(resolve, 1));
  });
});

describe('a restore names what differs', () => {
  const cases: [string, MachineOptions][] = [
    ['memory was 16 MiB and is 32 MiB here', { memory: '32M' }],
    ['smp was 1 and is 2 here', { smp: 2 }],
    ['clock was host and is instructions here', { clock: 'instructions' }],
    ['PCI device number 1 was counter and is empty here', { pci: [] }],
    ['PCI device number 1 was counter and is edu here', { pci: [edu()] }],
    ['BAR 0 memory32 4096 and is 1234:0007, BAR 0 memory32 8192 here', { pci: [new Counter(8192)] }],
  ];
  test.each(cases)('%s', async (message, options) => {
    const saved = await make({ kernel: COUNTING, pci: [new Counter()] });
    const snapshot = await saved.save();
    await expect(createMachine({ restore: snapshot, pci: [new Counter()], ...options })).rejects.toThrow(
      message,
    );
  });
});

test('a restore without the disk that the saved machine had, or with another one, is refused', async () => {
  const makeDisk = (size: number): DiskBackend => ({
    name: "'disk.img'",
    size,
    readOnly: false,
    read: async (_offset, into) => void into.fill(0),
    write: async () => {},
    writeZeroes: async () => {},
    discard: async () => {},
    flush: async () => {},
    close: async () => {},
  });
  const saved = await make({ kernel: COUNTING, disks: [{ disk: makeDisk(2 ** 20), bus: 'mmio' }] });
  const snapshot = await saved.save();
  expect(String(await refusal({ restore: snapshot }))).toContain('disk 0 was 1 MiB and is 0 bytes here');
  const larger = await refusal({ restore: snapshot, disks: [{ disk: makeDisk(2 ** 21), bus: 'mmio' }] });
  expect(String(larger)).toContain('disk 0 was 1 MiB and is 2 MiB here');
  await restored(snapshot, { disks: [{ disk: makeDisk(2 ** 20), bus: 'mmio' }] });
});

describe('a snapshot that is none', () => {
  test('is refused before anything else, with what is wrong', async () => {
    const saved = await make({ kernel: COUNTING });
    const snapshot = await saved.save();
    const short = snapshot.subarray(0, snapshot.length >> 1);
    expect(String(await refusal({ restore: short }))).toContain('cut short');
    const flipped = snapshot.slice();
    flipped[snapshot.length >> 1] ^= 1;
    expect(String(await refusal({ restore: flipped }))).toContain('checksum');
    expect(String(await refusal({ restore: new Uint8Array(0) }))).toContain('no snapshot');
  });

  test('gives a SnapshotError whatever its state was replaced by', async () => {
    const saved = await make({ kernel: COUNTING });
    const reader = new SnapshotReader(await saved.save());
    const ram = new Uint8Array(16 << 20);
    const state = reader.readState() as Record<string, PlainValue>;
    const forged: PlainValue[] = [null, 5, {}, [], { ...state, engine: null }, { ...state, devices: {} }];
    for (const name of Object.keys(state)) {
      const { [name]: _gone, ...rest } = state;
      forged.push(rest, { ...state, [name]: 'x' }, { ...state, [name]: { left: 'x' } });
    }
    for (const devices of Object.keys(state.devices as object)) {
      forged.push({ ...state, devices: { ...(state.devices as object), [devices]: {} } });
    }
    for (const value of forged) {
      const restore = await writeSnapshot({ shape: reader.shape, state: value, ram }, () => {});
      expect(await refusal({ restore }), JSON.stringify(value)?.slice(0, 200)).toBeInstanceOf(SnapshotError);
    }
    for (const shape of [null, 7, {}, { ...(reader.shape as object), pci: [null] }]) {
      const restore = await writeSnapshot({ shape, state, ram }, () => {});
      expect(await refusal({ restore })).toBeInstanceOf(SnapshotError);
    }
  });
});

describe('the parts of a board', () => {
  test('are all saved but those that remember nothing', () => {
    const line = { set() {} };
    const memory = new PhysicalMemory(new MachineMemory(2 ** 20), virt.ram.base, new PageWatches(2 ** 20));
    const board = assembleBoard(virt, {
      memory,
      clock: new InstructionClock(10),
      wallClock: { unixSeconds: () => 0 },
      log: silentLog,
      cpus: [{ irq: line, fiq: line }],
      serial: () => ({ transmit() {}, readyToReceive() {}, connect() {} }),
    });
    const names = [...board.saveables.keys()].map((name) => name.replace(/ \d+$/, ''));
    const stateless = virt.devices.filter((row) => !names.includes(row.name)).map((row) => row.kind);
    // An empty virtio transport remembers nothing either.
    expect([...new Set(stateless)].sort()).toEqual(['fixed-clock', 'gic-v2m', 'psci', 'virtio-mmio']);
    for (const part of board.saveables.values()) {
      const state = part.saveState();
      expect(decodePlain(encodePlain(state))).toStrictEqual(state);
      part.restoreState(state);
    }
  });
});
