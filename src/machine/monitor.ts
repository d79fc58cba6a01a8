import { formatMemory, parseFormat } from '../debug/memory-format.ts';
import { ArmemuError } from '../errors.ts';
import { nearestName } from './named-choice.ts';

/** One range of virtual addresses that a CPU's tables map in a row with the same rights. */
export interface Mapping {
  readonly virtual: number;
  readonly physical: number;
  /** In bytes. */
  readonly size: number;
  /** What privileged and unprivileged code may do: `rwx r--`. */
  readonly rights: string;
}

/** A machine as its monitor sees it. Whatever the monitor looks at, it looks at between two instructions. */
export interface MonitorTarget {
  readonly cpuCount: number;
  /** `running`, `stopped`, `ended`, with the reason. */
  status(): string;
  /** A CPU in a word or two. */
  describeCpu(cpu: number): string;
  /** Names and values of a CPU's registers, in the order in which they are shown; unsigned. */
  registers(cpu: number): readonly (readonly [name: string, value: number])[];
  /** @returns what can be read from the start on; may be empty */
  readVirtual(cpu: number, address: number, length: number): Uint8Array;
  readPhysical(address: number, length: number): Uint8Array;
  /** @returns undefined while the CPU's MMU is off */
  mappings(cpu: number): readonly Mapping[] | undefined;
  /** Lines for people. */
  memoryMap(): readonly string[];
  pciDevices(): readonly string[];
  interrupts(): readonly string[];
  /** @returns a PNG file. @throws ArmemuError when there is no picture */
  screenshot(): Promise<Uint8Array>;
  stop(): void;
  resume(): void;
  /** @returns false where the board has no power button */
  pressPowerButton(): boolean;
}

/** What the monitor's surroundings do for it. */
export interface MonitorHost {
  /** Saves the machine to a file. @returns what was done, for a person. Absent: there are no files here. */
  save?(file: string): Promise<string>;
  /** Writes a file. @throws ArmemuError when it can't. Absent: there are no files here. */
  writeFile?(file: string, bytes: Uint8Array): Promise<void>;
  /** Ends the machine, or the whole command. */
  quit(): void;
}

interface Command {
  /** What a person types, without its arguments: one word, or two for `info`. */
  readonly name: string;
  readonly arguments?: string;
  readonly help: string;
  run(monitor: Monitor, rest: string): string | Promise<string>;
}

const COMMANDS: readonly Command[] = [
  { name: 'help', help: 'these lines', run: () => helpText() },
  { name: 'info status', help: 'whether the machine runs', run: ({ target }) => target.status() },
  {
    name: 'info cpus',
    help: 'all CPUs; * marks the one that others refer to',
    run: (monitor) => monitor.cpus(),
  },
  { name: 'info registers', help: 'registers of the CPU', run: (monitor) => monitor.registers() },
  {
    name: 'info mem',
    help: 'what the tables of the CPU map, with the rights',
    run: (monitor) => monitor.mappings(),
  },
  { name: 'info tlb', help: 'the same, with physical addresses', run: (monitor) => monitor.mappings(true) },
  { name: 'info mtree', help: 'the physical memory map', run: ({ target }) => target.memoryMap().join('\n') },
  {
    name: 'info pci',
    help: 'PCI functions as the guest has configured them',
    run: ({ target }) => target.pciDevices().join('\n'),
  },
  {
    name: 'info irq',
    help: 'interrupts that are enabled, pending or active',
    run: ({ target }) => target.interrupts().join('\n'),
  },
  {
    name: 'cpu',
    arguments: 'N',
    help: 'refer to CPU N from now on',
    run: (monitor, rest) => monitor.chooseCpu(rest),
  },
  {
    name: 'x',
    arguments: '/FMT ADDRESS',
    help: 'memory at a virtual address, such as x /8xw $sp',
    run: (monitor, rest) => monitor.examine(rest, true),
  },
  {
    name: 'xp',
    arguments: '/FMT ADDRESS',
    help: 'memory or device registers at a physical address',
    run: (monitor, rest) => monitor.examine(rest, false),
  },
  { name: 'stop', help: 'let the machine stand still', run: (monitor) => monitor.stop() },
  { name: 'cont', help: 'let it go on', run: (monitor) => monitor.resume() },
  {
    name: 'save',
    arguments: 'FILE',
    help: "save the machine; 'armemu run --restore FILE' goes on there",
    run: (monitor, rest) => monitor.save(rest),
  },
  {
    name: 'screendump',
    arguments: 'FILE',
    help: 'write what the screen shows to a PNG file',
    run: (monitor, rest) => monitor.screendump(rest),
  },
  { name: 'system_powerdown', help: 'press the power button', run: (monitor) => monitor.powerDown() },
  { name: 'quit', help: 'end the machine', run: (monitor) => monitor.quit() },
];

/** Other names that people know. */
const ALIASES: Readonly<Record<string, string>> = {
  c: 'cont',
  continue: 'cont',
  q: 'quit',
  '?': 'help',
  s: 'stop',
};
const MAX_BYTES = 64 * 1024;

/** The commands by which a person looks into a machine. One object for each person: it remembers the CPU referred to. */
export class Monitor {
  readonly target: MonitorTarget;
  private readonly host: MonitorHost;
  private cpu = 0;

  constructor(target: MonitorTarget, host: MonitorHost) {
    this.target = target;
    this.host = host;
  }

