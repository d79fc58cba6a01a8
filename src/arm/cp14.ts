import type { CoprocessorRegister } from './coprocessor.ts';
import { packCop } from './helpers.ts';

function raz(name: string, crn: number, crm: number, opc2: number, value = 0): CoprocessorRegister {
  return { name, at: packCop(14, 0, crn, crm, opc2), user: 'none', read: () => value, write: () => {} };
}

/** The debug registers that boot code looks at (C11): no breakpoints, no debugger, no double lock. */
export const debugRegisters: readonly CoprocessorRegister[] = [
  { name: 'DBGDIDR', at: packCop(14, 0, 0, 0, 0), user: 'none', read: () => 0x3515f021 },
  { name: 'DBGDRAR', at: packCop(14, 0, 1, 0, 0), user: 'none', read: () => 0 },
  { name: 'DBGDSAR', at: packCop(14, 0, 2, 0, 0), user: 'none', read: () => 0 },
  raz('DBGDSCRext', 0, 2, 2),
  raz('DBGOSDLR', 1, 3, 4),
  { name: 'DBGOSLAR', at: packCop(14, 0, 1, 0, 4), user: 'none', write: () => {} },
  { name: 'DBGOSLSR', at: packCop(14, 0, 1, 1, 4), user: 'none', read: () => 8 },
];
