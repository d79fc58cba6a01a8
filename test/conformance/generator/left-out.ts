/** Why draws of some kind are not recorded. */
export interface LeftOut {
  /** What the manual (ARM DDI 0406C) or QEMU has to do with it. */
  readonly cause: 'UNPREDICTABLE' | 'IMPLEMENTATION DEFINED' | 'QEMU differs from the manual' | 'recorder';
  readonly section: string;
}

const unpredictable = (section: string): LeftOut => ({ cause: 'UNPREDICTABLE', section });
const qemu = (section: string): LeftOut => ({ cause: 'QEMU differs from the manual', section });
const recorder = (section: string): LeftOut => ({ cause: 'recorder', section });

/** What the generator draws again, by the lifter's words or its own, with the manual's section. */
export const LEFT_OUT: ReadonlyMap<string, LeftOut> = new Map([
  // The lifter's.
  ['R15 as an operand', unpredictable('A5.1.3, A8.1.5 and each instruction')],
  ['R13 as an operand', unpredictable('A6.1.3, BadReg')],
  ['should-be bits', unpredictable('A5.1.2')],
  ['a bit field beyond bit 31', unpredictable('A8.8.164 SBFX, A8.8.246 UBFX')],
  ['a bit field that ends before it begins', unpredictable('A8.8.19 BFC, A8.8.20 BFI')],
  ['two different fields for one register', unpredictable('A8.8.33 CLZ, A8.8.144 RBIT, A8.8.145 REV (T32)')],
  ['an empty register list', unpredictable('A8.8.58 LDM, A8.8.199 STM')],
  ['fewer than two registers', unpredictable('A8.8.58 LDM, A8.8.199 STM (T32)')],
  ['both LR and PC', unpredictable('A8.8.58 LDM (T32)')],
  ['write-back to a register loaded', unpredictable('A8.8.58 LDM')],
  ['write-back to a register stored', unpredictable('A8.8.199 STM (T32)')],
  ['the base stored after write-back', unpredictable('A8.8.199 STM: the value stored is UNKNOWN')],
  ['an odd first register', unpredictable('A8.8.72 LDRD, A8.8.210 STRD')],
  ['not a register pair', unpredictable('A8.8.76 LDREXD, A8.8.213 STREXD')],
  ['post-indexed with W', unpredictable('A8.8.72 LDRD, A8.8.210 STRD')],
  ['write-back to the PC', unpredictable('A8.8.62 to A8.8.89, A8.8.203 to A8.8.218')],
  ['write-back to the register transferred', unpredictable('A8.8.62 to A8.8.89, A8.8.203 to A8.8.218')],
  ['write-back to a register transferred', unpredictable('A8.8.72 LDRD, A8.8.210 STRD')],
  ['the index is a register loaded', unpredictable('A8.8.74 LDRD (register)')],
  ['the index of a preload', unpredictable('A8.8.128 PLD (register), A8.8.130 PLI (register)')],
  ['the same register twice', unpredictable('A8.8.72 LDRD, A8.8.109 MRRC')],
  ['the status register is an operand', unpredictable('A8.8.212 STREX')],
  ['the base is an operand', unpredictable('A8.8.229 SWP, SWPB')],
  ['both halves of the result in one register', unpredictable('A8.8.257 UMULL and kin')],
  ['both registers are low', unpredictable('A8.8.38 CMP (register) T2')],
  ['ADD PC, PC', unpredictable('A8.8.6 ADD (register, Thumb) T2')],
  ['SP from a shift other than LSL by 0 to 3', unpredictable('A8.8.10 ADD (SP plus register), A8.8.226')],
  ['a modified immediate constant that repeats a zero byte', unpredictable('A6.3.2')],
  ['a branch inside an IT block', unpredictable('A8.8.54 IT')],
  ['not permitted in an IT block', unpredictable('A8.8.54 IT')],
  ['an IT block of condition AL or 1111', unpredictable('A8.8.54 IT')],
  ['a condition on BKPT', unpredictable('A8.8.24 BKPT')],
  ['a condition on HVC', unpredictable('B9.3.4 HVC')],
  ['MSR of no field', unpredictable('B9.3.11 MSR')],
  ['a mask without imod', unpredictable('B9.3.2 CPS')],
  ['imod without a mask', unpredictable('B9.3.2 CPS')],
  ['a mode without M', unpredictable('B9.3.2 CPS')],
  ['nothing to change', unpredictable('B9.3.2 CPS')],
  // The lifter's, of VFP and Advanced SIMD.
  ['a list of registers that do not exist', unpredictable('A8.8.332 VLDM, A8.8.412 VSTM')],
  [
    'a list beyond D31',
    unpredictable('A8.8.320 to A8.8.331 VLD1 to VLD4, A8.8.404 to A8.8.411 VST1 to VST4'),
  ],
  ['a table beyond D31', unpredictable('A8.8.419 VTBL, VTBX')],
  ['an immediate of zero, shifted', unpredictable('A7.4.6, Table A7-15')],
  ['S32', unpredictable('A8.8.344 VMOV (two ARM core registers and two single-precision registers)')],
  ['a negative number of fraction bits', unpredictable('A8.8.308 VCVT (floating-point and fixed-point)')],
  ['a VFP system register that does not exist', unpredictable('B9.3.24 VMRS, B9.3.25 VMSR')],
  ['a write to an identification register', unpredictable('B9.3.25 VMSR')],
  // What depends on registers, modes and memory.
  ['BXWritePC to xx10', unpredictable('A2.3.1')],
  ['an SPSR in User or System mode', unpredictable('B1.3.3, B9.3.9 MRS, B9.3.16 SRS, B9.3.20 SUBS PC, LR')],
  ['a privileged instruction in User mode', unpredictable('B9.3.10 MRS (banked), B9.3.12, B9.3.13 RFE')],
  ['a banked register that the mode has no access to', unpredictable('B9.2.3')],
  ['a reserved mode', unpredictable('B1.3.1')],
  ['a PSR with a reserved mode', unpredictable('B1.3.1')],
  ['a PSR with J or reserved bits', unpredictable('A2.5.1: Jazelle and ThumbEE state are not there')],
  ['reserved bits of an SPSR', unpredictable('B1.3.3')],
  ['an exception return that QEMU has not', qemu('B9.3.20: only SUBS, MOVS and shifts return in QEMU')],
  ['an alignment of 32 bytes', qemu('A3.2.1, A8.8.320 VLD1: QEMU 7.2 checks for 16 bytes')],
  ['a load or store of coprocessor 9', qemu('A7.5: only 10 and 11 exist; QEMU 7.2 has VLDR.16 of ARMv8.2')],
  [
    'an exclusive store that aborts',
    qemu('A3.4.5 ExclusiveMonitorsPass: abort or monitor first is IMPLEMENTATION DEFINED'),
  ],
  ['a change of memory types', qemu('A3.2.1: QEMU 7.2 takes no alignment faults on Device memory')],
  // The recorder's.
  ['an access to the pages of the recorder', recorder('its vectors are mapped for privileged modes')],
  [
    'a jump into an instruction',
    recorder('its second half was not drawn as an instruction; should-be bits, A5.1.2'),
  ],
  ['a jump into the recorder', recorder('firmware/conformance')],
  ['never came to an end', recorder('a branch to itself, made of the PC and an operand')],
]);
