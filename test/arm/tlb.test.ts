import { beforeEach, describe, expect, test } from 'vitest';
import { Mode } from '../../src/arm/modes.ts';
import { Sctlr } from '../../src/arm/system-registers.ts';
import { TLB_KEY_WORDS, TlbArrays } from '../../src/arm/tlb.ts';
import { TlbFlag } from '../../src/arm/tlb-entries.ts';
import { MachineMemory } from '../../src/memory/machine-memory.ts';
import { PageWatches } from '../../src/memory/page-watches.ts';
import * as a from './assembler.ts';
import { Bench, CODE, type Leaf, largePage, RAM, section, smallPage, type Tables } from './bench.ts';

const VA = 0x0030_0000;
const PA = RAM + 0x20_0000;
const OTHER = RAM + 0x30_0000;

const CLIENT = 1;
const MANAGER = 3;
const NO_ACCESS = 0;
const DOMAIN = 2;

let bench: Bench;
let tables: Tables;

beforeEach(() => {
  bench = new Bench();
  tables = bench.mmuOn();
  // A load, a store, an unprivileged load and store, TLB maintenance: each followed by a stop.
  bench.load(CODE, [
    a.ldr(0, 1),
    a.B_SELF,
    a.str(2, 1),
    a.B_SELF,
    a.ldrt(0, 1),
    a.B_SELF,
    a.strt(2, 1),
    a.B_SELF,
    a.mcr(1, 8, 0, 7, 1),
    a.B_SELF,
    a.mcr(1, 8, 0, 7, 0),
    a.B_SELF,
  ]);
  for (const page of [PA, OTHER]) {
    for (let at = page; at < page + 0x10_0000; at += 0x1000) bench.load(at, [at]);
  }
});

function at(step: number, mode: number, va: number): number | undefined {
  bench.cpu.state.cpsr = mode;
  bench.cpu.regs.DFSR = 0;
  bench.cpu.regs.DFAR = 0;
  bench.jump(CODE + 8 * step);
  bench.set(1, va);
  bench.run(1);
  return bench.vector() === 0x10 ? undefined : bench.reg(0);
}

/** The word loaded; undefined for a data abort. */
const load = (va: number, mode: number = Mode.Supervisor): number | undefined => at(0, mode, va);
/** Whether the store was done. */
const store = (va: number, value: number, mode: number = Mode.Supervisor): boolean => {
  bench.set(2, value);
  return at(1, mode, va) !== undefined;
};
const loadUnprivileged = (va: number): number | undefined => at(2, Mode.Supervisor, va);
const storeUnprivileged = (va: number): boolean => at(3, Mode.Supervisor, va) !== undefined;
const invalidateMva = (va: number): void => {
  at(4, Mode.Supervisor, va);
};
const invalidateAll = (): void => {
  at(5, Mode.Supervisor, 0);
};
/** How often the first level did not know an address. */
const misses = (): number => bench.engine.statistics().tlb.firstLevelMisses;
const status = (): number => bench.cpu.regs.DFSR & 0x40f;

function mapSmall(va: number, pa: number, options: Leaf = {}): void {
  tables.page(tables.second(va, options.domain), va, smallPage(pa, options));
}

