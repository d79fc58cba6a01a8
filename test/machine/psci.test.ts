import { beforeEach, describe, expect, test } from 'vitest';
import { StateSlot } from '../../src/arm/state.ts';
import { psciCall } from '../../src/machine/psci.ts';
import * as a from '../arm/assembler.ts';
import { Bench, CODE } from '../arm/bench.ts';

const SMCCC_VERSION = 0x8000_0000;
const ARCH_FEATURES = 0x8000_0001;
const VERSION = 0x8400_0000;
const CPU_SUSPEND = 0x8400_0001;
const CPU_OFF = 0x8400_0002;
const CPU_ON = 0x8400_0003;
const AFFINITY_INFO = 0x8400_0004;
const MIGRATE = 0x8400_0005;
const MIGRATE_INFO_TYPE = 0x8400_0006;
const SYSTEM_OFF = 0x8400_0008;
const SYSTEM_RESET = 0x8400_0009;
const FEATURES = 0x8400_000a;
const DEFAULT_SUSPEND = 0x8400_000c;
const SYSTEM_RESET2 = 0x8400_0012;

const SUCCESS = 0;
const NOT_SUPPORTED = 0xffff_ffff;
const INVALID_PARAMETERS = 0xffff_fffe;
const ALREADY_ON = 0xffff_fffc;
const ENTRY = CODE + 0x400;

let bench: Bench;
let ended: string[];

beforeEach(() => {
  ended = [];
  bench = new Bench({
    cpus: 3,
    hooks: {
      hypervisorCall: (cpu, conduit) => {
        if (conduit !== 'hvc') return false;
        psciCall(cpu, {
          cpus: bench.engine.cpus,
          powerOff: () => ended.push('off'),
          reset: () => ended.push('reset'),
        });
        return true;
      },
    },
  });
  for (const cpu of bench.engine.cpus.slice(1)) cpu.power = 'off';
  bench.load(CODE, [a.hvc(0), a.B_SELF]);
});

/** HVC with a function and its arguments by CPU 0, or another; gives R0. */
function call(id: number, args: readonly number[] = [], cpu = bench.cpu): number {
  bench.jump(CODE, cpu);
  bench.set(0, id, cpu);
  for (let i = 0; i < 3; i++) bench.set(i + 1, args[i] ?? 0, cpu);
  bench.run(1, cpu);
  return bench.reg(0, cpu);
}

