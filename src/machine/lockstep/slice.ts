import type { StopReason } from '../../arm/engine.ts';
import { cpuDifferences, type Difference, pageDifferences, pageOf } from './comparison.ts';
import { CpuImage } from './cpu-image.ts';
import type { Side } from './side.ts';
import { describeRequest, type Tape } from './tape.ts';

/** Reasons for which a CPU gives its turn away: what both sides must do at the same instruction. */
const GIVES_WAY: readonly (StopReason | undefined)[] = ['wfi', 'wfe', 'yield', 'spin', 'off'];

/** How a side came to the end of a slice, or of a part of it. */
export interface Outcome {
  readonly reason: StopReason | undefined;
  /** What it threw. */
  readonly failure?: unknown;
}

/** Where a slice begins, so that both sides can be compared at its end and put back to its beginning. */
export class Slice {
  /** Number of the CPU that runs. */
  cpu = 0;
  /** Guest instructions, of all CPUs, before its beginning. */
  instructions = 0;
  private readonly first: Side;
  private readonly second: Side;
  private readonly tape: Tape;
  private readonly start: readonly CpuImage[];
  private readonly firstEnd: readonly CpuImage[];
  private readonly secondEnd: readonly CpuImage[];
  private eventWord = 0;
  private spinsGiveWay = false;
  private kernelControls: readonly number[] = [];
  /** What pages that the first side has written were like before. */
  private pages = new Map<number, Int32Array>();

  constructor(first: Side, second: Side, tape: Tape) {
    this.first = first;
    this.second = second;
    this.tape = tape;
    this.start = first.engine.cpus.map((cpu) => new CpuImage(cpu));
    this.firstEnd = first.engine.cpus.map((cpu) => new CpuImage(cpu));
    this.secondEnd = second.engine.cpus.map((cpu) => new CpuImage(cpu));
  }

  /** Begins a slice where the first side is. What has changed there from outside, changes on the second side too. */
  begin(cpu: number): void {
    const { first, second, start } = this;
    this.cpu = cpu;
    this.instructions = first.engine.instructions;
    this.eventWord = first.eventWord;
    this.spinsGiveWay = first.engine.spinsGiveWay;
    this.kernelControls = first.timers.map((timer) => timer?.kernelControl ?? 0);
    for (const image of start) image.capture();
    if (first.engine.activeCpu !== cpu) start[cpu].disarmMonitor();
    this.tape.clear();
    first.written.begin();
    this.putBack(second, this.secondEnd);
  }

  /** The first side has come to its end, and the second is still at its beginning. */
  keepPages(): void {
    this.pages = new Map(this.first.written.list.map((page) => [page, pageOf(this.second, page)]));
  }

  /** A page as it was at the slice's beginning, of those that the first side has written. */
  get pagesBefore(): ReadonlyMap<number, Int32Array> {
    return this.pages;
  }

  /** Puts CPUs, counts and events of a side back to the slice's beginning; its RAM is there already. */
  putBack(side: Side, images = side === this.first ? this.firstEnd : this.secondEnd): void {
    const { engine } = side;
    for (const [cpu, image] of images.entries()) image.restore(this.start[cpu].values);
    engine.instructions = this.instructions;
    engine.spinsGiveWay = this.spinsGiveWay;
    for (const [cpu, timer] of side.timers.entries()) {
      if (timer !== undefined) timer.kernelControl = this.kernelControls[cpu];
    }
    side.eventWord = this.eventWord;
    side.written.begin();
  }

  /**
   * Where the sides differ after so many instructions of the slice; empty when nowhere.
   * @param position how much of the tape the first side has used
   * @param pages of RAM that may differ, beside those that were written
   */
  compare(
    executed: number,
    position: number,
    first: Outcome,
    second: Outcome,
    pages: Iterable<number> = [],
  ): Difference[] {
    for (const image of this.firstEnd) image.capture();
    for (const image of this.secondEnd) image.capture();
    return [
      ...this.runDifferences(executed, first, second),
      ...this.accessDifferences(position),
      ...cpuDifferences(this.firstEnd, this.secondEnd),
      ...pageDifferences(this.first, this.second, [
        ...this.first.written.list,
        ...this.second.written.list,
        ...pages,
      ]),
    ];
  }

  private runDifferences(executed: number, first: Outcome, second: Outcome): Difference[] {
    if (second.failure !== undefined) {
      const { failure } = second;
      const text = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
      return [{ what: 'engine', first: 'goes on', second: `fails: ${text}` }];
    }
    const run = this.second.engine.instructions - this.instructions;
    const stops =
      (GIVES_WAY.includes(first.reason) || GIVES_WAY.includes(second.reason)) &&
      first.reason !== second.reason;
    if (run === executed && !stops) return [];
    const text = (count: number, { reason }: Outcome): string =>
      `${count} (${reason === 'late' ? 'then it gets on no more' : (reason ?? 'failed')})`;
    return [{ what: 'instructions', first: `${executed} (${first.reason})`, second: text(run, second) }];
  }

  /** The second side asked the world for something else than the first did. */
  private accessDifferences(position: number): Difference[] {
    const { mismatch, position: reached } = this.second;
    if (mismatch === undefined && reached === position) return [];
    const expected = reached < position ? this.tape.at(reached) : undefined;
    return [
      {
        what: 'access to what is not RAM',
        first: expected === undefined ? 'none' : describeRequest(expected.request),
        second: mismatch ?? (reached > position ? 'one more' : 'none'),
      },
    ];
  }
}
