import { BUS_ERROR, type PhysicalMemory } from '../memory/physical-memory.ts';
import type { Requester } from '../ports/mmio.ts';
import { MemFlag } from '../translator/ir/ops.ts';
import type { PendingFault } from '../translator/pending-fault.ts';
import { type LongWalkRegime, walkLong } from '../vmsa/long-descriptor.ts';
import { domainAccess, type ShortWalkRegime, walkShort } from '../vmsa/short-descriptor.ts';
import { AccessKind, FaultKind, permits, Rights, WalkResult } from '../vmsa/walk.ts';
import { FSR_CM, FSR_WNR, failedTranslation, faultStatus, PAR_LPAE } from './fault-status.ts';
import {
  isDeviceMemory,
  longParAttributes,
  longParShareability,
  shortParAttributes,
} from './memory-attributes.ts';
import { ExceptionKind } from './state.ts';
import { Sctlr, type SystemRegisters, TTBCR_A1, TTBCR_EAE } from './system-registers.ts';
import { KEY_ASID, TLB_KEY_WORDS, type TlbArrays } from './tlb.ts';
import { TLB_DOMAIN_SHIFT, TlbFlag } from './tlb-entries.ts';

/** Addresses that devices and RAM have. What a long descriptor or a supersection maps above is an external abort. */
const PHYSICAL_LIMIT = 0x1_0000_0000;

/**
 * SCTLR bits that belong to a context. SW is no matter of translation, but blocks depend on it: the jump cache tells them
 * apart by their context.
 */
const CONTEXT_CONTROL = Sctlr.M | Sctlr.SW | Sctlr.EE | Sctlr.TRE | Sctlr.AFE | Sctlr.WXN | Sctlr.UWXN;

type Regime = {
  -readonly [K in keyof (ShortWalkRegime & LongWalkRegime)]: (ShortWalkRegime & LongWalkRegime)[K];
};

/** The current ASID (B3.10.4): of CONTEXTIDR, with long descriptors of TTBR0 or, with TTBCR.A1, of TTBR1. */
function asidOf(regs: SystemRegisters): number {
  if ((regs.TTBCR & TTBCR_EAE) === 0) return regs.CONTEXTIDR & 0xff;
  return (((regs.TTBCR & TTBCR_A1) === 0 ? regs.TTBR0High : regs.TTBR1High) >>> 16) & 0xff;
}

/**
 * Address translation of one CPU (ARM DDI 0406C B3). The fast path is the TLB array in the machine's memory, which this
 * class fills and generated code reads; accesses that miss it are in data-access.ts.
 */
