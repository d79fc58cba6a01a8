import type { StreamAccess } from '../stream-context.ts';
import { INSTCFG, PRIVCFG, S2CR, SMR } from './registers.ts';

/** What a search of the stream mapping table gives where it is not one group (IHI 0062D 2.3.2). */
export const NO_MATCH = -1;
export const MATCH_CONFLICT = -2;

/**
 * Searches the stream mapping table: a group matches when its entry is valid and all bits of the stream ID that its MASK
 * does not exclude are those of its ID (9.6.26).
 * @returns the number of the one group that matches, {@link NO_MATCH} or {@link MATCH_CONFLICT}
 */
export function matchStream(streamId: number, smr: Uint32Array): number {
  let found = NO_MATCH;
  for (let group = 0; group < smr.length; group++) {
    const entry = smr[group];
    if ((entry & SMR.VALID) === 0) continue;
    const ignored = (entry >>> SMR.MASK_SHIFT) & SMR.ID_MASK;
    if (((streamId ^ (entry & SMR.ID_MASK)) & ~ignored) !== 0) continue;
    if (found !== NO_MATCH) return MATCH_CONFLICT;
    found = group;
  }
  return found;
}

/** An access with the attributes that its group's SMMU_S2CRn gives it (2.3.1). Writes are never instruction fetches. */
export function withStreamAttributes(access: StreamAccess, s2cr: number): StreamAccess {
  const privcfg = (s2cr >>> S2CR.PRIVCFG_SHIFT) & 3;
  const instcfg = (s2cr >>> S2CR.INSTCFG_SHIFT) & 3;
  return {
    ...access,
    instruction: !access.write && instcfg === INSTCFG.INSTRUCTION,
    privileged:
      privcfg === PRIVCFG.UNPRIVILEGED ? false : privcfg === PRIVCFG.PRIVILEGED || access.privileged,
  };
}
