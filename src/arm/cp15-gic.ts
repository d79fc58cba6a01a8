import type { GicCpuInterface, IccRegister, IccSgiRegister } from '../ports/gic-cpu-interface.ts';
import type { CoprocessorContext, CoprocessorRegister, CoprocessorRegister64 } from './coprocessor.ts';
import { packCop } from './helpers.ts';
import type { CpuModel } from './system-registers.ts';

const ID_PFR1 = packCop(15, 0, 0, 1, 1);
/** ID_PFR1.GIC: system registers to a GICv3's CPU interface are there (IHI 0069 12.1.9). */
const ID_PFR1_GIC = 1 << 28;

/** A model with the system registers of a GICv3's CPU interface; a CPU of it must be given one. */
export function withGicSystemRegisters(model: CpuModel): CpuModel {
  const idRegisters = new Map(model.idRegisters);
  idRegisters.set(ID_PFR1, (idRegisters.get(ID_PFR1) ?? 0) | ID_PFR1_GIC);
  return { ...model, features: { ...model.features, gicSystemRegisters: true }, idRegisters };
}

function gicOf(c: CoprocessorContext): GicCpuInterface {
  return c.gic as GicCpuInterface;
}

type Access = 'readWrite' | 'readOnly' | 'writeOnly';

/** Acknowledging and enabling change what interrupts this CPU and others: at an exact instruction, as time does. */
function row(
  name: IccRegister,
  crn: number,
  crm: number,
  opc2: number,
  access: Access = 'readWrite',
): CoprocessorRegister {
  const at = packCop(15, 0, crn, crm, opc2);
  const read = (c: CoprocessorContext): number => (c.stepFirst() ? 0 : gicOf(c).read(name) | 0);
  const write = (c: CoprocessorContext, value: number): void => {
    if (!c.stepFirst()) gicOf(c).write(name, value >>> 0);
  };
  if (access === 'readOnly') return { name, at, user: 'none', read };
  return access === 'writeOnly' ? { name, at, user: 'none', write } : { name, at, user: 'none', read, write };
}

function sgi(name: IccSgiRegister, opc1: number): CoprocessorRegister64 {
  return {
    name,
    at: packCop(15, opc1, 0, 12, 0),
    user: 'none',
    write: (c, low, high) => {
      if (!c.stepFirst()) gicOf(c).write64(name, low >>> 0, high >>> 0);
    },
  };
}

/**
 * The CPU interface's registers without Hyp and Monitor mode's (IHI 0069 table 12-4). With 5 bits of priority there is one
 * register of active priorities for each group; the others are UNDEFINED (12.4.1).
 */
export function gicRegisters(): CoprocessorRegister[] {
  return [
    row('ICC_PMR', 4, 6, 0),
    row('ICC_IAR0', 12, 8, 0, 'readOnly'),
    row('ICC_EOIR0', 12, 8, 1, 'writeOnly'),
    row('ICC_HPPIR0', 12, 8, 2, 'readOnly'),
    row('ICC_BPR0', 12, 8, 3),
    row('ICC_AP0R0', 12, 8, 4),
    row('ICC_AP1R0', 12, 9, 0),
    row('ICC_DIR', 12, 11, 1, 'writeOnly'),
    row('ICC_RPR', 12, 11, 3, 'readOnly'),
    row('ICC_IAR1', 12, 12, 0, 'readOnly'),
    row('ICC_EOIR1', 12, 12, 1, 'writeOnly'),
    row('ICC_HPPIR1', 12, 12, 2, 'readOnly'),
    row('ICC_BPR1', 12, 12, 3),
    row('ICC_CTLR', 12, 12, 4),
    row('ICC_SRE', 12, 12, 5),
    row('ICC_IGRPEN0', 12, 12, 6),
    row('ICC_IGRPEN1', 12, 12, 7),
  ];
}

export function gicRegisters64(): CoprocessorRegister64[] {
  return [sgi('ICC_SGI1R', 0), sgi('ICC_ASGI1R', 1), sgi('ICC_SGI0R', 2)];
}
