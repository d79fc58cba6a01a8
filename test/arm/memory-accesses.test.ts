import { beforeEach, describe, expect, test } from 'vitest';
import { Mode } from '../../src/arm/modes.ts';
import { Sctlr } from '../../src/arm/system-registers.ts';
import * as a from './assembler.ts';
import { Bench, CODE, DEVICE, RAM, RecordingDevice, smallPage, WideDevice } from './bench.ts';

const DATA = RAM + 0x20_0000;
const TRANSLATION = 0b00111;
const ALIGNMENT = 0b00001;

let bench: Bench;
let device: RecordingDevice;

beforeEach(() => {
  device = new RecordingDevice();
  bench = new Bench({ device });
});

/** Runs instructions once from CODE; the data abort's status, or undefined. */
function runCode(...code: number[]): number | undefined {
  bench.load(CODE, [...code, a.B_SELF]);
  bench.cpu.state.cpsr = Mode.Supervisor;
  bench.jump(CODE);
  bench.run(code.length);
  return bench.vector() === 0x10 ? bench.cpu.regs.DFSR & 0x40f : undefined;
}

describe('devices see an access as the guest made it', () => {
  test('1, 2 and 4 bytes, with the offset from their base', () => {
    bench.set(1, DEVICE);
    bench.set(2, 0x1234_5678);
    runCode(
      a.ldrb(3, 1, 1),
      a.ldrh(4, 1, 2),
      a.ldr(5, 1, 4),
      a.strb(2, 1, 8),
      a.strh(2, 1, 0xa),
      a.str(2, 1, 0xc),
    );
    expect(device.log).toEqual([
      'read8 1',
      'read16 2',
      'read32 4',
      'write8 8 78',
      'write16 a 5678',
      'write32 c 12345678',
    ]);
    expect([3, 4, 5].map((n) => bench.reg(n))).toEqual([0x11, 0x2211, 0x44332211]);
  });

  test('8 bytes at once, where the device has such accesses', () => {
    const wide = new WideDevice();
    bench = new Bench({ device: wide });
    bench.set(1, DEVICE);
    bench.set(2, 0x1111_1111);
    bench.set(3, 0x2222_2222);
    runCode(a.strd(2, 1, 8), a.ldrd(4, 1, 16));
    expect(wide.log).toEqual(['write64 8 2222222211111111', 'read64 10']);
    expect([bench.reg(4), bench.reg(5)]).toEqual([0x44332211, 0x88776655]);
  });

  test('8 bytes as two words, the lower first, where it has not', () => {
    bench.set(1, DEVICE);
    runCode(a.strd(2, 1), a.ldrd(4, 1, 8));
    expect(device.log).toEqual(['write32 0 0', 'write32 4 0', 'read32 8', 'read32 c']);
  });

  test('words of LDM and STM one after the other', () => {
    bench.set(1, DEVICE);
    bench.set(4, 0x44);
    bench.set(5, 0x55);
    runCode(a.stm(1, 0b11_0000), a.ldm(1, 0b1100_0000));
    expect(device.log).toEqual(['write32 0 44', 'write32 4 55', 'read32 0', 'read32 4']);
    expect([bench.reg(6), bench.reg(7)]).toEqual([0x44332211, 0x44332211]);
  });

  test('with CPU number and privilege', () => {
    const two = new Bench({ cpus: 2, device });
    const [, cpu] = two.engine.cpus as readonly [typeof two.cpu, typeof two.cpu];
    two.load(CODE, [a.ldr(0, 1), a.ldrt(0, 1), a.B_SELF]);
    two.set(1, DEVICE, cpu);
    two.run(2, cpu);
    cpu.state.cpsr = Mode.User;
    two.jump(CODE, cpu);
    two.run(1, cpu);
    expect(device.requesters.map(({ privileged }) => privileged)).toEqual([true, false, false]);
    expect(device.requesters[0]).toEqual({
      kind: 'cpu',
      cpu: 1,
      streamId: 0,
      secure: false,
      privileged: true,
    });
  });

  test('each time: nothing is remembered of a device page', () => {
    bench.set(1, DEVICE);
    runCode(a.ldr(0, 1), a.ldr(0, 1), a.str(0, 1), a.str(0, 1), a.ldr(0, 1));
    expect(device.log).toHaveLength(5);
  });

  test('in big-endian state with the bytes of the value exchanged', () => {
    bench.set(1, DEVICE);
    bench.set(2, 0x1234_5678);
    runCode(a.setend(1), a.str(2, 1), a.strh(2, 1, 4), a.strb(2, 1, 6));
    expect(device.log).toEqual(['write32 0 78563412', 'write16 4 7856', 'write8 6 78']);
  });
});

