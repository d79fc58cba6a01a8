import { beforeEach, describe, expect, test } from 'vitest';
import { GicV3Bench } from './gic-v3-fixture.ts';

const SPURIOUS = 1023;
const SGI_FRAME = 0x1_0000;

let b: GicV3Bench;

beforeEach(() => {
  b = new GicV3Bench(3);
});

/** Bit of an SPI in its word's registers. */
const bit = (intid: number): number => (1 << (intid & 31)) >>> 0;

describe('the Distributor (IHI 0069 12.9)', () => {
  test('identifies itself: one Security state, affinity routing, 64 interrupts, an ITS, 16-bit INTIDs', () => {
    expect(b.gicd(0x0)).toBe(0x50);
    expect(b.gicd(0x4)).toBe((1 << 25) | (1 << 24) | (15 << 19) | (1 << 17) | 1);
    expect(b.gicd(0x8)).toBe(0x43b);
    expect(b.gicd(0xffe8)).toBe(0x3b);
  });

  test('GICD_CTLR holds both group enables', () => {
    expect(b.gicd(0x0, 0xffff_ffff)).toBe(0x53);
    expect(b.gicd(0x0, 2)).toBe(0x52);
  });

  test('registers of INTIDs 0 to 31 are RAZ/WI: they are the Redistributors', () => {
    for (const offset of [0x80, 0x100, 0x200, 0x300, 0x400, 0xc00])
      expect(b.gicd(offset, 0xffff_ffff)).toBe(0);
  });

  test('enables, pending and active bits of SPIs are set and cleared by ones', () => {
    for (const [set, clear] of [
      [0x104, 0x184],
      [0x204, 0x284],
      [0x304, 0x384],
    ] as const) {
      expect(b.gicd(set, 0xf0)).toBe(0xf0);
      b.gicd(set, 0x0f);
      expect(b.gicd(clear)).toBe(0xff);
      b.gicd(clear, 0x3c);
      expect(b.gicd(set)).toBe(0xc3);
    }
  });

  test('priorities are bytes whose lower 3 bits are RAZ/WI', () => {
    b.gicd(0x420, 0xff, 1);
    b.gicd(0x422, 0x1234, 2);
    expect(b.gicd(0x420)).toBe(0x1030_00f8);
    expect(b.gicd(0x423, undefined, 1)).toBe(0x10);
  });

  test('GICD_ICFGR makes an SPI edge-triggered, GICD_ITARGETSR and GICD_IGRPMODR are RAZ/WI', () => {
    expect(b.gicd(0xc08, 0xffff_ffff)).toBe(0xaaaa_aaaa);
    expect(b.gicd(0x820, 0xffff_ffff)).toBe(0);
    expect(b.gicd(0xd04, 0xffff_ffff)).toBe(0);
  });

  test('GICD_IROUTER has the affinity; 1 of N routing is not there', () => {
    expect(b.gicd(0x6000 + 8 * 40, 0xffff_ffff)).toBe(0x00ff_ffff);
    expect(b.gicd(0x6004 + 8 * 40, 0xffff_ffff)).toBe(0xff);
    expect(b.gicd(0x6000 + 8 * 5, 1)).toBe(0);
  });
});

