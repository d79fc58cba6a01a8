import type { EngineKind } from '../../../src/arm/engine-kind.ts';
import { directStorageOf } from '../../../src/boards/assemble-board.ts';
import { EngineDifference, Lockstep } from '../../../src/machine/lockstep/lockstep.ts';
import type { Disturbance } from '../../../src/machine/lockstep/side.ts';
import { Machine } from '../../../src/machine/machine.ts';
import { type MachineOptions, normalizeOptions } from '../../../src/machine/options.ts';
import { buildElf } from '../../boot/elf-builder.ts';

export const RAM = 0x4000_0000;
export const ENTRY = RAM + 0x1_0000;

const machines: Machine[] = [];

/** Ends all machines of a test. */
export async function stopAll(): Promise<void> {
  for (const machine of machines.splice(0)) await machine.stop().catch(() => {});
}

/** A machine in lockstep whose engines are the test's choice. */
export async function makeTwins(
  options: MachineOptions,
  kinds: readonly [EngineKind, EngineKind],
  disturbance?: Disturbance,
): Promise<Machine> {
  const normalized = normalizeOptions({ ...options, engine: 'lockstep' });
  const { memory, board } = normalized;
  const shape = { ramBytes: memory, ramBase: board.ram.base, directBytes: directStorageOf(board) };
  const machine = new Machine(normalized, new Lockstep(shape, kinds, disturbance));
  machines.push(machine);
  await machine.plugEndpoints();
  return machine;
}

/** A program of A32 code at ENTRY. */
export function program(code: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(Uint32Array.from(code).buffer);
  return buildElf([{ physicalAddress: ENTRY, bytes }], { entry: ENTRY });
}

/** Runs a program in the interpreter twice, the second time disturbed. @returns the report, or how the machine ended */
export async function disturbed(
  code: readonly number[],
  disturbance: Disturbance | undefined,
  options: MachineOptions = {},
): Promise<string> {
  const kernel = program(code);
  const given = { memory: '1M', kernel, ...options };
  const machine = await makeTwins(given, ['interpreter', 'interpreter'], disturbance);
  await machine.start();
  try {
    return (await machine.exited).reason;
  } catch (error) {
    if (error instanceof EngineDifference) return error.message;
    throw error;
  }
}
