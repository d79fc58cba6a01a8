import type { InterruptLine } from '../../ports/interrupt-line.ts';
import {
  type AccessSize,
  type DeviceLog,
  type MmioDevice,
  type Requester,
  silentLog,
} from '../../ports/mmio.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { FaultKind, type TableRead } from '../../vmsa/walk.ts';
import type { IommuListener, ShadowedIommu } from '../shadow/shadowed-iommu.ts';
import type { StreamTarget } from '../stream.ts';
import type { StreamAccess, StreamContext } from '../stream-context.ts';
import { Translator } from '../translate.ts';
import { ContextBank, type ContextBankState, Refusal } from './context-bank.ts';
import { GlobalSpace, type GlobalSpaceState } from './global-space.ts';
import {
  CBA2R,
  CBAR,
  CBAR_TYPE,
  CONTEXT_BANKS,
  CONTEXT_BANKS_BASE,
  GFSR,
  GR1,
  OUTPUT_ADDRESS_BITS,
  PAGE_SIZE,
  S2CR,
  SCR0,
  SMR,
  StreamType,
} from './registers.ts';
import { MATCH_CONFLICT, matchStream, NO_MATCH, withStreamAttributes } from './stream-mapping.ts';

/** What an SMMU is connected to. */
export interface SmmuV2Config {
  /** What accesses go to when they have their physical address. */
  readonly downstream: StreamTarget;
  /** Reads a word of a translation table; undefined, an external abort, where no table can be. */
  readonly readTable: TableRead;
  readonly globalInterrupt: InterruptLine;
  /** One for each context bank. */
  readonly contextInterrupts: readonly InterruptLine[];
}

/** The whole SMMU. */
export type SmmuV2State = {
  readonly globalSpace: GlobalSpaceState;
  readonly banks: readonly ContextBankState[];
};

/**
 * A System MMU of version 2 (Arm IHI 0062D) with both stages of translation; `registers.ts` says what there is of it. Faults
 * terminate an access, none stalls.
 */
export class SmmuV2 implements Saveable<SmmuV2State>, ShadowedIommu {
  /** What software programs. */
  readonly registers: MmioDevice;
  /** What bus masters access in place of memory. */
  readonly upstream: StreamTarget;
  private readonly downstream: StreamTarget;
  private readonly log: DeviceLog;
  private readonly globalSpace: GlobalSpace;
  private readonly banks: readonly ContextBank[];
  private readonly translator: Translator;
  private listener: IommuListener | undefined;

  /** @throws RangeError unless there is an interrupt for each context bank */
  constructor(config: SmmuV2Config, log: DeviceLog = silentLog) {
    if (config.contextInterrupts.length !== CONTEXT_BANKS) {
      throw new RangeError(`an SMMU has ${CONTEXT_BANKS} context interrupts`);
    }
    this.downstream = config.downstream;
    this.log = log;
    this.globalSpace = new GlobalSpace(config.globalInterrupt, log);
    this.banks = config.contextInterrupts.map(
      (interrupt, index) => new ContextBank({ interrupt, index }, log),
    );
    this.translator = new Translator(config.readTable);
    this.registers = {
      read: (offset, size, requester) => {
        if (!this.isRegister(offset, size, requester)) return 0;
        this.listener?.beforeAccess();
        return this.readRegister(offset) >>> 0;
      },
      write: (offset, size, value, requester) => {
        if (!this.isRegister(offset, size, requester)) return;
        this.listener?.beforeAccess();
        this.writeRegister(offset, value >>> 0);
        this.listener?.changed();
      },
    };
    this.upstream = {
      read: (address, into, requester) =>
        this.transfer(address, into, requester, false, (physical, part) => {
          if (physical >= 0) return this.downstream.read(physical, part, requester);
          part.fill(0);
          return true;
        }),
      write: (address, from, requester) =>
        this.transfer(
          address,
          from,
          requester,
          true,
          (physical, part) => physical < 0 || this.downstream.write(physical, part, requester),
        ),
    };
  }

  reset(): void {
    this.globalSpace.reset();
    for (const bank of this.banks) bank.reset();
    this.listener?.changed();
  }

  listen(listener: IommuListener): void {
    this.listener = listener;
  }

  saveState(): SmmuV2State {
    return { globalSpace: this.globalSpace.saveState(), banks: this.banks.map((bank) => bank.saveState()) };
  }

  restoreState({ globalSpace, banks }: SmmuV2State): void {
    if (banks.length !== CONTEXT_BANKS) throw new RangeError(`an SMMU has ${CONTEXT_BANKS} context banks`);
    this.globalSpace.restoreState(globalSpace);
    for (const [index, bank] of this.banks.entries()) bank.restoreState(banks[index]);
  }

