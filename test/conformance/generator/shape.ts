import { bankedRegisterOf, bankOf } from '../../../src/arm/modes.ts';
import { StateSlot } from '../../../src/arm/state.ts';
import type { IrValue } from '../../../src/translator/ir/value.ts';
import { codeAddress, type Poke, plausiblePsr } from '../arena.ts';
import { CODE, CODE_BYTES, HIGH_VECTORS, MODES, Mode, registerWord, VECTORS_ARM, W } from '../layout.ts';
import type { Random } from '../random.ts';
import { dataAddress, type Override } from '../vector.ts';
import { evaluate, registersIn } from './evaluate.ts';

/** A draw that says nothing about what a row can do: not counted as skipped. */
export const REDRAW = 'redraw';

/** Steers a vector's registers and memory, so that its instruction does something worth recording. */
export class Shaper {
  readonly overrides = new Map<number, number>();
  readonly pokes: Poke[] = [];
  /** Set when the values at hand make the instruction UNPREDICTABLE. */
  unpredictable = '';
  private readonly state: Uint32Array;
  private readonly random: Random;
  private readonly mode: number;

  constructor(state: Uint32Array, random: Random) {
    this.state = state;
    this.random = random;
    this.mode = state[W.CPSR]! & 0x1f;
  }

  get sortedOverrides(): readonly Override[] {
    return [...this.overrides].sort(([a], [b]) => a - b).map(([word, value]) => ({ word, value }));
  }

  set(word: number, value: number): void {
    this.overrides.set(word, value >>> 0);
  }

  setRegister(n: number, value: number): void {
    this.set(registerWord(this.mode, n), value);
  }

  readonly slot = (slot: number): number | undefined => {
    if (slot < StateSlot.PC) return this.word(registerWord(this.mode, slot)) | 0;
    if (slot === StateSlot.NZCV) return this.word(W.CPSR) & 0xf0000000;
    return undefined;
  };

  private word(word: number): number {
    return this.overrides.get(word) ?? this.state[word]!;
  }

  /** Moves the memory that an instruction touches into the data pages (most of the time). */
  memory(ops: readonly IrValue[], codeStart: number, codeEnd: number, aligned: boolean): void {
    const access = ops.find(({ op }) => /^(load|store|ldex|stex)/.test(op));
    if (access === undefined) return;
    const address = access.args[0]!;
    const registers = registersIn(address);
    if (registers.size === 0) this.literal(evaluate(address, this.slot), codeStart, codeEnd);
    else if (aligned || !this.random.chance(8)) this.steer(address, registers, this.target(aligned));
    if (isRecorders(evaluate(address, this.slot))) this.unpredictable = REDRAW;
  }

  /** Whether the memory that an instruction touches begins at a multiple of `bytes`, as far as that is known. */
  isAligned(ops: readonly IrValue[], bytes: number): boolean {
    const access = ops.find(({ op }) => /^(load|store|ldex|stex)/.test(op));
    const address = access === undefined ? undefined : evaluate(access.args[0]!, this.slot);
    return address !== undefined && (address & (bytes - 1)) === 0;
  }

  private target(aligned: boolean): number {
    const address = dataAddress(this.random);
    if (aligned) return address & ~15;
    const kind = this.random.below(10);
    if (kind < 4) return address & ~15;
    return kind < 7 ? address & ~3 : address;
  }

  /** A literal lies among the code, which is the same word throughout: gives it a value of its own. */
  private literal(address: number | undefined, codeStart: number, codeEnd: number): void {
    if (address === undefined) return;
    for (const at of [(address & ~3) >>> 0, ((address & ~3) + 4) >>> 0]) {
      const hitsCode = at + 4 > codeStart && at < codeEnd + 12;
      if (hitsCode || at < CODE || at >= CODE + CODE_BYTES) continue;
      const value = this.random.chance(50) ? codeAddress(this.random) : this.random.word();
      this.pokes.push({ address: at, value });
    }
  }

  /** Makes `value` come out as `target`, by the one of its registers that it grows with. */
  private steer(value: IrValue, registers: ReadonlySet<number>, target: number): boolean {
    const bases = [...registers].filter((n) => this.growsWith(value, n));
    if (bases.length === 0) return false;
    for (const n of registers) {
      if (!bases.includes(n) && this.random.chance(80)) this.setRegister(n, this.random.below(80));
    }
    const base = bases[0]!;
    for (const n of bases.slice(1)) {
      if (this.random.chance(80)) this.setRegister(n, this.random.below(160) - 40);
    }
    const now = evaluate(value, this.slot);
    if (now === undefined) return false;
    const before = this.slot(base)!;
    this.setRegister(base, before + target - now);
    return evaluate(value, this.slot) === (target | 0);
  }

