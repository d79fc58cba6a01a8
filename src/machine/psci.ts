import type { ArmCpu } from '../arm/cpu.ts';
import { StateSlot } from '../arm/state.ts';

/** Function identifiers of the Power State Coordination Interface (ARM DEN 0022D, 5.1). */
const PsciFunction = {
  PSCI_VERSION: 0x84000000,
  CPU_SUSPEND: 0x84000001,
  CPU_OFF: 0x84000002,
  CPU_ON: 0x84000003,
  AFFINITY_INFO: 0x84000004,
  MIGRATE_INFO_TYPE: 0x84000006,
  SYSTEM_OFF: 0x84000008,
  SYSTEM_RESET: 0x84000009,
  PSCI_FEATURES: 0x8400000a,
} as const;

/** Standard Secure Service calls that belong to PSCI: 0 to 0x1f (ARM DEN 0028, table 6-2). */
const FIRST_FUNCTION = 0x84000000;
const LAST_FUNCTION = 0x8400001f;

/** Return codes (5.2.2). */
const SUCCESS = 0;
const NOT_SUPPORTED = -1;
const INVALID_PARAMETERS = -2;
const ALREADY_ON = -4;

const VERSION_1_0 = 0x00010000;
/** AFFINITY_INFO: 0 on, 1 off. */
const AFFINITY_OFF = 1;
/** MIGRATE_INFO_TYPE: no Trusted OS that would have to migrate. */
const MIGRATION_NOT_NEEDED = 2;

/** What PSCI does to the machine as a whole. */
export interface PsciSystem {
  readonly cpus: readonly ArmCpu[];
  powerOff(): void;
  reset(): void;
}

/**
 * A PSCI 1.0 call of a CPU: function in R0, arguments in R1 to R3, result in R0.
 * @returns false when R0 names no PSCI function: the instruction is then UNDEFINED.
 */
export function psciCall(cpu: ArmCpu, system: PsciSystem): boolean {
  const { slots } = cpu.state;
  const [r0, r1, r2, r3] = slots;
  const id = r0 >>> 0;
  if (id < FIRST_FUNCTION || id > LAST_FUNCTION) return false;
  slots[StateSlot.R0] = call(cpu, system, id, r1 >>> 0, r2, r3);
  return true;
}

function call(cpu: ArmCpu, system: PsciSystem, id: number, r1: number, r2: number, r3: number): number {
  switch (id) {
    case PsciFunction.PSCI_VERSION:
      return VERSION_1_0;
    case PsciFunction.CPU_SUSPEND:
      // A standby state loses nothing: the call waits for an interrupt and returns (5.4.3).
      cpu.waiting = !cpu.irqPending && !cpu.fiqPending;
      return SUCCESS;
    case PsciFunction.CPU_OFF:
      cpu.power = 'off';
      return SUCCESS;
    case PsciFunction.CPU_ON: {
      const target = system.cpus[r1];
      if (target === undefined) return INVALID_PARAMETERS;
      if (target.power === 'on') return ALREADY_ON;
      target.reset(r2);
      target.state.slots[StateSlot.R0] = r3;
      target.power = 'on';
      return SUCCESS;
    }
    case PsciFunction.AFFINITY_INFO: {
      const target = system.cpus[r1];
      if (target === undefined || r2 !== 0) return INVALID_PARAMETERS;
      return target.power === 'on' ? 0 : AFFINITY_OFF;
    }
    case PsciFunction.MIGRATE_INFO_TYPE:
      return MIGRATION_NOT_NEEDED;
    case PsciFunction.SYSTEM_OFF:
      system.powerOff();
      return SUCCESS;
    case PsciFunction.SYSTEM_RESET:
      system.reset();
      return SUCCESS;
    case PsciFunction.PSCI_FEATURES:
      return Object.values<number>(PsciFunction).includes(r1) ? SUCCESS : NOT_SUPPORTED;
    default:
      return NOT_SUPPORTED;
  }
}
