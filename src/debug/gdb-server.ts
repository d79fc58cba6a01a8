import {
  type DebugListener,
  type DebugTarget,
  RegisterNumber,
  type StopPoint,
  type StopReport,
} from './debug-target.ts';
import { ACKNOWLEDGE, fromHex, PACKET_SIZE, PacketReader, packet, REJECT, toHex } from './packets.ts';
import { TARGET_DESCRIPTION } from './target-description.ts';

/** Signals as gdb numbers them: 2 for a stop on request, 5 for a stop point or a step. */
const SIGINT = '02';
const SIGTRAP = '05';
/** Errors have numbers without a meaning. */
const BAD_PACKET = 'E01';
const NOT_THERE = 'E14';

/** Kinds of stop points by their numbers in Z and z packets; software and hardware breakpoints are one here. */
const POINT_KINDS = ['execute', 'execute', 'write', 'read', 'access'] as const;
const WATCH_NAMES = { write: 'watch', read: 'rwatch', access: 'awatch' } as const;

/** Runs a line of the monitor. */
export type MonitorCommand = (line: string) => Promise<string>;

/**
 * One gdb that is connected to a machine: the remote serial protocol (gdb's manual, appendix "gdb Remote Serial Protocol")
 * over any channel of bytes. CPUs are threads 1 and up; all stop together. Never throws for what comes in.
 */
export class GdbServer implements DebugListener {
  private readonly target: DebugTarget;
  private readonly send: (bytes: Uint8Array) => void;
  private readonly monitor: MonitorCommand | undefined;
  private readonly reader = new PacketReader();
  private acknowledges = true;
  private lastSent: Uint8Array | undefined;
  /** Thread of g, G, p, P, m, M: set by Hg, and by each stop. */
  private thread = 1;
  private report: StopReport = { cpu: 0, reason: 'request' };
  /** Gdb waits for a stop: it is answered with one, nothing else. */
  private running = false;
  private closed = false;

  /** @param send takes bytes for gdb */
  constructor(target: DebugTarget, send: (bytes: Uint8Array) => void, monitor?: MonitorCommand) {
    this.target = target;
    this.send = send;
    this.monitor = monitor;
  }

  /** Bytes from gdb. */
  receive(bytes: Uint8Array): void {
    this.reader.feed(bytes, (incoming) => {
      switch (incoming.kind) {
        case 'interrupt':
          this.target.stop();
          return;
        case 'resend':
          if (this.lastSent !== undefined) this.send(this.lastSent);
          return;
        case 'damaged':
          if (this.acknowledges) this.send(REJECT);
          return;
        case 'packet':
          if (this.acknowledges) this.send(ACKNOWLEDGE);
          this.handle(incoming.data);
      }
    });
  }

