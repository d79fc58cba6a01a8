import { beforeEach, describe, expect, test } from 'vitest';
import type { Requester } from '../../src/ports/mmio.ts';
import * as a from './assembler.ts';
import { AT_ONCE } from './at-once.ts';
import { Bench, CODE, RAM } from './bench.ts';
import { agree, enginePair } from './engine-pair.ts';

const WORD = RAM + 0x10_0000;
const MASTER: Requester = { kind: 'stream', cpu: 0, streamId: 8, secure: false, privileged: false };

let bench: Bench;

beforeEach(() => {
  bench = new Bench({ cpus: 2 });
  for (const cpu of bench.engine.cpus) {
    bench.set(2, WORD, cpu);
    bench.set(1, 5 + cpu.cpu, cpu);
  }
  bench.load(CODE, [a.ldrex(3, 2), a.NOP, a.strex(4, 1, 2), a.WFE, a.b(4, 3)]);
  for (const cpu of bench.engine.cpus) bench.jump(CODE, cpu);
});

describe('the exclusive monitor (ARM DDI 0406C A3.4)', () => {
  test('lets STREX store where nobody else was there since LDREX', () => {
    bench.run(3);
    expect([bench.reg(4), bench.word(WORD)]).toEqual([0, 5]);
  });

  test('of two CPUs that both loaded, one stores', () => {
    const [first, second] = bench.engine.cpus as [typeof bench.cpu, typeof bench.cpu];
    bench.run(2, first);
    bench.run(3, second);
    bench.run(1, first);
    expect([bench.reg(4, first), bench.reg(4, second), bench.word(WORD)]).toEqual([1, 0, 6]);
  });

  test('is cleared by another CPU that stores in the usual way', () => {
    const [first, second] = bench.engine.cpus as [typeof bench.cpu, typeof bench.cpu];
    bench.run(2, first);
    bench.load(CODE + 0x100, [a.str(1, 2)]);
    bench.jump(CODE + 0x100, second);
    bench.run(1, second);
    bench.run(1, first);
    expect([bench.reg(4, first), bench.word(WORD)]).toEqual([1, 6]);
  });

  test('is cleared by a bus master that stores', () => {
    bench.run(2);
    bench.physical.writeBytes(WORD, Uint8Array.of(9), MASTER);
    bench.run(1);
    expect([bench.reg(4), bench.word(WORD)]).toEqual([1, 9]);
  });

  test('is not cleared by a bus master that only loads', () => {
    bench.run(2);
    bench.physical.readBytes(WORD, new Uint8Array(4), MASTER);
    bench.run(1);
    expect(bench.reg(4)).toBe(0);
  });
});

describe('exclusive accesses to a page that the TLB has', () => {
  /** Apart from the tables. */
  const DATA = RAM + 0x20_0000;

  /** With the page of DATA loaded and stored before, so that the fast path knows it. */
  function warmed(program: readonly number[]): void {
    bench.mmuOn();
    bench.set(2, DATA);
    bench.load(CODE, [a.ldr(0, 2), a.str(0, 2), ...program]);
    bench.run(2 + program.length);
  }

  test('move a word', () => {
    bench.load(DATA, [77]);
    warmed([a.ldrex(3, 2), a.strex(4, 1, 2)]);
    expect([bench.reg(3), bench.reg(4), bench.word(DATA)]).toEqual([77, 0, 5]);
  });

  test('move a doubleword', () => {
    bench.load(DATA, [77, 78]);
    bench.set(8, 1);
    bench.set(9, 2);
    warmed([a.ldrexd(6, 2), a.strexd(4, 8, 2)]);
    expect([bench.reg(6), bench.reg(7), bench.reg(4)]).toEqual([77, 78, 0]);
    expect([bench.word(DATA), bench.word(DATA + 4)]).toEqual([1, 2]);
  });

  test.each([
    ['LDREX', a.ldrex(3, 5), 2],
    ['STREX', a.strex(4, 1, 5), 2],
    ['LDREXD', a.ldrexd(6, 5), 4],
    ['STREXD', a.strexd(4, 8, 5), 4],
  ])('abort where they are not aligned (%s)', (_name, instruction, offset) => {
    bench.set(5, DATA + offset);
    warmed([instruction]);
    expect([bench.vector(), bench.cpu.regs.DFSR & 0x40f]).toEqual([0x10, 1]);
    expect(bench.cpu.regs.DFAR >>> 0).toBe(DATA + offset);
  });

  test('STREX of an instruction is seen by the next block that has it', () => {
    const routine = DATA + 0x100;
    bench.load(routine, [a.addImm(0, 0, 1), a.bx(14)]);
    bench.set(5, routine);
    bench.set(1, a.addImm(0, 0, 16));
    warmed([a.ldrex(3, 5), a.blx(5), a.ldrex(3, 5), a.strex(4, 1, 5), a.blx(5)]);
    bench.run(10);
    expect([bench.reg(4), bench.reg(0)]).toEqual([0, 17]);
  });
});