describe('unaligned accesses', () => {
  beforeEach(() => {
    bench.mmuOn();
    for (let i = 0; i < 16; i++) bench.physical.memory.bytes[DATA + bench.physical.ramDelta + i] = i + 1;
    bench.set(1, DATA);
  });

  test('to Normal memory are made of bytes', () => {
    runCode(a.ldr(2, 1, 1), a.ldrh(3, 1, 3), a.ldr(4, 1, 5));
    expect([2, 3, 4].map((n) => bench.reg(n))).toEqual([0x05040302, 0x0504, 0x09080706]);
    bench.set(5, 0xaabbccdd);
    runCode(a.str(5, 1, 2), a.strh(5, 1, 9));
    expect(bench.word(DATA)).toBe(0xccdd0201);
    expect(bench.word(DATA + 4)).toBe(0x0807aabb);
    expect(bench.word(DATA + 8)).toBe(0x0cccdd09);
  });

  test('fault with SCTLR.A', () => {
    bench.cpu.regs.SCTLR |= Sctlr.A;
    expect(runCode(a.ldr(2, 1, 1))).toBe(ALIGNMENT);
    expect(bench.cpu.regs.DFAR >>> 0).toBe(DATA + 1);
    expect(runCode(a.strh(2, 1, 1))).toBe(ALIGNMENT);
    expect(runCode(a.ldr(2, 1, 4))).toBeUndefined();
  });

  test('fault on Device memory and with the MMU off (A3.2.1)', () => {
    bench.set(6, DEVICE);
    expect(runCode(a.ldr(2, 6, 2))).toBe(ALIGNMENT);
    expect(runCode(a.strh(2, 6, 1))).toBe(ALIGNMENT);
    expect(device.log).toEqual([]);
    bench.cpu.regs.SCTLR &= ~1;
    expect(runCode(a.ldr(2, 1, 1))).toBe(ALIGNMENT);
  });

  test('of LDRD, STRD, LDM and STM fault unless they are on a word', () => {
    expect(runCode(a.ldrd(2, 1, 2))).toBe(ALIGNMENT);
    expect(runCode(a.strd(2, 1, 1))).toBe(ALIGNMENT);
    expect(runCode(a.ldrd(2, 1, 4))).toBeUndefined();
    expect([bench.reg(2), bench.reg(3)]).toEqual([0x08070605, 0x0c0b0a09]);
    bench.set(7, DATA + 2);
    expect(runCode(a.ldm(7, 0b1100))).toBe(ALIGNMENT);
    expect(runCode(a.stm(7, 0b1100))).toBe(ALIGNMENT);
    bench.set(7, DATA + 4);
    expect(runCode(a.ldm(7, 0b1100))).toBeUndefined();
    expect([bench.reg(2), bench.reg(3)]).toEqual([0x08070605, 0x0c0b0a09]);
  });

  test('of exclusives always fault', () => {
    bench.set(7, DATA + 2);
    expect(runCode(a.ldrex(2, 7))).toBe(ALIGNMENT);
    expect(runCode(a.strex(3, 2, 7))).toBe(ALIGNMENT);
  });

  test('of SWP always fault, hot, and where the page is in the TLB', () => {
    bench.cpu.regs.SCTLR |= Sctlr.SW;
    const swp = 0xe107_2093; // SWP R2, R3, [R7]
    bench.load(CODE, [swp, a.addImm(6, 6, 1), a.cmpImm(6, 200), a.b(3, 0, a.NE), a.B_SELF]);
    const run = (address: number): void => {
      bench.set(3, 0xaabbccdd);
      bench.set(6, 0);
      bench.set(7, address);
      bench.jump(CODE);
      bench.run(4 * 200 + 10);
    };
    for (let round = 0; round < 100; round++) run(DATA + 4);
    expect(bench.reg(6)).toBe(200);
    expect(bench.word(DATA + 4)).toBe(0xaabbccdd);
    run(DATA + 6);
    expect(bench.vector()).toBe(0x10);
    expect(bench.cpu.regs.DFSR & 0x40f).toBe(ALIGNMENT);
    expect(bench.cpu.regs.DFAR >>> 0).toBe(DATA + 6);
    expect(bench.word(DATA + 4)).toBe(0xaabbccdd);
  });
});

