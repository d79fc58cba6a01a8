import type {
  CoprocessorContext,
  CoprocessorRegister,
  CoprocessorRegister64,
  UserAccess,
} from './coprocessor.ts';
import { performanceMonitors } from './cp15-performance.ts';
import { Cpacr } from './fp-permission.ts';
import { packCop } from './helpers.ts';
import { type CpuModel, type SystemRegisters, TTBCR_EAE } from './system-registers.ts';

type Word = {
  [K in keyof SystemRegisters]: SystemRegisters[K] extends number ? K : never;
}[keyof SystemRegisters];

/** A register that is stored and read back, in `mask` bits. */
function stored(
  name: Word,
  crn: number,
  opc1: number,
  crm: number,
  opc2: number,
  mask = -1,
  user: UserAccess = 'none',
): CoprocessorRegister {
  return {
    name,
    at: packCop(15, opc1, crn, crm, opc2),
    user,
    read: (c) => c.regs[name],
    write: (c, value) => {
      (c.regs as { [K in Word]: number })[name] = value & mask;
    },
  };
}

/** A maintenance operation without effect on this model: caches are not modelled, translations watch their pages. */
function nothing(
  name: string,
  crn: number,
  opc1: number,
  crm: number,
  opc2: number,
  user: UserAccess = 'none',
): CoprocessorRegister {
  return { name, at: packCop(15, opc1, crn, crm, opc2), user, write: () => {} };
}

function operation(
  name: string,
  crn: number,
  opc1: number,
  crm: number,
  opc2: number,
  write: (c: CoprocessorContext, value: number) => void,
): CoprocessorRegister {
  return { name, at: packCop(15, opc1, crn, crm, opc2), user: 'none', write };
}

/** Caches are not modelled, but an address that is not mapped faults all the same. */
function dataCacheByAddress(
  name: string,
  crn: number,
  opc1: number,
  crm: number,
  opc2: number,
): CoprocessorRegister {
  return operation(name, crn, opc1, crm, opc2, (c, va) => {
    // That there is nothing to do for the page's other lines, generated code sees by this.
    if (c.mmu.translateForMaintenance(va) >= 0) c.mmu.prepare(va, false);
  });
}

function readOnly(
  name: string,
  crn: number,
  opc1: number,
  crm: number,
  opc2: number,
  read: (c: CoprocessorContext) => number,
): CoprocessorRegister {
  return { name, at: packCop(15, opc1, crn, crm, opc2), user: 'none', read };
}

/** c8: TLB maintenance (B4.2.2). All forms of ITLB, DTLB and unified act on the one TLB there is. */
function tlbMaintenance(): CoprocessorRegister[] {
  const rows: CoprocessorRegister[] = [];
  for (const [crm, prefix, allCpus] of [
    [3, 'TLBI', true],
    [5, 'ITLBI', false],
    [6, 'DTLBI', false],
    [7, 'TLBI', false],
  ] as const) {
    const suffix = allCpus ? 'IS' : '';
    rows.push(operation(`${prefix}ALL${suffix}`, 8, 0, crm, 0, (c) => c.invalidateTlb(allCpus, undefined)));
    rows.push(operation(`${prefix}MVA${suffix}`, 8, 0, crm, 1, (c, va) => c.invalidateTlb(allCpus, va)));
    rows.push(
      operation(`${prefix}ASID${suffix}`, 8, 0, crm, 2, (c, asid) => c.invalidateAsid(allCpus, asid & 0xff)),
    );
    if (crm === 3 || crm === 7) {
      rows.push(operation(`${prefix}MVAA${suffix}`, 8, 0, crm, 3, (c, va) => c.invalidateTlb(allCpus, va)));
    }
  }
  return rows;
}

/** c7: cache maintenance, barriers and address translation (B4.2.1, B4.2.4). */
function cacheMaintenance(): CoprocessorRegister[] {
  return [
    // UNPREDICTABLE in ARMv7 (B4.2.5); on older implementations it waits for an interrupt.
    nothing('CP15WFI', 7, 0, 0, 4),
    operation('ICIALLUIS', 7, 0, 1, 0, (c) => c.invalidateInstructions(undefined)),
    nothing('BPIALLIS', 7, 0, 1, 6),
    stored('PAR', 7, 0, 4, 0),
    operation('ICIALLU', 7, 0, 5, 0, (c) => c.invalidateInstructions(undefined)),
    operation('ICIMVAU', 7, 0, 5, 1, (c, va) => c.invalidateInstructions(va)),
    nothing('CP15ISB', 7, 0, 5, 4, 'writeOnly'),
    nothing('BPIALL', 7, 0, 5, 6),
    nothing('BPIMVA', 7, 0, 5, 7),
    dataCacheByAddress('DCIMVAC', 7, 0, 6, 1),
    nothing('DCISW', 7, 0, 6, 2),
    operation('ATS1CPR', 7, 0, 8, 0, (c, va) => c.mmu.addressTranslate(va, false, true)),
    operation('ATS1CPW', 7, 0, 8, 1, (c, va) => c.mmu.addressTranslate(va, true, true)),
    operation('ATS1CUR', 7, 0, 8, 2, (c, va) => c.mmu.addressTranslate(va, false, false)),
    operation('ATS1CUW', 7, 0, 8, 3, (c, va) => c.mmu.addressTranslate(va, true, false)),
    dataCacheByAddress('DCCMVAC', 7, 0, 10, 1),
    nothing('DCCSW', 7, 0, 10, 2),
    nothing('CP15DSB', 7, 0, 10, 4, 'writeOnly'),
    nothing('CP15DMB', 7, 0, 10, 5, 'writeOnly'),
    dataCacheByAddress('DCCMVAU', 7, 0, 11, 1),
    nothing('PREFETCH', 7, 0, 13, 1),
    dataCacheByAddress('DCCIMVAC', 7, 0, 14, 1),
    nothing('DCCISW', 7, 0, 14, 2),
  ];
}

