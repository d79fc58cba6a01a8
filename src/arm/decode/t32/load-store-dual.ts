import { tableBranch } from '../../lift/branch.ts';
import {
  loadExclusive,
  loadExclusiveDual,
  storeExclusive,
  storeExclusiveDual,
} from '../../lift/exclusive.ts';
import { thumbDual, thumbDualLiteral } from '../../lift/load-store.ts';
import { thumbLoadMultiple, thumbStoreMultiple } from '../../lift/load-store-multiple.ts';
import { returnFromException, storeReturnState } from '../../lift/system.ts';
import { ordered, type RowList, row } from '../row.ts';

/** ARM DDI 0406C A6.3.5 and A6.3.6. PUSH T2 and POP T2 are STMDB and LDM of SP with write-back. */
export const T32_LOAD_STORE_DUAL: RowList = [
  row('STM T2', '1110100 010 W0 nnnn zMz rrrrrrrrrrrrr', thumbStoreMultiple('IA')),
  row('LDM T2', '1110100 010 W1 nnnn PMz rrrrrrrrrrrrr', thumbLoadMultiple('IA')),
  row('STMDB T1', '1110100 100 W0 nnnn zMz rrrrrrrrrrrrr', thumbStoreMultiple('DB')),
  row('LDMDB T1', '1110100 100 W1 nnnn PMz rrrrrrrrrrrrr', thumbLoadMultiple('DB')),
  row('SRS T1', '1110100 000 W0 oozo oozz zzzz zzz mmmmm', (l, f) =>
    storeReturnState(l, { ...f, P: 1, U: 0 }),
  ),
  row('RFE T1', '1110100 000 W1 nnnn oozz zzzz zzzz zzzz', (l, f) =>
    returnFromException(l, { ...f, P: 1, U: 0 }),
  ),
  row('SRS T2', '1110100 110 W0 oozo oozz zzzz zzz mmmmm', (l, f) =>
    storeReturnState(l, { ...f, P: 0, U: 1 }),
  ),
  row('RFE T2', '1110100 110 W1 nnnn oozz zzzz zzzz zzzz', (l, f) =>
    returnFromException(l, { ...f, P: 0, U: 1 }),
  ),
  ordered([
    row('STREX T1', '111010000100 nnnn tttt dddd iiiiiiii', storeExclusive(4)),
    row('LDREX T1', '111010000101 nnnn tttt oooo iiiiiiii', loadExclusive(4)),
    row('STREXB T1', '111010001100 nnnn tttt oooo 0100 dddd', storeExclusive(1)),
    row('STREXH T1', '111010001100 nnnn tttt oooo 0101 dddd', storeExclusive(2)),
    row('STREXD T1', '111010001100 nnnn tttt uuuu 0111 dddd', (l, f) => storeExclusiveDual(l, f, f.u)),
    row('TBB, TBH T1', '111010001101 nnnn oooo zzzz 000H mmmm', tableBranch),
    row('LDREXB T1', '111010001101 nnnn tttt oooo 0100 oooo', loadExclusive(1)),
    row('LDREXH T1', '111010001101 nnnn tttt oooo 0101 oooo', loadExclusive(2)),
    row('LDREXD T1', '111010001101 nnnn tttt uuuu 0111 oooo', (l, f) => loadExclusiveDual(l, f, f.u)),
    row('STRD (immediate) T1', '1110100 PU1W0 nnnn tttt uuuu iiiiiiii', thumbDual(false)),
    row('LDRD (literal) T1', '1110100 PU1W1 1111 tttt uuuu iiiiiiii', thumbDualLiteral),
    row('LDRD (immediate) T1', '1110100 PU1W1 nnnn tttt uuuu iiiiiiii', thumbDual(true)),
  ]),
];