describe('the TLB holds what was walked until it is told', () => {
  test('a changed descriptor is seen after TLBIMVA of its page', () => {
    mapSmall(VA, PA);
    expect(load(VA)).toBe(PA);
    mapSmall(VA, OTHER);
    invalidateMva(VA);
    expect(load(VA)).toBe(OTHER);
  });

  test('TLBIMVA of one piece of a section drops all pieces of it', () => {
    tables.first(VA, section(PA));
    expect(load(VA)).toBe(PA);
    expect(load(VA + 0x5000)).toBe(PA + 0x5000);
    tables.first(VA, section(OTHER));
    invalidateMva(VA + 0x8_0000);
    expect(load(VA)).toBe(OTHER);
    expect(load(VA + 0x5000)).toBe(OTHER + 0x5000);
  });

  test('TLBIMVA of one piece of a large page drops its others', () => {
    const table = tables.second(VA);
    const map = (pa: number): void => {
      for (let i = 0; i < 16; i++) tables.page(table, VA + i * 0x1000, largePage(pa));
    };
    map(PA);
    expect(load(VA + 0x3000)).toBe(PA + 0x3000);
    map(OTHER);
    invalidateMva(VA + 0xf000);
    expect(load(VA + 0x3000)).toBe(OTHER + 0x3000);
  });

  test('TLBIMVA anywhere in a supersection drops its pieces in every MiB', () => {
    const base = 0x0200_0000;
    const map = (descriptor: number): void => {
      for (let i = 0; i < 16; i++) tables.first(base + i * 0x10_0000, descriptor);
    };
    // A supersection of RAM: its address has the bits 31:24 only.
    map(section(RAM, { supersection: true }));
    expect(load(base + 0x20_1000)).toBe(PA + 0x1000);
    map(0);
    for (let i = 0; i < 16; i++) tables.first(base + i * 0x10_0000, section(OTHER));
    invalidateMva(base + 0xf0_0000);
    expect(load(base + 0x20_1000)).toBe(OTHER + 0x1000);
  });

  test('TLBIALL drops everything', () => {
    mapSmall(VA, PA);
    expect(load(VA)).toBe(PA);
    tables.first(VA, 0);
    invalidateAll();
    expect(load(VA)).toBeUndefined();
    expect(status()).toBe(0b00101);
  });

  test('TLBIALL drops what is not global, though the tables have it as before', () => {
    mapSmall(VA, PA, { notGlobal: true });
    expect(load(VA)).toBe(PA);
    const before = misses();
    invalidateAll();
    expect(load(VA)).toBe(PA);
    expect(misses()).toBe(before + 1);
  });

  test('TLBIALL keeps what is global where the tables have all of it as before', () => {
    const table = tables.second(VA);
    tables.page(table, VA, smallPage(PA));
    tables.page(table, VA + 0x1000, smallPage(PA + 0x1000));
    for (const va of [VA, VA + 0x1000]) expect(load(va)).toBe(va - VA + PA);
    const before = misses();
    for (let i = 0; i < 3; i++) {
      invalidateAll();
      expect(load(VA)).toBe(PA);
    }
    expect(misses()).toBe(before);
    tables.page(table, VA + 0x1000, smallPage(OTHER));
    invalidateAll();
    expect(load(VA + 0x1000)).toBe(OTHER);
    expect(load(VA)).toBe(PA);
    expect(misses()).toBe(before + 2);
  });

  test('TLBIALL before the table is another one drops what that one does not have', () => {
    mapSmall(VA, PA);
    expect(load(VA)).toBe(PA);
    invalidateAll();
    const others = bench.flatTables(RAM + 0x18_0000);
    others.page(others.second(VA), VA, smallPage(OTHER));
    bench.cpu.regs.TTBR0 = others.base;
    expect(load(VA)).toBe(OTHER);
  });

  test('TLBIALLIS drops what another CPU, whose table is another one just now, does not have there', () => {
    bench = new Bench({ cpus: 2 });
    const one = bench.engine.cpus[1]!;
    tables = bench.mmuOn(one);
    bench.load(CODE, [a.ldr(0, 1), a.B_SELF]);
    bench.load(PA, [PA]);
    bench.load(OTHER, [OTHER]);
    mapSmall(VA, PA);
    const others = bench.flatTables(RAM + 0x18_0000);
    others.page(others.second(VA), VA, smallPage(OTHER));
    const loaded = (): number => {
      bench.set(1, VA, one);
      bench.jump(CODE, one);
      bench.run(1, one);
      return bench.reg(0, one);
    };
    expect(loaded()).toBe(PA);
    one.regs.TTBR0 = others.base;
    one.regs.CONTEXTIDR = 7;
    bench.cpu.invalidateTlb(true, undefined);
    expect(loaded()).toBe(OTHER);
  });

  test('a CPU that was reset has nothing, whatever the tables are', () => {
    mapSmall(VA, PA);
    expect(load(VA)).toBe(PA);
    const { TTBR0, DACR, SCTLR, VBAR } = bench.cpu.regs;
    bench.cpu.reset(CODE);
    Object.assign(bench.cpu.regs, { TTBR0, DACR, SCTLR, VBAR });
    const before = misses();
    expect(load(VA)).toBe(PA);
    expect(misses()).toBe(before + 1);
  });

  test('TLBIMVA reaches every address space and every privilege', () => {
    mapSmall(VA, PA);
    for (const asid of [1, 2]) {
      bench.cpu.regs.CONTEXTIDR = asid;
      expect(load(VA)).toBe(PA);
      expect(load(VA, Mode.User)).toBe(PA);
    }
    tables.first(VA, 0);
    invalidateMva(VA);
    for (const asid of [1, 2]) {
      bench.cpu.regs.CONTEXTIDR = asid;
      expect(load(VA)).toBeUndefined();
      expect(load(VA, Mode.User)).toBeUndefined();
    }
  });

  test('the maintenance of one CPU leaves the others alone, the inner shareable form does not', () => {
    const both = new Bench({ cpus: 2 });
    const shared = both.mmuOn(both.engine.cpus[0]);
    const [first, second] = both.engine.cpus as readonly [typeof both.cpu, typeof both.cpu];
    Object.assign(second.regs, { TTBR0: shared.base, DACR: 1, SCTLR: second.regs.SCTLR | 1 });
    both.load(CODE, [a.ldr(0, 1), a.mcr(1, 8, 0, 3, 1), a.B_SELF]);
    both.load(PA, [7]);
    shared.first(VA, section(PA));
    for (const cpu of [first, second]) {
      both.jump(CODE, cpu);
      both.set(1, VA, cpu);
      both.run(1, cpu);
      expect(both.reg(0, cpu)).toBe(7);
    }
    shared.first(VA, 0);
    // TLBIMVAIS by the first.
    both.run(1, first);
    both.jump(CODE, second);
    both.run(1, second);
    expect(both.vector(second)).toBe(0x10);
  });
});

