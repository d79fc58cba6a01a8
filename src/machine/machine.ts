import { withGicSystemRegisters } from '../arm/cp15-gic.ts';
import type { ArmCpu } from '../arm/cpu.ts';
import type { ArmEngine, EngineHooks } from '../arm/engine.ts';
import type { EngineStatistics } from '../arm/engine-statistics.ts';
import { CPU_MODELS } from '../arm/models.ts';
import type { CpuModel } from '../arm/system-registers.ts';
import { assembleBoard, type Board, directStorageOf } from '../boards/assemble-board.ts';
import { hasIommu } from '../boards/board.ts';
import { GdbServer } from '../debug/gdb-server.ts';
import { GicV3 } from '../devices/gic-v3.ts';
import { ArmemuError, SnapshotError } from '../errors.ts';
import { MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import { PageWatches } from '../memory/page-watches.ts';
import { PhysicalMemory } from '../memory/physical-memory.ts';
import type { FunctionListing } from '../pci/describe-bus.ts';
import type { PciEndpoint } from '../pci/endpoint.ts';
import { isHostAttached } from '../pci/host-device.ts';
import type { ArmTimer } from '../ports/arm-timer.ts';
import type { DiskBackend } from '../ports/disk.ts';
import type { ShadowStatistics } from '../ports/shadow-observer.ts';
import type { Semihosting } from '../semihosting/semihosting.ts';
import { type SnapshotReader, writeSnapshot } from '../snapshot/snapshot-file.ts';
import { TraceRecorder } from '../trace/recorder.ts';
import { traceHeader } from '../trace/trace-header.ts';
import { closeBackends, disksOf } from './backends.ts';
import { HostClock, InstructionClock } from './clock.ts';
import { MachineDebugger } from './debugger.ts';
import { engineKindOf, engineMaker } from './engine-maker.ts';
import { firmwareConfiguration } from './firmware-configuration.ts';
import { GuestCpu, GuestMemory } from './guest-access.ts';
import { HostEndpoints } from './host-endpoints.ts';
import { loadGuest } from './load-guest.ts';
import { type Lockstep, lockstepOf } from './lockstep/lockstep.ts';
import { Monitor, type MonitorHost, type MonitorTarget } from './monitor.ts';
import { MachineMonitorTarget } from './monitor-target.ts';
import type { NormalizedOptions } from './options.ts';
import { type Profile, Sampler } from './profile/sampler.ts';
import { psciCall } from './psci.ts';
import { nextTurn, RunLoop } from './run-loop.ts';
import { restoreDisks, saveDisks } from './saved-disks.ts';
import {
  checkSaveable,
  drainDevices,
  restoreMachineState,
  type SavedParts,
  saveMachineState,
} from './saved-machine.ts';
import { screenshotOf } from './screenshot.ts';
import { callSemihosting, isSemihostingCall, semihostingOf } from './semihosting-calls.ts';
import { SerialPort } from './serial.ts';
import { asShape, checkShape, shapeOf } from './shape.ts';
import { makeVirtioDevices, type VirtioDevices } from './virtio-devices.ts';

/** How a machine ended. */
export interface MachineExit {
  /**
   * `poweroff` and `reset` by the guest (PSCI), `semihosting` by a guest that gave an exit code, `stopped` by
   * `machine.stop()`.
   */
  readonly reason: 'poweroff' | 'reset' | 'semihosting' | 'stopped';
  /** Exit code that the guest gave, 0 to 255; 0 for other reasons. */
  readonly code: number;
}

/** A debugger that is connected to a machine. */
export interface DebuggerConnection {
  /** Bytes from the debugger. */
  receive(bytes: Uint8Array): void;
  /** The debugger has gone: its stop points vanish, the machine goes on. */
  close(): void;
}

/** What `save` can be told. */
export interface SaveOptions {
  /** Told how far it is, from 0 to 1. */
  progress?(done: number): void;
}

/** Virtual time of one instruction with the counting clock: 100 million a second. */
const NS_PER_INSTRUCTION = 10;

type Hold = 'pause' | 'stopped' | 'save' | 'debugger';

/** A board with its CPUs, ready to run. Made by {@link createMachine}. */
export class Machine {
  /** The board's console UART. */
  readonly serial: SerialPort;
  /** The second console that the option `virtioConsole` asks for. */
  readonly virtioConsole: SerialPort | undefined;
  /** Guest physical memory and device registers. */
  readonly memory: GuestMemory;
  readonly cpus: readonly GuestCpu[];
  /** Resolves once when the machine has ended and its devices are given back; rejects when the emulator failed. */
  readonly exited: Promise<MachineExit>;
  /** Does what comes from outside between two instructions of the guest, at a time that its clock knows. */
  private readonly atOnce: (action: () => void) => void;
  private readonly loop: RunLoop;
  private readonly engine: ArmEngine;
  /** The engine's twin, and what compares them. */
  private readonly lockstep: Lockstep | undefined;
  private readonly board: Board;
  private readonly parts: SavedParts;
  private readonly ram: Uint8Array;
  private readonly physical: PhysicalMemory;
  private readonly options: NormalizedOptions;
  private dtb = new Uint8Array(0);
  /** Whether the guest is the embedded firmware. */
  private embedded: boolean;
  private readonly monitorTarget: MonitorTarget;
  private readonly ownMonitor: Monitor;
  /** A person goes on with the CPU that was chosen last. */
  private readonly monitors = new WeakMap<MonitorHost, Monitor>();
  private readonly semihosting: Semihosting | undefined;
  private debugger: MachineDebugger | undefined;
  /** Why the machine stands still: the user's wish, a stop by the monitor or before the start, a save, a debugger. */
  private readonly holds = new Set<Hold>();
  private readonly hostEndpoints: HostEndpoints;
  private readonly virtio: VirtioDevices;
  private readonly recorder: TraceRecorder | undefined;
  private readonly plugged: PciEndpoint[] = [];
  private exit: MachineExit | undefined;
  private ending: Promise<void> | undefined;
  private settle: { resolve: (exit: MachineExit) => void; reject: (error: unknown) => void } | undefined;

  /** Use {@link createMachine}. @param lockstep what runs the guest in two engines, where that is asked for */
  constructor(options: NormalizedOptions, lockstep = lockstepOf(options)) {
    this.lockstep = lockstep;
    const machineMemory =
      lockstep?.first.memory ?? new MachineMemory(options.memory, directStorageOf(options.board));
    const physical =
      lockstep?.first.physical ??
      new PhysicalMemory(machineMemory, options.board.ram.base, new PageWatches(options.memory));
    const clock =
      options.clock === 'host'
        ? new HostClock(() => performance.now() * 1e6)
        : new InstructionClock(NS_PER_INSTRUCTION);
    this.serial = new SerialPort();
    const pending: (() => void)[] = [];
    const now = clock.createTimer(() => {
      for (const action of pending.splice(0)) action();
    });
    this.atOnce = (action) => {
      pending.push(action);
      now.arm(clock.nowNs());
    };
    this.serial.defer(this.atOnce);
    const wallClock = options.wallClock ?? hostOrFixedTime(options.clock);
    this.semihosting = semihostingOf(options, {
      clock,
      wallClock,
      serial: this.serial,
      exit: (code) => this.end({ reason: 'semihosting', code }),
    });
    this.memory = new GuestMemory(physical);
    const unusedSerial = new SerialPort();
    const cpuLines = Array.from({ length: options.cpus }, (_unused, i) => ({
      irq: { set: (level: boolean) => this.onCpu(i, (cpu) => cpu.setIrq(level)) },
      fiq: { set: (level: boolean) => this.onCpu(i, (cpu) => cpu.setFiq(level)) },
    }));
    this.virtioConsole = options.virtio.virtioConsole === undefined ? undefined : new SerialPort();
    this.virtioConsole?.defer(this.atOnce);
    const virtio = makeVirtioDevices(options.virtio, {
      clock,
      wallClock,
      log: options.log,
      warn: options.warn,
      repeatable: options.clock === 'instructions',
      console: this.virtioConsole,
      behindIommu: hasIommu(options.board),
    });
    this.virtio = virtio;
    if (options.trace !== undefined) {
      const { categories, sink } = options.trace;
      this.recorder = new TraceRecorder(categories, sink, {
        nowNs: () => clock.nowNs(),
        instructions: () => this.engine.instructions + this.engine.executed,
      });
    }
    this.board = assembleBoard(options.board, {
      memory: lockstep?.boardMemory ?? physical,
      virtio: virtio.mmio,
      ...(virtio.ethernet && { ethernet: virtio.ethernet }),
      ...(options.sd && { sd: { disk: options.sd, warn: options.warn } }),
      clock,
      wallClock,
      log: options.log,
      cpus: cpuLines,
      flashFiles: options.flash,
      fwCfg: firmwareConfiguration(options),
      decorator: this.recorder?.decorator,
      power: {
        off: () => this.end({ reason: 'poweroff', code: 0 }),
        reset: () => this.end({ reason: 'reset', code: 0 }),
      },
      serial: (name) => (name === options.board.console ? this.serial : unusedSerial),
    });
    const ownModel = CPU_MODELS.get(options.cpuModel.name) as CpuModel;
    const model = this.board.gic instanceof GicV3 ? withGicSystemRegisters(ownModel) : ownModel;
    const hooks: EngineHooks = {
      hypervisorCall: (cpu, conduit) => {
        if (conduit !== this.board.psci) return false;
        psciCall(cpu, this.psciSystem());
        return true;
      },
      semihostingCall: (cpu, thumb, instruction, comment) => {
        if (!isSemihostingCall(thumb, instruction, comment)) return 'guest';
        return this.semihosting === undefined ? 'guest' : callSemihosting(this.semihosting, cpu, physical);
      },
      attention: () => this.loop.wake(),
      synchronizeTables: () => this.hostEndpoints.synchronizeTables(),
    };
    const makeEngine = engineMaker(options, model);
    const timers = this.cpuTimers(options.cpus);
    this.engine =
      lockstep?.connect(makeEngine, timers, hooks) ??
      makeEngine({ memory: machineMemory, physical }, timers, hooks, engineKindOf(options.engine));
    if (this.board.gic instanceof GicV3) {
      for (const [i, gic] of this.board.gic.cpuInterfaces.entries()) {
        if (lockstep === undefined) this.engine.cpus[i].gic = gic;
        else lockstep.connectGic(i, gic);
      }
    }
    this.cpus = this.engine.cpus.map((cpu) => new GuestCpu(cpu));
    // Those that wait in a pen are on from the beginning.
    if (this.board.holdingPen === undefined) {
      for (const cpu of this.engine.cpus.slice(1)) cpu.power = 'off';
    }
    this.hostEndpoints = new HostEndpoints({
      memory: machineMemory,
      physical,
      board: this.board,
      observer: this.recorder,
      restoring: options.restore !== undefined,
      wake: () => this.loop.wake(),
      warn: options.warn,
    });
    this.loop = new RunLoop(this.engine, machineMemory, clock, () => this.hostEndpoints.service(), lockstep);
    this.loop.onSliceEnd = () => this.hostEndpoints.sliceEnded();
    this.monitorTarget = new MachineMonitorTarget({
      engine: this.engine,
      board: this.board,
      physical,
      status: () => this.status(),
      screenshot: () => this.screenshot(),
      stop: () => this.hold('stopped'),
      resume: () => this.release('stopped'),
    });
    this.ownMonitor = new Monitor(this.monitorTarget, { quit: () => void this.stop().catch(() => {}) });
    this.options = options;
    this.physical = physical;
    this.embedded = options.kernel === undefined && options.flash.every((file) => file === undefined);
    this.ram = machineMemory.bytes.subarray(MemoryLayout.ram, MemoryLayout.ram + options.memory);
    this.parts = { clock, board: this.board, engine: this.engine, loop: this.loop, serial: this.serial };
    if (options.restore === undefined) this.load(options);
    this.exited = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    // A machine whose end nobody waits for must not end the process.
    this.exited.catch(() => {});
    this.plugEndpoints = () => this.plug(options);
  }

  /** @internal Completes construction: takes host devices and plugs every endpoint. */
  readonly plugEndpoints: () => Promise<void>;

  /** The generic timer of each CPU, where CPUs have one. */
  private cpuTimers(cpus: number): readonly (ArmTimer | undefined)[] {
    return Array.from({ length: cpus }, (_, cpu) => this.board.timers.at(cpu));
  }

  /** Does something to a CPU that comes from a device, or from the machine. */
  private onCpu(number: number, action: (cpu: ArmCpu) => void): void {
    if (this.engine === undefined) return;
    action(this.engine.cpus[number]);
    this.lockstep?.outside(({ engine }) => action(engine.cpus[number]));
  }

  /** Puts the guest into RAM, and the first CPU at its start. */
  private load(options: NormalizedOptions): void {
    const guest = loadGuest(this.memory, options);
    this.dtb = guest.deviceTree.slice();
    this.engine.cpus[0].reset(guest.entry | (guest.thumb ? 1 : 0));
    const { holdingPen } = this.board;
    if (holdingPen !== undefined) {
      // Firmware finds all CPUs at its own start.
      for (const cpu of this.engine.cpus.slice(1)) cpu.reset(guest.isFirmware ? guest.entry : holdingPen);
    }
    this.engine.cpus[0].state.slots.set(guest.registers);
  }

  /**
   * @internal Takes over a saved machine's state; only before the first start.
   * @throws SnapshotError when it is one of another machine, or damaged
   */
  async restore(snapshot: SnapshotReader, progress: (done: number) => void): Promise<void> {
    const saved = asShape(snapshot.shape);
    checkShape(saved, this.shape());
    this.embedded = saved.embedded;
    await snapshot.readRam(this.ram, progress);
    const state = snapshot.readState();
    // Before the devices: they go on with requests that were under way.
    await restoreDisks(this.disks, state);
    this.dtb = restoreMachineState(this.parts, state).deviceTree.slice();
    this.hostEndpoints.restored();
  }

  /**
   * Saves the whole machine: CPUs, devices, RAM without its zero pages. The machine stands still meanwhile and then goes on;
   * `createMachine({ restore })` goes on at the same instruction.
   * @returns the bytes of a snapshot file
   * @throws SnapshotError when the machine has ended, or has a device that can't be saved
   */
  async save(options: SaveOptions = {}): Promise<Uint8Array> {
    if (this.exit !== undefined)
      throw new SnapshotError("a machine that has ended can't be saved", 'save it before');
    if (this.holds.has('save'))
      throw new SnapshotError('the machine is being saved already', 'wait for that');
    if (this.lockstep !== undefined)
      throw new SnapshotError(
        "a machine whose engines run in lockstep can't be saved",
        'take another engine',
      );
    checkSaveable(this.plugged);
    this.hold('save');
    try {
      // Whoever called may be a device in the middle of an instruction: the next turn is between two.
      await nextTurn();
      await drainDevices(this.board, this.plugged);
      return await writeSnapshot(
        {
          shape: this.shape(),
          state: saveMachineState(this.parts, this.dtb, await saveDisks(this.disks)),
          ram: this.ram,
        },
        async (done) => {
          options.progress?.(done);
          await nextTurn();
          if (this.exit !== undefined)
            throw new SnapshotError('the machine ended while it was saved', 'save it before');
        },
      );
    } finally {
      this.release('save');
    }
  }

  /**
   * Connects a gdb, or what speaks its remote serial protocol, over any channel of bytes. The machine stands still until it is
   * told to go on; all CPUs are threads.
   * @param send takes bytes for the debugger
   * @throws ArmemuError while another debugger is connected
   */
  connectDebugger(send: (bytes: Uint8Array) => void): DebuggerConnection {
    if (this.lockstep !== undefined) {
      throw new ArmemuError(
        "a debugger can't be connected to a machine whose engines run in lockstep",
        'take another engine',
      );
    }
    if (this.debugger !== undefined) {
      throw new ArmemuError('a debugger is connected to the machine already', 'disconnect it first');
    }
    const target = new MachineDebugger({
      engine: this.engine,
      loop: this.loop,
      physical: this.physical,
      hold: () => this.hold('debugger'),
      release: () => {
        this.release('stopped');
        this.release('debugger');
      },
      kill: () => void this.stop().catch(() => {}),
    });
    const server = new GdbServer(target, send, (line) => this.monitor(line));
    target.listen(server);
    this.debugger = target;
    return {
      receive: (bytes) => server.receive(bytes),
      close: () => {
        server.close();
        if (this.debugger === target) this.debugger = undefined;
      },
    };
  }

  /**
   * Runs a line of the monitor, such as `info registers` or `x /8xw $sp`; `help` lists the commands.
   * @param host what the monitor may do outside of the machine; absent: `quit` stops the machine, and there are no files
   * @returns what it shows; a mistake in the line gives a text that says so
   */
  monitor(line: string, host?: MonitorHost): Promise<string> {
    const known = host === undefined ? this.ownMonitor : this.monitors.get(host);
    const monitor = known ?? new Monitor(this.monitorTarget, host as MonitorHost);
    if (host !== undefined) this.monitors.set(host, monitor);
    return monitor.run(line);
  }

  private status(): string {
    if (this.exit !== undefined) return `ended: ${this.exit.reason}`;
    if (!this.loop.running) return 'not started';
    return this.holds.size === 0 ? 'running' : `stopped: ${[...this.holds].join(', ')}`;
  }

  private get disks(): DiskBackend[] {
    return disksOf(this.options);
  }

  private shape() {
    const functions = this.board.hostBridge.listFunctions().slice(1);
    return shapeOf(
      this.options,
      this.board.saveables.keys(),
      this.embedded,
      new Map(functions.map(({ bdf, endpoint }) => [bdf >> 3, endpoint])),
    );
  }

  private hold(reason: Hold): void {
    this.holds.add(reason);
    this.loop.pause();
  }

  private release(reason: Hold): void {
    this.holds.delete(reason);
    if (this.holds.size === 0) this.loop.resume();
  }

  /**
   * Starts, or goes on after `pause`. Returns at once; the machine runs on this thread between its other work.
   * @param options `stopped`: it stands still until a debugger or the monitor tells it to go on
   */
  start(options: { readonly stopped?: boolean } = {}): Promise<void> {
    if (options.stopped === true) this.hold('stopped');
    this.resume();
    if (this.exit === undefined && !this.loop.running) {
      this.loop.run().then(
        () => this.finish(),
        (error: unknown) => this.finish(error),
      );
    }
    return Promise.resolve();
  }

  /** Stands still, virtual time included, until `resume`. */
  pause(): void {
    this.hold('pause');
  }

  resume(): void {
    this.release('pause');
  }

  /** Ends the machine: devices are reset and given back to the host. Resolves when that is done; may be called twice. */
  async stop(): Promise<MachineExit> {
    this.end({ reason: 'stopped', code: 0 });
    // A loop that runs finishes by itself, after the slice that this may be called from.
    if (!this.loop.running) await this.finish();
    return this.exited;
  }

  /** The flattened device tree that the guest finds in RAM: at its start, or where R2 of a Linux kernel says; a copy. */
  deviceTree(): Uint8Array {
    return this.dtb.slice();
  }

  /**
   * Presses the power button: a guest that listens (Linux with gpio-keys) shuts itself down.
   * @returns false where the board has none
   */
  powerButton(): boolean {
    const button = this.board.powerButton;
    if (button !== undefined) this.atOnce(() => button.press());
    return button !== undefined;
  }

  /**
   * What the screen shows, as a PNG file. A board with several shows the first that the guest has switched on.
   * @throws ArmemuError when the guest shows nothing, or the board has no display controller
   */
  screenshot(): Promise<Uint8Array> {
    return screenshotOf(this.board);
  }

  /**
   * Presses and releases keys.
   * @param scanCodes what a PS/2 keyboard sends, in scan code set 2: `[0x1c, 0xf0, 0x1c]` for the key A; 64 bytes at most
   * @returns false where the board has no keyboard
   */
  typeKeys(scanCodes: readonly number[]): boolean {
    const { keyboard } = this.board;
    const codes = Uint8Array.from(scanCodes);
    if (keyboard !== undefined) this.atOnce(() => keyboard.press(codes));
    return keyboard !== undefined;
  }

  /** The functions on the PCI bus as the guest has configured them. */
  pciDevices(): readonly FunctionListing[] {
    return this.board.hostBridge.describeBus();
  }

  /** Guest instructions run so far, by all CPUs. */
  get instructions(): number {
    return this.engine.instructions;
  }

  /** What was done to run the guest; with `lockstep` by the engine that is compared with the interpreter. */
  statistics(): EngineStatistics {
    return (this.lockstep?.second.engine ?? this.engine).statistics();
  }

  /**
   * What was done so that the host's IOMMU follows the guest's SMMU; undefined in a machine without an SMMU, or without a real
   * device behind it.
   */
  shadowStatistics(): ShadowStatistics | undefined {
    return this.hostEndpoints.statistics;
  }

  /**
   * Begins to count where the guest spends its instructions, from nothing: a profile that was begun before gets no more.
   * The samples of a machine with `clock: 'instructions'` are the same each time.
   * @param options `interval`: instructions of a CPU between two samples, on average
   * @throws RangeError for an interval that is no whole number from 1 on
   */
  profile(options: { readonly interval?: number } = {}): Profile {
    const { interval } = options;
    if (interval !== undefined && !(Number.isSafeInteger(interval) && interval > 0)) {
      throw new RangeError(`an interval of ${interval} instructions can't be`);
    }
    const sampler = new Sampler(this.engine.cpus, this.physical, interval);
    this.loop.sampler = sampler;
    return sampler;
  }

  private psciSystem() {
    return {
      cpus: this.engine.cpus,
      powerOff: () => this.end({ reason: 'poweroff', code: 0 }),
      reset: () => this.end({ reason: 'reset', code: 0 }),
    };
  }

  /** The first reason counts. */
  private end(exit: MachineExit): void {
    this.exit ??= exit;
    for (const { cpu } of this.engine.cpus) {
      this.onCpu(cpu, (ended) => {
        ended.power = 'off';
      });
    }
    this.loop.stop();
  }

  private finish(error?: unknown): Promise<void> {
    this.ending ??= this.close(error);
    return this.ending;
  }

  private async close(error: unknown): Promise<void> {
    const failures: unknown[] = error === undefined ? [] : [error];
    // Endpoints and listeners are the user's code: what one throws must not keep the others from their end.
    const attempt = (step: () => void): void => {
      try {
        step();
      } catch (failure) {
        failures.push(failure);
      }
    };
    if (error === undefined) attempt(() => this.lockstep?.compareAll());
    for (const endpoint of this.hostEndpoints.list) {
      try {
        await endpoint.close();
      } catch (failure) {
        failures.push(failure);
      }
    }
    for (const endpoint of this.plugged) attempt(() => this.board.hostBridge.detach(endpoint));
    for (const file of this.options.flash) {
      try {
        await file?.close?.();
      } catch (failure) {
        failures.push(failure);
      }
    }
    await drainDevices(this.board, this.plugged);
    failures.push(...(await closeBackends(this.options)));
    attempt(() => this.semihosting?.files.closeAll());
    attempt(() => this.serial.close());
    attempt(() => this.virtioConsole?.close());
    attempt(() => this.debugger?.ended(this.exit?.code ?? 0));
    if (failures.length > 0) this.settle?.reject(failures[0]);
    else this.settle?.resolve(this.exit ?? { reason: 'stopped', code: 0 });
  }

  private async plug(options: NormalizedOptions): Promise<void> {
    for (const [i, nic] of (options.virtio.nics ?? []).entries()) {
      const card = this.virtio.nics[i] ?? this.board.ethernet;
      if (card !== undefined) await nic.network.connect(card);
    }
    for (const endpoint of [...options.pci, ...this.virtio.pci]) {
      if (isHostAttached(endpoint)) await this.hostEndpoints.plug(endpoint);
      else this.board.hostBridge.plug(endpoint);
      this.plugged.push(endpoint);
    }
    const { machine, board, trace } = options;
    const functions = this.board.hostBridge.listFunctions();
    this.recorder?.begin(traceHeader(machine, trace?.categories ?? [], hasIommu(board), functions));
  }
}

/** A run with the counting clock must not depend on the day. */
function hostOrFixedTime(clock: 'host' | 'instructions') {
  return { unixSeconds: () => (clock === 'host' ? Math.floor(Date.now() / 1000) : 0) };
}
