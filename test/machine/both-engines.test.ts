import { afterEach, expect, test } from 'vitest';
import type { EngineKind } from '../../src/arm/engine-kind.ts';
import { createMachine, type Machine } from '../../src/index.ts';
import * as a from '../arm/assembler.ts';
import { buildElf } from '../boot/elf-builder.ts';

const RAM = 0x4000_0000;
const ENTRY = RAM + 0x1_0000;
const OTHER = ENTRY + 0x400;
const VECTORS = RAM + 0x2_0000;
const DATA = RAM + 0x8_0000;
const GICD = 0x0800_0000;
const GICC = 0x0801_0000;
const UART = 0x0900_0000;
/** INTID of the virtual timer: PPI 11. */
const TIMER_INTID = 27;
const CPU_ON = 0x8400_0003;
const POWER_OFF = [...a.mov32(0, 0x8400_0008), a.hvc(0)];
const CNTV_CTL = [14, 0, 3, 1] as const;
const CNTV_TVAL = [14, 0, 3, 0] as const;
const VBAR = [12, 0, 0, 0] as const;
const ICIALLU = a.mcr(0, 7, 0, 5, 0);
const INTERRUPTS = 2000;

const bytes = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
const store = (address: number, value: number): number[] => [
  ...a.mov32(8, address),
  ...a.mov32(9, value),
  a.str(9, 8),
];

/**
 * A loop that counts in R6, calls, loads, stores, rewrites a constant now and then, and is interrupted by the timer at ever other
 * places. The interrupt prints where, and how far it is.
 */
function program(smp: number): { code: number[]; irq: number[] } {
  const code = [...a.mov32(0, VECTORS), a.mcr(0, ...VBAR)];
  code.push(...store(GICD, 1), ...store(GICD + 0x100, 1 << TIMER_INTID), ...store(GICC + 4, 0xff));
  code.push(...store(GICC, 1));
  if (smp > 1) code.push(...a.mov32(0, CPU_ON), a.movw(1, 1), ...a.mov32(2, OTHER), a.hvc(0));
  code.push(...a.mov32(10, UART), ...a.mov32(11, DATA), a.movw(7, INTERRUPTS), a.movw(6, 0), a.movw(12, 250));
  code.push(a.mcr(12, ...CNTV_TVAL), a.movw(1, 1), a.mcr(1, ...CNTV_CTL), a.cpsie(2));
  const loop = code.length;
  code.push(a.addImm(6, 6, 1), a.ldr(4, 11, 8), a.addReg(4, 4, 6), a.str(4, 11, 8), a.eorReg(5, 5, 4));
  const call = code.length;
  code.push(a.NOP, 0xe1b03906, a.b(call + 2, loop, a.NE));
  // Each 16,384 rounds the constant of the function becomes R6's low bits.
  code.push(0xe6ef3076, ...a.mov32(2, a.movw(3, 0)), 0xe1823003);
  const patch = code.length;
  code.push(a.NOP, a.NOP, a.str(3, 2), ICIALLU, a.ISB, a.b(patch + 5, loop));
  const fn = code.length;
  code.push(a.movw(3, 0), a.addReg(5, 5, 3), a.bx(14));
  code[call] = a.bl(call, fn);
  const address = a.mov32(2, ENTRY + 4 * fn);
  code.splice(patch, 2, ...address);
  const irq = [
    ...a.mov32(9, GICC),
    a.ldr(8, 9, 0xc),
    a.str(6, 10),
    a.str(5, 10),
    a.str(14, 10),
    0xe1a0042e, // LSR R0, LR, #8
    a.str(0, 10),
    a.ldr(0, 11, 0x20),
    a.str(0, 10),
    a.subsImm(7, 7, 1),
    a.NOP,
    a.b(12, 16, a.NE),
    ...POWER_OFF,
    // The next one comes a little later than this one did.
    a.addImm(12, 12, 1),
    a.mcr(12, ...CNTV_TVAL),
    a.str(8, 9, 0x10),
    a.subsPcLr(4),
  ];
  return { code, irq };
}

const machines: Machine[] = [];

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

async function run(
  engine: EngineKind,
  smp: number,
): Promise<{ output: string; instructions: number; ram: number[] }> {
  const { code, irq } = program(smp);
  const other = [
    ...a.mov32(1, DATA + 0x20),
    a.addImm(0, 0, 1),
    a.str(0, 1),
    a.ldrd(2, 1, 8),
    a.strd(2, 1, 16),
    a.b(6, 2),
  ];
  const kernel = buildElf([
    { physicalAddress: ENTRY, bytes: bytes(code) },
    { physicalAddress: OTHER, bytes: bytes(other) },
    { physicalAddress: VECTORS + 0x18, bytes: bytes(irq) },
  ]);
  const machine = await createMachine({ memory: '1M', kernel, smp, engine, clock: 'instructions' });
  machines.push(machine);
  let output = '';
  machine.serial.onData((data) => {
    output += Buffer.from(data).toString('hex');
  });
  await machine.start();
  expect((await machine.exited).reason).toBe('poweroff');
  const { instructionsBy } = machine.statistics();
  // However dear compiling is here.
  if (engine === 'wasm') expect(instructionsBy.wasm).toBeGreaterThan(machine.instructions / 10);
  return {
    output,
    instructions: machine.instructions,
    ram: Array.from({ length: 0x600 }, (_unused, i) => machine.memory.readWord(DATA + 4 * i)),
  };
}

test.each([1, 2])('%i CPUs: timers interrupt at the same instructions in both engines', async (smp) => {
  const interpreted = await run('interpreter', smp);
  expect(interpreted.output.length).toBe(INTERRUPTS * 10);
  // CPU 1 has its turns though each of CPU 0's ends with an interrupt for CPU 0.
  if (smp > 1) expect(interpreted.ram[8]).toBeGreaterThan(100_000);
  expect(await run('wasm', smp)).toEqual(interpreted);
});
