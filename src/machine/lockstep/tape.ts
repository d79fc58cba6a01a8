import type { Side } from './side.ts';

/** What an engine asks of the world around its CPUs and its RAM: an access to a device, a call. */
export interface Request {
  /** Who is asked, for messages: a device's name, `generic timer`, `PSCI`. */
  readonly port: string;
  readonly operation: 'read' | 'write' | 'call';
  /** A physical address, or a register's name. */
  readonly at: number | string;
  /** In bytes. */
  readonly size: number;
  /** What is written, or the argument of a call. */
  readonly value: number | bigint;
  /** Number of the CPU, and whether its access is a privileged one. */
  readonly cpu: number;
  readonly privileged: boolean;
}

export type Answer = number | bigint | boolean | string;

/** A change from outside, done to one side; done to each of them at the same instruction. */
export type Effect = (side: Side) => void;

/** A request, what came back, and what else happened to the machine meanwhile. */
interface Interaction {
  readonly request: Request;
  answer: Answer;
  readonly effects: Effect[];
  /** Whether the event word was set after it: CPUs then look around. */
  event: boolean;
}

/**
 * What happened between the first engine and the world in a slice. It is recorded while that runs; whoever runs the
 * slice again gets the answers from here, and the world sees nothing of it.
 */
export class Tape {
  /** Whether a slice can be run again: its effects don't add up. */
  repeatable = true;
  private readonly interactions: Interaction[] = [];
  private current: Interaction | undefined;

  get length(): number {
    return this.interactions.length;
  }

  /** Whether an interaction is under way: what happens now is its effect. */
  get isRecording(): boolean {
    return this.current !== undefined;
  }

  /** Begins a new slice. */
  clear(): void {
    this.interactions.length = 0;
    this.repeatable = true;
  }

  at(position: number): Interaction | undefined {
    return this.interactions[position];
  }

  /** Does what an engine asks for, and keeps what comes of it. @param eventIsSet asked when it is done */
  record<A extends Answer>(request: Request, answer: () => A, eventIsSet: () => boolean): A {
    // What a device does to others for a CPU is a part of that CPU's access.
    if (this.current !== undefined) return answer();
    const interaction: Interaction = { request, answer: 0, effects: [], event: false };
    this.current = interaction;
    try {
      const result = answer();
      interaction.answer = result;
      return result;
    } finally {
      interaction.event = eventIsSet();
      this.current = undefined;
      this.interactions.push(interaction);
    }
  }

  /** Something happens in the course of the interaction that is under way. */
  addEffect(effect: Effect): void {
    if (this.current === undefined) throw new Error('something came from outside in the midst of guest code');
    this.current.effects.push(effect);
  }
}

export function isSame(a: Request, b: Request): boolean {
  return (
    a.port === b.port &&
    a.operation === b.operation &&
    a.at === b.at &&
    a.size === b.size &&
    a.value === b.value &&
    a.cpu === b.cpu &&
    a.privileged === b.privileged
  );
}

/** For messages: `CPU 0 writes 0x41 to uart0 at 0x09000000 (4 bytes)`. */
export function describeRequest({ port, operation, at, size, value, cpu, privileged }: Request): string {
  const who = `CPU ${cpu}${privileged ? '' : ' (unprivileged)'}`;
  if (operation === 'call') return `${who} calls ${port} ${at}(0x${value.toString(16)})`;
  const place = typeof at === 'number' ? `0x${at.toString(16).padStart(8, '0')}` : at;
  const what = `${port} at ${place} (${size} ${size === 1 ? 'byte' : 'bytes'})`;
  return operation === 'read' ? `${who} reads ${what}` : `${who} writes 0x${value.toString(16)} to ${what}`;
}
