import { writeOutputFile } from '../host/files.ts';
import { GdbSocket, type SocketAddress } from '../host/gdb-socket.ts';
import { Terminal } from '../host/terminal.ts';
import type { MonitorHost } from '../machine/monitor.ts';
import type { MachineOptions } from '../machine/options.ts';
import type { CommandIo, CommandMachine, EndSignal } from './command-io.ts';
import { ExitCode, SIGNAL_EXIT_CODES } from './exit-codes.ts';
import { exitCodeOfLostOutput } from './output-watch.ts';
import { saveToFile } from './snapshot-file.ts';

/** How a session treats its guest. */
export interface SessionSettings {
  /** Standard input goes to the guest. */
  readonly feedInput: boolean;
  /** A guest that asks for a reset gets one; otherwise it ends the session. */
  readonly reboot: boolean;
  /** The file that a machine is saved to when a person or a signal ends the session. */
  readonly saveAtEnd?: string;
  /** Where a debugger may connect. */
  readonly gdb?: SocketAddress;
  /** The machine stands still until somebody tells it to go on. */
  readonly startStopped?: boolean;
  /** Told of each machine before it starts. @returns what is done when it has ended, whatever ended it */
  readonly observe?: (machine: CommandMachine) => () => Promise<void>;
}

/** What a session runs: options of the first machine, and of those after a reset. */
export type MakeOptions = (isFirst: boolean) => Promise<MachineOptions>;

/**
 * Runs machines, one after the other when the guest reboots, until the guest, the person or a signal ends it.
 * Whatever happens, the terminal is restored and the machine stopped (its devices reset and given back) at the end.
 * @param makeOptions called for each machine: endpoints are made anew for each
 * @returns the exit code of the command
 */
export async function runSession(
  io: CommandIo,
  makeOptions: MakeOptions,
  settings: SessionSettings,
): Promise<number> {
  const session = new Session(io, settings);
  try {
    return await session.run(makeOptions);
  } finally {
    await session.end();
  }
}

class Session {
  private readonly io: CommandIo;
  private readonly settings: SessionSettings;
  private readonly terminal: Terminal;
  private readonly signalListeners: ReadonlyMap<EndSignal, () => void>;
  private machine: CommandMachine | undefined;
  /** Set once something outside the guest ended the session. */
  private endCode: number | undefined;
  private saving: Promise<void> | undefined;
  private gdb: GdbSocket | undefined;

  constructor(io: CommandIo, settings: SessionSettings) {
    this.io = io;
    this.settings = settings;
    this.terminal = new Terminal(io.stdin, io.stdout, {
      leave: () => this.requestEnd(ExitCode.ok),
      outputFull: () => this.machine?.pause(),
      outputDrained: () => this.machine?.resume(),
      monitor: (line) => this.monitor(line),
    });
    // Before the first machine is made: opening a device takes a while, and a signal then must free it, too.
    const signals: readonly EndSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    this.signalListeners = new Map(
      signals.map((signal) => [signal, () => this.requestEnd(SIGNAL_EXIT_CODES[signal])]),
    );
    for (const [signal, listener] of this.signalListeners) io.signals.on(signal, listener);
    io.stdout.on('error', this.onOutputError);
  }

  async run(makeOptions: MakeOptions): Promise<number> {
    if (this.settings.gdb !== undefined) {
      this.gdb = await GdbSocket.listen(this.settings.gdb);
      this.say(`gdb: target remote ${this.gdb.address}`);
    }
    for (let isFirst = true; ; isFirst = false) {
      const machine = await this.io.library.createMachine(await makeOptions(isFirst));
      this.machine = machine;
      if (this.endCode !== undefined) return this.endCode;
      this.terminal.connectOutput(machine.serial);
      if (this.settings.feedInput) this.terminal.startInput();
      this.gdb?.serve(machine);
      const ended = this.settings.observe?.(machine);
      await machine.start({ stopped: isFirst && this.settings.startStopped === true });
      const { reason, code } = await machine.exited;
      await machine.stop();
      await this.saving;
      await ended?.();
      if (this.endCode !== undefined) return this.endCode;
      if (this.settings.saveAtEnd !== undefined && (reason !== 'reset' || !this.settings.reboot)) {
        this.say('the guest ended by itself: nothing was saved');
      }
      if (reason !== 'reset') return reason === 'semihosting' ? code : ExitCode.ok;
      if (!this.settings.reboot) return ExitCode.ok;
    }
  }

  async end(): Promise<void> {
    try {
      await this.machine?.stop();
    } finally {
      this.terminal.restore();
      this.gdb?.close();
      for (const [signal, listener] of this.signalListeners) this.io.signals.off(signal, listener);
      this.io.stdout.off('error', this.onOutputError);
    }
  }

  /** The first reason counts; a second one ends a save that is under way. */
  private requestEnd(code: number): void {
    if (this.endCode === undefined) {
      this.endCode = code;
      this.saving = this.saveAtEnd();
      // The session's `run` waits for it, and reports what it failed with.
      this.saving.catch(() => {});
    } else {
      this.stopMachine();
    }
  }

  private async saveAtEnd(): Promise<void> {
    const { machine, settings, io } = this;
    try {
      if (settings.saveAtEnd !== undefined && machine !== undefined) {
        this.say(await saveToFile(machine, settings.saveAtEnd, io.stderr));
      }
    } finally {
      this.stopMachine();
    }
  }

  private readonly monitorHost: MonitorHost = {
    save: (file) => saveToFile(this.machine as CommandMachine, file, this.io.stderr),
    writeFile: writeOutputFile,
    quit: () => this.requestEnd(ExitCode.ok),
  };

  private async monitor(line: string): Promise<string> {
    const { machine } = this;
    if (machine === undefined) return 'there is no machine yet';
    return machine.monitor(line, this.monitorHost);
  }

  private stopMachine(): void {
    // A failure to stop is reported where `run` waits for the machine's end.
    void this.machine?.stop().catch(() => {});
  }

  private say(text: string): void {
    this.io.stderr.write(`armemu: ${text}\n`);
  }

  private readonly onOutputError = (error: Error): void => this.requestEnd(exitCodeOfLostOutput(error));
}