  /**
   * Only CPUs reach the registers: a bus master that programs its own translation would need no other hole. Registers are
   * accessed as words; two accesses make one of a 64-bit register.
   */
  private isRegister(offset: number, size: AccessSize, requester: Requester): boolean {
    if (requester.kind === 'cpu' && size === 4) return true;
    const who = requester.kind === 'cpu' ? 'a CPU' : `bus master 0x${requester.streamId.toString(16)}`;
    this.log.guestError(
      `SMMUv2: an access of ${size} bytes to 0x${offset.toString(16)} by ${who} is ignored`,
    );
    return false;
  }

  private readRegister(offset: number): number {
    const place = offset % PAGE_SIZE;
    if (offset >= CONTEXT_BANKS_BASE) return this.bankAt(offset).read(place);
    if (offset < PAGE_SIZE) return this.globalSpace.read(place);
    const attribute = offset < 2 * PAGE_SIZE ? attributeAt(place) : undefined;
    if (attribute !== undefined) return this.banks[attribute.index].state[attribute.register];
    this.unknown('read from', offset);
    return 0;
  }

  private writeRegister(offset: number, value: number): void {
    const place = offset % PAGE_SIZE;
    if (offset >= CONTEXT_BANKS_BASE) {
      this.bankAt(offset).write(place, value);
      return;
    }
    if (offset < PAGE_SIZE) {
      this.globalSpace.write(place, value);
      return;
    }
    const attribute = offset < 2 * PAGE_SIZE ? attributeAt(place) : undefined;
    if (attribute === undefined) this.unknown('write to', offset);
    else this.banks[attribute.index].state[attribute.register] = value & attribute.writable;
  }

  private bankAt(offset: number): ContextBank {
    return this.banks[Math.floor((offset - CONTEXT_BANKS_BASE) / PAGE_SIZE)];
  }

  /** Translates page by page: the smallest leaf is one. A part that is refused ends the transfer when that is reported. */
  private transfer(
    address: number,
    bytes: Uint8Array,
    { streamId, privileged }: Requester,
    write: boolean,
    move: (physical: number, part: Uint8Array) => boolean,
  ): boolean {
    const access: StreamAccess = { streamId, write, instruction: false, privileged };
    for (let done = 0; done < bytes.length; ) {
      const at = address + done;
      const count = Math.min(bytes.length - done, PAGE_SIZE - (at % PAGE_SIZE));
      const physical = this.translate(at, access);
      if (physical === Refusal.Abort || !move(physical, bytes.subarray(done, done + count))) return false;
      done += count;
    }
    return true;
  }

  /**
   * What the stream sees of memory, as registers and tables are now. Records no fault; a context in which a fault awaits
   * its clearing (3.7.3) is shown as it will be then.
   */
  contextOf(streamId: number): StreamContext {
    const route = this.routeOf(streamId);
    if (route.kind === 'bypass') return { kind: 'bypass', addressBits: OUTPUT_ADDRESS_BITS };
    if (route.kind === 'fault') return route;
    const { privileged, instruction } = withStreamAttributes(readOf(streamId), route.s2cr);
    return { kind: 'stages', ...stagesOf(route), privileged, instruction };
  }

  /** The way of an access through the SMMU (figure 2-3). */
  private translate(address: number, access: StreamAccess): number {
    const route = this.routeOf(access.streamId);
    if (route.kind === 'bypass') return address % 2 ** OUTPUT_ADDRESS_BITS;
    const attributed = withStreamAttributes(access, route.s2cr);
    if (route.kind === 'fault') return this.globalFault(route, address, attributed);
    const { bank1, bank2 } = route;
    const refusing = bank1?.refusesAll ? bank1 : bank2?.refusesAll ? bank2 : undefined;
    if (refusing !== undefined) return refusing.refusal();
    const { stage1, stage2 } = stagesOf(route);
    const translation = this.translator.translate(address, attributed, stage1, stage2);
    if (translation.fault === FaultKind.None) return translation.physical;
    const recording = translation.stage === 1 ? bank1 : bank2;
    if (recording === undefined) return Refusal.Abort;
    recording.record(translation, address, attributed, bank1 && bank2 ? this.banks.indexOf(bank1) : 0);
    return recording.refusal();
  }

