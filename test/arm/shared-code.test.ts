import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Mode } from '../../src/arm/modes.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM, section, type Tables } from './bench.ts';

const PREFETCH_ABORT = 0x0c;
/** A routine that counts in R0, in a section of its own, and another copy that counts in R1. */
const ROUTINE = RAM + 0x20_0040;
const COPY = RAM + 0x30_0040;

let bench: Bench;
let tables: Tables;

beforeEach(() => {
  bench = new Bench();
  tables = bench.mmuOn();
  bench.load(CODE, [a.blx(2), a.B_SELF]);
  bench.load(ROUTINE, [a.addImm(0, 0, 1), a.bx(14)]);
  bench.load(COPY, [a.addImm(1, 1, 1), a.bx(14)]);
  bench.set(2, ROUTINE);
  bench.cpu.state.cpsr = Mode.System;
});

function call(): void {
  bench.jump(CODE);
  bench.run(6);
}

const counts = (): number[] => [bench.reg(0), bench.reg(1)];

/** Other tables, the same but for what the test changes in them. */
function otherSpace(asid: number): Tables {
  const other = bench.flatTables(RAM + 0x18_0000);
  bench.cpu.regs.TTBR0 = other.base;
  bench.cpu.regs.CONTEXTIDR = asid;
  return other;
}

describe('code that is global', () => {
  test('is known in every address space when it is in one, and with any access to other domains', () => {
    call();
    const fetches = vi.spyOn(bench.cpu.mmu, 'translateFetch');
    otherSpace(1);
    call();
    bench.cpu.regs.DACR = 1 | (3 << 4);
    call();
    expect(counts()).toEqual([3, 0]);
    expect(fetches).not.toHaveBeenCalled();
  });

  test('is not known any longer after TLB maintenance in another address space', () => {
    call();
    otherSpace(1).first(ROUTINE, section(COPY));
    bench.cpu.invalidateTlb(false, ROUTINE);
    call();
    expect(counts()).toEqual([1, 1]);
  });

  const everything: [string, () => void][] = [
    ['of everything', () => bench.cpu.invalidateTlb(false, undefined)],
    ['of everything on all CPUs', () => bench.cpu.invalidateTlb(true, undefined)],
    ['of an ASID', () => bench.cpu.invalidateAsid(true, 0)],
    ['of an address near it', () => bench.cpu.invalidateTlb(true, ROUTINE + 0x1000)],
  ];
  describe.each(everything)('after TLB maintenance %s', (_what, maintain) => {
    test('is still known where the tables say what they said', () => {
      call();
      maintain();
      const fetches = vi.spyOn(bench.cpu.mmu, 'translateFetch');
      call();
      expect(counts()).toEqual([2, 0]);
      expect(fetches).not.toHaveBeenCalled();
    });
  });

  describe.each(everything.filter(([what]) => what !== 'of an ASID'))(
    'after TLB maintenance %s',
    (_what, maintain) => {
      test('is where the tables say it is now, also when they have said so before', () => {
        call();
        for (const at of [COPY, ROUTINE, COPY]) {
          tables.first(ROUTINE, section(at));
          maintain();
          call();
        }
        expect(counts()).toEqual([2, 2]);
      });

      test('aborts where it can no longer be executed, or where nothing is any more', () => {
        for (const entry of [section(ROUTINE, { xn: true }), 0]) {
          tables.first(ROUTINE, section(ROUTINE));
          maintain();
          call();
          expect(bench.vector()).toBeUndefined();
          tables.first(ROUTINE, entry);
          maintain();
          call();
          expect(bench.vector()).toBe(PREFETCH_ABORT);
          bench.cpu.state.cpsr = Mode.System;
        }
      });

      test("is each address space's own once it is not global", () => {
        call();
        tables.first(ROUTINE, section(ROUTINE, { notGlobal: true }));
        maintain();
        call();
        otherSpace(1).first(ROUTINE, section(COPY, { notGlobal: true }));
        call();
        expect(counts()).toEqual([2, 1]);
      });
    },
  );

  test('aborts where its domain gives no access, whichever that is', () => {
    for (const domain of [0, 1]) {
      tables.first(ROUTINE, section(ROUTINE, { domain }));
      bench.cpu.invalidateTlb(false, undefined);
      bench.cpu.regs.DACR = 5;
      call();
      expect(bench.vector()).toBeUndefined();
      // The code that calls is of domain 0.
      bench.cpu.regs.DACR = 5 & ~(3 << (2 * domain));
      call();
      expect(bench.vector()).toBe(PREFETCH_ABORT);
      bench.cpu.state.cpsr = Mode.System;
    }
  });

  test('aborts in User mode where that has no permission', () => {
    tables.first(ROUTINE, section(ROUTINE, { ap: 1 }));
    call();
    expect(counts()).toEqual([1, 0]);
    bench.cpu.state.cpsr = Mode.User;
    call();
    expect([...counts(), bench.vector()]).toEqual([1, 0, PREFETCH_ABORT]);
  });

  test('is something else while the MMU is off', () => {
    tables.first(ROUTINE, section(COPY));
    call();
    bench.cpu.regs.SCTLR &= ~1;
    call();
    bench.cpu.regs.SCTLR |= 1;
    call();
    expect(counts()).toEqual([1, 2]);
  });

  test("is each CPU's own: the maintenance of one leaves what the other knows", () => {
    const two = new Bench({ cpus: 2 });
    const [first, second] = two.engine.cpus as [Bench['cpu'], Bench['cpu']];
    const shared = two.mmuOn();
    Object.assign(second.regs, { TTBR0: shared.base, DACR: 1 });
    second.regs.SCTLR |= 1;
    two.load(ROUTINE, [a.addImm(0, 0, 1), a.bx(14)]);
    two.load(COPY, [a.addImm(1, 1, 1), a.bx(14)]);
    for (const cpu of [first, second]) {
      two.jump(ROUTINE, cpu);
      two.run(1, cpu);
    }
    shared.first(ROUTINE, section(COPY));
    first.invalidateTlb(false, ROUTINE);
    for (const cpu of [first, second]) {
      two.jump(ROUTINE, cpu);
      two.run(1, cpu);
    }
    expect([two.reg(0, first), two.reg(1, first)]).toEqual([1, 1]);
    expect([two.reg(0, second), two.reg(1, second)]).toEqual([2, 0]);
  });
});

test("code that is not global is each address space's own", () => {
  tables.first(ROUTINE, section(ROUTINE, { notGlobal: true }));
  bench.cpu.regs.CONTEXTIDR = 1;
  call();
  otherSpace(2).first(ROUTINE, section(COPY, { notGlobal: true }));
  call();
  Object.assign(bench.cpu.regs, { TTBR0: tables.base, CONTEXTIDR: 1 });
  call();
  expect(counts()).toEqual([2, 1]);
});
