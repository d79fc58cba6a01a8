import '../../../src/translator/wasm/webassembly-types.ts';
import { fixedPoint } from '../../../src/arm/fp/conversion-rows.ts';
import { Fpscr } from '../../../src/arm/fp/fp-context.ts';
import { VECTOR_ROWS } from '../../../src/arm/vector-rows.ts';
import { MemoryLayout } from '../../../src/memory/machine-memory.ts';
import { VectorTable } from '../../../src/translator/vector/table.ts';
import { STICKY_SLOT, type VectorFunction } from '../../../src/translator/vector/vector-function.ts';
import { FunctionBody } from '../../../src/translator/wasm/function-body.ts';
import { ModuleWriter } from '../../../src/translator/wasm/module-writer.ts';
import { emitVector } from '../../../src/translator/wasm/vector-emitters.ts';
import type { Operands } from '../../soft-float/operands.ts';

const STATE = MemoryLayout.state >>> 2;
const V0 = 32;
/** V registers, and the words for structures behind them. */
const WINDOW = 104;
const PAGES = 2;

/** A row on certain slots. */
export interface VectorCase {
  readonly row: VectorFunction;
  readonly d: number;
  readonly a: number;
  readonly b: number;
  readonly imm: number;
}

/** Compiles emitted code and runs it beside the interpreter's functions, on one memory. */
export class VectorHarness {
  /** Calls of the interpreter's functions by emitted code. */
  fallbacks = 0;
  private readonly memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
  private readonly words = new Int32Array(this.memory.buffer);
  private readonly table = new VectorTable(VECTOR_ROWS, this.words);

  /** A function for each case that runs it once. @throws Error where there is no code for a row. */
  compile(cases: readonly VectorCase[]): readonly (() => void)[] {
    const writer = new ModuleWriter();
    writer.importMemory('memory', PAGES);
    const call = writer.importFunction('call', ['i32'], []);
    for (const [i, { row, d, a, b, imm }] of cases.entries()) {
      const code = new FunctionBody([]);
      const [addressD, addressA, addressB] = [d, a, b].map((slot) => MemoryLayout.state + 4 * slot);
      const emitted = emitVector(code, row, addressD!, addressA!, addressB!, imm, () =>
        code.i32(i).call(call),
      );
      if (!emitted) throw new Error(`no code for ${row.name}`);
      const fn = writer.declare([], []);
      writer.define(fn, code);
      writer.export(`f${i}`, fn);
    }
    const host = {
      memory: this.memory,
      call: (i: number): void => {
        this.fallbacks++;
        this.interpret(cases[i]!);
      },
    };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(writer.finish()), { host });
    return cases.map((_case, i) => exports[`f${i}`] as () => void);
  }

  interpret({ row, d, a, b, imm }: VectorCase): void {
    this.table.run(this.table.numberOf(row), imm, STATE + d, STATE + a, STATE + b);
  }

  /** What the state is after `run`, from registers and FPSCR. */
  after(run: () => void, registers: readonly number[], fpscr: number): Int32Array {
    this.words.set(registers, STATE + V0);
    this.words[STATE + STICKY_SLOT] = fpscr;
    run();
    return this.words.slice(STATE, STATE + WINDOW);
  }

  /** Both ways on the same state. @returns a description of the first difference. */
  difference(
    c: VectorCase,
    compiled: () => void,
    registers: readonly number[],
    fpscr: number,
  ): string | undefined {
    const expected = this.after(() => this.interpret(c), registers, fpscr);
    const actual = this.after(compiled, registers, fpscr);
    const slot = expected.findIndex((word, i) => word !== actual[i]);
    if (slot < 0) return undefined;
    const hex = (word: number | undefined): string => ((word ?? 0) >>> 0).toString(16).padStart(8, '0');
    const operand = (at: number): string =>
      registers
        .slice(at - V0, at - V0 + 4)
        .map(hex)
        .join(' ');
    return [
      `${c.row.name} d=${c.d} a=${c.a} b=${c.b} imm=${c.imm} fpscr=${hex(fpscr)}`,
      `d: ${operand(c.d)}, a: ${operand(c.a)}, b: ${operand(c.b)}`,
      `slot ${slot}: ${hex(actual[slot])}, expected ${hex(expected[slot])}`,
    ].join('; ');
  }
}

