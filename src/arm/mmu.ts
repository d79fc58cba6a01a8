import { BUS_ERROR, type PhysicalMemory } from '../memory/physical-memory.ts';
import type { Requester } from '../ports/mmio.ts';
import { MemFlag } from '../translator/ir/ops.ts';
import type { PendingFault } from '../translator/pending-fault.ts';
import {
  AccessKind,
  ShortFault,
  type ShortWalkRegime,
  ShortWalkResult,
  shortPermits,
  walkShort,
} from '../vmsa/short-descriptor.ts';
import { isDeviceMemory } from './memory-attributes.ts';
import { ExceptionKind } from './state.ts';
import { Sctlr, type SystemRegisters } from './system-registers.ts';
import { TLB_KEY_WORDS, type TlbArrays, TlbFlag } from './tlb.ts';

/** DFSR.WnR (B4.1.52). */
const FSR_WNR = 1 << 11;
/** FSR.ExT; the model has no other kind of external abort than a decode error, so it reads as on QEMU. */
const FSR_EXT = 1 << 12;

function isExternal(fault: ShortFault): boolean {
  return (
    fault === ShortFault.SynchronousExternal ||
    fault === ShortFault.ExternalOnWalkFirstLevel ||
    fault === ShortFault.ExternalOnWalkSecondLevel
  );
}

function encodeFsr(fault: ShortFault, domain: number): number {
  return (fault & 15) | ((fault & 16) << 6) | (domain << 4) | (isExternal(fault) ? FSR_EXT : 0);
}

/**
 * Address translation of one CPU (ARM DDI 0406C B3). The fast path is the TLB array in the machine's memory, which this
 * class fills and generated code reads; accesses that miss it are in data-access.ts.
 */
export class Mmu {
  /** Number of the TLB array of the current context. */
  array = 0;
  /** Whether the current mode is privileged, as of the last `selectContext`. */
  privileged = true;
  /** The requester of this CPU's device accesses, privileged and not; table walks are privileged ones. */
  readonly privilegedRequester: Requester;
  readonly userRequester: Requester;
  private readonly walk = new ShortWalkResult();
  private readonly key = new Int32Array(TLB_KEY_WORDS);
  private readonly physical: PhysicalMemory;
  private readonly regs: SystemRegisters;
  private readonly tlb: TlbArrays;
  /** The registers as of the last `selectContext`, which every write to one of them leads to. */
  private readonly regime: { -readonly [K in keyof ShortWalkRegime]: ShortWalkRegime[K] };
  private readonly faults: PendingFault;
  private fetchFault = 0;
  private readonly readTable = (address: number): number | undefined => {
    const value = this.physical.read(address, 4, this.privilegedRequester);
    return value === BUS_ERROR ? undefined : value;
  };

  constructor(
    physical: PhysicalMemory,
    tlb: TlbArrays,
    regs: SystemRegisters,
    cpu: number,
    hasPxn: boolean,
    faults: PendingFault,
  ) {
    this.faults = faults;
    this.physical = physical;
    this.tlb = tlb;
    this.regs = regs;
    this.regime = {
      ttbr0: 0,
      ttbr1: 0,
      ttbcr: 0,
      dacr: 0,
      accessFlagEnable: false,
      bigEndianTables: false,
      hasPxn,
    };
    this.privilegedRequester = { kind: 'cpu', cpu, streamId: 0, secure: false, privileged: true };
    this.userRequester = { ...this.privilegedRequester, privileged: false };
    this.key[TLB_KEY_WORDS - 1] = cpu;
  }

  /** Selects the TLB array of the current registers and privilege. */
  selectContext(privileged: boolean): void {
    const { regs, key } = this;
    this.privileged = privileged;
    key[0] = regs.TTBR0;
    key[1] = regs.TTBR1;
    key[2] = regs.TTBCR;
    key[3] = regs.CONTEXTIDR & 0xff;
    key[4] = regs.DACR;
    // SW is no matter of translation, but blocks depend on it: the jump cache tells them apart by their context.
    key[5] = regs.SCTLR & (Sctlr.M | Sctlr.SW | Sctlr.EE | Sctlr.TRE | Sctlr.AFE | Sctlr.WXN | Sctlr.UWXN);
    key[6] = regs.PRRR;
    key[7] = regs.NMRR;
    key[8] = privileged ? 1 : 0;
    this.array = this.tlb.select(key);
    const { regime } = this;
    regime.ttbr0 = regs.TTBR0;
    regime.ttbr1 = regs.TTBR1;
    regime.ttbcr = regs.TTBCR;
    regime.dacr = regs.DACR;
    regime.accessFlagEnable = (regs.SCTLR & Sctlr.AFE) !== 0;
    regime.bigEndianTables = (regs.SCTLR & Sctlr.EE) !== 0;
  }

  /** Translates for a fetch. @returns the physical address, or -1: `reportFetchFault` then says why. */
  translateFetch(va: number): number {
    const fault = this.translate(va, AccessKind.Execute, this.privileged);
    if (fault === ShortFault.None) return this.walk.physical;
    this.fetchFault = encodeFsr(fault, 0);
    return -1;
  }

  /** A fetch found no memory at its physical address. */
  fetchFoundNothing(): void {
    this.fetchFault = encodeFsr(ShortFault.SynchronousExternal, 0);
  }

  /** IFSR and IFAR for the fetch that failed last, when the guest is to see it as a prefetch abort. */
  reportFetchFault(va: number): void {
    this.regs.IFSR = this.fetchFault;
    this.regs.IFAR = va | 0;
  }

