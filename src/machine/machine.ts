import type { EngineStatistics } from '../arm/engine-statistics.ts';
import { hasIommu } from '../boards/board.ts';
import { GdbServer } from '../debug/gdb-server.ts';
import { ArmemuError, SnapshotError } from '../errors.ts';
import type { FunctionListing } from '../pci/describe-bus.ts';
import type { PciEndpoint } from '../pci/endpoint.ts';
import { isHostAttached } from '../pci/host-device.ts';
import type { ShadowStatistics } from '../ports/shadow-observer.ts';
import { type SnapshotReader, writeSnapshot } from '../snapshot/snapshot-file.ts';
import { traceHeader } from '../trace/trace-header.ts';
import { disksOf } from './backends.ts';
import { MachineDebugger } from './debugger.ts';
import { GuestCpu, GuestMemory } from './guest-access.ts';
import { loadGuest } from './load-guest.ts';
import { type Lockstep, lockstepOf } from './lockstep/lockstep.ts';
import { attempt, giveBack, type MachineExit } from './machine-exit.ts';
import { MachineParts } from './machine-parts.ts';
import { Monitor, type MonitorHost, type MonitorTarget } from './monitor.ts';
import { MachineMonitorTarget } from './monitor-target.ts';
import type { NormalizedOptions } from './options.ts';
import { type Profile, Sampler } from './profile/sampler.ts';
import { nextTurn } from './run-loop.ts';
import { restoreDisks, saveDisks } from './saved-disks.ts';
import { checkSaveable, drainDevices, restoreMachineState, saveMachineState } from './saved-machine.ts';
import { screenshotOf } from './screenshot.ts';
import type { SerialPort } from './serial.ts';
import { asShape, checkShape, shapeOf } from './shape.ts';

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
  private readonly parts: MachineParts;
  /** The engine's twin, and what compares them. */
  private readonly lockstep: Lockstep | undefined;
  private readonly options: NormalizedOptions;
  private dtb = new Uint8Array(0);
  /** Whether the guest is the embedded firmware. */
  private embedded: boolean;
  private readonly monitorTarget: MonitorTarget;
  private readonly ownMonitor: Monitor;
  /** A person goes on with the CPU that was chosen last. */
  private readonly monitors = new WeakMap<MonitorHost, Monitor>();
  private debugger: MachineDebugger | undefined;
  /** Why the machine stands still: the user's wish, a stop by the monitor or before the start, a save, a debugger. */
  private readonly holds = new Set<Hold>();
  private readonly plugged: PciEndpoint[] = [];
  private exit: MachineExit | undefined;
  private ending: Promise<void> | undefined;
  private settle: { resolve: (exit: MachineExit) => void; reject: (error: unknown) => void } | undefined;

  /** Use {@link createMachine}. @param lockstep what runs the guest in two engines, where that is asked for */
  constructor(options: NormalizedOptions, lockstep = lockstepOf(options)) {
    this.options = options;
    this.lockstep = lockstep;
    this.parts = new MachineParts(options, lockstep, (exit) => this.end(exit));
    const { engine, board, physical } = this.parts;
    this.serial = this.parts.serial;
    this.virtioConsole = this.parts.virtioConsole;
    this.memory = new GuestMemory(physical);
    this.cpus = engine.cpus.map((cpu) => new GuestCpu(cpu));
    this.monitorTarget = new MachineMonitorTarget({
      engine,
      board,
      physical,
      status: () => this.status(),
      screenshot: () => this.screenshot(),
      stop: () => this.hold('stopped'),
      resume: () => this.release('stopped'),
    });
    this.ownMonitor = new Monitor(this.monitorTarget, { quit: () => void this.stop().catch(() => {}) });
    this.embedded = options.kernel === undefined && options.flash.every((file) => file === undefined);
    if (options.restore === undefined) this.load();
    this.exited = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    // A machine whose end nobody waits for must not end the process.
    this.exited.catch(() => {});
  }

  /** @internal Completes construction: takes host devices and plugs every endpoint. */
  async plugEndpoints(): Promise<void> {
    const { machine, board, trace, virtio, pci } = this.options;
    const { hostBridge, ethernet } = this.parts.board;
    for (const [i, nic] of (virtio.nics ?? []).entries()) {
      const card = this.parts.virtio.nics[i] ?? ethernet;
      if (card !== undefined) await nic.network.connect(card);
    }
    for (const endpoint of [...pci, ...this.parts.virtio.pci]) {
      if (isHostAttached(endpoint)) await this.parts.hostEndpoints.plug(endpoint);
      else hostBridge.plug(endpoint);
      this.plugged.push(endpoint);
    }
    const functions = hostBridge.listFunctions();
    this.parts.recorder?.begin(traceHeader(machine, trace?.categories ?? [], hasIommu(board), functions));
  }

  /** Puts the guest into RAM, and the first CPU at its start. */
  private load(): void {
    const guest = loadGuest(this.memory, this.options);
    this.dtb = guest.deviceTree.slice();
    const [boot, ...others] = this.parts.engine.cpus;
    boot.reset(guest.entry | (guest.thumb ? 1 : 0));
    const { holdingPen } = this.parts.board;
    if (holdingPen !== undefined) {
      // Firmware finds all CPUs at its own start.
      for (const cpu of others) cpu.reset(guest.isFirmware ? guest.entry : holdingPen);
    }
    boot.state.slots.set(guest.registers);
  }

  /**
   * @internal Takes over a saved machine's state; only before the first start.
   * @throws SnapshotError when it is one of another machine, or damaged
   */
  async restore(snapshot: SnapshotReader, progress: (done: number) => void): Promise<void> {
    const saved = asShape(snapshot.shape);
    checkShape(saved, this.shape());
    this.embedded = saved.embedded;
    await snapshot.readRam(this.parts.ram, progress);
    const state = snapshot.readState();
    // Before the devices: they go on with requests that were under way.
    await restoreDisks(disksOf(this.options), state);
    this.dtb = restoreMachineState(this.parts, state).deviceTree.slice();
    this.parts.hostEndpoints.restored();
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
      await drainDevices(this.parts.board, this.plugged);
      return await writeSnapshot(
        {
          shape: this.shape(),
          state: saveMachineState(this.parts, this.dtb, await saveDisks(disksOf(this.options))),
          ram: this.parts.ram,
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
      engine: this.parts.engine,
      loop: this.parts.loop,
      physical: this.parts.physical,
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
    if (!this.parts.loop.running) return 'not started';
    return this.holds.size === 0 ? 'running' : `stopped: ${[...this.holds].join(', ')}`;
  }

  private shape() {
    const functions = this.parts.board.hostBridge.listFunctions().slice(1);
    return shapeOf(
      this.options,
      this.parts.board.saveables.keys(),
      this.embedded,
      new Map(functions.map(({ bdf, endpoint }) => [bdf >> 3, endpoint])),
    );
  }

  private hold(reason: Hold): void {
    this.holds.add(reason);
    this.parts.loop.pause();
  }

  private release(reason: Hold): void {
    this.holds.delete(reason);
    if (this.holds.size === 0) this.parts.loop.resume();
  }

  /**
   * Starts, or goes on after `pause`. Returns at once; the machine runs on this thread between its other work.
   * @param options `stopped`: it stands still until a debugger or the monitor tells it to go on
   */
  start(options: { readonly stopped?: boolean } = {}): Promise<void> {
    if (options.stopped === true) this.hold('stopped');
    this.resume();
    if (this.exit === undefined && !this.parts.loop.running) {
      this.parts.loop.run().then(
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
    if (!this.parts.loop.running) await this.finish();
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
    const button = this.parts.board.powerButton;
    if (button !== undefined) this.parts.atOnce(() => button.press());
    return button !== undefined;
  }

  /**
   * What the screen shows, as a PNG file. A board with several shows the first that the guest has switched on.
   * @throws ArmemuError when the guest shows nothing, or the board has no display controller
   */
  screenshot(): Promise<Uint8Array> {
    return screenshotOf(this.parts.board);
  }

  /**
   * Presses and releases keys.
   * @param scanCodes what a PS/2 keyboard sends, in scan code set 2: `[0x1c, 0xf0, 0x1c]` for the key A; 64 bytes at most
   * @returns false where the board has no keyboard
   */
  typeKeys(scanCodes: readonly number[]): boolean {
    const { keyboard } = this.parts.board;
    const codes = Uint8Array.from(scanCodes);
    if (keyboard !== undefined) this.parts.atOnce(() => keyboard.press(codes));
    return keyboard !== undefined;
  }

  /** The functions on the PCI bus as the guest has configured them. */
  pciDevices(): readonly FunctionListing[] {
    return this.parts.board.hostBridge.describeBus();
  }

  /** Guest instructions run so far, by all CPUs. */
  get instructions(): number {
    return this.parts.engine.instructions;
  }

  /** What was done to run the guest; with `lockstep` by the engine that is compared with the interpreter. */
  statistics(): EngineStatistics {
    return (this.lockstep?.second.engine ?? this.parts.engine).statistics();
  }

  /**
   * What was done so that the host's IOMMU follows the guest's SMMU; undefined in a machine without an SMMU, or without a real
   * device behind it.
   */
  shadowStatistics(): ShadowStatistics | undefined {
    return this.parts.hostEndpoints.statistics;
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
    const sampler = new Sampler(this.parts.engine.cpus, this.parts.physical, interval);
    this.parts.loop.sampler = sampler;
    return sampler;
  }

  /** The first reason counts. */
  private end(exit: MachineExit): void {
    this.exit ??= exit;
    for (const { cpu } of this.parts.engine.cpus) {
      this.parts.onCpu(cpu, (ended) => {
        ended.power = 'off';
      });
    }
    this.parts.loop.stop();
  }

  private finish(error?: unknown): Promise<void> {
    this.ending ??= this.close(error);
    return this.ending;
  }

  private async close(error: unknown): Promise<void> {
    const failures: unknown[] = error === undefined ? [] : [error];
    if (error === undefined) await attempt(failures, () => this.lockstep?.compareAll());
    await giveBack(this.parts, this.options, this.plugged, failures);
    await attempt(failures, () => this.debugger?.ended(this.exit?.code ?? 0));
    if (failures.length > 0) this.settle?.reject(failures[0]);
    else this.settle?.resolve(this.exit ?? { reason: 'stopped', code: 0 });
  }
}
