import { describe, expect, it } from 'vitest';
import { GICC } from '../../src/devices/gic-v2-cpu-interface.ts';
import { GICD } from '../../src/devices/gic-v2-distributor.ts';
import { cpuRequester, GicFixture } from './gic-v2-fixture.ts';

const ALL = 0xffffffff;
const ACKCTL = 4;
const FIQEN = 8;
const CBPR = 0x10;
const EOIMODE = 0x200;

describe('GICC_CTLR (IHI 0048B 4.4.1)', () => {
  it('has EnableGrp0, EnableGrp1, AckCtl, FIQEn, CBPR and EOImode', () => {
    const gic = new GicFixture();
    expect(gic.gicc(GICC.CTLR)).toBe(0);
    gic.setGicc(GICC.CTLR, ALL);
    expect(gic.gicc(GICC.CTLR)).toBe(0x21f);
  });

  it('signals no interrupt of a group that the CPU interface has disabled', () => {
    const gic = new GicFixture().enableAll(2);
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    expect(gic.irq[0].level).toBe(false);
    expect(gic.acknowledge()).toBe(1023);
    gic.setGicc(GICC.CTLR, 1);
    expect(gic.irq[0].level).toBe(true);
  });

  it('signals Group 0 as FIQ with FIQEn and Group 1 as IRQ', () => {
    const gic = new GicFixture().enableAll(3 | FIQEN);
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    expect([gic.irq[0].level, gic.fiq[0].level]).toEqual([false, true]);
    gic.setGicc(GICC.CTLR, 3);
    expect([gic.irq[0].level, gic.fiq[0].level]).toEqual([true, false]);
  });

  it('is banked', () => {
    const gic = new GicFixture(2);
    gic.setGicc(GICC.CTLR, 1, 1);
    expect([gic.gicc(GICC.CTLR, 0), gic.gicc(GICC.CTLR, 1)]).toEqual([0, 1]);
  });

  it('takes word accesses only, like every register of the CPU interface (IHI 0048B 4.1.4)', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.gic.cpuInterface.write(GICC.PMR, 1, 0, cpuRequester(0));
    expect(gic.gicc(GICC.PMR)).toBe(0xff);
    expect(gic.gic.cpuInterface.read(GICC.IAR, 1, cpuRequester(0))).toBe(0);
    expect(gic.acknowledge()).toBe(40);
  });
});

describe('GICC_PMR (IHI 0048B 4.4.2)', () => {
  it('has 8 bits and resets to the mask of everything', () => {
    const gic = new GicFixture();
    expect(gic.gicc(GICC.PMR)).toBe(0);
    gic.setGicc(GICC.PMR, ALL);
    expect(gic.gicc(GICC.PMR)).toBe(0xff);
  });

  it('signals only interrupts with a higher priority than its value', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40, 0x80);
    gic.gic.spi(8).set(true);
    gic.setGicc(GICC.PMR, 0x80);
    expect(gic.irq[0].level).toBe(false);
    expect(gic.gicc(GICC.HPPIR)).toBe(1023);
    expect(gic.acknowledge()).toBe(1023);
    gic.setGicc(GICC.PMR, 0x81);
    expect(gic.irq[0].level).toBe(true);
    expect(gic.acknowledge()).toBe(40);
  });

  it('never lets priority 0xff through', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40, 0xff);
    gic.gic.spi(8).set(true);
    expect(gic.irq[0].level).toBe(false);
  });
});

