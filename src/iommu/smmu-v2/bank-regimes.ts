import type { FlatRegime, Stage1Regime, Stage2Regime } from '../../vmsa/regime.ts';
import { stage2RegimeOf } from '../../vmsa/stage2.ts';
import { FaultKind } from '../../vmsa/walk.ts';
import type { Stage1Context, Stage2Context } from '../stream-context.ts';
import {
  CB,
  CBA2R,
  OUTPUT_ADDRESS_BITS,
  PASIZE_BITS,
  SCTLR,
  SEP_BIT,
  TableFormat,
  TCR,
  TCR2,
} from './registers.ts';

/** The registers of a context bank that its translation depends on. */
export interface BankRegisters {
  readonly CBA2R: number;
  /** The bank's own registers by their offsets, in words. */
  readonly registers: Uint32Array;
}

/** The format of a bank's tables; a stage 2 has no short one. */
export function formatOf({ CBA2R: cba2r, registers }: BankRegisters, isStage2: boolean): TableFormat {
  if ((cba2r & CBA2R.VA64) !== 0) return TableFormat.AArch64;
  return isStage2 || (registers[CB.TCR >> 2] & TCR.EAE) !== 0 ? TableFormat.Long : TableFormat.Short;
}

/** Stage 1 as a bank's registers describe it (IHI 0062D chapter 16). */
export function stage1Of(bank: BankRegisters): Stage1Context {
  const sctlr = bank.registers[CB.SCTLR >> 2];
  return {
    regime: stage1RegimeOf(bank, sctlr),
    ignoresAccessFlag: (sctlr & SCTLR.AFFD) !== 0,
    writeExecuteNever: (sctlr & SCTLR.WXN) !== 0,
    userWriteExecuteNever: (sctlr & SCTLR.UWXN) !== 0,
    privilegedAccessNever: false,
  };
}

/** Stage 2 as a bank's registers describe it (chapter 17). */
export function stage2Of(bank: BankRegisters): Stage2Context {
  const sctlr = bank.registers[CB.SCTLR >> 2];
  return {
    regime: stage2RegimeOfBank(bank, sctlr),
    ignoresAccessFlag: (sctlr & SCTLR.AFFD) !== 0,
    protectsTableWalks: (sctlr & SCTLR.PTW) !== 0,
  };
}

function stage1RegimeOf(bank: BankRegisters, sctlr: number): Stage1Regime {
  const { registers } = bank;
  const format = formatOf(bank, false);
  if ((sctlr & SCTLR.M) === 0) return flat(format, 32);
  const tcr = registers[CB.TCR >> 2];
  const bigEndianTables = (sctlr & SCTLR.E) !== 0;
  const bases = {
    ttbr0: registers[CB.TTBR0 >> 2],
    ttbr0High: registers[CB.TTBR0_HIGH >> 2],
    ttbr1: registers[CB.TTBR1 >> 2],
    ttbr1High: registers[CB.TTBR1_HIGH >> 2],
  };
  if (format === TableFormat.Short) {
    // 2.7.2: an SMMU has no domains, so that nobody looks at the walk's.
    const accessFlagEnable = (sctlr & SCTLR.AFE) !== 0;
    return { format: 'short', ...bases, ttbcr: tcr, accessFlagEnable, bigEndianTables, hasPxn: true };
  }
  if (format === TableFormat.Long) {
    return { format: 'long', ...bases, ttbcr: tcr, bigEndianTables, hasAddressSizeFault: true };
  }
  const tcr2 = registers[CB.TCR2 >> 2];
  return {
    format: 'aarch64',
    ...bases,
    tcr,
    // 1.6.4: bits above the sign's are none of an address.
    signBit: SEP_BIT[(tcr2 >>> TCR2.SEP_SHIFT) & 7],
    outputBits: Math.min(PASIZE_BITS[tcr2 & TCR2.PASIZE_MASK], OUTPUT_ADDRESS_BITS),
    bigEndianTables,
  };
}

function stage2RegimeOfBank(bank: BankRegisters, sctlr: number): Stage2Regime {
  const { registers } = bank;
  const format = formatOf(bank, true);
  if ((sctlr & SCTLR.M) === 0) return flat(format, OUTPUT_ADDRESS_BITS);
  const aarch64 = format === TableFormat.AArch64;
  const table = (registers[CB.TTBR0_HIGH >> 2] & TTBR_HIGH_ADDRESS) * 2 ** 32 + registers[CB.TTBR0 >> 2];
  const regime = stage2RegimeOf(registers[CB.TCR >> 2], table, {
    aarch64,
    addressBits: OUTPUT_ADDRESS_BITS,
    bigEndianTables: (sctlr & SCTLR.E) !== 0,
  });
  return regime === undefined
    ? { format: 'invalid', faultLevel: aarch64 ? 0 : 1 }
    : { format: 'stage2', ...regime };
}

/** Bits 47:32 of SMMU_CBn_TTBR0. */
const TTBR_HIGH_ADDRESS = 0xffff;

/** Without translation: input address checks (table 3-1) and the output address check (table 3-3). */
function flat(format: TableFormat, aarch32Bits: number): FlatRegime {
  return format === TableFormat.AArch64
    ? { format: 'flat', inputBits: OUTPUT_ADDRESS_BITS, fault: FaultKind.AddressSize, faultLevel: 0 }
    : { format: 'flat', inputBits: aarch32Bits, fault: FaultKind.Translation, faultLevel: 1 };
}