describe('accesses over a page border', () => {
  const VA = 0x0030_0000;
  const NEXT = VA + 0x1000;

  function map(second: number): void {
    const tables = bench.mmuOn();
    const table = tables.second(VA);
    tables.page(table, VA, smallPage(DATA));
    tables.page(table, NEXT, second);
    bench.load(DATA + 0xffc, [0x44332211]);
    bench.load(DATA + 0x8000, [0x88776655]);
    bench.set(1, NEXT - 2);
    bench.set(2, 0xaabbccdd);
  }

  test('reach both pages, wherever they are', () => {
    map(smallPage(DATA + 0x8000));
    expect(runCode(a.ldr(0, 1))).toBeUndefined();
    expect(bench.reg(0)).toBe(0x66554433);
    expect(runCode(a.str(2, 1))).toBeUndefined();
    expect(bench.word(DATA + 0xffc)).toBe(0xccdd2211);
    expect(bench.word(DATA + 0x8000)).toBe(0x8877aabb);
  });

  test('abort at the first byte of the second page, with nothing stored', () => {
    map(0);
    expect(runCode(a.ldr(0, 1))).toBe(TRANSLATION);
    expect(bench.cpu.regs.DFAR).toBe(NEXT);
    expect(runCode(a.str(2, 1))).toBe(TRANSLATION);
    expect(bench.cpu.regs.DFAR).toBe(NEXT);
    expect(bench.word(DATA + 0xffc)).toBe(0x44332211);
  });

  test('abort where the second page may only be read, with nothing stored', () => {
    map(smallPage(DATA + 0x8000, { ap: 7 }));
    expect(runCode(a.ldr(0, 1))).toBeUndefined();
    expect(runCode(a.str(2, 1))).toBe(0b01111);
    expect(bench.word(DATA + 0xffc)).toBe(0x44332211);
    expect(bench.word(DATA + 0x8000)).toBe(0x88776655);
  });

  test('LDM and STM of words on both pages', () => {
    map(smallPage(DATA + 0x8000));
    bench.load(DATA + 0xff8, [0xcccccccc]);
    bench.set(1, NEXT - 8);
    for (const again of [false, true]) {
      // The second time, both pages are in the TLB.
      expect(runCode(a.ldm(1, 0b11_1000))).toBeUndefined();
      expect([3, 4, 5].map((n) => bench.reg(n))).toEqual([0xcccccccc, 0x44332211, 0x88776655]);
      for (const n of [3, 4, 5]) bench.set(n, again ? 0x10 * n : bench.reg(n));
    }
    expect(runCode(a.stm(1, 0b11_1000))).toBeUndefined();
    expect([0xff8, 0xffc, 0x8000].map((at) => bench.word(DATA + at))).toEqual([0x30, 0x40, 0x50]);
    expect(bench.word(DATA + 0x1000)).toBe(0);
  });

  test('LDM that aborts on the second page changes no register, not the base in its list either', () => {
    map(0);
    bench.set(1, NEXT - 8);
    bench.set(0, 7);
    bench.set(2, 9);
    expect(runCode(a.ldm(1, 0b111))).toBe(TRANSLATION);
    expect(bench.cpu.regs.DFAR).toBe(NEXT);
    expect([0, 1, 2].map((n) => bench.reg(n))).toEqual([7, NEXT - 8, 9]);
  });

  test('STM that aborts on the second page has stored what comes before it', () => {
    map(0);
    bench.set(1, NEXT - 8);
    for (const n of [4, 5, 6]) bench.set(n, n);
    expect(runCode(a.stm(1, 0b111_0000))).toBe(TRANSLATION);
    expect(bench.cpu.regs.DFAR).toBe(NEXT);
    expect([0xff8, 0xffc].map((at) => bench.word(DATA + at))).toEqual([4, 5]);
  });

  test('LDRD and STRD of words that are no doubleword, on one page and on two, before and after they are in the TLB', () => {
    map(smallPage(DATA + 0x8000));
    bench.load(DATA + 0xff0, [0x1111_1111, 0x2222_2222, 0x3333_3333]);
    for (let round = 1; round <= 3; round++) {
      bench.set(1, NEXT - 4);
      expect(runCode(a.ldrd(4, 1))).toBeUndefined();
      expect([bench.reg(4), bench.reg(5)]).toEqual([0x44332211, 0x88776655]);
      bench.set(1, NEXT - 12);
      expect(runCode(a.ldrd(4, 1))).toBeUndefined();
      expect([bench.reg(4), bench.reg(5)]).toEqual([0x2222_2222, 0x3333_3333]);
    }
    for (let round = 1; round <= 3; round++) {
      bench.set(4, round);
      bench.set(5, 0x100 * round);
      bench.set(1, NEXT - 4);
      expect(runCode(a.strd(4, 1))).toBeUndefined();
      bench.set(1, NEXT - 12);
      expect(runCode(a.strd(4, 1))).toBeUndefined();
      expect([0xff0, 0xff4, 0xff8, 0xffc, 0x8000].map((at) => bench.word(DATA + at))).toEqual([
        0x1111_1111,
        round,
        0x100 * round,
        round,
        0x100 * round,
      ]);
      expect(bench.word(DATA + 0x1000)).toBe(0);
    }
  });
});