describe('the second level refills every context, so that tables are read once', () => {
  /** What the tables say now is not what was walked: only who reads them again finds OTHER. */
  const changeUnseen = (options: Leaf = {}): void => mapSmall(VA, OTHER, options);

  test('after a change of the DACR', () => {
    mapSmall(VA, PA, { domain: DOMAIN });
    for (const access of [CLIENT, MANAGER, CLIENT, MANAGER]) {
      bench.cpu.regs.DACR = 1 | (access << (2 * DOMAIN));
      expect(load(VA)).toBe(PA);
      changeUnseen({ domain: DOMAIN });
    }
    invalidateMva(VA);
    expect(load(VA)).toBe(OTHER);
  });

  test('after a change of privilege, with the permissions of the new one', () => {
    mapSmall(VA, PA, { ap: 2 });
    expect(store(VA + 4, 1)).toBe(true);
    changeUnseen();
    expect(load(VA, Mode.User)).toBe(PA);
    expect(store(VA, 1, Mode.User)).toBe(false);
    expect(status()).toBe(0b01111);
    expect(loadUnprivileged(VA)).toBe(PA);
    expect(storeUnprivileged(VA)).toBe(false);
  });

  test('for a global page after a change of the ASID and of TTBR0', () => {
    mapSmall(VA, PA);
    expect(load(VA)).toBe(PA);
    changeUnseen();
    const other = bench.flatTables(RAM + 0x18_0000);
    Object.assign(bench.cpu.regs, { CONTEXTIDR: 7, TTBR0: other.base });
    expect(load(VA)).toBe(PA);
  });

  test('when more contexts were in use than there are first-level arrays', () => {
    mapSmall(VA, PA, { notGlobal: true });
    bench.cpu.regs.CONTEXTIDR = 1;
    expect(load(VA)).toBe(PA);
    changeUnseen({ notGlobal: true });
    for (let asid = 2; asid < 80; asid++) {
      bench.cpu.regs.CONTEXTIDR = asid;
      expect(load(PA + 0x1000)).toBe(PA + 0x1000);
    }
    bench.cpu.regs.CONTEXTIDR = 1;
    expect(load(VA)).toBe(PA);
  });

  test('for fetches: a call of code in the page does not see the change until TLBIMVA', () => {
    bench.load(PA, [a.movw(0, 1), a.B_SELF]);
    bench.load(OTHER, [a.movw(0, 2), a.B_SELF]);
    const call = (): number => {
      bench.cpu.state.cpsr = Mode.Supervisor;
      bench.jump(VA);
      bench.run(1);
      return bench.reg(0);
    };
    mapSmall(VA, PA);
    expect(call()).toBe(1);
    changeUnseen();
    expect(call()).toBe(1);
    invalidateMva(VA + 0xffc);
    expect(call()).toBe(2);
  });
});

