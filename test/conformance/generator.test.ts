import { describe, expect, it } from 'vitest';
import { CoreUnderTest } from './core-under-test.ts';
import type { CpuUnderTest } from './cpu-under-test.ts';
import { drawCandidate, type RowOfSet } from './generator/candidate.ts';
import { LEFT_OUT } from './generator/left-out.ts';
import { RANDOM_BLOCK_SOURCES } from './generator/random-blocks.ts';
import { REDRAW } from './generator/shape.ts';
import { CPSR, Mode, SCTLR, VECTORS_ARM, VECTORS_THUMB, W } from './layout.ts';
import { FRESH_LIMIT, LIMIT, replayVector } from './replay.ts';
import { expandVector, type Outcome, type Vector } from './vector.ts';
import { SETS } from './vector-files.ts';

const DRAWS = 60;

function reasonsOf(row: RowOfSet): string[] {
  const drawn = Array.from({ length: DRAWS }, (_, index) => drawCandidate(1, row, index));
  return drawn.flatMap((candidate) => ('skipped' in candidate ? [candidate.skipped] : []));
}

describe('the generator', () => {
  for (const { name, rows } of SETS) {
    it(`leaves out of the ${name} table only what left-out.ts gives a section for`, () => {
      const unexplained = rows
        .flatMap(reasonsOf)
        .filter((reason) => reason !== REDRAW && !LEFT_OUT.has(reason));
      expect([...new Set(unexplained)]).toEqual([]);
    });
  }

  it('draws the same vector from the same seed, and another from another', () => {
    const row = SETS[0]!.rows[0]!;
    expect(drawCandidate(5, row, 1)).toEqual(drawCandidate(5, row, 1));
    expect(drawCandidate(5, row, 1)).not.toEqual(drawCandidate(6, row, 1));
  });
});

describe('random blocks', () => {
  it('are the same from the same seed, and no two sources and seeds give the same', () => {
    const draw = (seed: number): string[] =>
      RANDOM_BLOCK_SOURCES.map((source) => JSON.stringify(source.draw(seed, 0)));
    expect(draw(5)).toEqual(draw(5));
    expect(new Set([...draw(5), ...draw(6)]).size).toBe(2 * RANDOM_BLOCK_SOURCES.length);
  });

  it('are made of several instructions, some of VFP and Advanced SIMD, and come to an end', () => {
    const core = new CoreUnderTest();
    const vectors = RANDOM_BLOCK_SOURCES.flatMap((source) =>
      Array.from({ length: 40 }, (_, index) => source.draw(7, index)).filter(
        (drawn) => typeof drawn !== 'string',
      ),
    );
    const ended = vectors.filter((vector) => {
      core.start(vector);
      return core.run(LIMIT);
    });
    expect(ended.length).toBeGreaterThan(0.97 * vectors.length);
    expect(vectors.every(({ recipe }) => recipe.code.length >= 3)).toBe(true);
    const isFloating = (word: number): boolean => (word & 0x0c000e00) === 0x0c000a00;
    expect(vectors.some(({ recipe }) => !recipe.thumb && recipe.code.some(isFloating))).toBe(true);
  });
});

/** The project's CPU with one thing wrong afterwards. */
class SpoiledCpu implements CpuUnderTest {
  private readonly core = new CoreUnderTest();
  private readonly spoil: (outcome: Outcome) => Outcome;

  constructor(spoil: (outcome: Outcome) => Outcome) {
    this.spoil = spoil;
  }
  readonly start: CpuUnderTest['start'] = (vector) => this.core.start(vector);
  readonly run: CpuUnderTest['run'] = (limit) => this.core.run(limit);
  readonly outcome = (): Outcome => this.spoil(this.core.outcome());
  readonly describe: CpuUnderTest['describe'] = (vector) => this.core.describe(vector);
}

