import type { DmaPort } from '../../ports/dma.ts';
import {
  type AccessSize,
  type DeviceLog,
  type MmioDevice,
  type Requester,
  silentLog,
} from '../../ports/mmio.ts';
import type { Saveable } from '../../ports/saveable.ts';
import { FaultKind } from '../../vmsa/walk.ts';
import type { IommuListener, ShadowedIommu } from '../shadow/shadowed-iommu.ts';
import type { StreamTarget } from '../stream.ts';
import type { Stage1Context, StreamAccess, StreamContext } from '../stream-context.ts';
import { PAGE_BITS, type Translation, Translator } from '../translate.ts';
import { CD_SIZE, decodeContextDescriptor } from './context-descriptor.ts';
import { configurationEvent, EVENT, translationEvent } from './event-record.ts';
import {
  ProgrammingInterface,
  type ProgrammingInterfaceConfig,
  type ProgrammingInterfaceState,
} from './programming-interface.ts';
import { OUTPUT_ADDRESS_BITS, SMMU_V3_SIZE } from './registers.ts';
import { findStreamTableEntry, readWords } from './stream-table.ts';
import { decodeStreamTableEntry, STAGE_1_BYPASS, type TranslatingEntry } from './stream-table-entry.ts';

/** What an SMMUv3 is connected to. */
export interface SmmuV3Config extends ProgrammingInterfaceConfig {
  /** What accesses go to when they have their physical address. */
  readonly downstream: StreamTarget;
  /** RAM: what queues and tables can be in. */
  readonly memory: DmaPort;
}

/** What an access goes through, or why it goes nowhere. */
type Route =
  | { readonly kind: 'bypass' }
  /** Terminated; the number of the event, or 0 where nobody is told, and the address that could not be read. */
  | { readonly kind: 'refused'; readonly event: number; readonly fetchAddress?: number }
  /** Stage 2 refused the address of the context descriptor; the translator says why. */
  | { readonly kind: 'fetch refused'; readonly entry: TranslatingEntry; readonly translation: Translation }
  | {
      readonly kind: 'stages';
      readonly entry: TranslatingEntry;
      readonly stage1?: Stage1Context;
      /** Faults of stage 1 are recorded. */
      readonly recordsStage1: boolean;
    };

/** STE.PRIVCFG and INSTCFG; other values leave the attribute as it comes (5.2). */
const PRIVCFG = { UNPRIVILEGED: 2, PRIVILEGED: 3 } as const;
const INSTCFG_INSTRUCTION = 3;

const SILENT = { kind: 'refused', event: 0 } as const;
const BYPASS = { kind: 'bypass' } as const;

/**
 * A System MMU of version 3 (Arm IHI 0070); `registers.ts` says what there is of it. It keeps no structure and no translation:
 * every access reads the stream table, the context descriptor and the tables, so that a guest sees each change of them at
 * once. Faults terminate an access, none stalls.
 */
export class SmmuV3 implements Saveable<ProgrammingInterfaceState>, ShadowedIommu {
  /** What software programs: {@link SMMU_V3_SIZE} bytes. */
  readonly registers: MmioDevice;
  /** What bus masters access in place of memory. */
  readonly upstream: StreamTarget;
  private readonly config: SmmuV3Config;
  private readonly log: DeviceLog;
  private readonly programming: ProgrammingInterface;
  private readonly translator: Translator;
  private listener: IommuListener | undefined;

