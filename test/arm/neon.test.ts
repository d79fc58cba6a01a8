import { beforeEach, describe, expect, it, test } from 'vitest';
import { cortexA9 } from '../../src/arm/cortex-a9.ts';
import { Cpacr, FPEXC_EN } from '../../src/arm/fp-permission.ts';
import { StateSlot } from '../../src/arm/state.ts';
import { Sctlr } from '../../src/arm/system-registers.ts';
import * as a from './assembler.ts';
import { Bench, CODE, RAM, smallPage } from './bench.ts';

const UNDEFINED = 0x04;
const DATA_ABORT = 0x10;
const ALIGNMENT = 1;
const DATA = RAM + 0x20_0000;

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
  bench.cpu.regs.CPACR = Cpacr.CP10 | Cpacr.CP11;
  bench.set(StateSlot.Fpexc, FPEXC_EN);
  bench.set(1, DATA);
});

/** Runs one program; the vector that it leads to, or undefined where it comes to its end. */
function outcome(...program: readonly number[]): number | undefined {
  bench.load(CODE, [...program, a.B_SELF]);
  bench.jump(CODE);
  bench.run(program.length + 2);
  return bench.vector();
}

/** Words of doubleword registers. */
function words(d: number, n: number): string[] {
  return Array.from({ length: n }, (_, i) => (bench.reg(StateSlot.V0 + 2 * d + i) >>> 0).toString(16));
}

function setD(d: number, low: number, high: number): void {
  bench.set(StateSlot.V0 + 2 * d, low);
  bench.set(StateSlot.V0 + 2 * d + 1, high);
}

describe('UNDEFINED are', () => {
  it.each([
    ['a quadword with an odd number (VADD.I8 q0, q0, <d1>)', 0xf2000841],
    ['a quadword of VPADD', 0xf2000b50],
    ['VQDMULH of bytes', 0xf2000b00],
    ['VMUL.P16', 0xf3100910],
    [
      'VADDL of size 3 with U clear and bit 6 set: that is VEXT with an index beyond a doubleword',
      0xf2b00800,
    ],
    ['VADDL to an odd register', 0xf2801000],
    ['VREV16 of halfwords', 0xf3b40100],
    ['VCNT of halfwords', 0xf3b40500],
    ['VUZP.32 of doublewords', 0xf3ba0100],
    ['VCVT to 33 fraction bits', 0xf29f0e10],
    ['VDUP with an element size that does not exist', 0xf3b80c00],
    ['VBIC (immediate) with cmode 1111', 0xf2800f30],
    ['VLD2.64', 0xf42108cf],
    ['VLD1 of one register aligned to 16 bytes', 0xf421072f],
    ['VLD1 of a byte lane with alignment', 0xf4a1001f],
    ['VLD4 to all lanes of size 3 without alignment', 0xf4a10fcf],
    ['single precision of VADD with sz set', 0xf2100d00],
  ])('%s', (_, encoding) => {
    expect(outcome(encoding)).toBe(UNDEFINED);
  });

  it('VFMA on a CPU without fused multiply-add, as the Cortex-A9 is', () => {
    expect(outcome(0xf2000c10)).toBeUndefined();
    bench = new Bench({ model: cortexA9 });
    bench.cpu.regs.CPACR = Cpacr.CP10 | Cpacr.CP11;
    bench.set(StateSlot.Fpexc, FPEXC_EN);
    expect(outcome(0xf2000c10)).toBe(UNDEFINED);
  });
});

describe('saturation', () => {
  it('sets FPSCR.QC, which stays (VQADD.S8 d0, d1, d2)', () => {
    setD(1, 0x7f010203, 0);
    setD(2, 0x01010101, 0);
    expect(outcome(0xf2010012, 0xf2033113)).toBeUndefined();
    expect(words(0, 1)).toEqual(['7f020304']);
    expect(bench.reg(StateSlot.Fpscr)).toBe(1 << 27);
  });

  it('leaves FPSCR alone where nothing saturates', () => {
    setD(1, 1, 1);
    setD(2, 2, 2);
    outcome(0xf2010012);
    expect([words(0, 2), bench.reg(StateSlot.Fpscr)]).toEqual([['3', '3'], 0]);
  });
});

