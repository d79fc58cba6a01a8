import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMachine, GuestMemoryError, type Machine } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;

let machine: Machine;

beforeEach(async () => {
  const code = [a.addImm(0, 0, 1), a.WFI, a.b(2, 0)];
  machine = await createMachine({
    memory: '1M',
    smp: 2,
    kernel: buildElf([{ physicalAddress: ENTRY, bytes: new Uint8Array(Uint32Array.from(code).buffer) }]),
  });
});

afterEach(async () => {
  await machine.stop();
});

async function sleeping(): Promise<void> {
  while (machine.cpus[0]!.pc !== ENTRY + 8) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('registers', () => {
  test('are those of the CPU that stands, unsigned, with the PC at 15', async () => {
    await machine.start();
    await sleeping();
    const [cpu] = machine.cpus;
    expect(cpu!.registers[0]).toBe(1);
    expect(cpu!.registers).toHaveLength(16);
    expect(cpu!.registers[15]).toBe(cpu!.pc);
    expect(cpu!.cpsr & 0x1f).toBe(0x13);
    expect(cpu!.power).toBe('on');
  });

  test('can be set, the PC too: the guest goes on there', async () => {
    const [cpu] = machine.cpus;
    cpu!.setRegister(0, 0xffff_fff0);
    expect(cpu!.registers[0]).toBe(0xffff_fff0);
    cpu!.setRegister(15, ENTRY + 4);
    await machine.start();
    await sleeping();
    expect(cpu!.registers[0]).toBe(0xffff_fff0);
  });

  test('of a CPU that is switched off can be seen too', () => {
    expect(machine.cpus[1]!.power).toBe('off');
    expect(machine.cpus[1]!.registers[0]).toBe(0);
  });

  test.each([-1, 16, 1.5, Number.NaN])('there is no register %s', (n) => {
    expect(() => machine.cpus[0]!.setRegister(n, 0)).toThrow(GuestMemoryError);
  });
});

describe('memory', () => {
  test('is read as a copy, and written', () => {
    machine.memory.write(RAM + 0x2_0001, Uint8Array.of(1, 2, 3));
    const copy = machine.memory.read(RAM + 0x2_0000, 5);
    expect([...copy]).toEqual([0, 1, 2, 3, 0]);
    copy.fill(9);
    expect(machine.memory.readWord(RAM + 0x2_0000)).toBe((0x0003_0201 << 8) >>> 0);
    machine.memory.writeWord(RAM + 0x2_0000, -1);
    expect(machine.memory.readWord(RAM + 0x2_0000)).toBe(0xffff_ffff);
  });

  test('names the range that has nothing, and where RAM is', () => {
    try {
      machine.memory.read(RAM + 0xf_ffff, 2);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(GuestMemoryError);
      expect((error as GuestMemoryError).message).toContain('0x400fffff-0x40100000');
      expect((error as GuestMemoryError).remedy).toContain('0x40000000-0x400fffff');
    }
  });
});
