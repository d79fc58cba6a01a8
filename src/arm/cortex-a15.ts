import type { CoprocessorRegister } from './coprocessor.ts';
import { packCop } from './helpers.ts';
import { fp, id, mainId, RESERVED_IDS } from './id-registers.ts';
import { type CpuModel, Sctlr } from './system-registers.ts';

/** L2CTLR: the interrupt controller is there (ARM DDI 0438 4.3.51). */
const L2CTLR_GIC = 1 << 23;

const IMPLEMENTATION_REGISTERS: readonly CoprocessorRegister[] = [
  {
    name: 'L2CTLR',
    at: packCop(15, 1, 9, 0, 2),
    user: 'none',
    read: (c) => ((c.cpuCount - 1) << 24) | L2CTLR_GIC,
  },
  {
    name: 'L2ECTLR',
    at: packCop(15, 1, 9, 0, 3),
    user: 'none',
    read: (c) => c.regs.L2ECTLR,
    write: (c, value) => {
      c.regs.L2ECTLR = value;
    },
  },
];

/**
 * Cortex-A15 r4p0 as the `virt` board has it (ARM DDI 0438): without the Security and Virtualization Extensions'
 * modes. ID fields that would promise what is not there are changed and say so.
 */
export const cortexA15: CpuModel = {
  name: 'cortex-a15',
  features: {
    divide: true,
    genericTimer: true,
    lpae: true,
    virtualization: true,
    swp: true,
    fusedMultiplyAdd: true,
    gicSystemRegisters: false,
  },
  resetSctlr: 0x00c50078,
  pmcr: 0x410f0000,
  dbgdidr: 0x3515f021,
  cacheSizes: [0x701fe00a, 0x201fe00a, 0x711fe07a],
  writableSctlr:
    Sctlr.M |
    Sctlr.A |
    Sctlr.C |
    Sctlr.SW |
    Sctlr.Z |
    Sctlr.I |
    Sctlr.V |
    Sctlr.WXN |
    Sctlr.UWXN |
    Sctlr.EE |
    Sctlr.TRE |
    Sctlr.AFE |
    Sctlr.TE,
  idRegisters: new Map([
    ...mainId(0x414fc0f0),
    id(0, 0, 0, 1, 0x8444c004), // CTR
    id(0, 0, 0, 2, 0), // TCMTR
    id(0, 0, 0, 3, 0), // TLBTR
    id(0, 0, 0, 6, 0), // REVIDR
    id(0, 0, 1, 0, 0x00001131), // ID_PFR0
    id(0, 0, 1, 1, 0x00010001), // ID_PFR1: generic timer; no Security, no Virtualization Extensions
    id(0, 0, 1, 2, 0x02010505), // ID_DFR0: no Secure debug
    id(0, 0, 1, 3, 0), // ID_AFR0
    id(0, 0, 1, 4, 0x10201105), // ID_MMFR0: VMSAv7 with PXN and the Long-descriptor format
    id(0, 0, 1, 5, 0x20000000), // ID_MMFR1
    id(0, 0, 1, 6, 0x01240000), // ID_MMFR2
    id(0, 0, 1, 7, 0x02102211), // ID_MMFR3
    id(0, 0, 2, 0, 0x02101110), // ID_ISAR0
    id(0, 0, 2, 1, 0x13112111), // ID_ISAR1
    id(0, 0, 2, 2, 0x21232041), // ID_ISAR2
    id(0, 0, 2, 3, 0x11112131), // ID_ISAR3
    id(0, 0, 2, 4, 0x10011142), // ID_ISAR4
    id(0, 0, 2, 5, 0), // ID_ISAR5
    ...RESERVED_IDS,
    fp(0, 0x410430f0), // FPSID
    fp(7, 0x10110222), // MVFR0: VFPv4, 32 doubleword registers, no trapped exceptions, no short vectors
    fp(6, 0x11111111), // MVFR1: Advanced SIMD, half precision, fused multiply-add
    id(0, 1, 0, 1, 0x0a200023), // CLIDR
    id(0, 1, 0, 7, 0), // AIDR
  ]),
  implementationRegisters: IMPLEMENTATION_REGISTERS,
};
