import { beforeEach, describe, expect, test } from 'vitest';
import {
  COLLECTION_TABLE,
  CPU0,
  DEVICE_TABLE,
  GicV3Bench,
  ITT,
  PENDING_TABLE,
  QUEUE,
} from './gic-v3-fixture.ts';

const SPURIOUS = 1023;
const DEVICE = 0x10;

let b: GicV3Bench;

beforeEach(() => {
  b = new GicV3Bench(2);
  b.startIts();
  b.mapd(DEVICE, 4);
  b.mapc(0, 0);
  b.mapc(1, 1);
});

const acknowledge = (cpu: number): number => {
  const intid = b.icc(cpu).read('ICC_IAR1');
  if (intid !== SPURIOUS) b.icc(cpu).write('ICC_EOIR1', intid);
  return intid;
};

describe('the ITS (IHI 0069 5.2)', () => {
  test('identifies itself: physical LPIs, 16 bits of devices, events and collections, two tables', () => {
    expect(b.gits(0x8)).toBe((15 << 13) | (15 << 8) | (7 << 4) | 1);
    expect(b.gits(0xc)).toBe(0x1f);
    expect(b.gits(0x0)).toBe(0x8000_0001);
    expect(b.gits(0x104)).toBe(0x8107_0000);
    expect(b.gits(0x10c)).toBe(0x8407_0000);
    expect(b.gits(0x110)).toBe(0);
    expect(b.gits(0xffe8)).toBe(0x3b);
  });

  test('a message of a mapped device and event is an LPI of its collection’s CPU', () => {
    b.mapti(DEVICE, 3, 8195, 1);
    b.msi(DEVICE, 3);
    expect(b.irq).toEqual([false, true]);
    expect(acknowledge(1)).toBe(8195);
    // An LPI has no active state: it may come again before its end, and is pending once.
    expect(acknowledge(1)).toBe(SPURIOUS);
    b.msi(DEVICE, 3);
    b.msi(DEVICE, 3);
    expect(acknowledge(1)).toBe(8195);
    expect(b.errors).toEqual([]);
  });

  test('MAPI maps an event to the LPI of its own number', () => {
    b.mapd(DEVICE, 14);
    b.command(0x0b, DEVICE, 8300, 0, 0);
    b.msi(DEVICE, 8300);
    expect(acknowledge(0)).toBe(8300);
  });

  test('INT is a message by command, CLEAR takes it back', () => {
    b.mapti(DEVICE, 0, 8192, 0);
    b.command(0x03, DEVICE, 0);
    expect(b.irq[0]).toBe(true);
    b.command(0x04, DEVICE, 0);
    expect(b.irq[0]).toBe(false);
  });

  test('MOVI moves an event to another collection, with its pending state', () => {
    b.mapti(DEVICE, 0, 8192, 0);
    b.msi(DEVICE, 0);
    b.command(0x01, DEVICE, 0, 0, 1);
    expect(b.irq).toEqual([false, true]);
    expect(acknowledge(1)).toBe(8192);
    b.msi(DEVICE, 0);
    expect(b.irq).toEqual([false, true]);
  });

  test('MOVALL moves all that is pending', () => {
    b.mapti(DEVICE, 0, 8192, 0);
    b.mapti(DEVICE, 1, 8193, 0);
    b.msi(DEVICE, 0);
    b.msi(DEVICE, 1);
    b.command(0x0e, 0, 0, 0, 0 << 16, 0, 1 << 16);
    expect(b.irq).toEqual([false, true]);
    expect([acknowledge(1), acknowledge(1)]).toEqual([8192, 8193]);
  });

  test('DISCARD unmaps an event, MAPD and MAPC without V a device and a collection', () => {
    b.mapti(DEVICE, 0, 8192, 0);
    b.msi(DEVICE, 0);
    b.command(0x0f, DEVICE, 0);
    expect(b.irq[0]).toBe(false);
    b.mapti(DEVICE, 0, 8192, 0);
    b.mapc(0, 0, false);
    b.msi(DEVICE, 0);
    b.mapc(0, 0);
    b.command(0x08, DEVICE, 0, 0, ITT, 0);
    b.msi(DEVICE, 0);
    expect(b.irq[0]).toBe(false);
    expect(b.errors.length).toBe(2);
  });

  test('priority and enable come from the configuration table; INV and INVALL make changes known', () => {
    b.mapti(DEVICE, 0, 8192, 0);
    b.mapti(DEVICE, 1, 8193, 0);
    b.memory[0] = 0;
    b.memory[1] = 0x41;
    b.msi(DEVICE, 0);
    expect(b.irq[0]).toBe(false);
    b.msi(DEVICE, 1);
    b.memory[0] = 0x21;
    b.command(0x0c, DEVICE, 0);
    expect(acknowledge(0)).toBe(8192);
    b.memory[1] = 0x40;
    b.command(0x0d, 0, 0, 0, 0);
    expect(b.irq[0]).toBe(false);
    expect(acknowledge(0)).toBe(SPURIOUS);
  });

  test('LPIs compete with other interrupts by priority', () => {
    b.mapti(DEVICE, 0, 8192, 0);
    b.memory[0] = 0x81;
    b.msi(DEVICE, 0);
    b.gicd(0x104, 1);
    b.gicd(0x420, 0x40, 1);
    b.gicd(0x204, 1);
    expect(b.icc(0).read('ICC_IAR1')).toBe(32);
    expect(b.irq[0]).toBe(false);
    b.icc(0).write('ICC_EOIR1', 32);
    expect(acknowledge(0)).toBe(8192);
  });

  test('with LPIs disabled their pending state is in the pending table, and comes back from there', () => {
    b.mapti(DEVICE, 9, 8201, 0);
    b.msi(DEVICE, 9);
    b.gicr(0, 0x0, 0);
    expect(b.irq[0]).toBe(false);
    expect(b.word(PENDING_TABLE + 8192 / 8)).toBe(1 << 9);
    b.gicr(0, 0x0, 1);
    expect(acknowledge(0)).toBe(8201);
  });

  test('GICR_PENDBASER.PTZ: the pending table counts as zero', () => {
    b.gicr(0, 0x0, 0);
    b.word(PENDING_TABLE + 8192 / 8, 0xff);
    b.gicr(0, 0x7c, 0x4000_0000);
    b.gicr(0, 0x0, 1);
    expect(b.irq[0]).toBe(false);
  });

  test('an indirect device table: level 1 leads to pages of level 2', () => {
    b = new GicV3Bench(2);
    b.startIts({ indirect: true });
    b.mapc(0, 0);
    const far = 0x1234;
    b.mapd(far, 1);
    expect(b.errors.length).toBe(1);
    const entry = DEVICE_TABLE + Math.floor(far / 512) * 8;
    b.word(entry, COLLECTION_TABLE + 0x4000);
    b.word(entry + 4, 0x8000_0000);
    b.mapd(far, 1);
    b.mapti(far, 1, 9000, 0);
    b.msi(far, 1);
    expect(acknowledge(0)).toBe(9000);
    expect(b.errors.length).toBe(1);
  });

  test('the queue wraps around, and GITS_CREADR follows GITS_CWRITER', () => {
    b.mapti(DEVICE, 0, 8192, 0);
    for (let i = 0; i < 200; i++) b.command(0x05);
    expect(b.gits(0x90)).toBe(b.gits(0x88));
    b.msi(DEVICE, 0);
    expect(acknowledge(0)).toBe(8192);
  });

  test('while it is disabled it translates nothing and runs no command; then it catches up', () => {
    b.gits(0x0, 0);
    b.mapti(DEVICE, 0, 8192, 0);
    b.msi(DEVICE, 0);
    expect(b.gits(0x90)).not.toBe(b.gits(0x88));
    b.gits(0x0, 1);
    expect(b.gits(0x90)).toBe(b.gits(0x88));
    expect(b.irq[0]).toBe(false);
    b.msi(DEVICE, 0);
    expect(b.irq[0]).toBe(true);
  });
});