describe('TLBIASID (B3.10.5)', () => {
  const invalidateAsid = (asid: number): void => {
    bench.load(CODE + 0x100, [a.mcr(1, 8, 0, 7, 2), a.B_SELF]);
    bench.cpu.state.cpsr = Mode.Supervisor;
    bench.jump(CODE + 0x100);
    bench.set(1, asid);
    bench.run(1);
  };

  test('drops what is not global of its ASID, and nothing else', () => {
    const GLOBAL_VA = VA + 0x2000;
    const table = tables.second(VA);
    const map = (pa: number): void => {
      tables.page(table, VA, smallPage(pa, { notGlobal: true }));
      tables.page(table, GLOBAL_VA, smallPage(pa + 0x1000));
    };
    map(PA);
    for (const asid of [1, 2]) {
      bench.cpu.regs.CONTEXTIDR = asid;
      expect(load(VA)).toBe(PA);
      expect(load(GLOBAL_VA)).toBe(PA + 0x1000);
    }
    map(OTHER);
    invalidateAsid(0x101);
    bench.cpu.regs.CONTEXTIDR = 1;
    expect(load(VA)).toBe(OTHER);
    expect(load(GLOBAL_VA)).toBe(PA + 0x1000);
    bench.cpu.regs.CONTEXTIDR = 2;
    expect(load(VA)).toBe(PA);
  });
});

test('a CPU that is reset has forgotten its TLB', () => {
  mapSmall(VA, PA);
  expect(load(VA)).toBe(PA);
  mapSmall(VA, OTHER);
  const { TTBR0 } = bench.cpu.regs;
  bench.cpu.reset(CODE);
  Object.assign(bench.cpu.regs, { TTBR0, DACR: 1, SCTLR: bench.cpu.regs.SCTLR | Sctlr.M });
  expect(load(VA)).toBe(OTHER);
});

