import type { Clock, ClockTimer } from '../../ports/clock.ts';
import type { DmaPort } from '../../ports/dma.ts';
import type { InterruptLine } from '../../ports/interrupt-line.ts';
import { type AccessSize, type DeviceLog, type MmioDevice, silentLog } from '../../ports/mmio.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { drawLine, lineBytes } from './pixels.ts';
import { clocksPerFrame, LCD, LcdControl, LcdInterrupt, sizeOf } from './registers.ts';

/** Part 0x111 by Arm in revision 2, QEMU's (ARM DDI 0293 3.2.20). */
const IDENTIFICATION = [0x11, 0x11, 0x24, 0x00, 0x0d, 0xf0, 0x05, 0xb1] as const;
const WORD = 4;
const NS_PER_SECOND = 1e9;

export interface Pl111Config {
  /** The bus that the picture is read by. */
  readonly dma: DmaPort;
  readonly clock: Clock;
  /** CLCDCLK in Hz, of which frames are made. */
  readonly clockFrequency: number;
  /** CLCDINTR, the combined interrupt. */
  readonly interrupt: InterruptLine;
}

/** What a screen shows: red, green and blue of each pixel, line by line. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

export type Pl111State = {
  /** LCDTiming0 to 3. */
  readonly timing: Uint32Array;
  upperBase: number;
  lowerBase: number;
  control: number;
  mask: number;
  rawStatus: number;
  readonly palette: Uint16Array;
  /** The cursor's image and registers, which nothing draws. */
  readonly cursor: Uint32Array;
  /** Virtual time at which the first frame began; frames of it whose interrupts were told. */
  startNs: number;
  frames: number;
};

/** PrimeCell Color LCD Controller PL111 (ARM DDI 0293). The picture is read when somebody looks at it. */
export class Pl111 implements MmioDevice, Saveable<Pl111State> {
  readonly state: Pl111State;
  readonly #config: Pl111Config;
  readonly #log: DeviceLog;
  readonly #frame: ClockTimer;

  constructor(config: Pl111Config, log: DeviceLog = silentLog) {
    this.#config = config;
    this.#log = log;
    this.#frame = config.clock.createTimer(() => this.#drive());
    this.state = {
      timing: new Uint32Array(4),
      ...resetState(),
      palette: new Uint16Array((LCD.PaletteEnd - LCD.Palette) / 2),
      cursor: new Uint32Array((LCD.CursorEnd - LCD.CursorImage) / WORD),
    };
  }

  reset(): void {
    Object.assign(this.state, resetState());
    this.state.timing.fill(0);
    this.state.cursor.fill(0);
    this.#drive();
  }

  saveState(): Pl111State {
    return copyPlain(this.state);
  }

  restoreState(state: Pl111State): void {
    assignPlain(this.state, state, 'the PL111');
    this.#armFrame();
  }

  /** Whether the guest has switched the screen on. */
  get isOn(): boolean {
    const on = LcdControl.LcdEn | LcdControl.LcdPwr;
    return (this.state.control & on) === on;
  }

  /** What the screen shows; a line that can't be read is black. Undefined while it is off. */
  picture(): Picture | undefined {
    if (!this.isOn) return undefined;
    const { timing, control, palette, upperBase } = this.state;
    const { width, height } = sizeOf(timing[0], timing[1]);
    const rgb = new Uint8Array(width * height * 3);
    const line = new Uint8Array(lineBytes(control, width));
    for (let y = 0; y < height; y++) {
      if (!this.#config.dma.read(upperBase + y * line.length, line)) {
        this.state.rawStatus |= LcdInterrupt.MBERROR;
        continue;
      }
      drawLine(control, palette, line, rgb.subarray(y * width * 3, (y + 1) * width * 3));
    }
    this.#drive();
    return { width, height, rgb };
  }

