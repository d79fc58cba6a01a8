import { describe, expect, it } from 'vitest';
import { GicV2 } from '../../src/devices/gic-v2.ts';
import { GICC } from '../../src/devices/gic-v2-cpu-interface.ts';
import { GICD } from '../../src/devices/gic-v2-distributor.ts';
import { unconnectedLine } from '../../src/ports/interrupt-line.ts';
import { GicFixture } from './gic-v2-fixture.ts';

const ALL = 0xffffffff;

describe('GICD_CTLR (IHI 0048B 4.3.1)', () => {
  it('has the enables of Group 0 and Group 1 and nothing else', () => {
    const gic = new GicFixture();
    expect(gic.gicd(GICD.CTLR)).toBe(0);
    gic.setGicd(GICD.CTLR, ALL);
    expect(gic.gicd(GICD.CTLR)).toBe(3);
  });

  it('forwards no pending interrupt of a disabled group, but keeps it pending', () => {
    const gic = new GicFixture().enableAll();
    gic.setGicd(GICD.CTLR, 2);
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    expect(gic.irq[0].level).toBe(false);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(1);
    expect(gic.acknowledge()).toBe(1023);
    gic.setGicd(GICD.CTLR, 1);
    expect(gic.irq[0].level).toBe(true);
  });

  it('lets an interrupt of the other group pass one of a disabled group', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40, 0x80);
    gic.prepare(41, 0x10);
    gic.setBit(GICD.IGROUPR, 41);
    gic.gic.spi(8).set(true);
    gic.gic.spi(9).set(true);
    expect(gic.gicc(GICC.HPPIR)).toBe(1022);
    gic.setGicd(GICD.CTLR, 1);
    expect(gic.gicc(GICC.HPPIR)).toBe(40);
  });
});

describe('GICD_TYPER (IHI 0048B 4.3.2)', () => {
  it('tells the number of interrupt lines in units of 32 less one, and of CPUs less one', () => {
    expect(new GicFixture(1, 288).gicd(GICD.TYPER)).toBe(0x008);
    expect(new GicFixture(2, 288).gicd(GICD.TYPER)).toBe(0x028);
    expect(new GicFixture(8, 64).gicd(GICD.TYPER)).toBe(0x0e1);
  });

  it('has only numbers that the architecture knows', () => {
    const outputs = { irq: unconnectedLine, fiq: unconnectedLine };
    expect(() => new GicV2({ interruptCount: 100, cpus: [outputs] })).toThrow(RangeError);
    expect(() => new GicV2({ interruptCount: 1024, cpus: [outputs] })).toThrow(RangeError);
    expect(() => new GicV2({ interruptCount: 64, cpus: [] })).toThrow(RangeError);
    expect(() => new GicV2({ interruptCount: 64, cpus: Array(9).fill(outputs) })).toThrow(RangeError);
  });
});

describe('identification registers (IHI 0048B 4.3.3, 4.3.18)', () => {
  it('name Arm and a GIC of architecture version 2', () => {
    const gic = new GicFixture();
    expect(gic.gicd(GICD.IIDR)).toBe(0x43b);
    const bytes = Array.from({ length: 12 }, (_, i) => gic.gicd(GICD.ICPIDR4 + i * 4));
    expect(bytes).toEqual([4, 0, 0, 0, 0x90, 0xb4, 0x2b, 0, 0x0d, 0xf0, 0x05, 0xb1]);
  });

  it('ignore writes', () => {
    const gic = new GicFixture();
    for (const register of [GICD.TYPER, GICD.IIDR, GICD.ICPIDR4]) {
      const before = gic.gicd(register);
      gic.setGicd(register, ALL);
      expect(gic.gicd(register)).toBe(before);
    }
  });
});

describe('GICD_IGROUPRn (IHI 0048B 4.3.4)', () => {
  it('has a read/write bit for each interrupt, the first word banked', () => {
    const gic = new GicFixture(2);
    gic.setGicd(GICD.IGROUPR, 0x1234, 1);
    gic.setGicd(GICD.IGROUPR + 4, 0xf000000f, 1);
    expect(gic.gicd(GICD.IGROUPR, 0)).toBe(0);
    expect(gic.gicd(GICD.IGROUPR, 1)).toBe(0x1234);
    expect(gic.gicd(GICD.IGROUPR + 4, 0)).toBe(0xf000000f);
    gic.setGicd(GICD.IGROUPR + 4, 0);
    expect(gic.gicd(GICD.IGROUPR + 4)).toBe(0);
  });

  it('moves a pending interrupt from FIQ to IRQ at once', () => {
    const gic = new GicFixture().enableAll(0xb);
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    expect([gic.irq[0].level, gic.fiq[0].level]).toEqual([false, true]);
    gic.setBit(GICD.IGROUPR, 40);
    expect([gic.irq[0].level, gic.fiq[0].level]).toEqual([true, false]);
  });
});

