import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Field, insertField } from '../../src/arm/decode/pattern.ts';
import type { Row } from '../../src/arm/decode/row.ts';
import { A32_ROWS, T16_ROWS, T32_ROWS } from '../../src/arm/decode/tables.ts';
import { MemoryLayout } from '../../src/memory/machine-memory.ts';
import { WatchKind } from '../../src/memory/page-watches.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM, VECTORS } from './bench.ts';
import { randomWords } from './random-words.ts';

const DATA = RAM + 0x2_0000;

/** Sums a table with calls, conditional code and supervisor calls, for ever. R0 to R5 change all the time. */
function busyProgram(): { readonly code: number[]; readonly handler: number[] } {
  const code = [
    ...a.mov32(1, DATA),
    a.movw(2, 0),
    // 3: the loop
    a.ldr(3, 1),
    a.addReg(0, 0, 3),
    a.addImm(2, 2, 1),
    a.str(2, 1),
    a.cmpImm(2, 5),
    a.b(8, 11, a.NE),
    a.eorReg(4, 4, 0),
    a.svc(2),
    // 11
    a.bl(11, 15),
    a.cmpImm(2, 9),
    a.b(13, 3, a.NE),
    a.b(14, 2),
    // 15: a function, half of it in T32
    ...a.mov32(5, CODE + 18 * 4 + 1),
    a.bx(5),
    ...a.pack([a.tAddImm(4, 3), a.tMovImm(6, 1), 0x2c00, a.tIt(a.EQ), a.tMovImm(6, 2), a.tBx(14)]),
  ];
  return { code, handler: [a.addImm(7, 7, 1), a.mrsSpsr(8), a.subsPcLr(0)] };
}

function startBusy(bench: Bench): void {
  bench.restart();
  const { code, handler } = busyProgram();
  bench.load(CODE, code);
  bench.load(VECTORS + 8, [a.b(0, 0x100 / 4)]);
  bench.load(VECTORS + 8 + 0x100, handler);
}

function ramOf(bench: Bench): Uint8Array {
  return bench.memory.bytes.subarray(MemoryLayout.ram);
}

const whole = new Bench();
const split = new Bench();

describe('run(n) runs exactly n instructions', () => {
  test('the busy program comes back to its start', () => {
    startBusy(whole);
    whole.run(3000);
    expect(whole.reg(7)).toBeGreaterThan(10);
    expect(whole.reg(6)).toBe(1);
  });

  test('for every n: as many single steps give the same state', () => {
    startBusy(whole);
    startBusy(split);
    for (let n = 1; n <= 150; n++) {
      startBusy(whole);
      const before = whole.engine.instructions;
      expect(whole.engine.run(whole.cpu, n)).toBe('budget');
      expect(whole.engine.instructions - before).toBe(n);
      split.engine.run(split.cpu, 1);
      expect(whole.snapshot()).toBe(split.snapshot());
    }
  });

  test('and any split of n gives the same state and the same memory', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 }), (parts) => {
        startBusy(whole);
        startBusy(split);
        for (const part of parts) split.run(part);
        whole.run(parts.reduce((sum, part) => sum + part, 0));
        expect(split.snapshot()).toBe(whole.snapshot());
        expect(Buffer.compare(ramOf(split), ramOf(whole))).toBe(0);
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  test('an inexact engine runs whole blocks, never more than n instructions', () => {
    const bench = new Bench();
    bench.engine.exact = false;
    startBusy(bench);
    for (const n of [500, 100, 77, 64]) {
      const before = bench.engine.instructions;
      bench.engine.run(bench.cpu, n);
      const executed = bench.engine.instructions - before;
      expect(executed).toBeLessThanOrEqual(n);
      expect(executed).toBeGreaterThan(n - 64);
    }
  });
});