describe('GICC_IAR (IHI 0048B 4.4.4)', () => {
  it('reads 1023 when nothing is pending', () => {
    expect(new GicFixture().enableAll().acknowledge()).toBe(1023);
  });

  it('makes an edge-triggered interrupt active and no longer pending', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.setEdge(40, true);
    gic.gic.spi(8).set(true);
    expect(gic.acknowledge()).toBe(40);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(0);
    expect(gic.bit(GICD.ISACTIVER, 40)).toBe(1);
    expect(gic.irq[0].level).toBe(false);
  });

  it('makes a level-sensitive interrupt active and pending while its wire is asserted', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    expect(gic.acknowledge()).toBe(40);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(1);
    expect(gic.bit(GICD.ISACTIVER, 40)).toBe(1);
    expect(gic.irq[0].level).toBe(false);
  });

  it('clears what GICD_ISPENDR latched for a level-sensitive interrupt', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.setBit(GICD.ISPENDR, 40);
    expect(gic.acknowledge()).toBe(40);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(0);
  });

  it('takes the highest priority, of equal ones the lowest INTID', () => {
    const gic = new GicFixture().enableAll();
    for (const [intid, priority] of [
      [40, 0x90],
      [287, 0x20],
      [100, 0x20],
      [27, 0x30],
    ]) {
      gic.prepare(intid, priority);
      gic.setBit(GICD.ISPENDR, intid);
    }
    const taken = [0, 0, 0, 0, 0].map(() => {
      const intid = gic.acknowledge();
      gic.end(intid);
      return intid;
    });
    expect(taken).toEqual([100, 287, 27, 40, 1023]);
  });

  it('gives an interrupt with two target CPUs to one, the other reads 1023 (the 1-of-N model, 3.2.3)', () => {
    const gic = new GicFixture(2).enableAll();
    gic.prepare(40);
    gic.setTargets(40, 3);
    gic.gic.spi(8).set(true);
    expect([gic.irq[0].level, gic.irq[1].level]).toEqual([true, true]);
    expect(gic.acknowledge(1)).toBe(40);
    expect([gic.irq[0].level, gic.irq[1].level]).toEqual([false, false]);
    expect(gic.acknowledge(0)).toBe(1023);
    gic.end(40, 1);
    expect([gic.irq[0].level, gic.irq[1].level]).toEqual([true, true]);
  });

  it('reads 1022 for a Group 1 interrupt without AckCtl, and leaves it pending (3.2.5)', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.setBit(GICD.IGROUPR, 40);
    gic.gic.spi(8).set(true);
    expect(gic.gicc(GICC.HPPIR)).toBe(1022);
    expect(gic.acknowledge()).toBe(1022);
    expect(gic.bit(GICD.ISACTIVER, 40)).toBe(0);
    gic.setGicc(GICC.CTLR, 3 | ACKCTL);
    expect(gic.gicc(GICC.HPPIR)).toBe(40);
    expect(gic.acknowledge()).toBe(40);
  });
});

describe('SGIs', () => {
  it('from two CPUs are taken one after the other, each with its source (4.4.4)', () => {
    const gic = new GicFixture(3).enableAll();
    gic.setGicd(GICD.SGIR, 0x00010002, 2);
    gic.setGicd(GICD.SGIR, 0x00010002, 1);
    expect(gic.gicc(GICC.HPPIR)).toBe((1 << 10) | 2);
    const first = gic.acknowledge();
    expect(first).toBe((1 << 10) | 2);
    // Active and pending: the same INTID is not signaled again before it is deactivated.
    expect(gic.bit(GICD.ISPENDR, 2)).toBe(1);
    expect(gic.irq[0].level).toBe(false);
    gic.end(first);
    expect(gic.irq[0].level).toBe(true);
    const second = gic.acknowledge();
    expect(second).toBe((2 << 10) | 2);
    gic.end(second);
    expect(gic.acknowledge()).toBe(1023);
  });

  it('sent twice by one CPU before it is taken is one interrupt', () => {
    const gic = new GicFixture(2).enableAll();
    gic.setGicd(GICD.SGIR, 0x00010002, 1);
    gic.setGicd(GICD.SGIR, 0x00010002, 1);
    gic.end(gic.acknowledge());
    expect(gic.acknowledge()).toBe(1023);
  });

  it('have a priority for each target CPU', () => {
    const gic = new GicFixture(2).enableAll();
    gic.setPriority(2, 0xff, 1);
    gic.setGicd(GICD.SGIR, 0x00030002);
    expect([gic.irq[0].level, gic.irq[1].level]).toEqual([true, false]);
  });
});

