import type { CoprocessorRegister } from './coprocessor.ts';
import { packCop } from './helpers.ts';

/** A register of a CPU model that never changes: where it is, and its value. */
export type IdRegister = readonly [at: number, value: number];

/** A register of coprocessor 15. */
export function id(crn: number, opc1: number, crm: number, opc2: number, value: number): IdRegister {
  return [packCop(15, opc1, crn, crm, opc2), value | 0];
}

/** A system register of VFP, by the number that VMRS has for it. */
export function fp(register: number, value: number): IdRegister {
  return [packCop(10, 7, register, 0, 0), value | 0];
}

/** MIDR and its aliases (ARM DDI 0406C B4.1.105). */
export function mainId(value: number): readonly IdRegister[] {
  return [0, 4, 7].map((opc2) => id(0, 0, 0, opc2, value));
}

/** The rest of the CPUID scheme's space reads as zero (ARM DDI 0406C B7.1.1): c2 6 and 7, c3 to c7. */
export const RESERVED_IDS: readonly IdRegister[] = [
  ...[6, 7].map((opc2) => id(0, 0, 2, opc2, 0)),
  ...[3, 4, 5, 6, 7].flatMap((crm) => [0, 1, 2, 3, 4, 5, 6, 7].map((opc2) => id(0, 0, crm, opc2, 0))),
];

/** A register of the implementation that has no effect here. */
export function withoutEffect(
  name: string,
  crn: number,
  opc1: number,
  crm: number,
  opc2: number,
): CoprocessorRegister {
  return { name, at: packCop(15, opc1, crn, crm, opc2), user: 'none', read: () => 0, write: () => {} };
}