describe('what a guest does wrong with the ITS', () => {
  test.each([
    ['an event that is not mapped', () => b.msi(DEVICE, 7)],
    ['an event beyond the device’s table', () => b.mapti(DEVICE, 16, 8192, 0)],
    ['a device that is not mapped', () => b.mapti(DEVICE + 1, 0, 8192, 0)],
    ['a device beyond the device table', () => b.mapd(0xffff_ffff, 1)],
    ['an INTID that is no LPI', () => b.mapti(DEVICE, 0, 100, 0)],
    ['a collection that is not mapped', () => b.command(0x0d, 0, 0, 0, 5)],
    ['a CPU that is not there', () => b.mapc(2, 7)],
    [
      'a table outside memory',
      () => b.command(0x08, DEVICE, 0, 0, 0xffff_ff00, 0x800f_ffff) ?? b.mapti(DEVICE, 0, 8192, 0),
    ],
    ['a command that there is not', () => b.command(0x77)],
    ['a queue offset beyond the queue', () => b.gits(0x88, 0x8000)],
    ['a message of a CPU', () => b.gic.its.write(0x1_0040, 4, 0, CPU0)],
  ])('%s: reported, and nothing else', (_what, wrong) => {
    wrong();
    expect(b.errors.length).toBe(1);
    expect(b.irq).toEqual([false, false]);
  });

  test('an entry overwritten in memory leads nowhere', () => {
    b.mapti(DEVICE, 0, 8192, 0);
    for (let at = COLLECTION_TABLE; at < COLLECTION_TABLE + 64; at += 4) b.word(at, 0xffff_ffff);
    b.msi(DEVICE, 0);
    expect(b.errors.length).toBe(1);
  });

  test('random commands and messages over random tables never throw', () => {
    let seed = 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed;
    };
    for (let i = 0; i < 2000; i++) {
      if (i % 50 === 0) b.memory[0x9_0000 + (random() % 0x3_0000)] = random();
      const small = (): number => random() % 32;
      b.command(
        random() % 16,
        small(),
        small(),
        8192 + small(),
        small() | (small() << 16),
        random() & 0x8000_0000,
        small() << 16,
      );
      b.msi(small(), small());
      acknowledge(i & 1);
    }
    expect(b.gits(0x90)).toBe(b.gits(0x88));
    expect(b.word(QUEUE) & 0xff).toBeLessThan(16);
  });
});