describe('a change of context shows at once, without maintenance', () => {
  test('TTBR0', () => {
    mapSmall(VA, PA, { notGlobal: true });
    const other = bench.flatTables(RAM + 0x18_0000);
    other.first(VA, section(OTHER, { notGlobal: true }));
    const own = bench.cpu.regs.TTBR0;
    for (let i = 0; i < 3; i++) {
      bench.cpu.regs.TTBR0 = own;
      expect(load(VA)).toBe(PA);
      bench.cpu.regs.TTBR0 = other.base;
      expect(load(VA)).toBe(OTHER);
    }
  });

  test('the ASID, for pages that are not global', () => {
    mapSmall(VA, PA, { notGlobal: true });
    bench.cpu.regs.CONTEXTIDR = 1;
    expect(load(VA)).toBe(PA);
    bench.cpu.regs.CONTEXTIDR = 2;
    mapSmall(VA, OTHER, { notGlobal: true });
    expect(load(VA)).toBe(OTHER);
  });

  test('the DACR: a domain that becomes No access, Manager, and Client again', () => {
    mapSmall(VA, PA, { ap: 0, domain: DOMAIN });
    const dacr = (access: number): void => {
      bench.cpu.regs.DACR = 1 | (access << (2 * DOMAIN));
    };
    dacr(MANAGER);
    expect(load(VA)).toBe(PA);
    dacr(CLIENT);
    expect(load(VA)).toBeUndefined();
    expect(status()).toBe(0b01111);
    dacr(NO_ACCESS);
    expect(load(VA)).toBeUndefined();
    expect(status()).toBe(0b01011);
    expect((bench.cpu.regs.DFSR >>> 4) & 15).toBe(DOMAIN);
    dacr(MANAGER);
    expect(load(VA)).toBe(PA);
  });

  test('the mode: what User mode may not, a privileged one may', () => {
    mapSmall(VA, PA, { ap: 1 });
    for (let i = 0; i < 2; i++) {
      expect(load(VA)).toBe(PA);
      expect(load(VA, Mode.User)).toBeUndefined();
      expect(store(VA, PA)).toBe(true);
      expect(store(VA, PA, Mode.User)).toBe(false);
    }
  });

  test('SCTLR.M, off and on', () => {
    mapSmall(VA, PA);
    expect(load(VA)).toBe(PA);
    bench.cpu.regs.SCTLR &= ~1;
    expect(load(VA)).toBeUndefined();
    expect(load(PA)).toBe(PA);
    bench.cpu.regs.SCTLR |= 1;
    expect(load(VA)).toBe(PA);
  });

  test('SCTLR.AFE: AP[0] becomes the access flag', () => {
    mapSmall(VA, PA, { ap: 2 });
    expect(load(VA)).toBe(PA);
    bench.cpu.regs.SCTLR |= Sctlr.AFE;
    tables.first(CODE, section(CODE));
    expect(load(VA)).toBeUndefined();
    expect(status()).toBe(0b00110);
  });

  test('what is global is known in the next address space at once, and by TLBIASID not forgotten', () => {
    mapSmall(VA, PA);
    bench.cpu.regs.CONTEXTIDR = 1;
    expect(load(VA)).toBe(PA);
    const before = misses();
    bench.cpu.regs.CONTEXTIDR = 2;
    expect(load(VA)).toBe(PA);
    bench.cpu.invalidateAsid(false, 2);
    expect(load(VA)).toBe(PA);
    expect(misses()).toBe(before);
    tables.first(VA, 0);
    invalidateMva(VA);
    for (const asid of [1, 2]) {
      bench.cpu.regs.CONTEXTIDR = asid;
      expect(load(VA)).toBeUndefined();
    }
  });

  test('what is global is not known where its domain gives other rights', () => {
    mapSmall(VA, PA, { ap: 6, domain: DOMAIN });
    bench.cpu.regs.DACR = 1 | (MANAGER << (2 * DOMAIN));
    bench.cpu.regs.CONTEXTIDR = 1;
    expect(store(VA, PA)).toBe(true);
    bench.cpu.regs.CONTEXTIDR = 2;
    bench.cpu.regs.DACR = 1 | (CLIENT << (2 * DOMAIN));
    expect(store(VA, PA)).toBe(false);
    expect(load(VA)).toBe(PA);
    bench.cpu.regs.CONTEXTIDR = 3;
    bench.cpu.regs.DACR = 1 | (NO_ACCESS << (2 * DOMAIN));
    expect(load(VA)).toBeUndefined();
  });

  test('what an address space has got from another one is watched where it has code', () => {
    const routine = PA + 0x40;
    mapSmall(VA, PA);
    bench.load(routine, [a.addImm(0, 0, 1), a.B_SELF]);
    const called = (): number => {
      bench.set(0, 0);
      bench.jump(VA + 0x40);
      bench.run(1);
      return bench.reg(0);
    };
    for (const asid of [1, 2]) {
      bench.cpu.regs.CONTEXTIDR = asid;
      expect(store(VA, PA)).toBe(true);
    }
    expect(called()).toBe(1);
    expect(store(VA + 0x40, a.addImm(0, 0, 7))).toBe(true);
    expect(called()).toBe(7);
  });

  test('more contexts than there are arrays, in turn', () => {
    mapSmall(VA, PA);
    for (let round = 0; round < 2; round++) {
      for (let asid = 0; asid < 80; asid++) {
        bench.cpu.regs.CONTEXTIDR = asid;
        expect(load(VA)).toBe(PA);
        expect(store(VA, PA)).toBe(true);
      }
    }
  });
});