describe('the Redistributors (IHI 0069 12.10)', () => {
  test('GICR_TYPER tells the CPU and the last of them', () => {
    expect([0, 1, 2].map((cpu) => b.gicr(cpu, 0x8))).toEqual([0x0100_0001, 0x0100_0101, 0x0100_0211]);
    expect([0, 1, 2].map((cpu) => b.gicr(cpu, 0xc))).toEqual([0, 1, 2]);
    expect(b.gicr(1, 0xffe8)).toBe(0x3b);
  });

  test('GICR_WAKER: asleep after reset, awake when ProcessorSleep is cleared', () => {
    expect(b.gicr(0, 0x14)).toBe(6);
    expect(b.gicr(0, 0x14, 0)).toBe(0);
    expect(b.gicr(1, 0x14)).toBe(6);
  });

  test('SGIs and PPIs are each CPU’s own', () => {
    expect(b.gicr(1, SGI_FRAME + 0x100, 0x8000_0001)).toBe(0x8000_0001);
    expect(b.gicr(0, SGI_FRAME + 0x100)).toBe(0);
    b.gicr(1, SGI_FRAME + 0x400, 0x40, 1);
    expect(b.gicr(1, SGI_FRAME + 0x400)).toBe(0x40);
    expect(b.gicr(2, SGI_FRAME + 0x400)).toBe(0);
  });

  test('SGIs stay edge-triggered, PPIs can be either', () => {
    expect(b.gicr(0, SGI_FRAME + 0xc00, 0)).toBe(0xaaaa_aaaa);
    expect(b.gicr(0, SGI_FRAME + 0xc04, 0x8)).toBe(0x8);
  });

  test('the tables’ registers are fixed while LPIs are enabled, and PTZ reads as zero', () => {
    b.gicr(0, 0x70, 0x4000_000f);
    b.gicr(0, 0x7c, 0x4000_0000);
    expect(b.gicr(0, 0x7c)).toBe(0);
    expect(b.gicr(0, 0x0, 1)).toBe(3);
    expect(b.gicr(0, 0x70, 0x5000_000f)).toBe(0x4000_000f);
  });
});

