import { beforeEach, describe, expect, test } from 'vitest';
import { Mode } from '../../src/arm/modes.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM } from './bench.ts';

const FIRST = RAM + 0x10_0000;
const SECOND = RAM + 0x10_1000;
const THIRD = RAM + 0x10_2000;
const VA = 0x0060_0000;
const PA = RAM + 0x20_0000;
const OTHER = RAM + 0x30_0000;
const EAE = 0x8000_0000;
const A1 = 1 << 22;
const AF = 1n << 10n;
const NG = 1n << 11n;
const USER = 1n << 6n;
const READ_ONLY = 1n << 7n;
const NORMAL = 0n;
const DEVICE = 1n << 2n;
const BLOCK = AF | 1n;
const PAGE = AF | 3n;
const TABLE = 3n;

let bench: Bench;

function descriptor(at: number, value: bigint): void {
  bench.load(at, [Number(value & 0xffff_ffffn), Number(value >> 32n)]);
}
const pageAt = (va: number): number => THIRD + ((va >>> 12) & 511) * 8;
const map = (value: bigint, va = VA): void => descriptor(pageAt(va), value);

/** RAM flat by a block of 1 GiB, VA by pages; AttrIndx 0 is Normal memory, 1 Device. */
beforeEach(() => {
  bench = new Bench();
  const { regs } = bench.cpu;
  descriptor(FIRST, BigInt(SECOND) | TABLE);
  descriptor(FIRST + 8, BigInt(RAM) | BLOCK | USER);
  descriptor(SECOND + (VA >>> 21) * 8, BigInt(THIRD) | TABLE);
  Object.assign(regs, { TTBR0: FIRST, TTBCR: EAE | 0, PRRR: 0x04ff, SCTLR: regs.SCTLR | 1 });
  for (const page of [PA, OTHER]) for (let at = page; at < page + 0x8000; at += 0x1000) bench.load(at, [at]);
  bench.load(CODE, [a.ldr(0, 1), a.B_SELF, a.str(2, 1), a.B_SELF]);
});

function access(step: number, va: number, mode: number): number | undefined {
  bench.cpu.state.cpsr = mode;
  bench.cpu.regs.DFSR = 0;
  bench.jump(CODE + 8 * step);
  bench.set(1, va);
  bench.run(1);
  return bench.vector() === 0x10 ? undefined : bench.reg(0);
}
const load = (va: number, mode: number = Mode.Supervisor): number | undefined => access(0, va, mode);
const stores = (va: number, mode: number = Mode.Supervisor): boolean => access(1, va, mode) !== undefined;
const status = (): number => bench.cpu.regs.DFSR;

const LPAE = 1 << 9;
const WNR = 1 << 11;
const EXT = 1 << 12;