describe('GICD_ISENABLERn and GICD_ICENABLERn (IHI 0048B 4.3.5, 4.3.6)', () => {
  it('set and clear by ones, zeros have no effect, both read the enables', () => {
    const gic = new GicFixture();
    gic.setGicd(GICD.ISENABLER + 4, 0x80000001);
    gic.setGicd(GICD.ISENABLER + 4, 0x10);
    expect(gic.gicd(GICD.ISENABLER + 4)).toBe(0x80000011);
    gic.setGicd(GICD.ICENABLER + 4, 0x80000000);
    expect(gic.gicd(GICD.ICENABLER + 4)).toBe(0x11);
  });

  it('show SGIs as permanently enabled', () => {
    const gic = new GicFixture();
    gic.setGicd(GICD.ICENABLER, ALL);
    expect(gic.gicd(GICD.ISENABLER)).toBe(0xffff);
  });

  it('are RAZ/WI above the implemented interrupts', () => {
    const gic = new GicFixture();
    gic.setGicd(GICD.ISENABLER + 0x20, ALL);
    gic.setGicd(GICD.ISENABLER + 0x24, ALL);
    expect(gic.gicd(GICD.ISENABLER + 0x20)).toBe(ALL);
    expect(gic.gicd(GICD.ISENABLER + 0x24)).toBe(0);
  });

  it('bank the PPIs', () => {
    const gic = new GicFixture(2);
    gic.setGicd(GICD.ISENABLER, 1 << 30, 1);
    expect(gic.gicd(GICD.ISENABLER, 0)).toBe(0xffff);
    expect(gic.gicd(GICD.ISENABLER, 1)).toBe(0x4000ffff);
  });

  it('do not stop an interrupt from becoming pending, only from being forwarded', () => {
    const gic = new GicFixture().enableAll();
    gic.setTargets(40, 1);
    gic.setEdge(40, true);
    gic.gic.spi(8).set(true);
    gic.gic.spi(8).set(false);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(1);
    expect(gic.irq[0].level).toBe(false);
    gic.setBit(GICD.ISENABLER, 40);
    expect(gic.irq[0].level).toBe(true);
  });
});

describe('GICD_ISPENDRn and GICD_ICPENDRn (IHI 0048B 4.3.7, 4.3.8)', () => {
  it('set and clear the pending state of an edge-triggered interrupt', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.setEdge(40, true);
    gic.setBit(GICD.ISPENDR, 40);
    expect(gic.gicd(GICD.ICPENDR + 4)).toBe(0x100);
    expect(gic.irq[0].level).toBe(true);
    gic.setBit(GICD.ICPENDR, 40);
    expect(gic.gicd(GICD.ISPENDR + 4)).toBe(0);
    expect(gic.irq[0].level).toBe(false);
  });

  it('latch a level-sensitive interrupt, which stays pending when its wire was high and falls', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.setBit(GICD.ISPENDR, 40);
    gic.gic.spi(8).set(true);
    gic.gic.spi(8).set(false);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(1);
  });

  it('can not clear a level-sensitive interrupt while its wire is asserted', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.setBit(GICD.ICPENDR, 40);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(1);
    gic.gic.spi(8).set(false);
    expect(gic.bit(GICD.ISPENDR, 40)).toBe(0);
  });

  it('ignore writes for SGIs', () => {
    const gic = new GicFixture();
    gic.setGicd(GICD.ISPENDR, 0xffff);
    expect(gic.gicd(GICD.ISPENDR)).toBe(0);
    gic.setGicd(GICD.SGIR, 0x02000003);
    gic.setGicd(GICD.ICPENDR, 0xffff);
    expect(gic.gicd(GICD.ISPENDR)).toBe(8);
  });

  it('bank the PPIs with their wires', () => {
    const gic = new GicFixture(2);
    gic.gic.ppi(1, 14).set(true);
    expect(gic.gicd(GICD.ISPENDR, 0)).toBe(0);
    expect(gic.gicd(GICD.ISPENDR, 1)).toBe(1 << 30);
  });
});

describe('GICD_ISACTIVERn and GICD_ICACTIVERn (IHI 0048B 4.3.9, 4.3.10)', () => {
  it('set and clear the active state; an active interrupt is not signaled', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    gic.setBit(GICD.ISACTIVER, 40);
    expect(gic.gicd(GICD.ICACTIVER + 4)).toBe(0x100);
    expect(gic.irq[0].level).toBe(false);
    gic.setBit(GICD.ICACTIVER, 40);
    expect(gic.gicd(GICD.ISACTIVER + 4)).toBe(0);
    expect(gic.irq[0].level).toBe(true);
  });
});