describe('a replay', () => {
  // STR R1, [R0]
  const recipe = {
    code: [0xe5801000],
    thumb: false,
    extensions: false,
    pokes: [],
    overrides: [{ word: W.R0, value: 0x80001000 }],
  };
  const vector = expandVector(1, 2, 3, recipe);
  const core = new CoreUnderTest();
  core.start(vector);
  core.run(8);
  const recorded = { vector, outcome: core.outcome() };

  it('says nothing where all is as recorded', () => {
    expect(replayVector(new CoreUnderTest(), 'STR', recorded)).toBeUndefined();
  });

  it('waits for a fresh vector that goes back often before its end, and says of a lost one that it is', () => {
    // SUBS R0, R0, #1; BNE .-4
    const loop = expandVector(1, 2, 3, {
      ...recipe,
      code: [0xe2500001, 0x1afffffd],
      overrides: [{ word: W.R0, value: 16 * LIMIT }],
    });
    core.start(loop);
    expect(core.run(LIMIT)).toBe(false);
    expect(core.run(FRESH_LIMIT)).toBe(true);
    const ended = { vector: loop, outcome: core.outcome() };
    expect(replayVector(new CoreUnderTest(), 'SUBS', ended, FRESH_LIMIT)).toBeUndefined();
    expect(replayVector(new CoreUnderTest(), 'SUBS', ended)).toMatch(/no exception after 8192 instructions/);
  });

  it('names the register, flag or word of memory that differs', () => {
    const withWord = (word: number, flip: number): CpuUnderTest =>
      new SpoiledCpu(({ state, memory }) => ({
        state: state.map((value, w) => (w === word ? value ^ flip : value)),
        memory,
      }));
    expect(replayVector(withWord(W.R7, 1), 'STR', recorded)).toMatch(/R7: .* expected .*, got /);
    expect(replayVector(withWord(W.SPSR_und, 1 << 29), 'STR', recorded)).toMatch(/SPSR_und: .* expected /);
    expect(replayVector(withWord(W.DFSR, 1 << 11), 'STR', recorded)).toMatch(/DFSR: /);
    const forgetful = new SpoiledCpu(({ state }) => ({ state, memory: [] }));
    expect(replayVector(withWord(W.FPSCR, 1 << 4), 'STR', recorded)).toMatch(/FPSCR: /);
    expect(replayVector(withWord(W.D31_high, 1), 'STR', recorded)).toMatch(/D31_high: /);
    expect(replayVector(forgetful, 'STR', recorded)).toMatch(/data word [0-9a-f]+: expected .*, got /);
  });
});

describe('a vector that gets into the pages of the recorder', () => {
  /** Starts anywhere, with these flags, MMU off. */
  const jumpTo = (pc: number, flags: number): Vector => {
    const overrides = [
      { word: W.PC, value: pc },
      { word: W.CPSR, value: (flags | Mode.svc | CPSR.A | CPSR.I | CPSR.F) >>> 0 },
      { word: W.SCTLR, value: SCTLR.base },
    ];
    return expandVector(1, 2, 3, {
      code: [0xe1a00000],
      thumb: false,
      extensions: false,
      pokes: [],
      overrides,
    });
  };
  const core = new CoreUnderTest();

  it('is known, whatever its flags let run of what is there', () => {
    for (let nzcv = 0; nzcv < 16; nzcv++) {
      for (const pc of [VECTORS_ARM + 0xad0, VECTORS_ARM + 0x24, VECTORS_THUMB + 0x80]) {
        const flags = nzcv << 28;
        expect([pc, nzcv, core.touchesRecorder(jumpTo(pc, flags), LIMIT)]).toEqual([pc, nzcv, true]);
        const thumb = core.touchesRecorder(jumpTo(pc, flags | CPSR.T), LIMIT);
        expect([pc, nzcv, 'T32', thumb]).toEqual([pc, nzcv, 'T32', true]);
      }
    }
  });

  it('is not one that stays where vectors are', () => {
    expect(
      core.touchesRecorder(
        expandVector(1, 2, 3, {
          code: [0xe1a00000],
          thumb: false,
          extensions: false,
          pokes: [],
          overrides: [],
        }),
        LIMIT,
      ),
    ).toBe(false);
  });
});
