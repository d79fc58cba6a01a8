import type { Stage1Regime, Stage2Regime } from '../vmsa/regime.ts';

/** A bus master's access as an SMMU translates it, with the attributes that it has put in place of the access's own. */
export interface StreamAccess {
  readonly streamId: number;
  readonly write: boolean;
  readonly instruction: boolean;
  readonly privileged: boolean;
}

/** Stage 1 of a context: the tables, and the control bits that change what they say. */
export interface Stage1Context {
  readonly regime: Stage1Regime;
  /** The access flag counts as set (AFFD). */
  readonly ignoresAccessFlag: boolean;
  /** What may be written is not executed (WXN); what unprivileged accesses may write, not by privileged ones (UWXN). */
  readonly writeExecuteNever: boolean;
  readonly userWriteExecuteNever: boolean;
  /** Privileged accesses to data that unprivileged ones reach are refused (PAN). */
  readonly privilegedAccessNever: boolean;
}

/** Stage 2 of a context. */
export interface Stage2Context {
  readonly regime: Stage2Regime;
  readonly ignoresAccessFlag: boolean;
  /** Tables of stage 1 in what stage 2 says is Device memory are a permission fault (PTW). */
  readonly protectsTableWalks: boolean;
}

/**
 * What a stream sees of memory: what an SMMU's registers and tables select for its stream ID, whichever SMMU it is. Made
 * anew from them when it is asked for. One access is translated by it (`translate.ts`), and all leaves can be listed by it.
 */
export type StreamContext =
  /** Every access is refused. */
  | { readonly kind: 'fault' }
  /** Addresses come out as they went in, up to `addressBits`. */
  | { readonly kind: 'bypass'; readonly addressBits: number }
  | StreamStages;

/** One stage of translation or both, the second for what the first gives and for the first's tables. */
export interface StreamStages {
  readonly kind: 'stages';
  readonly stage1?: Stage1Context;
  readonly stage2?: Stage2Context;
  /** What PCI functions' accesses, which come unprivileged, are to the tables; and whether reads are instruction fetches. */
  readonly privileged: boolean;
  readonly instruction: boolean;
}