  constructor(config: SmmuV3Config, log: DeviceLog = silentLog) {
    this.config = config;
    this.log = log;
    this.programming = new ProgrammingInterface(config, () => this.listener?.changed(), log);
    const word = new Uint32Array(1);
    this.translator = new Translator((address) =>
      readWords(address, word, config.memory) ? word[0] : undefined,
    );
    this.registers = {
      read: (offset, size, requester) => {
        if (!this.isRegister(offset, size, requester)) return 0;
        this.listener?.beforeAccess();
        return this.programming.read(offset);
      },
      write: (offset, size, value, requester) => {
        if (!this.isRegister(offset, size, requester)) return;
        this.listener?.beforeAccess();
        this.programming.write(offset, value >>> 0);
        this.listener?.changed();
      },
    };
    this.upstream = {
      read: (address, into, requester) =>
        this.transfer(address, into, requester, false, (physical, part) =>
          config.downstream.read(physical, part, requester),
        ),
      write: (address, from, requester) =>
        this.transfer(address, from, requester, true, (physical, part) =>
          config.downstream.write(physical, part, requester),
        ),
    };
  }

  reset(): void {
    this.programming.reset();
    this.listener?.changed();
  }

  listen(listener: IommuListener): void {
    this.listener = listener;
  }

  saveState(): ProgrammingInterfaceState {
    return this.programming.saveState();
  }

  restoreState(state: ProgrammingInterfaceState): void {
    this.programming.restoreState(state);
  }

  /** What the stream sees of memory, as registers and tables are now. Records nothing. */
  contextOf(streamId: number): StreamContext {
    const route = this.routeOf(streamId);
    if (route.kind === 'bypass') return { kind: 'bypass', addressBits: OUTPUT_ADDRESS_BITS };
    if (route.kind !== 'stages') return { kind: 'fault' };
    const { entry, stage1 } = route;
    const read = { streamId, write: false, instruction: false, privileged: false };
    const { privileged, instruction } = withAttributesOf(entry, read);
    return {
      kind: 'stages',
      ...(stage1 && { stage1 }),
      ...(entry.stage2 && { stage2: entry.stage2 }),
      privileged,
      instruction,
    };
  }

  /** Only CPUs reach the registers: a bus master that programs its own translation would need no other hole. */
  private isRegister(offset: number, size: AccessSize, requester: Requester): boolean {
    if (requester.kind === 'cpu' && size === 4 && offset < SMMU_V3_SIZE) return true;
    const who = requester.kind === 'cpu' ? 'a CPU' : `bus master 0x${requester.streamId.toString(16)}`;
    this.log.guestError(
      `SMMUv3: an access of ${size} bytes to 0x${offset.toString(16)} by ${who} is ignored`,
    );
    return false;
  }

  /** Translates page by page: the smallest leaf is one. A part that is refused ends the transfer. */
  private transfer(
    address: number,
    bytes: Uint8Array,
    { streamId, privileged }: Requester,
    write: boolean,
    move: (physical: number, part: Uint8Array) => boolean,
  ): boolean {
    const access: StreamAccess = { streamId, write, instruction: false, privileged };
    const pageSize = 2 ** PAGE_BITS;
    for (let done = 0; done < bytes.length; ) {
      const at = address + done;
      const count = Math.min(bytes.length - done, pageSize - (at % pageSize));
      const physical = this.translate(at, access);
      if (physical === undefined || !move(physical, bytes.subarray(done, done + count))) return false;
      done += count;
    }
    return true;
  }

  /** The way of an access through the SMMU (3.3): its physical address, or undefined where it is terminated with an abort. */
  private translate(address: number, access: StreamAccess): number | undefined {
    const route = this.routeOf(access.streamId);
    switch (route.kind) {
      case 'bypass':
        return this.bypass(address, access);
      case 'refused':
        if (route.event !== 0) {
          this.programming.record(configurationEvent(route.event, access.streamId, route.fetchAddress));
        }
        return undefined;
      case 'fetch refused': {
        const { entry, translation } = route;
        this.recordFault(translation, address, withAttributesOf(entry, access), entry.recordsStage2, true);
        return undefined;
      }
      case 'stages': {
        const { entry, stage1, recordsStage1 } = route;
        const attributed = withAttributesOf(entry, access);
        const translation = this.translator.translate(address, attributed, stage1, entry.stage2);
        if (translation.fault === FaultKind.None) return translation.physical;
        const records = translation.stage === 1 ? recordsStage1 : entry.recordsStage2;
        this.recordFault(translation, address, attributed, records, false);
        return undefined;
      }
    }
  }

