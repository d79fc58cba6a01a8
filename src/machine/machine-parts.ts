import { withGicSystemRegisters } from '../arm/cp15-gic.ts';
import type { ArmCpu } from '../arm/cpu.ts';
import type { ArmEngine, EngineHooks } from '../arm/engine.ts';
import { CPU_MODELS } from '../arm/models.ts';
import type { CpuModel } from '../arm/system-registers.ts';
import { assembleBoard, type Board, directStorageOf } from '../boards/assemble-board.ts';
import { hasIommu } from '../boards/board.ts';
import { GicV3 } from '../devices/gic-v3.ts';
import { MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { PageWatches } from '../memory/page-watches.ts';
import { PhysicalMemory } from '../memory/physical-memory.ts';
import type { WallClock } from '../ports/clock.ts';
import type { Semihosting } from '../semihosting/semihosting.ts';
import { TraceRecorder } from '../trace/recorder.ts';
import { HostClock, InstructionClock, NS_PER_INSTRUCTION } from './clock.ts';
import { engineKindOf, engineMaker } from './engine-maker.ts';
import { firmwareConfiguration } from './firmware-configuration.ts';
import { HostEndpoints } from './host-endpoints.ts';
import type { Lockstep } from './lockstep/lockstep.ts';
import type { MachineExit } from './machine-exit.ts';
import type { NormalizedOptions } from './options.ts';
import { psciCall } from './psci.ts';
import { RunLoop } from './run-loop.ts';
import type { SavedParts } from './saved-machine.ts';
import { callSemihosting, isSemihostingCall, semihostingOf } from './semihosting-calls.ts';
import { SerialPort } from './serial.ts';
import { makeVirtioDevices, type VirtioDevices } from './virtio-devices.ts';

/** What a machine is made of, connected: clock, memory, board, CPUs and run loop. Nothing runs yet, no guest is in its RAM. */
export class MachineParts implements SavedParts {
  readonly clock: HostClock | InstructionClock;
  readonly serial = new SerialPort();
  /** The second console that the option `virtioConsole` asks for. */
  readonly virtioConsole: SerialPort | undefined;
  /** Does what comes from outside between two instructions of the guest, at a time that its clock knows. */
  readonly atOnce: (action: () => void) => void;
  readonly physical: PhysicalMemory;
  /** Guest RAM, all of it. */
  readonly ram: Uint8Array;
  readonly semihosting: Semihosting | undefined;
  readonly virtio: VirtioDevices;
  readonly recorder: TraceRecorder | undefined;
  readonly board: Board;
  readonly engine: ArmEngine;
  readonly hostEndpoints: HostEndpoints;
  readonly loop: RunLoop;
  private readonly options: NormalizedOptions;
  private readonly lockstep: Lockstep | undefined;
  private readonly wallClock: WallClock;
  private readonly end: (exit: MachineExit) => void;

  /**
   * @param lockstep what runs the guest in two engines, where that is asked for
   * @param end told when the guest ends the machine
   */
  constructor(options: NormalizedOptions, lockstep: Lockstep | undefined, end: (exit: MachineExit) => void) {
    this.options = options;
    this.lockstep = lockstep;
    this.end = end;
    const memory =
      lockstep?.first.memory ?? new MachineMemory(options.memory, directStorageOf(options.board));
    this.ram = memory.bytes.subarray(MemoryLayout.ram, MemoryLayout.ram + options.memory);
    this.physical =
      lockstep?.first.physical ??
      new PhysicalMemory(memory, options.board.ram.base, new PageWatches(options.memory));
    this.clock =
      options.clock === 'host'
        ? new HostClock(() => performance.now() * 1e6)
        : new InstructionClock(NS_PER_INSTRUCTION);
    this.atOnce = this.betweenInstructions();
    this.serial.defer(this.atOnce);
    this.wallClock = options.wallClock ?? hostOrFixedTime(options.clock);
    this.semihosting = semihostingOf(options, {
      clock: this.clock,
      wallClock: this.wallClock,
      serial: this.serial,
      exit: (code) => end({ reason: 'semihosting', code }),
    });
    this.virtioConsole = options.virtio.virtioConsole === undefined ? undefined : new SerialPort();
    this.virtioConsole?.defer(this.atOnce);
    this.virtio = makeVirtioDevices(options.virtio, {
      clock: this.clock,
      wallClock: this.wallClock,
      log: options.log,
      warn: options.warn,
      repeatable: options.clock === 'instructions',
      console: this.virtioConsole,
      behindIommu: hasIommu(options.board),
    });
    this.recorder = this.makeRecorder();
    this.board = this.makeBoard();
    this.engine = this.makeEngine(memory);
    // Those that wait in a pen are on from the beginning.
    if (this.board.holdingPen === undefined) {
      for (const cpu of this.engine.cpus.slice(1)) cpu.power = 'off';
    }
    this.hostEndpoints = new HostEndpoints({
      memory,
      physical: this.physical,
      board: this.board,
      observer: this.recorder,
      restoring: options.restore !== undefined,
      wake: () => this.loop.wake(),
      warn: options.warn,
    });
    this.loop = new RunLoop(this.engine, memory, this.clock, () => this.hostEndpoints.service(), lockstep);
    this.loop.onSliceEnd = () => this.hostEndpoints.sliceEnded();
  }

  /** Does something to a CPU that comes from a device, or from the machine. */
  onCpu(number: number, action: (cpu: ArmCpu) => void): void {
    if (this.engine === undefined) return;
    action(this.engine.cpus[number]);
    this.lockstep?.outside(({ engine }) => action(engine.cpus[number]));
  }

  private betweenInstructions(): (action: () => void) => void {
    const { clock } = this;
    const pending: (() => void)[] = [];
    const now = clock.createTimer(() => {
      for (const action of pending.splice(0)) action();
    });
    return (action) => {
      pending.push(action);
      now.arm(clock.nowNs());
    };
  }

  private makeRecorder(): TraceRecorder | undefined {
    const { trace } = this.options;
    if (trace === undefined) return undefined;
    return new TraceRecorder(trace.categories, trace.sink, {
      nowNs: () => this.clock.nowNs(),
      instructions: () => this.engine.instructions + this.engine.executed,
    });
  }

  private makeBoard(): Board {
    const { options, virtio } = this;
    const unusedSerial = new SerialPort();
    return assembleBoard(options.board, {
      memory: this.lockstep?.boardMemory ?? this.physical,
      virtio: virtio.mmio,
      ...(virtio.ethernet && { ethernet: virtio.ethernet }),
      ...(options.sd && { sd: { disk: options.sd, warn: options.warn } }),
      clock: this.clock,
      wallClock: this.wallClock,
      log: options.log,
      cpus: Array.from({ length: options.cpus }, (_unused, i) => ({
        irq: { set: (level: boolean) => this.onCpu(i, (cpu) => cpu.setIrq(level)) },
        fiq: { set: (level: boolean) => this.onCpu(i, (cpu) => cpu.setFiq(level)) },
      })),
      flashFiles: options.flash,
      fwCfg: firmwareConfiguration(options),
      decorator: this.recorder?.decorator,
      power: this.power,
      serial: (name) => (name === options.board.console ? this.serial : unusedSerial),
    });
  }

  /** The guest's switch, by a register of the board or by PSCI. */
  private readonly power = {
    off: (): void => this.end({ reason: 'poweroff', code: 0 }),
    reset: (): void => this.end({ reason: 'reset', code: 0 }),
  };

  private makeEngine(memory: MachineMemory): ArmEngine {
    const { options, board, lockstep, physical } = this;
    const ownModel = CPU_MODELS.get(options.cpuModel.name) as CpuModel;
    const model = board.gic instanceof GicV3 ? withGicSystemRegisters(ownModel) : ownModel;
    const make = engineMaker(options, model);
    // The generic timer of each CPU, where CPUs have one.
    const timers = Array.from({ length: options.cpus }, (_unused, cpu) => board.timers.at(cpu));
    const engine =
      lockstep?.connect(make, timers, this.hooks) ??
      make({ memory, physical }, timers, this.hooks, engineKindOf(options.engine));
    if (board.gic instanceof GicV3) {
      for (const [i, gic] of board.gic.cpuInterfaces.entries()) {
        if (lockstep === undefined) engine.cpus[i].gic = gic;
        else lockstep.connectGic(i, gic);
      }
    }
    return engine;
  }

  private readonly hooks: EngineHooks = {
    hypervisorCall: (cpu, conduit) => {
      if (conduit !== this.board.psci) return false;
      psciCall(cpu, { cpus: this.engine.cpus, powerOff: this.power.off, reset: this.power.reset });
      return true;
    },
    semihostingCall: (cpu, thumb, instruction, comment) => {
      if (this.semihosting === undefined || !isSemihostingCall(thumb, instruction, comment)) return 'guest';
      return callSemihosting(this.semihosting, cpu, this.physical);
    },
    attention: () => this.loop.wake(),
    synchronizeTables: () => this.hostEndpoints.synchronizeTables(),
  };
}

/** A run with the counting clock must not depend on the day. */
function hostOrFixedTime(clock: 'host' | 'instructions'): WallClock {
  return { unixSeconds: () => (clock === 'host' ? Math.floor(Date.now() / 1000) : 0) };
}
