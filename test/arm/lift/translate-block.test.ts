import { describe, expect, it } from 'vitest';
import { translateBlock } from '../../../src/arm/translate-block.ts';
import { IrBuilder } from '../../../src/translator/ir/builder.ts';
import { randomWords } from '../random-words.ts';
import { blockOf, lines, reasons, translate } from './lifted.ts';

const NOP = 0xe320f000;
const T_NOP = 0xbf00;

function markers(block: ReturnType<typeof blockOf>): readonly [number, number][] {
  return block.ops.filter((value) => value.op === 'marker').map((value) => [value.imm, value.imm2]);
}

describe('a block', () => {
  it('marks each instruction', () => {
    const block = blockOf([0xe3a01001, 0xe3a02002, 0xeafffffe]);
    expect(markers(block)).toEqual([
      [0x8000, 0],
      [0x8004, 0],
      [0x8008, 0],
    ]);
    expect(block).toMatchObject({ pc: 0x8000, bytes: 12, instructions: 3 });
    expect(lines(block)).toEqual(['r1 = 1', 'r2 = 2', 'exitJump 0x8008 0']);
  });

  it('ends before an instruction that cannot be fetched', () => {
    const block = blockOf([NOP, NOP]);
    expect(block.bytes).toBe(8);
    expect(lines(block)).toEqual(['exitJump 0x8008 0']);
  });

  it('is none when the first instruction cannot be fetched, or its second half', () => {
    expect(translate([])).toBeUndefined();
    expect(translate([0xf000], { thumb: true })).toBeUndefined();
  });

  it('ends after as many instructions as asked', () => {
    expect(blockOf([NOP, NOP, NOP], { maxInstructions: 2 })).toMatchObject({ bytes: 8, instructions: 2 });
  });

  it('does not go on into the next page', () => {
    const block = blockOf([NOP, NOP, NOP], { pc: 0x8ff8 });
    expect(block).toMatchObject({ bytes: 8, instructions: 2 });
    expect(lines(block)).toEqual(['exitJump 0x9000 0']);
  });

  it('holds a T32 instruction that straddles the end of the page, and nothing before or after it', () => {
    const before = blockOf([T_NOP, 0xf04f, 0x0101, T_NOP], { thumb: true, pc: 0x8ffc });
    expect(before).toMatchObject({ bytes: 2, instructions: 1 });
    const block = blockOf([0xf04f, 0x0101, T_NOP], { thumb: true, pc: 0x8ffe });
    expect(block).toMatchObject({ bytes: 4, instructions: 1 });
    expect(lines(block)).toEqual(['r1 = 1', 'exitJump 0x9002 0']);
  });

  it('ends at the top of the address space', () => {
    const block = blockOf([NOP, NOP], { pc: 0xfffffff8 });
    expect(block).toMatchObject({ bytes: 8, instructions: 2 });
    expect(lines(block)).toEqual(['exitJump 0 0']);
  });

  it('leaves both ways at a conditional branch', () => {
    expect(lines(blockOf([0x0a000004, NOP]))).toEqual([
      'skipIfZero L0 cond(nzcv)',
      'exitJump 0x8018 0',
      'label L0',
      'exitJump 0x8004 0',
    ]);
  });

  it('goes on after a conditional instruction that stays in it', () => {
    expect(blockOf([0x03a01001, NOP]).instructions).toBe(2);
  });
});