describe('the CPU interface (IHI 0069 12.4)', () => {
  test('registers after reset', () => {
    const icc = b.icc(0);
    expect(icc.read('ICC_SRE')).toBe(7);
    expect(icc.read('ICC_CTLR')).toBe(0x8c00);
    expect(icc.read('ICC_PMR')).toBe(0);
    expect([icc.read('ICC_BPR0'), icc.read('ICC_BPR1')]).toEqual([2, 3]);
    expect(icc.read('ICC_RPR')).toBe(0xff);
    expect(icc.read('ICC_IAR1')).toBe(SPURIOUS);
  });

  test('binary points have a minimum; with CBPR both are one', () => {
    const icc = b.icc(0);
    icc.write('ICC_BPR0', 0);
    icc.write('ICC_BPR1', 0);
    expect([icc.read('ICC_BPR0'), icc.read('ICC_BPR1')]).toEqual([2, 3]);
    icc.write('ICC_BPR0', 5);
    icc.write('ICC_CTLR', 1);
    icc.write('ICC_BPR1', 7);
    expect(icc.read('ICC_BPR1')).toBe(6);
  });

  test('a level-sensitive SPI goes where it is routed to: pending, active, active and pending, inactive', () => {
    b.start();
    b.gicd(0x104, bit(40));
    b.gicd(0x6000 + 8 * 40, 2);
    const wire = b.gic.spi(8);
    wire.set(true);
    expect(b.irq).toEqual([false, false, true]);
    const icc = b.icc(2);
    expect(icc.read('ICC_HPPIR1')).toBe(40);
    expect(icc.read('ICC_IAR1')).toBe(40);
    expect(b.irq[2]).toBe(false);
    expect(b.gicd(0x304)).toBe(bit(40));
    icc.write('ICC_EOIR1', 40);
    expect(b.irq[2]).toBe(true);
    wire.set(false);
    expect(b.irq[2]).toBe(false);
    expect(icc.read('ICC_IAR1')).toBe(SPURIOUS);
  });

  test('an edge is remembered, also while the interrupt is active', () => {
    b.start();
    b.gicd(0xc08, 2);
    b.gicd(0x104, bit(32));
    const wire = b.gic.spi(0);
    const pulse = (): void => {
      wire.set(true);
      wire.set(false);
    };
    pulse();
    expect(b.icc(0).read('ICC_IAR1')).toBe(32);
    pulse();
    b.icc(0).write('ICC_EOIR1', 32);
    expect(b.icc(0).read('ICC_IAR1')).toBe(32);
    b.icc(0).write('ICC_EOIR1', 32);
    expect(b.irq[0]).toBe(false);
  });

  test('Group 0 comes by FIQ and ICC_IAR0, Group 1 by IRQ and ICC_IAR1', () => {
    b.start();
    b.gicd(0x84, ~bit(33) >>> 0);
    b.gicd(0x104, bit(33) | bit(34));
    b.gicd(0x204, bit(33));
    expect([b.irq[0], b.fiq[0]]).toEqual([false, true]);
    expect(b.icc(0).read('ICC_IAR1')).toBe(SPURIOUS);
    expect(b.icc(0).read('ICC_HPPIR0')).toBe(33);
    expect(b.icc(0).read('ICC_IAR0')).toBe(33);
    b.icc(0).write('ICC_EOIR1', 33);
    expect(b.icc(0).read('ICC_RPR')).toBe(0);
    b.icc(0).write('ICC_EOIR0', 33);
    expect(b.icc(0).read('ICC_RPR')).toBe(0xff);
  });

  test('priorities: the highest first, a mask, preemption by group priority, the running priority', () => {
    b.start();
    b.gicd(0x104, 0xf);
    b.gicd(0x420, 0x60_50_a0_40);
    const icc = b.icc(0);
    b.gicd(0x204, bit(34));
    expect(icc.read('ICC_IAR1')).toBe(34);
    expect(icc.read('ICC_RPR')).toBe(0x50);
    expect(icc.read('ICC_AP1R0')).toBe(1 << 10);
    b.gicd(0x204, bit(33) | bit(35));
    expect(b.irq[0]).toBe(false);
    b.gicd(0x204, bit(32));
    expect(b.irq[0]).toBe(true);
    icc.write('ICC_PMR', 0x40);
    expect(b.irq[0]).toBe(false);
    expect(icc.read('ICC_HPPIR1')).toBe(SPURIOUS);
    icc.write('ICC_PMR', 0x48);
    expect(icc.read('ICC_IAR1')).toBe(32);
    icc.write('ICC_EOIR1', 32);
    icc.write('ICC_PMR', 0xf0);
    icc.write('ICC_EOIR1', 34);
    expect([icc.read('ICC_IAR1'), icc.read('ICC_RPR')]).toEqual([35, 0x60]);
  });

  test('only a higher group priority preempts: with ICC_BPR1 6 bits 7:6 decide', () => {
    b.start();
    b.gicd(0x104, 7);
    b.gicd(0x420, 0x30_40_50);
    const icc = b.icc(0);
    icc.write('ICC_BPR1', 6);
    b.gicd(0x204, bit(32));
    expect(icc.read('ICC_IAR1')).toBe(32);
    expect(icc.read('ICC_RPR')).toBe(0x40);
    b.gicd(0x204, bit(33));
    expect(b.irq[0]).toBe(false);
    expect(icc.read('ICC_IAR1')).toBe(SPURIOUS);
    b.gicd(0x204, bit(34));
    expect(icc.read('ICC_IAR1')).toBe(34);
  });

  test('EOImode 1: ICC_EOIR1 drops the priority, ICC_DIR deactivates', () => {
    b.start();
    b.gicd(0x104, bit(32));
    b.gicd(0x204, bit(32));
    const icc = b.icc(0);
    const ended: number[] = [];
    b.gic.onEndOfInterrupt(32, () => ended.push(32));
    icc.write('ICC_CTLR', 2);
    icc.read('ICC_IAR1');
    icc.write('ICC_EOIR1', 32);
    expect([icc.read('ICC_RPR'), b.gicd(0x304), ended.length]).toEqual([0xff, 1, 0]);
    icc.write('ICC_DIR', 32);
    expect([b.gicd(0x304), ended.length]).toEqual([0, 1]);
  });

  test('ICC_SGI1R: a target list, or all others; the target’s group has the last word', () => {
    b.start();
    for (const cpu of [0, 1, 2]) b.gicr(cpu, SGI_FRAME + 0x100, 0xffff);
    b.icc(0).write64('ICC_SGI1R', (5 << 24) | 0b110, 0);
    expect(b.irq).toEqual([false, true, true]);
    expect([1, 2].map((cpu) => b.icc(cpu).read('ICC_IAR1'))).toEqual([5, 5]);
    for (const cpu of [1, 2]) b.icc(cpu).write('ICC_EOIR1', 5);
    b.icc(1).write64('ICC_SGI1R', 3 << 24, 1 << 8);
    expect(b.irq).toEqual([true, false, true]);
    b.gicr(1, SGI_FRAME + 0x80, 0);
    b.icc(0).write64('ICC_SGI1R', (4 << 24) | 0b010, 0);
    expect(b.fiq[1]).toBe(false);
    b.icc(0).write64('ICC_SGI0R', (4 << 24) | 0b010, 0);
    expect(b.fiq[1]).toBe(true);
    // Another cluster, and the other Security state's Group 1.
    b.icc(0).write64('ICC_SGI0R', (6 << 24) | (1 << 16) | 0b100, 0);
    b.icc(0).write64('ICC_ASGI1R', (6 << 24) | 0b100, 0);
    expect(b.gicr(2, SGI_FRAME + 0x200)).toBe(1 << 3);
  });

  test('nothing is forwarded to a CPU whose Redistributor sleeps, or whose group is off', () => {
    b.start();
    b.gicr(0, SGI_FRAME + 0x100, 1 << 20);
    b.gic.ppi(0, 4).set(true);
    expect(b.irq[0]).toBe(true);
    b.gicr(0, 0x14, 2);
    expect(b.irq[0]).toBe(false);
    b.gicr(0, 0x14, 0);
    b.icc(0).write('ICC_IGRPEN1', 0);
    expect(b.irq[0]).toBe(false);
    b.icc(0).write('ICC_IGRPEN1', 1);
    b.gicd(0x0, 1);
    expect(b.irq[0]).toBe(false);
    b.gicd(0x0, 3);
    expect(b.irq[0]).toBe(true);
  });
});

