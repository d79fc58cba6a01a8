import { describe, expect, test } from 'vitest';
import { IrBuilder } from '../../src/translator/ir/builder.ts';
import { type HelperInfo, OPS, type OpName } from '../../src/translator/ir/ops.ts';
import { type IrBlock, type IrValue, irValue } from '../../src/translator/ir/value.ts';
import { irProblems, verifyBlock } from '../../src/translator/ir/verify.ts';

const HELPER: HelperInfo = { name: 'two', argCount: 2, effects: 16 };

/** A block of one instruction that `body` fills, with an exit where it leaves none out. */
function block(body: (b: IrBuilder) => void, leave = true): IrBlock {
  const b = new IrBuilder();
  b.marker(0x100, 0);
  body(b);
  if (leave) b.exit('exitJump', [], 0x104);
  return b.finish(0x100, 4);
}

function problemsOf(body: (b: IrBuilder) => void, leave = true): string {
  return irProblems(block(body, leave)).join('\n');
}

test('a block with skips, accesses and an exit in the middle is well formed', () => {
  const well = block((b) => {
    const address = b.add(b.get(1), b.const(4));
    const over = b.newLabel();
    b.skipIfZero(b.cond(1, b.get(16)), over);
    b.set(0, b.load('load32', address));
    const inner = b.newLabel();
    b.skipIfZero(b.get(2), inner);
    b.exit('exitRaise', [], 1, 0);
    b.label(inner);
    b.label(over);
    b.call(HELPER, b.get(0), b.const(1));
    b.emit('set64', [b.const64(1, 2)], 4);
  });
  expect(irProblems(well)).toEqual([]);
  expect(() => verifyBlock(well)).not.toThrow();
});

describe('operands', () => {
  test('are defined before they are used', () => {
    const stray = irValue(99, OPS.get, [], 0, 0, undefined);
    expect(problemsOf((b) => b.set(0, stray))).toContain('operand 0 (%99 get) is not defined before');
  });

  test('are not defined where a skip may pass by', () => {
    const problems = problemsOf((b) => {
      const over = b.newLabel();
      b.skipIfZero(b.get(0), over);
      const inside = b.get(1);
      b.label(over);
      b.set(2, inside);
    });
    expect(problems).toContain('is defined where a skip may pass by');
  });

  test('of one skipped region are not used in the next', () => {
    const problems = problemsOf((b) => {
      const first = b.newLabel();
      b.skipIfZero(b.get(0), first);
      const inside = b.get(1);
      b.label(first);
      const second = b.newLabel();
      b.skipIfZero(b.get(0), second);
      b.set(2, inside);
      b.label(second);
    });
    expect(problems).toContain('is defined where a skip may pass by');
  });

  test('have the types and the number of the table', () => {
    expect(problemsOf((b) => b.emit('add64', [b.get(0), b.const64(0, 0)]))).toContain(
      'operand 0 is i32, not i64',
    );
    expect(problemsOf((b) => b.emit('add', [b.get(0)]))).toContain('has 1 operands, not 2');
    expect(problemsOf((b) => b.call(HELPER, b.get(0)))).toContain('has 1 operands, not 2');
    expect(problemsOf((b) => b.call(HELPER, b.get(0), b.const64(0, 0)))).toContain(
      'operand 1 is i64, not i32',
    );
  });
});

describe('immediates', () => {
  test.each<[OpName, (b: IrBuilder) => readonly IrValue[], number]>([
    ['get', () => [], 256],
    ['get64', () => [], 3],
    ['getV128', () => [], 34],
    ['set', (b) => [b.get(0)], -1],
    ['cond', (b) => [b.get(16)], 15],
    ['satS', (b) => [b.get(0)], 33],
    ['satU', (b) => [b.get(0)], 32],
    ['packed', (b) => [b.get(0), b.get(0)], 0x65],
    ['packed', (b) => [b.get(0), b.get(0)], 5],
    ['packedGe', (b) => [b.get(0), b.get(0)], 0x10],
    ['load32', (b) => [b.get(0)], 8],
    ['barrier', () => [], 2],
  ])('%s with %3$i is refused', (op, args, imm) => {
    expect(problemsOf((b) => b.emit(op, args(b), imm))).not.toBe('');
  });

  test('of exits are kinds that there are', () => {
    expect(problemsOf((b) => b.exit('exitWait', [], 4), false)).toContain('is no kind of wait');
    expect(problemsOf((b) => b.exit('exitRaise', [], 0), false)).toContain('is no exception');
  });
});

describe('control', () => {
  test('labels close the last skip that is open', () => {
    const problems = problemsOf((b) => {
      const outer = b.newLabel();
      const inner = b.newLabel();
      b.skipIfZero(b.get(0), outer);
      b.skipIfZero(b.get(0), inner);
      b.label(outer);
      b.label(inner);
    });
    expect(problems).toContain('does not close the last skip');
  });

  test('every skip has its label', () => {
    expect(problemsOf((b) => b.skipIfZero(b.get(0), b.newLabel()))).toContain('labels 0 are missing');
  });

  test('a label belongs to one skip', () => {
    const problems = problemsOf((b) => {
      const label = b.newLabel();
      for (let i = 0; i < 2; i++) {
        b.skipIfZero(b.get(0), label);
        b.label(label);
      }
    });
    expect(problems).toContain('label 0 is taken');
  });

  test('a block ends with an exit, and has nothing after it', () => {
    expect(problemsOf(() => {}, false)).toContain('does not end with an exit');
    expect(problemsOf((b) => b.exit('exitDynamic'))).toContain('the path has left the block');
    const onlySometimes = (b: IrBuilder): void => {
      const over = b.newLabel();
      b.skipIfZero(b.get(0), over);
      b.exit('exitDynamic');
      b.label(over);
    };
    expect(problemsOf(onlySometimes, false)).toContain('does not end with an exit');
    expect(problemsOf(onlySometimes)).toBe('');
  });

  test('a marker stands before what may fault or leave, and outside of skips', () => {
    const b = new IrBuilder();
    b.load('load32', b.get(0));
    b.exit('exitDynamic');
    expect(irProblems(b.finish(0, 4)).filter((p) => p.includes('no marker'))).toHaveLength(2);
    const inSkip = problemsOf((c) => {
      const over = c.newLabel();
      c.skipIfZero(c.get(0), over);
      c.marker(0x104, 0);
      c.label(over);
    });
    expect(inSkip).toContain('an instruction begins inside a skip');
  });
});

test('what is wrong is thrown with the address of the block', () => {
  expect(() => verifyBlock(block(() => {}, false))).toThrow(/block at 0x100 .*\n.*does not end with an exit/);
});
