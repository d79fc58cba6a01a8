import type { Clock, ClockTimer } from '../../ports/clock.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';

/** AACIRXCRx and AACITXCRx (ARM DDI 0173 3.3.1, 3.3.2). */
const ChannelControl = { ENABLE: 0x1, SLOTS: 0x1ffe, FIFO: 0x1_0000, WRITABLE: 0x1fff_ffff } as const;
/** AACISRx (3.3.3). */
export const ChannelStatus = {
  RXFE: 0x001,
  TXFE: 0x002,
  RXHF: 0x004,
  TXHE: 0x008,
  RXFF: 0x010,
  TXFF: 0x020,
  RXB: 0x040,
  TXB: 0x080,
  RXO: 0x100,
  TXU: 0x200,
} as const;
/** AACIISRx and AACIIEx (3.3.4, 3.3.5). */
export const ChannelInterrupt = {
  TXC: 0x01,
  TX: 0x04,
  RX: 0x08,
  OVERRUN: 0x10,
  UNDERRUN: 0x20,
  ALL: 0x7f,
} as const;

/** Samples that a FIFO holds on the Versatile Express boards. */
const DEPTH = 512;
const HALF = DEPTH / 2;
/** AC'97 frames have one sample for each slot, 48,000 times a second. */
const FRAME_NS = 1e9 / 48_000;
const NEVER = Number.POSITIVE_INFINITY;

export type ChannelState = {
  rxControl: number;
  txControl: number;
  enables: number;
  overrun: boolean;
  underrun: boolean;
  /** Samples in the FIFOs, at `sinceNs`. */
  rxCount: number;
  txCount: number;
  sinceNs: number;
};

/** One of the four channels: what it sends nobody hears, what it receives is silence; both go at the rate of the link. */
export class Channel implements Saveable<ChannelState> {
  readonly state: ChannelState;
  readonly #clock: Clock;
  readonly #timer: ClockTimer;

  /** @param changed told when an interrupt may have come with time */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#timer = clock.createTimer(changed);
    this.state = resetState();
  }

  reset(): void {
    Object.assign(this.state, resetState());
    this.#timer.cancel();
  }

  saveState(): ChannelState {
    return copyPlain(this.state);
  }

  restoreState(saved: ChannelState): void {
    assignPlain(this.state, saved, 'a channel of the PL041');
    this.arm();
  }

  writeControl(name: 'rxControl' | 'txControl', value: number): void {
    this.#settle();
    this.state[name] = value & ChannelControl.WRITABLE;
    // A FIFO that is off is empty.
    if (!(value & ChannelControl.FIFO)) this.state[name === 'rxControl' ? 'rxCount' : 'txCount'] = 0;
  }

  /** A sample for the link; lost where there is no room. */
  push(): void {
    this.#settle();
    const { state } = this;
    if (state.txControl & ChannelControl.FIFO && state.txCount < DEPTH) state.txCount++;
  }

  /** Takes a sample of silence. */
  pop(): void {
    this.#settle();
    if (this.state.rxCount > 0) this.state.rxCount--;
  }

  clear(underrun: boolean, overrun: boolean): void {
    this.#settle();
    if (underrun) this.state.underrun = false;
    if (overrun) this.state.overrun = false;
  }

  /** AACISRx. */
  get status(): number {
    this.#settle();
    const { state } = this;
    const busy = (control: number): boolean => (control & ChannelControl.ENABLE) !== 0;
    const flags: readonly (readonly [boolean, number])[] = [
      [state.rxCount === 0, ChannelStatus.RXFE],
      [state.rxCount >= HALF, ChannelStatus.RXHF],
      [state.rxCount === DEPTH, ChannelStatus.RXFF],
      [state.txCount === 0, ChannelStatus.TXFE],
      [state.txCount <= HALF, ChannelStatus.TXHE],
      [state.txCount === DEPTH, ChannelStatus.TXFF],
      [busy(state.rxControl), ChannelStatus.RXB],
      [busy(state.txControl), ChannelStatus.TXB],
      [state.overrun, ChannelStatus.RXO],
      [state.underrun, ChannelStatus.TXU],
    ];
    return flags.reduce((bits, [set, flag]) => bits | (set ? flag : 0), 0);
  }

  /** AACIISRx. */
  get interrupts(): number {
    const { status, state } = this;
    const sends = (state.txControl & ChannelControl.FIFO) !== 0;
    return (
      (sends && status & ChannelStatus.TXHE ? ChannelInterrupt.TX : 0) |
      (sends && status & ChannelStatus.TXFE ? ChannelInterrupt.TXC : 0) |
      (status & ChannelStatus.RXHF ? ChannelInterrupt.RX : 0) |
      (status & ChannelStatus.RXO ? ChannelInterrupt.OVERRUN : 0) |
      (status & ChannelStatus.TXU ? ChannelInterrupt.UNDERRUN : 0)
    );
  }

  /** Asks for a call when time alone brings an interrupt that is enabled, and not there yet. */
  arm(): void {
    const { state } = this;
    const wanted = state.enables & ~this.interrupts;
    const { TX, TXC, UNDERRUN, RX, OVERRUN } = ChannelInterrupt;
    const tx = slotsOf(state.txControl);
    const rx = slotsOf(state.rxControl);
    const next = Math.min(
      wanted & TX ? framesFor(state.txCount - HALF, tx) : NEVER,
      wanted & TXC ? framesFor(state.txCount, tx) : NEVER,
      wanted & UNDERRUN ? framesFor(state.txCount + 1, tx) : NEVER,
      wanted & RX ? framesFor(HALF - state.rxCount, rx) : NEVER,
      wanted & OVERRUN ? framesFor(DEPTH + 1 - state.rxCount, rx) : NEVER,
    );
    if (next < NEVER) this.#timer.arm(Math.ceil(state.sinceNs + next * FRAME_NS) + 1);
    else this.#timer.cancel();
  }

  /** Lets the link do what it did since the last time. */
  #settle(): void {
    const { state } = this;
    const now = this.#clock.nowNs();
    const frames = Math.floor((now - state.sinceNs) / FRAME_NS);
    const sent = slotsOf(state.txControl) * frames;
    const received = slotsOf(state.rxControl) * frames;
    if (sent > state.txCount) state.underrun = true;
    state.txCount = Math.max(0, state.txCount - sent);
    if (state.rxCount + received > DEPTH) state.overrun = true;
    state.rxCount = Math.min(DEPTH, state.rxCount + received);
    // Nobody can tell parts of a frame while nothing goes over the link.
    state.sinceNs = sent + received === 0 && !isActive(state) ? now : state.sinceNs + frames * FRAME_NS;
  }
}

/** Frames until so many samples have passed, one at least. */
function framesFor(samples: number, perFrame: number): number {
  return perFrame === 0 ? NEVER : Math.max(1, Math.ceil(samples / perFrame));
}

/** Samples in each frame: slots that an enabled channel takes part in, with its FIFO on. */
function slotsOf(control: number): number {
  const { ENABLE, FIFO, SLOTS } = ChannelControl;
  if (!(control & ENABLE) || !(control & FIFO)) return 0;
  let slots = 0;
  for (let rest = control & SLOTS; rest !== 0; rest &= rest - 1) slots++;
  return slots;
}

function isActive({ txControl, rxControl }: ChannelState): boolean {
  return slotsOf(txControl) + slotsOf(rxControl) > 0;
}

function resetState(): ChannelState {
  return {
    rxControl: 0,
    txControl: 0,
    enables: 0,
    overrun: false,
    underrun: false,
    rxCount: 0,
    txCount: 0,
    sinceNs: 0,
  };
}