describe('8 bytes', () => {
  test.each([
    ['a signalling NaN', 0x0000_0001, 0x7ff0_0000],
    ['a negative signalling NaN', 0xdead_beef, 0xfff4_0000],
    ['a quiet NaN with a payload', 0x1234_5678, 0x7ff8_dead],
    ['minus zero', 0, 0x8000_0000],
  ])('keep their bits, hot, on plain pages and on a page with code: %s', (_name, low, high) => {
    bench.mmuOn();
    // 1: copies eight bytes to the next eight, 200 times.
    const loop = [
      a.movw(6, 0),
      a.ldrd(2, 1),
      a.strd(2, 1, 8),
      a.addImm(1, 1, 8),
      a.addImm(6, 6, 1),
      a.cmpImm(6, 200),
      a.b(6, 1, a.NE),
    ];
    bench.load(CODE, [...loop, a.B_SELF]);
    for (const from of [DATA, CODE + 0x400]) {
      bench.load(from, [low, high]);
      for (let round = 0; round < 100; round++) {
        bench.set(1, from);
        bench.jump(CODE);
        bench.run(6 * 200 + 2);
      }
      expect([bench.word(from + 1600), bench.word(from + 1604)]).toEqual([low, high]);
      expect([bench.reg(2), bench.reg(3)]).toEqual([low, high]);
    }
  });
});

describe('exclusives (A3.4)', () => {
  beforeEach(() => {
    bench.set(1, DATA);
    bench.set(2, 5);
  });

  test('a store after a load of the same address is done, and gives 0', () => {
    runCode(a.ldrex(0, 1), a.strex(3, 2, 1));
    expect(bench.reg(3)).toBe(0);
    expect(bench.word(DATA)).toBe(5);
  });

  test('a store alone, a second one, or one elsewhere is not, and gives 1', () => {
    runCode(a.strex(3, 2, 1));
    expect(bench.reg(3)).toBe(1);
    runCode(a.ldrex(0, 1), a.strex(3, 2, 1), a.strex(4, 2, 1));
    expect([bench.reg(3), bench.reg(4)]).toEqual([0, 1]);
    runCode(a.ldrex(0, 1), a.addImm(5, 1, 8), a.strex(3, 2, 5));
    expect(bench.reg(3)).toBe(1);
    expect(bench.word(DATA + 8)).toBe(0);
  });

  test('CLREX and an exception return open the monitor', () => {
    runCode(a.ldrex(0, 1), 0xf57ff01f, a.strex(3, 2, 1));
    expect(bench.reg(3)).toBe(1);
    bench.load(CODE, [a.ldrex(0, 1), a.svc(0), a.strex(3, 2, 1), a.B_SELF]);
    bench.load(0x4000_1008, [a.subsPcLr(0)]);
    bench.cpu.state.cpsr = Mode.System;
    bench.jump(CODE);
    bench.run(4);
    expect(bench.reg(3)).toBe(1);
  });

  test('a store of another CPU in between makes the store fail', () => {
    const two = new Bench({ cpus: 2 });
    const [first, second] = two.engine.cpus as readonly [typeof two.cpu, typeof two.cpu];
    two.load(CODE, [a.ldrex(0, 1), a.strex(3, 2, 1), a.B_SELF]);
    two.load(CODE + 0x100, [a.str(2, 1), a.B_SELF]);
    two.jump(CODE + 0x100, second);
    for (const cpu of [first, second]) two.set(1, DATA, cpu);
    two.run(1, first);
    two.run(1, second);
    two.run(1, first);
    expect(two.reg(3, first)).toBe(1);
  });
});