describe('level-sensitive and edge-triggered interrupts (IHI 0048B 3.2.4)', () => {
  it('a level that falls before the acknowledge is pending no more', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.gic.spi(8).set(false);
    expect(gic.irq[0].level).toBe(false);
    expect(gic.acknowledge()).toBe(1023);
  });

  it('a level that falls while active does not come again', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    gic.gic.spi(8).set(false);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(0);
    expect(gic.bit(GICD.ISACTIVER, 40)).toBe(1);
    gic.end(40);
    expect(gic.irq[0].level).toBe(false);
  });

  it('a level that is still high at the end comes again', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    gic.end(40);
    expect(gic.irq[0].level).toBe(true);
    expect(gic.acknowledge()).toBe(40);
  });

  it('an edge while active makes active and pending, and comes again after the end', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.setEdge(40, true);
    const wire = gic.gic.spi(8);
    wire.set(true);
    gic.acknowledge();
    wire.set(false);
    wire.set(true);
    wire.set(false);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(1);
    expect(gic.irq[0].level).toBe(false);
    gic.end(40);
    expect(gic.irq[0].level).toBe(true);
    expect(gic.acknowledge()).toBe(40);
    gic.end(40);
    expect(gic.irq[0].level).toBe(false);
  });

  it('a high wire is one edge, however often it is driven high', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.setEdge(40, true);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    gic.gic.spi(8).set(true);
    gic.end(40);
    expect(gic.irq[0].level).toBe(false);
  });
});

describe('preemption (IHI 0048B 3.3.1, 3.3.2)', () => {
  it('lets a higher group priority interrupt a handler, and nests', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40, 0x80);
    gic.prepare(41, 0x40);
    gic.gic.spi(8).set(true);
    expect(gic.acknowledge()).toBe(40);
    expect(gic.gicc(GICC.RPR)).toBe(0x80);
    gic.gic.spi(9).set(true);
    expect(gic.irq[0].level).toBe(true);
    expect(gic.acknowledge()).toBe(41);
    expect(gic.gicc(GICC.RPR)).toBe(0x40);
    gic.gic.spi(9).set(false);
    gic.end(41);
    expect(gic.gicc(GICC.RPR)).toBe(0x80);
    gic.gic.spi(8).set(false);
    gic.end(40);
    expect(gic.gicc(GICC.RPR)).toBe(0xff);
  });

  it('does not let an equal or lower priority interrupt a handler; GICC_IAR reads 1023 meanwhile', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40, 0x80);
    gic.prepare(41, 0x80);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    gic.gic.spi(9).set(true);
    expect(gic.irq[0].level).toBe(false);
    expect(gic.gicc(GICC.HPPIR)).toBe(41);
    expect(gic.acknowledge()).toBe(1023);
  });

  it.each([
    [0, 0x82, 0x80],
    [3, 0x90, 0x8f],
    [6, 0x80, 0x7f],
  ])('with binary point %i compares group priorities only', (point, running, preempting) => {
    const gic = new GicFixture().enableAll();
    gic.setGicc(GICC.BPR, point);
    const group = -1 << (point + 1);
    gic.prepare(40, running | (~group & 0x3f));
    gic.prepare(41, running & group);
    gic.prepare(42, preempting);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    expect(gic.gicc(GICC.RPR)).toBe(running & group);
    gic.gic.spi(9).set(true);
    expect(gic.irq[0].level).toBe(false);
    gic.gic.spi(10).set(true);
    expect(gic.irq[0].level).toBe(true);
    expect(gic.acknowledge()).toBe(42);
  });

  it('with binary point 7 never preempts (table 3-2)', () => {
    const gic = new GicFixture().enableAll();
    gic.setGicc(GICC.BPR, 7);
    gic.prepare(40, 0xfe);
    gic.prepare(41, 0);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    gic.gic.spi(9).set(true);
    expect(gic.irq[0].level).toBe(false);
  });

  it('still orders pending interrupts by the whole priority', () => {
    const gic = new GicFixture().enableAll();
    gic.setGicc(GICC.BPR, 7);
    gic.prepare(40, 0x81);
    gic.prepare(41, 0x80);
    gic.gic.spi(8).set(true);
    gic.gic.spi(9).set(true);
    expect(gic.acknowledge()).toBe(41);
  });
});

