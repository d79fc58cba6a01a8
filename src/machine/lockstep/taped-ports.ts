import type { ArmCpu } from '../../arm/cpu.ts';
import type { EngineHooks } from '../../arm/engine.ts';
import { StateSlot } from '../../arm/state.ts';
import type { ArmTimer, ArmTimerRegister, ArmTimerRegister64 } from '../../ports/arm-timer.ts';
import type { GicCpuInterface, IccRegister, IccSgiRegister } from '../../ports/gic-cpu-interface.ts';
import type { AccessSize, MmioDevice, Requester } from '../../ports/mmio.ts';
import { psciCall } from '../psci.ts';
import type { Side } from './side.ts';
import type { Request } from './tape.ts';

function registerRequest(
  port: string,
  cpu: number,
  operation: 'read' | 'write',
  at: string,
  size: number,
  value: number | bigint = 0,
): Request {
  return { port, operation, at, size, value, cpu, privileged: true };
}

/** 64 bits of two words. */
function wide(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** A device as the CPUs of one side see it. What bus masters do with it is no matter of the tape. */
export class TapedDevice implements MmioDevice {
  readonly read64?: (offset: number, requester: Requester) => bigint;
  readonly write64?: (offset: number, value: bigint, requester: Requester) => void;
  private readonly side: Side;
  private readonly name: string;
  private readonly base: number;
  private readonly model: MmioDevice;
  /** Undefined on the side that only replays. */
  private readonly real: MmioDevice | undefined;

  /** @param model what both sides' CPUs see; it is `isReal` where this side's accesses reach it */
  constructor(side: Side, name: string, base: number, model: MmioDevice, isReal: boolean) {
    this.side = side;
    this.name = name;
    this.base = base;
    this.model = model;
    this.real = isReal ? model : undefined;
    // A device without these gets two accesses of 4 bytes instead.
    if (model.read64 !== undefined) {
      this.read64 = (offset, requester) =>
        this.ask('read', offset, 8, 0, requester, () => model.read64?.(offset, requester) ?? 0n, 0n);
    }
    if (model.write64 !== undefined) {
      this.write64 = (offset, value, requester) => {
        const real = (): number => {
          model.write64?.(offset, value, requester);
          return 0;
        };
        this.ask('write', offset, 8, value, requester, real, 0);
      };
    }
  }

  read(offset: number, size: AccessSize, requester: Requester): number {
    return this.ask('read', offset, size, 0, requester, () => this.model.read(offset, size, requester), 0);
  }

  write(offset: number, size: AccessSize, value: number, requester: Requester): void {
    const real = (): number => {
      this.model.write(offset, size, value, requester);
      return 0;
    };
    this.ask('write', offset, size, value, requester, real, 0);
  }

  private ask<A extends number | bigint>(
    operation: 'read' | 'write',
    offset: number,
    size: number,
    value: number | bigint,
    requester: Requester,
    real: () => A,
    nothing: A,
  ): A {
    if (requester.kind !== 'cpu') return this.real === undefined ? nothing : real();
    const { cpu, privileged } = requester;
    const request = { port: this.name, operation, at: this.base + offset, size, value, cpu, privileged };
    return this.side.ask(request, this.real && real, nothing);
  }
}

/** A CPU's generic timer. */
export class TapedTimer implements ArmTimer {
  /**
   * CNTKCTL: what User mode may do is looked up more often than the access is done, so that it can't be on the tape; it
   * changes only where a CPU writes it.
   */
  kernelControl = 0;
  highWord = 0;
  private readonly side: Side;
  private readonly cpu: number;
  private readonly real: ArmTimer | undefined;

  constructor(side: Side, cpu: number, real: ArmTimer | undefined) {
    this.side = side;
    this.cpu = cpu;
    this.real = real;
  }

  read(register: ArmTimerRegister): number {
    if (register === 'CNTKCTL') return this.kernelControl;
    const { real } = this;
    const request = registerRequest('generic timer', this.cpu, 'read', register, 4);
    return this.side.ask(request, real && (() => real.read(register)), 0);
  }

  write(register: ArmTimerRegister, value: number): void {
    const { real } = this;
    const request = registerRequest('generic timer', this.cpu, 'write', register, 4, value);
    const write = (): number => {
      real?.write(register, value);
      return real?.read('CNTKCTL') ?? 0;
    };
    this.kernelControl = this.side.ask(request, real && write, this.kernelControl);
  }

  read64(register: ArmTimerRegister64): number {
    const { real } = this;
    const request = registerRequest('generic timer', this.cpu, 'read', register, 8);
    const sample = (timer: ArmTimer): bigint => {
      const low = timer.read64(register);
      return wide(low, timer.highWord);
    };
    const value = this.side.ask(request, real && (() => sample(real)), 0n);
    this.highWord = Number(value >> 32n);
    return Number(value & 0xffffffffn);
  }

  write64(register: ArmTimerRegister64, low: number, high: number): void {
    const { real } = this;
    const request = registerRequest('generic timer', this.cpu, 'write', register, 8, wide(low, high));
    const write = (): number => {
      real?.write64(register, low, high);
      return 0;
    };
    this.side.ask(request, real && write, 0);
  }
}

/** A GICv3's CPU interface as its CPU's system registers. */
export class TapedGic implements GicCpuInterface {
  private readonly side: Side;
  private readonly cpu: number;
  private readonly real: GicCpuInterface | undefined;

  constructor(side: Side, cpu: number, real: GicCpuInterface | undefined) {
    this.side = side;
    this.cpu = cpu;
    this.real = real;
  }

  read(register: IccRegister): number {
    const { real } = this;
    const request = registerRequest('GIC', this.cpu, 'read', register, 4);
    return this.side.ask(request, real && (() => real.read(register)), 0);
  }

  write(register: IccRegister, value: number): void {
    const { real } = this;
    const write = (): number => {
      real?.write(register, value);
      return 0;
    };
    this.side.ask(registerRequest('GIC', this.cpu, 'write', register, 4, value), real && write, 0);
  }

  write64(register: IccSgiRegister, low: number, high: number): void {
    const { real } = this;
    const write = (): number => {
      real?.write64(register, low, high);
      return 0;
    };
    const request = registerRequest('GIC', this.cpu, 'write', register, 8, wide(low, high));
    this.side.ask(request, real && write, 0);
  }
}

/** Calls of firmware and of the host. @param real the machine's, on the side that lives in the world */
export function tapedHooks(side: Side, real: EngineHooks | undefined): EngineHooks {
  const call = (cpu: ArmCpu, port: string, at: string): Request => ({
    port,
    operation: 'call',
    at,
    size: 4,
    value: cpu.state.slots[StateSlot.R0] >>> 0,
    cpu: cpu.cpu,
    privileged: cpu.state.privileged,
  });
  return {
    hypervisorCall: (cpu, conduit) => {
      const recorded = real && (() => real.hypervisorCall(cpu, conduit));
      const isPsci = side.ask(call(cpu, 'PSCI', conduit), recorded, false);
      // What it does to the machine was an effect; what it does to the CPUs each side's own CPUs do.
      if (isPsci && side.isReplaying) {
        psciCall(cpu, { cpus: side.engine.cpus, powerOff() {}, reset() {} });
      }
      return isPsci;
    },
    semihostingCall: (cpu, thumb, instruction, comment) => {
      const { slots } = cpu.state;
      const name = `${instruction} ${comment}`;
      const recorded = (): string =>
        `${real?.semihostingCall(cpu, thumb, instruction, comment)} ${slots[StateSlot.R0]}`;
      const answer = side.ask(call(cpu, 'semihosting', name), real && recorded, 'guest 0');
      const [outcome, result] = answer.split(' ');
      if (outcome === 'done') slots[StateSlot.R0] = Number(result);
      return outcome === 'done' || outcome === 'wait' ? outcome : 'guest';
    },
    attention: () => real?.attention(),
  };
}
