import type { InterruptLine } from '../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../ports/mmio.ts';
import { assignPlain } from '../ports/plain-state.ts';
import type { Saveable } from '../ports/saveable.ts';

/** Registers (ARM DDI 0190 table 3-1); GPIODATA takes the first KiB. */
const GPIO = {
  DATA_END: 0x400,
  DIR: 0x400,
  IS: 0x404,
  IBE: 0x408,
  IEV: 0x40c,
  IE: 0x410,
  RIS: 0x414,
  MIS: 0x418,
  IC: 0x41c,
  AFSEL: 0x420,
  PeriphID0: 0xfe0,
} as const;

/** ARM DDI 0190 3.3.11, 3.3.12: part 0x061, designer Arm, revision 0. */
const IDENTIFICATION = [0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;
const LINES = 8;

export interface Pl061Config {
  readonly interrupt: InterruptLine;
}

export type Pl061State = {
  /** What the guest drives on lines that are outputs. */
  data: number;
  direction: number;
  sense: number;
  bothEdges: number;
  event: number;
  enable: number;
  /** Edges that were seen and not cleared. */
  edges: number;
  alternate: number;
  /** Levels on the lines from outside; nothing connected is low. */
  inputs: number;
};

/** PrimeCell General Purpose Input/Output PL061 (ARM DDI 0190): eight lines, each an input or an output. */
export class Pl061 implements MmioDevice, Saveable<Pl061State> {
  readonly state: Pl061State = {
    data: 0,
    direction: 0,
    sense: 0,
    bothEdges: 0,
    event: 0,
    enable: 0,
    edges: 0,
    alternate: 0,
    inputs: 0,
  };
  readonly #config: Pl061Config;
  readonly #log: DeviceLog;

  constructor(config: Pl061Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
  }

  /** What is connected to the lines stays as it is. */
  reset(): void {
    const { inputs } = this.state;
    for (const name of Object.keys(this.state) as (keyof Pl061State)[]) this.state[name] = 0;
    this.state.inputs = inputs;
    this.#drive();
  }

  saveState(): Pl061State {
    return { ...this.state };
  }

  restoreState(state: Pl061State): void {
    assignPlain(this.state, state, 'PL061');
  }

  /** The wire that leads to a line, 0 to 7. */
  input(line: number): InterruptLine {
    if (!Number.isInteger(line) || line < 0 || line >= LINES)
      throw new RangeError(`a PL061 has no line ${line}`);
    return { set: (level) => this.#setInput(1 << line, level) };
  }

  read(offset: number): number {
    const { state } = this;
    if (offset < GPIO.DATA_END) return this.#levels() & (offset >>> 2);
    switch (offset) {
      case GPIO.DIR:
        return state.direction;
      case GPIO.IS:
        return state.sense;
      case GPIO.IBE:
        return state.bothEdges;
      case GPIO.IEV:
        return state.event;
      case GPIO.IE:
        return state.enable;
      case GPIO.RIS:
        return this.#rawStatus();
      case GPIO.MIS:
        return this.#rawStatus() & state.enable;
      case GPIO.AFSEL:
        return state.alternate;
      default:
        if (offset >= GPIO.PeriphID0) return IDENTIFICATION[(offset - GPIO.PeriphID0) >>> 2] ?? 0;
        this.#log.guestError(`PL061: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  write(offset: number, _size: AccessSize, value: number): void {
    const { state } = this;
    const byte = value & 0xff;
    const before = this.#levels();
    if (offset < GPIO.DATA_END) {
      // Address bits 9:2 are the mask (3.3.1).
      const mask = (offset >>> 2) & state.direction;
      state.data = (state.data & ~mask) | (byte & mask);
    } else {
      switch (offset) {
        case GPIO.DIR:
          state.direction = byte;
          break;
        case GPIO.IS:
          state.sense = byte;
          break;
        case GPIO.IBE:
          state.bothEdges = byte;
          break;
        case GPIO.IEV:
          state.event = byte;
          break;
        case GPIO.IE:
          state.enable = byte;
          break;
        case GPIO.IC:
          state.edges &= ~byte;
          break;
        case GPIO.AFSEL:
          state.alternate = byte;
          break;
        default:
          this.#log.guestError(`PL061: write to read-only or reserved register 0x${offset.toString(16)}`);
      }
    }
    this.#seeEdges(before);
  }

  #setInput(bit: number, level: boolean): void {
    const before = this.#levels();
    this.state.inputs = level ? this.state.inputs | bit : this.state.inputs & ~bit;
    this.#seeEdges(before);
  }

  #levels(): number {
    const { data, direction, inputs } = this.state;
    return (data & direction) | (inputs & ~direction);
  }

  /** Edges of inputs that are not level sensitive: the one that GPIOIEV names, or both (3.3.4 to 3.3.6). */
  #seeEdges(before: number): void {
    const { state } = this;
    const now = this.#levels();
    const changed = (before ^ now) & ~state.direction & ~state.sense;
    const wanted = state.bothEdges | ~(now ^ state.event);
    state.edges |= changed & wanted & 0xff;
    this.#drive();
  }

  #rawStatus(): number {
    const { state } = this;
    const level = ~(this.#levels() ^ state.event) & state.sense & ~state.direction;
    return (level | (state.edges & ~state.sense)) & 0xff;
  }

  #drive(): void {
    this.#config.interrupt.set((this.#rawStatus() & this.state.enable) !== 0);
  }
}