describe('GICC_BPR and GICC_ABPR (IHI 0048B 4.4.3, 4.4.8)', () => {
  it('go down to 0 and 1 and have 3 bits', () => {
    const gic = new GicFixture();
    expect([gic.gicc(GICC.BPR), gic.gicc(GICC.ABPR)]).toEqual([0, 1]);
    gic.setGicc(GICC.BPR, ALL);
    gic.setGicc(GICC.ABPR, ALL);
    expect([gic.gicc(GICC.BPR), gic.gicc(GICC.ABPR)]).toEqual([7, 7]);
    gic.setGicc(GICC.BPR, 0);
    gic.setGicc(GICC.ABPR, 0);
    expect([gic.gicc(GICC.BPR), gic.gicc(GICC.ABPR)]).toEqual([0, 1]);
  });

  it('GICC_ABPR splits Group 1 priorities unless CBPR is set', () => {
    const gic = new GicFixture().enableAll(3 | ACKCTL);
    gic.setGicc(GICC.ABPR, 4);
    gic.prepare(40, 0x8c);
    gic.setBit(GICD.IGROUPR, 40);
    gic.setEdge(40, true);
    gic.setBit(GICD.ISPENDR, 40);
    gic.acknowledge();
    expect(gic.gicc(GICC.RPR)).toBe(0x80);
    gic.end(40);
    gic.setGicc(GICC.CTLR, 3 | ACKCTL | CBPR);
    gic.setBit(GICD.ISPENDR, 40);
    gic.acknowledge();
    expect(gic.gicc(GICC.RPR)).toBe(0x8c);
  });
});

describe('GICC_EOIR (IHI 0048B 4.4.5)', () => {
  it('out of order drops the highest running priority first and deactivates the interrupt named', () => {
    const gic = new GicFixture().enableAll();
    for (const [intid, priority] of [
      [40, 0x80],
      [41, 0x40],
    ]) {
      gic.prepare(intid, priority);
      gic.setEdge(intid, true);
      gic.setBit(GICD.ISPENDR, intid);
      expect(gic.acknowledge()).toBe(intid);
    }
    gic.end(40);
    expect(gic.gicc(GICC.RPR)).toBe(0x80);
    expect(gic.gicd(GICD.ISACTIVER + 4)).toBe(0x200);
    gic.end(41);
    expect(gic.gicc(GICC.RPR)).toBe(0xff);
    expect(gic.gicd(GICD.ISACTIVER + 4)).toBe(0);
  });

  it('ignores the special INTIDs and those that are not implemented', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    for (const intid of [1023, 1022, 288]) {
      gic.end(intid);
    }
    expect(gic.gicc(GICC.RPR)).toBe(0x80);
  });

  it('of a banked interrupt deactivates the writer’s', () => {
    const gic = new GicFixture(2).enableAll();
    for (const cpu of [0, 1]) {
      gic.setBit(GICD.ISENABLER, 30, cpu);
      gic.gic.ppi(cpu, 14).set(true);
      expect(gic.acknowledge(cpu)).toBe(30);
    }
    gic.end(30, 1);
    expect([0, 1].map((cpu) => gic.bit(GICD.ISACTIVER, 30, cpu))).toEqual([1, 0]);
  });
});

describe('GICC_CTLR.EOImode and GICC_DIR (IHI 0048B 3.2.1, 4.4.15)', () => {
  it('split priority drop and deactivation', () => {
    const gic = new GicFixture().enableAll(3 | EOIMODE);
    gic.prepare(40);
    gic.prepare(41);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    gic.end(40);
    expect(gic.gicc(GICC.RPR)).toBe(0xff);
    expect(gic.bit(GICD.ISACTIVER, 40)).toBe(1);
    expect(gic.irq[0].level).toBe(false);
    // The running priority is low again, so another of the same priority is signaled.
    gic.gic.spi(9).set(true);
    expect(gic.acknowledge()).toBe(41);
    gic.setGicc(GICC.DIR, 40);
    expect(gic.bit(GICD.ISACTIVER, 40)).toBe(0);
  });

  it('ignore GICC_DIR while EOImode is 0', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    gic.setGicc(GICC.DIR, 40);
    expect(gic.bit(GICD.ISACTIVER, 40)).toBe(1);
  });
});