describe('GICD_IPRIORITYRn (IHI 0048B 4.3.11)', () => {
  it('holds 8 bits of priority for each interrupt, as bytes or words', () => {
    const gic = new GicFixture(2);
    gic.setGicd(GICD.IPRIORITYR + 40, 0x40302010);
    expect(gic.gicd(GICD.IPRIORITYR + 42, 0, 1)).toBe(0x30);
    gic.setGicd(GICD.IPRIORITYR + 42, 0xff, 1, 1);
    expect(gic.gicd(GICD.IPRIORITYR + 40)).toBe(0x40ff2010);
    gic.setGicd(GICD.IPRIORITYR + 42, 0xa0b0, 1, 2);
    expect(gic.gicd(GICD.IPRIORITYR + 42, 0, 2)).toBe(0xa0b0);
    expect(gic.gicd(GICD.IPRIORITYR + 40)).toBe(0xa0b02010);
  });

  it('is banked for SGIs and PPIs', () => {
    const gic = new GicFixture(2);
    gic.setPriority(27, 0xa0, 1);
    expect(gic.gicd(GICD.IPRIORITYR + 27, 0, 1)).toBe(0);
    expect(gic.gicd(GICD.IPRIORITYR + 27, 1, 1)).toBe(0xa0);
  });

  it('is RAZ/WI above the implemented interrupts', () => {
    const gic = new GicFixture(1, 64);
    gic.setGicd(GICD.IPRIORITYR + 64, ALL);
    expect(gic.gicd(GICD.IPRIORITYR + 64)).toBe(0);
  });

  it('reorders interrupts that are pending already', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40, 0x80);
    gic.prepare(41, 0x90);
    gic.gic.spi(8).set(true);
    gic.gic.spi(9).set(true);
    expect(gic.gicc(GICC.HPPIR)).toBe(40);
    gic.setPriority(41, 0x70);
    expect(gic.gicc(GICC.HPPIR)).toBe(41);
  });
});

describe('GICD_ITARGETSRn (IHI 0048B 4.3.12)', () => {
  it('is RAZ/WI on a uniprocessor, where all interrupts target the one CPU', () => {
    const gic = new GicFixture(1).enableAll();
    gic.setGicd(GICD.ITARGETSR + 40, ALL);
    expect(gic.gicd(GICD.ITARGETSR)).toBe(0);
    expect(gic.gicd(GICD.ITARGETSR + 40)).toBe(0);
    gic.setBit(GICD.ISENABLER, 40);
    gic.gic.spi(8).set(true);
    expect(gic.acknowledge()).toBe(40);
  });

  it('reads the number of the reading CPU in ITARGETSR0 to 7, which are read-only', () => {
    const gic = new GicFixture(4);
    gic.setGicd(GICD.ITARGETSR + 28, ALL, 2);
    expect(gic.gicd(GICD.ITARGETSR + 28, 2)).toBe(0x04040404);
    expect(gic.gicd(GICD.ITARGETSR, 3)).toBe(0x08080808);
  });

  it('resets to no target and holds bits of implemented CPUs only', () => {
    const gic = new GicFixture(2);
    expect(gic.gicd(GICD.ITARGETSR + 32)).toBe(0);
    gic.setGicd(GICD.ITARGETSR + 32, ALL);
    expect(gic.gicd(GICD.ITARGETSR + 32, 1)).toBe(0x03030303);
    gic.setGicd(GICD.ITARGETSR + 33, 2, 0, 1);
    expect(gic.gicd(GICD.ITARGETSR + 32)).toBe(0x03030203);
  });

  it('has effect on an interrupt that is pending already', () => {
    const gic = new GicFixture(2).enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    expect([gic.irq[0].level, gic.irq[1].level]).toEqual([true, false]);
    gic.setTargets(40, 2);
    expect([gic.irq[0].level, gic.irq[1].level]).toEqual([false, true]);
  });
});

describe('GICD_ICFGRn (IHI 0048B 4.3.13)', () => {
  it('is read-only for SGIs, which are edge-triggered', () => {
    const gic = new GicFixture();
    gic.setGicd(GICD.ICFGR, 0);
    expect(gic.gicd(GICD.ICFGR)).toBe(0xaaaaaaaa);
  });

  it('has only the upper bit of each field', () => {
    const gic = new GicFixture();
    gic.setGicd(GICD.ICFGR + 8, ALL);
    expect(gic.gicd(GICD.ICFGR + 8)).toBe(0xaaaaaaaa);
    gic.setGicd(GICD.ICFGR + 12, 0x80000002);
    expect(gic.gicd(GICD.ICFGR + 12)).toBe(0x80000002);
    gic.setGicd(GICD.ICFGR + 15, 0, 0, 1);
    expect(gic.gicd(GICD.ICFGR + 12)).toBe(0x00000002);
  });

  it('is banked for PPIs, and RAZ/WI above the implemented interrupts', () => {
    const gic = new GicFixture(2, 64);
    gic.setGicd(GICD.ICFGR + 4, 0x80000000, 1);
    expect(gic.gicd(GICD.ICFGR + 4, 0)).toBe(0);
    expect(gic.gicd(GICD.ICFGR + 4, 1)).toBe(0x80000000);
    gic.setGicd(GICD.ICFGR + 16, ALL);
    expect(gic.gicd(GICD.ICFGR + 16)).toBe(0);
  });
});