describe('PSCI (ARM DEN 0022D)', () => {
  test('PSCI_VERSION gives 1.1, SMCCC_VERSION 1.1', () => {
    expect(call(VERSION)).toBe(0x0001_0001);
    expect(call(SMCCC_VERSION)).toBe(0x0001_0001);
  });

  test('CPU_ON starts a CPU at an address, with the context ID in R0, in Supervisor mode with everything masked', () => {
    bench.load(ENTRY, [a.addImm(5, 0, 1), a.mrsCpsr(6), a.B_SELF]);
    expect(call(CPU_ON, [1, ENTRY, 0x77])).toBe(SUCCESS);
    const cpu = bench.engine.cpus[1]!;
    expect(cpu.power).toBe('on');
    bench.run(3, cpu);
    expect(bench.reg(5, cpu)).toBe(0x78);
    expect(bench.reg(6, cpu) & 0x1ff).toBe(0x1d3);
    expect(cpu.regs.SCTLR & 1).toBe(0);
  });

  test('CPU_ON with bit 0 of the address set starts in T32', () => {
    bench.load(ENTRY, a.pack([a.tMovImm(5, 9), a.T_B_SELF]));
    expect(call(CPU_ON, [2, ENTRY + 1, 0])).toBe(SUCCESS);
    const cpu = bench.engine.cpus[2]!;
    bench.run(1, cpu);
    expect(bench.reg(5, cpu)).toBe(9);
  });

  test('CPU_ON of a CPU that is on, and of one that does not exist', () => {
    expect(call(CPU_ON, [1, ENTRY, 0])).toBe(SUCCESS);
    expect(call(CPU_ON, [1, ENTRY, 0])).toBe(ALREADY_ON);
    expect(call(CPU_ON, [0, ENTRY, 0])).toBe(ALREADY_ON);
    for (const target of [3, 0x100, 0xffff_ffff]) {
      expect(call(CPU_ON, [target, ENTRY, 0])).toBe(INVALID_PARAMETERS);
    }
  });

  test('CPU_OFF ends the CPU that calls, and it can be switched on again as new', () => {
    const cpu = bench.engine.cpus[1]!;
    bench.load(ENTRY, [a.B_SELF]);
    call(CPU_ON, [1, ENTRY, 0]);
    cpu.regs.SCTLR |= 1 << 13;
    bench.set(7, 1, cpu);
    bench.jump(CODE, cpu);
    bench.set(0, CPU_OFF, cpu);
    expect(bench.run(5, cpu)).toBe('off');
    expect(cpu.power).toBe('off');
    expect(bench.run(5, cpu)).toBe('off');
    expect(call(CPU_ON, [1, ENTRY, 0x55])).toBe(SUCCESS);
    expect([bench.reg(0, cpu), bench.reg(7, cpu), cpu.regs.SCTLR & (1 << 13)]).toEqual([0x55, 0, 0]);
  });

  test('AFFINITY_INFO tells on (0) from off (1)', () => {
    expect(call(AFFINITY_INFO, [0, 0])).toBe(0);
    expect(call(AFFINITY_INFO, [1, 0])).toBe(1);
    call(CPU_ON, [1, ENTRY, 0]);
    expect(call(AFFINITY_INFO, [1, 0])).toBe(0);
    expect(call(AFFINITY_INFO, [9, 0])).toBe(INVALID_PARAMETERS);
    expect(call(AFFINITY_INFO, [0, 1])).toBe(INVALID_PARAMETERS);
  });

  test('CPU_SUSPEND waits for an interrupt, masked or not, and then returns', () => {
    for (const [id, state] of [
      [CPU_SUSPEND, 0],
      // A powerdown state, with an entry point that a request downgraded to standby does not use.
      [CPU_SUSPEND, 1 << 16],
      [DEFAULT_SUSPEND, ENTRY],
    ] as const) {
      bench.cpu.setIrq(false);
      expect(call(id, [state, ENTRY, 0])).toBe(SUCCESS);
      expect(bench.run(10)).toBe('wfi');
      bench.cpu.setIrq(true);
      expect(bench.run(1)).toBe('budget');
      expect(bench.pc()).toBe(CODE + 4);
    }
  });

  test('CPU_SUSPEND refuses a power_state with reserved bits', () => {
    expect(call(CPU_SUSPEND, [0x8000_0000, 0, 0])).toBe(INVALID_PARAMETERS);
    expect(bench.cpu.waiting).toBe(false);
  });

  test('SYSTEM_RESET2 knows SYSTEM_WARM_RESET', () => {
    expect(call(SYSTEM_RESET2, [0x8000_0000, 0])).toBe(INVALID_PARAMETERS);
    expect(call(SYSTEM_RESET2, [1, 0])).toBe(INVALID_PARAMETERS);
    expect(ended).toEqual([]);
    call(SYSTEM_RESET2, [0, 0]);
    expect(ended).toEqual(['reset']);
  });

  test('an affinity is the MPIDR without its other bits', () => {
    expect(call(AFFINITY_INFO, [0x100, 0])).toBe(INVALID_PARAMETERS);
    expect(call(CPU_ON, [0x8000_0001, ENTRY, 0])).toBe(INVALID_PARAMETERS);
  });

  test('SYSTEM_OFF and SYSTEM_RESET reach the machine', () => {
    call(SYSTEM_OFF);
    call(SYSTEM_RESET);
    expect(ended).toEqual(['off', 'reset']);
  });

  test('PSCI_FEATURES knows the functions that there are', () => {
    const there = [VERSION, CPU_SUSPEND, CPU_OFF, CPU_ON, AFFINITY_INFO, MIGRATE_INFO_TYPE, SYSTEM_OFF];
    for (const id of [...there, SYSTEM_RESET, FEATURES, DEFAULT_SUSPEND, SYSTEM_RESET2, SMCCC_VERSION]) {
      expect(call(FEATURES, [id])).toBe(SUCCESS);
    }
    for (const id of [MIGRATE, 0x8400_001f, ARCH_FEATURES, 0, 0xc400_0003]) {
      expect(call(FEATURES, [id])).toBe(NOT_SUPPORTED);
    }
    for (const id of [SMCCC_VERSION, ARCH_FEATURES]) expect(call(ARCH_FEATURES, [id])).toBe(SUCCESS);
    for (const id of [0x8000_8000, 0x8000_3fff, VERSION])
      expect(call(ARCH_FEATURES, [id])).toBe(NOT_SUPPORTED);
  });

  test('MIGRATE_INFO_TYPE: nothing has to migrate', () => {
    expect(call(MIGRATE_INFO_TYPE)).toBe(2);
  });

  test('an unknown function is NOT_SUPPORTED (ARM DEN 0028, 5.2)', () => {
    const unknown = [
      MIGRATE,
      0x8400_0007,
      0x8400_000b,
      0x8400_0050,
      0,
      0x8600_ff01,
      0xc400_0003,
      0xffff_ffff,
    ];
    for (const id of unknown) expect(call(id)).toBe(NOT_SUPPORTED);
  });

  test('HVC in User mode is UNDEFINED, and SMC where HVC is the conduit', () => {
    bench.cpu.state.cpsr = 0x10;
    call(VERSION);
    expect(bench.vector()).toBe(4);
    bench.load(CODE, [0xe160_0070]);
    bench.cpu.state.cpsr = 0x13;
    call(VERSION);
    expect(bench.vector()).toBe(4);
    expect(bench.cpu.state.slots[StateSlot.LR]).toBe(CODE + 4);
  });

  test('arguments and results leave the other registers alone', () => {
    bench.set(4, 44);
    bench.set(12, 12);
    call(AFFINITY_INFO, [1, 0, 33]);
    expect([1, 2, 3, 4, 12].map((n) => bench.reg(n))).toEqual([1, 0, 33, 44, 12]);
  });
});
