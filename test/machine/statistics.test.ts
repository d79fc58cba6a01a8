import { afterEach, describe, expect, test } from 'vitest';
import {
  createMachine,
  type EngineStatistics,
  type Machine,
  type MachineExit,
  type MachineOptions,
} from '../../src/index.ts';
import { buildElf } from '../boot/elf-builder.ts';

const ENTRY = 0x4001_0000;
const machines: Machine[] = [];

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
});

/** Runs A32 instructions at ENTRY until the guest ends the machine. */
async function run(
  words: readonly number[],
  options: MachineOptions,
): Promise<{ exit: MachineExit; statistics: EngineStatistics }> {
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  const kernel = buildElf([{ physicalAddress: ENTRY, bytes }]);
  const machine = await createMachine({ memory: '16M', kernel, clock: 'instructions', ...options });
  machines.push(machine);
  await machine.start();
  const exit = await machine.exited;
  return { exit, statistics: machine.statistics() };
}

/** SYSTEM_OFF: MOVW R0, #8; MOVT R0, #0x8400; HVC #0. */
const POWER_OFF = [0xe3000008, 0xe3480400, 0xe1400070];
/** MOVW R2, #20000; SUBS R2, R2, #1; BNE to it. */
const COUNTING = [0xe3042e20, 0xe2522001, 0x1afffffd, ...POWER_OFF];
/** R1 = the UART; 60,000 times LDR R0, [R1, #0x18] (its flags). */
const POLLING = [0xe3001000, 0xe3401900, 0xe30e2a60, 0xe5910018, 0xe2522001, 0x1afffffc, ...POWER_OFF];
const COUNTED = 1 + 2 * 20_000 + 3;

describe('statistics', () => {
  test('say how many instructions each engine has run', async () => {
    const alone = await run(COUNTING, { engine: 'interpreter' });
    expect(alone.statistics).toMatchObject({
      engine: 'interpreter',
      instructions: COUNTED,
      instructionsBy: { interpreter: COUNTED, wasm: 0 },
      regions: { compiled: 0, modules: 0, bytes: 0 },
    });
    const { statistics } = await run(COUNTING, { engine: 'wasm' });
    const { instructions, instructionsBy, regions, regionExits, regionCrossings } = statistics;
    expect(instructions).toBe(COUNTED);
    expect(instructionsBy.interpreter + instructionsBy.wasm).toBe(COUNTED);
    expect(instructionsBy.wasm).toBeGreaterThan(COUNTED / 2);
    expect(regions).toMatchObject({ compiled: 1, modules: 1, invalidated: 0, evictions: 0 });
    expect(regions.instructions).toBeGreaterThanOrEqual(2);
    expect(regions.bytes).toBeGreaterThan(8);
    expect(regionExits.lookup + regionExits.interrupted).toBeGreaterThan(0);
    expect(regionCrossings.fault).toBe(0);
  });

  test('count slow accesses and TLB misses', async () => {
    const { statistics } = await run(POLLING, { engine: 'interpreter' });
    const { slowAccesses, tlb } = statistics;
    expect(slowAccesses.wasm).toEqual({ loads: 0, stores: 0, exclusives: 0 });
    // Each is tried, and then done as an instruction of its own, whose count the clock knows.
    expect(slowAccesses.interpreter).toEqual({ loads: 120_000, stores: 0, exclusives: 0 });
    expect(tlb.firstLevelMisses).toBe(1);
    // The MMU is off.
    expect(tlb.secondLevelMisses).toBe(0);
  });

  test('name the functions that were called', async () => {
    const { statistics } = await run(COUNTING, { engine: 'interpreter' });
    const hvc = { interpreter: 1, wasm: 0 };
    expect(statistics.helperCalls).toEqual({ hvc });
    // MRC p15, 0, R0, c0, c0, 5 (MPIDR), twice.
    const reading = await run([0xee100fb0, 0xee100fb0, ...POWER_OFF], { engine: 'interpreter' });
    expect(reading.statistics.helperCalls).toEqual({
      hvc,
      copRead: { interpreter: 2, wasm: 0 },
    });
  });

  test('are those of the engine that is compared where two run in lockstep', async () => {
    const { statistics } = await run(COUNTING, { engine: 'lockstep' });
    expect(statistics.engine).toBe('wasm');
    expect(statistics.instructions).toBe(COUNTED);
  });
});

test('an access that is run as an instruction of its own does not become hot code', async () => {
  const { exit, statistics } = await run(POLLING, { engine: 'wasm' });
  expect(exit.reason).toBe('poweroff');
  expect(statistics.instructionsBy.wasm).toBeGreaterThan(0);
});
