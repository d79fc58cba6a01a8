import { nzcvOfAdd } from '../flags.ts';
import { FlagKind } from './region-abi.ts';

const N_BIT = -0x80000000;
const Z_BIT = 0x40000000;
const CV_BITS = 0x30000000;

/** NZCV, in its place in the CPSR, of flags that a region left lazily: what the base module's `nzcv` is inside of regions. */
export function nzcvOfLazy(kind: number, nz: number, a: number, b: number): number {
  switch (kind) {
    case FlagKind.Raw:
      return a;
    case FlagKind.Difference:
      return nzcvOfAdd(a, ~b, 1);
    case FlagKind.Sum:
      return nzcvOfAdd(a, b, 0);
    case FlagKind.Sub:
      return nAndZ(nz) | (nzcvOfAdd(a, ~b, 1) & CV_BITS);
    case FlagKind.Add:
      return nAndZ(nz) | (nzcvOfAdd(a, b, 0) & CV_BITS);
    default:
      return nAndZ(nz) | a;
  }
}

function nAndZ(nz: number): number {
  return nz === 0 ? Z_BIT : nz & N_BIT;
}