  private growsWith(value: IrValue, register: number): boolean {
    const plus = (delta: number) =>
      evaluate(value, (slot) => {
        const known = this.slot(slot);
        return slot === register && known !== undefined ? (known + delta) | 0 : known;
      });
    const [a, b, c] = [plus(0), plus(8), plus(4096)];
    return a !== undefined && b === ((a + 8) | 0) && c === ((a + 4096) | 0);
  }

  /** Moves computed branch targets into the code pages (most of the time); refuses what BXWritePC cannot take. */
  branch(ops: readonly IrValue[], codeStart: number, codeEnd: number): void {
    for (const op of ops) {
      const isReturn = op.op === 'call' && op.helper?.name === 'exceptionReturn';
      if (op.op !== 'exitInterwork' && op.op !== 'exitJumpTo' && !isReturn) continue;
      const target = op.args[0]!;
      const registers = registersIn(target);
      if (registers.size > 0 && this.random.chance(85)) {
        let to = codeAddress(this.random);
        if (op.op === 'exitJumpTo') to &= ~3;
        this.steer(target, registers, to);
      }
      const now = evaluate(target, this.slot);
      const isOwn = now !== undefined && now >>> 0 >= codeStart - 4 && now >>> 0 < codeEnd;
      if (isOwn || isRecorders(now)) this.unpredictable = REDRAW;
      if (op.op === 'exitInterwork' && now !== undefined && (now & 3) === 2) {
        this.unpredictable = 'BXWritePC to xx10';
      }
    }
  }

  /** Values of status registers: a real mode, reserved bits zero; and the modes in which the manual allows them. */
  status(ops: readonly IrValue[]): void {
    const userOrSystem = this.mode === Mode.usr || this.mode === Mode.sys;
    for (const op of ops) {
      if (op.op !== 'call' || op.helper === undefined) continue;
      const { name } = op.helper;
      const needs = NEEDS[name];
      if (needs === 'SPSR' && userOrSystem) this.unpredictable = 'an SPSR in User or System mode';
      if (needs === 'privilege' && this.mode === Mode.usr)
        this.unpredictable = 'a privileged instruction in User mode';
      if (needs === 'privilege' && /Banked/.test(name)) this.checkBanked(evaluate(op.args[0]!, this.slot)!);
      if (name !== 'msrCpsr' && name !== 'msrSpsr' && name !== 'msrBanked') continue;
      const value = op.args[name === 'msrBanked' ? 1 : 0]!;
      for (const n of registersIn(value)) this.setRegister(n, plausiblePsr(this.random));
      this.checkPsr(name, evaluate(value, this.slot), op.args[1] && evaluate(op.args[1], this.slot));
    }
  }

  /** B9.2.3: a register that the current mode sees anyway, or that it may not see, is UNPREDICTABLE. */
  private checkBanked(encoding: number): void {
    const name = bankedRegisterOf(encoding);
    const own = bankOf(this.mode);
    const isFiq = this.mode === Mode.fiq;
    const valid =
      name !== undefined && (name.register === 'high' && name.bank === 0 ? isFiq : name.bank !== own);
    if (!valid) this.unpredictable = 'a banked register that the mode has no access to';
  }

  private checkPsr(name: string, value: number | undefined, mask: number | undefined): void {
    if (value === undefined) return;
    if (name === 'msrCpsr' && this.mode !== Mode.usr && (mask! & 1) !== 0 && !MODES.includes(value & 0x1f)) {
      this.unpredictable = 'a reserved mode';
    }
    if (name === 'msrSpsr' && (value & 0x01f00000) !== 0) this.unpredictable = 'reserved bits of an SPSR';
  }
}

const NEEDS: { readonly [helper: string]: 'SPSR' | 'privilege' } = {
  exceptionReturn: 'SPSR',
  mrsSpsr: 'SPSR',
  msrSpsr: 'SPSR',
  readUserRegister: 'SPSR',
  writeUserRegister: 'SPSR',
  readBankedSp: 'SPSR',
  returnFromException: 'privilege',
  mrsBanked: 'privilege',
  msrBanked: 'privilege',
};

/** Whether an access there could touch the recorder's own pages. */
export function isRecorders(address: number | undefined): boolean {
  if (address === undefined) return false;
  const near = (base: number, size: number): boolean => (address - base + 0x100) >>> 0 < size + 0x200;
  return near(HIGH_VECTORS, 0x1000) || near(VECTORS_ARM, 0x4000);
}
