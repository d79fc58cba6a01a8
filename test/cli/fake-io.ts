import { EventEmitter } from 'node:events';
import type { CommandIo, CommandMachine } from '../../src/cli/command-io.ts';
import { main } from '../../src/cli/command-line.ts';
import type { EngineStatistics, ShadowStatistics } from '../../src/index.ts';
import type { MonitorHost } from '../../src/machine/monitor.ts';
import type { MachineOptions } from '../../src/machine/options.ts';
import { SerialPort } from '../../src/machine/serial.ts';
import type { PciEndpoint } from '../../src/pci/endpoint.ts';
import { HostDevices } from '../../src/vfio/host-devices.ts';
import { HostFacts } from '../../src/vfio/host-facts.ts';

type Exit = Awaited<CommandMachine['exited']>;

/** What every fake machine says of its engine. */
export const FAKE_STATISTICS: EngineStatistics = {
  engine: 'wasm',
  instructions: 2_000_000,
  instructionsBy: { interpreter: 500_000, wasm: 1_500_000 },
  blocks: { translated: 20, invalidated: 2, flushes: 1 },
  regions: {
    compiled: 3,
    modules: 1,
    instructions: 40,
    bytes: 1234,
    buildMs: 1.25,
    compileMs: 2.5,
    invalidated: 1,
    evictions: 0,
  },
  regionExits: { interrupted: 100, lookup: 10, resync: 12, wait: 20, slow: 8 },
  regionCrossings: { resync: 5, raise: 4, fault: 3 },
  tlb: { firstLevelMisses: 7, secondLevelMisses: 6 },
  slowAccesses: {
    interpreter: { loads: 11, stores: 12, exclusives: 13 },
    wasm: { loads: 21, stores: 22, exclusives: 23 },
  },
  helperCalls: { writeCpsr: { interpreter: 1, wasm: 2 }, coprocessorRead: { interpreter: 30, wasm: 0 } },
  vectorCalls: { 'vadd.f32': 9 },
};

/** A machine without a CPU: the test says what its guest does. */
export class FakeMachine implements CommandMachine {
  readonly serial = new SerialPort();
  readonly options: MachineOptions;
  readonly calls: string[] = [];
  readonly exited: Promise<Exit>;
  readonly received: number[] = [];
  fail: (error: Error) => void = () => {};
  /** What `save` fails with. */
  saveError: Error | undefined;
  private end: (exit: Exit) => void = () => {};

  constructor(options: MachineOptions) {
    this.options = options;
    this.exited = new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
    this.serial.connect({ receive: (bytes) => this.received.push(...bytes) && bytes.length });
  }

  get input(): string {
    return String.fromCharCode(...this.received);
  }

  print(text: string): void {
    for (const byte of new TextEncoder().encode(text)) this.serial.transmit(byte);
  }

  exit(reason: Exit['reason'], code = 0): void {
    this.end({ reason, code });
  }

  async start(): Promise<void> {
    this.calls.push('start');
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
    this.serial.close();
    this.exit('stopped');
  }

  async save(options: { progress(done: number): void }): Promise<Uint8Array> {
    this.calls.push('save');
    options.progress(0.5);
    if (this.saveError !== undefined) throw this.saveError;
    return new TextEncoder().encode('snapshot');
  }

  connectDebugger(send: (bytes: Uint8Array) => void) {
    this.calls.push('connectDebugger');
    return { receive: send, close: () => void this.calls.push('close') };
  }

  async monitor(line: string, host: MonitorHost): Promise<string> {
    this.calls.push(`monitor ${line}`);
    if (line === 'quit') host.quit();
    return line.startsWith('save ') ? ((await host.save?.(line.slice(5))) ?? '') : `did ${line}\nand more`;
  }

  profile() {
    this.calls.push('profile');
    const sample = { cpu: 0, mode: 'kernel', pc: 0x4001_0004, caller: undefined, instructions: 70 } as const;
    return { samples: () => [sample] };
  }

  statistics() {
    this.calls.push('statistics');
    return FAKE_STATISTICS;
  }

  shadow: ShadowStatistics | undefined;

  shadowStatistics() {
    return this.shadow;
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }
}

/** Standard input of a test: a terminal or a pipe. */
export class FakeStdin extends EventEmitter {
  isTTY = false;
  rawMode = false;

  setRawMode(raw: boolean): void {
    this.rawMode = raw;
  }

  pause(): void {}

  resume(): void {}

  type(text: string): void {
    this.emit('data', Buffer.from(text));
  }
}

class FakeOutput extends EventEmitter {
  text = '';
  isTTY = false;

  write(chunk: Uint8Array | string): boolean {
    this.text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    return true;
  }
}

/** The world of a command under test. */
export class FakeWorld {
  readonly stdin = new FakeStdin();
  readonly stdout = new FakeOutput();
  readonly stderr = new FakeOutput();
  readonly signals = new EventEmitter();
  readonly machines: FakeMachine[] = [];
  readonly vfioAddresses: string[] = [];
  /** The host's devices; without a test's own tree there are none. */
  hostDevices = new HostDevices(
    new HostFacts({ sys: '/nowhere', dev: '/nowhere', proc: '/nowhere', share: '/nowhere', run: '/nowhere' }),
  );
  /** What each machine's guest does once it was started. */
  guest: (machine: FakeMachine) => void = (machine) => machine.exit('poweroff');
  /** Replaces the making of a machine. */
  beforeCreate: (options: MachineOptions) => void | Promise<void> = () => {};

  /** Runs the command to its end. */
  run(...argv: string[]): Promise<number> {
    const io: CommandIo = {
      stdin: this.stdin,
      stdout: this.stdout,
      stderr: this.stderr,
      signals: this.signals,
      library: {
        createMachine: async (options) => {
          await this.beforeCreate(options);
          const machine = new FakeMachine(options);
          this.machines.push(machine);
          const start = machine.start.bind(machine);
          machine.start = async () => {
            await start();
            queueMicrotask(() => this.guest(machine));
          };
          return machine;
        },
        vfio: async (address) => {
          this.vfioAddresses.push(address);
          return { name: `vfio ${address}` } as PciEndpoint;
        },
        hostDevices: async () => this.hostDevices,
      },
    };
    return main(argv, io);
  }
}
