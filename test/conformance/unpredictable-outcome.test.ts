import { expect, test } from 'vitest';
import { unpredictableOutcome } from './generator/generate.ts';
import { Mode, STATE_WORDS, VECTORS_ARM, W } from './layout.ts';
import type { Outcome } from './vector.ts';

/** What the recorder leaves after an undefined instruction, as far as it matters here. */
function outcomeOf(words: { readonly [word: number]: number }): Outcome {
  const state = new Uint32Array(STATE_WORDS);
  state[W.PC] = VECTORS_ARM + 4;
  state[W.CPSR] = Mode.und;
  state[W.SPSR_und] = Mode.usr;
  for (const [word, value] of Object.entries(words)) state[Number(word)] = value;
  return { state, memory: [] };
}

test('an outcome with the mode of an exception, and a mode that it came from, counts', () => {
  expect(unpredictableOutcome(outcomeOf({}))).toBeUndefined();
});

test('an outcome with a mode that does not exist comes from the midst of the recorder, and does not', () => {
  for (const mode of [0x03, 0x00, 0x14, 0x16, 0x1e]) {
    expect(unpredictableOutcome(outcomeOf({ [W.CPSR]: mode }))).toBe('a jump into the recorder');
  }
});

test('an SPSR with a mode that does not exist is the fault of the block', () => {
  expect(unpredictableOutcome(outcomeOf({ [W.SPSR_und]: 0x03 }))).toBe('a PSR with a reserved mode');
});
