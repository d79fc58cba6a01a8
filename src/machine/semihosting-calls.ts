import type { ArmCpu } from '../arm/cpu.ts';
import { StateSlot } from '../arm/state.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { Clock, WallClock } from '../ports/clock.ts';
import type { HostFolder } from '../ports/host-folder.ts';
import type { GuestBytes } from '../semihosting/guest-arguments.ts';
import { Semihosting } from '../semihosting/semihosting.ts';
import { readVirtual, writeVirtual } from './debugger.ts';
import type { NormalizedOptions } from './options.ts';
import type { SerialPort } from './serial.ts';

/** Instructions that mean semihosting: SVC (ARM DUI 0471 8.1), HLT ("Semihosting for AArch32 and AArch64", 2.3). */
const COMMENTS = {
  svc: { arm: 0x123456, thumb: 0xab },
  hlt: { arm: 0xf000, thumb: 0x3c },
} as const;

/** What semihosting gives to a program beside its end. */
export interface SemihostingOptions {
  /** The folder of the host that the program may work in. Absent: it can open no file. */
  readonly folder?: HostFolder;
  /** What SYS_GET_CMDLINE gives. Absent: `append`. */
  readonly commandLine?: string;
  /** Takes what the program writes to its console, `:tt`. Absent: it appears on the serial port. */
  readonly output?: (bytes: Uint8Array) => void;
  /**
   * Input of the console: up to `max` bytes, none at the end of the input; undefined while there is nothing yet, and the
   * program waits. Absent: the input is at its end.
   */
  readonly input?: (max: number) => Uint8Array | undefined;
}

/** Whether an instruction means semihosting. */
export function isSemihostingCall(thumb: boolean, instruction: 'svc' | 'hlt', comment: number): boolean {
  return comment === COMMENTS[instruction][thumb ? 'thumb' : 'arm'];
}

/** The semihosting that options ask for; undefined where it is off. */
export function semihostingOf(
  options: NormalizedOptions,
  machine: {
    readonly clock: Clock;
    readonly wallClock: WallClock;
    readonly serial: SerialPort;
    exit(code: number): void;
  },
): Semihosting | undefined {
  const { semihosting, board, memory, append } = options;
  if (semihosting === undefined) return undefined;
  const { serial, clock, wallClock } = machine;
  const print = (bytes: Uint8Array): void => {
    for (const byte of bytes) serial.transmit(byte);
  };
  return new Semihosting({
    clock,
    wallClock,
    ram: { base: board.ram.base, size: memory },
    folder: semihosting.folder,
    commandLine: semihosting.commandLine ?? append ?? '',
    console: {
      write: semihosting.output ?? print,
      read: semihosting.input ?? (() => new Uint8Array(0)),
    },
    exit: (code) => machine.exit(code),
  });
}

/** Makes the call that a CPU's R0 and R1 ask for. The program reaches memory as privileged code does. */
export function callSemihosting(
  semihosting: Semihosting,
  cpu: ArmCpu,
  physical: PhysicalMemory,
): 'done' | 'wait' {
  const { slots } = cpu.state;
  const memory: GuestBytes = {
    read: (address, length) => readVirtual(cpu, physical, address, length),
    write: (address, bytes) => writeVirtual(cpu, physical, address, bytes),
  };
  const result = semihosting.call(slots[StateSlot.R0] >>> 0, slots[1] >>> 0, memory);
  if (result === 'wait') return 'wait';
  slots[StateSlot.R0] = result;
  return 'done';
}