/** The fields of TTBCR in its two formats; the others are RAZ/WI (B4.1.153). */
const TTBCR_SHORT = 0x37;
const TTBCR_LONG = 0xffc73f87 | 0;

/** A 64-bit register whose low word MCR and MRC reach, too, without a change to the high one. */
function stored64(
  name: 'TTBR0' | 'TTBR1' | 'PAR',
  opc1: number,
  crm: number,
  highMask: number,
): CoprocessorRegister64 {
  const high = `${name}High` as const;
  return {
    name,
    at: packCop(15, opc1, 0, crm, 0),
    user: 'none',
    read: (c) => {
      c.setHighWord(c.regs[high]);
      return c.regs[name];
    },
    write: (c, low, value) => {
      c.regs[name] = low;
      c.regs[high] = value & highMask;
    },
  };
}

/** The 64-bit registers that come with the Large Physical Address Extension. */
export function longDescriptorRegisters(): CoprocessorRegister64[] {
  // ASID in bits 55:48, base address up to bit 39.
  const table = 0x00ff00ff;
  return [stored64('TTBR0', 0, 2, table), stored64('TTBR1', 1, 2, table), stored64('PAR', 0, 7, -1)];
}

/** Everything of cp15 but the timer: B3.17 in order of CRn. */
export function systemControlRegisters(model: CpuModel): CoprocessorRegister[] {
  const id = [...model.idRegisters].map(
    ([at, value]): CoprocessorRegister => ({
      name: `ID ${at.toString(16)}`,
      at,
      user: 'none',
      read: () => value,
    }),
  );
  return [
    ...id,
    readOnly('MPIDR', 0, 0, 0, 5, (c) => 0x80000000 | c.cpu),
    stored('CSSELR', 0, 2, 0, 0, 0xf),
    readOnly('CCSIDR', 0, 1, 0, 0, (c) => model.cacheSizes[c.regs.CSSELR] ?? 0),
    {
      name: 'SCTLR',
      at: packCop(15, 0, 1, 0, 0),
      user: 'none',
      read: (c) => c.regs.SCTLR,
      write: (c, value) => {
        c.regs.SCTLR = (value & model.writableSctlr) | (model.resetSctlr & ~model.writableSctlr);
      },
    },
    stored('ACTLR', 1, 0, 0, 1),
    // Coprocessors 10 and 11; there are no others, and no trace registers (B4.1.40).
    stored('CPACR', 1, 0, 0, 2, Cpacr.CP10 | Cpacr.CP11 | Cpacr.D32DIS | Cpacr.ASEDIS),
    stored('TTBR0', 2, 0, 0, 0),
    stored('TTBR1', 2, 0, 0, 1),
    {
      name: 'TTBCR',
      at: packCop(15, 0, 2, 0, 2),
      user: 'none',
      read: (c) => c.regs.TTBCR,
      write: (c, value) => {
        const long = model.features.lpae && (value & TTBCR_EAE) !== 0;
        c.regs.TTBCR = value & (long ? TTBCR_LONG : TTBCR_SHORT);
      },
    },
    stored('DACR', 3, 0, 0, 0),
    stored('DFSR', 5, 0, 0, 0),
    stored('IFSR', 5, 0, 0, 1),
    stored('ADFSR', 5, 0, 1, 0),
    stored('AIFSR', 5, 0, 1, 1),
    stored('DFAR', 6, 0, 0, 0),
    stored('IFAR', 6, 0, 0, 2),
    ...cacheMaintenance(),
    ...tlbMaintenance(),
    ...performanceMonitors(model),
    stored('PRRR', 10, 0, 2, 0),
    stored('NMRR', 10, 0, 2, 1),
    ...(model.features.lpae ? [stored('AMAIR0', 10, 0, 3, 0), stored('AMAIR1', 10, 0, 3, 1)] : []),
    stored('VBAR', 12, 0, 0, 0, ~31),
    readOnly('ISR', 12, 0, 1, 0, (c) => c.pendingInterrupts()),
    stored('FCSEIDR', 13, 0, 0, 0, 0),
    stored('CONTEXTIDR', 13, 0, 0, 1),
    stored('TPIDRURW', 13, 0, 0, 2, -1, 'readWrite'),
    stored('TPIDRURO', 13, 0, 0, 3, -1, 'read'),
    stored('TPIDRPRW', 13, 0, 0, 4),
    readOnly('CBAR', 15, 4, 0, 0, (c) => c.peripheralBase),
    ...model.implementationRegisters,
  ];
}
