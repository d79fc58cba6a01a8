import { GicV2 } from '../../src/devices/gic-v2.ts';
import { GICC } from '../../src/devices/gic-v2-cpu-interface.ts';
import { GICD } from '../../src/devices/gic-v2-distributor.ts';
import type { InterruptLine } from '../../src/ports/interrupt-line.ts';
import type { AccessSize, Requester } from '../../src/ports/mmio.ts';

/** A wire that remembers its level and how often it rose. */
export class Probe implements InterruptLine {
  level = false;
  rises = 0;

  set(level: boolean): void {
    if (level && !this.level) {
      this.rises++;
    }
    this.level = level;
  }
}

export function cpuRequester(cpu: number): Requester {
  return { kind: 'cpu', cpu, streamId: 0, secure: false, privileged: true };
}

/** A GICv2 with word accessors in the names of its registers and probes on its outputs. */
export class GicFixture {
  readonly gic: GicV2;
  readonly irq: Probe[] = [];
  readonly fiq: Probe[] = [];
  readonly #requesters: Requester[];

  constructor(cpuCount = 1, interruptCount = 288) {
    const indices = Array.from({ length: cpuCount }, (_, cpu) => cpu);
    this.irq = indices.map(() => new Probe());
    this.fiq = indices.map(() => new Probe());
    this.#requesters = indices.map(cpuRequester);
    this.gic = new GicV2({
      interruptCount,
      cpus: indices.map((cpu) => ({ irq: this.irq[cpu], fiq: this.fiq[cpu] })),
    });
  }

  gicd(offset: number, cpu = 0, size: AccessSize = 4): number {
    return this.gic.distributor.read(offset, size, this.#requesters[cpu]);
  }

  setGicd(offset: number, value: number, cpu = 0, size: AccessSize = 4): void {
    this.gic.distributor.write(offset, size, value, this.#requesters[cpu]);
  }

  gicc(offset: number, cpu = 0): number {
    return this.gic.cpuInterface.read(offset, 4, this.#requesters[cpu]);
  }

  setGicc(offset: number, value: number, cpu = 0): void {
    this.gic.cpuInterface.write(offset, 4, value, this.#requesters[cpu]);
  }

  /** Both groups forwarded and signaled on every CPU, all priorities but 0xff let through. */
  enableAll(cpuControl = 0x3): this {
    this.setGicd(GICD.CTLR, 3);
    for (let cpu = 0; cpu < this.irq.length; cpu++) {
      this.setGicc(GICC.PMR, 0xff, cpu);
      this.setGicc(GICC.CTLR, cpuControl, cpu);
    }
    return this;
  }

  /** Writes a 1 for an interrupt into a register with a bit for each. */
  setBit(register: number, intid: number, cpu = 0): void {
    this.setGicd(register + (intid >>> 5) * 4, 1 << (intid & 31), cpu);
  }

  bit(register: number, intid: number, cpu = 0): number {
    return (this.gicd(register + (intid >>> 5) * 4, cpu) >>> (intid & 31)) & 1;
  }

  setPriority(intid: number, priority: number, cpu = 0): void {
    this.setGicd(GICD.IPRIORITYR + intid, priority, cpu, 1);
  }

  setTargets(intid: number, targets: number): void {
    this.setGicd(GICD.ITARGETSR + intid, targets, 0, 1);
  }

  /** Makes an SPI or PPI edge-triggered or level-sensitive. */
  setEdge(intid: number, edge: boolean, cpu = 0): void {
    const offset = GICD.ICFGR + (intid >>> 4) * 4;
    const field = 2 << ((intid & 15) * 2);
    const old = this.gicd(offset, cpu);
    this.setGicd(offset, edge ? old | field : old & ~field, cpu);
  }

  /** Enables an interrupt with a priority; an SPI for CPU 0. */
  prepare(intid: number, priority = 0x80): void {
    this.setPriority(intid, priority);
    this.setTargets(intid, 1);
    this.setBit(GICD.ISENABLER, intid);
  }

  acknowledge(cpu = 0): number {
    return this.gicc(GICC.IAR, cpu);
  }

  end(value: number, cpu = 0): void {
    this.setGicc(GICC.EOIR, value, cpu);
  }
}