  /** The channel is gone: the machine is left as if gdb had never been there. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.target.clearStopPoints();
    this.target.resume();
  }

  stopped(report: StopReport): void {
    this.report = report;
    this.thread = report.cpu + 1;
    if (!this.running) return;
    this.running = false;
    this.answer(this.stopReply());
  }

  ended(code: number): void {
    this.answer(`W${code.toString(16).padStart(2, '0')}`);
  }

  private answer(text: string): void {
    if (this.closed) return;
    this.lastSent = packet(text);
    this.send(this.lastSent);
  }

  private handle(data: Uint8Array): void {
    const text = String.fromCharCode(...data.subarray(0, 512));
    if (data[0] === 0x58 /* X */) {
      this.answer(this.writeBinary(data));
      return;
    }
    const all = data.length <= 512 ? text : new TextDecoder('latin1').decode(data);
    const answer = this.dispatch(all);
    if (answer !== undefined) this.answer(answer);
  }

  /** @returns undefined where an answer comes later, the empty text for what is not known here */
  private dispatch(text: string): string | undefined {
    const rest = text.slice(1);
    switch (text[0]) {
      case '?':
        return this.stopReply();
      case 'g':
        return this.allRegisters();
      case 'G':
        return this.writeAllRegisters(rest);
      case 'p':
        return this.readRegister(rest);
      case 'P':
        return this.writeRegister(rest);
      case 'm':
        return this.readMemory(rest);
      case 'M':
        return this.writeMemory(rest);
      case 'Z':
      case 'z':
        return this.stopPoint(text[0] === 'Z', rest);
      case 'c':
        return this.go(this.thread, undefined);
      case 's':
        return this.go(this.thread, this.thread);
      case 'H':
        return this.selectThread(rest);
      case 'T':
        return this.threadOf(rest) === undefined ? NOT_THERE : 'OK';
      case 'D':
        this.answer('OK');
        this.target.clearStopPoints();
        this.target.resume();
        return undefined;
      case 'k':
        this.target.kill();
        return undefined;
      case 'v':
        return this.verbose(text);
      case 'q':
      case 'Q':
        return this.query(text);
      default:
        return '';
    }
  }

  private query(text: string): string | undefined {
    if (text.startsWith('qSupported')) {
      const size = PACKET_SIZE.toString(16);
      return `PacketSize=${size};qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak-;hwbreak-`;
    }
    if (text === 'QStartNoAckMode') {
      this.answer('OK');
      this.acknowledges = false;
      return undefined;
    }
    if (text.startsWith('qXfer:features:read:')) return features(text.slice('qXfer:features:read:'.length));
    if (text === 'qfThreadInfo') return `m${this.threads().map(hex).join(',')}`;
    if (text === 'qsThreadInfo') return 'l';
    if (text.startsWith('qThreadExtraInfo,')) return this.threadInfo(text.slice('qThreadExtraInfo,'.length));
    if (text === 'qC') return `QC${hex(this.thread)}`;
    if (text.startsWith('qAttached')) return '1';
    if (text.startsWith('qSymbol')) return 'OK';
    if (text.startsWith('qRcmd,')) return this.runMonitor(text.slice('qRcmd,'.length));
    return '';
  }

  private verbose(text: string): string | undefined {
    if (text === 'vCont?') return 'vCont;c;C;s;S';
    if (text.startsWith('vCont;')) return this.continueThreads(text.slice('vCont;'.length));
    if (text.startsWith('vKill')) {
      this.answer('OK');
      this.target.kill();
      return undefined;
    }
    return '';
  }

  /** For each thread the first action that names it, or names none, counts. */
  private continueThreads(text: string): string | undefined {
    let stepped: number | undefined;
    let allGo = false;
    for (const action of text.split(';')) {
      const [what, name] = action.split(':');
      if (!/^([cs]|[CS][0-9a-f]{2})$/.test(what)) return BAD_PACKET;
      const thread = name === undefined || name === '-1' ? undefined : this.threadOf(name);
      if (name !== undefined && name !== '-1' && thread === undefined) return BAD_PACKET;
      if (what[0].toLowerCase() === 's') stepped ??= thread ?? this.thread;
      else allGo ||= thread === undefined || thread !== stepped;
    }
    return this.go(stepped ?? this.thread, stepped, allGo);
  }

  /** @param stepped the thread that runs one instruction only; undefined: all go on */
  private go(thread: number, stepped: number | undefined, others = true): undefined {
    this.running = true;
    if (stepped === undefined) {
      this.target.resume();
    } else {
      const rest = this.threads().filter((other) => other !== thread);
      this.target.step(thread - 1, others ? rest.map((other) => other - 1) : []);
    }
    return undefined;
  }

  private stopReply(): string {
    const { cpu, reason, watch } = this.report;
    const signal = reason === 'request' ? SIGINT : SIGTRAP;
    const cause = watch === undefined ? '' : `${WATCH_NAMES[watch.kind]}:${hex(watch.address)};`;
    return `T${signal}thread:${hex(cpu + 1)};${cause}`;
  }

  private allRegisters(): string {
    let text = '';
    for (let n = 0; n < RegisterNumber.count; n++) text += toHex(this.target.readRegister(this.cpu, n));
    return text;
  }

  private writeAllRegisters(text: string): string {
    const bytes = fromHex(text);
    if (bytes === undefined) return BAD_PACKET;
    let at = 0;
    for (let n = 0; n < RegisterNumber.count; n++) {
      const { length } = this.target.readRegister(this.cpu, n);
      if (at + length > bytes.length) return BAD_PACKET;
      this.target.writeRegister(this.cpu, n, bytes.subarray(at, at + length));
      at += length;
    }
    return 'OK';
  }

  private readRegister(text: string): string {
    const n = number(text);
    return n === undefined || n >= RegisterNumber.count
      ? BAD_PACKET
      : toHex(this.target.readRegister(this.cpu, n));
  }

  private writeRegister(text: string): string {
    const [name, value] = text.split('=');
    const n = number(name);
    const bytes = fromHex(value ?? '');
    if (n === undefined || n >= RegisterNumber.count || bytes === undefined) return BAD_PACKET;
    if (bytes.length !== this.target.readRegister(this.cpu, n).length) return BAD_PACKET;
    this.target.writeRegister(this.cpu, n, bytes);
    return 'OK';
  }

  private readMemory(text: string): string {
    const range = rangeOf(text);
    if (range === undefined) return BAD_PACKET;
    const bytes = this.target.readMemory(this.cpu, range.address, Math.min(range.length, PACKET_SIZE / 2));
    return bytes.length === 0 && range.length > 0 ? NOT_THERE : toHex(bytes);
  }

  private writeMemory(text: string): string {
    const [place, digits] = text.split(':');
    const range = rangeOf(place);
    const bytes = fromHex(digits ?? '');
    if (range === undefined || bytes?.length !== range.length) return BAD_PACKET;
    return this.target.writeMemory(this.cpu, range.address, bytes) ? 'OK' : NOT_THERE;
  }

  private writeBinary(data: Uint8Array): string {
    const colon = data.indexOf(0x3a);
    const range = rangeOf(String.fromCharCode(...data.subarray(1, Math.min(Math.max(colon, 1), 64))));
    const bytes = data.subarray(colon + 1);
    if (colon < 0 || range === undefined || bytes.length !== range.length) return BAD_PACKET;
    return this.target.writeMemory(this.cpu, range.address, bytes) ? 'OK' : NOT_THERE;
  }

  private stopPoint(add: boolean, text: string): string {
    const [type, address, length] = text.split(';')[0].split(',').map(number);
    if (type === undefined || address === undefined || length === undefined) return BAD_PACKET;
    const kind = POINT_KINDS[type];
    if (kind === undefined) return '';
    if (kind !== 'execute' && length === 0) return BAD_PACKET;
    const point: StopPoint = kind === 'execute' ? { kind, address } : { kind, address, length };
    if (add) this.target.addStopPoint(point);
    else this.target.removeStopPoint(point);
    return 'OK';
  }

  /** Hc is not needed beside vCont: c and s act on the selected thread. */
  private selectThread(text: string): string {
    const name = text.slice(1);
    if (name === '-1' || name === '0') return 'OK';
    const thread = this.threadOf(name);
    if (thread === undefined) return NOT_THERE;
    this.thread = thread;
    return 'OK';
  }

  private threadInfo(name: string): string {
    const thread = this.threadOf(name);
    if (thread === undefined) return NOT_THERE;
    return toHex(new TextEncoder().encode(`CPU ${thread - 1}, ${this.target.describeCpu(thread - 1)}`));
  }

  private runMonitor(digits: string): string | undefined {
    const line = fromHex(digits);
    if (line === undefined) return BAD_PACKET;
    if (this.monitor === undefined) return '';
    this.monitor(new TextDecoder().decode(line)).then(
      (output) => this.answer(output === '' ? 'OK' : toHex(new TextEncoder().encode(`${output}\n`))),
      () => this.answer(BAD_PACKET),
    );
    return undefined;
  }

  private get cpu(): number {
    return this.thread - 1;
  }

  private threads(): number[] {
    return Array.from({ length: this.target.cpuCount }, (_, cpu) => cpu + 1);
  }

  /** @returns undefined for what names no thread of ours */
  private threadOf(name: string): number | undefined {
    const thread = number(name);
    return thread !== undefined && thread >= 1 && thread <= this.target.cpuCount ? thread : undefined;
  }
}

function features(text: string): string {
  const [name, range] = text.split(':');
  const [offset, length] = (range ?? '').split(',').map(number);
  if (name !== 'target.xml' || offset === undefined || length === undefined) return 'E00';
  const piece = TARGET_DESCRIPTION.slice(offset, offset + length);
  return `${offset + piece.length < TARGET_DESCRIPTION.length ? 'm' : 'l'}${piece}`;
}

/** `address,length`, both hexadecimal. */
function rangeOf(text: string): { readonly address: number; readonly length: number } | undefined {
  const [address, length, more] = text.split(',').map(number);
  return address === undefined || length === undefined || more !== undefined
    ? undefined
    : { address, length };
}

/** 32 bits in hexadecimal. */
function number(text: string): number | undefined {
  return /^[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text, 16) : undefined;
}

function hex(value: number): string {
  return value.toString(16);
}
