import { describe, expect, test } from 'vitest';
import { restoreCpu, saveCpu } from '../../src/arm/cpu-saved-state.ts';
import { Mode } from '../../src/arm/modes.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM, smallPage } from './bench.ts';

const UNDEFINED = 0x04;
const SUPERVISOR_CALL = 0x08;
const VALUE = 0x1234_5678;

type Name = 'TPIDRURW' | 'TPIDRURO' | 'TPIDRPRW' | 'DACR';
interface Register {
  readonly name: Name;
  readonly at: readonly [crn: number, opc1: number, crm: number, opc2: number];
  readonly userReads: boolean;
  readonly userWrites: boolean;
}

/** B3.17.1 and B4.1.147 to B4.1.149. */
const REGISTERS: readonly Register[] = [
  { name: 'TPIDRURW', at: [13, 0, 0, 2], userReads: true, userWrites: true },
  { name: 'TPIDRURO', at: [13, 0, 0, 3], userReads: true, userWrites: false },
  { name: 'TPIDRPRW', at: [13, 0, 0, 4], userReads: false, userWrites: false },
  { name: 'DACR', at: [3, 0, 0, 0], userReads: false, userWrites: false },
];

describe.each(REGISTERS)('$name', ({ name, at, userReads, userWrites }) => {
  test('is written and read back within a block, and by who looks at the CPU', () => {
    const bench = new Bench();
    bench.load(CODE, [a.mcr(1, ...at), a.mrc(2, ...at), a.addImm(0, 0, 1), a.mrc(3, ...at), a.B_SELF]);
    bench.set(1, VALUE);
    bench.run(8);
    expect([bench.reg(0), bench.reg(2), bench.reg(3)]).toEqual([1, VALUE, VALUE]);
    expect(bench.cpu.regs[name]).toBe(VALUE);
    bench.cpu.regs[name] = -1;
    bench.jump(CODE + 4);
    bench.run(1);
    expect(bench.reg(2)).toBe(0xffff_ffff);
  });

  test('is UNDEFINED in User mode where it is not for it', () => {
    for (const [instruction, allowed] of [
      [a.mrc(2, ...at), userReads],
      [a.mcr(1, ...at), userWrites],
    ] as const) {
      const bench = new Bench();
      bench.cpu.regs[name] = VALUE;
      bench.load(CODE, [instruction, a.svc(0)]);
      bench.cpu.state.cpsr = Mode.User;
      bench.run(5);
      expect(bench.vector()).toBe(allowed ? SUPERVISOR_CALL : UNDEFINED);
      expect(bench.reg(14)).toBe(CODE + (allowed ? 8 : 4));
    }
  });

  test('asks for the privilege of the mode that runs the block, not of the one that it was translated in', () => {
    const bench = new Bench();
    bench.load(CODE, [a.mrc(2, ...at), a.mcr(1, ...at), a.svc(0)]);
    bench.run(3);
    expect(bench.vector()).toBe(SUPERVISOR_CALL);
    bench.cpu.state.cpsr = Mode.User;
    bench.jump(CODE);
    bench.run(4);
    expect(bench.vector()).toBe(userWrites ? SUPERVISOR_CALL : UNDEFINED);
  });

  test("is each CPU's own, is saved, and is 0 after a reset", () => {
    const bench = new Bench({ cpus: 2 });
    bench.load(CODE, [a.mcr(1, ...at), a.B_SELF]);
    const [first, second] = bench.engine.cpus as [Bench['cpu'], Bench['cpu']];
    for (const [i, cpu] of [first, second].entries()) {
      bench.set(1, i + 1, cpu);
      bench.run(3, cpu);
    }
    expect([first.regs[name], second.regs[name]]).toEqual([1, 2]);
    restoreCpu(first, saveCpu(second));
    expect(first.regs[name]).toBe(2);
    first.reset(CODE);
    expect(first.regs[name]).toBe(0);
  });
});

test('conditional reads know nothing of privilege for the instructions after them', () => {
  const bench = new Bench();
  // MRCNE, which is not executed, and MRC.
  bench.load(CODE, [(a.mrc(2, 13, 0, 0, 4) & 0x0fff_ffff) | 0x1000_0000, a.mrc(3, 13, 0, 0, 4), a.B_SELF]);
  bench.cpu.state.cpsr = 0x4000_0000 | Mode.User;
  bench.run(4);
  expect([bench.vector(), bench.reg(14)]).toEqual([UNDEFINED, CODE + 8]);
});

describe('TLB maintenance', () => {
  const DATA = RAM + 0x30_0000;

  /** CODE's page by a table of small pages; a second copy of the program, which counts in R1, elsewhere. */
  function prepared(...first: number[]): Bench {
    const bench = new Bench();
    const tables = bench.mmuOn();
    const table = tables.second(RAM);
    for (let page = 0; page < 256; page++) {
      tables.page(table, RAM + page * 4096, smallPage(RAM + page * 4096));
    }
    const program = (n: number): number[] => [
      ...first,
      ...new Array<number>(4).fill(a.addImm(n, n, 1)),
      a.B_SELF,
    ];
    bench.load(CODE, program(0));
    bench.load(DATA, program(1));
    bench.set(2, CODE);
    bench.set(3, table + ((CODE >>> 12) & 0xff) * 4);
    bench.set(4, smallPage(DATA));
    return bench;
  }

  test.each([
    ['TLBIMVA', a.mcr(2, 8, 0, 7, 1)],
    ['TLBIMVAAIS', a.mcr(2, 8, 0, 3, 3)],
    ['TLBIALL', a.mcr(2, 8, 0, 7, 0)],
  ])('of the code that runs ends its block (%s)', (_name, instruction) => {
    const bench = prepared(a.str(4, 3), instruction);
    bench.run(10);
    expect([bench.reg(0), bench.reg(1)]).toEqual([0, 4]);
  });

  test('of another page lets the block go on, and the next look at that page is a new one', () => {
    const bench = prepared(a.ldr(5, 6), a.str(4, 3), a.mcr(6, 8, 0, 7, 1), a.ldr(5, 6));
    const page = RAM + 0x4_0000;
    bench.set(6, page);
    bench.set(3, bench.reg(3) - ((CODE >>> 12) & 0xff) * 4 + ((page >>> 12) & 0xff) * 4);
    bench.run(12);
    expect([bench.reg(0), bench.reg(1)]).toEqual([4, 0]);
    expect(bench.reg(5)).toBe(bench.word(DATA));
  });
});
