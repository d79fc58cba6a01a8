import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM } from './bench.ts';

const WORD = RAM + 0x10_0000;
/** TST r3, #1 and TEQ r3, r4; LDR r3, [r2], #4; BEQ over one instruction comes from the assembler. */
const TST_R3_1 = 0xe313_0001;
const TEQ_R3_R4 = 0xe133_0004;
const LDR_R3_R2_POST = 0xe492_3004;
const LDRD_R4_R2 = 0xe1c2_40d0;

let bench: Bench;

beforeEach(() => {
  bench = new Bench({ cpus: 2 });
  bench.engine.spinsGiveWay = true;
  bench.physical.write(WORD, 4, 1, { kind: 'cpu', cpu: 0, streamId: 0, secure: false, privileged: true });
  bench.set(2, WORD);
  bench.set(6, 1000);
});

/** What stops the CPU in this loop, which begins at its first instruction. */
function stopOf(loop: readonly number[]): string {
  bench.load(CODE, loop);
  bench.jump(CODE);
  return run();
}

/** Unlike the bench's own, comes back when the CPU does. */
function run(): string {
  return bench.engine.run(bench.cpu, 600);
}

describe('a loop that can only end by what others do gives way each time around', () => {
  test.each([
    ['waiting for a flag to clear', [a.ldr(3, 2), TST_R3_1, a.b(2, 0, a.NE)]],
    ['the same with a barrier: csd_lock_wait', [a.ldr(3, 2), a.DMB, TST_R3_1, a.b(3, 0, a.NE)]],
    ['comparing with a register', [a.ldr(3, 2), TEQ_R3_R4, a.b(2, 0, a.NE)]],
    ['looking at two words', [LDRD_R4_R2, a.cmpImm(4, 1), a.b(2, 0, a.EQ)]],
    ['by LDREX without a store', [a.ldrex(3, 2), a.cmpImm(3, 1), a.b(2, 0, a.EQ)]],
    ['with padding, as for erratum 754327', [a.NOP, a.NOP, a.ldr(3, 2), TST_R3_1, a.NOP, a.b(5, 0, a.NE)]],
    ['branching to itself', [a.B_SELF]],
  ])('%s', (_what, loop) => {
    expect(stopOf(loop)).toBe('spin');
    expect(bench.pc()).toBe(CODE);
    const before = bench.engine.instructions;
    expect(run()).toBe('spin');
    expect(bench.engine.instructions - before).toBe(loop.length);
  });

  test('and goes on when memory has changed', () => {
    expect(stopOf([a.ldr(3, 2), TST_R3_1, a.b(2, 0, a.NE), a.addImm(7, 7, 1), a.b(4, 4)])).toBe('spin');
    bench.physical.write(WORD, 4, 2, { kind: 'cpu', cpu: 1, streamId: 0, secure: false, privileged: true });
    bench.run(4);
    expect([bench.reg(3), bench.reg(7)]).toEqual([2, 1]);
  });

  test('entered from before its start: the second time around it is known', () => {
    const loop = [a.addImm(7, 7, 1), a.ldr(3, 2), TST_R3_1, a.b(3, 1, a.NE)];
    expect(stopOf(loop)).toBe('spin');
    expect(bench.pc()).toBe(CODE + 4);
    expect(bench.reg(7)).toBe(1);
  });

  test('not where no other CPU could run', () => {
    bench.engine.spinsGiveWay = false;
    expect(stopOf([a.ldr(3, 2), TST_R3_1, a.b(2, 0, a.NE)])).toBe('budget');
  });
});

describe('a loop that gets on by itself is left alone', () => {
  test.each([
    ['counting down', [a.ldr(3, 2), a.subsImm(6, 6, 1), a.b(2, 0, a.NE)]],
    ['walking through memory', [LDR_R3_R2_POST, a.cmpImm(3, 255), a.b(2, 0, a.NE)]],
    ['storing', [a.ldr(3, 2), a.str(3, 2, 8), TST_R3_1, a.b(3, 0, a.NE)]],
    ['taking a lock by STREX', [a.ldrex(3, 2), a.strex(5, 3, 2), TST_R3_1, a.b(3, 0, a.NE)]],
    ['reading the time', [a.mrrc(4, 5, 1, 14), a.ldr(3, 2), TST_R3_1, a.b(3, 0, a.NE)]],
    // R7 changes only where the condition holds, and decides about nothing: it still is not the same each time.
    ['counting under a condition', [a.ldr(3, 2), TST_R3_1, 0x1287_7001, a.b(3, 0, a.NE)]],
  ])('%s', (_what, loop) => {
    expect(stopOf(loop)).toBe('budget');
  });
});

test('a loop that waits says so at the same instructions in both engines, whatever it is come to by', () => {
  const [interpreted, compiled] = (['interpreter', 'wasm'] as const).map((kind) => {
    const two = new Bench({ kind, cpus: 2 });
    two.engine.spinsGiveWay = true;
    // Falls into the loop, which is a part of a larger one; every fourth time the word lets it through.
    const lead = [a.addImm(0, 0, 1), a.NOP];
    two.load(CODE, [...lead, a.ldr(3, 1), a.cmpImm(3, 0), a.b(4, 2, a.EQ), a.b(5, 0)]);
    two.set(1, WORD);
    return Array.from({ length: 40 }, (_unused, i) => {
      two.load(WORD, [i % 4 === 3 ? 1 : 0]);
      two.memory.words[MemoryLayout.eventWord >>> 2] = 0;
      const before = two.engine.instructions;
      const stop = two.engine.run(two.cpu, 20 + (i % 7));
      return `${stop} after ${two.engine.instructions - before} at ${two.pc().toString(16)}`;
    });
  });
  expect(compiled).toEqual(interpreted);
  expect(interpreted![0]).toBe(`spin after 5 at ${(CODE + 8).toString(16)}`);
});
