import type { IrValue } from './value.ts';

/** What an address is counted from, undefined for a constant one, and how far it is from there. */
export interface SplitAddress {
  readonly base: IrValue | undefined;
  readonly offset: number;
}

export function splitAddress(address: IrValue): SplitAddress {
  let base = address;
  let offset = 0;
  while (base.op === 'add' && base.args[1].op === 'const') {
    offset = (offset + base.args[1].imm) | 0;
    base = base.args[0];
  }
  return base.op === 'const' ? { base: undefined, offset: (offset + base.imm) | 0 } : { base, offset };
}