describe('floating point uses the standard FPSCR value (A2.7.6)', () => {
  it('rounds to nearest whatever FPSCR.RMode says, and accumulates exceptions (VADD.F32 d0, d1, d2)', () => {
    bench.set(StateSlot.Fpscr, 1 << 22);
    setD(1, 0x3f800000, 0x3f800000);
    setD(2, 0x33000000, 0x33800000);
    outcome(0xf2010d02);
    expect(words(0, 2)).toEqual(['3f800000', '3f800000']);
    expect(bench.reg(StateSlot.Fpscr)).toBe((1 << 22) | 0x10);
  });

  it('flushes subnormals to zero and gives the default NaN', () => {
    setD(1, 1, 0x7fc12345);
    setD(2, 1, 0x3f800000);
    outcome(0xf2010d02);
    expect(words(0, 2)).toEqual(['0', '7fc00000']);
    expect(bench.reg(StateSlot.Fpscr)).toBe(0x80);
  });
});

describe('loads and stores of elements and structures', () => {
  beforeEach(() =>
    bench.load(DATA, [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c, 0x13121110, 0x17161514]),
  );

  it('VLD3.8 {d0-d2}, [r1]! takes each third byte, and adds the bytes to the base', () => {
    expect(outcome(0xf421040d)).toBeUndefined();
    expect(words(0, 6)).toEqual(['9060300', '15120f0c', 'a070401', '1613100d', 'b080502', '1714110e']);
    expect(bench.reg(1)).toBe(DATA + 24);
  });

  it('VLD1.16 {d0[2]}, [r1], r2 leaves the other elements and adds a register', () => {
    setD(0, -1, -1);
    bench.set(2, 100);
    expect(outcome(0xf4a10482)).toBeUndefined();
    expect(words(0, 2)).toEqual(['ffffffff', 'ffff0100']);
    expect(bench.reg(1)).toBe(DATA + 100);
  });

  it('VLD2.8 {d0[], d1[]}, [r1] repeats each element', () => {
    outcome(0xf4a10d0f);
    expect(words(0, 4)).toEqual(['0', '0', '1010101', '1010101']);
  });

  it('VST4.16 {d0-d3} writes structures', () => {
    for (let d = 0; d < 4; d++) setD(d, 0x11 * (d + 1), 0);
    outcome(0xf401004f);
    expect([0, 4, 8].map((at) => bench.word(DATA + at))).toEqual([0x00220011, 0x00440033, 0]);
  });

  it('reverse the bytes of each element where CPSR.E is set, not of the register', () => {
    bench.cpu.state.cpsr = bench.cpu.state.cpsr | (1 << 9);
    outcome(0xf421074f, 0xf421178f, 0xf42127cf);
    expect(words(0, 2)).toEqual(['2030001', '6070405']);
    expect(words(1, 2)).toEqual(['10203', '4050607']);
    expect(words(2, 2)).toEqual(['4050607', '10203']);
  });

  test.each([
    ['16 bits (VLD1.16 {d0[0]}, [r1:16])', 0xf4a1041f, 1],
    ['64 bits (VLD1.8 {d0}, [r1:64])', 0xf421071f, 4],
    ['128 bits (VST1.8 {d0-d1}, [r1:128])', 0xf4010a2f, 8],
    ['256 bits (VLD4.8 {d0-d3}, [r1:256])', 0xf421003f, 16],
  ])('an @align of %s that does not hold is an alignment fault whatever SCTLR.A says', (_, encoding, off) => {
    bench.set(1, DATA + off);
    expect(outcome(encoding)).toBe(DATA_ABORT);
    expect(bench.cpu.regs.DFSR & 0x40f).toBe(ALIGNMENT);
    expect(bench.cpu.regs.DFAR >>> 0).toBe(DATA + off);
    bench.set(1, DATA + 2 * off);
    expect(outcome(encoding)).toBeUndefined();
  });

  it('are aligned to their elements where SCTLR.A is set and @align says nothing (A3.2.1)', () => {
    bench.cpu.regs.SCTLR |= Sctlr.A;
    bench.set(1, DATA + 1);
    expect(outcome(0xf421070f)).toBeUndefined();
    expect(words(0, 2)).toEqual(['4030201', '8070605']);
    expect(outcome(0xf421074f)).toBe(DATA_ABORT);
    bench.set(1, DATA + 4);
    expect(outcome(0xf421078f)).toBeUndefined();
    expect(outcome(0xf42107cf)).toBe(DATA_ABORT);
  });

  it('leave base and registers as they were when they abort half way (VLD1.8 {d0-d3}, [r1]!)', () => {
    const tables = bench.mmuOn();
    const second = tables.second(DATA);
    tables.page(second, DATA, smallPage(DATA));
    const base = DATA + 0x1000 - 20;
    bench.set(1, base);
    setD(0, 5, 6);
    expect(outcome(0xf421020d)).toBe(DATA_ABORT);
    expect(bench.reg(1)).toBe(base);
    expect(words(0, 2)).toEqual(['5', '6']);
    expect(bench.cpu.regs.DFAR >>> 0).toBe(DATA + 0x1000);
  });
});
