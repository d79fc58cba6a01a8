import { disassemble } from '../../arm/disassemble.ts';
import type { StopReason } from '../../arm/engine.ts';
import { StateSlot } from '../../arm/state.ts';
import { copyPage, type Difference, mirrorPage, wordText } from './comparison.ts';
import type { Side } from './side.ts';
import type { Outcome, Slice } from './slice.ts';
import { describeRequest, type Tape } from './tape.ts';

/** Executed instructions that a report shows, those that follow in memory, and accesses to devices before. */
const SHOWN_BEFORE = 16;
const SHOWN_AFTER = 4;
const SHOWN_ACCESSES = 4;
/** A piece of compiled code that a fault is in is looked for up to this many instructions, and shown up to so many. */
const LONGEST_PIECE = 512;
const LONGEST_SHOWN = 80;

const MODE_NAMES: Readonly<Record<number, string>> = {
  16: 'User',
  17: 'FIQ',
  18: 'IRQ',
  19: 'Supervisor',
  23: 'Abort',
  27: 'Undefined',
  31: 'System',
};

/** Both sides have run a slice and differ at its end: finds the first instruction after which they do. */
export class Investigation {
  private readonly first: Side;
  private readonly second: Side;
  private readonly tape: Tape;
  private readonly slice: Slice;
  /** Instructions of the slice. */
  private readonly executed: number;
  /** Every page that the second side has written in one of its runs. */
  private readonly touched = new Set<number>();

  constructor(first: Side, second: Side, tape: Tape, slice: Slice, executed: number) {
    this.first = first;
    this.second = second;
    this.tape = tape;
    this.slice = slice;
    this.executed = executed;
  }

  /** @param found how they differ at the slice's end. @returns a report for a person who looks for the fault */
  report(found: readonly Difference[]): string {
    if (!this.tape.repeatable) {
      return this.text(found, this.executed, [
        'The slice switched or wrote flash and was not run again: the first difference is in one of its instructions.',
      ]);
    }
    if (this.differencesAfter(this.executed).length === 0) {
      return this.text(found, this.executed, [
        'Run again from its beginning, the slice gives no difference: it depends on what is translated when.',
      ]);
    }
    if (this.differencesAfter(0).length > 0) return this.text(this.differencesAfter(0), 0, []);
    let equal = 0;
    let different = this.executed;
    while (different - equal > 1) {
      const middle = (equal + different) >> 1;
      if (this.differencesAfter(middle).length > 0) different = middle;
      else equal = middle;
    }
    return this.text(this.differencesAfter(different), different, [], this.faultyPiece(different));
  }

  /**
   * An engine that compiles may be right wherever a budget ends within a loop or function, and wrong where it runs that as
   * a whole. @returns how many instructions it must run in one go, up to a place, to be wrong there
   */
  private faultyPiece(count: number): number {
    for (let piece = 1; piece < Math.min(count, LONGEST_PIECE); piece++) {
      if (this.differencesAfter(count, count - piece).length > 0) return piece;
    }
    return count;
  }

  /** Runs both sides from the slice's beginning for so many instructions; the second one makes a stop on its way. */
  private differencesAfter(count: number, stop = 0): Difference[] {
    this.putBack();
    const { first, second, slice } = this;
    const firstOutcome = this.attempt(first, count, 0);
    const secondOutcome = this.attempt(second, count, stop);
    for (const page of second.written.list) this.touched.add(page);
    return slice.compare(count, first.position, firstOutcome, secondOutcome);
  }

  private attempt(side: Side, count: number, stop: number): Outcome {
    const { cpu } = this.slice;
    try {
      if (stop === 0) return { reason: side.replay(cpu, count) };
      side.replay(cpu, stop);
      return { reason: side.replayOn(cpu, count - stop) };
    } catch (failure) {
      return { reason: undefined, failure };
    }
  }

  private putBack(): void {
    const { first, second, slice } = this;
    for (const page of second.written.list) this.touched.add(page);
    for (const [page, words] of slice.pagesBefore) copyPage(words, 0, first, page);
    for (const page of [...slice.pagesBefore.keys(), ...this.touched]) mirrorPage(first, second, page);
    for (const side of [first, second]) {
      // Translation tables may have changed back.
      side.engine.cpus[0].resetTlb();
      slice.putBack(side);
    }
  }

