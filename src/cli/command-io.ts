import type { DebuggableMachine } from '../host/gdb-socket.ts';
import type { InputStream, OutputStream, SerialLine } from '../host/terminal.ts';
import type { EngineStatistics, Profile, ShadowStatistics } from '../index.ts';
import type { MonitorHost } from '../machine/monitor.ts';
import type { MachineOptions } from '../machine/options.ts';
import type { PciEndpoint } from '../pci/endpoint.ts';
import type { HostDevices } from '../vfio/host-devices.ts';
import type { ProgressOutput } from './progress-line.ts';
import type { Saving } from './snapshot-file.ts';

/** Signals that end a run. */
export type EndSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Where signals come from: `process`, or a test. */
export interface SignalSource {
  on(signal: EndSignal, listener: () => void): unknown;
  off(signal: EndSignal, listener: () => void): unknown;
}

/** What of a machine the command uses. */
export interface CommandMachine extends Saving, DebuggableMachine {
  readonly serial: SerialLine;
  /** Resolves at the machine's end; rejects when the emulator itself fails. */
  readonly exited: Promise<{
    readonly reason: 'poweroff' | 'reset' | 'semihosting' | 'stopped';
    readonly code: number;
  }>;
  start(options?: { readonly stopped?: boolean }): Promise<void>;
  stop(): Promise<unknown>;
  monitor(line: string, host: MonitorHost): Promise<string>;
  /** What the engine has done. */
  statistics(): EngineStatistics;
  /** What was done for real devices behind an SMMU. */
  shadowStatistics(): ShadowStatistics | undefined;
  /** Begins to count where the guest spends its instructions. */
  profile(): Profile;
  pause(): void;
  resume(): void;
}

/** The library that the command is written on; tests give one without a CPU. */
export interface CommandLibrary {
  createMachine(options: MachineOptions): Promise<CommandMachine>;
  /** A device of the host, by its PCI address or path. Loads `armemu/vfio`. */
  vfio(address: string): Promise<PciEndpoint>;
  /** The host's PCI devices and what VFIO needs of them. */
  hostDevices(): Promise<HostDevices>;
}

/** Everything outside that the command touches. */
export interface CommandIo {
  readonly stdin: InputStream;
  readonly stdout: OutputStream & {
    on(event: 'error', listener: (error: Error) => void): unknown;
    off(event: 'error', listener: (error: Error) => void): unknown;
  };
  readonly stderr: ProgressOutput;
  readonly signals: SignalSource;
  readonly library: CommandLibrary;
}