describe('GICC_AIAR, GICC_AEOIR and GICC_AHPPIR (IHI 0048B 4.4.9 to 4.4.11)', () => {
  it('handle Group 1 only', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    expect([gic.gicc(GICC.AHPPIR), gic.gicc(GICC.AIAR)]).toEqual([1023, 1023]);
    gic.setBit(GICD.IGROUPR, 40);
    expect([gic.gicc(GICC.AHPPIR), gic.gicc(GICC.AIAR)]).toEqual([40, 40]);
    gic.setGicc(GICC.AEOIR, 40);
    expect(gic.bit(GICD.ISACTIVER, 40)).toBe(0);
    gic.setGicd(GICD.IGROUPR + 4, 0);
    expect(gic.acknowledge()).toBe(40);
    gic.setGicc(GICC.AEOIR, 40);
    expect(gic.bit(GICD.ISACTIVER, 40)).toBe(1);
  });
});

describe('GICC_APRn and GICC_NSAPRn (IHI 0048B 4.4.12, 4.4.13)', () => {
  it('have a bit for each active group priority', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40, 0x82);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    expect([0, 4, 8, 12].map((n) => gic.gicc(GICC.APR + n))).toEqual([0, 0, 2, 0]);
    gic.prepare(41, 0x02);
    gic.setBit(GICD.IGROUPR, 41);
    gic.gic.spi(9).set(true);
    expect(gic.gicc(GICC.AIAR)).toBe(41);
    expect(gic.gicc(GICC.NSAPR)).toBe(2);
    expect(gic.gicc(GICC.RPR)).toBe(2);
  });

  it('can be saved and restored for power management', () => {
    const gic = new GicFixture().enableAll();
    gic.setGicc(GICC.APR + 12, 0x80000000);
    gic.setGicc(GICC.NSAPR + 8, 0x80000000);
    expect(gic.gicc(GICC.APR + 12)).toBe(0x80000000);
    expect(gic.gicc(GICC.NSAPR + 8)).toBe(0x80000000);
    expect(gic.gicc(GICC.RPR)).toBe(0xbe);
  });
});

describe('GICC_IIDR (IHI 0048B 4.4.14)', () => {
  it('names Arm and architecture version 2', () => {
    expect(new GicFixture().gicc(GICC.IIDR)).toBe(0x2043b);
  });
});

describe('the listener for the end of an interrupt', () => {
  it('is called at EOI with EOImode 0', () => {
    const gic = new GicFixture().enableAll();
    const ends: string[] = [];
    gic.gic.onEndOfInterrupt(40, () => ends.push('40'));
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    expect(ends).toEqual([]);
    gic.end(40);
    expect(ends).toEqual(['40']);
    gic.end(40);
    expect(ends).toEqual(['40']);
  });

  it('is called at deactivation with EOImode 1, and by GICD_ICACTIVER', () => {
    const gic = new GicFixture().enableAll(1 | EOIMODE);
    let ends = 0;
    gic.gic.onEndOfInterrupt(40, () => ends++);
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.acknowledge();
    gic.end(40);
    expect(ends).toBe(0);
    gic.setGicc(GICC.DIR, 40);
    expect(ends).toBe(1);
    gic.acknowledge();
    gic.setGicd(GICD.ICACTIVER + 4, ALL);
    expect(ends).toBe(2);
  });

  it('can lower the wire before the CPU sees it again', () => {
    const gic = new GicFixture().enableAll();
    const wire = gic.gic.spi(8);
    gic.gic.onEndOfInterrupt(40, () => wire.set(false));
    gic.prepare(40);
    wire.set(true);
    gic.acknowledge();
    gic.end(40);
    expect(gic.irq[0].level).toBe(false);
    expect(gic.irq[0].rises).toBe(1);
  });
});