describe('a saved GICv3', () => {
  test('goes on in a fresh one: registers, levels, pending and active interrupts, LPIs, the ITS', () => {
    b.startIts();
    b.mapd(8, 3);
    b.mapc(1, 2);
    b.mapti(8, 5, 8200, 1);
    b.gicd(0x104, 3);
    b.gicd(0x421, 0x20, 1);
    b.gic.spi(0).set(true);
    b.gic.spi(1).set(true);
    expect(b.icc(0).read('ICC_IAR1')).toBe(32);
    b.msi(8, 5);
    const other = new GicV3Bench(3);
    other.memory.set(b.memory);
    other.gic.restoreState(b.gic.saveState());
    expect(other.gic.saveState()).toEqual(b.gic.saveState());
    expect(other.irq).toEqual(b.irq);
    expect(other.icc(2).read('ICC_IAR1')).toBe(8200);
    other.icc(0).write('ICC_EOIR1', 32);
    other.gic.spi(0).set(false);
    expect(other.icc(0).read('ICC_IAR1')).toBe(33);
    other.msi(8, 5);
    other.icc(2).write('ICC_EOIR1', 8200);
    expect(other.icc(2).read('ICC_IAR1')).toBe(8200);
  });

  test('with another number of CPUs is refused', () => {
    expect(() => new GicV3Bench(2).gic.restoreState(b.gic.saveState())).toThrow(RangeError);
  });

  test('reset brings every register back, and leaves the wires', () => {
    const fresh = b.gic.saveState();
    b.startIts();
    b.gicd(0x104, 1);
    b.gic.spi(0).set(true);
    expect(b.irq[0]).toBe(true);
    b.gic.reset();
    expect(b.irq[0]).toBe(false);
    b.gic.spi(0).set(false);
    expect(b.gic.saveState()).toEqual(fresh);
  });
});
