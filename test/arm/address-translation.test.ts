import { expect, test } from 'vitest';
import * as a from './assembler.ts';
import { Bench, CODE } from './bench.ts';

const NOWHERE = 0x2000_0000;
/** Reads PAR into R1 after ATS1CPR of the address in R0. */
const TRANSLATE = [a.mcr(0, 7, 0, 8, 0), a.mrc(1, 7, 0, 4, 0), a.B_SELF];

test('ATS1CPR: an external abort of the walk is in PAR as in DFSR, ExT next to FS[4] (B4.1.112)', () => {
  const bench = new Bench();
  bench.mmuOn();
  bench.load(CODE, TRANSLATE);
  // Only addresses from 0x80000000 on are translated by TTBR1, whose table nobody has.
  bench.cpu.regs.TTBCR = 1;
  bench.cpu.regs.TTBR1 = NOWHERE;
  bench.jump(CODE);
  bench.set(0, 0x9000_0000);
  bench.run(2);
  const FS_EXTERNAL_FIRST_LEVEL = 0b01100;
  expect(bench.reg(1)).toBe((1 << 6) | (FS_EXTERNAL_FIRST_LEVEL << 1) | 1);
});
