import {
  armDualImmediate,
  armDualLiteral,
  armDualRegister,
  immediate,
  LDR,
  LDRB,
  LDRBT,
  LDRH,
  LDRHT,
  LDRSB,
  LDRSBT,
  LDRSH,
  LDRSHT,
  LDRT,
  literal,
  plainRegister,
  register,
  STR,
  STRB,
  STRBT,
  STRH,
  STRHT,
  STRT,
  unprivilegedImmediate,
  unprivilegedPlainRegister,
  unprivilegedRegister,
} from '../../lift/load-store.ts';
import { ordered, type RowList, row } from '../row.ts';

/**
 * ARM DDI 0406C A5.2.8, A5.2.9 and A5.3. PUSH A2 and POP A2, of one register, are STR and LDR (immediate) in all
 * they do.
 */
export const A32_LOAD_STORE: RowList = [
  ordered([
    row('STRT A1', 'cccc 0100 U 010 nnnn tttt iiiiiiiiiiii', unprivilegedImmediate(STRT)),
    row('STR (immediate) A1', 'cccc 010P U 0W0 nnnn tttt iiiiiiiiiiii', immediate(STR)),
  ]),
  ordered([
    row('STRT A2', 'cccc 0110 U 010 nnnn tttt iiiii yy 0 mmmm', unprivilegedRegister(STRT)),
    row('STR (register) A1', 'cccc 011P U 0W0 nnnn tttt iiiii yy 0 mmmm', register(STR)),
  ]),
  ordered([
    row('LDRT A1', 'cccc 0100 U 011 nnnn tttt iiiiiiiiiiii', unprivilegedImmediate(LDRT)),
    row('LDR (literal) A1', 'cccc 010P U 0W1 1111 tttt iiiiiiiiiiii', literal(LDR)),
    row('LDR (immediate) A1', 'cccc 010P U 0W1 nnnn tttt iiiiiiiiiiii', immediate(LDR)),
  ]),
  ordered([
    row('LDRT A2', 'cccc 0110 U 011 nnnn tttt iiiii yy 0 mmmm', unprivilegedRegister(LDRT)),
    row('LDR (register) A1', 'cccc 011P U 0W1 nnnn tttt iiiii yy 0 mmmm', register(LDR)),
  ]),
  ordered([
    row('STRBT A1', 'cccc 0100 U 110 nnnn tttt iiiiiiiiiiii', unprivilegedImmediate(STRBT)),
    row('STRB (immediate) A1', 'cccc 010P U 1W0 nnnn tttt iiiiiiiiiiii', immediate(STRB)),
  ]),
  ordered([
    row('STRBT A2', 'cccc 0110 U 110 nnnn tttt iiiii yy 0 mmmm', unprivilegedRegister(STRBT)),
    row('STRB (register) A1', 'cccc 011P U 1W0 nnnn tttt iiiii yy 0 mmmm', register(STRB)),
  ]),
  ordered([
    row('LDRBT A1', 'cccc 0100 U 111 nnnn tttt iiiiiiiiiiii', unprivilegedImmediate(LDRBT)),
    row('LDRB (literal) A1', 'cccc 010P U 1W1 1111 tttt iiiiiiiiiiii', literal(LDRB)),
    row('LDRB (immediate) A1', 'cccc 010P U 1W1 nnnn tttt iiiiiiiiiiii', immediate(LDRB)),
  ]),
  ordered([
    row('LDRBT A2', 'cccc 0110 U 111 nnnn tttt iiiii yy 0 mmmm', unprivilegedRegister(LDRBT)),
    row('LDRB (register) A1', 'cccc 011P U 1W1 nnnn tttt iiiii yy 0 mmmm', register(LDRB)),
  ]),

  ordered([
    row('STRHT A1', 'cccc 0000 U 110 nnnn tttt iiii 1011 iiii', unprivilegedImmediate(STRHT)),
    row('STRH (immediate) A1', 'cccc 000P U 1W0 nnnn tttt iiii 1011 iiii', immediate(STRH)),
  ]),
  ordered([
    row('STRHT A2', 'cccc 0000 U 010 nnnn tttt zzzz 1011 mmmm', unprivilegedPlainRegister(STRHT)),
    row('STRH (register) A1', 'cccc 000P U 0W0 nnnn tttt zzzz 1011 mmmm', plainRegister(STRH)),
  ]),
  ordered([
    row('LDRHT A1', 'cccc 0000 U 111 nnnn tttt iiii 1011 iiii', unprivilegedImmediate(LDRHT)),
    row('LDRH (literal) A1', 'cccc 000P U 1W1 1111 tttt iiii 1011 iiii', literal(LDRH)),
    row('LDRH (immediate) A1', 'cccc 000P U 1W1 nnnn tttt iiii 1011 iiii', immediate(LDRH)),
  ]),
  ordered([
    row('LDRHT A2', 'cccc 0000 U 011 nnnn tttt zzzz 1011 mmmm', unprivilegedPlainRegister(LDRHT)),
    row('LDRH (register) A1', 'cccc 000P U 0W1 nnnn tttt zzzz 1011 mmmm', plainRegister(LDRH)),
  ]),
  ordered([
    row('LDRSBT A1', 'cccc 0000 U 111 nnnn tttt iiii 1101 iiii', unprivilegedImmediate(LDRSBT)),
    row('LDRSB (literal) A1', 'cccc 000P U 1W1 1111 tttt iiii 1101 iiii', literal(LDRSB)),
    row('LDRSB (immediate) A1', 'cccc 000P U 1W1 nnnn tttt iiii 1101 iiii', immediate(LDRSB)),
  ]),
  ordered([
    row('LDRSBT A2', 'cccc 0000 U 011 nnnn tttt zzzz 1101 mmmm', unprivilegedPlainRegister(LDRSBT)),
    row('LDRSB (register) A1', 'cccc 000P U 0W1 nnnn tttt zzzz 1101 mmmm', plainRegister(LDRSB)),
  ]),
  ordered([
    row('LDRSHT A1', 'cccc 0000 U 111 nnnn tttt iiii 1111 iiii', unprivilegedImmediate(LDRSHT)),
    row('LDRSH (literal) A1', 'cccc 000P U 1W1 1111 tttt iiii 1111 iiii', literal(LDRSH)),
    row('LDRSH (immediate) A1', 'cccc 000P U 1W1 nnnn tttt iiii 1111 iiii', immediate(LDRSH)),
  ]),
  ordered([
    row('LDRSHT A2', 'cccc 0000 U 011 nnnn tttt zzzz 1111 mmmm', unprivilegedPlainRegister(LDRSHT)),
    row('LDRSH (register) A1', 'cccc 000P U 0W1 nnnn tttt zzzz 1111 mmmm', plainRegister(LDRSH)),
  ]),
  ordered([
    row('LDRD (literal) A1', 'cccc 000P U 1W0 1111 tttt iiii 1101 iiii', armDualLiteral),
    row('LDRD (immediate) A1', 'cccc 000P U 1W0 nnnn tttt iiii 1101 iiii', armDualImmediate(true)),
  ]),
  row('LDRD (register) A1', 'cccc 000P U 0W0 nnnn tttt zzzz 1101 mmmm', armDualRegister(true)),
  row('STRD (immediate) A1', 'cccc 000P U 1W0 nnnn tttt iiii 1111 iiii', armDualImmediate(false)),
  row('STRD (register) A1', 'cccc 000P U 0W0 nnnn tttt zzzz 1111 mmmm', armDualRegister(false)),
];