describe('an IT block', () => {
  const ITTE_NE = 0xbf1a;

  it('gives each instruction its condition and ITSTATE, and takes flags away from T16', () => {
    const block = blockOf([ITTE_NE, 0x1c49, 0x1c52, 0x1c5b, 0x1c64], { thumb: true });
    expect(markers(block).map(([, it]) => it)).toEqual([0, 0x1a, 0x14, 0x08, 0]);
    expect(lines(block)).toEqual([
      'skipIfZero L0 cond.1(nzcv)',
      'r1 = add(r1, 1)',
      'label L0',
      'skipIfZero L1 cond.1(nzcv)',
      'r2 = add(r2, 1)',
      'label L1',
      'skipIfZero L2 cond(nzcv)',
      'r3 = add(r3, 1)',
      'label L2',
      'r4 = add(r4, 1)',
      'nzcv = nzcvAdd(r4, 1, 0)',
      'exitJump 0x800a 0',
    ]);
  });

  it('sees the flags that an instruction of it has changed (CMPNE in ITT NE)', () => {
    const block = blockOf([0xbf1c, 0x2901, 0x1c52], { thumb: true });
    const conditions = block.ops.filter((value) => value.op === 'cond');
    expect(conditions).toHaveLength(2);
    expect(conditions[0].args[0]).not.toBe(conditions[1].args[0]);
  });

  it('may be entered in the middle, which spends slot IT', () => {
    const block = blockOf([0x1c49, 0x1c52], { thumb: true, it: 0x08 });
    expect(lines(block)).toEqual([
      'it = 0',
      'skipIfZero L0 cond(nzcv)',
      'r1 = add(r1, 1)',
      'label L0',
      'r2 = add(r2, 1)',
      'nzcv = nzcvAdd(r2, 1, 0)',
      'exitJump 0x8004 0',
    ]);
    expect(markers(block).map(([, it]) => it)).toEqual([0x08, 0]);
  });

  it('that is cut leaves its state in slot IT', () => {
    const block = blockOf([ITTE_NE, 0x1c49], { thumb: true, maxInstructions: 2 });
    expect(lines(block).slice(-2)).toEqual(['it = 20', 'exitResync 0x8004 0']);
  });

  it('goes on after an instruction that ends the block, on both paths', () => {
    const block = blockOf([0xbf1c, 0xee01, 0x1f10, T_NOP], { thumb: true });
    expect(lines(block)).toEqual([
      'skipIfZero L0 cond.1(nzcv)',
      '%0 = copWrite(0xf0100, r1)',
      'it = 24',
      'exitResync 0x8006 0',
      'label L0',
      'it = 24',
      'exitResync 0x8006 0',
    ]);
  });

  it('does not hold BKPT back', () => {
    expect(lines(blockOf([0xbf08, 0xbe01], { thumb: true }))).toEqual(['exitRaise 3 1']);
  });

  it('may branch in its last instruction only', () => {
    expect(reasons([0xbf08, 0xe7fe], { thumb: true })).toEqual([]);
    expect(reasons([0xbf04, 0xe7fe], { thumb: true })).toEqual(['B T2: a branch inside an IT block']);
  });

  it('may not hold another, a conditional branch or CPS', () => {
    for (const halfword of [0xbf08, 0xd0fe, 0xb101, 0xb672]) {
      expect(reasons([0xbf08, halfword], { thumb: true })).toHaveLength(1);
    }
  });
});

describe('any code', () => {
  const features = { divide: true, swp: true, virtualization: true, fusedMultiplyAdd: true };

  it.each([
    ['A32', false],
    ['T32', true],
  ])('%s is translated to operations whose operands come before them', (_, thumb) => {
    const random = randomWords(3);
    for (let i = 0; i < 30_000; i++) {
      const result = translateBlock({
        pc: 0x8000,
        thumb,
        bigEndian: i % 2 === 1,
        it: 0,
        features,
        maxInstructions: 4,
        fetch16: () => random() & 0xffff,
      });
      const { ops } = result?.block ?? new IrBuilder().finish(0, 0);
      const seen = new Set(ops);
      const last = ops.at(-1)?.op;
      if (!last?.startsWith('exit')) throw new Error(`block ${i} ends with ${last}`);
      let open = 0;
      for (const value of ops) {
        if (value.op === 'skipIfZero') open++;
        if (value.op === 'label') open--;
        for (const arg of value.args) {
          if (arg.op !== 'const' && (!seen.has(arg) || arg.id >= value.id))
            throw new Error(`block ${i}: ${value.op}`);
        }
      }
      if (open !== 0) throw new Error(`block ${i} has an open label`);
    }
  });
});