  /** Runs one line. @returns what to show, without a last newline; a mistake gives a line that says so */
  async run(line: string): Promise<string> {
    const words = line.trim().split(/\s+/);
    if (words[0] === '') return '';
    words[0] = ALIASES[words[0]] ?? words[0];
    const text = words.join(' ');
    // The longer name first: `info mem` is no `info`.
    const command = COMMANDS.find(
      ({ name }) =>
        text === name || text.startsWith(`${name} `) || (name.length <= 2 && text.startsWith(`${name}/`)),
    );
    if (command === undefined) return unknownCommand(text);
    const rest = text.slice(command.name.length).trim();
    if (rest !== '' && command.arguments === undefined) return `'${command.name}' takes no argument`;
    if (rest === '' && command.arguments !== undefined) return `usage: ${command.name} ${command.arguments}`;
    try {
      return await command.run(this, rest);
    } catch (error) {
      if (!(error instanceof ArmemuError)) throw error;
      return error.remedy === undefined ? error.message : `${error.message}\n${error.remedy}`;
    }
  }

  cpus(): string {
    const all = Array.from({ length: this.target.cpuCount }, (_, cpu) => cpu);
    return all
      .map((cpu) => `${cpu === this.cpu ? '*' : ' '} CPU ${cpu}: ${this.target.describeCpu(cpu)}`)
      .join('\n');
  }

  chooseCpu(text: string): string {
    const cpu = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(cpu < this.target.cpuCount))
      return `there are CPUs 0 to ${this.target.cpuCount - 1}, not '${text}'`;
    this.cpu = cpu;
    return '';
  }

  registers(): string {
    const texts = this.target
      .registers(this.cpu)
      .map(([name, value]) => `${name.padStart(5)}=${value.toString(16).padStart(8, '0')}`);
    const lines = [`CPU ${this.cpu}: ${this.target.describeCpu(this.cpu)}`];
    for (let i = 0; i < texts.length; i += 4) lines.push(texts.slice(i, i + 4).join(' '));
    return lines.join('\n');
  }

  mappings(physical = false): string {
    const mappings = this.target.mappings(this.cpu);
    if (mappings === undefined)
      return `the MMU of CPU ${this.cpu} is off: virtual addresses are physical ones`;
    if (mappings.length === 0) return 'nothing is mapped';
    const lines = mappings.map((m) => {
      const from = hex(m.virtual);
      const place = physical ? ` -> ${hex(m.physical)}` : '';
      return `${from}-${hex(m.virtual + m.size - 1)}${place} ${m.rights}`;
    });
    return lines.join('\n');
  }

  examine(text: string, virtual: boolean): string {
    const parts = /^(?:\/(\S+)\s+)?(\S+)$/.exec(text);
    const format = parseFormat(parts?.[1] ?? 'x');
    if (!parts || format === undefined)
      return 'write it as in x /8xw 0x40000000: count; x, d, u, o, c or s; size b, h, w or g';
    const address = this.addressOf(parts[2]);
    if (address === undefined) return `'${parts[2]}' is no address`;
    const length = format.count * format.size;
    if (length > MAX_BYTES) return `${length} bytes are too many: ${MAX_BYTES} at most`;
    const bytes = virtual
      ? this.target.readVirtual(this.cpu, address, length)
      : this.target.readPhysical(address, length);
    const lines = formatMemory(format, address, bytes);
    if (bytes.length < length) lines.push(`there is nothing at 0x${hex(address + bytes.length)}`);
    return lines.join('\n');
  }

  stop(): string {
    this.target.stop();
    return '';
  }

  resume(): string {
    this.target.resume();
    return '';
  }

  async save(file: string): Promise<string> {
    if (this.host.save === undefined) return 'there are no files here: use machine.save()';
    return this.host.save(file);
  }

  async screendump(file: string): Promise<string> {
    if (this.host.writeFile === undefined) return 'there are no files here: use machine.screenshot()';
    await this.host.writeFile(file, await this.target.screenshot());
    return '';
  }

  powerDown(): string {
    return this.target.pressPowerButton() ? '' : 'this board has no power button';
  }

  quit(): string {
    this.host.quit();
    return '';
  }

  /** A number, or a register: `0x40000000`, `1024`, `$pc`, `$r0`. */
  private addressOf(text: string): number | undefined {
    if (text.startsWith('$')) {
      const name = text.slice(1).toLowerCase();
      const known = this.target.registers(this.cpu).find(([register]) => register.toLowerCase() === name);
      return known?.[1];
    }
    const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
    return value < 2 ** 40 ? value : undefined;
  }
}

function helpText(): string {
  return COMMANDS.map(({ name, arguments: args, help }) => {
    const usage = args === undefined ? name : `${name} ${args}`;
    return `${usage.padEnd(20)} ${help}`;
  }).join('\n');
}

function unknownCommand(text: string): string {
  const names = COMMANDS.map(({ name }) => name);
  const word = text.split(' ')[0];
  const typed = word === 'info' ? text : word;
  const nearest = nearestName(typed, names);
  const near = names.filter((name) => name.startsWith(typed) || name === nearest);
  const hint =
    near.length === 0 ? "'help' lists all" : `did you mean ${near.map((name) => `'${name}'`).join(' or ')}?`;
  return `there is no command '${typed}'; ${hint}`;
}

function hex(address: number): string {
  return address.toString(16).padStart(8, '0');
}