test('an endless loop in one block sees the event word that another thread sets', async () => {
  const bench = new Bench();
  bench.load(CODE, [a.B_SELF]);
  const worker = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads');
     parentPort.postMessage('here');
     setTimeout(() => Atomics.store(new Int32Array(workerData.buffer), workerData.at, 1), 20);`,
    {
      eval: true,
      workerData: { buffer: bench.memory.wasm.buffer, at: MemoryLayout.eventWord >>> 2 },
    },
  );
  await new Promise((resolve) => worker.once('message', resolve));
  expect(bench.engine.run(bench.cpu, 3_000_000_000)).toBe('event');
  expect(bench.engine.instructions).toBeGreaterThan(0);
  await worker.terminate();
});

describe('code of any kind', () => {
  const rows: readonly Row[] = [...A32_ROWS, ...T32_ROWS, ...T16_ROWS];
  const isCondition = (field: Field): boolean => field.pieces[0].shift === 28;

  function encodingOf(row: Row, random: () => number): number {
    let encoding = (row.value | row.shouldValue) >>> 0;
    for (const field of row.fields) {
      const value = random() % 2 ** field.width;
      encoding = insertField(field, encoding, isCondition(field) && random() % 2 === 0 ? 14 : value);
    }
    return encoding;
  }

  /** Words of code: encodings of the tables, and pure chance. */
  function codeOf(random: () => number, thumb: boolean): number[] {
    const halfwords: number[] = [];
    while (halfwords.length < 96) {
      const row = rows[random() % rows.length]!;
      const encoding = random() % 8 === 0 ? random() : encodingOf(row, random);
      if (row.width === 16) halfwords.push(encoding & 0xffff);
      else if (thumb) halfwords.push(encoding >>> 16, encoding & 0xffff);
      else halfwords.push(encoding & 0xffff, encoding >>> 16);
    }
    return a.pack(halfwords);
  }

  /** Stores to pages that have been run from: a block that changes itself may go on as it was, a single step can't. */
  let storesToCode = 0;
  for (const { watches, engine } of [whole, split]) {
    watches.setWatcher(WatchKind.Code, (offset, length) => {
      storesToCode++;
      engine.cache.invalidateRange(offset, length);
    });
  }

  function start(bench: Bench, seed: number): void {
    const random = randomWords(seed | 1);
    for (let i = 0; i < 8; i++) random();
    bench.restart();
    const thumb = random() % 2 === 1;
    bench.load(CODE, codeOf(random, thumb));
    bench.load(CODE + 0x1000 - 0x40, codeOf(random, thumb));
    // Handlers that go on after the instruction, so that code of any kind gets somewhere.
    bench.load(VECTORS + 4, [a.subsPcLr(0), a.subsPcLr(0), a.subsPcLr(0), a.subsPcLr(4)]);
    if (random() % 3 === 0) {
      bench.mmuOn();
      if (random() % 2 === 0) bench.cpu.regs.SCTLR |= random() & 0x7e183802;
    }
    const modes = [0x10, 0x11, 0x12, 0x13, 0x17, 0x1b, 0x1f];
    const itState = thumb && random() % 8 === 0 ? random() & 0x0600_ec00 : 0;
    const { state } = bench.cpu;
    for (const mode of modes) {
      state.cpsr = mode;
      for (let n = 0; n < 15; n++) {
        const near = random() % 2 === 0;
        bench.set(n, near ? CODE + (random() % 0x2000) : random());
      }
      if (mode !== 0x10 && mode !== 0x1f) state.spsr = random();
    }
    state.cpsr = modes[random() % 7]! | (random() & 0xf80f_03c0) | (thumb ? 0x20 : 0) | itState;
    bench.jump((random() % 4 === 0 ? CODE + 0xfc0 + ((random() % 0x40) & ~3) : CODE) | (thumb ? 1 : 0));
  }

  test('never throws out of the emulator, and is the same step by step', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 }),
        (seed, parts) => {
          start(whole, seed);
          start(split, seed);
          storesToCode = 0;
          const n = 200;
          whole.run(n);
          let left = n;
          for (const part of parts) {
            const now = Math.min(part, left);
            if (now > 0) split.run(now);
            left -= now;
          }
          while (left > 0 && split.run(1) !== 'wfi') left--;
          fc.pre(storesToCode === 0);
          expect(split.snapshot()).toBe(whole.snapshot());
          expect(Buffer.compare(ramOf(split), ramOf(whole))).toBe(0);
        },
      ),
      { numRuns: Number(process.env.FUZZ ?? 150), seed: Number(process.env.SEED ?? 5), endOnFailure: true },
    );
  });
});