export class Mmu {
  /** Number of the TLB array of the current context. */
  array = 0;
  /** Cleared by every fetch whose translation other address spaces need not share: see {@link TlbArrays.shared}. */
  fetchesShared = true;
  /** Whether the current mode is privileged, as of the last `selectContext`. */
  privileged = true;
  /** The requester of this CPU's device accesses, privileged and not; table walks are privileged ones. */
  readonly privilegedRequester: Requester;
  readonly userRequester: Requester;
  private readonly walk = new WalkResult();
  private readonly key = new Int32Array(TLB_KEY_WORDS);
  private readonly physical: PhysicalMemory;
  private readonly regs: SystemRegisters;
  private readonly tlb: TlbArrays;
  /** The registers as of the last `selectContext`, which every write to one of them leads to. */
  private readonly regime: Regime;
  /** TTBCR.EAE: long descriptors. */
  private long = false;
  private asid = 0;
  private contextId = 0;
  /** {@link CONTEXT_CONTROL} bits as of the last time that a register other than DACR had changed. */
  private control = -1;
  private hash = 0;
  private readonly cpu: number;
  private readonly faults: PendingFault;
  private fetchFault = 0;
  /** {@link Rights} of the last translation, with the domain and the control bits taken into account. */
  private rights: number = Rights.None;
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
      ttbr0High: 0,
      ttbr1: 0,
      ttbr1High: 0,
      ttbcr: 0,
      accessFlagEnable: false,
      bigEndianTables: false,
      hasPxn,
    };
    this.privilegedRequester = { kind: 'cpu', cpu, streamId: 0, secure: false, privileged: true };
    this.userRequester = { ...this.privilegedRequester, privileged: false };
    this.cpu = cpu;
    this.key[TLB_KEY_WORDS - 1] = cpu;
    tlb.connectCpu(cpu, (va, number) => (this.walks(number) && this.walkTables(va) ? this.walk : undefined));
  }

  /** Whether walks of now are of the regime with this number. Of a CPU that waits for its turn the registers may be newer. */
  private walks(number: number): boolean {
    return (this.regs.SCTLR & Sctlr.M) !== 0 && this.isOfRegisters() && this.regimeNumber() === number;
  }

  /** Selects the TLB array of the current registers and privilege. */
  selectContext(privileged: boolean): void {
    const { regs, key } = this;
    this.privileged = privileged;
    if (!this.isOfRegisters()) this.readRegisters();
    // These two change with every other system call.
    const domains = this.long ? 0 : regs.DACR;
    key[4] = domains;
    key[8] = privileged ? 1 : 0;
    this.array = this.tlb.select(key, this.hash ^ Math.imul(domains ^ (privileged ? -1 : 0), 0x9e3779b1));
    if (this.tlb.shared(this.array).doubtful) this.confirmShared();
  }

  /** Whether all that {@link readRegisters} reads is as it was then. */
  private isOfRegisters(): boolean {
    const { regs, regime, key } = this;
    return (
      regime.ttbr0 === regs.TTBR0 &&
      regime.ttbr1 === regs.TTBR1 &&
      regime.ttbcr === regs.TTBCR &&
      this.contextId === regs.CONTEXTIDR &&
      this.control === (regs.SCTLR & CONTEXT_CONTROL) &&
      key[6] === regs.PRRR &&
      key[7] === regs.NMRR &&
      regime.ttbr0High === regs.TTBR0High &&
      regime.ttbr1High === regs.TTBR1High
    );
  }

  /** Looks whether code that contexts share is still where it was fetched from. */
  private confirmShared(): void {
    const { tlb } = this;
    const shared = tlb.shared(this.array);
    const isKept = shared.confirm(
      (va) => this.find(va),
      this.walk,
      (va, leafBits) => tlb.noteFetch(va, leafBits),
    );
    if (!isKept) tlb.voidShared(shared);
  }

  /** All of the key but the domains and the privilege, and what walks depend on. */
  private readRegisters(): void {
    const { regs, regime, key } = this;
    const long = (regs.TTBCR & TTBCR_EAE) !== 0;
    const { asid } = this;
    this.long = long;
    this.contextId = regs.CONTEXTIDR;
    this.control = regs.SCTLR & CONTEXT_CONTROL;
    this.asid = asidOf(regs);
    key[0] = regs.TTBR0;
    key[1] = regs.TTBR1;
    key[2] = regs.TTBCR;
    key[KEY_ASID] = this.asid;
    key[5] = this.control;
    key[6] = regs.PRRR;
    key[7] = regs.NMRR;
    key[9] = long ? regs.TTBR0High : 0;
    key[10] = long ? regs.TTBR1High : 0;
    this.hash = Math.imul(regs.TTBR0 ^ Math.imul(this.asid ^ (this.control << 8), 0x85ebca6b), 0x9e3779b1);
    regime.ttbr0 = regs.TTBR0;
    regime.ttbr0High = regs.TTBR0High;
    regime.ttbr1 = regs.TTBR1;
    regime.ttbr1High = regs.TTBR1High;
    regime.ttbcr = regs.TTBCR;
    regime.accessFlagEnable = (regs.SCTLR & Sctlr.AFE) !== 0;
    regime.bigEndianTables = (regs.SCTLR & Sctlr.EE) !== 0;
    this.tlb.addressSpaceChanged(this.cpu, asid === this.asid);
  }

  /** Translates for a fetch. @returns the physical address, or -1: `reportFetchFault` then says why. */
  translateFetch(va: number): number {
    const fault = this.translate(va, AccessKind.Execute, this.privileged);
    if (fault === FaultKind.None) {
      if (!this.walk.global || this.walk.domain !== 0) this.fetchesShared = false;
      else this.tlb.shared(this.array).note(va, this.walk);
      this.tlb.noteFetch(va, this.walk.leafBits);
      return this.walk.physical;
    }
    this.fetchFault = faultStatus(fault, this.walk.level, 0, this.long);
    return -1;
  }

  /** A fetch found no memory at its physical address. */
  fetchFoundNothing(): void {
    this.fetchFault = faultStatus(FaultKind.External, 0, 0, this.long);
  }

  /** IFSR and IFAR for the fetch that failed last, when the guest is to see it as a prefetch abort. */
  reportFetchFault(va: number): void {
    this.regs.IFSR = this.fetchFault;
    this.regs.IFAR = va | 0;
  }

  /** Reads guest memory through the current translation without side effects on fault registers; for debuggers. */
  translateForDebug(va: number): number {
    return this.translate(va, AccessKind.Read, true) === FaultKind.None ? this.walk.physical : -1;
  }

  /**
   * Where cache maintenance by address acts. It needs a translation, but no permission (B3.12.3).
   * @returns the physical address, or -1 after a data abort.
   */
  translateForMaintenance(va: number): number {
    if ((this.regs.SCTLR & Sctlr.M) === 0) return va >>> 0;
    const { walk } = this;
    let fault = this.find(va) ? FaultKind.None : walk.fault;
    if (fault === FaultKind.None && !this.long && domainAccess(this.regs.DACR, walk.domain) === 0)
      fault = FaultKind.Domain;
    if (fault === FaultKind.None) return walk.physical;
    // B4.1.52: WnR is 1 for cache maintenance.
    this.raise(va, fault, walk.level, walk.domain, true);
    this.regs.DFSR |= FSR_CM;
    return -1;
  }

  /** Physical address and attributes by the ATS operations, in the PAR format of TTBCR.EAE (B4.1.112). */
  addressTranslate(va: number, write: boolean, privileged: boolean): void {
    const fault = this.translate(va, write ? AccessKind.Write : AccessKind.Read, privileged);
    const { walk, regs, long } = this;
    const enabled = (regs.SCTLR & Sctlr.M) !== 0;
    regs.PARHigh = 0;
    if (fault !== FaultKind.None) {
      regs.PAR = failedTranslation(fault, walk.level, long);
    } else if (long) {
      const attributes = enabled ? longParAttributes(walk.attributes, regs) : 0;
      const sh = enabled ? longParShareability(attributes, walk.shareability) : 0;
      regs.PAR = (walk.physical & -4096) | PAR_LPAE | (sh << 7);
      regs.PARHigh = (attributes << 24) | Math.floor(walk.physical / 2 ** 32);
    } else {
      const attributes = enabled ? shortParAttributes(walk.attributes, walk.shareability !== 0, regs) : 0;
      // A supersection: PAR[23:16] is PA[39:32].
      if (walk.leafBits === 24) {
        const high = Math.floor(walk.physical / 2 ** 32) << 16;
        regs.PAR = (walk.physical & -0x1000000) | high | (attributes & ~0xc) | 2;
      } else regs.PAR = (walk.physical & -4096) | attributes;
    }
  }

  /** What the fast path would find: see {@link TlbArrays.fastWord}. */
  fastWord(va: number, size: number, write: boolean): number {
    return this.tlb.fastWord(this.array, va, size, write);
  }

  /** Walks, checks, fills the TLB. @returns the entry's flags and page, or 0 after a data abort. */
  entryFor(va: number, kind: AccessKind, flags: number): number {
    const isWrite = kind === AccessKind.Write;
    const asUser = (flags & MemFlag.Unprivileged) !== 0;
    const unprivileged = this.privileged && asUser;
    if (!unprivileged) {
      const entry = this.tlb.lookup(this.array, va);
      if ((entry & (isWrite ? TlbFlag.Writable : TlbFlag.Readable)) !== 0) {
        // A page that was watched and no longer is gets its fast path back here.
        if (isWrite && (entry & TlbFlag.Ram) !== 0) {
          this.tlb.fill(this.array, va, entry & -4096, entry & 0xfff, 12);
        }
        return entry;
      }
    }
    this.tlb.misses++;
    const privileged = this.privileged && !unprivileged;
    const fault = this.translate(va, kind, privileged);
    if (fault !== FaultKind.None) {
      return this.raise(va, fault, this.walk.level, this.walk.domain, isWrite);
    }
    if (this.walk.physical >= PHYSICAL_LIMIT) return this.abort(va, FaultKind.External, isWrite);
    return this.enter(va, privileged, !unprivileged);
  }

  /** Fills the TLB for an access of the present mode if it is permitted, and raises nothing if not. */
  prepare(va: number, isWrite: boolean): void {
    const entry = this.tlb.lookup(this.array, va);
    if ((entry & (isWrite ? TlbFlag.Writable : TlbFlag.Readable)) !== 0) {
      if (isWrite && (entry & TlbFlag.Ram) !== 0) {
        this.tlb.fill(this.array, va, entry & -4096, entry & 0xfff, 12);
      }
      return;
    }
    this.tlb.misses++;
    const fault = this.translate(va, isWrite ? AccessKind.Write : AccessKind.Read, this.privileged);
    if (fault === FaultKind.None && this.walk.physical < PHYSICAL_LIMIT)
      this.enter(va, this.privileged, true);
  }

  /** The entry for what the last translation has found. @returns its flags and page */
  private enter(va: number, privileged: boolean, keep: boolean): number {
    const { physical, leafBits } = this.walk;
    const page = (physical & -4096) | 0;
    let entry = page | TlbFlag.Valid;
    if (permits(this.rights, AccessKind.Read, privileged)) entry |= TlbFlag.Readable;
    if (permits(this.rights, AccessKind.Write, privileged)) entry |= TlbFlag.Writable;
    if (this.walk.global) entry |= TlbFlag.Global | (this.walk.domain << TLB_DOMAIN_SHIFT);
    if (this.device()) entry |= TlbFlag.Device;
    let direct = -1;
    if (this.physical.isRam(physical)) {
      entry |= TlbFlag.Ram;
    } else {
      direct = this.physical.directOffset(page >>> 0);
      if (direct >= 0) entry |= TlbFlag.Direct;
    }
    if (keep) this.tlb.fill(this.array, va, page, entry & 0xfff, leafBits, direct);
    return entry;
  }

  private device(): boolean {
    // B3.2.1: with the MMU off every data access is Strongly-ordered.
    if ((this.regs.SCTLR & Sctlr.M) === 0) return true;
    return isDeviceMemory(this.walk.attributes, this.regs, this.long);
  }

  /** Result in `walk` and `rights`; permission included. */
  private translate(va: number, kind: AccessKind, privileged: boolean): FaultKind {
    const { walk, regs } = this;
    if ((regs.SCTLR & Sctlr.M) === 0) {
      walk.physical = va >>> 0;
      walk.leafBits = 12;
      walk.global = false;
      this.rights = Rights.All;
      return FaultKind.None;
    }
    if (!this.find(va)) return walk.fault;
    // B3.13.3: access flag before domain, domain before permission.
    const access = this.long ? 1 : domainAccess(regs.DACR, walk.domain);
    if (access === 0) return FaultKind.Domain;
    this.rights = access === 3 ? Rights.All : this.withoutWritableExecute(walk.rights);
    return permits(this.rights, kind, privileged) ? FaultKind.None : FaultKind.Permission;
  }

  /** Fills `walk` from the main TLB, or else from the tables. @returns false where the walk faults. */
  private find(va: number): boolean {
    const { walk, regime, cpu, asid } = this;
    const { main } = this.tlb;
    const number = this.regimeNumber();
    if (main.lookup(va, cpu, number, asid, regime.ttbr0, walk)) return true;
    if (!this.walkTables(va)) return false;
    main.insert(va, cpu, number, asid, regime.ttbr0, walk);
    return true;
  }

  private regimeNumber(): number {
    return this.tlb.main.regime(this.regime.ttbcr, this.regs.SCTLR & (Sctlr.AFE | Sctlr.EE));
  }

  /** Fills `walk` from the tables. @returns false where the walk faults. */
  private walkTables(va: number): boolean {
    const { walk, regime } = this;
    if (this.long) walkLong(va >>> 0, regime, this.readTable, walk);
    else walkShort(va >>> 0, regime, this.readTable, walk);
    return walk.fault === FaultKind.None;
  }

  /** SCTLR.WXN and UWXN (B3.7.2): what is writable can't be executed. */
  private withoutWritableExecute(rights: number): number {
    let left = rights;
    if ((this.regs.SCTLR & Sctlr.WXN) !== 0)
      left &= ~((rights & (Rights.PrivilegedWrite | Rights.UserWrite)) << 1);
    if ((this.regs.SCTLR & Sctlr.UWXN) !== 0 && (rights & Rights.UserWrite) !== 0)
      left &= ~Rights.PrivilegedExecute;
    return left;
  }

  /** Records a data abort that no translation table has to do with; the access must not go on. @returns 0. */
  abort(va: number, fault: FaultKind.Alignment | FaultKind.External, write: boolean): number {
    return this.raise(va, fault, 0, 0, write);
  }

  private raise(va: number, fault: FaultKind, level: number, domain: number, write: boolean): number {
    this.regs.DFSR = faultStatus(fault, level, domain, this.long) | (write ? FSR_WNR : 0);
    this.regs.DFAR = va | 0;
    this.faults.raise(ExceptionKind.DataAbort);
    return 0;
  }
}
