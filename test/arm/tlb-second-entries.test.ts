import { describe, expect, test } from 'vitest';
import type { EngineStatistics } from '../../src/arm/engine-statistics.ts';
import { TlbEntries, TlbFlag } from '../../src/arm/tlb-entries.ts';
import { MachineMemory, MemoryLayout } from '../../src/memory/machine-memory.ts';
import { PageWatches } from '../../src/memory/page-watches.ts';
import * as a from './assembler.ts';
import { AT_ONCE, NEVER } from './at-once.ts';
import { type Bench, CODE, RAM, smallPage } from './bench.ts';
import { agree, type EnginePair, enginePair } from './engine-pair.ts';

/** Two pages with the same place in a TLB array. */
const ONE = 0x5000_0000;
const OTHER = ONE + 4096 * MemoryLayout.tlbEntries;
const FIRST = RAM + 0x20_0000;
const SECOND = RAM + 0x21_0000;
const THIRD = RAM + 0x22_0000;
const GO_ON = CODE + 0x100;

interface Mapped {
  readonly pair: EnginePair;
  /** Where the descriptor of page ONE is. */
  readonly descriptor: number;
}

/** Both pages were loaded and stored to, OTHER last: ONE has the second entry. R8 and R9 have their addresses. */
function bothUsed(options: { notGlobal?: boolean } = {}, promotion = AT_ONCE): Mapped {
  let descriptor = 0;
  const pair = enginePair(promotion, (bench) => {
    const tables = bench.mmuOn();
    const table = tables.second(ONE);
    tables.page(table, ONE, smallPage(FIRST, options));
    tables.page(tables.second(OTHER), OTHER, smallPage(SECOND, options));
    descriptor = table + ((ONE >>> 12) & 0xff) * 4;
    bench.load(FIRST, [111]);
    bench.load(SECOND, [222]);
    bench.load(THIRD, [333]);
    bench.set(8, ONE);
    bench.set(9, OTHER);
    bench.set(1, ONE);
    bench.set(5, smallPage(THIRD, options));
    bench.set(6, descriptor);
    bench.load(CODE, [a.ldr(2, 8), a.str(2, 8), a.ldr(3, 9), a.str(3, 9), a.B_SELF]);
  });
  agree(pair, 1, 4);
  return { pair, descriptor };
}

function run({ pair }: Mapped, code: readonly number[]): Bench {
  for (const bench of pair) {
    bench.load(GO_ON, [...code, a.B_SELF]);
    bench.jump(GO_ON);
  }
  agree(pair, 1, code.length);
  return pair[1];
}

const slowAccesses = ({ engine }: Bench): EngineStatistics['slowAccesses'] =>
  engine.statistics().slowAccesses;

describe('two pages that have the same place in the first level', () => {
  test.each([
    ['in regions', AT_ONCE],
    ['interpreted', NEVER],
  ])('are both there: taking turns calls nobody, by all kinds of accesses (%s)', (_name, promotion) => {
    const mapped = bothUsed({}, promotion);
    const before = slowAccesses(mapped.pair[1]);
    const turns = [
      ...[
        a.ldr(2, 8),
        a.str(3, 9),
        a.ldrh(2, 8),
        a.strh(3, 9),
        a.ldrb(2, 8),
        a.strb(3, 9),
        a.ldrd(2, 8),
        a.strd(2, 9),
      ],
      ...[a.ldrex(4, 8), a.ldr(2, 9), a.strex(7, 3, 8), a.ldm(9, 0x1c), a.stm(8, 0x1c), a.ldm(9, 0x1c)],
    ];
    const bench = run(mapped, turns);
    expect(slowAccesses(bench)).toEqual(before);
    expect([bench.reg(2), bench.word(FIRST)]).toEqual([bench.word(SECOND), bench.word(SECOND)]);
  });

  test.each([
    ['TLBIMVA', a.mcr(1, 8, 0, 7, 1)],
    ['TLBIMVAA', a.mcr(1, 8, 0, 7, 3)],
    ['TLBIALL', a.mcr(1, 8, 0, 7, 0)],
  ])('%s drops the one in the second entry, too', (_name, operation) => {
    const bench = run(bothUsed(), [a.str(5, 6), operation, a.ldr(2, 8), a.ldr(3, 9)]);
    expect([bench.reg(2), bench.reg(3)]).toEqual([333, 222]);
  });

  test('TLBIASID drops it where it is not global, and keeps it where it is', () => {
    const code = [a.movw(7, 0), a.str(5, 6), a.mcr(7, 8, 0, 7, 2), a.ldr(2, 8), a.ldr(3, 9)];
    expect(run(bothUsed({ notGlobal: true }), code).reg(2)).toBe(333);
    expect(run(bothUsed(), code).reg(2)).toBe(111);
  });

  test('a page in the second entry that becomes code is watched: a store to it is seen', () => {
    const mapped = bothUsed();
    for (const bench of mapped.pair) bench.load(FIRST, [a.movw(4, 1), a.bx(14)]);
    run(mapped, [a.blx(8), a.NOP, a.NOP]);
    expect(mapped.pair[1].reg(4)).toBe(1);
    for (const bench of mapped.pair) bench.set(7, a.movw(4, 2));
    // OTHER again between, so that the store finds ONE in the second entry.
    const bench = run(mapped, [
      a.ldr(3, 9),
      a.str(7, 8),
      a.mcr(1, 7, 0, 5, 0),
      a.ISB,
      a.blx(8),
      a.NOP,
      a.NOP,
    ]);
    expect(bench.reg(4)).toBe(2);
  });

  test('one that was loaded only may not be stored to because it comes back', () => {
    const mapped = bothUsed();
    for (const bench of mapped.pair) {
      bench.set(5, smallPage(FIRST, { ap: 7 }));
      bench.set(7, 9);
    }
    const bench = run(mapped, [a.str(5, 6), a.mcr(1, 8, 0, 7, 1), a.ldr(2, 8), a.ldr(3, 9), a.str(7, 8)]);
    expect([bench.reg(2), bench.vector()]).toEqual([111, 0x10]);
  });

  test('a page has one of the entries: what is filled anew leaves nothing of before', () => {
    const memory = new MachineMemory(0x10_0000);
    const entries = new TlbEntries(memory, new PageWatches(0x10_0000), RAM);
    const flags = TlbFlag.Readable | TlbFlag.Ram;
    entries.fill(0, ONE, RAM, flags | TlbFlag.Global, 12);
    entries.fill(0, OTHER, RAM, flags, 12);
    entries.dropPage(0, OTHER);
    entries.fill(0, ONE, RAM + 4096, flags, 12);
    entries.keepGlobal(0);
    expect(entries.lookup(0, ONE)).toBe(0);
  });
});
