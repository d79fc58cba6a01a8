/** Encodings of the few A32 instructions that the guests of the benchmarks are made of (ARM DDI 0406C A8.8). */

const ALWAYS = 0xe000_0000;
const NOT_EQUAL = 0x1000_0000;

/** A program under construction: instructions in order, and branches to labels. */
export class Assembler {
  #words = [];
  #labels = new Map();
  #branches = [];

  /** @returns {Uint32Array} the instructions, with every branch resolved */
  finish() {
    for (const { at, name } of this.#branches) {
      const target = this.#labels.get(name);
      if (target === undefined) throw new Error(`no label ${name}`);
      this.#words[at] |= (target - at - 2) & 0xff_ffff;
    }
    return Uint32Array.from(this.#words);
  }

  label(name) {
    this.#labels.set(name, this.#words.length);
  }

  /** Pads with branches to themselves up to a multiple of `bytes`. */
  align(bytes) {
    while ((this.#words.length * 4) % bytes !== 0) this.word(0xeaff_fffe);
  }

  /** Byte offset of the next instruction. */
  get offset() {
    return this.#words.length * 4;
  }

  word(word) {
    this.#words.push(word >>> 0);
  }

  /** MOVW and MOVT: any constant. */
  load(rd, value) {
    for (const [opcode, half] of [
      [0x0300_0000, value & 0xffff],
      [0x0340_0000, value >>> 16],
    ])
      this.word(ALWAYS | opcode | ((half >> 12) << 16) | (rd << 12) | (half & 0xfff));
  }

  ldr(rt, rn, offset) {
    this.word(ALWAYS | 0x0590_0000 | (rn << 16) | (rt << 12) | offset);
  }

  str(rt, rn, offset) {
    this.word(ALWAYS | 0x0580_0000 | (rn << 16) | (rt << 12) | offset);
  }

  add(rd, rn, rm) {
    this.word(ALWAYS | 0x0080_0000 | (rn << 16) | (rd << 12) | rm);
  }

  /** EOR with the second operand rotated right by 1 to 31. */
  eorRor(rd, rn, rm, amount) {
    this.word(ALWAYS | 0x0020_0060 | (amount << 7) | (rn << 16) | (rd << 12) | rm);
  }

  mul(rd, rn, rm) {
    this.word(ALWAYS | 0x0000_0090 | (rd << 16) | (rm << 8) | rn);
  }

  orrImmediate(rd, rn, byte) {
    this.word(ALWAYS | 0x0380_0000 | (rn << 16) | (rd << 12) | byte);
  }

  /** SUBS with a byte; the flags are for `branchIfNotZero`. */
  subtractAndTest(rd, rn, byte) {
    this.word(ALWAYS | 0x0250_0000 | (rn << 16) | (rd << 12) | byte);
  }

  branch(name) {
    this.#branches.push({ at: this.#words.length, name });
    this.word(ALWAYS | 0x0a00_0000);
  }

  branchIfNotZero(name) {
    this.#branches.push({ at: this.#words.length, name });
    this.word(NOT_EQUAL | 0x0a00_0000);
  }

  /** MCR p15. */
  mcr(op1, rt, crn, crm, op2) {
    this.word(ALWAYS | 0x0e00_0f10 | (op1 << 21) | (crn << 16) | (rt << 12) | (op2 << 5) | crm);
  }

  /** MRC p15. */
  mrc(op1, rt, crn, crm, op2) {
    this.word(ALWAYS | 0x0e10_0f10 | (op1 << 21) | (crn << 16) | (rt << 12) | (op2 << 5) | crm);
  }

  isb() {
    this.word(0xf57f_f06f);
  }

  /** CPSIE i. */
  enableIrq() {
    this.word(0xf108_0080);
  }

  wfi() {
    this.word(ALWAYS | 0x0320_f003);
  }

  /** HVC #0. */
  hvc() {
    this.word(ALWAYS | 0x0140_0070);
  }

  /** SUBS PC, LR, #4: return from an IRQ. */
  returnFromIrq() {
    this.word(ALWAYS | 0x025e_f004);
  }
}
