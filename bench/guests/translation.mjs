/**
 * A guest that loads from many pages again and again, and may change its DACR between: what Linux does around every
 * kernel entry and user access. It makes its own table and ends with PSCI's SYSTEM_OFF, so that QEMU can run it, too.
 */
import { Assembler } from './assembler.mjs';
import { elf, LOAD_ADDRESS } from './bare-metal.mjs';

const RAM = 0x4000_0000;
const TRANSLATION_TABLE = 0x4030_0000;
const PAGES = 0x4080_0000;
const MEGABYTES = 16;
const NORMAL_SECTION = 0x1c0e;
const MIB = 0x10_0000;
const SYSTEM_OFF = 0x8400_0008;
const CLIENT = 1;
const CLIENTS_OF_TWO = 5;

/** Pages that a pass loads from, and instructions of a pass without those that change the DACR. */
export const pagesOfPass = 128;
export const dacrWritesOfPass = 16;

/**
 * @param {number} passes
 * @param {boolean} changes whether the DACR changes: otherwise the same value is moved to a register that nothing hangs on
 */
export function translationGuest(passes, changes) {
  const a = new Assembler();
  a.load(1, TRANSLATION_TABLE + (RAM / MIB) * 4);
  a.load(2, RAM + NORMAL_SECTION);
  a.load(3, MIB);
  a.load(4, 4);
  a.load(5, MEGABYTES);
  a.label('section');
  a.str(2, 1, 0);
  a.add(1, 1, 4);
  a.add(2, 2, 3);
  a.subtractAndTest(5, 5, 1);
  a.branchIfNotZero('section');
  a.load(0, TRANSLATION_TABLE);
  a.mcr(0, 0, 2, 0, 0); // TTBR0
  a.load(0, 0);
  a.mcr(0, 0, 2, 0, 2); // TTBCR
  a.load(6, CLIENT);
  a.load(7, CLIENTS_OF_TWO);
  a.mcr(0, 6, 3, 0, 0); // DACR
  a.mcr(0, 0, 8, 7, 0); // TLBIALL
  a.mrc(0, 0, 1, 0, 0);
  a.orrImmediate(0, 0, 1);
  a.mcr(0, 0, 1, 0, 0); // SCTLR.M
  a.isb();
  a.load(8, passes);
  a.load(3, 4096);
  a.label('pass');
  a.load(1, PAGES);
  for (let group = 0; group < dacrWritesOfPass; group++) {
    // DACR, or TPIDRURW, which is no part of any context.
    if (changes) a.mcr(0, group % 2 === 0 ? 7 : 6, 3, 0, 0);
    else a.mcr(0, group % 2 === 0 ? 7 : 6, 13, 0, 2);
    for (let page = 0; page < pagesOfPass / dacrWritesOfPass; page++) {
      a.ldr(2, 1, 0);
      a.add(1, 1, 3);
    }
  }
  a.subtractAndTest(8, 8, 1);
  a.branchIfNotZero('pass');
  a.load(0, SYSTEM_OFF);
  a.hvc();
  if (a.offset > TRANSLATION_TABLE - LOAD_ADDRESS) throw new Error('the guest reaches into its table');
  return elf(a.finish());
}