  /** Reads guest memory through the current translation without side effects on fault registers; for debuggers. */
  translateForDebug(va: number): number {
    return this.translate(va, AccessKind.Read, true) === ShortFault.None ? this.walk.physical : -1;
  }

  /** Physical address and attributes by the ATS operations and the PAR format (B4.1.112). */
  addressTranslate(va: number, write: boolean, privileged: boolean): void {
    const fault = this.translate(va, write ? AccessKind.Write : AccessKind.Read, privileged);
    const { walk, regs } = this;
    if (fault !== ShortFault.None) {
      // PAR.FS: DFSR.FS[3:0], FS[4] and ExT next to each other.
      regs.PAR = ((fault & 31) << 1) | (isExternal(fault) ? 1 << 6 : 0) | 1;
    } else if (walk.leafBits === 24) {
      regs.PAR = (walk.physical & -0x1000000) | 2;
    } else {
      regs.PAR = (walk.physical & -4096) | this.parAttributes();
    }
  }

  private parAttributes(): number {
    if ((this.regs.SCTLR & Sctlr.M) === 0) return 0;
    return this.walk.shareable ? 1 << 7 : 0;
  }

  /** Walks, checks, fills the TLB. @returns the entry's flags and page, or 0 after a data abort. */
  entryFor(va: number, kind: AccessKind, flags: number): number {
    const unprivileged = this.privileged && (flags & MemFlag.Unprivileged) !== 0;
    if (!unprivileged) {
      const entry = this.tlb.lookup(this.array, va);
      if ((entry & (kind === AccessKind.Write ? TlbFlag.Writable : TlbFlag.Readable)) !== 0) {
        // A page that was watched and no longer is gets its fast path back here.
        if (kind === AccessKind.Write && (entry & TlbFlag.Ram) !== 0) {
          this.tlb.fill(this.array, va, entry & -4096, entry & 0xfff, 12);
        }
        return entry;
      }
    }
    const privileged = this.privileged && !unprivileged;
    const fault = this.translate(va, kind, privileged);
    if (fault !== ShortFault.None) {
      this.abort(va, fault, this.walk.domain, kind === AccessKind.Write);
      return 0;
    }
    const { physical } = this.walk;
    if (physical >= 0x1_0000_0000) {
      this.abort(va, ShortFault.SynchronousExternal, 0, kind === AccessKind.Write);
      return 0;
    }
    const page = (physical & -4096) | 0;
    let entry = page | TlbFlag.Valid;
    if (this.permits(AccessKind.Read, privileged)) entry |= TlbFlag.Readable;
    if (this.permits(AccessKind.Write, privileged)) entry |= TlbFlag.Writable;
    if (this.device()) entry |= TlbFlag.Device;
    if (this.physical.isRam(physical)) entry |= TlbFlag.Ram;
    if (!unprivileged) this.tlb.fill(this.array, va, page, entry & 0xfff, this.walk.leafBits);
    return entry;
  }

  private permits(kind: AccessKind, privileged: boolean): boolean {
    if ((this.regs.SCTLR & Sctlr.M) === 0) return true;
    return shortPermits(this.walk, kind, privileged, (this.regs.SCTLR & Sctlr.AFE) !== 0);
  }

  private device(): boolean {
    // B3.2.1: with the MMU off every data access is Strongly-ordered.
    if ((this.regs.SCTLR & Sctlr.M) === 0) return true;
    return isDeviceMemory(this.walk.texCb, this.regs);
  }

  /** Result in `walk`; permission included. */
  private translate(va: number, kind: AccessKind, privileged: boolean): ShortFault {
    const { walk, regs } = this;
    if ((regs.SCTLR & Sctlr.M) === 0) {
      walk.fault = ShortFault.None;
      walk.physical = va >>> 0;
      walk.leafBits = 12;
      walk.domain = 0;
      return ShortFault.None;
    }
    const afe = (regs.SCTLR & Sctlr.AFE) !== 0;
    walkShort(va >>> 0, this.regime, this.readTable, walk);
    if (walk.fault !== ShortFault.None) return walk.fault;
    if (shortPermits(walk, kind, privileged, afe) && !this.writableExecuteNever(kind, privileged, afe)) {
      return ShortFault.None;
    }
    walk.fault = walk.leafBits >= 20 ? ShortFault.PermissionSection : ShortFault.PermissionPage;
    return walk.fault;
  }

  /** SCTLR.WXN and UWXN (B3.7.2): what is writable can't be executed. */
  private writableExecuteNever(kind: AccessKind, privileged: boolean, afe: boolean): boolean {
    if (kind !== AccessKind.Execute || this.walk.manager) return false;
    if ((this.regs.SCTLR & Sctlr.WXN) !== 0 && shortPermits(this.walk, AccessKind.Write, privileged, afe))
      return true;
    return (
      privileged &&
      (this.regs.SCTLR & Sctlr.UWXN) !== 0 &&
      shortPermits(this.walk, AccessKind.Write, false, afe)
    );
  }

  /** Records a data abort; the access must not go on. @returns 0. */
  abort(va: number, fault: ShortFault, domain: number, write: boolean): number {
    this.regs.DFSR = encodeFsr(fault, domain) | (write ? FSR_WNR : 0);
    this.regs.DFAR = va | 0;
    this.faults.raise(ExceptionKind.DataAbort);
    return 0;
  }
}
