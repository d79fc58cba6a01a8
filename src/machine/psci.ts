import type { ArmCpu } from '../arm/cpu.ts';
import { StateSlot } from '../arm/state.ts';

/**
 * Function identifiers of the Power State Coordination Interface (ARM DEN 0022D, 5.1), and of the calling convention
 * that they belong to (ARM DEN 0028, 7): those that are there.
 */
const PsciFunction = {
  SMCCC_VERSION: 0x80000000,
  SMCCC_ARCH_FEATURES: 0x80000001,
  PSCI_VERSION: 0x84000000,
  CPU_SUSPEND: 0x84000001,
  CPU_OFF: 0x84000002,
  CPU_ON: 0x84000003,
  AFFINITY_INFO: 0x84000004,
  MIGRATE_INFO_TYPE: 0x84000006,
  SYSTEM_OFF: 0x84000008,
  SYSTEM_RESET: 0x84000009,
  PSCI_FEATURES: 0x8400000a,
  CPU_DEFAULT_SUSPEND: 0x8400000c,
  SYSTEM_RESET2: 0x84000012,
} as const;

/** Function identifiers 31:16 of Arm architecture calls and of Standard Secure Service calls (ARM DEN 0028, table 6-2). */
const ARCHITECTURE_CALLS = 0x8000;
const STANDARD_SERVICE_CALLS = 0x8400;

/** Return codes (5.2.2). */
const SUCCESS = 0;
const NOT_SUPPORTED = -1;
const INVALID_PARAMETERS = -2;
const ALREADY_ON = -4;

const PSCI_1_1 = 0x00010001;
const SMCCC_1_1 = 0x00010001;
/** AFFINITY_INFO: 0 on, 1 off. */
const AFFINITY_OFF = 1;
/** Affinity fields of an MPIDR: bits 23:0. CPU n is Aff0 = n in the one cluster 0. */
const AFFINITY_FIELDS = 0x00ffffff;
/** CPU_SUSPEND: bits of power_state that must be zero in the original format (5.4.2). */
const POWER_STATE_RESERVED = 0xfcfe0000;
/** SYSTEM_RESET2: bit 31 marks vendors' types; 0 is SYSTEM_WARM_RESET, the one architectural type (5.13). */
const SYSTEM_WARM_RESET = 0;
/** MIGRATE_INFO_TYPE: no Trusted OS that would have to migrate. */
const MIGRATION_NOT_NEEDED = 2;

/** What PSCI does to the machine as a whole. */
export interface PsciSystem {
  readonly cpus: readonly ArmCpu[];
  powerOff(): void;
  reset(): void;
}

/**
 * A PSCI 1.1 call of a CPU: function in R0, arguments in R1 to R3, result in R0. Whatever else R0 names is an unknown
 * function, which gives NOT_SUPPORTED (ARM DEN 0028, 5.2): guests ask for services of their hypervisor so.
 */
export function psciCall(cpu: ArmCpu, system: PsciSystem): void {
  const { slots } = cpu.state;
  const [r0, r1, r2, r3] = slots;
  const id = r0 >>> 0;
  slots[StateSlot.R0] = call(cpu, system, id, r1 >>> 0, r2, r3);
}

function call(cpu: ArmCpu, system: PsciSystem, id: number, r1: number, r2: number, r3: number): number {
  switch (id) {
    case PsciFunction.SMCCC_VERSION:
      return SMCCC_1_1;
    case PsciFunction.SMCCC_ARCH_FEATURES:
      // No workaround for speculation is needed here, and none is offered.
      return isImplemented(r1, ARCHITECTURE_CALLS) ? SUCCESS : NOT_SUPPORTED;
    case PsciFunction.PSCI_VERSION:
      return PSCI_1_1;
    case PsciFunction.CPU_SUSPEND:
      if ((r1 & POWER_STATE_RESERVED) !== 0) return INVALID_PARAMETERS;
      // A powerdown request may be downgraded to standby, which loses nothing (5.4.1): the caller wakes here.
      return standBy(cpu);
    case PsciFunction.CPU_DEFAULT_SUSPEND:
      return standBy(cpu);
    case PsciFunction.CPU_OFF:
      cpu.power = 'off';
      return SUCCESS;
    case PsciFunction.CPU_ON: {
      const target = cpuOf(system, r1);
      if (target === undefined) return INVALID_PARAMETERS;
      if (target.power === 'on') return ALREADY_ON;
      target.reset(r2);
      target.state.slots[StateSlot.R0] = r3;
      target.power = 'on';
      return SUCCESS;
    }
    case PsciFunction.AFFINITY_INFO: {
      const target = cpuOf(system, r1);
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
    case PsciFunction.SYSTEM_RESET2:
      // A vendor's type would need a meaning here; a warm reset is this machine's reset.
      if (r1 !== SYSTEM_WARM_RESET) return INVALID_PARAMETERS;
      system.reset();
      return SUCCESS;
    case PsciFunction.PSCI_FEATURES:
      return r1 === PsciFunction.SMCCC_VERSION || isImplemented(r1, STANDARD_SERVICE_CALLS)
        ? SUCCESS
        : NOT_SUPPORTED;
    default:
      return NOT_SUPPORTED;
  }
}

function isImplemented(id: number, range: number): boolean {
  return id >>> 16 === range && Object.values<number>(PsciFunction).includes(id);
}

function cpuOf(system: PsciSystem, mpidr: number): ArmCpu | undefined {
  return (mpidr & ~AFFINITY_FIELDS) === 0 ? system.cpus[mpidr] : undefined;
}

function standBy(cpu: ArmCpu): number {
  cpu.waiting = !cpu.irqPending && !cpu.fiqPending;
  return SUCCESS;
}