/** The immediates that a row may be given, or some of them. */
function immediatesOf({ name }: VectorFunction): readonly number[] {
  const bits = Number(/(\d+)( q)?$/.exec(name)?.[1] ?? 0);
  const op = name.replace(/\.[^.]*$/, '');
  if (/^(vshr|vsra|vrshr|vrsra|vsri)$/.test(op)) return [1, 2, bits / 2, bits - 1, bits];
  if (/^(vshl #|vsli|vqshl #|vqshlu)$/.test(op)) return [0, 1, bits / 2 - 1, bits - 2, bits - 1];
  if (/^v(q?r?shru?n|shll)$/.test(op)) return [0, 1, 3, bits - 1, bits];
  if (op === 'vrev') return [1, 3, 7].filter((group) => (group + 1) * bits <= 64);
  if (/scalar/.test(op) || op === 'vdup') return Array.from({ length: 64 / bits }, (_unused, i) => i);
  if (name === 'vext') return [0, 1, 4, 7];
  if (name === 'vext q') return [0, 1, 7, 8, 15];
  if (/^vtb[lx]/.test(name)) return [8 * bits];
  if (/^vcmp/.test(name)) return [0, 1];
  if (name === 'vcvtb.f32.f16') return [0, 1];
  if (/^vcvt (to|from) fixed/.test(name)) return [1, 7, 16, 31, 32];
  if (/^vcvt\..*fixed/.test(name)) {
    // Integers as FPSCR says, also to integers towards zero; fixed-point numbers in the one mode of their direction.
    const to = name.startsWith('vcvt.fixed');
    const fixed = to ? 'towards zero' : 'to nearest';
    return [true, false].flatMap((unsigned) => [
      fixedPoint(0, 32, unsigned, 'FPSCR'),
      fixedPoint(0, 32, unsigned, fixed),
      fixedPoint(20, 32, unsigned, fixed),
      fixedPoint(32, 32, unsigned, fixed),
      fixedPoint(0, 16, unsigned, fixed),
      fixedPoint(7, 16, unsigned, fixed),
    ]);
  }
  return [0];
}

/** Places of the operands: registers of their sizes, apart at first, then so near that they often overlap. */
export function casesOf(row: VectorFunction, operands: Operands, places: number): readonly VectorCase[] {
  const words = [0, 1, 2].map((i) => Math.max(row.reads[i]!.length, (row.writes[i] ?? []).length, 1));
  // Quadwords are aligned; tables and structures are rows of doublewords.
  const alignments = words.map((n) => (n === 4 && !/^v(tb|ld|st)/.test(row.name) ? 4 : Math.min(n, 2)));
  return immediatesOf(row).flatMap((imm) =>
    Array.from({ length: places }, (_unused, i) => {
      const [d, a, b] = alignments.map((n, k) =>
        i === 0 ? V0 + 16 * k : V0 + n * operands.below(i === 1 ? 1 : 16 / n),
      ) as [number, number, number];
      return { row, d, a, b, imm };
    }),
  );
}

/** FPSCR as programs have it, and then anything. */
export function randomFpscr(operands: Operands): number {
  const modes = Fpscr.RMODE | Fpscr.FZ | Fpscr.DN | Fpscr.AHP;
  switch (operands.below(8)) {
    case 0:
      return 0;
    case 1:
    case 2:
      return operands.word() & (Fpscr.NZCV | Fpscr.QC);
    case 3:
      return operands.word() & (modes | Fpscr.IXC);
    case 4:
      return operands.word() & Fpscr.WRITABLE & ~(Fpscr.LEN | Fpscr.STRIDE);
    default:
      return Fpscr.IXC | (operands.word() & (Fpscr.NZCV | Fpscr.QC | Fpscr.DN));
  }
}