  /** 3.4: with the SMMU enabled, an address that is too large is stage 1's fault. */
  private bypass(address: number, access: StreamAccess): number | undefined {
    if (address < 2 ** OUTPUT_ADDRESS_BITS) return address;
    if (this.programming.isEnabled) {
      const stage1 = bypassedStage1();
      const translation = this.translator.translate(address, access, stage1, undefined);
      this.recordFault(translation, address, access, true, false);
    }
    return undefined;
  }

  /** Finds what a stream's accesses go through, from the registers to the context descriptor. */
  private routeOf(streamId: number): Route {
    const { programming, config } = this;
    if (!programming.isEnabled) return programming.abortsWhenDisabled ? SILENT : BYPASS;
    const found = findStreamTableEntry(streamId, programming.streamTable, config.memory);
    if (found.kind === 'abort') {
      return { kind: 'refused', event: EVENT.F_STE_FETCH, fetchAddress: found.address };
    }
    if (found.kind === 'out of range') {
      return { kind: 'refused', event: programming.recordsInvalidStreams ? EVENT.C_BAD_STREAMID : 0 };
    }
    const entry = decodeStreamTableEntry(found.ste);
    if (entry.kind === 'illegal') return { kind: 'refused', event: EVENT.C_BAD_STE };
    if (entry.kind === 'abort') return SILENT;
    if (entry.kind === 'bypass') return BYPASS;
    if (entry.contextDescriptor === undefined) {
      return { kind: 'stages', entry, stage1: bypassedStage1(), recordsStage1: true };
    }
    return this.withDescriptor(entry, entry.contextDescriptor);
  }

  private withDescriptor(entry: TranslatingEntry, address: number): Route {
    const { stage2 } = entry;
    const physical = stage2 === undefined ? address : this.translator.translateFetch(address, stage2);
    if (physical === undefined) {
      return { kind: 'fetch refused', entry, translation: this.translator.result };
    }
    const words = new Uint32Array(CD_SIZE / 4);
    if (!readWords(physical, words, this.config.memory)) {
      return { kind: 'refused', event: EVENT.F_CD_FETCH, fetchAddress: physical };
    }
    const descriptor = decodeContextDescriptor(words, stage2 !== undefined && !entry.stage2IsAArch64);
    if (descriptor === undefined) return { kind: 'refused', event: EVENT.C_BAD_CD };
    return { kind: 'stages', entry, stage1: descriptor.stage1, recordsStage1: descriptor.records };
  }

  /** @param records what A, R, S say of translation faults (5.5); an external abort is always recorded */
  private recordFault(
    translation: Translation,
    address: number,
    access: StreamAccess,
    records: boolean,
    onDescriptorFetch: boolean,
  ): void {
    if (!records && translation.fault !== FaultKind.ExternalOnWalk) return;
    this.programming.record(translationEvent(translation, address, access, onDescriptorFetch));
  }
}

/** Stage 1 where no context descriptor is. */
function bypassedStage1(): Stage1Context {
  return {
    regime: STAGE_1_BYPASS,
    ignoresAccessFlag: false,
    writeExecuteNever: false,
    userWriteExecuteNever: false,
    privilegedAccessNever: false,
  };
}

/** An access with the attributes that its stream's entry gives it (5.2). Writes are never instruction fetches. */
function withAttributesOf({ privcfg, instcfg }: TranslatingEntry, access: StreamAccess): StreamAccess {
  return {
    ...access,
    instruction: !access.write && instcfg === INSTCFG_INSTRUCTION,
    privileged:
      privcfg === PRIVCFG.UNPRIVILEGED ? false : privcfg === PRIVCFG.PRIVILEGED || access.privileged,
  };
}
