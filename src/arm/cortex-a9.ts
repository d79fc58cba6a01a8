import { fp, id, mainId, RESERVED_IDS, withoutEffect } from './id-registers.ts';
import { type CpuModel, Sctlr } from './system-registers.ts';

/**
 * Cortex-A9 (ARM DDI 0388) with the values that `qemu-system-arm -cpu cortex-a9` has (read there by MRC and VMRS): no divide, no fused
 * multiply-add, no Large Physical Address Extension, no generic timer, no Virtualization Extensions. Without the
 * modes of the Security Extensions, which ID_PFR1 says; REVIDR is the manual's.
 */
export const cortexA9: CpuModel = {
  name: 'cortex-a9',
  features: {
    divide: false,
    genericTimer: false,
    lpae: false,
    virtualization: false,
    swp: true,
    fusedMultiplyAdd: false,
    gicSystemRegisters: false,
  },
  resetSctlr: 0x00c50078,
  writableSctlr:
    Sctlr.M |
    Sctlr.A |
    Sctlr.C |
    Sctlr.SW |
    Sctlr.Z |
    Sctlr.I |
    Sctlr.V |
    Sctlr.EE |
    Sctlr.TRE |
    Sctlr.AFE |
    Sctlr.TE,
  pmcr: 0x41090000,
  dbgdidr: 0x35141000,
  cacheSizes: [0xe00fe019, 0x200fe019],
  idRegisters: new Map([
    ...mainId(0x410fc090),
    id(0, 0, 0, 1, 0x80038003), // CTR
    id(0, 0, 0, 2, 0), // TCMTR
    id(0, 0, 0, 3, 0), // TLBTR
    id(0, 0, 0, 6, 0), // REVIDR
    id(0, 0, 1, 0, 0x00001031), // ID_PFR0
    id(0, 0, 1, 1, 0x00000001), // ID_PFR1: no Security Extensions
    id(0, 0, 1, 2, 0), // ID_DFR0
    id(0, 0, 1, 3, 0), // ID_AFR0
    id(0, 0, 1, 4, 0x00100103), // ID_MMFR0
    id(0, 0, 1, 5, 0x20000000), // ID_MMFR1
    id(0, 0, 1, 6, 0x01230000), // ID_MMFR2
    id(0, 0, 1, 7, 0x00002111), // ID_MMFR3
    id(0, 0, 2, 0, 0x00101111), // ID_ISAR0
    id(0, 0, 2, 1, 0x13112111), // ID_ISAR1
    id(0, 0, 2, 2, 0x21232041), // ID_ISAR2
    id(0, 0, 2, 3, 0x11112131), // ID_ISAR3
    id(0, 0, 2, 4, 0x00111142), // ID_ISAR4
    id(0, 0, 2, 5, 0), // ID_ISAR5
    ...RESERVED_IDS,
    fp(0, 0x41033090), // FPSID
    fp(7, 0x10110222), // MVFR0: VFPv3, 32 doubleword registers; no short vectors (ARM DDI 0409)
    fp(6, 0x01111111), // MVFR1: Advanced SIMD, half precision
    id(0, 1, 0, 1, 0x09000003), // CLIDR
    id(0, 1, 0, 7, 0), // AIDR
  ]),
  // ARM DDI 0388 4.3.
  implementationRegisters: [
    withoutEffect('PCR', 15, 0, 0, 0),
    withoutEffect('DIAGNOSTIC', 15, 0, 0, 1),
    withoutEffect('VCR', 15, 0, 0, 2),
    withoutEffect('TLB_LOCKDOWN', 10, 0, 0, 0),
    withoutEffect('TLB_READ', 15, 5, 4, 2),
    withoutEffect('TLB_WRITE', 15, 5, 4, 4),
    withoutEffect('TLB_VA', 15, 5, 5, 2),
    withoutEffect('TLB_PA', 15, 5, 6, 2),
    withoutEffect('TLB_ATTRIBUTES', 15, 5, 7, 2),
  ],
};