describe('with TTBCR.EAE', () => {
  test('memory is where three levels of tables say it is', () => {
    map(BigInt(PA) | PAGE | NORMAL);
    expect(load(VA)).toBe(PA);
    expect(load(PA + 0x3000)).toBe(PA + 0x3000);
  });

  test('DFSR has the long format (Table B3-24)', () => {
    map(0n);
    expect(load(VA)).toBeUndefined();
    expect(status()).toBe(LPAE | 0b000111);
    expect(bench.cpu.regs.DFAR >>> 0).toBe(VA);
    expect(stores(VA + 0x20_0000)).toBe(false);
    expect(status()).toBe(LPAE | WNR | 0b000110);
    expect(load(0x8000_0000)).toBeUndefined();
    expect(status()).toBe(LPAE | 0b000101);
    map((BigInt(PA) | PAGE) & ~AF, VA + 0x1000);
    expect(load(VA + 0x1000)).toBeUndefined();
    expect(status()).toBe(LPAE | 0b001011);
    map(BigInt(PA) | PAGE | READ_ONLY, VA + 0x2000);
    expect(load(VA + 0x2000)).toBe(PA);
    expect(stores(VA + 0x2000)).toBe(false);
    expect(status()).toBe(LPAE | WNR | 0b001111);
    expect(load(VA + 0x2000, Mode.User)).toBeUndefined();
    expect(status()).toBe(LPAE | 0b001111);
    map(BigInt(PA) | PAGE | DEVICE, VA + 0x3000);
    expect(load(VA + 0x3001)).toBeUndefined();
    expect(status()).toBe(LPAE | 0b100001);
    descriptor(SECOND + (VA >>> 21) * 8 + 8, 0x2000_0000n | TABLE);
    expect(load(VA + 0x20_0000)).toBeUndefined();
    expect(status()).toBe(LPAE | EXT | 0b010111);
  });

  test('an output address from 2^32 on is an external abort, not the memory at its low 32 bits', () => {
    map((1n << 32n) | BigInt(PA) | PAGE);
    expect(load(VA)).toBeUndefined();
    expect(status()).toBe(LPAE | EXT | 0b010000);
    expect(stores(VA)).toBe(false);
    expect(status()).toBe(LPAE | EXT | WNR | 0b010000);
    expect(bench.word(PA)).toBe(PA);
    bench.jump(VA);
    bench.run(1);
    expect(bench.vector()).toBe(0x0c);
    expect(bench.cpu.regs.IFSR).toBe(LPAE | EXT | 0b010000);
  });

  test('so are tables there', () => {
    descriptor(FIRST, (1n << 32n) | BigInt(SECOND) | TABLE);
    expect(load(VA)).toBeUndefined();
    expect(status()).toBe(LPAE | EXT | 0b010110);
  });

  test('IFSR has the long format for a fetch that fails, and for BKPT', () => {
    bench.jump(VA);
    bench.run(1);
    expect(bench.vector()).toBe(0x0c);
    expect(bench.cpu.regs.IFSR).toBe(LPAE | 0b000111);
    expect(bench.cpu.regs.IFAR >>> 0).toBe(VA);
    bench.load(CODE + 0x40, [a.bkpt(0)]);
    bench.jump(CODE + 0x40);
    bench.run(1);
    expect(bench.cpu.regs.IFSR).toBe(LPAE | 0b100010);
  });

  test('the DACR does not matter', () => {
    bench.cpu.regs.DACR = 0;
    map(BigInt(PA) | PAGE);
    expect(load(VA)).toBe(PA);
    bench.cpu.regs.DACR = -1;
    expect(load(VA, Mode.User)).toBeUndefined();
  });

  test('the ASID is in TTBR0, with TTBCR.A1 in TTBR1 (B3.10.4)', () => {
    const { regs } = bench.cpu;
    map(BigInt(PA) | PAGE | NG);
    regs.TTBR0High = 1 << 16;
    expect(load(VA)).toBe(PA);
    map(BigInt(OTHER) | PAGE | NG);
    regs.TTBR0High = 2 << 16;
    expect(load(VA)).toBe(OTHER);
    regs.TTBCR |= A1;
    regs.TTBR1High = 3 << 16;
    map(BigInt(PA) | PAGE | NG);
    expect(load(VA)).toBe(PA);
  });

  test('TLBIMVA drops all pieces of a block of 1 GiB', () => {
    const invalidate = [a.mcr(1, 8, 0, 7, 1), a.B_SELF];
    bench.load(CODE + 0x40, invalidate);
    const at = 0xc010_0000;
    descriptor(FIRST + 24, BigInt(RAM) | BLOCK);
    bench.load(RAM + 0x10_0000 + 0x8000, [1]);
    expect(load(at + 0x8000)).toBe(1);
    descriptor(FIRST + 24, 0n);
    expect(load(at + 0x8000)).toBe(1);
    bench.cpu.state.cpsr = Mode.Supervisor;
    bench.jump(CODE + 0x40);
    bench.set(1, 0xf000_0000);
    bench.run(1);
    expect(load(at + 0x8000)).toBeUndefined();
  });

  test('ATS1CPR gives PAR in its 64-bit format, by MRRC', () => {
    map((0x12n << 32n) | BigInt(PA) | PAGE | (3n << 8n));
    bench.load(CODE + 0x40, [a.mcr(0, 7, 0, 8, 0), a.mrrc(2, 3, 0, 7), a.mrc(4, 7, 0, 4, 0), a.B_SELF]);
    const translate = (va: number): [number, number] => {
      bench.jump(CODE + 0x40);
      bench.set(0, va);
      bench.run(3);
      expect(bench.reg(4)).toBe(bench.reg(2));
      return [bench.reg(3), bench.reg(2)];
    };
    expect(translate(VA + 0x678)).toEqual([0xff00_0012, PA | (1 << 11) | (3 << 7)]);
    map(BigInt(PA) | PAGE | DEVICE);
    bench.cpu.invalidateTlb(false, undefined);
    expect(translate(VA)).toEqual([0x0400_0000, PA | (1 << 11) | (2 << 7)]);
    map(0n);
    bench.cpu.invalidateTlb(false, undefined);
    expect(translate(VA)).toEqual([0, (1 << 11) | (0b000111 << 1) | 1]);
  });
});

describe('TTBR0, TTBR1 and PAR', () => {
  test.each([
    ['TTBR0', 0, 2, a.mrc(4, 2, 0, 0, 0), a.mcr(5, 2, 0, 0, 0)],
    ['TTBR1', 1, 2, a.mrc(4, 2, 0, 0, 1), a.mcr(5, 2, 0, 0, 1)],
  ])('%s is 64 bits wide by MCRR and MRRC; MCR leaves the high word', (_name, opc1, crm, mrc, mcr) => {
    bench.cpu.regs.SCTLR &= ~1;
    bench.load(CODE, [a.mcrr(0, 1, opc1, crm), mcr, a.mrrc(2, 3, opc1, crm), mrc, a.B_SELF]);
    [0x1234_5678, 0xffff_ffff, 0, 0, 0, 0x9abc_def0].forEach((value, n) => {
      bench.set(n, value);
    });
    bench.jump(CODE);
    bench.run(4);
    expect(bench.reg(2)).toBe(0x9abc_def0);
    expect(bench.reg(3)).toBe(0x00ff_00ff);
    expect(bench.reg(4)).toBe(0x9abc_def0);
  });

  test('TTBCR keeps the fields of the format that it selects', () => {
    bench.cpu.regs.SCTLR &= ~1;
    bench.load(CODE, [a.mcr(0, 2, 0, 0, 2), a.mrc(1, 2, 0, 0, 2), a.B_SELF]);
    const kept = (value: number): number => {
      bench.set(0, value);
      bench.jump(CODE);
      bench.run(2);
      return bench.reg(1);
    };
    expect(kept(0x7fff_ffff)).toBe(0x37);
    expect(kept(0xffff_ffff)).toBe(0xffc7_3f87);
  });
});