describe('GICD_SGIR (IHI 0048B 4.3.15)', () => {
  const pendingOn = (gic: GicFixture, sgi: number) => [0, 1, 2].map((cpu) => gic.bit(GICD.ISPENDR, sgi, cpu));

  it('forwards to the CPUs of CPUTargetList with filter 0b00', () => {
    const gic = new GicFixture(3);
    gic.setGicd(GICD.SGIR, 0x00050003, 1);
    expect(pendingOn(gic, 3)).toEqual([1, 0, 1]);
  });

  it('forwards to all CPUs except the requester with filter 0b01', () => {
    const gic = new GicFixture(3);
    gic.setGicd(GICD.SGIR, 0x01000004, 1);
    expect(pendingOn(gic, 4)).toEqual([1, 0, 1]);
  });

  it('forwards to the requester only with filter 0b10', () => {
    const gic = new GicFixture(3);
    gic.setGicd(GICD.SGIR, 0x02ff0005, 1);
    expect(pendingOn(gic, 5)).toEqual([0, 1, 0]);
  });

  it('does nothing with the reserved filter 0b11', () => {
    const gic = new GicFixture(3);
    gic.setGicd(GICD.SGIR, 0x03070005, 1);
    expect(pendingOn(gic, 5)).toEqual([0, 0, 0]);
  });
});

describe('GICD_CPENDSGIRn and GICD_SPENDSGIRn (IHI 0048B 4.3.16, 4.3.17)', () => {
  it('show, set and clear an SGI for each source CPU', () => {
    const gic = new GicFixture(2);
    gic.setGicd(GICD.SGIR, 0x00010006, 0);
    gic.setGicd(GICD.SGIR, 0x00010006, 1);
    expect(gic.gicd(GICD.SPENDSGIR + 6, 0, 1)).toBe(3);
    gic.setGicd(GICD.CPENDSGIR + 6, 1, 0, 1);
    expect(gic.gicd(GICD.CPENDSGIR + 4)).toBe(0x00020000);
    expect(gic.bit(GICD.ISPENDR, 6)).toBe(1);
    gic.setGicd(GICD.CPENDSGIR + 4, ALL);
    expect(gic.bit(GICD.ISPENDR, 6)).toBe(0);
    gic.setGicd(GICD.SPENDSGIR + 12, 0x01000200, 1);
    expect(gic.gicd(GICD.ISPENDR, 1)).toBe(0xa000);
    expect(gic.gicd(GICD.ISPENDR, 0)).toBe(0);
  });
});

describe('the wires', () => {
  it('exist for implemented interrupts only', () => {
    const { gic } = new GicFixture(2, 64);
    expect(() => gic.spi(31)).not.toThrow();
    expect(() => gic.spi(32)).toThrow('SPIs 0 to 31');
    expect(() => gic.spi(-1)).toThrow(RangeError);
    expect(() => gic.ppi(1, 15)).not.toThrow();
    expect(() => gic.ppi(2, 0)).toThrow(RangeError);
    expect(() => gic.ppi(0, 16)).toThrow(RangeError);
  });

  it('keep their level over a reset, which drops everything else', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.prepare(41);
    gic.setEdge(41, true);
    gic.gic.spi(8).set(true);
    gic.gic.spi(9).set(true);
    gic.acknowledge();
    gic.gic.reset();
    expect(gic.irq[0].level).toBe(false);
    expect(gic.gicd(GICD.ISPENDR + 4)).toBe(0x300);
    expect(gic.gicd(GICD.ISACTIVER + 4)).toBe(0);
    expect(gic.gicc(GICC.RPR)).toBe(0xff);
    gic.enableAll();
    gic.prepare(40);
    expect(gic.irq[0].level).toBe(true);
  });

  it('give the same outputs from a copy of the state', () => {
    const gic = new GicFixture().enableAll();
    gic.prepare(40);
    gic.gic.spi(8).set(true);
    const copy = new GicFixture();
    copy.gic.restoreState(gic.gic.saveState());
    expect(copy.irq[0].level).toBe(true);
    expect(copy.acknowledge()).toBe(40);
  });
});
