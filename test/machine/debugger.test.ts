import { afterEach, describe, expect, test } from 'vitest';
import { createMachine, type Machine, type MachineOptions } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';
import { GdbClient } from '../debug/gdb-client.ts';

const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const DATA = RAM + 0x2_0000;
const PC = 15;

const machines: Machine[] = [];

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

/**
 * 0: R1 = DATA; 8: R0 += 1; 12: STR R0, [R1]; 16: LDR R2, [R1, #4]; 20: back to 8.
 */
const PROGRAM = [...a.mov32(1, DATA), 0xe2800001, 0xe5810000, 0xe5912004, 0xeafffffb];
const LOOP = ENTRY + 8;
const STORE = ENTRY + 12;
const LOAD = ENTRY + 16;

async function debugged(
  options: MachineOptions = {},
): Promise<{ machine: Machine; gdb: GdbClient; leave: () => void }> {
  const bytes = new Uint8Array(Uint32Array.from(PROGRAM).buffer);
  const machine = await createMachine({
    memory: '1M',
    kernel: buildElf([{ physicalAddress: ENTRY, bytes }]),
    ...options,
  });
  machines.push(machine);
  const gdb = new GdbClient();
  const connection = machine.connectDebugger(gdb.receive);
  gdb.connect((bytes) => connection.receive(bytes));
  await machine.start();
  return { machine, gdb, leave: () => connection.close() };
}

const point = (type: number, address: number): string => `Z${type},${address.toString(16)},4`;

describe.each(['host', 'instructions'] as const)('a machine with the %s clock and a debugger', (clock) => {
  test('stands still before its first instruction, and goes on when told to', async () => {
    const { machine, gdb } = await debugged({ clock });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(machine.instructions).toBe(0);
    expect(await gdb.register(PC)).toBe(ENTRY);
    gdb.say('vCont;c');
    while (machine.instructions === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    gdb.raw('\x03');
    expect(await gdb.answer()).toBe('T02thread:1;');
    const stood = machine.instructions;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(machine.instructions).toBe(stood);
  });

  test('stops before the instruction at a breakpoint, each time that it comes by', async () => {
    const { machine, gdb } = await debugged({ clock });
    await gdb.ask(point(0, STORE));
    for (let round = 1; round <= 5; round++) {
      expect(await gdb.ask('vCont;c')).toBe('T05thread:1;');
      expect(await gdb.register(PC)).toBe(STORE);
      expect(await gdb.register(0)).toBe(round);
      expect(await gdb.readWord(DATA)).toBe(round - 1);
    }
    expect(machine.instructions).toBe(2 + 1 + 4 * 4);
  });

  test('does so also where code ran without it before, and not where it was taken away', async () => {
    const { gdb } = await debugged({ clock });
    await gdb.ask(point(0, STORE));
    await gdb.ask('c');
    expect(await gdb.ask(`z0,${STORE.toString(16)},4`)).toBe('OK');
    gdb.say('c');
    await new Promise((resolve) => setTimeout(resolve, 5));
    gdb.raw('\x03');
    await gdb.answer();
    await gdb.ask(point(1, LOAD));
    await gdb.ask('c');
    expect(await gdb.register(PC)).toBe(LOAD);
  });

  test('steps one instruction, over a breakpoint too', async () => {
    const { machine, gdb } = await debugged({ clock });
    await gdb.ask(point(0, LOOP));
    await gdb.ask('c');
    const places = [];
    for (let i = 0; i < 5; i++) {
      expect(await gdb.ask('vCont;s:1')).toBe('T05thread:1;');
      places.push((await gdb.register(PC)) - ENTRY);
    }
    expect(places).toEqual([12, 16, 20, 8, 12]);
    expect(machine.instructions).toBe(7);
    await gdb.ask('c');
    expect(await gdb.register(PC)).toBe(LOOP);
    expect(await gdb.register(0)).toBe(2);
  });

  test.each([
    [2, DATA, STORE, 'watch'],
    [4, DATA, STORE, 'awatch'],
    [3, DATA + 4, LOAD, 'rwatch'],
    [2, DATA + 2, STORE, 'watch'],
  ])('stops before an access that watchpoint %i at 0x%s covers', async (type, address, at, name) => {
    const { gdb } = await debugged({ clock });
    await gdb.ask(point(type, address));
    for (let round = 1; round <= 3; round++) {
      expect(await gdb.ask('c')).toBe(`T05thread:1;${name}:${address.toString(16)};`);
      expect(await gdb.register(PC)).toBe(at);
      expect(await gdb.register(0)).toBe(round);
    }
  });

  test('does not stop at an access of the other kind', async () => {
    const { machine, gdb } = await debugged({ clock });
    await gdb.ask(point(3, DATA));
    await gdb.ask(point(2, DATA + 4));
    gdb.say('c');
    while (machine.instructions < 1000) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(gdb.silent).toBe(true);
  });

  test('runs what the debugger writes, registers and code', async () => {
    const { gdb } = await debugged({ clock });
    await gdb.ask(point(0, STORE));
    await gdb.ask('c');
    await gdb.setRegister(0, 1000);
    // ADD R0, R0, #16 in place of #1.
    expect(await gdb.ask(`M${LOOP.toString(16)},4:100080e2`)).toBe('OK');
    await gdb.ask('c');
    expect(await gdb.register(0)).toBe(1016);
    expect(await gdb.ask('Mc000000,1:00')).toBe('E14');
  });

  test('goes on without its stop points when the debugger leaves, and takes another one', async () => {
    const { machine, gdb, leave } = await debugged({ clock });
    await gdb.ask(point(0, STORE));
    await gdb.ask('c');
    expect(() => machine.connectDebugger(() => {})).toThrow('connected to the machine already');
    leave();
    while (machine.instructions < 1000) await new Promise((resolve) => setTimeout(resolve, 1));
    machine.connectDebugger(() => {}).close();
  });
});

test('the debugger sees D registers, FPSCR and CPSR, and CPUs that are off', async () => {
  const { gdb } = await debugged({ smp: 2 });
  expect(await gdb.ask('P14=000000000000f83f')).toBe('OK');
  expect(await gdb.ask('p14')).toBe('000000000000f83f');
  expect(await gdb.ask('P31=0000000f')).toBe('OK');
  expect(await gdb.ask('p31')).toBe('0000000f');
  expect(await gdb.register(16)).toBe(0x1d3);
  expect(await gdb.ask('Hg2')).toBe('OK');
  expect(await gdb.register(PC)).toBe(0);
});

test('the debugger hears of the end of the machine', async () => {
  const { machine, gdb } = await debugged();
  gdb.say('c');
  await machine.stop();
  expect(await gdb.answer()).toBe('W00');
});

test('a machine that was started stopped runs when the debugger says so', async () => {
  const { machine, gdb } = await debugged();
  await machine.start({ stopped: true });
  gdb.say('c');
  while (machine.instructions === 0) await new Promise((resolve) => setTimeout(resolve, 1));
});