test('more contexts than there are arrays, of which later ones have other rights to what is global', () => {
  mapSmall(VA, PA, { ap: 6, domain: DOMAIN });
  for (let asid = 0; asid < 80; asid++) {
    const isManager = asid < 40;
    bench.cpu.regs.CONTEXTIDR = asid;
    bench.cpu.regs.DACR = 1 | ((isManager ? MANAGER : CLIENT) << (2 * DOMAIN));
    expect(load(VA)).toBe(PA);
    expect(store(VA, PA)).toBe(isManager);
  }
});

describe('LDRT and STRT in a privileged mode', () => {
  test('are checked with User permissions, also where the TLB has the page', () => {
    mapSmall(VA, PA, { ap: 2 });
    expect(store(VA, PA)).toBe(true);
    expect(loadUnprivileged(VA)).toBe(PA);
    expect(storeUnprivileged(VA)).toBe(false);
    expect(store(VA, PA)).toBe(true);
    mapSmall(VA, PA, { ap: 1 });
    invalidateAll();
    expect(load(VA)).toBe(PA);
    expect(loadUnprivileged(VA)).toBeUndefined();
    expect(load(VA)).toBe(PA);
  });
});

describe('a data abort', () => {
  test('gives address and WnR', () => {
    mapSmall(VA, PA, { ap: 6 });
    expect(store(VA + 0x10, 1)).toBe(false);
    expect(bench.cpu.regs.DFAR).toBe(VA + 0x10);
    expect(bench.cpu.regs.DFSR & (1 << 11)).toBe(1 << 11);
    expect(status()).toBe(0b01111);
    expect(load(VA + 0x0100_0000)).toBeUndefined();
    expect(bench.cpu.regs.DFSR & (1 << 11)).toBe(0);
  });

  test('of an address behind which there is nothing is external', () => {
    mapSmall(VA, 0x0b00_0000);
    expect(load(VA)).toBeUndefined();
    expect(status()).toBe(0b01000);
    expect(store(VA, 1)).toBe(false);
    expect(status()).toBe(0b01000);
  });

  test('leaves memory and registers as they were', () => {
    mapSmall(VA, PA, { ap: 6 });
    bench.set(0, 77);
    bench.load(CODE + 0x100, [a.stm(1, 0b1100), a.B_SELF, a.ldm(1, 0b1101), a.B_SELF]);
    bench.set(1, VA + 0xffc);
    bench.set(2, 1);
    bench.jump(CODE + 0x100);
    bench.cpu.state.cpsr = Mode.Supervisor;
    bench.run(1);
    expect(bench.vector()).toBe(0x10);
    expect(bench.word(PA + 0xffc)).toBe(0);
    bench.jump(CODE + 0x108);
    bench.cpu.state.cpsr = Mode.Supervisor;
    bench.run(1);
    expect(bench.vector()).toBe(0x10);
    expect([bench.reg(0), bench.reg(2)]).toEqual([77, 1]);
    expect(bench.cpu.regs.DFAR).toBe(VA + 0x1000);
  });
});

describe('a first-level array', () => {
  test.each([1, 300, 511, 512, 513, 5000])('that has got %i pages forgets all of them', (pages) => {
    const memory = new MachineMemory(0x20_0000);
    const arrays = new TlbArrays(memory, new PageWatches(0x20_0000), RAM);
    const array = arrays.select(new Int32Array(TLB_KEY_WORDS), 0);
    const flags = TlbFlag.Ram | TlbFlag.Readable | TlbFlag.Writable;
    const addresses = Array.from({ length: pages }, (_, i) => VA + 0x1000 * i);
    for (let round = 0; round < 3; round++) {
      for (const va of addresses) {
        arrays.fill(array, va, RAM + 0x1000, flags, 12);
        expect(arrays.lookup(array, va)).not.toBe(0);
      }
      // Dropped by itself, and there once more.
      arrays.invalidatePage(VA, -1);
      expect(arrays.lookup(array, VA)).toBe(0);
      arrays.fill(array, VA, RAM + 0x1000, flags, 12);
      arrays.invalidateAll(-1);
      for (const va of addresses) {
        expect(arrays.lookup(array, va)).toBe(0);
        expect(arrays.fastWord(array, va, 4, false)).toBe(-1);
        expect(arrays.fastWord(array, va, 4, true)).toBe(-1);
      }
    }
  });
});
