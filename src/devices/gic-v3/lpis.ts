import type { DmaPort } from '../../ports/dma.ts';
import { IDLE_PRIORITY, SPURIOUS_INTID } from '../gic-interrupts.ts';
import { FIRST_LPI, INTID_BITS, PRIORITY_MASK, type RedistributorState } from './state.ts';

/** GICR_PROPBASER: bits of an LPI's INTID less one (IHI 0069 12.11.33). */
const PROPBASER_ID_BITS = 0x1f;
/** GICR_PENDBASER: the pending table is all zero (12.11.31). Write-only. */
const PENDBASER_PTZ = 1 << 30;
/** Of the high words: physical address bits 51:32. */
const HIGH_ADDRESS = 0xfffff;

/**
 * The LPIs of one Redistributor (IHI 0069 chapter 5): which are pending, their configuration by the table in memory.
 * The configuration is read whenever it is needed, which a Redistributor may do: it need not cache any of it.
 */
export class Lpis {
  private readonly state: RedistributorState;
  private readonly memory: DmaPort;
  private readonly pending = new Set<number>();
  private readonly byte = new Uint8Array(1);
  /** The highest priority pending LPI that is enabled, and its priority. */
  best = SPURIOUS_INTID;
  bestPriority = IDLE_PRIORITY;

  constructor(state: RedistributorState, memory: DmaPort) {
    this.state = state;
    this.memory = memory;
  }

  reset(): void {
    this.pending.clear();
    this.select();
  }

  /** INTIDs of the pending LPIs in rising order. */
  get pendingIntids(): Uint32Array {
    return Uint32Array.from(this.pending).sort();
  }

  set pendingIntids(intids: Uint32Array) {
    this.pending.clear();
    for (const intid of intids) this.pending.add(intid);
  }

  /** First INTID that is no LPI here: GICR_PROPBASER.IDbits, at most what the distributor has. */
  get end(): number {
    return 1 << Math.min((this.state.propbaser[0] & PROPBASER_ID_BITS) + 1, INTID_BITS);
  }

  setPending(intid: number, level: boolean): void {
    if (!this.state.enableLpis || intid < FIRST_LPI || intid >= this.end) return;
    if (level) this.pending.add(intid);
    else this.pending.delete(intid);
    this.select();
  }

  isPending(intid: number): boolean {
    return this.pending.has(intid);
  }

  /** Finds `best` anew: after changes of what is pending and of the configuration. */
  select(): void {
    this.best = SPURIOUS_INTID;
    this.bestPriority = IDLE_PRIORITY;
    if (!this.state.enableLpis) return;
    for (const intid of this.pending) {
      const configuration = this.configuration(intid);
      if ((configuration & 1) === 0) continue;
      const priority = configuration & PRIORITY_MASK;
      if (priority < this.bestPriority || (priority === this.bestPriority && intid < this.best)) {
        this.best = intid;
        this.bestPriority = priority;
      }
    }
  }

  /** GICR_CTLR.EnableLPIs became 1: what the pending table in memory says is pending, unless PTZ said that it is zero. */
  load(): void {
    const { pendbaser } = this.state;
    this.pending.clear();
    if ((pendbaser[1] & PENDBASER_PTZ) === 0) {
      const bits = new Uint8Array((this.end - FIRST_LPI) / 8);
      if (bits.length > 0 && this.memory.read(this.pendingTable + FIRST_LPI / 8, bits)) {
        for (let i = 0; i < bits.length * 8; i++) {
          if ((bits[i >>> 3] >>> (i & 7)) & 1) this.pending.add(FIRST_LPI + i);
        }
      }
    }
    this.select();
  }

  /** EnableLPIs became 0: the pending state goes to the table in memory. */
  store(): void {
    const bits = new Uint8Array(Math.max(0, (this.end - FIRST_LPI) / 8));
    for (const intid of this.pending) bits[(intid - FIRST_LPI) >>> 3] |= 1 << (intid & 7);
    if (bits.length > 0) this.memory.write(this.pendingTable + FIRST_LPI / 8, bits);
    this.pending.clear();
    this.select();
  }

  /** MOVALL: all that is pending here becomes pending there. */
  moveAllTo(other: Lpis): void {
    if (other === this) return;
    for (const intid of this.pending) other.pending.add(intid);
    this.pending.clear();
    this.select();
    other.select();
  }

  private get pendingTable(): number {
    const { pendbaser } = this.state;
    return (pendbaser[1] & HIGH_ADDRESS) * 2 ** 32 + ((pendbaser[0] & 0xffff0000) >>> 0);
  }

  /** The byte of the configuration table: priority in 7:2, enable in 0; disabled where the table is not in memory. */
  private configuration(intid: number): number {
    const { propbaser } = this.state;
    const table = (propbaser[1] & HIGH_ADDRESS) * 2 ** 32 + ((propbaser[0] & 0xfffff000) >>> 0);
    return this.memory.read(table + intid - FIRST_LPI, this.byte) ? this.byte[0] : 0;
  }
}
