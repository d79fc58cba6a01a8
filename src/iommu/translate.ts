import { walkRegime } from '../vmsa/regime.ts';
import { AccessKind, FaultKind, permits, Rights, type TableRead, WalkResult } from '../vmsa/walk.ts';
import type { Stage1Context, Stage2Context, StreamAccess } from './stream-context.ts';

/** What an access came to. */
export class Translation {
  fault: FaultKind = FaultKind.None;
  /** The stage that refused it. */
  stage: 1 | 2 = 1;
  level = 0;
  /** Valid without a fault. */
  physical = 0;
  /** What stage 1 gave to stage 2, or the address of the table that stage 2 refused; valid with a fault of stage 2. */
  ipa = 0;
  /** A fault of stage 2 was one of a read of stage 1's tables. */
  onTableWalk = false;
  /** Physical address of the word of a table that was read last; valid with an external abort on a walk. */
  fetched = 0;
}

/** log2 of the smallest leaf: an access within such a page is translated once. */
export const PAGE_BITS = 12;

/**
 * Translates accesses by one stage or two, the walks of the first by the second (IHI 0062D 2.1, IHI 0070 3.3.2). It keeps
 * nothing from one access to the next.
 */
export class Translator {
  readonly result = new Translation();
  private readonly first = new WalkResult();
  private readonly second = new WalkResult();
  private readonly read: TableRead;

  /** @param readTable reads a word of a table at a physical address; undefined where no table can be */
  constructor(readTable: TableRead) {
    this.read = (address) => {
      this.result.fetched = address;
      return readTable(address);
    };
  }

  /**
   * Translates an access that does not leave its page of 4 KiB.
   * @returns {@link result}, which the next call overwrites
   */
  translate(
    address: number,
    access: StreamAccess,
    stage1: Stage1Context | undefined,
    stage2: Stage2Context | undefined,
  ): Translation {
    const { result } = this;
    result.fault = FaultKind.None;
    result.onTableWalk = false;
    result.ipa = address;
    if (stage1 !== undefined && !this.translateStage1(address, access, stage1, stage2)) return result;
    if (stage2 === undefined) result.physical = result.ipa;
    else this.translateStage2(result.ipa, access, stage2);
    return result;
  }

  /**
   * Translates the address of something that an SMMU itself reads by stage 2 alone: a table of stage 1, or what leads to one.
   * @returns the physical address, or undefined with the fault in {@link result}
   */
  translateFetch(ipa: number, stage2: Stage2Context): number | undefined {
    const { result, second } = this;
    this.walk2(ipa, stage2);
    if (second.fault === FaultKind.None && (second.rights & Rights.PrivilegedRead) === 0)
      second.fault = FaultKind.Permission;
    // MemAttr[3:2] 0 is Device memory.
    if (second.fault === FaultKind.None && stage2.protectsTableWalks && second.attributes < 4)
      second.fault = FaultKind.Permission;
    if (second.fault === FaultKind.None) return second.physical;
    this.refuse(second, 2);
    result.ipa = ipa;
    result.onTableWalk = true;
    return undefined;
  }

  private translateStage1(
    address: number,
    access: StreamAccess,
    stage1: Stage1Context,
    stage2: Stage2Context | undefined,
  ): boolean {
    const { first, result } = this;
    walkRegime(address, stage1.regime, stage2 === undefined ? this.read : this.readBy(stage2), first);
    // The walk was ended by stage 2, which has said why.
    if (result.onTableWalk) return false;
    if (first.fault === FaultKind.AccessFlag && stage1.ignoresAccessFlag) first.fault = FaultKind.None;
    if (
      first.fault === FaultKind.None &&
      stage1.regime.format !== 'flat' &&
      !permitted(first.rights, access, stage1)
    ) {
      first.fault = FaultKind.Permission;
    }
    result.ipa = first.physical;
    return first.fault === FaultKind.None || this.refuse(first, 1);
  }

  private translateStage2(ipa: number, access: StreamAccess, stage2: Stage2Context): void {
    const { second, result } = this;
    this.walk2(ipa, stage2);
    if (second.fault === FaultKind.None && !permits(second.rights, kindOf(access), access.privileged)) {
      second.fault = FaultKind.Permission;
    }
    if (second.fault === FaultKind.None) result.physical = second.physical;
    else this.refuse(second, 2);
  }

  private walk2(ipa: number, { regime, ignoresAccessFlag }: Stage2Context): void {
    const { second } = this;
    // A stage that is switched off says nothing of memory's type.
    if (regime.format === 'flat') second.attributes = NORMAL_MEMORY;
    walkRegime(ipa, regime, this.read, second);
    if (second.fault === FaultKind.AccessFlag && ignoresAccessFlag) second.fault = FaultKind.None;
  }

  /** Reads words of stage 1's tables, whose addresses stage 2 translates. */
  private readBy(stage2: Stage2Context): TableRead {
    return (ipa) => {
      const physical = this.translateFetch(ipa, stage2);
      return physical === undefined ? undefined : this.read(physical);
    };
  }

  private refuse({ fault, level }: WalkResult, stage: 1 | 2): false {
    const { result } = this;
    result.fault = fault;
    result.level = level;
    result.stage = stage;
    return false;
  }
}

/** MemAttr of Normal memory, Write-Back. */
const NORMAL_MEMORY = 15;

function kindOf({ write, instruction }: StreamAccess): AccessKind {
  if (write) return AccessKind.Write;
  return instruction ? AccessKind.Execute : AccessKind.Read;
}

/** Whether a leaf of stage 1 with these {@link Rights} lets an access through. */
export function permitted(rights: number, access: StreamAccess, stage1: Stage1Context): boolean {
  const { instruction, privileged } = access;
  if (instruction) {
    if (stage1.writeExecuteNever && permits(rights, AccessKind.Write, privileged)) return false;
    if (stage1.userWriteExecuteNever && permits(rights, AccessKind.Write, false)) return false;
  } else if (stage1.privilegedAccessNever && privileged && permits(rights, AccessKind.Read, false)) {
    return false;
  }
  return permits(rights, kindOf(access), privileged);
}