  read(offset: number, size: AccessSize): number {
    const value = this.#readWord(offset & ~3) >>> ((offset & 3) * 8);
    return size === 4 ? value >>> 0 : value & (size === 1 ? 0xff : 0xffff);
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || offset & 3) {
      this.#log.guestError(`PL111: ${size}-byte write to 0x${offset.toString(16)}, which takes words`);
      return;
    }
    this.#writeWord(offset, value);
    this.#drive();
  }

  #readWord(offset: number): number {
    const { state } = this;
    if (offset >= LCD.Palette && offset < LCD.PaletteEnd) {
      const entry = (offset - LCD.Palette) / 2;
      return state.palette[entry] | (state.palette[entry + 1] << 16);
    }
    if (offset >= LCD.CursorImage && offset < LCD.CursorEnd) {
      return state.cursor[(offset - LCD.CursorImage) / WORD];
    }
    switch (offset) {
      case LCD.Timing0:
      case LCD.Timing1:
      case LCD.Timing2:
      case LCD.Timing3:
        return state.timing[offset / WORD];
      case LCD.UPBASE:
      case LCD.UPCURR:
        return state.upperBase;
      case LCD.LPBASE:
      case LCD.LPCURR:
        return state.lowerBase;
      case LCD.Control:
        return state.control;
      case LCD.IMSC:
        return state.mask;
      case LCD.RIS:
        return this.#rawStatus();
      case LCD.MIS:
        return this.#rawStatus() & state.mask;
      default:
        if (offset >= LCD.PeriphID0) return IDENTIFICATION[(offset - LCD.PeriphID0) / WORD] ?? 0;
        this.#log.guestError(`PL111: read of write-only or reserved register 0x${offset.toString(16)}`);
        return 0;
    }
  }

  #writeWord(offset: number, value: number): void {
    const { state } = this;
    if (offset >= LCD.Palette && offset < LCD.PaletteEnd) {
      const entry = (offset - LCD.Palette) / 2;
      state.palette[entry] = value;
      state.palette[entry + 1] = value >>> 16;
      return;
    }
    if (offset >= LCD.CursorImage && offset < LCD.CursorEnd) {
      state.cursor[(offset - LCD.CursorImage) / WORD] = value;
      return;
    }
    switch (offset) {
      case LCD.Timing0:
      case LCD.Timing1:
      case LCD.Timing2:
      case LCD.Timing3:
        state.timing[offset / WORD] = value;
        return;
      case LCD.UPBASE:
        state.upperBase = (value & ~7) >>> 0;
        return;
      case LCD.LPBASE:
        state.lowerBase = (value & ~7) >>> 0;
        return;
      case LCD.Control: {
        const wasOn = this.isOn;
        state.control = value & LcdControl.WRITABLE;
        if (wasOn === this.isOn) return;
        state.startNs = this.#config.clock.nowNs();
        state.frames = 0;
        return;
      }
      case LCD.IMSC:
        state.mask = value & LcdInterrupt.ALL;
        return;
      case LCD.ICR:
        state.rawStatus = this.#rawStatus() & ~value;
        return;
      default:
        this.#log.guestError(`PL111: write to read-only or reserved register 0x${offset.toString(16)}`);
    }
  }

  get #frameNs(): number {
    const [timing0, timing1, timing2] = this.state.timing;
    return Math.ceil(
      (clocksPerFrame(timing0, timing1, timing2) * NS_PER_SECOND) / this.#config.clockFrequency,
    );
  }

  /** With each frame the base addresses are taken anew, and the vertical compare is reached. */
  #rawStatus(): number {
    const { state } = this;
    if (!this.isOn) return state.rawStatus;
    const frames = Math.floor((this.#config.clock.nowNs() - state.startNs) / this.#frameNs);
    if (frames > state.frames) {
      state.frames = frames;
      state.rawStatus |= LcdInterrupt.LNBU | LcdInterrupt.Vcomp;
    }
    return state.rawStatus;
  }

  #drive(): void {
    this.#config.interrupt.set((this.#rawStatus() & this.state.mask) !== 0);
    this.#armFrame();
  }

  /** The clock is asked for only where an interrupt waits for a frame. */
  #armFrame(): void {
    const { state } = this;
    const waits = state.mask & (LcdInterrupt.LNBU | LcdInterrupt.Vcomp) & ~state.rawStatus;
    // A nanosecond later, whatever rounding does, the frame has been reached.
    if (waits && this.isOn)
      this.#frame.arm(Math.ceil(state.startNs + (state.frames + 1) * this.#frameNs) + 1);
    else this.#frame.cancel();
  }
}

/** Everything but the arrays. */
function resetState(): Omit<Pl111State, 'timing' | 'palette' | 'cursor'> {
  return { upperBase: 0, lowerBase: 0, control: 0, mask: 0, rawStatus: 0, startNs: 0, frames: 0 };
}
