import type { InterruptLine } from '../../ports/interrupt-line.ts';
import type { DeviceLog } from '../../ports/mmio.ts';
import { assignPlain, copyPlain } from '../../ports/plain-state.ts';
import type { Saveable } from '../../ports/saveable.ts';
import type { StreamAccess } from '../stream-context.ts';
import {
  GFSR,
  GFSYNR0,
  GR0,
  IDR0_VALUE,
  IDR1_VALUE,
  IDR2_VALUE,
  S2CR,
  SCR0,
  SMR,
  STREAM_MAPPING_GROUPS,
} from './registers.ts';

/** Everything that Global Register Space 0 remembers. */
export type GlobalSpaceState = {
  sCR0: number;
  sGFARLow: number;
  sGFARHigh: number;
  sGFSR: number;
  sGFSYNR0: number;
  sGFSYNR1: number;
  readonly SMR: Uint32Array;
  readonly S2CR: Uint32Array;
};

/** Registers with nothing to remember: IMPLEMENTATION DEFINED ones, and TLB maintenance where there is no TLB. */
const STATELESS: ReadonlySet<number> = new Set([
  GR0.sCR2,
  GR0.sACR,
  GR0.sGFSYNR2,
  GR0.STLBIALL,
  GR0.TLBIVMID,
  GR0.TLBIALLNSNH,
  GR0.TLBIALLH,
  GR0.sTLBGSYNC,
  GR0.sTLBGSTATUS,
  GR0.TLBIVAH,
  GR0.TLBIVMIDS1,
  ...[GR0.TLBIVALH64, GR0.TLBIVAH64].flatMap((offset) => [offset, offset + 4]),
]);

const STREAM_ID_MASK = SMR.ID_MASK;

/** SMMU Global Register Space 0 (IHI 0062D chapter 9): control, identification, the stream mapping table, global faults. */
export class GlobalSpace implements Saveable<GlobalSpaceState> {
  readonly state: GlobalSpaceState = {
    // 9.2: of all that matters here only this bit has a value after a reset.
    sCR0: SCR0.CLIENTPD,
    sGFARLow: 0,
    sGFARHigh: 0,
    sGFSR: 0,
    sGFSYNR0: 0,
    sGFSYNR1: 0,
    SMR: new Uint32Array(STREAM_MAPPING_GROUPS),
    S2CR: new Uint32Array(STREAM_MAPPING_GROUPS),
  };
  private readonly interrupt: InterruptLine;
  private readonly log: DeviceLog;

  constructor(interrupt: InterruptLine, log: DeviceLog) {
    this.interrupt = interrupt;
    this.log = log;
  }

  read(offset: number): number {
    const { state } = this;
    const group = groupAt(offset);
    if (group !== undefined) return state[group.register][group.index];
    switch (offset) {
      case GR0.sCR0:
        return state.sCR0;
      case GR0.IDR0:
        return IDR0_VALUE;
      case GR0.IDR1:
        return IDR1_VALUE;
      case GR0.IDR2:
        return IDR2_VALUE;
      case GR0.sGFAR:
        return state.sGFARLow;
      case GR0.sGFAR_HIGH:
        return state.sGFARHigh;
      case GR0.sGFSR:
        return state.sGFSR;
      case GR0.sGFSYNR0:
        return state.sGFSYNR0;
      case GR0.sGFSYNR1:
        return state.sGFSYNR1;
      default:
        if (!STATELESS.has(offset) && !isIdentification(offset)) this.unknown('read from', offset);
        return 0;
    }
  }

  write(offset: number, value: number): void {
    const { state } = this;
    const group = groupAt(offset);
    if (group !== undefined) {
      state[group.register][group.index] = value & (group.register === 'SMR' ? SMR : S2CR).WRITABLE;
      return;
    }
    switch (offset) {
      case GR0.sCR0:
        state.sCR0 = (value & SCR0.WRITABLE) >>> 0;
        break;
      case GR0.sGFAR:
        state.sGFARLow = value;
        break;
      case GR0.sGFAR_HIGH:
        state.sGFARHigh = value;
        break;
      case GR0.sGFSR:
        // 3.6.3: a one clears a fault's bit.
        state.sGFSR = (state.sGFSR & ~value) >>> 0;
        break;
      case GR0.sGFSRRESTORE:
        state.sGFSR = (value & GFSR.WRITABLE) >>> 0;
        break;
      case GR0.sGFSYNR0:
        state.sGFSYNR0 = value & GFSYNR0.WRITABLE;
        break;
      case GR0.sGFSYNR1:
        state.sGFSYNR1 = value & STREAM_ID_MASK;
        break;
      default:
        if (!STATELESS.has(offset)) this.unknown('write to', offset);
    }
    this.updateInterrupt();
  }

  /**
   * Records a fault that is no context bank's (3.8.1): the details are the first one's; of another one, only that there
   * was one.
   * @param fault its bit in SMMU_sGFSR
   * @param nested it is the bank's SMMU_CBARn that is wrong, not what selected the bank
   */
  record(fault: number, address: number, access: StreamAccess, nested: boolean): void {
    const { state } = this;
    if (state.sGFSR !== 0) {
      state.sGFSR = (state.sGFSR | GFSR.MULTI) >>> 0;
    } else {
      state.sGFSR = fault;
      state.sGFARLow = address % 2 ** 32;
      state.sGFARHigh = Math.floor(address / 2 ** 32);
      state.sGFSYNR0 =
        (nested ? GFSYNR0.NESTED : 0) |
        (access.write ? GFSYNR0.WNR : 0) |
        (access.privileged ? GFSYNR0.PNU : 0) |
        (access.instruction ? GFSYNR0.IND : 0);
      state.sGFSYNR1 = access.streamId & STREAM_ID_MASK;
    }
    this.updateInterrupt();
  }

  reset(): void {
    const { state } = this;
    state.sCR0 = SCR0.CLIENTPD;
    state.sGFARLow = state.sGFARHigh = state.sGFSR = state.sGFSYNR0 = state.sGFSYNR1 = 0;
    state.SMR.fill(0);
    state.S2CR.fill(0);
    this.updateInterrupt();
  }

  saveState(): GlobalSpaceState {
    return copyPlain(this.state);
  }

  restoreState(state: GlobalSpaceState): void {
    assignPlain(this.state, state, 'the SMMU');
  }

  private updateInterrupt(): void {
    this.interrupt.set((this.state.sCR0 & SCR0.GFIE) !== 0 && this.state.sGFSR !== 0);
  }

  private unknown(access: string, offset: number): void {
    this.log.guestError(
      `SMMUv2: ${access} 0x${offset.toString(16)} of global register space 0, where no register is`,
    );
  }
}

/** SMMU_IDR3 to SMMU_IDR7, and the identification of a component, which read as zero. */
function isIdentification(offset: number): boolean {
  return (offset > GR0.IDR2 && offset <= GR0.IDR7) || offset >= 0xfd0;
}

function groupAt(offset: number): { readonly register: 'SMR' | 'S2CR'; readonly index: number } | undefined {
  const size = STREAM_MAPPING_GROUPS * 4;
  if (offset >= GR0.SMR && offset < GR0.SMR + size)
    return { register: 'SMR', index: (offset - GR0.SMR) >> 2 };
  if (offset >= GR0.S2CR && offset < GR0.S2CR + size)
    return { register: 'S2CR', index: (offset - GR0.S2CR) >> 2 };
  return undefined;
}