  /** Finds what a stream's accesses go through. 1.6.2: what bypasses translation loses the address bits that the bus has not. */
  private routeOf(streamId: number): Route {
    const { sCR0, SMR: groups, S2CR: streams } = this.globalSpace.state;
    if ((sCR0 & SCR0.CLIENTPD) !== 0) return BYPASS;
    const group = matchStream(streamId, groups);
    if (group === NO_MATCH) return (sCR0 & SCR0.USFCFG) === 0 ? BYPASS : UNIDENTIFIED;
    if (group === MATCH_CONFLICT) return (sCR0 & SCR0.SMCFCFG) === 0 ? BYPASS : CONFLICT;
    const s2cr = streams[group];
    const type: StreamType = (s2cr >>> S2CR.TYPE_SHIFT) & 3;
    if (type === StreamType.Bypass) return BYPASS;
    const invalid: GlobalFault = { kind: 'fault', fault: GFSR.ICF, nested: false, s2cr };
    if (type !== StreamType.Translate) return invalid;
    // 3.8.4, in its order.
    const bank = this.banks[s2cr & S2CR.CBNDX_MASK];
    if (bank === undefined) return { ...invalid, fault: GFSR.UCBF };
    switch (bank.type) {
      case CBAR_TYPE.STAGE_2:
        return { kind: 'banks', bank2: bank, s2cr };
      case CBAR_TYPE.STAGE_1_WITH_STAGE_2_BYPASS:
        return { kind: 'banks', bank1: bank, s2cr };
      case CBAR_TYPE.NESTED: {
        const bank2 = this.banks[bank.stage2Bank];
        if (bank2 === undefined) return { ...invalid, fault: GFSR.UCBF, nested: true };
        return bank2.type === CBAR_TYPE.STAGE_2
          ? { kind: 'banks', bank1: bank, bank2, s2cr }
          : { ...invalid, nested: true };
      }
      default:
        return { ...invalid, nested: true };
    }
  }

  private globalFault({ fault, nested }: GlobalFault, address: number, access: StreamAccess): Refusal {
    this.globalSpace.record(fault, address, access, nested);
    return (this.globalSpace.state.sCR0 & SCR0.GFRE) === 0 ? Refusal.Ignore : Refusal.Abort;
  }

  private unknown(access: string, offset: number): void {
    this.log.guestError(`SMMUv2: ${access} 0x${offset.toString(16)}, where no register is`);
  }
}

/** What the accesses of a stream go through. */
type Route = GlobalFault | BankRoute | { readonly kind: 'bypass' };

/** A fault that is no context bank's (3.8.1). */
interface GlobalFault {
  readonly kind: 'fault';
  /** Its bit in SMMU_sGFSR. */
  readonly fault: number;
  /** It is the bank's SMMU_CBARn that is wrong, not what selected the bank. */
  readonly nested: boolean;
  readonly s2cr: number;
}

/** The banks of both stages, or of one. */
interface BankRoute {
  readonly kind: 'banks';
  readonly bank1?: ContextBank;
  readonly bank2?: ContextBank;
  readonly s2cr: number;
}

const BYPASS = { kind: 'bypass' } as const;
const UNIDENTIFIED: GlobalFault = { kind: 'fault', fault: GFSR.USF, nested: false, s2cr: 0 };
const CONFLICT: GlobalFault = { kind: 'fault', fault: GFSR.SMCF, nested: false, s2cr: 0 };

function stagesOf({ bank1, bank2 }: BankRoute) {
  return {
    ...(bank1 && { stage1: bank1.stage1() }),
    ...(bank2 && { stage2: bank2.stage2() }),
  };
}

function readOf(streamId: number): StreamAccess {
  return { streamId, write: false, instruction: false, privileged: false };
}

interface BankAttribute {
  readonly register: 'CBAR' | 'CBA2R' | 'CBFRSYNRA';
  readonly index: number;
  readonly writable: number;
}

/** The register of Global Register Space 1 (chapter 10) at a place in its page. */
function attributeAt(place: number): BankAttribute | undefined {
  const at = (base: number): number =>
    place >= base && place < base + 4 * CONTEXT_BANKS ? (place - base) >> 2 : -1;
  if (at(GR1.CBAR) >= 0) return { register: 'CBAR', index: at(GR1.CBAR), writable: CBAR.WRITABLE };
  if (at(GR1.CBA2R) >= 0) return { register: 'CBA2R', index: at(GR1.CBA2R), writable: CBA2R.WRITABLE };
  if (at(GR1.CBFRSYNRA) >= 0)
    return { register: 'CBFRSYNRA', index: at(GR1.CBFRSYNRA), writable: SMR.ID_MASK };
  return undefined;
}
