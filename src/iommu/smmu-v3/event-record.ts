import { FaultKind } from '../../vmsa/walk.ts';
import type { StreamAccess } from '../stream-context.ts';
import type { Translation } from '../translate.ts';

/** Numbers of the events that this SMMU records (IHI 0070 7.3). */
export const EVENT = {
  C_BAD_STREAMID: 0x02,
  F_STE_FETCH: 0x03,
  C_BAD_STE: 0x04,
  F_CD_FETCH: 0x09,
  C_BAD_CD: 0x0a,
  F_WALK_EABT: 0x0b,
  F_TRANSLATION: 0x10,
  F_ADDR_SIZE: 0x11,
  F_ACCESS: 0x12,
  F_PERMISSION: 0x13,
} as const;

/** CLASS: what was being done. */
const EVENT_CLASS = { CD: 0, TTD: 1, IN: 2 } as const;
/** Bits of the fourth word. */
const PNU = 1 << 1;
const IND = 1 << 2;
const RNW = 1 << 3;
const S2 = 1 << 7;
const CLASS_SHIFT = 8;
const TTRNW = 1 << 12;

/** Words of a record. */
export const RECORD_WORDS = 8;

const EVENT_OF_FAULT: { readonly [K in FaultKind]: number } = {
  [FaultKind.None]: 0,
  [FaultKind.Alignment]: 0,
  [FaultKind.Translation]: EVENT.F_TRANSLATION,
  [FaultKind.AccessFlag]: EVENT.F_ACCESS,
  [FaultKind.Domain]: 0,
  [FaultKind.Permission]: EVENT.F_PERMISSION,
  [FaultKind.ExternalOnWalk]: EVENT.F_WALK_EABT,
  [FaultKind.External]: 0,
  [FaultKind.AddressSize]: EVENT.F_ADDR_SIZE,
};

/**
 * A record of wrong configuration, or of a structure that could not be read.
 * @param fetchAddress physical address of the structure, for F_STE_FETCH and F_CD_FETCH
 */
export function configurationEvent(event: number, streamId: number, fetchAddress = 0): Uint32Array {
  const record = new Uint32Array(RECORD_WORDS);
  record[0] = event;
  record[1] = streamId;
  setAddress(record, 6, fetchAddress);
  return record;
}

/**
 * The record of a fault of translation.
 * @param address what the access went to
 * @param onDescriptorFetch stage 2 refused to translate the address of a context descriptor
 */
export function translationEvent(
  translation: Translation,
  address: number,
  access: StreamAccess,
  onDescriptorFetch: boolean,
): Uint32Array {
  const { fault, stage, onTableWalk, fetched, ipa } = translation;
  const external = fault === FaultKind.ExternalOnWalk;
  // 7.3.12: where stage 1's own descriptor can't be read, the class says so, too.
  const onTable = onTableWalk || (external && stage === 1);
  const accessClass = onDescriptorFetch ? EVENT_CLASS.CD : onTable ? EVENT_CLASS.TTD : EVENT_CLASS.IN;
  const record = new Uint32Array(RECORD_WORDS);
  record[0] = EVENT_OF_FAULT[fault];
  record[1] = access.streamId;
  record[3] =
    (access.privileged ? PNU : 0) |
    (access.instruction ? IND : 0) |
    (access.write ? 0 : RNW) |
    // Walks only read.
    (fault === FaultKind.Permission && accessClass === EVENT_CLASS.TTD ? TTRNW : 0) |
    (stage === 2 ? S2 : 0) |
    (accessClass << CLASS_SHIFT);
  setAddress(record, 4, address);
  // FetchAddr has bits 55:3, IPA bits 55:12.
  if (external) setAddress(record, 6, fetched - (fetched % 8));
  else if (stage === 2) setAddress(record, 6, ipa - (ipa % 4096));
  return record;
}

function setAddress(record: Uint32Array, word: number, address: number): void {
  record[word] = address % 2 ** 32;
  record[word + 1] = Math.floor(address / 2 ** 32);
}