  private text(
    differences: readonly Difference[],
    count: number,
    notes: readonly string[],
    piece = Math.min(count, 1),
  ): string {
    const { first, second, slice } = this;
    const total = (slice.instructions + count).toLocaleString('en');
    const head = [
      `the engines differ after ${total} guest instructions: ${first.engine.kind} (first) and ${second.engine.kind} (second)`,
      `in a slice of ${this.executed} instructions of CPU ${slice.cpu}, after ${count} of them`,
      ...notes,
      ...(piece > 1
        ? [
            `The second engine is wrong where it runs the last ${piece} of them in one go, and right where it stops within them.`,
          ]
        : []),
    ];
    const traced = this.tape.repeatable ? this.trace(count, piece) : ['(not run again)'];
    return [...head, '', ...table(differences), '', ...traced].join('\n');
  }

  /** The instructions that led to a place in the slice, as the first side runs them. */
  private trace(count: number, piece: number): string[] {
    this.putBack();
    const { first, slice } = this;
    const cpu = first.engine.cpus[slice.cpu];
    const from = Math.max(0, count - Math.min(Math.max(SHOWN_BEFORE, piece + SHOWN_AFTER), LONGEST_SHOWN));
    first.replay(slice.cpu, from);
    const lines: string[] = [];
    let before = this.registers();
    for (let at = from; at < count; at++) {
      if (at <= count - piece) before = this.registers();
      const mark = at >= count - piece ? '> ' : '  ';
      lines.push(`${mark}${this.instructionAt(cpu.state.slots[StateSlot.PC] >>> 0).text}`);
      const reason: StopReason = first.replayOn(slice.cpu, 1);
      if (reason !== 'budget' && reason !== 'event') break;
    }
    const accesses: string[] = [];
    for (let at = Math.max(0, first.position - SHOWN_ACCESSES); at < first.position; at++) {
      const interaction = this.tape.at(at);
      if (interaction === undefined) continue;
      accesses.push(`  ${describeRequest(interaction.request)}: ${answerText(interaction.answer)}`);
    }
    const next = cpu.state.slots[StateSlot.PC] >>> 0;
    const following: string[] = [];
    let pc = next;
    for (let i = 0; i < SHOWN_AFTER; i++) {
      const { text, size } = this.instructionAt(pc);
      following.push(`  ${text}`);
      pc = (pc + size) >>> 0;
    }
    return [
      `${first.engine.kind}: registers before the first instruction with a >`,
      ...before,
      'executed last (the second engine is wrong after those with a >)',
      ...lines,
      `then it is at ${wordText(next)}, where there is`,
      ...following,
      ...(accesses.length === 0 ? [] : ['last accesses to what is not RAM in the slice', ...accesses]),
    ];
  }

  private registers(): string[] {
    const { state } = this.first.engine.cpus[this.slice.cpu];
    const rows = [0, 4, 8, 12].map((from) => {
      const names = Array.from({ length: 4 }, (_, i) => ['SP', 'LR', 'PC'][from + i - 13] ?? `R${from + i}`);
      return `  ${names.map((name, i) => `${name.padStart(3)}=${wordText(state.slots[from + i])}`).join(' ')}`;
    });
    const { cpsr } = state;
    const isa = (cpsr & 0x20) === 0 ? 'A32' : 'T32';
    return [...rows, `  CPSR=${wordText(cpsr)} (${isa}, ${MODE_NAMES[cpsr & 31] ?? 'no'} mode)`];
  }

  private instructionAt(pc: number): { readonly text: string; readonly size: number } {
    const { engine, physical, memory } = this.first;
    const { mmu, state } = engine.cpus[this.slice.cpu];
    const thumb = state.slots[StateSlot.T] === 1;
    mmu.selectContext(state.privileged);
    const found = disassemble(pc, thumb, (va) => {
      const pa = mmu.translateForDebug(va | 0);
      const at = pa < 0 ? -1 : physical.isRam(pa) ? pa + physical.ramDelta : physical.directOffset(pa);
      return at < 0 ? -1 : memory.u16[at >>> 1];
    });
    const place = wordText(pc);
    if (found === undefined) return { text: `${place}  (no memory)`, size: thumb ? 2 : 4 };
    return { text: `${place}  ${found.text}`, size: found.size };
  }
}

function answerText(answer: number | bigint | boolean | string): string {
  return typeof answer === 'number' || typeof answer === 'bigint'
    ? `0x${answer.toString(16)}`
    : String(answer);
}

/** Differences in columns. */
export function table(differences: readonly Difference[]): string[] {
  const width = (cells: readonly string[]): number =>
    Math.min(60, Math.max(...cells.map(({ length }) => length)));
  const rows = [{ what: '', first: 'first', second: 'second' }, ...differences];
  const [whats, firsts] = [width(rows.map(({ what }) => what)), width(rows.map(({ first }) => first))];
  return rows.map(({ what, first, second }) => `  ${what.padEnd(whats)}  ${first.padEnd(firsts)}  ${second}`);
}
