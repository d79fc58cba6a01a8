import {
  LDR,
  LDRB,
  LDRH,
  LDRSB,
  LDRSH,
  narrowImmediate,
  narrowLiteral,
  narrowRegister,
  STR,
  STRB,
  STRH,
} from '../../lift/load-store.ts';
import {
  narrowLoadMultiple,
  narrowPop,
  narrowPush,
  narrowStoreMultiple,
} from '../../lift/load-store-multiple.ts';
import { type RowList, row } from '../row.ts';

/** ARM DDI 0406C A6.2.4, and PUSH, POP, STM and LDM of A6.2 and A6.2.5. */
export const T16_LOAD_STORE: RowList = [
  row('LDR (literal) T1', '01001 ttt iiiiiiii', narrowLiteral),
  row('STR (register) T1', '0101000 mmm nnn ttt', narrowRegister(STR)),
  row('STRH (register) T1', '0101001 mmm nnn ttt', narrowRegister(STRH)),
  row('STRB (register) T1', '0101010 mmm nnn ttt', narrowRegister(STRB)),
  row('LDRSB (register) T1', '0101011 mmm nnn ttt', narrowRegister(LDRSB)),
  row('LDR (register) T1', '0101100 mmm nnn ttt', narrowRegister(LDR)),
  row('LDRH (register) T1', '0101101 mmm nnn ttt', narrowRegister(LDRH)),
  row('LDRB (register) T1', '0101110 mmm nnn ttt', narrowRegister(LDRB)),
  row('LDRSH (register) T1', '0101111 mmm nnn ttt', narrowRegister(LDRSH)),
  row('STR (immediate) T1', '01100 iiiii nnn ttt', narrowImmediate(STR)),
  row('LDR (immediate) T1', '01101 iiiii nnn ttt', narrowImmediate(LDR)),
  row('STRB (immediate) T1', '01110 iiiii nnn ttt', narrowImmediate(STRB)),
  row('LDRB (immediate) T1', '01111 iiiii nnn ttt', narrowImmediate(LDRB)),
  row('STRH (immediate) T1', '10000 iiiii nnn ttt', narrowImmediate(STRH)),
  row('LDRH (immediate) T1', '10001 iiiii nnn ttt', narrowImmediate(LDRH)),
  row('STR (immediate) T2', '10010 ttt iiiiiiii', narrowImmediate(STR)),
  row('LDR (immediate) T2', '10011 ttt iiiiiiii', narrowImmediate(LDR)),
  row('PUSH T1', '1011010 M rrrrrrrr', narrowPush),
  row('POP T1', '1011110 P rrrrrrrr', narrowPop),
  row('STM T1', '11000 nnn rrrrrrrr', narrowStoreMultiple),
  row('LDM T1', '11001 nnn rrrrrrrr', narrowLoadMultiple),
];
