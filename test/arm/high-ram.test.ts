import { describe, expect, test } from 'vitest';
import { cortexA15 } from '../../src/arm/cortex-a15.ts';
import { ArmEngine } from '../../src/arm/engine.ts';
import { MachineMemory } from '../../src/memory/machine-memory.ts';
import { PageWatches } from '../../src/memory/page-watches.ts';
import { PhysicalMemory } from '../../src/memory/physical-memory.ts';
import * as a from './assembler.ts';
import { DEBUGGER, section } from './bench.ts';

const BYTES = 0x40_0000;

/** A CPU with RAM somewhere, its MMU off or flat. */
class Elsewhere {
  readonly memory = new MachineMemory(BYTES);
  readonly physical: PhysicalMemory;
  readonly engine: ArmEngine;
  readonly ram: number;

  constructor(ram: number, mmu: boolean) {
    this.ram = ram;
    this.physical = new PhysicalMemory(this.memory, ram, new PageWatches(BYTES));
    this.engine = new ArmEngine(this.memory, this.physical, cortexA15, [undefined], 0, {
      hypervisorCall: () => false,
      semihostingCall: () => 'guest',
      attention: () => {},
    });
    const { regs } = this.engine.cpus[0]!;
    if (!mmu) return;
    const tables = ram + 0x10_0000;
    for (let at = ram; at < ram + BYTES; at += 0x10_0000) this.load(tables + (at >>> 20) * 4, [section(at)]);
    regs.TTBR0 = tables;
    regs.DACR = 1;
    regs.SCTLR |= 1;
  }

  load(address: number, words: readonly number[]): void {
    words.forEach((word, i) => {
      this.physical.write(address + 4 * i, 4, word, DEBUGGER);
    });
  }

  run(at: number, n: number): void {
    const cpu = this.engine.cpus[0]!;
    cpu.state.slots[15] = at;
    this.engine.run(cpu, n);
  }

  reg(n: number): number {
    return this.engine.cpus[0]!.state.slots[n]! >>> 0;
  }
}

describe.each([
  ['at 1 GiB', 0x4000_0000],
  ['across the sign bit of addresses', 0x7fe0_0000],
  ['above 2 GiB', 0x9000_0000],
  ['up to the end of the address space', 0xffc0_0000],
])('RAM %s', (_where, ram) => {
  test.each([
    ['off', false],
    ['on', true],
  ])('is read, written, run from and watched with the MMU %s', (_name, mmu) => {
    const there = new Elsewhere(ram, mmu);
    const code = ram + BYTES - 0x1000;
    const data = ram + BYTES - 0x2000;
    there.load(code, [
      ...a.mov32(1, data),
      ...a.mov32(2, 0x8765_4321),
      a.str(2, 1),
      a.ldrb(3, 1, 3),
      a.ldrh(4, 1, 2),
      a.ldr(5, 1),
      a.strd(2, 1, 8),
      a.ldrd(6, 1, 8),
      a.B_SELF,
    ]);
    for (let round = 0; round < 2; round++) {
      there.run(code, 10);
      expect([3, 4, 5, 6].map((n) => there.reg(n))).toEqual([0x87, 0x8765, 0x8765_4321, 0x8765_4321]);
      expect(there.physical.read(data, 4, DEBUGGER)).toBe(0x8765_4321);
    }
    // The last instruction of RAM, changed after it ran.
    const last = ram + BYTES - 4;
    there.load(last - 4, [a.movw(0, 1), a.b(1, 1)]);
    there.run(last - 4, 3);
    expect(there.reg(0)).toBe(1);
    there.load(code, [a.str(2, 1), a.B_SELF]);
    there.engine.cpus[0]!.state.slots[1] = last - 4;
    there.engine.cpus[0]!.state.slots[2] = a.movw(0, 2);
    there.run(code, 2);
    there.run(last - 4, 3);
    expect(there.reg(0)).toBe(2);
  });
});