describe('LDREX and STREX of all sizes', () => {
  const DATA = RAM + 0x20_0000;
  /** Opcode bits 22:21 by size in bytes. */
  const SIZES = { 4: 0, 8: 1, 1: 2, 2: 3 } as const;
  const sizes = [1, 2, 4, 8] as const;
  const load = (size: (typeof sizes)[number]): number => a.ldrex(6, 2) | (SIZES[size] << 21);
  const store = (size: (typeof sizes)[number]): number => a.strex(4, 8, 2) | (SIZES[size] << 21);

  test.each(sizes.flatMap((loaded) => sizes.map((stored) => [loaded, stored] as const)))(
    'of %i and %i bytes store where they are the same, in the interpreter and in regions',
    (loaded, stored) => {
      const pair = enginePair(AT_ONCE, (guest) => {
        guest.mmuOn();
        guest.load(DATA, [0x44332211, 0x88776655]);
        guest.set(2, DATA);
        guest.set(8, 0xa4a3a2a1);
        guest.set(9, 0xa8a7a6a5);
        guest.load(CODE, [a.ldr(0, 2), a.str(0, 2), load(loaded), store(stored), a.B_SELF]);
      });
      agree(pair, 1, 4);
      const [guest] = pair;
      const isStored = loaded === stored;
      const before = Buffer.from('1122334455667788', 'hex');
      const after = Buffer.concat([
        Buffer.from('a1a2a3a4a5a6a7a8', 'hex').subarray(0, stored),
        before.subarray(stored),
      ]);
      const words = isStored ? after : before;
      expect([guest.reg(4), guest.word(DATA), guest.word(DATA + 4)]).toEqual([
        isStored ? 0 : 1,
        words.readUInt32LE(0),
        words.readUInt32LE(4),
      ]);
      expect(guest.reg(6)).toBe(before.readUIntLE(0, Math.min(loaded, 4)));
      if (loaded === 8) expect(guest.reg(7)).toBe(0x88776655);
    },
  );
});

describe('the event register (B1.8.13)', () => {
  const wfe = (): string => {
    bench.jump(CODE + 12);
    return bench.engine.run(bench.cpu, 1);
  };

  test('WFE without an event waits, SEV of any CPU is an event for all, and WFE takes it', () => {
    expect(wfe()).toBe('wfe');
    bench.load(CODE + 0x100, [a.SEV]);
    const other = bench.engine.cpus[1]!;
    bench.jump(CODE + 0x100, other);
    bench.run(1, other);
    expect(wfe()).toBe('budget');
    expect(wfe()).toBe('wfe');
  });

  test('an exception return is an event', () => {
    expect(wfe()).toBe('wfe');
    bench.load(CODE + 0x100, [a.subsPcLr(0)]);
    bench.cpu.state.spsr = 0x1d3;
    bench.set(14, CODE + 12);
    bench.jump(CODE + 0x100);
    bench.run(1);
    expect(wfe()).toBe('budget');
  });
});
