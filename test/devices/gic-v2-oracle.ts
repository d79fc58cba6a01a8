/** An interrupt as one CPU sees it; SPIs are one object that all CPUs share. */
interface OracleInterrupt {
  readonly intid: number;
  enabled: boolean;
  latched: boolean;
  level: boolean;
  edge: boolean;
  active: boolean;
  group: 0 | 1;
  priority: number;
  targets: number;
  /** SGIs only. */
  readonly sources: Set<number>;
}

interface OracleCpu {
  readonly banked: OracleInterrupt[];
  control: number;
  mask: number;
  point: number;
  aliasedPoint: number;
  /** Group priorities of active interrupts, a set as the active priorities registers are. */
  readonly running: [Set<number>, Set<number>];
}

const SPURIOUS = 1023;

/**
 * The interrupt model of IHI 0048B chapter 3 without any bookkeeping: each question is answered by looking at every
 * interrupt. What GicV2 must agree with.
 */
export class GicOracle {
  distributorControl = 0;
  readonly cpus: OracleCpu[];
  readonly #spis: OracleInterrupt[];

  constructor(cpuCount: number, interruptCount: number) {
    this.cpus = Array.from({ length: cpuCount }, (_, cpu) => ({
      banked: Array.from({ length: 32 }, (_, intid) => makeInterrupt(intid, 1 << cpu)),
      control: 0,
      mask: 0,
      point: 0,
      aliasedPoint: 1,
      running: [new Set<number>(), new Set<number>()],
    }));
    this.#spis = Array.from({ length: interruptCount - 32 }, (_, n) =>
      makeInterrupt(32 + n, cpuCount === 1 ? 1 : 0),
    );
  }

  interrupt(cpu: number, intid: number): OracleInterrupt {
    return intid < 32 ? this.cpus[cpu].banked[intid] : this.#spis[intid - 32];
  }

  all(cpu: number): OracleInterrupt[] {
    return [...this.cpus[cpu].banked, ...this.#spis];
  }

  setLevel(interrupt: OracleInterrupt, level: boolean): void {
    if (level && !interrupt.level && interrupt.edge) {
      interrupt.latched = true;
    }
    interrupt.level = level;
  }

  runningPriority(cpu: number): number {
    const { running } = this.cpus[cpu];
    return Math.min(0x100, ...running[0], ...running[1]);
  }

  groupPriority(cpu: number, { group, priority }: OracleInterrupt): number {
    const { control, point, aliasedPoint } = this.cpus[cpu];
    const bits = (group === 1 && !(control & 0x10) ? aliasedPoint - 1 : point) + 1;
    return Math.floor(priority / 2 ** bits) * 2 ** bits;
  }

  highestPending(cpu: number): OracleInterrupt | undefined {
    const { mask, control } = this.cpus[cpu];
    const [best] = this.all(cpu)
      .filter(
        (interrupt) =>
          interrupt.enabled &&
          isPending(interrupt) &&
          !interrupt.active &&
          (interrupt.targets & (1 << cpu)) !== 0 &&
          (this.distributorControl & (1 << interrupt.group)) !== 0,
      )
      .sort((a, b) => a.priority - b.priority || a.intid - b.intid);
    return best && best.priority < mask && control & (1 << best.group) ? best : undefined;
  }

  signaled(cpu: number): OracleInterrupt | undefined {
    const best = this.highestPending(cpu);
    return best && best.priority < this.runningPriority(cpu) ? best : undefined;
  }

  outputs(cpu: number): { irq: boolean; fiq: boolean } {
    const best = this.signaled(cpu);
    const fiq = best?.group === 0 && (this.cpus[cpu].control & 8) !== 0;
    return { irq: best !== undefined && !fiq, fiq };
  }

  acknowledge(cpu: number): number {
    const best = this.signaled(cpu);
    if (best === undefined) {
      return SPURIOUS;
    }
    if (best.group === 1 && !(this.cpus[cpu].control & 4)) {
      return 1022;
    }
    this.cpus[cpu].running[best.group].add(this.groupPriority(cpu, best));
    best.active = true;
    best.latched = false;
    const source = best.intid < 16 ? Math.min(...best.sources) : 0;
    best.sources.delete(source);
    return (source << 10) | best.intid;
  }

  end(cpu: number, intid: number): void {
    const interrupt = this.interrupt(cpu, intid);
    const running = this.cpus[cpu].running[interrupt.group];
    running.delete(Math.min(...running));
    if (!(this.cpus[cpu].control & 0x200)) {
      interrupt.active = false;
    }
  }

  deactivate(cpu: number, intid: number): void {
    if (this.cpus[cpu].control & 0x200) {
      this.interrupt(cpu, intid).active = false;
    }
  }
}

export function isPending(interrupt: OracleInterrupt): boolean {
  return interrupt.intid < 16
    ? interrupt.sources.size > 0
    : interrupt.latched || (interrupt.level && !interrupt.edge);
}

function makeInterrupt(intid: number, targets: number): OracleInterrupt {
  return {
    intid,
    enabled: intid < 16,
    latched: false,
    level: false,
    edge: intid < 16,
    active: false,
    group: 0,
    priority: 0,
    targets,
    sources: new Set(),
  };
}
