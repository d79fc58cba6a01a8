import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GICC } from '../../src/devices/gic-v2-cpu-interface.ts';
import { GICD } from '../../src/devices/gic-v2-distributor.ts';
import { GicFixture } from './gic-v2-fixture.ts';
import { GicOracle, isPending } from './gic-v2-oracle.ts';

const CPUS = 3;
const INTERRUPTS = 96;
/** Few interrupts in every part of the map, so that they meet often. */
const INTIDS = [0, 1, 15, 16, 30, 31, 32, 33, 63, 64, 94, 95] as const;

/** One step: a guest's register access or a device's wire. */
interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly cpu: number;
  readonly intid: number;
  readonly value: number;
}

const KINDS = [
  'raise',
  'raise',
  'lower',
  'acknowledge',
  'acknowledge',
  'endTaken',
  'endTaken',
  'endAny',
  'deactivate',
  'sgi',
  'sgi',
  'clearSgi',
  'enable',
  'enable',
  'disable',
  'setPending',
  'clearPending',
  'setActive',
  'clearActive',
  'priority',
  'targets',
  'group',
  'edge',
  'mask',
  'point',
  'aliasedPoint',
  'control',
  'distributorControl',
] as const;

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  cpu: fc.nat(CPUS - 1),
  intid: fc.constantFrom(...INTIDS),
  value: fc.nat(0xff),
});

/** Both models side by side. */
class Pair {
  readonly gic = new GicFixture(CPUS, INTERRUPTS).enableAll(0xf);
  readonly oracle = new GicOracle(CPUS, INTERRUPTS);
  readonly taken: number[][] = Array.from({ length: CPUS }, () => []);

  constructor() {
    this.oracle.distributorControl = 3;
    for (const cpu of this.oracle.cpus) {
      cpu.control = 0xf;
      cpu.mask = 0xff;
    }
  }

  run({ kind, cpu, intid, value }: Step): void {
    const { gic, oracle } = this;
    const model = oracle.interrupt(cpu, intid);
    const cpuModel = oracle.cpus[cpu];
    switch (kind) {
      case 'raise':
      case 'lower':
        if (intid >= 16) {
          const wire = intid < 32 ? gic.gic.ppi(cpu, intid - 16) : gic.gic.spi(intid - 32);
          wire.set(kind === 'raise');
          oracle.setLevel(model, kind === 'raise');
        }
        return;
      case 'acknowledge': {
        const value = gic.acknowledge(cpu);
        expect(value).toBe(oracle.acknowledge(cpu));
        if ((value & 0x3ff) < 1020) {
          this.taken[cpu].push(value);
        }
        return;
      }
      case 'endTaken': {
        const value = this.taken[cpu].pop();
        if (value !== undefined) {
          gic.end(value, cpu);
          oracle.end(cpu, value & 0x3ff);
        }
        return;
      }
      case 'endAny':
        gic.end(intid, cpu);
        oracle.end(cpu, intid);
        return;
      case 'deactivate':
        gic.setGicc(GICC.DIR, intid, cpu);
        oracle.deactivate(cpu, intid);
        return;
      case 'sgi':
        gic.setGicd(GICD.SGIR, ((value & 7) << 16) | (intid & 15), cpu);
        for (let target = 0; target < CPUS; target++) {
          if ((value >> target) & 1) {
            oracle.interrupt(target, intid & 15).sources.add(cpu);
          }
        }
        return;
      case 'clearSgi':
        gic.setGicd(GICD.CPENDSGIR + (intid & 15), value, cpu, 1);
        for (let source = 0; source < CPUS; source++) {
          if ((value >> source) & 1) {
            oracle.interrupt(cpu, intid & 15).sources.delete(source);
          }
        }
        return;
      case 'enable':
      case 'disable':
        gic.setBit(kind === 'enable' ? GICD.ISENABLER : GICD.ICENABLER, intid, cpu);
        model.enabled = kind === 'enable' || intid < 16;
        return;
      case 'setPending':
      case 'clearPending':
        gic.setBit(kind === 'setPending' ? GICD.ISPENDR : GICD.ICPENDR, intid, cpu);
        model.latched = kind === 'setPending';
        return;
      case 'setActive':
      case 'clearActive':
        gic.setBit(kind === 'setActive' ? GICD.ISACTIVER : GICD.ICACTIVER, intid, cpu);
        model.active = kind === 'setActive';
        return;
      case 'priority':
        gic.setPriority(intid, value, cpu);
        model.priority = value;
        return;
      case 'targets':
        gic.setTargets(intid, value);
        if (intid >= 32) {
          model.targets = value & 7;
        }
        return;
      case 'group': {
        const offset = GICD.IGROUPR + (intid >>> 5) * 4;
        const bit = 1 << (intid & 31);
        const old = gic.gicd(offset, cpu);
        gic.setGicd(offset, value & 1 ? old | bit : old & ~bit, cpu);
        model.group = value & 1 ? 1 : 0;
        return;
      }
      case 'edge':
        gic.setEdge(intid, (value & 1) === 1, cpu);
        model.edge = (value & 1) === 1 || intid < 16;
        return;
      case 'mask':
        gic.setGicc(GICC.PMR, value, cpu);
        cpuModel.mask = value;
        return;
      case 'point':
        gic.setGicc(GICC.BPR, value, cpu);
        cpuModel.point = value & 7;
        return;
      case 'aliasedPoint':
        gic.setGicc(GICC.ABPR, value, cpu);
        cpuModel.aliasedPoint = Math.max(1, value & 7);
        return;
      case 'control': {
        const control = (value & 0x1f) | ((value & 0x20) << 4);
        gic.setGicc(GICC.CTLR, control, cpu);
        cpuModel.control = control;
        return;
      }
      case 'distributorControl':
        gic.setGicd(GICD.CTLR, value, cpu);
        oracle.distributorControl = value & 3;
        return;
    }
  }

  compare(): void {
    for (let cpu = 0; cpu < CPUS; cpu++) {
      const { gic, oracle } = this;
      const highest = oracle.highestPending(cpu);
      const masked = highest?.group === 1 && !(oracle.cpus[cpu].control & 4);
      const rpr = oracle.runningPriority(cpu);
      expect({
        irq: gic.irq[cpu].level,
        fiq: gic.fiq[cpu].level,
        hppir: gic.gicc(GICC.HPPIR, cpu) & 0x3ff,
        rpr: gic.gicc(GICC.RPR, cpu),
        pending: INTIDS.filter((intid) => gic.bit(GICD.ISPENDR, intid, cpu)),
        active: INTIDS.filter((intid) => gic.bit(GICD.ISACTIVER, intid, cpu)),
      }).toEqual({
        ...oracle.outputs(cpu),
        hppir: masked ? 1022 : (highest?.intid ?? 1023),
        rpr: rpr === 0x100 ? 0xff : rpr,
        pending: INTIDS.filter((intid) => isPending(oracle.interrupt(cpu, intid))),
        active: INTIDS.filter((intid) => oracle.interrupt(cpu, intid).active),
      });
    }
  }
}

describe('GicV2 and a model that scans all interrupts', () => {
  it('agree after every step of any sequence', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const pair = new Pair();
        for (const each of steps) {
          pair.run(each);
          pair.compare();
        }
      }),
      { numRuns: 150 },
    );
  });
});
