import {
  armLoadMultiple,
  armStoreMultiple,
  loadMultipleExceptionReturn,
  loadMultipleUser,
  storeMultipleUser,
} from '../../lift/load-store-multiple.ts';
import { type RowList, row } from '../row.ts';

/** ARM DDI 0406C A5.5. PUSH A1 and POP A1 are STMDB and LDM of SP with write-back. */
export const A32_LOAD_STORE_MULTIPLE: RowList = [
  row('STMDA A1', 'cccc 100000W0 nnnn rrrrrrrrrrrrrrrr', armStoreMultiple('DA')),
  row('LDMDA A1', 'cccc 100000W1 nnnn rrrrrrrrrrrrrrrr', armLoadMultiple('DA')),
  row('STM A1', 'cccc 100010W0 nnnn rrrrrrrrrrrrrrrr', armStoreMultiple('IA')),
  row('LDM A1', 'cccc 100010W1 nnnn rrrrrrrrrrrrrrrr', armLoadMultiple('IA')),
  row('STMDB A1', 'cccc 100100W0 nnnn rrrrrrrrrrrrrrrr', armStoreMultiple('DB')),
  row('LDMDB A1', 'cccc 100100W1 nnnn rrrrrrrrrrrrrrrr', armLoadMultiple('DB')),
  row('STMIB A1', 'cccc 100110W0 nnnn rrrrrrrrrrrrrrrr', armStoreMultiple('IB')),
  row('LDMIB A1', 'cccc 100110W1 nnnn rrrrrrrrrrrrrrrr', armLoadMultiple('IB')),
  row('STM (user registers) A1', 'cccc 100PU1z0 nnnn rrrrrrrrrrrrrrrr', storeMultipleUser),
  row('LDM (user registers) A1', 'cccc 100PU1z1 nnnn 0rrrrrrrrrrrrrrr', loadMultipleUser),
  row('LDM (exception return) A1', 'cccc 100PU1W1 nnnn 1rrrrrrrrrrrrrrr', loadMultipleExceptionReturn),
];
